"""The encoder: from a table's columns to the matrix a network takes, with a state to save.

It is fitted on the rows trained on alone, and later finds its columns by name, in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, get_args

import numpy as np
import numpy.typing as npt

from .column_summary import Summary, summaries
from .columns import Column, Columns, require, rows_text
from .dates import CYCLES
from .features import Feature, Kind, encode_feature, fit_summary

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

# What a feature's record has in JSON; numbers are in the arrays, which keep every bit.
_FIELDS: Final = {"name": str, "kind": str, "missing": bool, "words": list, "other": bool}
_SENTENCES: Final = {
    "number": "x is standardised: numbers are shifted and scaled to mean 0, deviation 1.",
    "category": "A word is 1 in the input of its name, and 0 in the others of its column.",
    "date": "A date is its day, and sine and cosine of its place in year, week or day.",
}
_ARRAYS: Final = ("mean", "scale", "shares")


@dataclass(frozen=True, slots=True)
class Encoder:
    """How every column is encoded. ``notes``: messages for the user."""

    features: tuple[Feature, ...]
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def fit(cls, columns: Columns) -> Encoder:
        """Work out the encoding from the rows trained on (``columns`` without the target).

        Raises ValueError for a table without columns, a column without any value, and infinity.
        """
        return cls.of_summaries(summaries(columns))

    @classmethod
    def of_summaries(cls, columns: Mapping[str, Summary], dropped: Iterable[str] = ()) -> Encoder:
        """Work out the encoding from the summary of each column; see ``fit``.

        ``dropped``: names of columns that the user left out.
        """
        features: list[Feature] = []
        notes: list[str] = []
        for summary in columns.values():
            feature, remarks = fit_summary(summary)
            notes += remarks
            if feature is not None:
                features.append(feature)
        if not features:
            raise ValueError("no column is left to learn from beside the target")
        constant = [f.name for f in features if f.constant]
        if len(constant) == len(features):
            raise ValueError(
                "every column beside the target is constant in the rows trained on: there is "
                "nothing to learn from"
            )
        if constant:
            listed = ", ".join(constant[:10]) + (", ..." if len(constant) > 10 else "")
            notes.append(f"constant in the rows trained on, so of no use: {listed}")
        taken = {f.name for f in features}
        left_out = (name for name in columns if name not in taken)
        return cls(tuple(features), (*left_out, *dropped), tuple(notes))

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

    def encode(self, columns: Columns, dtype: Any = np.float64) -> tuple[Array, list[str]]:
        """Encode a table: (m, n), C-contiguous, of ``dtype``; and the warnings to show.

        Raises ValueError for a column that is not there (with the nearest name), for text in place
        of a number, infinity, and a number too far from the ones trained on for ``dtype``.
        """
        warnings: list[str] = []
        out = np.empty((columns.m, self.width), dtype)
        place = 0
        for feature in self.features:
            column = self._find(columns, feature)
            encoded = encode_feature(feature, column)
            with np.errstate(over="ignore", under="ignore"):
                out[:, place : place + feature.width] = encoded.values
            _check_finite(out[:, place : place + feature.width], column)
            place += feature.width
            warnings += encoded.warnings
        return out, warnings

    def _find(self, columns: Columns, feature: Feature) -> Column:
        return columns[require(columns, feature.name, "the table")]

    def extra(self, columns: Iterable[str], *known: str) -> list[str]:
        """Return the columns of a table that are neither taken, left out in training nor known."""
        expected = {*self.names, *self.left_out, *known}
        return [name for name in columns if name not in expected]

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the encoder as JSON and arrays: means, scales and shares, all float64."""
        records = [
            {key: getattr(f, key) if key != "words" else list(f.words) for key in _FIELDS}
            for f in self.features
        ]
        arrays = {
            "mean": np.array([f.mean for f in self.features], np.float64),
            "scale": np.array([f.scale for f in self.features], np.float64),
            "shares": np.array([s for f in self.features for s in f.shares], np.float64),
        }
        return {"features": records, "left_out": list(self.left_out)}, arrays

    @classmethod
    def from_state(cls, state: Any, arrays: Arrays) -> Encoder:
        """Build an encoder from what ``state`` returned.

        A model file may be damaged or made by hand: every type, length and number is checked, and
        ValueError says in one sentence what is wrong.
        """
        if not isinstance(state, dict) or set(state) != {"features", "left_out"}:
            raise ValueError("the model's encoder must have the fields features and left_out")
        records = state["features"]
        if not isinstance(records, list) or not records:
            raise ValueError("the model's encoder has no list of features")
        for record in records:
            _check_record(record)
        wide = [_tail(r) + len(r["words"]) if r["kind"] == "category" else 0 for r in records]
        lengths = {"mean": len(records), "scale": len(records), "shares": sum(wide)}
        _check_arrays(arrays, lengths)
        _check_names([r["name"] for r in records], state["left_out"])
        cuts = np.cumsum([0, *wide]).tolist()
        features = tuple(
            Feature(
                name=record["name"],
                kind=record["kind"],
                mean=float(arrays["mean"][i]),
                scale=float(arrays["scale"][i]),
                missing=record["missing"],
                words=tuple(record["words"]),
                other=record["other"],
                shares=tuple(arrays["shares"][cuts[i] : cuts[i + 1]].tolist()),
            )
            for i, record in enumerate(records)
        )
        return cls(features, tuple(state["left_out"]))


def _check_finite(values: Array, column: Column) -> None:
    rows, _ = np.nonzero(~np.isfinite(values))
    if rows.size:
        raise ValueError(
            f"column {column.name!r} in {rows_text(np.unique(rows))} is too far from the values "
            f"trained on to compute with ({column.values[rows[0]]:g}): is it right?"
        )


def _tail(record: Mapping[str, Any]) -> int:
    return int(record["other"]) + int(record["missing"])


def _check_record(record: Any) -> None:
    if not isinstance(record, dict) or set(record) != set(_FIELDS):
        raise ValueError(f"a feature of the model's encoder must have {', '.join(_FIELDS)}")
    for key, kind in _FIELDS.items():
        if type(record[key]) is not kind:
            raise ValueError(f"a feature of the model's encoder has {key} = {record[key]!r:.60}")
    name, words = record["name"], record["words"]
    if record["kind"] not in get_args(Kind):
        raise ValueError(f"feature {name!r:.60} of the model is of kind {record['kind']!r:.60}")
    if not all(type(word) is str for word in words) or len(set(words)) != len(words):
        raise ValueError(f"the words of feature {name!r:.60} of the model are not different words")
    if record["kind"] == "date":
        if record["other"] or not set(words) <= set(CYCLES):
            raise ValueError(f"feature {name!r:.60} of the model has cycles that no date has")
    elif bool(words) != (record["kind"] == "category"):
        raise ValueError(f"feature {name!r:.60} of the model has {len(words)} words")
    if record["other"] and not words:
        raise ValueError(f"feature {name!r:.60} of the model has a place for words but none of its")


def _check_arrays(arrays: Arrays, lengths: Mapping[str, int]) -> None:
    if set(arrays) != set(_ARRAYS):
        raise ValueError(f"the model's encoder must have the arrays {', '.join(_ARRAYS)}")
    for key, length in lengths.items():
        array = arrays[key]
        if array.shape != (length,) or array.dtype != np.float64:
            raise ValueError(
                f"the encoder's {key} in the model must be {length} numbers of float64, "
                f"not of shape {array.shape} and {array.dtype}"
            )
        if not np.isfinite(array).all() or (key != "mean" and (array < 0).any()):
            raise ValueError(f"the encoder's {key} in the model has a number out of range")


def _check_names(names: list[str], left_out: Any) -> None:
    if not isinstance(left_out, list) or not all(type(name) is str for name in left_out):
        raise ValueError("the columns left out, in the model's encoder, must be a list of names")
    if len({*names, *left_out}) != len(names) + len(left_out):
        raise ValueError("a column is named twice in the model's encoder")
