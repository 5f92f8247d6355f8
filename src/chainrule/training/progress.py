"""The progress of a run of training: what its line on a terminal says."""

from __future__ import annotations

import time
from typing import Final, TextIO

from ..drawing.progress_line import ProgressLine
from .history import History
from .metrics import SCORES

NAMES: Final = {"r2": SCORES["r2"].label}  # of metrics, where people write them otherwise


class Progress:
    """Draws the line while epochs pass, and wipes it away at the end."""

    def __init__(self, epochs: int, enabled: bool, stream: TextIO | None = None) -> None:
        self._epochs = epochs
        self._start = time.monotonic()
        self._line = ProgressLine(enabled, self._start, stream)

    def show(self, history: History, share: float = 0.0) -> None:
        """Draw the line anew if it is due; ``share``: the finished part of the current epoch."""
        now = time.monotonic()
        if self._line.due(now):
            self._line.draw(line(history, self._epochs, share, now - self._start))

    def close(self) -> None:
        """Wipe the line away."""
        self._line.close()


def line(history: History, epochs: int, share: float, seconds: float) -> str:
    """Return the words of the progress line.

    >>> line(History(cost=[0.5]), 4, 0.0, 3.0)
    'epoch 1/4  cost 0.5  at most 9 s left'
    """
    words = [f"epoch {history.epochs}/{epochs}"]
    if history.cost:
        words.append(last_epoch(history))
    done = history.epochs + share
    if done > 0:
        words.append(f"at most {seconds * (epochs - done) / done:.0f} s left")
    return "  ".join(words)


def last_epoch(history: History) -> str:
    """Return the numbers of the last epoch in words.

    >>> last_epoch(History(cost=[0.5], validation_cost=[0.6], validation_metrics={"r2": [0.25]}))
    'cost 0.5  validation cost 0.6  R² 0.250'
    """
    words = [f"cost {history.cost[-1]:.4g}"]
    if history.validation_cost:
        words.append(f"validation cost {history.validation_cost[-1]:.4g}")
    for name, values in (history.validation_metrics or history.metrics).items():
        words.append(f"{NAMES.get(name, name)} {values[-1]:.3f}")
    return "  ".join(words)
