"""Every entry of every parameter in turn: the derivative of a function known by calls alone.

Four values of J for each entry. Where these do not decide, the entry is tried again: by the complex
step if the function takes complex numbers, then with smaller and larger steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..cost_functions import Subject
from ..differences import (
    EPS,
    STENCIL,
    Estimate,
    better,
    estimate,
    one_sided,
    power_of_two,
)
from ..kinks import Flip, flips_between
from ..noise import complex_along, rms, size
from ..progress import Progress
from ..pytree import Leaf
from ..verdicts import RIGHT, UNDECIDABLE, WRONG, Checked, decide

Array = npt.NDArray[Any]
# Further steps, as multiples of the first: small ones pass by kinks, large ones rise above noise.
RUNGS = (2.0**-6, 2.0**-12, 2.0**-18, 2.0**-24, 2.0**4, 2.0**8)
# A wrong entry must be rejected by every step down to this one.
CONFIRMED = 2.0**-12


@dataclass(slots=True)
class Sweep:
    """What the evaluations of one check share, and the kinks met on the way."""

    subject: Subject
    noise: float
    step: float
    tolerance: float
    complex_leaves: frozenset[str] = frozenset()
    largest: float = 0.0  # the largest gradient times its parameter's size
    flips: list[Flip] = field(default_factory=list)

    def sizes(self, leaf: Leaf) -> Array:
        """The step for each entry of a leaf: a power of two, in proportion to the entry's scale."""
        rms = float(np.sqrt(np.mean(leaf.value**2))) if leaf.value.size else 0.0
        scale = np.maximum(np.abs(leaf.value), rms)
        scale = np.where(scale > 0, scale, 1.0)
        return power_of_two(self.step * scale).ravel()

    def values(self, leaf: Leaf, index: int, h: float) -> Array:
        """J at the four displacements of one entry."""
        return np.array([self.moved(leaf, index, k * h)[0] for k in STENCIL])

    def moved(self, leaf: Leaf, index: int, by: float) -> tuple[float, Any]:
        """J and the cache with one entry moved."""
        moved = leaf.value.copy()
        moved.flat[index] += by
        return self.subject.at({leaf.path: moved})

    def look(self, leaf: Leaf, index: int, h: float) -> Estimate:
        """The estimate of one entry's derivative with step h."""
        values = self.values(leaf, index, h)
        with np.errstate(all="ignore"):
            slope = estimate(values[:, None], self.subject.J0, h, self.noise)
        if not slope.kinked[0] or not isinstance(self.subject.cache, Mapping):
            return slope
        names = (leaf.name, index, h)
        caches = [self.moved(leaf, index, k * h)[1] for k in (-1.0, 1.0)]
        self.flips.extend(flips_between(self.subject.cache, caches, names))
        return slope

    def constant(self, leaf: Leaf, index: int, h: float) -> bool:
        """Whether J does not move by a single bit, near and far."""
        J0, h = self.subject.J0, h / self.step * 2.0**-13
        near = all(self.moved(leaf, index, k * h)[0] == J0 for k in (-1.0, 1.0, 0.5, -0.5))
        return near and all(self.moved(leaf, index, k * h)[0] == J0 for k in (-256.0, 256.0))

    def complex_derivative(self, leaf: Leaf, index: int) -> float | None:
        """``Im J(x + ih) / h`` for a tiny h, or None where the function does not take it.

        Source: Squire and Trapp, "Using complex variables to estimate derivatives of real
        functions", SIAM Review 40, 1998.
        """
        direction = np.zeros(leaf.shape)
        direction.flat[index] = 1.0
        return complex_along(self.subject, {leaf.path: direction})


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


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a leaf, with its first step h and the gradient ``a`` that is checked."""

    leaf: Leaf
    index: int
    h: float
    a: float


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
    done = np.array(sorted(first), np.intp)
    for index in open_entries:
        entry = Entry(leaf, index, float(h[index]), float(a[index]))
        settled = _settle(sweep, entry, first[index], confirm=verdict[index] == WRONG)
        n[index], bar[index] = settled.estimate.value[0], settled.estimate.bar[0]
        if entry.a == 0 and n[index] == 0 and sweep.constant(leaf, index, entry.h):
            bar[index] = 0.0
        _judge(sweep, checked, done, rounding)
        if verdict[index] == WRONG and settled.agreed:
            verdict[index] = UNDECIDABLE
            checked.reasons[index] = "steps of different lengths give different derivatives"
        elif verdict[index] == UNDECIDABLE:
            sides = _sides(sweep, entry) if settled.kinked else ()
            checked.reasons[index] = _reason(entry.a, settled.estimate, sides)
        if not progress.step(2):
            return


class Settled(NamedTuple):
    """The best estimate; whether a kink was met; whether some step agreed with the gradient.

    A step agrees if its own estimate, whose bar is short, equals the gradient.
    """

    estimate: Estimate
    kinked: bool
    agreed: bool


def _settle(sweep: Sweep, entry: Entry, first: Estimate, confirm: bool) -> Settled:
    """Look again with other steps until the entry is known; to ``confirm``, with all short ones."""
    exact = _exact(sweep, entry, first)
    if exact is not None:
        return Settled(exact, bool(first.kinked[0]), False)
    best, kinked, agreed = first, bool(first.kinked[0]), _agrees(entry.a, first)
    # While all steps see kinks, or two contradict each other, the shortest ones are asked too.
    torn, smooth = False, not kinked
    # As a bias before a normalisation: J stays as it is however far one goes.
    still = abs(entry.a) <= 64 * EPS * sweep.largest / size(entry.leaf)
    for k, new in further(lambda k: sweep.look(entry.leaf, entry.index, k * entry.h), kinked):
        kinked, agreed = kinked or bool(new.kinked[0]), agreed or _agrees(entry.a, new)
        if k > 1 and not still and new.bar[0] > 1e-3 * abs(new.value[0]):
            continue  # so far away J may be another function
        torn, smooth = torn or apart(best, new), smooth or not new.kinked[0]
        best = combined(best, new, shorter=k < 1)
        largest = max(abs(entry.a), abs(float(best.value[0])))
        enough = (
            (k <= CONFIRMED and smooth and not torn)
            if confirm
            else best.bar[0] <= sweep.tolerance * largest
        )
        if enough:
            break
    if kinked and best.bar[0] > sweep.tolerance * abs(best.value[0]):
        best = _past_the_kink(best, _sides(sweep, entry))
    return Settled(best, kinked, agreed)


def further(look: Callable[[float], Estimate], kinked: bool) -> Iterator[tuple[float, Estimate]]:
    """Yield (k, estimate) at k times the first step: shorter steps, then longer ones.

    Longer steps are left out once a kink was met: they would cross more of them.
    """
    for k in RUNGS:
        if k > 1 and kinked:
            return
        new = look(k)
        kinked = kinked or bool(new.kinked[0])
        yield k, new


def combined(best: Estimate, new: Estimate, shorter: bool) -> Estimate:
    """Return what two estimates of one derivative tell together.

    The one with the shorter bar; but where the bars do not meet, a kink fooled the longer step:
    then the estimate with the shorter step.
    """
    if apart(best, new):
        return new if shorter else best
    return better(best, new)


def apart(one: Estimate, other: Estimate) -> bool:
    """Whether the bars of two estimates do not meet."""
    return bool(abs(one.value[0] - other.value[0]) > one.bar[0] + other.bar[0])


def _exact(sweep: Sweep, entry: Entry, first: Estimate) -> Estimate | None:
    """Return the derivative by the complex step where J takes complex numbers and both agree."""
    if entry.leaf.name not in sweep.complex_leaves:
        return None
    exact = sweep.complex_derivative(entry.leaf, entry.index)
    if exact is None or abs(exact - first.value[0]) > first.bar[0]:
        return None
    # The gradient is rounded too, by some eps of the largest of its array.
    bar = np.array([64 * EPS * (abs(exact) + sweep.largest / size(entry.leaf))])
    return Estimate(np.array([exact]), bar, first.kinked, bar)


def _agrees(a: float, e: Estimate) -> bool:
    short = not e.kinked[0] and e.bar[0] <= 1e-2 * abs(e.value[0])
    return bool(short and abs(a - e.value[0]) <= e.bar[0])


def _past_the_kink(best: Estimate, sides: Sequence[Estimate]) -> Estimate:
    """Take one side's slope: the one that the shortest steps agree with, if just one does."""
    agree = [abs(e.value[0] - best.value[0]) <= e.bar[0] + best.bar[0] for e in sides]
    if agree[0] == agree[1]:
        return best
    return better(best, sides[agree.index(True)])


def _sides(sweep: Sweep, entry: Entry) -> list[Estimate]:
    """The slopes on the right and on the left."""
    sides = []
    J0, noise = np.array([sweep.subject.J0]), np.array([sweep.noise])
    for h in (entry.h, -entry.h):
        values = [sweep.moved(entry.leaf, entry.index, k * h)[0] for k in (1, 2, 3, 4)]
        sides.append(one_sided(np.array(values)[:, None], J0, np.array([h]), noise))
    return sides


def _reason(a: float, best: Estimate, sides: Sequence[Estimate]) -> str:
    if not np.isfinite(best.bar[0]):
        return "J is infinite or NaN within the smallest step"
    if not np.isfinite(a):
        return "the gradient is not finite, and the numerical one is not known"
    if sides:
        right, left = (float(e.value[0]) for e in sides)
        return (
            "a kink lies here, or nearer than rounding lets see: the slope is "
            f"{left:.6g} on the left and {right:.6g} on the right"
        )
    return f"rounding noise of J is above the difference (known to ± {best.bar[0]:.1e})"


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
