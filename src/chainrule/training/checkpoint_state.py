"""The state of a run as arrays and back: everything that the steps to come depend on.

Numbers are in arrays, which keep every bit and take NaN and infinity; names are in JSON. Arrays
that were read are checked against the run before they are used: a file may be made by hand.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from ..files.model import shapes_agree
from ..typing import Array
from .position import EpochSums, Position
from .run import Run

Arrays = Mapping[str, Array]

_COUNTS: Final = ("epoch", "done", "steps", "best_epoch", "waited", "stride", "begun")
_NUMBERS: Final = ("cost", "weight", "rate", "first_cost", "lowest", "mark", "seconds")
_LISTS: Final = ("cost", "validation_cost", "gradient_norm", "learning_rate", "seconds")
_METRICS: Final = ("metrics", "validation_metrics")


def packed(run: Run, at: Position) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return what a checkpoint holds beside the network: JSON values and arrays."""
    history, best, sums = run.history, run.best, at.sums
    begun = run.first_cost is not None
    seconds = time.monotonic() - run.start
    stopping = best.stopping
    counts = [at.epoch, at.done, sums.steps, best.epoch, stopping.waited, run.stride, int(begun)]
    first = run.first_cost or 0.0
    numbers = [sums.cost, sums.weight, at.rate, first, stopping.lowest, stopping.mark, seconds]
    arrays: dict[str, Array] = {
        "counts": np.array(counts, np.int64),
        "numbers": np.array(numbers, np.float64),
        "optimizer": at.state,
        "schedule": np.array(at.memory, np.float64),
        "squares": sums.squares,
        "best": np.stack([best.theta, best.start, best.previous]),
        "layer_gradient_norms": np.array(history.layer_gradient_norms).reshape(
            -1, sums.squares.size
        ),
        "snapshot_epochs": np.array([epoch for epoch, _ in history.snapshots], np.int64),
        "snapshots": np.array([theta for _, theta in history.snapshots], run.net.dtype).reshape(
            -1, run.net.theta.size
        ),
    }
    if at.average is not None:
        arrays["iterate"] = run.net.theta.copy()
    arrays |= {name: np.array(getattr(history, name), np.float64) for name in _LISTS}
    names: dict[str, list[str]] = {}
    for kind in _METRICS:
        values = getattr(history, kind)
        names[kind] = list(values)
        arrays[kind] = np.array(list(values.values()), np.float64).reshape(
            len(values), history.epochs if values else 0
        )
    return names, arrays


def unpack(run: Run, at: Position, theta: Array, names: Any, arrays: Arrays) -> None:
    """Restore run and position; ``theta`` is the checkpoint's network: averaged, if the run is.

    Raises ValueError, in one sentence, for arrays that do not fit.
    """
    counts, numbers = _checked(run, at, names, arrays)
    history, best = run.history, run.best
    at.epoch, at.done = counts["epoch"], counts["done"]
    at.state[...] = arrays["optimizer"]
    at.memory = tuple(arrays["schedule"].tolist())
    at.rate = numbers["rate"]
    if at.average is not None:
        at.average.theta[...] = theta
        theta = arrays["iterate"]
    run.net.theta = theta
    squares = arrays["squares"].copy()
    at.sums = EpochSums(squares, numbers["cost"], numbers["weight"], counts["steps"])
    run.first_cost = numbers["first_cost"] if counts["begun"] else None
    run.start = time.monotonic() - numbers["seconds"]
    run.stride = counts["stride"]
    for theta, stored in zip((best.theta, best.start, best.previous), arrays["best"], strict=True):
        theta[...] = stored
    best.epoch, best.stopping.waited = counts["best_epoch"], counts["waited"]
    best.stopping.lowest, best.stopping.mark = numbers["lowest"], numbers["mark"]
    for name in _LISTS:
        getattr(history, name)[:] = arrays[name].tolist()
    history.layer_gradient_norms[:] = arrays["layer_gradient_norms"].tolist()
    for kind in _METRICS:
        values = dict(zip(names[kind], arrays[kind].tolist(), strict=True))
        getattr(history, kind).update(values)
    epochs = arrays["snapshot_epochs"].tolist()
    history.snapshots[:] = [
        (epoch, theta.copy()) for epoch, theta in zip(epochs, arrays["snapshots"], strict=True)
    ]


def _checked(
    run: Run, at: Position, names: Any, arrays: Arrays
) -> tuple[dict[str, int], dict[str, float]]:
    """Check every shape, dtype and count; return the counts and the numbers by name."""
    if not isinstance(names, dict) or set(names) != set(_METRICS):
        raise ValueError("a checkpoint must name its metrics")
    if "counts" not in arrays or arrays["counts"].shape != (len(_COUNTS),):
        raise ValueError("its counts are missing")
    if arrays["counts"].dtype != np.int64 or (arrays["counts"] < 0).any():
        raise ValueError("its counts are not counts")
    counts = dict(zip(_COUNTS, arrays["counts"].tolist(), strict=True))
    expected = [metric.name for metric in run.plan.metrics] if counts["epoch"] else []
    validated = run.validation is not None
    there = {"metrics": expected * (not validated), "validation_metrics": expected * validated}
    if names != there:
        raise ValueError("its metrics are not those of the run")
    shapes_agree(arrays, _shapes(run, at, names, arrays, counts["epoch"]))
    numbers = dict(zip(_NUMBERS, arrays["numbers"].tolist(), strict=True))
    steps = run.batches.steps
    if counts["steps"] > steps or counts["done"] != counts["epoch"] * steps + counts["steps"]:
        raise ValueError(f"its position, step {counts['done']}, is none of {steps} steps an epoch")
    if counts["begun"] > 1 or counts["stride"] < 1 or counts["best_epoch"] > counts["epoch"]:
        raise ValueError("its counts contradict one another")
    state = [arrays[name] for name in ("optimizer", "best", "squares", "iterate") if name in arrays]
    if not all(np.isfinite(array).all() for array in state) or not numbers["seconds"] >= 0:
        raise ValueError("it holds numbers that are not finite")
    return counts, numbers


def _shapes(
    run: Run, at: Position, names: Any, arrays: Arrays, epochs: int
) -> dict[str, tuple[tuple[int, ...], Any]]:
    L, P, dtype = at.sums.squares.size, run.net.theta.size, run.net.dtype
    snapshots = arrays["snapshots"].shape[0] if "snapshots" in arrays else 0
    validated = epochs if run.validation is not None else 0
    shapes: dict[str, tuple[tuple[int, ...], Any]] = {
        "counts": ((len(_COUNTS),), np.int64),
        "numbers": ((len(_NUMBERS),), np.float64),
        "optimizer": (at.state.shape, dtype),
        "schedule": ((len(at.memory),), np.float64),
        "squares": ((L,), np.float64),
        "best": ((3, P), dtype),
        "layer_gradient_norms": ((epochs, L), np.float64),
        "snapshot_epochs": ((snapshots,), np.int64),
        "snapshots": ((snapshots, P), dtype),
    }
    if at.average is not None:
        shapes["iterate"] = ((P,), dtype)
    shapes |= dict.fromkeys(_LISTS, ((epochs,), np.float64))
    shapes["validation_cost"] = ((validated,), np.float64)
    for kind in _METRICS:
        k = len(names[kind])
        shapes[kind] = ((k, epochs if k else 0), np.float64)
    return shapes
