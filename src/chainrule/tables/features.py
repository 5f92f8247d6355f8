"""Features: how one column becomes numbers between about -3 and 3, and the record that says so.

A number is standardised: (x - mean) / scale. A truth value is 0 or 1. A date is standardised days,
and sin and cos of its cycles. A category is one-hot: one place for each word seen in training, and
one for all rare ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from . import dates
from .column_summary import Summary, summarise
from .columns import Column, as_days, as_numbers, as_text, rows_text
from .lookalikes import meant

Kind = Literal["number", "boolean", "date", "category"]

# A word has a place of its own if it is in at least so many rows of the training part ...
FEWEST_ROWS: Final = 2
# ... and among so many of the most frequent words.
MOST_WORDS: Final = 100

OTHER: Final = "(other)"
MISSING: Final = "(missing)"

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Feature:
    """How one column is encoded.

    A missing number, truth value or date becomes ``mean``, and with ``missing`` an indicator says
    so. ``words`` are a date's cycles, see ``dates``. They are a category's places, and ``shares``
    how often each was in the training part. With
    ``other`` a further place is for every other word, with ``missing`` one for rows without a word;
    without them such rows take the shares, as a missing number takes the mean.
    """

    name: str
    kind: Kind
    mean: float = 0.0
    scale: float = 1.0
    missing: bool = False
    words: tuple[str, ...] = ()
    other: bool = False
    shares: tuple[float, ...] = ()

    @property
    def names(self) -> list[str]:
        """Return the name of each place."""
        if self.kind != "category":
            dated = self.kind == "date"
            names = dates.names_of(self.name, self.words) if dated else [self.name]
            return names + ([f"{self.name}={MISSING}"] if self.missing else [])
        extra = [OTHER] * self.other + [MISSING] * self.missing
        return [f"{self.name}={word}" for word in (*self.words, *extra)]

    @property
    def cycles(self) -> tuple[float, ...]:
        """Return the lengths of a date's cycles, in days."""
        return tuple(dates.CYCLES[word] for word in self.words) if self.kind == "date" else ()

    @property
    def constant(self) -> bool:
        """Say whether every row of the training part was encoded alike."""
        if self.missing:
            return False
        if self.kind in ("number", "date"):
            return self.scale == 0
        return self.mean in (0, 1) if self.kind == "boolean" else self.width == 1

    @property
    def width(self) -> int:
        """Return the number of places."""
        if self.kind != "category":
            return 1 + 2 * len(self.cycles) + self.missing
        return len(self.words) + self.other + self.missing


@dataclass(frozen=True, slots=True)
class Encoded:
    """A column's places (m, width), float64, and what the user should hear about it."""

    values: Array
    warnings: list[str]


def fit_feature(
    column: Column, weights: npt.NDArray[np.float64] | None = None
) -> tuple[Feature | None, list[str]]:
    """Work out how to encode a column from its values in the training part; see ``fit_summary``."""
    return fit_summary(summarise(column, weights=weights))


def fit_summary(summary: Summary) -> tuple[Feature | None, list[str]]:
    """Work out how to encode a column from its summary; return the feature and the notes.

    Returns no feature for a column of words none of which is in ``FEWEST_ROWS`` rows.
    Raises ValueError for a column without any value, and for numbers too large to be squared.
    """
    if not summary.count:
        raise ValueError(
            f"column {summary.name!r} has no value in any row that is trained on: "
            f"leave it out with --drop {quoted(summary.name)}"
        )
    if summary.kind == "text":
        return _fit_category(summary)
    if not isfinite(summary.unit_squares):
        raise ValueError(
            f"column {summary.name!r} holds numbers too large to be squared: scale them"
        )
    fits = {"boolean": _fit_boolean, "date": _fit_date}
    return fits.get(summary.kind, _fit_number)(summary)


def quoted(name: str) -> str:
    """Return a column's name as a shell wants it."""
    return f"'{name}'" if " " in name else name


def _fit_number(summary: Summary) -> tuple[Feature, list[str]]:
    gaps = summary.missing > 0
    if summary.low == summary.high or summary.deviation == 0:
        # Without a spread to divide by, scale 0 stands for "this column says nothing".
        return Feature(summary.name, "number", summary.low, 0.0, gaps), []
    notes = []
    if summary.counts_rows:
        notes.append(
            f"column {summary.name!r} looks like a number of each row: if it is, leave it out with "
            f"--drop {quoted(summary.name)}"
        )
    return Feature(summary.name, "number", summary.mean, summary.deviation, gaps), notes


def _fit_boolean(summary: Summary) -> tuple[Feature, list[str]]:
    return Feature(summary.name, "boolean", summary.mean, 1.0, summary.missing > 0), []


def _fit_date(summary: Summary) -> tuple[Feature, list[str]]:
    gaps = summary.missing > 0
    if summary.low == summary.high or summary.deviation == 0:
        return Feature(summary.name, "date", summary.low, 0.0, gaps), []
    cycles = dates.cycles_of(summary.low, summary.high, summary.phases)
    feature = Feature(
        summary.name, "date", summary.mean, summary.deviation, gaps, words=tuple(cycles)
    )
    return feature, [dates.description(summary.name, cycles)]


def _fit_category(summary: Summary) -> tuple[Feature | None, list[str]]:
    if summary.values is None:
        return None, [
            f"column {summary.name!r} is left out: it has more different words than are counted, "
            "so it looks like a name of each row"
        ]
    counts = summary.values
    words = sorted(word for word, n in counts.items() if n >= FEWEST_ROWS)
    alike = meant(sorted(counts))
    if not words:
        return None, [
            f"column {summary.name!r} is left out: each of its {len(counts)} words occurs only "
            f"once, so it cannot help predict new rows{alike}"
        ]
    if len(words) > MOST_WORDS:
        words = sorted(sorted(words, key=lambda word: -counts[word])[:MOST_WORDS])
    others = summary.count - sum(counts[word] for word in words)
    tail = [others] * (others > 0) + [summary.missing] * (summary.missing > 0)
    shares = np.array([*(counts[word] for word in words), *tail]) / summary.rows
    notes = []
    if len(counts) > MOST_WORDS:
        notes.append(
            f"column {summary.name!r} has {len(counts)} different words: the {len(words)} most "
            f"frequent have a place of their own, the rest ({round(others)} rows) share one"
        )
    if alike:
        notes.append(f"column {summary.name!r} is treated as categories{alike}")
    feature = Feature(
        name=summary.name,
        kind="category",
        missing=summary.missing > 0,
        words=tuple(words),
        other=others > 0,
        shares=tuple(shares.tolist()),
    )
    return feature, notes


def encode_feature(feature: Feature, column: Column) -> Encoded:
    """Encode a column. Raises ValueError, naming column and row, for text in place of a number.

    Words and gaps that training never saw are encoded as the average row, with a warning.
    """
    if feature.kind == "category":
        return _encode_category(feature, column)
    read = {"boolean": _truths, "date": as_days}.get(feature.kind, as_numbers)
    values = read(column)
    gaps = np.isnan(values)
    if feature.missing:
        return Encoded(np.column_stack([_places(feature, values), gaps.astype(np.float64)]), [])
    warnings = []
    if gaps.any():
        dated = feature.kind == "date"
        mean = dates.written(float(round(feature.mean))) if dated else f"{feature.mean:.6g}"
        warnings.append(
            f"column {feature.name!r} is missing in {rows_text(np.flatnonzero(gaps))}, which it "
            f"never was in training: its mean there, {mean}, is used"
        )
    return Encoded(_places(feature, values), warnings)


def _places(feature: Feature, values: Array) -> Array:
    """Return the places of numbers, truth values or days without the one for gaps. (m, width)."""
    if feature.kind == "boolean":
        return np.where(np.isnan(values), feature.mean, values)[:, None]
    standard = np.where(np.isnan(values), 0.0, _standardised(feature, values))
    if feature.kind == "number":
        return standard[:, None]
    return np.column_stack([standard, dates.circles(values, feature.cycles)])


def _standardised(feature: Feature, values: Array) -> Array:
    """Return (x - mean) / scale; halves keep the difference of two huge numbers finite."""
    if feature.scale == 0:
        return np.zeros(len(values))
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray((values * 0.5 - feature.mean * 0.5) / feature.scale * 2.0)


def _truths(column: Column) -> Array:
    """Read truth values, also where a file has them as 0 and 1 or as words."""
    if column.kind != "text":
        strange = np.flatnonzero(~np.isnan(column.values) & ~np.isin(column.values, (0, 1)))
        truths = column.values
    else:
        known = {None: np.nan, "true": 1.0, "false": 0.0}
        words = [w if w is None else w.strip().lower() for w in column.values.tolist()]
        truths = np.array([known.get(w, -1.0) for w in words])
        strange = np.flatnonzero(truths == -1)
    if strange.size:
        raise ValueError(
            f"column {column.name!r} holds true or false, but row {strange[0] + 1} has "
            f"{as_text(column)[strange[0]]!r}: give true, false or leave the field empty"
        )
    return truths


def _encode_category(feature: Feature, column: Column) -> Encoded:
    words = as_text(column).tolist()
    n = len(feature.words)
    place = {word: i for i, word in enumerate(feature.words)}
    unseen = n if feature.other else -1
    gap = n + feature.other if feature.missing else -1
    places = np.array([gap if w is None else place.get(w, unseen) for w in words], np.int64)
    values = np.zeros((len(words), feature.width))
    rows = np.flatnonzero(places >= 0)
    values[rows, places[rows]] = 1.0
    average = np.flatnonzero(places < 0)
    values[average] = feature.shares
    return Encoded(values, _unknown(feature, words))


def _unknown(feature: Feature, words: list[Any]) -> list[str]:
    """Say which words have no place of their own, and which gaps have none."""
    known = {None, *feature.words}
    warnings = []
    strange = sorted(set(words) - known)
    if strange:
        listed = ", ".join(map(repr, strange[:5])) + (", ..." if len(strange) > 5 else "")
        rows = np.array([i for i, word in enumerate(words) if word not in known])
        seen, how = ("never", "the average of the known ones")
        if feature.other:
            seen, how = ("rarely or never", "the rare ones were")
        warnings.append(
            f"column {feature.name!r} has {listed} in {rows_text(rows)}, {seen} seen in training: "
            f"encoded as {how}"
        )
    gaps = np.array([i for i, word in enumerate(words) if word is None], np.int64)
    if gaps.size and not feature.missing:
        warnings.append(
            f"column {feature.name!r} is missing in {rows_text(gaps)}, which it never was in "
            "training: encoded as the average of the known ones"
        )
    return warnings
