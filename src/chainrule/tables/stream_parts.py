"""The parts of a stream: rows to train on, to validate and to test, by a random number of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..mathematics.random import SPLIT, key, uniform
from ..typing import Array
from .parquet_dataset import Group

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Part:
    """Which rows of a data set are meant: those whose random number is from ``low`` to ``high``."""

    seed: int
    low: float
    high: float

    def mask(self, group: Group) -> Mask:
        """Say for each row of a row group whether it is one of the part."""
        return self.holds(_numbers(self.seed, group))

    def holds(self, u: Array) -> Mask:
        """Say of each row's number whether the row is one of the part."""
        return (u >= self.low) & (u < self.high)


def _numbers(seed: int, group: Group) -> Array:
    return uniform(key(seed, SPLIT), group.rows, group.first)


def masks_of(parts: Mapping[str, Part], group: Group) -> dict[str, Mask]:
    """Return each part's mask; the rows' numbers are drawn once for all parts of one seed."""
    numbers = {seed: _numbers(seed, group) for seed in {part.seed for part in parts.values()}}
    return {name: part.holds(numbers[part.seed]) for name, part in parts.items()}


def rows_of(parts: Mapping[str, Part], groups: Sequence[Group]) -> dict[str, list[int]]:
    """Return how many rows of each group are in each part."""
    counts: dict[str, list[int]] = {name: [] for name in parts}
    for group in groups:
        for name, mask in masks_of(parts, group).items():
            counts[name].append(int(mask.sum()))
    return counts
