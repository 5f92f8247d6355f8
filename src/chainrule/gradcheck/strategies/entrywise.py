"""Every entry of every parameter in turn: the derivative of a function known by calls alone.

Four values of J for each entry. Where these do not decide, the entry is tried again: by the complex
step if the function takes complex numbers, then with smaller and larger steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...typing import Array
from ..differences import Estimate
from ..noise import rms
from ..progress import Progress
from ..pytree import Leaf
from ..verdicts import RIGHT, UNDECIDABLE, WRONG, Checked, decide
from .settling import Entry, reason, settle, slopes_at_sides, unresolved
from .sweep import Sweep


class Rounding(NamedTuple):
    """How far off a right gradient can be by rounding; see ``verdicts.decide``."""

    slack: float
    mantissa: float = 0.0


def sweep_leaf(
    sweep: Sweep,
    leaf: Leaf,
    checked: Checked,
    chosen: npt.NDArray[np.intp],
    rounding: Rounding,
    progress: Progress,
) -> None:
    """Check the chosen entries of one leaf; what is not reached stays unchecked."""
    h = sweep.sizes(leaf)
    numeric, bar = checked.numeric.reshape(-1), checked.bar.reshape(-1)
    first: dict[int, Estimate] = {}
    try:
        for index in map(int, chosen):
            first[index] = sweep.look(leaf, index, float(h[index]))
            numeric[index], bar[index] = first[index].value[0], first[index].bar[0]
            if not progress.step():
                break
    finally:
        done = np.array(sorted(first), np.intp)
        _judge(sweep, checked, done, rounding)
    if not progress.stopped:
        _again(sweep, leaf, checked, first, h, rounding, progress)


def _judge(sweep: Sweep, checked: Checked, done: npt.NDArray[np.intp], rounding: Rounding) -> None:
    a, n, bar = (x.ravel()[done] for x in (checked.analytic, checked.numeric, checked.bar))
    checked.verdict.reshape(-1)[done] = decide(
        a,
        n,
        bar,
        sweep.tolerance,
        rounding.slack,
        sweep.largest / rms(checked.parameter),
        rounding.mantissa,
    )


def _again(
    sweep: Sweep,
    leaf: Leaf,
    checked: Checked,
    first: dict[int, Estimate],
    h: Array,
    rounding: Rounding,
    progress: Progress,
) -> None:
    """Try again what is not right: an undecided entry must be decided, a wrong one confirmed."""
    a, n, bar = (x.reshape(-1) for x in (checked.analytic, checked.numeric, checked.bar))
    verdict = checked.verdict.reshape(-1)
    open_entries = [i for i in first if verdict[i] != RIGHT]
    progress.more(2 * len(open_entries))
    for index in open_entries:
        entry = Entry(leaf, index, float(h[index]), float(a[index]))
        settled = settle(sweep, entry, first[index], confirm=verdict[index] == WRONG)
        n[index], bar[index] = settled.estimate.value[0], settled.estimate.bar[0]
        if entry.a == 0 and sweep.constant(leaf, index, entry.h):
            n[index] = bar[index] = 0.0
        _judge(sweep, checked, np.array([index], np.intp), rounding)
        if verdict[index] == WRONG and settled.agreed:
            verdict[index] = UNDECIDABLE
            checked.reasons[index] = "steps of different lengths give different derivatives"
        elif verdict[index] == WRONG and unresolved(sweep, entry):
            verdict[index] = UNDECIDABLE
            checked.reasons[index] = "J is too coarse for a step of this entry's own size"
        elif verdict[index] == UNDECIDABLE:
            sides = slopes_at_sides(sweep, entry) if settled.kinked else ()
            checked.reasons[index] = reason(entry.a, settled.estimate, sides)
        if not progress.step(2):
            return


def choose(
    leaves: Sequence[Leaf], most: int | None, rng: np.random.Generator
) -> list[npt.NDArray[np.intp]]:
    """Choose at most ``most`` entries of each leaf at random; vectors (biases) are taken whole."""
    choices: list[npt.NDArray[np.intp]] = []
    for leaf in leaves:
        every = np.arange(leaf.value.size, dtype=np.intp)
        vector = sum(n != 1 for n in leaf.shape) <= 1
        if most is not None and len(every) > most and not vector:
            every = np.sort(rng.choice(every, most, replace=False))
        choices.append(every)
    return choices
