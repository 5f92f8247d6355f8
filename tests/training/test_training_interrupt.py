"""A request to stop is never lost, whenever it comes."""

import os
import signal
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from chainrule.training.descent import _agree
from chainrule.training.interrupt import Interrupt


class Pair:
    """A team of two whose other member asks for nothing; a signal comes during the all-reduce."""

    size = 2
    rank = 0

    def __init__(self, number: int | None) -> None:
        self.number = number

    def maximum_(self, array: npt.NDArray[Any]) -> None:
        if self.number is not None:
            os.kill(os.getpid(), self.number)
            self.number = None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_the_all_reduce_stops_the_next_call(number: int) -> None:
    run: Any = SimpleNamespace(team=Pair(number))
    with Interrupt(terminate=True) as interrupt:
        assert _agree(run, interrupt, 7) == (False, 7)
        assert interrupt.requested
        assert interrupt.terminated == (number == signal.SIGTERM)
        assert _agree(run, interrupt, 7) == (True, 7)


def test_what_another_member_hears_is_heard_here() -> None:
    class Asked(Pair):
        def maximum_(self, array: npt.NDArray[Any]) -> None:
            np.maximum(array, [1, 1, 0], out=array)

    run: Any = SimpleNamespace(team=Asked(None))
    with Interrupt(terminate=True) as interrupt:
        assert _agree(run, interrupt, 7) == (True, 7)
        assert interrupt.requested
        assert interrupt.terminated
