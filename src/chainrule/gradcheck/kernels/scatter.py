"""Run-to-run scatter: what sums in another order explain, and what only a race does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...typing import Array
from ..report import Part
from ..verdicts import RIGHT, WRONG
from .arguments import Arguments
from .bars import local_rms
from .passes import Pass, linearise, pulled

# Sums of n terms in another order differ by some eps √n of their size.
ORDER = 4.0
# A scatter in fewer entries than this share, and above a few units of their last digit, is no
# matter of the order of sums: that would touch every entry of a like sum.
SOME = 0.01


@dataclass(slots=True)
class Scatter:
    """How much every gradient differs from run to run (None: not at all), as lines and notes."""

    gradients: list[Array | None]
    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def scatter_of(
    arguments: Arguments,
    function: Callable[..., Any],
    first: Pass,
    upstream: Sequence[Any],
    repeats: int,
) -> Scatter:
    """Run a function ``repeats`` times more and measure how much outputs and gradients differ.

    Scatter within ``ORDER × eps × √n`` of the entries around is that of sums of n terms in another
    order: it is noted and lengthens the bars. More is reported as a race, with the entries.
    """
    library = arguments.framework
    plain = (*first.linear.outputs, *first.raw)
    low = [*first.outputs, *first.gradients]
    high = list(low)
    for _ in range(repeats):
        linear = linearise(arguments, function)
        again = (*linear.outputs, *pulled(arguments, function, linear, upstream))
        for i, (one, other) in enumerate(zip(plain, again, strict=True)):
            if one is None or other is None or library.equal(one, other):
                continue
            numbers = library.numbers(other)
            low[i], high[i] = np.minimum(low[i], numbers), np.maximum(high[i], numbers)
    count = len(first.outputs)
    names = [f"output{i}" if count > 1 else "the output" for i in range(count)]
    names += [f"the gradient of {name}" for name in arguments.names]
    eps = [library.eps(a) for a in (*first.linear.outputs, *arguments.arrays)]
    terms = sum(int(np.prod(out.shape)) for out in first.linear.outputs)
    scatter = Scatter([])
    for i, name in enumerate(names):
        spread: Array | None = None
        if high[i] is not low[i]:
            with np.errstate(invalid="ignore"):
                spread = np.nan_to_num(high[i] - low[i])
        if i >= count:
            scatter.gradients.append(spread)
        if spread is not None and spread.any():
            _judge(scatter, name, spread, low[i], eps[i], max(terms / max(spread.size, 1), 1.0))
    if not scatter.parts:
        scatter.parts.append(Part(f"run {repeats + 1} times", RIGHT))
    return scatter


def _judge(
    scatter: Scatter, name: str, spread: Array, value: Array, eps: float, terms: float
) -> None:
    size = np.abs(np.nan_to_num(value)) + local_rms(value)
    moving = spread > 0
    explained = ORDER * eps * np.sqrt(terms) * size
    few = np.count_nonzero(moving) < SOME * spread.size
    raced = spread > (np.minimum(explained, ORDER * eps * size) if few else explained)
    relative = float(np.max(spread[moving] / np.maximum(size[moving], 1e-300)))
    if not raced.any():
        scatter.notes.append(
            f"{name} differs from run to run by up to {relative:.1e} of its size, as sums in "
            "another order do: the bars are that much longer"
        )
        return
    places = [list(map(int, np.unravel_index(i, spread.shape))) for i in np.flatnonzero(raced)[:5]]
    listed = ", ".join(map(str, places)) + (", ..." if np.count_nonzero(raced) > 5 else "")
    worst = float(np.max(spread[raced] / np.maximum(size[raced], 1e-300)))
    scatter.parts.append(
        Part(
            "run to run",
            WRONG,
            f"{name} differs from run to run by up to {100 * worst:.2g} % in "
            f"{np.count_nonzero(raced)} of {spread.size} entries ({listed}), more than sums in "
            "another order explain: a race, or memory that is read before it is written",
        )
    )
