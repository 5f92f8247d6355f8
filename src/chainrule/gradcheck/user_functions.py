"""A user's functions during a check: what they raise, print, and do to global random numbers."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import wraps
from typing import Any, ParamSpec

import numpy as np

from ..typing import Array
from .report import Report

P = ParamSpec("P")


def error_from(who: str, error: Exception) -> ValueError:
    """Build the error for a function that raised one, in one sentence.

    >>> error_from("the cost", KeyError("W"))
    ValueError("the cost raised KeyError: 'W'")
    """
    first = (str(error).strip().splitlines() or ["no message"])[0]
    return ValueError(f"{who} raised {type(error).__name__}: {first}")


def require_same(who: str, first: Array, again: Array) -> None:
    """Raise ValueError where a second call gave other values: random numbers without a seed."""
    room = 1e-12 * float(np.max(np.abs(np.nan_to_num(again)), initial=0.0))
    if not np.allclose(again, first, rtol=1e-6, atol=room, equal_nan=True):
        raise ValueError(
            f"{who} is not deterministic: it gave other values the second time; fix the seed of "
            "the random numbers inside it"
        )


class CountedOutput:
    """A stream that passes everything on and counts the lines."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.lines = stream, 0

    def write(self, text: str) -> int:
        """Pass the text on."""
        self.lines += text.count("\n")
        return int(self.stream.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class GlobalRandom:
    """The states of the global random numbers: of Python, NumPy and torch where it is loaded."""

    def __init__(self) -> None:
        self.python, self.numpy = random.getstate(), np.random.get_state()
        self.library = sys.modules.get("torch")
        self.torch = None if self.library is None else self.library.get_rng_state()

    def put_back(self) -> list[str]:
        """Put the states back; return the names of those that had changed."""
        changed = []
        if random.getstate() != self.python:
            random.setstate(self.python)
            changed.append("random")
        old, new = self.numpy, np.random.get_state()
        if any(not np.array_equal(a, b) for a, b in zip(old, new, strict=True)):
            np.random.set_state(old)
            changed.append("numpy.random")
        library = self.library
        if library is not None and not library.equal(library.get_rng_state(), self.torch):
            library.set_rng_state(self.torch)
            changed.append("torch")
        return changed


def surroundings_restored(check: Callable[P, Report]) -> Callable[P, Report]:
    """Put global random numbers back after a check; note that, and what the functions print."""

    @wraps(check)
    def run(*args: P.args, **kwargs: P.kwargs) -> Report:
        states, output = GlobalRandom(), CountedOutput(sys.stdout)
        try:
            with redirect_stdout(output):
                report = check(*args, **kwargs)
        finally:
            changed = states.put_back()
        notes = []
        if changed:
            notes.append(
                f"the functions draw from or seed the global numbers of {', '.join(changed)}: put "
                "back as they were"
            )
        if output.lines:
            plural = "s" if output.lines > 1 else ""
            notes.append(f"the functions printed {output.lines} line{plural} in this check")
        report.notes = [*report.notes, *notes]
        return report

    return run
