"""Numbers of rows, as messages have them: those of the file, with its lines where these differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..typing import Rows

# A message lists so many rows.
MOST_LISTED: Final = 5


@dataclass(frozen=True, slots=True)
class RowNumbers:
    """Where each of m rows stands in its file.

    ``numbers`` (m,) count from 1, without the header. ``lines`` (m,): the line where a row begins,
    or None where the row's number says it. ``file_of`` (m,): the place of each row's file in
    ``files``, or None for one file.
    """

    numbers: Rows
    lines: Rows | None = None
    file_of: Rows | None = None
    files: tuple[str, ...] = ()

    @classmethod
    def counted(cls, m: int, first: int = 0) -> RowNumbers:
        """Number m rows, of which the first comes after ``first`` others."""
        return cls(np.arange(first + 1, first + m + 1))

    def take(self, places: npt.NDArray[Any]) -> RowNumbers:
        """Return the numbers of the rows at some places, or of a mask."""
        lines, file_of = (
            None if one is None else one[places] for one in (self.lines, self.file_of)
        )
        return RowNumbers(self.numbers[places], lines, file_of, self.files)

    def text(self, places: Rows) -> str:
        """Write which rows are at some places.

        >>> rows = RowNumbers(np.array([1, 2, 3]), np.array([2, 3, 7]))
        >>> rows.text(np.array([2])), rows.text(np.array([1, 2]))
        ('row 3 (line 7)', 'rows 2 and 3 (lines 3 and 7)')
        """
        rows = [self._name(place) for place in places[:MOST_LISTED].tolist()]
        words = _plural("row", rows, len(places))
        if self.lines is None:
            return words
        lines = _plural("line", list(map(str, self.lines[places[:MOST_LISTED]])), len(places))
        return f"{words[:-1]}; {lines})" if words.endswith(")") else f"{words} ({lines})"

    def _name(self, place: int) -> str:
        number = str(self.numbers[place])
        return number if self.file_of is None else f"{number} of {self.files[self.file_of[place]]}"


def _plural(noun: str, listed: Sequence[str], count: int) -> str:
    if count == 1:
        return f"{noun} {listed[0]}"
    if count <= len(listed):
        return f"{noun}s {', '.join(listed[:-1])} and {listed[-1]}"
    return (
        f"{count} rows ({', '.join(listed)}, ...)"
        if noun == "row"
        else (f"lines {', '.join(listed)}, ...")
    )


def joined(numbers: Sequence[RowNumbers], files: Sequence[str]) -> RowNumbers:
    """Put together the rows of several files, in their order."""
    lines = None
    if any(one.lines is not None for one in numbers):
        lines = np.concatenate([one.numbers if one.lines is None else one.lines for one in numbers])
    file_of = np.repeat(np.arange(len(files)), [len(one.numbers) for one in numbers])
    return RowNumbers(
        np.concatenate([one.numbers for one in numbers]), lines, file_of, tuple(files)
    )
