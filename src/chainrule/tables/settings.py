"""Choices: the settings of training on a table, their checks, and the defaults that need no flags.

What is None is chosen by the size of the table. ``bench/defaults.py`` measures the choices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import ceil, isfinite
from typing import Any, Final

from ..mathematics.activations import resolve_activation
from ..mathematics.names import unknown
from ..mathematics.optimizers import OPTIMIZERS, resolve_optimizer
from ..mathematics.schedules import resolve_schedule
from .target import TASKS

LBFGS: Final = "lbfgs"
DTYPES: Final = ("float32", "float64")

# The learning rate that suits an optimizer on standardised tables.
LEARNING_RATES: Final[Mapping[str, float]] = {
    "gradient_descent": 0.1,
    "momentum": 0.02,
    "nesterov": 0.02,
    "adagrad": 0.02,
    "rmsprop": 1e-3,
    "adam": 1e-2,
    "adamw": 1e-2,
    LBFGS: 1.0,
}


# See weight_decay_for.
MEMORY: Final = 8.0
MOST_DECAY: Final = 4.0

# See epochs_for.
MOST_ROWS_SEEN: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Choices:
    """How to train on a table.

    ``hidden``: sizes of the hidden layers, none for a linear model. ``batch_size``: rows a step.
    ``patience``: stop after so many epochs without a better validation cost.
    ``test_share`` and ``validation_share`` are shares of all rows, drawn at random, or with
    ``latest`` those of that column's greatest dates or numbers.
    """

    task: str | None = None
    hidden: tuple[int, ...] = (64, 32)
    activation: str = "relu"
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    optimizer: str | None = None
    schedule: str | None = None
    dropout: float = 0.0
    l2: float = 0.0
    patience: int = 30
    test_share: float = 0.2
    validation_share: float | None = None
    latest: str | None = None
    drop: tuple[str, ...] = ()
    seed: int = 0
    dtype: str = "float32"
    threads: int | None = None
    engine: str = "auto"


def check(choices: Choices) -> None:
    """Refuse, before anything is read, what no table could be trained with.

    Raises ValueError that names the setting as the command line does (``--batch-size``).
    """
    for name, (words, fits) in _RULES.items():
        value = getattr(choices, name)
        if value is not None and not fits(value):
            raise ValueError(f"--{name.replace('_', '-')} must be {words}, not {_said(value)}")
    if choices.task is not None and choices.task not in TASKS:
        raise unknown("task", choices.task, TASKS)
    resolve_activation(choices.activation)
    if choices.dtype not in DTYPES:
        raise unknown("dtype", choices.dtype, DTYPES)
    if choices.schedule is not None:
        resolve_schedule(choices.schedule)
    name = _name(choices.optimizer)
    if name != LBFGS and choices.optimizer is not None:
        if name not in OPTIMIZERS:
            raise unknown("optimizer", name, [*OPTIMIZERS, LBFGS])
        resolve_optimizer(choices.optimizer)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _above_zero(value: Any) -> bool:
    return bool(isfinite(value) and value > 0)


def _share(value: Any) -> bool:
    return bool(0 <= value < 1)


def _count(value: Any) -> bool:
    return _whole(value) and value >= 1


_COUNT = ("a whole number, 1 or above", _count)
_RULES: Mapping[str, tuple[str, Any]] = {
    "hidden": (
        "sizes of 1 or above, such as 64,32 (or none)",
        lambda sizes: all(map(_count, sizes)),
    ),
    "epochs": _COUNT,
    "batch_size": _COUNT,
    "patience": _COUNT,
    "threads": _COUNT,
    "learning_rate": ("a number above 0", _above_zero),
    "dropout": ("at least 0 and below 1", _share),
    "test_share": ("at least 0 and below 1", _share),
    "validation_share": ("at least 0 and below 1", _share),
    "l2": ("a number, 0 or above", lambda value: isfinite(value) and value >= 0),
    "seed": (
        "a whole number from 0 to 2^64 - 1",
        lambda value: _whole(value) and 0 <= value < 2**64,
    ),
}


def _said(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def batch_size_for(m: int) -> int:
    """Return the rows a step for m training rows: at least 32, at most 256, near m / 80."""
    size = 32
    while size < 256 and size * 2 <= m / 80:
        size *= 2
    return min(size, m)


def epochs_for(m: int) -> int:
    """Return the most epochs for m training rows: 100, from 20 000 rows on fewer, at least 20."""
    return min(max(MOST_ROWS_SEEN // m, 20), 100)


def complete(choices: Choices, m: int) -> Choices:
    """Fill in what was left to choose, for m rows to train on.

    Raises ValueError for a batch size above m.
    """
    if choices.batch_size is not None and choices.batch_size > m:
        raise ValueError(
            f"--batch-size is {choices.batch_size}, but only {m} rows are trained on: "
            f"use at most {m}"
        )
    name = _name(choices.optimizer)
    lbfgs = name == LBFGS
    size = m if lbfgs else choices.batch_size or batch_size_for(m)
    rate = choices.learning_rate or LEARNING_RATES[name]
    decay = weight_decay_for(ceil(m / size), rate)
    chosen: dict[str, Any] = {
        "epochs": epochs_for(m),
        "batch_size": size,
        "learning_rate": rate,
        "optimizer": f"adamw(0.9, 0.999, 1e-8, {decay:.3g})",
        "schedule": None if lbfgs else "one_cycle",
    }
    return replace(choices, **{k: v for k, v in chosen.items() if getattr(choices, k) is None})


def smaller_rate(choices: Choices) -> float:
    """Return the learning rate to try after one that diverged: a tenth, or the usual one."""
    usual = LEARNING_RATES[_name(choices.optimizer)]
    return min((choices.learning_rate or usual) / 10, usual)


def _name(optimizer: str | None) -> str:
    return "adamw" if optimizer is None else optimizer.partition("(")[0].strip()


def weight_decay_for(steps: int, learning_rate: float) -> float:
    """Return AdamW's weight decay such that weights remember ``MEMORY`` epochs of ``steps`` steps.

    A step keeps the share 1 - learning_rate * weight_decay of a weight, so weights are an average
    over about 1 / (learning_rate * weight_decay) steps (Wang and Aitchison, "How to set AdamW's
    weight decay as you scale model and dataset size", 2024); counted in epochs it is one number for
    small tables and large ones.
    """
    return min(1 / (learning_rate * steps * MEMORY), MOST_DECAY)


def validation_share_for(m: int) -> float:
    """Return the share of m rows held out to choose the epoch: a tenth, none of a tiny table."""
    return 0.1 if m >= 50 else 0.0


def as_json(choices: Choices) -> dict[str, Any]:
    """Return the settings as plain JSON values."""
    values = {f.name: getattr(choices, f.name) for f in fields(choices)}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
