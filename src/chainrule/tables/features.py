"""Features: how one column becomes numbers between about -3 and 3, and the record that says so.

A number is standardised: (x - mean) / scale. A truth value is 0 or 1. A date is standardised days,
and sin and cos of its cycles. A category is one-hot: one place for each word seen in training, and
one for all rare ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from . import dates, number_words
from .column_summary import Summary, summarise
from .columns import Column
from .lookalikes import meant

Kind = Literal["number", "boolean", "date", "category"]

# A word has a place of its own if it is in at least this many rows of the training part ...
FEWEST_ROWS: Final = 2
# ... and among this many of the most frequent words.
MOST_WORDS: Final = 100

OTHER: Final = "(other)"
MISSING: Final = "(missing)"


@dataclass(frozen=True, slots=True)
class Feature:
    """How one column is encoded.

    A missing number, truth value or date becomes ``mean``, and with ``missing`` an indicator says
    so; so does ``gap``, a number that stands for none. Numbers beyond ``low`` and ``high`` are cut:
    nothing like them was trained on. ``words`` are a date's cycles, see ``dates``, or a category's
    places, and ``shares`` how often each was in the training part. With ``other`` a further place
    is for every other word, with ``missing`` one for rows without a word;
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
    low: float = -inf
    high: float = inf
    gap: float | None = None

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
    def bounded(self) -> bool:
        """Whether numbers beyond some end are cut."""
        measured = self.kind in ("number", "date") and self.scale > 0
        return measured and (self.low > -inf or self.high < inf)

    def nearest(self, value: float) -> float:
        """Return the number in the range known that is nearest to a value."""
        return min(max(value, self.low), self.high)

    @property
    def width(self) -> int:
        """Return the number of places."""
        if self.kind != "category":
            return 1 + 2 * len(self.cycles) + self.missing
        return len(self.words) + self.other + self.missing


# Numbers are cut where they lie further beyond all those trained on than this share of their range.
MARGIN: Final = 0.1


@dataclass(frozen=True, slots=True)
class Note:
    """A message on a column; those of one ``topic`` are put together, see ``NOTES``."""

    topic: str
    text: str


# How the notes of one topic are said; topics that are not here have a line for each note.
NOTES: Final = {
    "empty": "without a value, so left out: {}",
    "constant": "the same in every row, so left out: {}",
    "counting": "a number of each row, so left out (--number COLUMN keeps one): {}",
    "gap": "read as no value, being far from all others: {}",
    "striking": "far from all other values, so cut: {}",
}


def sentences_of(notes: Sequence[Note]) -> tuple[str, ...]:
    """Return the messages of notes, those of one topic in one sentence."""
    sentences = {}
    for note in notes:
        pattern = NOTES.get(note.topic)
        if pattern is None:
            sentences[note.text] = note.text
            continue
        texts = [other.text for other in notes if other.topic == note.topic]
        listed = ", ".join(texts[:10]) + (", ..." if len(texts) > 10 else "")
        sentences[note.topic] = pattern.format(listed)
    return tuple(sentences.values())


def fit_feature(
    column: Column, weights: npt.NDArray[np.float64] | None = None
) -> tuple[Feature | None, list[str]]:
    """Work out how to encode a column from its values in the training part, and what to say of it.

    Outliers are not cut. Raises ValueError for a column without any value.
    """
    if column.missing.all():
        raise ValueError(
            f"column {column.name!r} has no value in any row that is trained on: "
            f"leave it out with --drop {quoted(column.name)}"
        )
    feature, notes = fit_summary(summarise(column, weights=weights))
    if feature is not None and feature.kind == "number":
        feature = replace(feature, low=-inf, high=inf)
    return feature, [note.text for note in notes]


def fit_summary(summary: Summary, number: bool = False) -> tuple[Feature | None, list[Note]]:
    """Work out how to encode a column from its summary; return the feature and the notes.

    Returns no feature for a column that cannot help: without a value, constant, or of words none
    of which is in ``FEWEST_ROWS`` rows. ``number``: the user says it is one, and none of each row.
    Raises ValueError for numbers too large to be squared.
    """
    if not summary.count:
        return None, [Note("empty", summary.name)]
    if summary.kind == "text":
        return _fit_category(summary)
    if not isfinite(summary.unit_squares):
        raise ValueError(
            f"column {summary.name!r} holds numbers too large to be squared: scale them"
        )
    if summary.kind == "boolean":
        return _fit_boolean(summary), []
    if summary.kind == "date":
        return _fit_date(summary)
    return _fit_number(summary, number)


def quoted(name: str) -> str:
    """Return a column's name as a shell wants it."""
    return f"'{name}'" if " " in name else name


def _fit_number(summary: Summary, number: bool) -> tuple[Feature | None, list[Note]]:
    name, gaps = summary.name, summary.missing > 0
    if summary.low == summary.high or summary.deviation == 0:
        # Without a spread to divide by, scale 0 stands for "this column says nothing".
        return Feature(name, "number", summary.low, 0.0, gaps), []
    if summary.counts_rows and not number:
        return Feature(name, "number", summary.mean, summary.deviation), [Note("counting", name)]
    margin = 0.0 if summary.cut else MARGIN * (summary.high - summary.low)
    low, high = summary.low - margin, summary.high + margin
    feature = Feature(
        name,
        "number",
        summary.mean,
        summary.deviation,
        gaps,
        low=low if isfinite(low) else summary.low,
        high=high if isfinite(high) else summary.high,
        gap=summary.gap,
    )
    return feature, _outlier_notes(summary)


def _outlier_notes(summary: Summary) -> list[Note]:
    """Say which number stands for a gap, and which are cut."""
    notes, write = [], dates.written if summary.kind == "date" else number_words.written
    if summary.gap is not None:
        count = _rows(summary.gaps)
        notes.append(Note("gap", f"{write(summary.gap)} in {count} of {summary.name!r}"))
    if summary.striking is not None:
        count, first = _rows(summary.far), summary.striking
        end = summary.high if first > summary.high else summary.low
        what = f"{write(first)} in {count} of {summary.name!r} (to {write(end)})"
        notes.append(Note("striking", what))
    return notes


def _rows(count: int) -> str:
    return f"{count} rows" if count != 1 else "one row"


def _fit_boolean(summary: Summary) -> Feature:
    return Feature(summary.name, "boolean", summary.mean, 1.0, summary.missing > 0)


def _fit_date(summary: Summary) -> tuple[Feature, list[Note]]:
    gaps = summary.missing > 0
    if summary.low == summary.high or summary.deviation == 0:
        return Feature(summary.name, "date", summary.low, 0.0, gaps), []
    cycles = dates.cycles_of(summary.low, summary.high, summary.phases)
    ends = (summary.low, summary.high) if summary.cut else (-inf, inf)
    feature = Feature(
        summary.name,
        "date",
        summary.mean,
        summary.deviation,
        gaps,
        words=tuple(cycles),
        low=ends[0],
        high=ends[1],
        gap=summary.gap,
    )
    note = Note("date", dates.description(summary.name, cycles))
    return feature, [note, *_outlier_notes(summary)]


def _fit_category(summary: Summary) -> tuple[Feature | None, list[Note]]:
    if summary.values is None:
        return None, [
            Note(
                "names",
                f"column {summary.name!r} is left out: it has more different words than are "
                "counted, so it looks like a name of each row",
            )
        ]
    counts = summary.values
    words = sorted(word for word, n in counts.items() if n >= FEWEST_ROWS)
    alike = meant(sorted(counts))
    if not words:
        sentence = (
            f"column {summary.name!r} is left out: each of its {len(counts)} words occurs only "
            f"once, so it cannot help predict new rows{alike}"
        )
        return None, [Note("names", sentence)]
    if len(words) > MOST_WORDS:
        words = sorted(sorted(words, key=lambda word: -counts[word])[:MOST_WORDS])
    others = summary.count - sum(counts[word] for word in words)
    tail = [others] * (others > 0) + [summary.missing] * (summary.missing > 0)
    shares = np.array([*(counts[word] for word in words), *tail]) / summary.rows
    notes = []
    if len(counts) > MOST_WORDS:
        rest = f"column {summary.name!r} has {len(counts)} different words: the {len(words)} most "
        rest += f"frequent have a place of their own, the rest ({round(others)} rows) share one"
        notes.append(Note("words", rest))
    if alike:
        notes.append(Note("alike", f"column {summary.name!r} is treated as categories{alike}"))
    feature = Feature(
        name=summary.name,
        kind="category",
        missing=summary.missing > 0,
        words=tuple(words),
        other=others > 0,
        shares=tuple(shares.tolist()),
    )
    return feature, notes
