"""Features: how one column becomes numbers between about -3 and 3, and the record that says so.

A number is standardised: (x - mean) / scale. A truth value is 0 or 1. A date is standardised days,
and sin and cos of its cycles. A category is one-hot: one place for each word seen in training, and
one for all rare ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from . import dates
from .columns import Column, as_days, as_numbers, as_text, rows_text
from .lookalikes import meant
from .target import moments

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


def fit_feature(column: Column) -> tuple[Feature | None, list[str]]:
    """Work out how to encode a column from its values in the training part, and what to say of it.

    Returns no feature for a column of words none of which is in ``FEWEST_ROWS`` rows.
    Raises ValueError for a column without any value, and for infinity.
    """
    if column.missing.all():
        raise ValueError(
            f"column {column.name!r} has no value in any row that is trained on: "
            f"leave it out with --drop {quoted(column.name)}"
        )
    fits = {"text": _fit_category, "boolean": _fit_boolean, "date": _fit_date}
    return fits.get(column.kind, _fit_number)(column)


def quoted(name: str) -> str:
    """Return a column's name as a shell wants it."""
    return f"'{name}'" if " " in name else name


def _fit_number(column: Column) -> tuple[Feature, list[str]]:
    values = as_numbers(column)
    present = values[~np.isnan(values)]
    missing = len(present) < len(values)
    mean, scale = moments(present)
    if present.min() == present.max() or scale == 0:
        # Without a spread to divide by, scale 0 stands for "this column says nothing".
        return Feature(column.name, "number", float(present[0]), 0.0, missing), []
    notes = []
    if column.kind == "integer" and not missing and _counts_rows(values):
        notes.append(
            f"column {column.name!r} looks like a number of each row: if it is, leave it out with "
            f"--drop {quoted(column.name)}"
        )
    return Feature(column.name, "number", mean, scale, missing), notes


def _counts_rows(values: Array) -> bool:
    """Say whether whole numbers are all different and nearly without gaps, in a larger table."""
    m = len(values)
    return m >= 20 and np.unique(values).size == m and float(np.ptp(values)) < 2.0 * m


def _fit_boolean(column: Column) -> tuple[Feature, list[str]]:
    present = column.values[~column.missing]
    missing = len(present) < len(column.values)
    return Feature(column.name, "boolean", float(present.mean()), 1.0, missing), []


def _fit_date(column: Column) -> tuple[Feature, list[str]]:
    present = column.values[~column.missing]
    low, high = float(present.min()), float(present.max())
    gaps = len(present) < len(column.values)
    return date_feature(column.name, low, high, *moments(present), gaps, dates.phases(present))


def date_feature(
    name: str,
    low: float,
    high: float,
    mean: float,
    scale: float,
    missing: bool,
    phases: dict[str, tuple[float, float]],
) -> tuple[Feature, list[str]]:
    """Return how dates from ``low`` to ``high`` are encoded, and what to say of it."""
    if low == high or scale == 0:
        return Feature(name, "date", low, 0.0, missing), []
    cycles = dates.cycles_of(low, high, phases)
    return Feature(name, "date", mean, scale, missing, tuple(cycles)), [dates.said(name, cycles)]


def _fit_category(column: Column) -> tuple[Feature | None, list[str]]:
    present = column.values[~column.missing].tolist()
    found, counts = np.unique(np.array(present, object), return_counts=True)
    frequent = np.flatnonzero(counts >= FEWEST_ROWS)
    if not frequent.size:
        return None, [
            f"column {column.name!r} is left out: each of its {len(found)} words is in one row "
            f"only, which tells nothing about a new row{meant(found.tolist())}"
        ]
    if frequent.size > MOST_WORDS:
        order = np.argsort(-counts[frequent], kind="stable")[:MOST_WORDS]
        frequent = np.sort(frequent[order])
    m, kept = len(column.values), int(counts[frequent].sum())
    others, missing = len(present) - kept, m - len(present)
    words = tuple(found[frequent].tolist())
    tail = [others] * (others > 0) + [missing] * (missing > 0)
    shares = np.array([*counts[frequent].tolist(), *tail]) / m
    notes = []
    if len(found) > MOST_WORDS:
        notes.append(
            f"column {column.name!r} has {len(found)} different words: the {len(words)} most "
            f"frequent have a place of their own, the rest ({others} rows) share one"
        )
    alike = meant(found.tolist())
    if alike:
        notes.append(f"column {column.name!r} is taken for words{alike}")
    feature = Feature(
        name=column.name,
        kind="category",
        missing=missing > 0,
        words=words,
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
