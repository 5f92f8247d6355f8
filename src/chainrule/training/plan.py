"""The plan of a run: the settings of ``fit``, checked for a network and its samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..mathematics.checks import (
    NOT_NEGATIVE,
    POSITIVE,
    POSITIVE_SHARE,
    WHOLE,
    Domain,
    check,
    number,
)
from ..mathematics.names import unknown
from ..mathematics.optimizers import OPTIMIZERS, Optimizer, resolve_optimizer
from ..mathematics.schedules import Schedule, resolve_schedule
from ..model import Model
from .groups import ParameterGroup
from .metrics import Metric, resolve_metrics
from .settings import Callback, Settings

LBFGS: Final = "lbfgs"
SMALL_BATCH: Final = 32
PATIENCE: Final = 10  # epochs

_DOMAINS: Final[Mapping[str, Domain]] = {
    "learning_rate": POSITIVE,
    "epochs": WHOLE,
    "tolerance": NOT_NEGATIVE,
    "patience": WHOLE,
    "clip_value": POSITIVE,
    "clip_norm": POSITIVE,
    "averaging": POSITIVE_SHARE,
    "threads": WHOLE,
    "evaluations": WHOLE,
}
_OPTIONAL: Final = frozenset(_DOMAINS) - {"learning_rate", "epochs"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run needs to know of the settings, with every name turned into its record.

    ``optimizer`` None: L-BFGS, with at most ``evaluations`` of J, 0 for 20 an epoch. ``monitor``
    None: the cost.
    """

    optimizer: Optimizer | None
    learning_rate: float
    schedule: Schedule
    batch_size: int
    epochs: int
    tolerance: float | None
    patience: int
    monitor: Metric | None
    metrics: tuple[Metric, ...]
    callbacks: tuple[Callback, ...]
    clip_value: float | None
    clip_norm: float | None
    averaging: float | None
    groups: tuple[ParameterGroup, ...]
    shuffle: bool
    record: bool
    threads: int | None
    engine: str
    evaluations: int = 0
    certificate: bool = True
    warn: bool = True


def plan_of(settings: Settings, net: Model, m: int, validated: bool) -> Plan:
    """Check the settings for m training samples, and a validation set if ``validated``.

    Raises ValueError or TypeError naming the setting at fault.
    """
    check("fit", settings, _DOMAINS, _OPTIONAL)
    optimizer = None if settings.optimizer == LBFGS else _optimizer(settings.optimizer)
    if optimizer is None:
        _check_lbfgs(net, settings)
    if settings.averaging is not None and settings.carried is not None:
        raise ValueError("carried holds no average of theta: leave out averaging")
    metrics = resolve_metrics(settings.metrics)
    if settings.record not in (None, "explain"):
        raise ValueError(f"record must be None or 'explain', not {settings.record!r}")
    return Plan(
        optimizer=optimizer,
        learning_rate=float(settings.learning_rate),
        schedule=resolve_schedule(settings.schedule or "constant"),
        batch_size=m if optimizer is None else _batch_size(settings.batch_size, m),
        epochs=int(settings.epochs),
        tolerance=_real(settings.tolerance),
        patience=PATIENCE if settings.patience is None else int(settings.patience),
        monitor=_monitor(settings.monitor, metrics, validated),
        metrics=metrics,
        callbacks=_callbacks(settings.callbacks),
        clip_value=_real(settings.clip_value),
        clip_norm=_real(settings.clip_norm),
        averaging=_real(settings.averaging),
        groups=tuple(settings.groups),
        shuffle=bool(settings.shuffle),
        record=settings.record == "explain",
        threads=None if settings.threads is None else int(settings.threads),
        engine=settings.engine,
        evaluations=int(settings.evaluations or 0),
        certificate=bool(settings.certificate),
        warn=bool(settings.warn),
    )


def _real(value: float | None) -> float | None:
    return None if value is None else float(value)


def _optimizer(optimizer: str | Optimizer) -> Optimizer:
    if isinstance(optimizer, str) and optimizer.partition("(")[0].strip() not in OPTIMIZERS:
        raise unknown("optimizer", optimizer, [*OPTIMIZERS, LBFGS])
    return resolve_optimizer(optimizer)


def _check_lbfgs(net: Model, settings: Settings) -> None:
    if any(layer.kind == "dropout" for layer in net.layers):
        raise ValueError(
            "lbfgs needs the same cost at every call, and dropout changes it: use adam"
        )
    for name in ("schedule", "clip_value", "clip_norm", "averaging", "groups"):
        if getattr(settings, name) not in (None, ()):
            raise ValueError(f"lbfgs chooses its own steps: leave out {name}, or use adam")


def _batch_size(batch_size: int | str | None, m: int) -> int:
    if batch_size is None:
        return m
    if isinstance(batch_size, str) and batch_size == "auto":
        return min(SMALL_BATCH, m)
    size: int = number("fit", "batch_size", batch_size, WHOLE)
    if size > m:
        raise ValueError(
            f"batch_size is {size}, but there are {m} training samples: "
            f"use at most {m}, or None for all of them"
        )
    return size


def _monitor(name: str, metrics: Sequence[Metric], validated: bool) -> Metric | None:
    if name == "cost":
        return None
    known = {metric.name: metric for metric in metrics}
    if name not in known:
        raise unknown("monitor", name, ["cost", *known])
    if not validated:
        raise ValueError(f"monitor={name!r} needs a validation set: give validation=0.1, say")
    return known[name]


def _callbacks(callbacks: Callback | Iterable[Callback]) -> tuple[Callback, ...]:
    functions = (callbacks,) if callable(callbacks) else callbacks
    for function in functions if isinstance(functions, Iterable) else (functions,):
        if not callable(function):
            raise TypeError(f"a callback is a function of (network, history), not {function!r}")
    return tuple(functions)
