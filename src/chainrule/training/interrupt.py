"""Ctrl-C and SIGTERM while training: theta stays that of a whole step."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from types import FrameType, TracebackType
from typing import Any, NoReturn

from .. import signals

TERMINATED = 128 + signal.SIGTERM  # the exit code that shells give a terminated process
INSISTENCE = 10.0  # seconds within which Ctrl-C in a later run is meant for what runs them all
ECHO = 1.0  # seconds within which launchers may pass the same signal on twice


class Interrupt:
    """A context in which the first Ctrl-C only sets ``requested``; the second raises as usual.

    The second may come in a later run: then it is meant for the program that runs one after the
    other, as a search does, and sets ``insisted``.

    With ``terminate`` the first SIGTERM, which schedulers send before they kill, sets ``requested``
    and ``terminated``; another one more than a second later exits. A handler of Ctrl-C that was
    set elsewhere stays in place. Outside the main thread, where signals cannot be caught,
    it does nothing.
    """

    last = -inf  # when Ctrl-C was heard, in whatever run

    def __init__(self, terminate: bool = False) -> None:
        self.requested = False
        self.insisted = False
        self.terminated = False
        self._terminate = terminate
        self._terminated_at = 0.0
        self._raising = False
        self._hears = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is not threading.main_thread():
            return self
        self._hears = True
        if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, signals.interrupt):
            self._before[signal.SIGINT] = signal.signal(signal.SIGINT, self._on_signal)
        # None: a handler that was not set by Python, and could not be set again.
        if self._terminate and signal.getsignal(signal.SIGTERM) not in (signal.SIG_IGN, None):
            self._before[signal.SIGTERM] = signal.signal(signal.SIGTERM, self._on_signal)
        return self

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if number == signal.SIGTERM:
            if not self.terminated:
                self._terminated_at = now
            elif now - self._terminated_at > ECHO:
                raise SystemExit(TERMINATED)
            self.terminated = True
        elif self.requested and not self.terminated:
            raise KeyboardInterrupt
        else:
            self.insisted = now - Interrupt.last < INSISTENCE
            Interrupt.last = now
        self.requested = True
        if self._raising or self.insisted:
            raise KeyboardInterrupt

    @property
    def question(self) -> Callable[[], bool] | None:
        """What to ask whether a stop was requested; None where no signal is heard here."""
        return (lambda: self.requested) if self._hears else None

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Raise KeyboardInterrupt at the first signal within: for work that changes nothing."""
        self._raising = True
        try:
            if self.requested:
                raise KeyboardInterrupt
            yield
        finally:
            self._raising = False

    def end(self) -> NoReturn:
        """Exit after a SIGTERM: by the handler that was there before, or SystemExit(143)."""
        before = self._before.get(signal.SIGTERM)
        if callable(before):
            before(signal.SIGTERM, None)
        raise SystemExit(TERMINATED)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
