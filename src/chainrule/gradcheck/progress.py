"""What happens while a check runs: a progress line with time left, a budget, and Ctrl-C.

An interrupted or overdrawn check ends early, and everything found so far stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from ..drawing.progress_line import ProgressLine


class Progress:
    """Counts work done out of a total; a context that swallows one KeyboardInterrupt.

    ``stopped`` is "" or why the work ended early. The line goes to a terminal only, on standard
    error, once the work has taken two seconds.
    """

    def __init__(
        self,
        total: int,
        progress: bool = True,
        seconds: float | None = None,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._seconds, self._start = clock, seconds, clock()
        self._line = ProgressLine(progress, self._start, stream)
        self._total, self._done = max(total, 1), 0
        self.stopped = ""

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._start

    def more(self, work: int) -> None:
        """Add work that was not foreseen."""
        self._total += work

    def step(self, done: int = 1) -> bool:
        """Count work done; False if the budget of seconds is spent."""
        self._done += done
        now = self._clock()
        if self._line.due(now):
            self._line.draw(self._words(now - self._start))
        if self._seconds is not None and now - self._start > self._seconds:
            self.stopped = f"after {self._seconds:g} s, as asked"
            return False
        return True

    def _words(self, elapsed: float) -> str:
        share = min(self._done / self._total, 1.0)
        filled = round(24 * share)
        left = elapsed * (1 - share) / max(share, 1e-9)
        bar = "=" * filled + " " * (24 - filled)
        return f"gradients [{bar}] {100 * share:3.0f} %  {left:.0f} s left"

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._line.close()
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self.stopped = "by Ctrl-C"
            return True
        return False
