"""The native engine: the C++ core behind the engine protocol.

Importing this module raises ImportError where the core was not built. ``lowering`` says what the
core knows, and how it takes a network. ``CHAINRULE_ISA`` names the instruction set to use,
``CHAINRULE_THREADS`` the number of threads where a problem does not say.
"""

from __future__ import annotations

import os
import threading
from math import ceil
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from ..architecture import Architecture
from ..mathematics.names import unknown
from ..mathematics.optimizers import OPTIMIZERS
from ..typing import Floats, Rows
from . import _core
from .lowering import (
    Lowered,
    entry,
    knows,
    lacks_cost,
    lacks_layers,
    lower,
    lower_cost,
    settings_of,
)
from .protocol import Costs, Problem, Steps

__all__ = [
    "available_isas",
    "checker",
    "evaluate",
    "gradient",
    "isa",
    "lacks",
    "lacks_cost",
    "lacks_layers",
    "lower",
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

_ISAS: tuple[str, ...] = tuple(_core.available_isas())


class _Prepared(NamedTuple):
    """The core's memory and threads for a problem, its instruction set, the names of its ops."""

    level: str
    core: Any
    ops: list[str]


# For as long as the problem lives.
_prepared: WeakKeyDictionary[Problem, _Prepared] = WeakKeyDictionary()


def available_isas() -> list[str]:
    """Return the instruction sets that both the processor and the core have, best first."""
    return list(_ISAS)


def isa() -> str:
    """Return the instruction set in use: the best one, or what ``CHAINRULE_ISA`` names.

    Raises ValueError if it names one that this processor or this build does not have.
    """
    level = os.environ.get("CHAINRULE_ISA")
    if not level:
        return _ISAS[0]
    if level not in _ISAS:
        raise unknown("instruction set in CHAINRULE_ISA", level, _ISAS)
    return level


def lacks(problem: Problem) -> str | None:
    """Return which part of the problem the core lacks; None if it has all."""
    net = problem.architecture
    missing = lacks_layers(net)
    if missing is not None:
        return missing
    missing = lacks_cost(net)
    if missing is not None:
        return missing
    if not knows("optimizers", problem.optimizer, OPTIMIZERS):
        return f"optimizer {problem.optimizer.name!r}"
    if problem.rate_factors is not None or problem.decay_factors is not None:
        return "learning rates and decay by parameter group"
    return None


def run(problem: Problem, theta: Floats, state: Floats, steps: Steps) -> tuple[Costs, Costs]:
    """Take a step for each batch; see ``protocol.Engine.run``.

    Raises TypeError or ValueError for arrays of another dtype, shape or layout, read-only ones, and
    an order that names no row; nothing is copied or converted.
    """
    if steps.batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {steps.batch_size}")
    count = ceil(len(steps.order) / steps.batch_size)
    prepared = _prepare(problem)
    costs, squares = np.empty(count), np.empty((count, len(prepared.ops)))
    steps_taken = prepared.core.run(
        _writable("theta", theta),
        _writable("state", state),
        _array("order", steps.order),
        steps.batch_size,
        _array("rates", steps.rates),
        steps.first,
        costs,
        squares,
        threads_of(problem.threads),
        steps.stop,
    )
    return costs[:steps_taken], squares[:steps_taken]


def evaluate(problem: Problem, theta: Floats, dtheta: Floats | None = None) -> float:
    """Return J over all rows and its gradient; see ``protocol.Engine.evaluate``."""
    return gradient(problem, theta, dtheta, None)


def gradient(
    problem: Problem,
    theta: Floats,
    dtheta: Floats | None,
    rows: Rows | None,
) -> float:
    """Return J over the rows named (None: all) and, unless None, write its gradient into dtheta.

    No dropout and no clipping: the gradient of a batch as a flat vector (P,), for those who add up
    gradients from several places.
    """
    out = None if dtheta is None else _writable("dtheta", dtheta)
    order = None if rows is None else _array("rows", rows)
    # Only the main thread hears signals, and a pass can take long.
    stop = None if threading.current_thread() is not threading.main_thread() else _on
    J: float = _prepare(problem).core.evaluate(
        _array("theta", theta), out, order, threads_of(problem.threads), stop
    )
    return J


def _on() -> bool:
    """Say that a pass is to go on: what ends it is the exception of a signal's handler."""
    return False


def sums(
    problem: Problem,
    theta: Floats,
    rows: Rows,
    places: Rows,
    step: int | None,
    dtheta: Floats,
) -> float:
    """Return the sum of J over some rows and its gradient; see ``reference.sums``."""
    total: float = _prepare(problem).core.sums(
        _array("theta", theta),
        _writable("dtheta", dtheta),
        _array("rows", rows),
        _array("places", places),
        -1 if step is None else step,
        threads_of(problem.threads),
    )
    return total


def step(
    problem: Problem, theta: Floats, state: Floats, dtheta: Floats, rate: float, number: int
) -> Costs:
    """Take a step from a gradient; see ``reference.step``."""
    prepared = _prepare(problem)
    squares = np.empty(len(prepared.ops))
    prepared.core.step(
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
    """Return which way a run goes through the core, in words: the schedule, then each op.

    For training in batches of ``batch_size`` on this many threads, or for J and its gradient over
    so many rows where ``train`` is False. src/core/plan.hpp says what the words mean.
    """
    prepared = _prepare(problem)
    schedule, layers = prepared.core.plan(batch_size, threads, train, gradient=True)
    passes = ("forward", "backward", "gradient", "update")
    return [f"schedule {schedule}"] + [
        f"{name}: " + ", ".join(f"{one} {way}" for one, way in zip(passes, ways, strict=True))
        for name, ways in zip(prepared.ops, layers, strict=True)
    ]


def predictor(architecture: Architecture, theta: Floats, threads: int | None) -> Any:
    """Return ``f(X, out=None)``, the outputs a^L with these parameters, which are not copied.

    For a network of which ``lacks_layers`` says None.
    """
    ops = lower(architecture).ops
    return _core.Predictor(isa(), ops, _array("theta", theta), threads_of(threads))


def checker(architecture: Architecture, stages: list[tuple[Any, ...]], Y: Floats) -> Any:
    """Return the numerical check's view of cached passes in float64; see ``gradcheck.native``.

    ``stages``: (W^T, b, z, a, mask or None, kinked, bends) of each numbered layer; Y (m, n_L) is
    smoothed already. For a network of which ``lacks_layers`` and ``lacks_cost`` say None.
    """
    activations = [(op.f, op.settings) for op in lower(architecture).ops]
    passes = [
        (*(None if x is None else _array("a stage", x) for x in stage[:5]), *activation, *stage[5:])
        for stage, activation in zip(stages, activations, strict=True)
    ]
    cost = architecture.cost
    jumps = ([float(d) for d in places] for places in (cost.kinks, cost.bends))
    return _core.Checker(isa(), passes, _array("Y", Y), lower_cost(architecture), *jumps)


def _prepare(problem: Problem) -> _Prepared:
    """Return the core for a problem and the instruction set in use, made when first asked for."""
    level = isa()
    prepared = _prepared.get(problem)
    if prepared is None or prepared.level != level:
        lowered = lower(problem.architecture)
        prepared = _Prepared(level, _new_core(problem, lowered, level), lowered.names)
        _prepared[problem] = prepared
    return prepared


def _new_core(problem: Problem, lowered: Lowered, level: str) -> Any:
    net, optimizer = problem.architecture, problem.optimizer
    return _core.Core(
        level,
        lowered.ops,
        lowered.input_rate,
        lower_cost(net),
        float(net.l1),
        float(net.l2),
        int(net.seed),
        (*entry("optimizers", optimizer), len(optimizer.slots)),
        float(problem.clip_value or 0.0),
        float(problem.clip_norm or 0.0),
        _array("X", problem.X),
        _array("Y", problem.Y),
        None if problem.weights is None else _array("weights", problem.weights),
    )


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
