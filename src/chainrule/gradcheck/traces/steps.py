"""A program as a chain of steps, and its backward pass, right or with a change made on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...typing import Array

PACKAGE = str(Path(__file__).parents[2])


@dataclass(eq=False, slots=True)
class Step:
    """One operation: the steps whose values it takes, and how a gradient goes back to each.

    ``pull(g, k)`` is the gradient of argument k, g being that of the step's own value; ``inputs``
    are the arguments that depend on the parameters, ``positions`` their numbers. ``site`` is the
    expression of the program, with those that called it; ``place`` says where that is.
    """

    operation: str
    inputs: tuple[Step, ...]
    pull: Callable[[Any, int], Any]
    positions: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()
    site: tuple[Any, ...] = ()
    place: str = ""
    leaf: str = ""
    # The same with the matrix of a product in place of its transpose, where that can be.
    other: Callable[[Any, int], Any] | None = None


# (step, number of the argument, gradient of the step) -> what goes back; None: nothing does.
Edit = Callable[[Step, int, Any], Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A mistake made on purpose at some steps: what goes back to their arguments is another thing.

    ``arguments``: the numbers of those concerned, None for all. ``targets``: steps below, each for
    one of the steps, that are given its gradient as it is.
    """

    steps: frozenset[Step]
    edit: Edit
    arguments: frozenset[int] | None = None
    targets: Mapping[Step, Step] = field(default_factory=dict)

    def of(self, step: Step, k: int) -> bool:
        """Whether the change is made on the way to argument k of a step."""
        return step in self.steps and (self.arguments is None or k in self.arguments)


@dataclass(slots=True)
class Program:
    """The steps of a program in the order of its run; ``upstream`` is the last one's gradient.

    ``outputs`` pairs steps with their upstream gradients; ``leaves`` has a step for each array.
    """

    outputs: Sequence[tuple[Step, Any]]
    leaves: Mapping[str, Step]
    steps: list[Step] = field(default_factory=list)
    numbers: Callable[[Any], Array] = np.asarray

    def __post_init__(self) -> None:
        self.steps = _in_order([step for step, _ in self.outputs])

    def gradients(self, change: Change | None = None, without: int = -1) -> dict[str, Array]:
        """Run backwards; return the gradient of each leaf; ``without``: an output left out."""
        gradients: dict[Step, Any] = {}
        for number, (step, upstream) in enumerate(self.outputs):
            if number == without:
                continue
            gradients[step] = gradients[step] + upstream if step in gradients else upstream
        for step in reversed(self.steps):
            g = gradients.get(step)
            if g is None or step.leaf:
                continue
            for source, part in _parts(step, g, change):
                gradients[source] = gradients[source] + part if source in gradients else part
        return {
            name: self.numbers(gradients[leaf]) for name, leaf in self.leaves.items()
            if leaf in gradients
        }  # fmt: skip


def _parts(step: Step, g: Any, change: Change | None) -> Iterator[tuple[Step, Any]]:
    """Yield what goes back from a step, and to which."""
    if change is not None and step in change.targets:
        yield change.targets[step], g
        return
    for k, source in zip(step.positions, step.inputs, strict=True):
        changed = change is not None and change.of(step, k)
        part = change.edit(step, k, g) if change is not None and changed else step.pull(g, k)
        if part is not None:
            yield source, part


def _in_order(ends: Sequence[Step]) -> list[Step]:
    """Return every step that the ends rest on, inputs first."""
    order: list[Step] = []
    seen: set[Step] = set()
    stack = [(step, False) for step in ends]
    while stack:
        step, ready = stack.pop()
        if ready:
            order.append(step)
        elif step not in seen:
            seen.add(step)
            stack.append((step, True))
            stack += [(source, False) for source in step.inputs]
    return order
