"""The encoder: from a table's columns to the matrix a network takes, with a state to save.

It is fitted on the rows trained on alone, and later finds its columns by name, in any order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..typing import Array
from . import dates, encoder_state, number_words
from .column_summary import Summary, summaries, usual_values
from .columns import Column, Columns, as_days, as_numbers, require
from .feature_encoding import beyond, cut, encode_feature
from .features import Feature, Note, fit_summary, sentences_of
from .row_weights import Weights, by_weight

_SENTENCES: Final = {
    "number": "x is standardised: numbers are shifted and scaled to mean 0, deviation 1.",
    "category": "A word is 1 in the input of its name, and 0 in the others of its column.",
    "date": "A date is its day, and sine and cosine of its place in year, week or day.",
}


@dataclass(frozen=True, slots=True)
class Encoder:
    """How every column is encoded. ``notes``: messages for the user."""

    features: tuple[Feature, ...]
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def fit(
        cls, columns: Columns, numbers: Collection[str] = (), weights: Weights = None
    ) -> Encoder:
        """Work out the encoding from the rows trained on (``columns`` without the target).

        ``numbers``: columns that the user calls numbers, even if they look like a number of each
        row. ``weights`` (m,): of rows, above 0; in means, deviations and shares of words.
        Raises ValueError for a table without a column that can help, and for infinity.
        """
        usual = usual_values(columns)
        encoder = cls.of_summaries(summaries(columns, usual=usual), numbers=numbers)
        if weights is None:
            return encoder
        features = [by_weight(one, columns[one.name], weights) for one in encoder.features]
        return replace(encoder, features=tuple(features))

    @classmethod
    def of_summaries(
        cls,
        columns: Mapping[str, Summary],
        dropped: Iterable[str] = (),
        numbers: Collection[str] = (),
    ) -> Encoder:
        """Work out the encoding from the summary of each column; see ``fit``.

        ``dropped``: names of columns that the user left out.
        """
        features: list[Feature] = []
        counting: list[Feature] = []
        notes: list[Note] = []
        for summary in columns.values():
            feature, remarks = fit_summary(summary, summary.name in numbers)
            if feature is not None and feature.constant:
                feature, remarks = None, [Note("constant", summary.name)]
            if any(note.topic == "counting" for note in remarks) and feature is not None:
                counting.append(feature)
            elif feature is not None:
                features.append(feature)
            notes += remarks
        if not features:
            # A number of each row is better than nothing.
            features, notes = counting, [note for note in notes if note.topic != "counting"]
        if not features:
            raise _nothing_left(notes, len(columns))
        taken = {feature.name for feature in features}
        left_out = (name for name in columns if name not in taken)
        return cls(tuple(features), (*left_out, *dropped), sentences_of(notes))

    @property
    def names(self) -> list[str]:
        """Return the names of the columns it takes."""
        return [feature.name for feature in self.features]

    @property
    def width(self) -> int:
        """Return the number of columns of the matrix."""
        return sum(feature.width for feature in self.features)

    @property
    def feature_names(self) -> list[str]:
        """Return the name of each column of the matrix: ``age``, ``city=Bern``, ..."""
        return [name for feature in self.features for name in feature.names]

    @property
    def categories(self) -> list[str]:
        """Return the names of the columns of words, which a CSV file may write like numbers."""
        return [feature.name for feature in self.features if feature.kind == "category"]

    @property
    def sentences(self) -> list[str]:
        """Say, a sentence for each kind of column, what the matrix's numbers are."""
        # A number with mean 0 and scale 1 is as it was given.
        changed = [f for f in self.features if f.kind != "number" or (f.mean, f.scale) != (0, 1)]
        kinds = {feature.kind for feature in changed}
        return [sentence for kind, sentence in _SENTENCES.items() if kind in kinds]

    def transform(self, columns: Columns, dtype: Any = np.float64) -> Array:
        """Encode a table: (m, n), C-contiguous, of ``dtype``; see ``encode``."""
        return self.encode(columns, dtype)[0]

    def encode(
        self, columns: Columns, dtype: Any = np.float64, unlike: bool = True
    ) -> tuple[Array, list[str]]:
        """Encode a table: (m, n), C-contiguous, of ``dtype``; and the warnings to show.

        Numbers beyond all those trained on are cut, see ``Feature``, with a warning if ``unlike``.
        Raises ValueError for a column that is not there (with the nearest name), for text in place
        of a number, and for infinity.
        """
        warnings: list[str] = []
        out = np.empty((columns.m, self.width), dtype)
        place = 0
        for feature in self.features:
            column = self._find(columns, feature)
            encoded = encode_feature(feature, column)
            with np.errstate(over="ignore", under="ignore"):
                out[:, place : place + feature.width] = encoded.values
            cut(feature, out[:, place])
            _check_finite(out[:, place : place + feature.width], column)
            place += feature.width
            warnings += encoded.warnings
        return out, warnings + (self._unlike_warnings(columns) if unlike else [])

    def unlike(self, columns: Columns) -> npt.NDArray[np.bool_]:
        """Say for each row whether a number in it is beyond all those trained on. Shape (m,)."""
        rows = np.zeros(columns.m, np.bool_)
        for feature in self._bounded:
            rows |= beyond(feature, self._find(columns, feature))
        return rows

    @property
    def _bounded(self) -> list[Feature]:
        return [feature for feature in self.features if feature.bounded]

    def _unlike_warnings(self, columns: Columns) -> list[str]:
        """Say, in one sentence, which rows have numbers beyond all those trained on."""
        examples = []
        rows = np.zeros(columns.m, np.bool_)
        for feature in self._bounded:
            column = self._find(columns, feature)
            far = np.flatnonzero(beyond(feature, column))
            rows[far] = True
            if far.size:
                dated = feature.kind == "date"
                value = float((as_days if dated else as_numbers)(column)[far[0]])
                write = dates.written if dated else number_words.written
                end = write(feature.nearest(value))
                examples.append(f"{feature.name} {write(value)} beyond {end}")
        if not examples:
            return []
        where = column.where(np.flatnonzero(rows))
        listed = ", ".join(examples[:3]) + (", ..." if len(examples) > 3 else "")
        verb = "is" if rows.sum() == 1 else "are"
        return [
            f"{where} {verb} unlike all rows trained on ({listed}): numbers are cut to the range "
            "known, and the prediction is a guess"
        ]

    def _find(self, columns: Columns, feature: Feature) -> Column:
        return columns[require(columns, feature.name, "the table")]

    def extra(self, columns: Iterable[str], *known: str) -> list[str]:
        """Return the columns of a table that are neither taken, left out in training nor known."""
        expected = {*self.names, *self.left_out, *known}
        return [name for name in columns if name not in expected]

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the encoder as JSON and arrays; see ``encoder_state``."""
        return encoder_state.state_of(self.features, self.left_out)

    @classmethod
    def from_state(cls, state: Any, arrays: Mapping[str, Array]) -> Encoder:
        """Build an encoder from what ``state`` returned; see ``encoder_state.features_of``."""
        return cls(*encoder_state.features_of(state, arrays))


def _nothing_left(notes: Sequence[Note], columns: int) -> ValueError:
    if columns and sum(note.topic == "constant" for note in notes) == columns:
        return ValueError(
            "every column beside the target is constant in the rows trained on: there is "
            "nothing to learn from"
        )
    reasons = "".join(f"; {sentence}" for sentence in sentences_of(notes))
    return ValueError(f"no column is left to learn from beside the target{reasons}")


def _check_finite(values: Array, column: Column) -> None:
    rows, _ = np.nonzero(~np.isfinite(values))
    if rows.size:
        raise ValueError(
            f"column {column.name!r} in {column.where(np.unique(rows))} is too far from the values "
            f"trained on to compute with ({column.values[rows[0]]:g}): is it right?"
        )
