"""The clock of a fit: the time limit shared out among its networks, and the progress line."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TextIO

from ..drawing.progress_line import ProgressLine


class Clock:
    """The clock of all networks of a fit. Threads may call at once.

    ``limit``: seconds for all ``networks``, which ``workers`` train side by side; None: no limit,
    0: every network stops after its epoch.
    """

    def __init__(
        self,
        networks: int,
        workers: int,
        epochs: int,
        limit: float | None,
        enabled: bool,
        stream: TextIO | None = None,
    ) -> None:
        self.start = time.monotonic()
        self.networks, self.workers, self.epochs, self.limit = networks, workers, epochs, limit
        self._line = ProgressLine(enabled, self.start, stream)
        self._lock = threading.Lock()
        self._shares: dict[int, float] = {}

    def begin(self, name: str = "") -> Timer:
        """Return the timer of the next network, called ``name``: when it must have ended."""
        with self._lock:
            number = len(self._shares)
            self._shares[number] = 0.0
        if self.limit is None:
            return Timer(self, number, name, None)
        now = time.monotonic()
        left = max(self.start + self.limit - now, 0.0)
        share = left * self.workers / max(self.networks - number, 1)
        return Timer(self, number, name, now + share)

    def record(self, number: int, name: str, epoch: int) -> None:
        """Record an epoch of a network; draw the line anew if it is due."""
        with self._lock:
            self._shares[number] = epoch / self.epochs
            now = time.monotonic()
            if self._line.due(now):
                done = sum(self._shares.values()) / self.networks
                self._line.draw(line(name, epoch, self.epochs, done, now - self.start))

    def end(self, number: int) -> None:
        """Record that a network is trained, mostly before its last epoch."""
        with self._lock:
            self._shares[number] = 1.0

    def close(self) -> None:
        """Wipe the line away."""
        self._line.close()


@dataclass(frozen=True, slots=True)
class Timer:
    """The clock as one network sees it."""

    clock: Clock
    number: int
    name: str
    deadline: float | None

    def epoch(self, epoch: int) -> bool:
        """Record an epoch; return whether the network's time is over."""
        self.clock.record(self.number, self.name, epoch)
        over = self.deadline is not None and time.monotonic() > self.deadline
        return over or self.clock.limit == 0.0

    def end(self) -> None:
        """Record that the network is trained."""
        self.clock.end(self.number)


def line(name: str, epoch: int, epochs: int, done: float, seconds: float) -> str:
    """Return the words of the progress line.

    >>> line("fold 1/5, binned", 12, 60, 0.22, 11.0)
    'fold 1/5, binned: epoch 12/60, at most 39 s left'
    """
    left = f", at most {seconds * (1 - done) / done:.0f} s left" if done > 0 else ""
    return f"{name}: epoch {epoch}/{epochs}{left}"
