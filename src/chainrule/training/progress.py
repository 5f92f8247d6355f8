"""The progress line: on standard error, on a terminal, for work of more than two seconds."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from .history import History

AFTER, EVERY = 2.0, 0.2


class Progress:
    """Draws the line while epochs pass, and wipes it away at the end."""

    def __init__(self, epochs: int, wanted: bool, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._epochs = epochs
        self._wanted = wanted and self._stream is not None and self._stream.isatty()
        self._start = time.monotonic()
        self._next = self._start + AFTER
        self._width = 0

    def show(self, history: History, share: float = 0.0) -> None:
        """Draw the line anew if it is due; ``share`` is what is done of the epoch in hand."""
        now = time.monotonic()
        if not self._wanted or now < self._next:
            return
        self._next = now + EVERY
        text = line(history, self._epochs, share, now - self._start)
        self._stream.write("\r" + text.ljust(self._width))
        self._stream.flush()
        self._width = len(text)

    def close(self) -> None:
        """Wipe the line away."""
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()


def line(history: History, epochs: int, share: float, seconds: float) -> str:
    """Return the words of the progress line.

    >>> line(History(cost=[0.5]), 4, 0.0, 3.0)
    'epoch 1/4  cost 0.5  at most 9 s left'
    """
    done = history.epochs + share
    words = [f"epoch {history.epochs}/{epochs}"]
    if history.cost:
        words.append(f"cost {history.cost[-1]:.4g}")
    if history.validation_cost:
        words.append(f"validation {history.validation_cost[-1]:.4g}")
    for name, values in (history.validation_metrics or history.metrics).items():
        words.append(f"{name} {values[-1]:.4g}")
    if done > 0:
        words.append(f"at most {seconds * (epochs - done) / done:.0f} s left")
    return "  ".join(words)
