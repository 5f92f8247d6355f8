"""Statistics of columns: counts, mean, squares, extremes and words, of a table or of a stream.

A summary is all that the encoder and the target are fitted on. A table in memory is summed up at
once; in a stream each piece is summed up by itself, and the summaries are merged in the order of
the pieces, so that the result does not depend on who read which. Mean and squares are merged as
Chan, Golub and LeVeque do ("Updating formulae and a pairwise algorithm for computing sample
variances", 1979), which loses no digits to a large mean.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf, sqrt
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from ..typing import Array
from .columns import Column, Columns, as_measures
from .dates import phases
from .outliers import Usual, usual_of

# Different words of a stream's column are counted up to this number.
MOST_WORDS_COUNTED = 1_000_000
# Different numbers of a stream's target are counted up to this number.
MOST_NUMBERS_COUNTED = 1000
# Names of columns that number rows or things: id, customer_id, orderId, OrderID, Nr, invoice no.
_NUMBER_OF_ROW = re.compile(
    r"(?i:(?:^|[\W_])(?:id|ids|uid|uuid|guid|idx|index|key|nr|no|number|rowid)\W*$)|[a-z]I[dD]$"
)


@dataclass(slots=True)
class Summary:
    """The statistics of a column's values.

    ``count`` and ``missing``: rows with a value and without, by weight. ``unit``: what numbers are
    divided by before they are squared; ``unit_mean`` and ``unit_squares`` (about the mean) are in
    that unit. ``values``: how often each word of a text column, and each number of a target, is
    there; None where they are not counted. ``phases``: the extremes of a date's places in its
    cycles. ``distinct``: all values are whole numbers of which none is there twice. ``gap``: the
    number that stands for no value, in ``gaps`` rows; ``cut``: some numbers were, and ``far`` rows
    are so far from all others that a line tells of the first, ``striking``; see ``outliers``.
    """

    name: str
    kind: str
    count: float = 0
    missing: float = 0
    unit: float = 1.0
    unit_mean: float = 0.0
    unit_squares: float = 0.0
    low: float = inf
    high: float = -inf
    whole: bool = True
    distinct: bool = False
    gap: float | None = None
    gaps: int = 0
    cut: bool = False
    striking: float | None = None
    far: int = 0
    values: Counter[Any] | None = field(default_factory=Counter)
    phases: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """The mean of the values."""
        return self.unit_mean * self.unit

    @property
    def deviation(self) -> float:
        """The standard deviation (1/m) of the values."""
        return sqrt(self.unit_squares / self.count) * self.unit

    @property
    def rows(self) -> float:
        """The number of rows, by weight."""
        return self.count + self.missing

    @property
    def counts_rows(self) -> bool:
        """Whether the values look like a number of each row: different, and dense or called so."""
        dense = self.high - self.low < 2.0 * self.count
        named = _NUMBER_OF_ROW.search(self.name) is not None
        return self.distinct and not self.missing and self.count >= 20 and (dense or named)

    def merge(self, other: Summary) -> None:
        """Add the statistics of rows that follow; both summaries have one unit.

        Raises ValueError for columns of two kinds.
        """
        if other.kind != self.kind and "empty" not in (self.kind, other.kind):
            raise ValueError(
                f"column {self.name!r} is {self.kind} in one file and {other.kind} in another"
            )
        self.kind = other.kind if self.kind == "empty" else self.kind
        apart = self.high < other.low or other.high < self.low
        self.distinct = self.distinct and other.distinct and apart
        m = self.count + other.count
        if other.count:
            delta = other.unit_mean - self.unit_mean
            self.unit_mean += delta * (other.count / m)
            self.unit_squares += other.unit_squares
            self.unit_squares += delta * delta * (self.count * (other.count / m))
        self.count, self.missing = m, self.missing + other.missing
        self.gap = self.gap if other.gap is None else other.gap
        self.gaps += other.gaps
        self.cut, self.far = self.cut or other.cut, self.far + other.far
        self.striking = other.striking if self.striking is None else self.striking
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.whole = self.whole and other.whole
        for cycle, (low, high) in other.phases.items():
            least, greatest = self.phases.get(cycle, (low, high))
            self.phases[cycle] = (min(least, low), max(greatest, high))
        self._merge_values(other)

    def _merge_values(self, other: Summary) -> None:
        if self.values is None or other.values is None:
            self.values = None
            return
        self.values.update(other.values)
        limit = MOST_WORDS_COUNTED if self.kind == "text" else MOST_NUMBERS_COUNTED
        if len(self.values) > limit:
            self.values = None


def summarise(
    column: Column,
    target: bool = False,
    weights: npt.NDArray[np.float64] | None = None,
    unit: float | None = None,
    usual: Usual | None = None,
) -> Summary:
    """Sum up a column. Raises ValueError for infinity, naming the column and the rows.

    ``usual``: leave out the number that stands for a gap, and cut outliers, see ``outliers``.
    ``target``: count different numbers too. ``weights`` (m,): how often each row counts.
    ``unit``: see ``Summary``; by default the greatest number, so that no square overflows.
    """
    if weights is not None:
        column = column.take(weights > 0)
        weights = weights[weights > 0]
    present = ~column.missing
    summary = Summary(column.name, column.kind, values=None)
    summary.count = _total(present, weights)
    summary.missing = _total(~present, weights)
    counts = None if weights is None else weights[present]
    if column.kind == "text":
        summary.values = _counted(column.values[present].tolist(), counts)
        return summary
    numbers = as_measures(column)[present]
    if not summary.count:
        summary.kind = "empty"
        return summary
    if usual is not None:
        numbers = _without_outliers(summary, numbers, usual)
        if not summary.count:
            return summary
    _sum_up(summary, numbers, counts, unit)
    if target and column.exact is not None:
        summary.values = _counted(column.exact[present].tolist(), counts)
    elif target:
        summary.values = _counted(numbers.tolist(), counts)
    return summary


def _total(rows: npt.NDArray[np.bool_], weights: Array | None) -> float:
    return int(rows.sum()) if weights is None else float(weights[rows].sum())


def _counted(values: list[Any], weights: Array | None) -> Counter[Any]:
    if weights is None:
        return Counter(values)
    counter: Counter[Any] = Counter()
    for value, weight in zip(values, weights.tolist(), strict=True):
        counter[value] += weight
    return counter


def _without_outliers(summary: Summary, numbers: Array, usual: Usual) -> Array:
    """Return numbers without gaps, and with outliers cut; the summary notes both."""
    summary.gap = usual.gap
    if usual.gap is not None:
        summary.gaps = int((numbers == usual.gap).sum())
        summary.count, summary.missing = (
            summary.count - summary.gaps,
            summary.missing + summary.gaps,
        )
        numbers = numbers[numbers != usual.gap]
    far = usual.far(numbers)
    summary.striking, summary.far = float(far[0]) if len(far) else None, len(far)
    low, high = usual.fences
    summary.cut = bool(len(numbers)) and bool(numbers.min() < low or numbers.max() > high)
    return numbers.clip(low, high) if summary.cut else numbers


def _sum_up(summary: Summary, numbers: Array, weights: Array | None, unit: float | None) -> None:
    """Add the statistics of numbers to a summary."""
    summary.low, summary.high = float(numbers.min()), float(numbers.max())
    greatest = max(abs(summary.low), abs(summary.high))
    summary.unit = (greatest or 1.0) if unit is None else unit
    scaled = numbers / summary.unit
    mean = scaled.mean() if weights is None else weights @ scaled / summary.count
    with np.errstate(over="ignore"):
        squares = (scaled - mean) ** 2
        total = squares.sum() if weights is None else weights @ squares
    summary.unit_mean, summary.unit_squares = float(mean), float(total)
    summary.whole = bool((numbers == np.floor(numbers)).all())
    if summary.kind == "integer":
        increasing = bool((np.diff(numbers) > 0).all())
        summary.distinct = increasing or np.unique(numbers).size == len(numbers)
    if summary.kind == "date":
        summary.phases = phases(numbers)


def summaries(
    rows: Columns,
    target: str = "",
    unit: float | None = None,
    usual: Mapping[str, Usual] = MappingProxyType({}),
) -> dict[str, Summary]:
    """Sum up every column; see ``summarise``."""
    return {
        name: summarise(column, name == target, None, unit, usual.get(name))
        for name, column in rows.items()
    }


def usual_values(rows: Columns) -> dict[str, Usual]:
    """Return what is usual of each column of numbers or dates."""
    usual = {}
    for name, column in rows.items():
        if column.kind in ("integer", "float", "date"):
            finite = column.values[np.isfinite(column.values)]
            usual[name] = usual_of(finite, column.kind == "date")
    return usual


def merged(pieces: Iterable[Mapping[str, Summary]]) -> dict[str, Summary]:
    """Merge summaries in their order. Raises ValueError as ``Summary.merge`` does."""
    whole: dict[str, Summary] = {}
    for piece in pieces:
        for name, summary in piece.items():
            if name in whole:
                whole[name].merge(summary)
            else:
                whole[name] = summary
    return whole
