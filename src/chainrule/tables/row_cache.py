"""The spool: rows that were encoded once, in a temporary file, so that no epoch decodes them again.

The file has no name, so it is removed when the process exits for any reason. Whatever goes wrong
with it (no room, a slow disk) ends the spool and not the training: rows are then decoded again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ..typing import Array

AUTO: Final = "auto"
# Left free on the disk, for other programs.
MARGIN: Final = 1 << 30
# A piece is slow if it takes this many times what decoding takes, which needs a processor besides.
# The spool ends when this many more pieces were slow than were not.
SLOWER: Final = 4
PATIENCE: Final = 16
DECODED: Final = "every epoch decodes the Parquet files again"
# File systems whose files take memory, and a folder that is not on one of them.
_IN_MEMORY = "tmpfs ramfs"
_ON_DISK = "/var/tmp"


class Spool:
    """X and Y of the rows of row groups, of which ``counts[place]`` each, written and then read.

    Rows are written in the order of the row groups, and can be read when all are there. What goes
    wrong is told once to ``say``; from then on nothing is held.
    """

    def __init__(
        self,
        folder: str,
        counts: Sequence[int],
        widths: tuple[int, int],
        dtype: npt.DTypeLike,
        say: Callable[[str], None],
    ) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        self._say = say
        self._first = [0, *np.cumsum(counts).tolist()]
        self._bytes = [n * np.dtype(dtype).itemsize for n in widths]
        self._written = 0
        self._decoding = 0.0
        self._slow = 0
        self._ended = False

    @property
    def holds(self) -> bool:
        """Say whether every row can be read."""
        return not self._ended and self._written == self._first[-1]

    def write(self, X: Array, Y: Array, decoding: float) -> bool:
        """Write the next rows, which took ``decoding`` seconds to decode; say whether to go on."""
        began = time.monotonic()
        if self._move(os.pwrite, self._written, X, Y, "written"):
            self._written += len(X)
            self._decoding += decoding
            self._timed(time.monotonic() - began, len(X), "written")
        return not self._ended

    def read(self, place: int, at: int, X: Array, Y: Array) -> bool:
        """Read rows ``at``, ... of a row group into X and Y; say whether that could be done."""
        if not self.holds:
            return False
        began = time.monotonic()
        if self._move(_read, self._first[place] + at, X, Y, "read"):
            self._timed(time.monotonic() - began, len(X), "read")
        return not self._ended

    def _move(self, move: Callable[..., int], row: int, X: Array, Y: Array, done: str) -> bool:
        x, y = self._bytes
        try:
            _whole(move, self._file.fileno(), X, row * x)
            _whole(move, self._file.fileno(), Y, self._first[-1] * x + row * y)
        except OSError as error:
            self._end(f"could not be {done} ({error.strerror})")
            return False
        return True

    def _timed(self, seconds: float, rows: int, done: str) -> None:
        usual = self._decoding / self._written * rows
        self._slow = max(self._slow + (1 if seconds > SLOWER * usual else -1), 0)
        if self._slow > PATIENCE:
            self._end(f"is {done} more slowly than the data are decoded")

    def _end(self, why: str) -> None:
        if not self._ended:
            self._ended = True
            # Another thread may be reading: it finds nothing there, and decodes.
            os.ftruncate(self._file.fileno(), 0)
            self._say(f"the temporary file {why}: {DECODED}")

    def close(self) -> None:
        """Give the file's room back; nothing may be read or written any more."""
        self._ended = True
        self._file.close()


def _whole(move: Callable[..., int], fd: int, rows: Array, at: int) -> None:
    """Read or write all bytes of some rows, which the system may do in parts."""
    left = rows.reshape(-1).view(np.uint8).data
    while len(left):
        moved = move(fd, left, at)
        if not moved:
            raise OSError(0, "it ends too early")
        left, at = left[moved:], at + moved


def _read(fd: int, into: memoryview, at: int) -> int:
    return os.preadv(fd, [into], at)


def spool_for(
    folder: str | None,
    counts: Sequence[int],
    widths: tuple[int, int],
    dtype: npt.DTypeLike,
    say: Callable[[str], None],
) -> Spool | None:
    """Return a spool in a folder, ``AUTO`` for the system's own; None if there is none to have.

    Raises ValueError for a folder that was named and cannot be written to.
    """
    if folder is None or not hasattr(os, "preadv"):
        return None
    needed = sum(counts) * sum(widths) * np.dtype(dtype).itemsize
    named = folder != AUTO
    place = folder if named else next(iter(_temporary()), None)
    if place is None:
        say(f"no folder on a disk takes temporary files (TMPDIR names one): {DECODED}")
        return None
    try:
        free = shutil.disk_usage(place).free
        if free >= needed + MARGIN:
            return Spool(place, counts, widths, dtype, say)
    except OSError as error:
        if named:
            raise ValueError(
                f"--spool {folder} is no folder to write temporary files to ({error.strerror}): "
                "name another, or none"
            ) from None
        say(f"there can be no temporary file in {place} ({error.strerror}): {DECODED}")
        return None
    say(
        f"{place} has {free / 1e9:.1f} GB free, too little for a temporary file of "
        f"{needed / 1e9:.1f} GB: {DECODED}"
    )
    return None


def _temporary() -> list[str]:
    """Return the folders for temporary files that are on a disk, the preferred one first."""
    try:
        folders = [tempfile.gettempdir(), _ON_DISK]
    except OSError:  # none can be written to
        return []
    return [folder for folder in folders if kind_of(folder) not in (None, *_IN_MEMORY.split())]


def kind_of(folder: str) -> str | None:
    """Return a folder's kind of file system, "" if that is unknown, None if it is not there."""
    try:
        device = Path(folder).stat().st_dev
    except OSError:
        return None
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    kinds = (line.partition(" - ")[2].split()[0] for line in mounts if line.split()[2] == number)
    return next(kinds, "")
