"""The signals of the command line's process: none is lost, from its first line to its last.

The package imports this file before NumPy, which takes a tenth of a second. In a program that only
imports the package nothing happens: its signals are its own.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

INTERRUPTED = 130
# Seconds after which an exception that nobody has heard of is raised again.
PATIENCE = 1.0

_repeating = False


def is_command_line() -> bool:
    """Return whether this process is ``chainrule`` or ``python -m chainrule``."""
    if sys.orig_argv[1:2] == ["-m"] or sys.argv[:1] == ["-m"]:
        return "chainrule" in sys.orig_argv[2:3]
    program = sys.argv[0].rpartition(os.sep)[2] if sys.argv else ""
    return program.removesuffix(".exe") == "chainrule"


def leave(number: int, frame: FrameType | None) -> None:
    """End the process at once and without a word: nothing has begun that could be kept."""
    os._exit(INTERRUPTED)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt until it is heard."""
    _repeat(KeyboardInterrupt())


def terminate(number: int, frame: FrameType | None) -> None:
    """Raise SystemExit until it is heard: temporary files are removed, the terminal left in order.

    SIGHUP is as SIGTERM, whatever handles that at the moment: training writes a checkpoint first.
    """
    if number != signal.SIGTERM:
        return signal.raise_signal(signal.SIGTERM)
    return _repeat(SystemExit(128 + number))


def _repeat(error: BaseException) -> None:
    """Raise an exception, now and every second until ``heard``.

    Python drops one that is raised in a destructor or in a callback of its import system.
    """
    global _repeating
    if hasattr(signal, "setitimer"):
        _repeating = True
        signal.signal(signal.SIGALRM, lambda number, frame: _repeat(error))
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    raise error


def heard() -> None:
    """Raise no more what a signal has raised: it has been caught, and is being dealt with."""
    global _repeating
    if _repeating:
        _repeating = False
        signal.setitimer(signal.ITIMER_REAL, 0)


def begin() -> None:
    """Take Ctrl-C from Python, whose exception would be a traceback."""
    if is_command_line() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)


def _unraisable(dropped: Any) -> None:
    """Say nothing of an exception of ours that Python drops: it is raised again."""
    if not (_repeating and issubclass(dropped.exc_type, (KeyboardInterrupt, SystemExit))):
        sys.__unraisablehook__(dropped)


def begun() -> None:
    """Handle signals as exceptions from here on: there may be something to put in order."""
    if is_command_line():
        sys.unraisablehook = _unraisable
    if signal.getsignal(signal.SIGINT) in (leave, signal.default_int_handler):
        signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, terminate)
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) is signal.SIG_DFL:
        signal.signal(hangup, terminate)


def end() -> None:
    """Let Ctrl-C be: what is left is Python's own end, which it would fill with tracebacks."""
    heard()
    if is_command_line():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


begin()
