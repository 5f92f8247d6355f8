"""Default hyper-parameters: the rules for what the user leaves open, by the number of samples m.

Two policies stand here beside each other. ``TABLE`` is that of the command line: an epoch budget
and AdamW under one cycle. ``DROP_IN`` is that of the estimators that stand in for scikit-learn's:
an update budget and Adam, whose learning rate is the user's. ``bench/defaults.py`` measures both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType
from typing import Any, Final

# The learning rate that suits an optimizer on standardised columns.
LEARNING_RATES: Final[Mapping[str, float]] = MappingProxyType(
    {
        "gradient_descent": 0.1,
        "momentum": 0.02,
        "nesterov": 0.02,
        "adagrad": 0.02,
        "rmsprop": 1e-3,
        "adam": 1e-2,
        "adamw": 1e-2,
        "lbfgs": 1.0,
    }
)

# One network for a table: sizes of its hidden layers, epochs without a better validation cost after
# which it stops, share of the rows held out to test.
HIDDEN: Final = (64, 32)
PATIENCE: Final = 30
TEST_SHARE: Final = 0.2

# Weights remember this many epochs, unless their decay would be stronger than the second number.
EPOCHS_REMEMBERED: Final = 8.0
MOST_DECAY: Final = 4.0

# One cycle for DROP_IN: the learning rate rises from the user's to PEAK times that, but not beyond
# HIGHEST, and falls to 0.
PEAK: Final = 20.0
HIGHEST: Final = 0.02


@dataclass(frozen=True, slots=True)
class Policy:
    """The sizes of training: ``batch_size(m)`` rows a step, ``epochs(m, batch_size)`` at most."""

    batch_size: Callable[[int], int]
    epochs: Callable[[int, int], int]


def _table_batch_size(m: int) -> int:
    """Return a power of two near m / 80, at least 32 and at most 256, and never more than m."""
    size = 32
    while size < 256 and size * 2 <= m / 80:
        size *= 2
    return min(size, m)


def _table_epochs(m: int, batch_size: int) -> int:
    """Return 100 epochs, fewer from 20 000 rows on (2 million rows in all), at least 20."""
    return min(max(2_000_000 // m, 20), 100)


def _drop_in_batch_size(m: int) -> int:
    """Return all of up to 64 samples; then at least 12 batches an epoch, of 32 to 256 samples."""
    return m if m <= 64 else max(32, min(256, ceil(m / 12)))


def _drop_in_epochs(m: int, batch_size: int) -> int:
    """Return the epochs of about 3000 updates, at least 15."""
    return max(15, ceil(3000 / ceil(m / batch_size)))


TABLE: Final = Policy(_table_batch_size, _table_epochs)
DROP_IN: Final = Policy(_drop_in_batch_size, _drop_in_epochs)


def weight_decay(steps: int, learning_rate: float) -> float:
    """Return AdamW's weight decay such that weights remember ``EPOCHS_REMEMBERED`` epochs.

    A step keeps the share 1 - learning_rate * weight_decay of a weight, so weights are an average
    over about 1 / (learning_rate * weight_decay) steps (Wang and Aitchison, "How to set AdamW's
    weight decay as you scale model and dataset size", 2024); counted in epochs of ``steps`` steps
    it is one number for small tables and large ones.
    """
    return min(1 / (learning_rate * steps * EPOCHS_REMEMBERED), MOST_DECAY)


def table_settings(
    m: int, optimizer: str | None, batch_size: int | None, learning_rate: float | None
) -> dict[str, Any]:
    """Return the settings of one network for m rows of a table to train on, by the names of fit.

    What is not None is kept: the name of an optimizer, rows a step, a learning rate.
    """
    name = optimizer_name(optimizer)
    lbfgs = name == "lbfgs"
    size = m if lbfgs else batch_size or TABLE.batch_size(m)
    rate = learning_rate or LEARNING_RATES[name]
    decay = weight_decay(ceil(m / size), rate)
    return {
        "epochs": TABLE.epochs(m, size),
        "batch_size": size,
        "learning_rate": rate,
        "optimizer": f"adamw(0.9, 0.999, 1e-8, {decay:.3g})",
        "schedule": None if lbfgs else "one_cycle",
    }


def smaller_rate(optimizer: str | None, learning_rate: float | None) -> float:
    """Return the learning rate to try after one that diverged: a tenth, or the usual one."""
    usual = LEARNING_RATES[optimizer_name(optimizer)]
    return min((learning_rate or usual) / 10, usual)


def optimizer_name(optimizer: str | None) -> str:
    """Return the name of an optimizer without its arguments; None is a table's."""
    return "adamw" if optimizer is None else optimizer.partition("(")[0].strip()


def validation_share(m: int) -> float:
    """Return the share of m rows held out to choose the epoch: a tenth, none of a tiny table."""
    return 0.1 if m >= 50 else 0.0
