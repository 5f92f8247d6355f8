"""``stage``: marks on the arrays inside a program, which a check can move and compare."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import Any

import numpy as np

from ...typing import Array


class Recorder:
    """What the marks of one run saw, and what is added to the outputs of stages."""

    def __init__(self, moves: Mapping[str, Array] | None = None) -> None:
        self.moves = dict(moves or {})
        self.outputs: dict[str, Array] = {}
        self.gradients: dict[str, Array] = {}


RECORDER: ContextVar[Recorder | None] = ContextVar("recorder", default=None)


class Stage:
    """A named part of a program. Outside a check its methods return what they are given."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return

    def output(self, array: Any) -> Any:
        """Mark the stage's output in the forward pass; go on with what is returned."""
        recorder = RECORDER.get()
        if recorder is None:
            return array
        recorder.outputs[self.name] = np.array(array, np.float64)
        move = recorder.moves.get(self.name)
        return array if move is None else array + move

    def gradient(self, array: Any) -> Any:
        """Mark the gradient of J by the stage's output in the backward pass."""
        recorder = RECORDER.get()
        if recorder is not None:
            recorder.gradients[self.name] = np.array(array, np.float64)
        return array


def stage(name: str) -> Stage:
    """Return a mark: ``with stage("softmax") as s: a = s.output(softmax(z))``.

    In the backward pass ``da = s.gradient(da)`` marks dJ/da, in the same ``with`` or in another of
    the same name. ``check_stages`` then moves a and compares; otherwise marks do nothing.
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"a stage needs a name, not {name!r}")
    return Stage(name)
