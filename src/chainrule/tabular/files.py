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
    columns = tuple(int(j) for j in state["columns"])
    edges = tuple(arrays[f"edges.{i}"] for i in range(len(columns)))
    members = tuple(
        _member(i, configs, int(state["statistics"]), arrays)
        for i, configs in enumerate(state["networks"])
    )
    if not members or any(len(member.networks) != len(designs) for member in members):
        raise ValueError("the model's ensemble has members without a network of each design")
    low, high = arrays["range"].tolist()
    return TableEnsemble(
        task=state["task"],
        designs=designs,
        members=members,
        bins=Bins(columns, edges, arrays["bin_means"]),
        weights=arrays["weights"],
        temperature=float(state["temperature"]),
        low=low,
        high=high,
        residuals=arrays.get("residuals"),
    )


def _member(i: int, configs: Any, tables: int, arrays: Mapping[str, Floats]) -> Member:
    networks = []
    for j, config in enumerate(configs):
        theta = arrays[f"theta.{i}.{j}"]
        network = Network.from_config(config, theta)
        if network.dtype != theta.dtype:
            raise ValueError(f"network {j} of member {i} is of {network.dtype}, not {theta.dtype}")
        networks.append(network)
    statistics = tuple(arrays[f"statistics.{i}.{j}"] for j in range(tables))
    return Member(tuple(networks), TargetStatistics(statistics) if tables else None)
