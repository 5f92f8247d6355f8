"""Encoding a column: the places of its numbers, truth values, dates or words, and what to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..typing import Array
from . import dates
from .columns import Column, as_days, as_numbers, as_text
from .features import Feature


@dataclass(frozen=True, slots=True)
class Encoded:
    """A column's places (m, width), float64, and what the user should hear about it."""

    values: Array
    warnings: list[str]


def encode_feature(feature: Feature, column: Column) -> Encoded:
    """Encode a column. Raises ValueError, naming column and row, for text in place of a number.

    Words and gaps that training never saw are encoded as the average row, with a warning.
    """
    if feature.kind == "category":
        return _encode_category(feature, column)
    read = {"boolean": _truths, "date": as_days}.get(feature.kind, as_numbers)
    values = read(column)
    if feature.gap is not None:
        values = np.where(values == feature.gap, np.nan, values)
    gaps = np.isnan(values)
    if feature.missing:
        return Encoded(np.column_stack([_places(feature, values), gaps.astype(np.float64)]), [])
    warnings = []
    if gaps.any():
        dated = feature.kind == "date"
        mean = dates.written(float(round(feature.mean))) if dated else f"{feature.mean:.6g}"
        warnings.append(
            f"column {feature.name!r} is missing in {column.where(np.flatnonzero(gaps))}, which it "
            f"never was in training: its mean there, {mean}, is used"
        )
    return Encoded(_places(feature, values), warnings)


def beyond(feature: Feature, column: Column) -> npt.NDArray[np.bool_]:
    """Say for each row whether its number is beyond the range known of a feature. Shape (m,)."""
    values = as_days(column) if feature.kind == "date" else as_numbers(column)
    rows: npt.NDArray[np.bool_] = (values < feature.low) | (values > feature.high)
    if feature.gap is not None:
        rows &= values != feature.gap
    return rows


def cut(feature: Feature, standard: Array) -> None:
    """Cut standardised numbers, in place, to the range known of a feature."""
    if feature.bounded:
        low, high = bounds(feature, standard.dtype)
        np.clip(standard, low, high, out=standard)


def bounds(feature: Feature, dtype: Any) -> tuple[Any, Any]:
    """Return the range known of a feature, standardised, as numbers of a dtype."""
    kind = np.dtype(dtype).type
    if not feature.bounded:
        return kind(-np.inf), kind(np.inf)
    half, scale = feature.mean * 0.5, feature.scale
    low, high = ((end * 0.5 - half) / scale * 2.0 for end in (feature.low, feature.high))
    return kind(low), kind(high)


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
            f"column {column.name!r} holds true or false, but {column.where(strange[:1])} has "
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
    return Encoded(values, _unknown(feature, column, words))


def _unknown(feature: Feature, column: Column, words: list[Any]) -> list[str]:
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
            f"column {feature.name!r} has {listed} in {column.where(rows)}, {seen} seen in "
            f"training: encoded as {how}"
        )
    gaps = np.array([i for i, word in enumerate(words) if word is None], np.int64)
    if gaps.size and not feature.missing:
        warnings.append(
            f"column {feature.name!r} is missing in {column.where(gaps)}, which it never was in "
            "training: encoded as the average of the known ones"
        )
    return warnings
