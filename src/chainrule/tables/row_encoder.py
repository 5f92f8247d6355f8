"""The encoder of single rows: values of Python to the inputs of a network, column by column.

What ``Encoder.encode`` makes of a table of one row, to the same bits. Each column has a writer,
prepared once, that puts the places of a value into the row; no array is built for a column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import floor, isinf
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..typing import Array
from .column_names import require
from .encoder import Encoder
from .feature_encoding import bounds
from .features import Feature
from .row_values import TRUTHS, day_of_value, number_of, truth_of, word_of
from .word_orders import Orders

if TYPE_CHECKING:
    Cells: TypeAlias = memoryview[float]  # of one row, 0 before anything is written
Write: TypeAlias = "Callable[[Any, Cells], None]"


class RowEncoder:
    """An encoder for one row at a time: a mapping of names to values, or a sequence of values.

    ``names``: the columns of a sequence in their order; a mapping may leave out those that the
    encoder does not take, and have ``others`` beside them. ``orders``: the words of ordered
    columns, whose places are the numbers. ``gaps``: whether a value may be missing.
    """

    def __init__(
        self,
        encoder: Encoder,
        dtype: Any,
        names: Sequence[str] | None = None,
        orders: Orders | None = None,
        others: Sequence[str] = (),
        gaps: bool = True,
    ) -> None:
        self.columns = tuple(encoder.names)
        self.names = self.columns if names is None else tuple(names)
        self._all_names = frozenset((*self.names, *encoder.left_out, *others))
        self._width, self._dtype = encoder.width, np.dtype(dtype)
        self._of_mapping = _picker(self.columns)
        places = {name: place for place, name in enumerate(self.names)}
        self._of_sequence = _picker([places[name] for name in self.columns])
        writers = _writers(encoder, self._dtype, orders or {})
        if not gaps:
            writers = [_gapless(*pair) for pair in zip(self.columns, writers, strict=True)]
        self._writers = tuple(writers)

    def values(self, row: Any) -> Sequence[Any]:
        """Return the values of a row in the order of the encoder's columns.

        Raises ValueError for a name that is missing or not known and for too few or too many
        values, TypeError for what is no row.
        """
        if isinstance(row, Mapping):
            try:
                values = self._of_mapping(row)
            except KeyError as error:
                require(row, error.args[0], "the row")
                raise
            if len(row) > len(self.columns):
                for name in row.keys() - self._all_names:
                    require(self.names, name, "the model")
            return values
        if not isinstance(row, (tuple, list)):
            raise TypeError(
                "a row must be a mapping of column names to values, or a tuple of values, not "
                f"{type(row).__name__}"
            )
        if len(row) != len(self.names):
            raise ValueError(
                f"a row has {len(self.names)} values, in the order of `names`, not {len(row)}"
            )
        return self._of_sequence(row)

    def encode(self, values: Sequence[Any]) -> Array:
        """Return values as a matrix of one row, (1, n).

        Raises TypeError for a value of the wrong kind, ValueError for infinity and for a number
        too far from those trained on to compute with.
        """
        row = np.zeros(self._width, self._dtype)
        cells: Cells = row.data  # type: ignore[assignment]
        for write, value in zip(self._writers, values, strict=True):
            write(value, cells)
        return row.reshape(1, -1)


def _picker(keys: Sequence[Any]) -> Callable[[Any], Sequence[Any]]:
    if len(keys) == 1:
        only = keys[0]
        return lambda row: (row[only],)
    return itemgetter(*keys)


def _writers(encoder: Encoder, dtype: Any, orders: Orders) -> Iterable[Write]:
    kinds = {
        "number": _number_writer,
        "boolean": _truth_writer,
        "date": _date_writer,
        "category": _word_writer,
    }
    place = 0
    for feature in encoder.features:
        write = kinds[feature.kind](feature, place, dtype)
        order = orders.get(feature.name)
        yield write if order is None else _ordered(feature.name, order, write)
        place += feature.width


def _number_writer(feature: Feature, place: int, dtype: Any) -> Write:
    name, half, scale, gap = feature.name, feature.mean * 0.5, feature.scale, feature.gap
    low, high = _ends(feature, dtype)
    mean, missing = min(max(0.0, low), high), feature.missing

    def write(value: Any, cells: Cells) -> None:
        x = value if type(value) is float else number_of(name, value)
        if x != x or x == gap:
            cells[place] = mean
            if missing:
                cells[place + 1] = 1.0
            return
        standard = (x * 0.5 - half) / scale * 2.0 if scale else 0.0
        if not low <= standard <= high or isinf(x):
            standard = _beyond(feature, x, low, high)
        cells[place] = standard

    return write


def _ends(feature: Feature, dtype: Any) -> tuple[float, float]:
    """Return the range of a standardised number: the one known, or all that the dtype holds."""
    if feature.bounded:
        low, high = bounds(feature, np.float64)
        return float(low), float(high)
    largest = float(np.finfo(dtype).max)
    return -largest, largest


def _beyond(feature: Feature, x: float, low: float, high: float) -> float:
    """Return the end that a number beyond the range is cut to."""
    if isinf(x):
        raise ValueError(
            f"column {feature.name!r} is infinite in the row: give the true value, or None for a "
            "gap"
        )
    if not feature.bounded:
        raise ValueError(
            f"column {feature.name!r} is too far from the values trained on to compute with "
            f"({x:g}): is it right?"
        )
    return high if x > feature.mean else low


def _truth_writer(feature: Feature, place: int, dtype: Any) -> Write:
    name, mean, missing = feature.name, feature.mean, feature.missing

    def write(value: Any, cells: Cells) -> None:
        x = TRUTHS[value] if type(value) is bool else truth_of(name, value)
        if x == x:
            cells[place] = x
            return
        cells[place] = mean
        if missing:
            cells[place + 1] = 1.0

    return write


def _date_writer(feature: Feature, place: int, dtype: Any) -> Write:
    name, half, scale, gap = feature.name, feature.mean * 0.5, feature.scale, feature.gap
    low, high = _ends(feature, dtype)
    mean = min(max(0.0, low), high)
    cycles = [(place + 1 + 2 * i, length) for i, length in enumerate(feature.cycles)]
    indicator = place + feature.width - 1 if feature.missing else None

    def write(value: Any, cells: Cells) -> None:
        day = day_of_value(name, value)
        if day != day or day == gap:
            cells[place] = mean
            if indicator is not None:
                cells[indicator] = 1.0
            return
        standard = (day * 0.5 - half) / scale * 2.0 if scale else 0.0
        if not low <= standard <= high:
            standard = _beyond(feature, day, low, high)
        cells[place] = standard
        for at, length in cycles:
            turns = day / length
            angle = 2 * np.pi * (turns - floor(turns))
            cells[at] = np.sin(angle)  # math.sin differs from NumPy's in the last bit
            cells[at + 1] = np.cos(angle)

    return write


def _word_writer(feature: Feature, place: int, dtype: Any) -> Write:
    name, stop, count = feature.name, place + feature.width, len(feature.words)
    unseen = place + count if feature.other else -1
    places: dict[str | None, int] = {word: place + i for i, word in enumerate(feature.words)}
    places[None] = place + count + feature.other if feature.missing else -1
    shares = np.array(feature.shares).astype(dtype).data

    def write(value: Any, cells: Cells) -> None:
        word = value if type(value) is str else word_of(name, value)
        at = places.get(word, unseen)
        if at >= 0:
            cells[at] = 1.0
        else:
            cells[place:stop] = shares

    return write


def _ordered(name: str, words: Sequence[str], write: Write) -> Write:
    """Return a writer of ordered words: a word is its place in the order, from 1 on."""
    places: dict[str | None, float | None] = {word: float(i) for i, word in enumerate(words, 1)}
    places[None] = None

    def write_place(value: Any, cells: Cells) -> None:
        word = word_of(name, value)
        if word not in places:
            raise ValueError(
                f"column {name!r} is {word!r:.60} in the row, which its --order does not name "
                f"({', '.join(words)})"
            )
        write(places[word], cells)

    return write_place


def _gapless(name: str, write: Write) -> Write:
    """Return a writer that refuses a gap."""

    def write_value(value: Any, cells: Cells) -> None:
        if value is None or value != value:
            raise ValueError(
                f"column {name!r} has no value in the row, and gaps were not trained on: give the "
                "value"
            )
        write(value, cells)

    return write_value
