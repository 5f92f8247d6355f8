"""The progress line: one line of a terminal, for work of more than two seconds."""

from __future__ import annotations

import sys
from typing import Final, TextIO

AFTER: Final = 2.0  # seconds of work before the line first appears
EVERY: Final = 0.2  # seconds between two drawings
ERASE: Final = "\x1b[K"  # a terminal erases from the cursor to the end of the line (ECMA-48, EL)


class ProgressLine:
    """A line on standard error that is drawn over itself, on a terminal only.

    ``start``: the time at which the work began, by the caller's clock.
    """

    def __init__(self, enabled: bool, start: float, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._enabled = enabled and self._stream is not None and self._stream.isatty()
        self._next = start + AFTER
        self._drawn = False

    def due(self, now: float) -> bool:
        """Return whether to draw now; if so, the next drawing is due ``EVERY`` seconds later."""
        if not self._enabled or now < self._next:
            return False
        self._next = now + EVERY
        return True

    def draw(self, text: str) -> None:
        """Draw the text over the line's last one."""
        self._stream.write(f"\r{text}{ERASE}")
        self._stream.flush()
        self._drawn = True

    def close(self) -> None:
        """Wipe the line away, if it was ever drawn."""
        if self._drawn:
            self._stream.write(f"\r{ERASE}")
            self._stream.flush()
            self._drawn = False
