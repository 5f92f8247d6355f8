"""The native engine: the C++ core behind the engine protocol.

Importing this module raises ImportError where the core was not built. What the core knows is one
list, src/core/tables.hpp: names and settings come from there, and a record that is not the table's
own entry is one that the core lacks. ``CHAINRULE_ISA`` names the instruction set to use,
``CHAINRULE_THREADS`` the number of threads where a problem does not say.
"""

from __future__ import annotations

import os
from math import ceil
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from ..mathematics.activations import ACTIVATIONS
from ..mathematics.costs import COSTS, canonical_pair
from ..mathematics.layers import Dense, Dropout
from ..mathematics.names import listed, unknown
from ..mathematics.optimizers import OPTIMIZERS
from ..network import Network
from . import _core
from .protocol import Costs, Floats, Problem

__all__ = [
    "available_isas",
    "evaluate",
    "gradient",
    "isa",
    "lacks",
    "name",
    "predict",
    "run",
    "settings_of",
    "step",
    "sums",
]

name = "native"

_TABLES: dict[str, dict[str, tuple[str, ...]]] = _core.tables()
_NUMBERS = {
    table: {entry: i for i, entry in enumerate(entries)} for table, entries in _TABLES.items()
}
# The core's memory and threads for a problem, for as long as the problem lives.
_cores: WeakKeyDictionary[Problem, tuple[str, Any]] = WeakKeyDictionary()


def settings_of(table: str) -> dict[str, tuple[str, ...]]:
    """Return settings by name of the core's ``"activations"``, ``"costs"`` or ``"optimizers"``."""
    return dict(_TABLES[table])


def available_isas() -> list[str]:
    """Return the instruction sets that both the processor and the core have, best first."""
    return list(_core.available_isas())


def isa() -> str:
    """Return the instruction set in use: the best one, or what ``CHAINRULE_ISA`` names.

    Raises ValueError if it names one that this processor or this build does not have.
    """
    wanted = os.environ.get("CHAINRULE_ISA")
    known = available_isas()
    if not wanted:
        return known[0]
    if wanted not in known:
        raise unknown("instruction set in CHAINRULE_ISA", wanted, known)
    return wanted


def lacks(problem: Problem) -> str | None:
    """Say which part of the problem the core does not know; None if it knows all."""
    net = problem.network
    for layer in net.layers:
        if isinstance(layer, Dense):
            if not _known("activations", layer.activation, ACTIVATIONS):
                return f"activation {layer.activation.name!r}"
        elif not isinstance(layer, Dropout):
            return f"layer {layer.kind!r}"
    if not _known("costs", net.cost, COSTS):
        return f"cost {net.cost.name!r}"
    if not _known("optimizers", problem.optimizer, OPTIMIZERS):
        return f"optimizer {problem.optimizer.name!r}"
    return None


def _known(table: str, record: Any, entries: Any) -> bool:
    settings = _TABLES[table].get(record.name)
    return settings is not None and listed(record, entries) and tuple(record.settings) == settings


def run(
    problem: Problem,
    theta: Floats,
    state: Floats,
    order: npt.NDArray[np.int64],
    batch_size: int,
    rates: npt.NDArray[np.float64],
    first_step: int,
) -> tuple[Costs, Costs]:
    """Take a step for each batch; see ``protocol.Engine.run``.

    Raises TypeError or ValueError for arrays of another dtype, shape or layout, read-only ones, and
    an order that names no row; nothing is copied or converted.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    steps = ceil(len(order) / batch_size)
    layers = sum(isinstance(layer, Dense) for layer in problem.network.layers)
    costs, squares = np.empty(steps), np.empty((steps, layers))
    taken = _core_of(problem).run(
        _writable("theta", theta),
        _writable("state", state),
        _array("order", order),
        batch_size,
        _array("rates", rates),
        first_step,
        costs,
        squares,
        _threads(problem),
    )
    return costs[:taken], squares[:taken]


def evaluate(problem: Problem, theta: Floats, dtheta: Floats | None = None) -> float:
    """Return J over all rows and its gradient; see ``protocol.Engine.evaluate``."""
    return gradient(problem, theta, dtheta, None)


def gradient(
    problem: Problem,
    theta: Floats,
    dtheta: Floats | None,
    rows: npt.NDArray[np.int64] | None,
) -> float:
    """Return J over the rows named (None: all) and, unless None, write its gradient into dtheta.

    No dropout and no clipping: the gradient of a batch as a flat vector (P,), for whoever adds up
    gradients from several places.
    """
    out = None if dtheta is None else _writable("dtheta", dtheta)
    order = None if rows is None else _array("rows", rows)
    J: float = _core_of(problem).evaluate(_array("theta", theta), out, order, _threads(problem))
    return J


def sums(
    problem: Problem,
    theta: Floats,
    rows: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    step: int | None,
    dtheta: Floats,
) -> float:
    """Return the sum of J over some rows and its gradient; see ``reference.sums``."""
    found: float = _core_of(problem).sums(
        _array("theta", theta),
        _writable("dtheta", dtheta),
        _array("rows", rows),
        _array("places", places),
        -1 if step is None else step,
        _threads(problem),
    )
    return found


def step(
    problem: Problem, theta: Floats, state: Floats, dtheta: Floats, rate: float, number: int
) -> Costs:
    """Take a step from a gradient; see ``reference.step``."""
    squares = np.empty(sum(isinstance(layer, Dense) for layer in problem.network.layers))
    _core_of(problem).step(
        _writable("theta", theta),
        _writable("state", state),
        _writable("dtheta", dtheta),
        rate,
        number,
        squares,
        _threads(problem),
    )
    return squares


def predict(network: Network, X: Floats, theta: Floats | None = None) -> Floats:
    """Return the outputs a^L (m, n_L) of the rows of X (m, n_0), on the tiles that train."""
    dense = [layer for layer in network.layers if isinstance(layer, Dense)]
    outputs = np.empty((len(X), dense[-1].n_out), network.dtype)
    problem = Problem(network, X, outputs, None, OPTIMIZERS["gradient_descent"]())
    missing = lacks(problem)
    if missing is not None:
        raise ValueError(f"the native engine lacks {missing}: use network.predict")
    core = _core_of(problem)
    core.predict(network.theta if theta is None else theta, outputs, _threads(problem))
    return outputs


def _core_of(problem: Problem) -> Any:
    level = isa()
    found = _cores.get(problem)
    if found is None or found[0] != level:
        found = (level, _new_core(problem, level))
        _cores[problem] = found
    return found[1]


def _new_core(problem: Problem, level: str) -> Any:
    net, optimizer = problem.network, problem.optimizer
    dense = [layer for layer in net.layers if isinstance(layer, Dense)]
    rates = {layer.place: layer.rate for layer in net.layers if isinstance(layer, Dropout)}
    layers = [
        (
            layer.n_in,
            layer.n_out,
            _NUMBERS["activations"][layer.activation.name],
            float(next(iter(layer.activation.settings.values()), 0.0)),
            float(rates.get(place, 0.0)),
        )
        for place, layer in enumerate(dense, 1)
    ]
    canonical = canonical_pair(dense[-1].activation, net.cost) is not None
    setting = float(next(iter(net.cost.settings.values()), 0.0))
    return _core.Core(
        level,
        layers,
        float(rates.get(0, 0.0)),
        (_NUMBERS["costs"][net.cost.name], setting, canonical),
        float(net.l1),
        float(net.l2),
        int(net.seed),
        (
            _NUMBERS["optimizers"][optimizer.name],
            tuple(float(value) for value in optimizer.settings.values()),
            len(optimizer.slots),
        ),
        float(problem.clip_value or 0.0),
        float(problem.clip_norm or 0.0),
        _array("X", problem.X),
        _array("Y", problem.Y),
        None if problem.weights is None else _array("weights", problem.weights),
    )


def _threads(problem: Problem) -> int:
    """Return the threads asked for; 0 leaves it to the core's cost model."""
    if problem.threads is not None:
        return int(problem.threads)
    text = os.environ.get("CHAINRULE_THREADS", "")
    if not text:
        return 0
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"CHAINRULE_THREADS must be a whole number from 1, not {text!r}")
    return int(text)


def _array(name: str, array: Any) -> Any:
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} must be a NumPy array, not {type(array).__name__}")
    if not array.flags.c_contiguous:
        raise ValueError(f"{name} must be C-contiguous: pass numpy.ascontiguousarray({name})")
    return array


def _writable(name: str, array: Any) -> Any:
    if not _array(name, array).flags.writeable:
        raise ValueError(f"{name} is read-only, and the engine changes it in place: pass a copy")
    return array
