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

from ..architecture import Architecture
from ..mathematics.activations import ACTIVATIONS
from ..mathematics.costs import COSTS, canonical_pair
from ..mathematics.layers import ActivationLayer, Affine, Dropout, Layer
from ..mathematics.names import listed, unknown
from ..mathematics.optimizers import OPTIMIZERS
from . import _core
from .protocol import Costs, Floats, Problem, Steps

__all__ = [
    "available_isas",
    "checker",
    "evaluate",
    "gradient",
    "isa",
    "lacks",
    "lacks_cost",
    "lacks_layers",
    "name",
    "plan",
    "predictor",
    "run",
    "settings_of",
    "step",
    "sums",
    "threads_of",
]

name = "native"

_TABLES: dict[str, dict[str, tuple[str, ...]]] = _core.tables()
_NUMBERS = {
    table: {entry: i for i, entry in enumerate(entries)} for table, entries in _TABLES.items()
}
_ISAS: tuple[str, ...] = tuple(_core.available_isas())
# The core's memory and threads for a problem, for as long as the problem lives.
_cores: WeakKeyDictionary[Problem, tuple[str, Any]] = WeakKeyDictionary()


def settings_of(table: str) -> dict[str, tuple[str, ...]]:
    """Return settings by name of the core's ``"activations"``, ``"costs"`` or ``"optimizers"``."""
    return dict(_TABLES[table])


def available_isas() -> list[str]:
    """Return the instruction sets that both the processor and the core have, best first."""
    return list(_ISAS)


def isa() -> str:
    """Return the instruction set in use: the best one, or what ``CHAINRULE_ISA`` names.

    Raises ValueError if it names one that this processor or this build does not have.
    """
    wanted = os.environ.get("CHAINRULE_ISA")
    if not wanted:
        return _ISAS[0]
    if wanted not in _ISAS:
        raise unknown("instruction set in CHAINRULE_ISA", wanted, _ISAS)
    return wanted


def lacks(problem: Problem) -> str | None:
    """Say which part of the problem the core does not know; None if it knows all."""
    net = problem.architecture
    missing = lacks_layers(net)
    if missing is not None:
        return missing
    missing = lacks_cost(net)
    if missing is not None:
        return missing
    if not _known("optimizers", problem.optimizer, OPTIMIZERS):
        return f"optimizer {problem.optimizer.name!r}"
    if problem.rate_factors is not None or problem.decay_factors is not None:
        return "learning rates and decay by parameter group"
    return None


def _known(table: str, record: Any, entries: Any) -> bool:
    settings = _TABLES[table].get(record.name)
    return settings is not None and listed(record, entries) and tuple(record.settings) == settings


def run(problem: Problem, theta: Floats, state: Floats, steps: Steps) -> tuple[Costs, Costs]:
    """Take a step for each batch; see ``protocol.Engine.run``.

    Raises TypeError or ValueError for arrays of another dtype, shape or layout, read-only ones, and
    an order that names no row; nothing is copied or converted.
    """
    if steps.batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {steps.batch_size}")
    count = ceil(len(steps.order) / steps.batch_size)
    layers = len(problem.architecture.numbered)
    costs, squares = np.empty(count), np.empty((count, layers))
    taken = _core_of(problem).run(
        _writable("theta", theta),
        _writable("state", state),
        _array("order", steps.order),
        steps.batch_size,
        _array("rates", steps.rates),
        steps.first,
        costs,
        squares,
        threads_of(problem.threads),
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
    J: float = _core_of(problem).evaluate(
        _array("theta", theta), out, order, threads_of(problem.threads)
    )
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
        threads_of(problem.threads),
    )
    return found


def step(
    problem: Problem, theta: Floats, state: Floats, dtheta: Floats, rate: float, number: int
) -> Costs:
    """Take a step from a gradient; see ``reference.step``."""
    squares = np.empty(len(problem.architecture.numbered))
    _core_of(problem).step(
        _writable("theta", theta),
        _writable("state", state),
        _writable("dtheta", dtheta),
        rate,
        number,
        squares,
        threads_of(problem.threads),
    )
    return squares


def plan(problem: Problem, batch_size: int, threads: int = 1, *, train: bool = True) -> list[str]:
    """Return which way a run goes through the core, in words: the schedule, then each layer.

    For training in batches of ``batch_size`` on this many threads, or for J and its gradient over
    so many rows where ``train`` is False. src/core/plan.hpp says what the words mean.
    """
    schedule, layers = _core_of(problem).plan(batch_size, threads, train, gradient=True)
    kinds = ("forward", "backward", "gradient", "update")
    return [f"schedule {schedule}"] + [
        f"layer {l}: " + ", ".join(f"{kind} {way}" for kind, way in zip(kinds, ways, strict=True))
        for l, ways in enumerate(layers, 1)
    ]


def lacks_layers(architecture: Architecture) -> str | None:
    """Say which layer or activation the core does not know; None if it knows all.

    It knows affine layers, each with its activation and then dropout, if any.
    """
    below: Layer | None = None
    for layer in architecture.layers:
        if isinstance(layer, ActivationLayer):
            if not _known("activations", layer.f, ACTIVATIONS):
                return f"activation {layer.f.name!r}"
        elif not isinstance(layer, Affine | Dropout):
            return f"layer {layer.kind!r}"
        follows = isinstance(below, Affine) == isinstance(layer, ActivationLayer)
        if not follows or (isinstance(below, Dropout) and isinstance(layer, Dropout)):
            return f"layer {layer.kind!r} after {'the inputs' if below is None else below.kind!r}"
        below = layer
    return None


def lacks_cost(architecture: Architecture) -> str | None:
    """Name the cost if the core does not know it."""
    return None if _known("costs", architecture.cost, COSTS) else f"cost {architecture.cost.name!r}"


def predictor(architecture: Architecture, theta: Floats, threads: int | None) -> Any:
    """Return ``f(X, out=None)``, the outputs a^L with these parameters, which are not copied.

    For a network of which ``lacks_layers`` says None.
    """
    return _core.Predictor(
        isa(), _layers(architecture), _array("theta", theta), threads_of(threads)
    )


def checker(architecture: Architecture, stages: list[tuple[Any, ...]], Y: Floats) -> Any:
    """Return the numerical check's view of cached passes in float64; see ``gradcheck.native``.

    ``stages``: (W^T, b, z, a, mask or None, kinked, bends) of each numbered layer; Y (m, n_L) is
    smoothed already. For a network of which ``lacks_layers`` and ``lacks_cost`` say None.
    """
    activations = [layer[2:4] for layer in _layers(architecture)]
    passes = [
        (*(None if x is None else _array("a stage", x) for x in stage[:5]), *activation, *stage[5:])
        for stage, activation in zip(stages, activations, strict=True)
    ]
    cost = architecture.cost
    jumps = ([float(d) for d in places] for places in (cost.kinks, cost.bends))
    return _core.Checker(isa(), passes, _array("Y", Y), _cost(architecture), *jumps)


def _core_of(problem: Problem) -> Any:
    level = isa()
    found = _cores.get(problem)
    if found is None or found[0] != level:
        found = (level, _new_core(problem, level))
        _cores[problem] = found
    return found[1]


def _new_core(problem: Problem, level: str) -> Any:
    net, optimizer = problem.architecture, problem.optimizer
    return _core.Core(
        level,
        _layers(net),
        _input_rate(net),
        _cost(net),
        float(net.l1),
        float(net.l2),
        int(net.seed),
        (*_entry("optimizers", optimizer), len(optimizer.slots)),
        float(problem.clip_value or 0.0),
        float(problem.clip_norm or 0.0),
        _array("X", problem.X),
        _array("Y", problem.Y),
        None if problem.weights is None else _array("weights", problem.weights),
    )


def _entry(table: str, record: Any) -> tuple[int, tuple[float, ...]]:
    """Return a record as the core takes it: its number in the core's table, and its settings."""
    return _NUMBERS[table][record.name], tuple(float(value) for value in record.settings.values())


def _cost(architecture: Architecture) -> tuple[int, tuple[float, ...], bool]:
    """Return the cost as the core takes it: (number, settings, whether from z)."""
    canonical = canonical_pair(architecture.activations[-1], architecture.cost) is not None
    return *_entry("costs", architecture.cost), canonical


def _input_rate(architecture: Architecture) -> float:
    first = architecture.layers[0]
    return first.rate if isinstance(first, Dropout) else 0.0


def _layers(architecture: Architecture) -> list[tuple[Any, ...]]:
    """Return each layer as the core takes it: (n_in, n_out, f, settings of f, dropout)."""
    return [
        (
            view.affine.n_in,
            view.affine.n_out,
            *_entry("activations", view.activation),
            view.dropout,
        )
        for view in architecture.numbered
    ]


def threads_of(threads: int | None) -> int:
    """Return the threads asked for, here or in the environment; 0 leaves it to the core."""
    if threads is not None:
        return int(threads)
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
