"""The spool: rows that were encoded once, in a temporary file, so that no epoch decodes them again.

The file has no name, so it ends with the process, however that ends. Whatever goes wrong with it
(no room, a slow disk) ends the spool and not the training: rows are then decoded again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

AUTO: Final = "auto"
# Left free on the disk, for whoever else writes there.
MARGIN: Final = 1 << 30
# The spool ends when so many more pieces took longer than decoding than took less.
PATIENCE: Final = 16
_IN_MEMORY: Final = ("tmpfs", "ramfs")


class Spool:
    """X and Y of the rows of row groups, of which ``counts[place]`` each, written and then read.

    Every row group is written from its first row on, and is read when all are. What is wrong is
    told once to ``say``; then nothing is held any more.
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
        self._counts = list(counts)
        self._bytes = [n * np.dtype(dtype).itemsize for n in widths]
        self._first = [0, *np.cumsum(self._counts).tolist()]
        self._slow = 0
        self._ended = False
        self.written = 0
        # The seconds in which a row can be decoded; to read one should not take longer.
        self.pace = float("inf")

    @property
    def holds(self) -> bool:
        """Say whether every row can be read."""
        return not self._ended and self.written == self._first[-1]

    def write(self, X: Array, Y: Array, others: float) -> bool:
        """Write the next rows; ``others``: the seconds that their decoding took.

        Return whether more is wanted.
        """
        began = time.monotonic()
        row = self.written
        try:
            while len(X) and not self._ended:
                place = int(np.searchsorted(self._first, row, "right")) - 1
                n = min(len(X), self._first[place + 1] - row)
                x, y = self._places(place, row - self._first[place])
                _whole(os.pwrite, self._file.fileno(), X[:n], x)
                _whole(os.pwrite, self._file.fileno(), Y[:n], y)
                X, Y, row = X[n:], Y[n:], row + n
        except OSError as error:
            self._end(f"could not be written ({error.strerror})")
        self.written = row
        self._timed(time.monotonic() - began, others, "written")
        return not self._ended

    def read(self, place: int, at: int, X: Array, Y: Array) -> bool:
        """Read rows ``at``, ... of a row group into X and Y; say whether that could be done."""
        if not self.holds:
            return False
        began = time.monotonic()
        try:
            x, y = self._places(place, at)
            _whole(_read, self._file.fileno(), X, x)
            _whole(_read, self._file.fileno(), Y, y)
        except OSError as error:
            self._end(f"could not be read ({error.strerror})")
            return False
        self._timed(time.monotonic() - began, self.pace * len(X), "read")
        return True

    def _places(self, place: int, at: int) -> tuple[int, int]:
        """Return where row ``at`` of a row group has its X and its Y."""
        x, y = self._bytes
        first = self._first[place] * (x + y)
        return first + at * x, first + self._counts[place] * x + at * y

    def _timed(self, seconds: float, others: float, done: str) -> None:
        self._slow = max(self._slow + (1 if seconds > others else -1), 0)
        if self._slow > PATIENCE:
            self._end(f"is {done} more slowly than rows are decoded")

    def _end(self, why: str) -> None:
        if not self._ended:
            self._ended = True
            # Other threads may be reading: they find nothing there, and decode.
            os.ftruncate(self._file.fileno(), 0)
            self._say(f"the temporary file {why}: every epoch decodes the Parquet files again")

    def close(self) -> None:
        """Give the file's room back; nothing may be read or written any more."""
        self._ended = True
        self._file.close()


def _whole(move: Callable[..., int], fd: int, rows: Array, at: int) -> None:
    """Read or write all bytes of some rows, which the system may do in parts."""
    left = memoryview(rows).cast("B") if rows.size else memoryview(b"")
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
    found = folder if named else next(filter(_on_disk, _temporary()), None)
    if found is None:
        return None
    try:
        free = shutil.disk_usage(found).free
        if free >= needed + MARGIN:
            return Spool(found, counts, widths, dtype, say)
    except OSError as error:
        if named:
            raise ValueError(
                f"--spool {folder} is no folder to write temporary files to ({error.strerror}): "
                "name another, or none"
            ) from None
        say(f"no temporary file in {found} ({error.strerror}): every epoch decodes the files")
        return None
    say(
        f"{found} has {free / 1e9:.1f} GB free, too little for a temporary file of "
        f"{needed / 1e9:.1f} GB: every epoch decodes the Parquet files"
    )
    return None


def _temporary() -> list[str]:
    try:
        return [tempfile.gettempdir(), "/var/tmp"]
    except OSError:  # none can be written to
        return []


def _on_disk(folder: str) -> bool:
    """Say whether a folder is there and its files do not take memory."""
    try:
        device = os.stat(folder).st_dev  # noqa: PTH116
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return Path(folder).is_dir()
    number = f"{os.major(device)}:{os.minor(device)}"
    kinds = (line.partition(" - ")[2].split()[0] for line in mounts if line.split()[2] == number)
    return next(kinds, "") not in _IN_MEMORY
