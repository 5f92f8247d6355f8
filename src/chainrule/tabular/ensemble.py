"""The ensemble of a table: its networks, what encodes their inputs, and what its mean is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..network import Network
from ..typing import Floats
from .bins import Bins
from .blending import tempered
from .designs import Design
from .inputs import Rows, Task
from .target_statistics import TargetStatistics

# Rows encoded and predicted at a time, so that memory does not grow with the table.
ROWS_A_PASS = 16384

# Of a network, X (m, n) to outputs (m, k); and those of each member's networks.
Function: TypeAlias = Callable[[Floats], Floats]
Networks: TypeAlias = Sequence[Sequence[Function]]


@dataclass(frozen=True, slots=True)
class Member:
    """The networks trained without one fold, one for each design, and the fold's statistics."""

    networks: tuple[Network, ...]
    statistics: TargetStatistics | None

    def outputs(self, designs: tuple[Design, ...], rows: Rows, bins: Bins) -> list[Floats]:
        """Return each network's outputs (m, k), float64."""
        functions = [network.predict for network in self.networks]
        return self.outputs_by(functions, designs, rows, places_of(designs, rows, bins))

    def outputs_by(
        self,
        functions: Sequence[Function],
        designs: tuple[Design, ...],
        rows: Rows,
        places: Floats | None,
    ) -> list[Floats]:
        """Return the same by the networks' functions and by places in bins that are known."""
        statistics = None if self.statistics is None else self.statistics.encode(rows.words)
        return [
            f(joined(design, rows.X, places, statistics)).astype(np.float64)
            for design, f in zip(designs, functions, strict=True)
        ]


def places_of(designs: tuple[Design, ...], rows: Rows, bins: Bins) -> Floats | None:
    """Return the rows' places in bins (m, width), None where no design takes them."""
    return bins.encode(rows.X) if any(design.bins for design in designs) else None


def joined(design: Design, X: Floats, places: Floats | None, statistics: Floats | None) -> Floats:
    """Return what a design's network takes: columns, statistics of words, places in bins."""
    parts = [X]
    if statistics is not None:
        parts.append(statistics)
    if design.bins and places is not None:
        parts.append(places)
    return np.ascontiguousarray(np.concatenate(parts, axis=1), np.float32)


@dataclass(frozen=True, slots=True)
class TableEnsemble:
    """Members whose mean outputs are blended over designs, tempered, or clamped.

    ``weights`` (designs,): the share of each design. ``low`` and ``high``: the range of the
    standardised target, infinite for classes. ``residuals``: out-of-fold ``y - y_hat`` of numbers,
    standardised and ascending, for prediction intervals.
    """

    task: Task
    designs: tuple[Design, ...]
    members: tuple[Member, ...]
    bins: Bins
    weights: Floats
    temperature: float = 1.0
    low: float = -np.inf
    high: float = np.inf
    residuals: Floats | None = None

    def __len__(self) -> int:
        return len(self.members)

    def outputs(self, rows: Rows) -> Floats:
        """Return probabilities (m, k) or standardised numbers (m, 1), float64."""
        networks = [[network.predict for network in m.networks] for m in self.members]
        if len(rows) <= ROWS_A_PASS:
            return self._pass(networks, rows)
        parts = [
            self._pass(networks, rows.take(np.arange(start, min(start + ROWS_A_PASS, len(rows)))))
            for start in range(0, len(rows), ROWS_A_PASS)
        ]
        return np.concatenate(parts)

    def predictor(self) -> Callable[[Rows], Floats]:
        """Return ``outputs`` for few rows, by one thread, with the parameters of this moment."""
        networks = [[n.predictor(threads=1) for n in member.networks] for member in self.members]
        return lambda rows: self._pass(networks, rows)

    def _pass(self, networks: Networks, rows: Rows) -> Floats:
        places = places_of(self.designs, rows, self.bins)
        each = [
            member.outputs_by(functions, self.designs, rows, places)
            for member, functions in zip(self.members, networks, strict=True)
        ]
        means = [sum(several) / len(self.members) for several in zip(*each, strict=True)]
        return self.finished(means)

    def finished(self, means: Sequence[Floats]) -> Floats:
        """Blend the designs' outputs (m, k), temper probabilities, clamp numbers."""
        blend = np.asarray(sum(w * a for w, a in zip(self.weights, means, strict=True)))
        if self.task == "regression":
            return np.asarray(np.clip(blend, self.low, self.high))
        return tempered(blend, self.task, self.temperature)

    def interval(self, outputs: Floats, share: float) -> Floats:
        """Return lower and upper bounds (m, 2) around standardised numbers (m, 1).

        The bounds are ``y_hat`` plus quantiles of the out-of-fold residuals, a little further out
        than the share asks for, as their number is finite.

        Source: Barber, Candès, Ramdas and Tibshirani, "Predictive inference with the jackknife+",
        Annals of Statistics 49, 2021, with the quantiles of signed residuals.
        """
        if self.residuals is None:
            raise ValueError("intervals are for numbers: this model predicts classes")
        count = len(self.residuals)
        tail = (1 - share) / 2 * (count + 1) / count
        low, high = np.quantile(
            self.residuals, [max(tail - 1 / count, 0), min(1 - tail + 1 / count, 1)]
        )
        return np.concatenate([outputs + low, outputs + high], axis=1)
