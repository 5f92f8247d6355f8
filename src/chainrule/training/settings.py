"""Settings of a run: the arguments of fit, checked and turned into records before any work."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..engines.communicator import ALONE, Team, stacked
from ..mathematics.checks import INSIDE_ONE, NOT_NEGATIVE, POSITIVE, setting
from ..mathematics.names import unknown
from ..mathematics.optimizers import OPTIMIZERS, Optimizer, resolve_optimizer
from ..mathematics.random import SPLIT, key, permutation
from ..mathematics.sample_weights import weights_of
from ..mathematics.schedules import Schedule, resolve_schedule
from ..model import Model
from .metrics import Metric, resolve_metrics

if TYPE_CHECKING:
    from .history import History

Floats = npt.NDArray[np.floating[Any]]
Weights = npt.NDArray[np.float64] | None
Callback = Callable[[Model, "History"], Any]

LBFGS = "lbfgs"


@dataclass(frozen=True, slots=True)
class Data:
    """Samples as the engine takes them: X (m, n_0), Y (m, n_L), weights (m,) or None."""

    X: Floats
    Y: Floats
    weights: Weights

    @property
    def shares(self) -> Floats:
        """Each sample's share of the mean, (m,)."""
        from ..mathematics.sample_weights import shares_of

        return shares_of(self.weights, len(self.X), self.X.dtype)


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train: checked values of the arguments of ``fit``."""

    optimizer: Optimizer | None  # None: L-BFGS
    learning_rate: float
    schedule: Schedule
    batch_size: int
    epochs: int
    tolerance: float | None
    patience: int
    monitor: Metric | None  # None: the validation cost
    metrics: tuple[Metric, ...]
    callbacks: tuple[Callback, ...]
    clip_value: float | None
    clip_norm: float | None
    shuffle: bool
    record: bool
    threads: int | None
    engine: str
    evaluations: int = 0  # the most of J that L-BFGS may ask for; 0: 20 for each epoch
    certificate: bool = True


def shares_in(team: Team, data: Data) -> Floats:
    """Return the shares of all members' samples, by rank, where ``data`` is this member's part."""
    from ..mathematics.sample_weights import shares_of

    weights = np.ones(len(data.X)) if data.weights is None else data.weights
    found = stacked(team, weights)
    return shares_of(found, len(found), data.X.dtype)


def data_of(
    net: Model, X: npt.ArrayLike, y: npt.ArrayLike, weight: Any, name: str, empty: bool = False
) -> Data:
    """Check samples and turn them into arrays of the network's dtype; ``empty``: none will do.

    Raises ValueError naming the row and column of a value that is not finite, and for no samples.
    """
    inputs = net.inputs(X)
    if len(inputs) == 0 and not empty:
        raise ValueError(f"{name} has no samples")
    wrong = ~np.isfinite(inputs)
    if wrong.any():
        row, column = (int(place[0]) for place in np.nonzero(wrong))
        raise ValueError(
            f"X[{row}, {column}] of {name} is {inputs[row, column]}: every input must be finite "
            f"in {net.dtype.name}"
        )
    Y = net.targets(y, len(inputs))
    return Data(inputs, Y, None if weight is None else weights_of(weight, len(inputs)))


def class_factors(net: Model, data: Data, class_weight: Any, team: Team = ALONE) -> Weights:
    """Return the weight of each class, or None.

    ``class_weight``: None, ``"balanced"`` (m / (number of classes * samples of the class), by
    weight, over the whole team; 1 for a class without samples), or a mapping or sequence from label
    to weight. Raises ValueError for other costs and other labels.
    """
    if class_weight is None:
        return None
    if net.cost.target not in ("classes", "probability"):
        raise ValueError(f"class_weight needs a cost of classes, not {net.cost.name!r}")
    if data.Y.shape[1] > 1 and net.cost.target != "classes":
        raise ValueError("class_weight needs one label a sample: give sample_weight instead")
    n_classes = max(data.Y.shape[1], 2)
    if not isinstance(class_weight, str):
        return np.array([_class_factor(class_weight, label) for label in range(n_classes)])
    if class_weight != "balanced":
        raise unknown("class_weight", class_weight, ["balanced"])
    counts = np.bincount(_labels(data), data.weights, n_classes).astype(np.float64)
    team.sum_(counts)
    present = counts > 0
    return np.where(present, counts.sum() / (present.sum() * np.where(present, counts, 1)), 1)


def weighed(data: Data, factors: Weights) -> Data:
    """Multiply the sample weights by the weight of each sample's class; None: as they are."""
    if factors is None:
        return data
    weights = factors[_labels(data)] * (1.0 if data.weights is None else data.weights)
    return Data(data.X, data.Y, weights_of(weights, len(data.X)))


def _labels(data: Data) -> npt.NDArray[np.int64]:
    if data.Y.shape[1] == 1:
        return (data.Y[:, 0] > 0.5).astype(np.int64)
    found: npt.NDArray[np.int64] = np.argmax(data.Y, axis=1)
    return found


def _class_factor(class_weight: Any, label: int) -> float:
    try:
        weight = class_weight[label]
    except (KeyError, IndexError):
        raise ValueError(f"class_weight has no weight for the class {label}") from None
    except TypeError:
        raise TypeError(
            f"class_weight must be 'balanced' or weights by label, not {class_weight!r}"
        ) from None
    return float(setting("class_weight", f"of class {label}", weight, NOT_NEGATIVE))


def held_out(seed: int, m: int, share: Any) -> npt.NDArray[np.bool_]:
    """Say for each of m samples whether it is held out for validation, (m,).

    Raises ValueError for a share outside (0, 1) or one that leaves either part empty.
    """
    share = float(setting("fit", "validation", share, INSIDE_ONE))
    held = round(share * m)
    if not 0 < held < m:
        raise ValueError(
            f"validation={share} of {m} samples leaves an empty part: use another share"
        )
    found = np.zeros(m, np.bool_)
    found[permutation(m, key(seed, SPLIT))[:held]] = True
    return found


def split_validation(
    net: Model, data: Data, validation: Any, factors: Weights
) -> tuple[Data, Data | None]:
    """Return training and validation data: none, a share held out at random, or the caller's own.

    The caller's own is weighed by class, ``factors``, unless it has weights.
    Raises ValueError for a share outside (0, 1), one that leaves either part empty, and a part in
    which every weight is 0.
    """
    training, held = _split(net, data, validation, factors)
    for part, name in ((training, "training"), (held, "validation")):
        if part is not None and part.weights is not None and not part.weights.any():
            raise ValueError(f"the weights of all {len(part.X)} {name} samples are 0")
    return training, held


def _split(net: Model, data: Data, validation: Any, factors: Weights) -> tuple[Data, Data | None]:
    if validation is None:
        return data, None
    if isinstance(validation, (tuple, list)):
        if len(validation) not in (2, 3):
            raise ValueError("validation must be a share, (X, y) or (X, y, sample_weight)")
        weight = validation[2] if len(validation) == 3 else None
        own = data_of(net, validation[0], validation[1], weight, "validation")
        return data, own if weight is not None else weighed(own, factors)
    held = held_out(net.seed, len(data.X), validation)
    return taken(data, np.flatnonzero(~held)), taken(data, np.flatnonzero(held))


def taken(data: Data, rows: npt.NDArray[np.int64]) -> Data:
    """Return some rows of the samples."""
    return Data(data.X[rows], data.Y[rows], None if data.weights is None else data.weights[rows])


def settings_of(net: Model, m: int, has_validation: bool, given: Mapping[str, Any]) -> Settings:
    """Check the arguments of ``fit`` for m training samples; raises naming the one at fault."""
    optimizer = None if given["optimizer"] == LBFGS else _optimizer(given["optimizer"])
    batch_size = _batch_size(given["batch_size"], m, optimizer is None)
    if optimizer is None:
        _check_lbfgs(net, given)
    patience = 10 if given["patience"] is None else _count("patience", given["patience"])
    metrics = resolve_metrics(given["metrics"])
    record = given["record"]
    if record not in (None, "explain"):
        raise ValueError(f"record must be None or 'explain', not {record!r}")
    return Settings(
        optimizer=optimizer,
        learning_rate=float(setting("fit", "learning_rate", given["learning_rate"], POSITIVE)),
        schedule=resolve_schedule(given["schedule"] or "constant"),
        batch_size=batch_size,
        epochs=_count("epochs", given["epochs"]),
        tolerance=_optional("tolerance", given["tolerance"], NOT_NEGATIVE),
        patience=patience,
        monitor=_monitor(given["monitor"], metrics, has_validation),
        metrics=metrics,
        callbacks=_callbacks(given["callbacks"]),
        clip_value=_optional("clip_value", given["clip_value"], POSITIVE),
        clip_norm=_optional("clip_norm", given["clip_norm"], POSITIVE),
        shuffle=bool(given["shuffle"]),
        record=record == "explain",
        threads=None if given["threads"] is None else _count("threads", given["threads"]),
        engine=given["engine"],
        evaluations=0
        if given.get("evaluations") is None
        else _count("evaluations", given["evaluations"]),
        certificate=bool(given.get("certificate", True)),
    )


def _optimizer(optimizer: Any) -> Optimizer:
    if isinstance(optimizer, str) and optimizer.partition("(")[0].strip() not in OPTIMIZERS:
        raise unknown("optimizer", optimizer, [*OPTIMIZERS, LBFGS])
    return resolve_optimizer(optimizer)


def _check_lbfgs(net: Model, given: Mapping[str, Any]) -> None:
    if any(layer.kind == "dropout" for layer in net.layers):
        raise ValueError(
            "lbfgs needs the same cost at every call, and dropout changes it: use adam"
        )
    for name in ("schedule", "clip_value", "clip_norm"):
        if given[name] is not None:
            raise ValueError(f"lbfgs chooses its own steps: leave out {name}, or use adam")


def _batch_size(batch_size: Any, m: int, full: bool) -> int:
    if batch_size is None or full:
        return m
    if isinstance(batch_size, str) and batch_size == "auto":
        return min(32, m)
    size = _count("batch_size", batch_size)
    if size > m:
        raise ValueError(
            f"batch_size is {size}, but there are {m} training samples: "
            f"use at most {m}, or None for all of them"
        )
    return size


def _count(name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1 or isinstance(value, bool):
        raise ValueError(f"{name} must be a whole number, 1 or above, not {value!r}")
    return number


def _optional(name: str, value: Any, domain: Any) -> float | None:
    return None if value is None else float(setting("fit", name, value, domain))


def _monitor(name: Any, metrics: Sequence[Metric], has_validation: bool) -> Metric | None:
    if name == "cost":
        return None
    known = {metric.name: metric for metric in metrics}
    if name not in known:
        raise unknown("monitor", name, ["cost", *known])
    if not has_validation:
        raise ValueError(f"monitor={name!r} needs a validation set: give validation=0.1, say")
    return known[name]


def _callbacks(callbacks: Any) -> tuple[Callback, ...]:
    several = isinstance(callbacks, Iterable) and not callable(callbacks)
    found = tuple(callbacks) if several else (callbacks,)
    for callback in found:
        if not callable(callback):
            raise TypeError(f"a callback is a function of (network, history), not {callback!r}")
    return found
