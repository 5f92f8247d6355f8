"""Choices: the settings of training on a table, their checks, and the defaults that need no flags.

What is None is chosen by the size of the table, see ``training.defaults``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import isfinite
from typing import Any

from ..architecture import DTYPES
from ..mathematics.activations import resolve_activation
from ..mathematics.costs import resolve_cost
from ..mathematics.names import unknown
from ..mathematics.optimizers import OPTIMIZERS, resolve_optimizer
from ..mathematics.schedules import resolve_schedule
from ..training.defaults import HIDDEN, PATIENCE, TEST_SHARE, optimizer_name, table_settings
from ..training.plan import LBFGS
from .target import TASKS
from .word_orders import orders_of


@dataclass(frozen=True, slots=True)
class Choices:
    """How to train on a table.

    ``hidden``: sizes of the hidden layers, none for a linear model. ``batch_size``: rows a step.
    ``patience``: stop after this many epochs without a better validation cost.
    ``test_share`` and ``validation_share`` are shares of all rows, drawn at random, or with
    ``latest`` those of that column's greatest dates or numbers; rows with one value of ``group``
    are in one part.
    ``category``, ``number``: columns to read as words and as numbers. ``order``:
    columns with their ordered words, as ``"size=S,M,L"``. ``missing``: further words
    for no value. ``weight``: the column with each row's weight; ``class_weight``: balanced;
    ``loss``: what is minimised, None for the one that suits the task. ``encoding``: of a CSV file.
    ``skip_missing``: leave out rows without a target. ``time_limit``: seconds for an ensemble.
    """

    task: str | None = None
    hidden: tuple[int, ...] = HIDDEN
    activation: str = "relu"
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    optimizer: str | None = None
    schedule: str | None = None
    dropout: float = 0.0
    l2: float = 0.0
    patience: int = PATIENCE
    test_share: float = TEST_SHARE
    validation_share: float | None = None
    latest: str | None = None
    drop: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    number: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    encoding: str | None = None
    group: str | None = None
    weight: str | None = None
    class_weight: str | None = None
    loss: str | None = None
    skip_missing: bool = False
    time_limit: float | None = None
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
            raise ValueError(f"--{name.replace('_', '-')} must be {words}, not {_spelt(value)}")
    if choices.task is not None and choices.task not in TASKS:
        raise unknown("task", choices.task, TASKS)
    resolve_activation(choices.activation)
    orders_of(choices.order)
    if choices.class_weight not in (None, "balanced"):
        raise unknown("class weight", choices.class_weight, ["balanced"])
    if choices.loss is not None:
        resolve_cost(choices.loss)
    if choices.dtype not in DTYPES:
        raise unknown("dtype", choices.dtype, DTYPES)
    if choices.schedule is not None:
        resolve_schedule(choices.schedule)
    name = optimizer_name(choices.optimizer)
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
_RULES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "hidden": (
        "sizes of 1 or above, such as 64,32 (or none)",
        lambda sizes: all(map(_count, sizes)),
    ),
    "epochs": _COUNT,
    "batch_size": _COUNT,
    "patience": _COUNT,
    "threads": _COUNT,
    "learning_rate": ("a number above 0", _above_zero),
    "time_limit": ("a number of seconds above 0", _above_zero),
    "dropout": ("at least 0 and below 1", _share),
    "test_share": ("at least 0 and below 1", _share),
    "validation_share": ("at least 0 and below 1", _share),
    "l2": ("a number, 0 or above", lambda value: isfinite(value) and value >= 0),
    "seed": (
        "a whole number from 0 to 2^64 - 1",
        lambda value: _whole(value) and 0 <= value < 2**64,
    ),
}


def _spelt(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def complete(choices: Choices, m: int) -> Choices:
    """Fill in what was left to choose, for m rows to train on.

    Raises ValueError for a batch size above m.
    """
    if choices.batch_size is not None and choices.batch_size > m:
        raise ValueError(
            f"--batch-size is {choices.batch_size}, but only {m} rows are trained on: "
            f"use at most {m}"
        )
    chosen = table_settings(m, choices.optimizer, choices.batch_size, choices.learning_rate)
    return replace(choices, **{k: v for k, v in chosen.items() if getattr(choices, k) is None})


def as_json(choices: Choices, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the settings, or those of some names, as plain JSON values."""
    chosen = [f.name for f in fields(choices)] if names is None else names
    values = {name: getattr(choices, name) for name in chosen}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
