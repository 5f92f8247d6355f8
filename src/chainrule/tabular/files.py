"""Ensembles as JSON values and arrays, for one model file and for pickles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..network import Network
from ..typing import Floats
from .bins import Bins
from .designs import Design
from .ensemble import Member, TableEnsemble
from .inputs import OUTPUTS
from .target_statistics import TargetStatistics

_DESIGN = ("name", "bins", "activation", "prior", "sparsity", "dropout")


def state_of(ensemble: TableEnsemble) -> tuple[dict[str, Any], dict[str, Floats]]:
    """Return an ensemble as JSON values and arrays, the parameters of each network as one array."""
    arrays: dict[str, Floats] = {
        "weights": ensemble.weights,
        "range": np.array([ensemble.low, ensemble.high]),
        "bin_means": ensemble.bins.means,
    }
    arrays |= {f"edges.{i}": beta for i, beta in enumerate(ensemble.bins.edges)}
    if ensemble.residuals is not None:
        arrays["residuals"] = ensemble.residuals
    for i, member in enumerate(ensemble.members):
        arrays |= {f"theta.{i}.{j}": net.theta for j, net in enumerate(member.networks)}
        if member.statistics is not None:
            tables = member.statistics.tables
            arrays |= {f"statistics.{i}.{j}": table for j, table in enumerate(tables)}
    first = ensemble.members[0]
    state = {
        "task": ensemble.task,
        "designs": [
            {**{name: getattr(d, name) for name in _DESIGN}, "hidden": list(d.hidden)}
            for d in ensemble.designs
        ],
        "networks": [[net.config() for net in m.networks] for m in ensemble.members],
        "columns": list(ensemble.bins.columns),
        "statistics": 0 if first.statistics is None else len(first.statistics.tables),
        "temperature": ensemble.temperature,
    }
    return state, arrays


def from_state(state: Any, arrays: Mapping[str, Floats]) -> TableEnsemble:
    """Build an ensemble from what ``state_of`` returned.

    Raises ValueError, in one sentence, for a state that is damaged or made by hand.
    """
    try:
        return _built(state, arrays)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"the model's ensemble is not sound: {error!r}") from None


def _built(state: Any, arrays: Mapping[str, Floats]) -> TableEnsemble:
    if state["task"] not in OUTPUTS:
        raise ValueError(f"the model's ensemble is for no known task: {state['task']!r:.60}")
    designs = tuple(Design(**{**d, "hidden": tuple(d["hidden"])}) for d in state["designs"])
    members = tuple(
        _member(i, configs, _count(state["statistics"]), arrays)
        for i, configs in enumerate(state["networks"])
    )
    if not members or any(len(member.networks) != len(designs) for member in members):
        raise ValueError("the model's ensemble has members without a network of each design")
    outputs, inputs = members[0].networks[0].sizes[-1], members[0].networks[0].sizes[0]
    if any(net.sizes[-1] != outputs for member in members for net in member.networks):
        raise ValueError("the model's ensemble has networks of different numbers of outputs")
    low, high = arrays["range"].tolist()
    if not low <= high:
        raise ValueError(f"the model's ensemble predicts from {low} to {high}")
    return TableEnsemble(
        task=state["task"],
        designs=designs,
        members=members,
        bins=_bins(state["columns"], inputs, arrays),
        weights=_array(arrays, "weights", len(designs)),
        temperature=_temperature(state["temperature"]),
        low=low,
        high=high,
        residuals=_array(arrays, "residuals", None) if "residuals" in arrays else None,
    )


def _array(arrays: Mapping[str, Floats], name: str, *shape: int | None) -> Floats:
    """Return an array of finite numbers of a shape; None is any length. Raises ValueError."""
    array = arrays[name]
    lengths = zip(array.shape, shape, strict=False)
    if array.ndim != len(shape) or any(n not in (None, m) for m, n in lengths):
        raise ValueError(f"the model's array {name!r} has the shape {array.shape}")
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        raise ValueError(f"the model's array {name!r} has a number that is not finite")
    return array


def _bins(columns: Any, inputs: int, arrays: Mapping[str, Floats]) -> Bins:
    """Return bins of columns in ascending order, each with edges in ascending order."""
    if not isinstance(columns, list) or not all(type(j) is int for j in columns):
        raise ValueError(f"the model's bins are of no list of columns: {columns!r:.60}")
    if sorted(set(columns)) != columns or (columns and not 0 <= columns[0] <= columns[-1] < inputs):
        raise ValueError("the model's bins are not of different columns in order")
    edges = tuple(_array(arrays, f"edges.{i}", None) for i in range(len(columns)))
    if any(len(beta) < 2 or (np.diff(beta) <= 0).any() for beta in edges):
        raise ValueError("the model's bins have edges that do not ascend")
    means = _array(arrays, "bin_means", None)
    if len(means) != sum(len(beta) - 1 for beta in edges) and columns:
        raise ValueError(f"the model's bins have {len(means)} means")
    return Bins(tuple(columns), edges, means)


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**31:
        raise ValueError(f"the model's ensemble has {value!r:.60} target statistics")
    return value


def _temperature(value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value < np.inf:
        raise ValueError(f"the model's temperature is {value!r:.60}")
    return float(value)


def _member(i: int, configs: Any, tables: int, arrays: Mapping[str, Floats]) -> Member:
    networks = []
    for j, config in enumerate(configs):
        theta = _array(arrays, f"theta.{i}.{j}", None)
        network = Network.from_config(config, theta)
        if network.dtype != theta.dtype:
            raise ValueError(f"network {j} of member {i} is of {network.dtype}, not {theta.dtype}")
        networks.append(network)
    statistics = tuple(
        _array(arrays, f"statistics.{i}.{j}", None, networks[0].sizes[-1] + 1)
        for j in range(tables)
    )
    return Member(tuple(networks), TargetStatistics(statistics) if tables else None)
