"""Learning-rate schedules: what the learning rate is multiplied by at each step of a run.

``step`` = 0, 1, ... counts updates and ``steps`` is the planned number of them. A step at or past
the plan has the factor of the plan's end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil, cos, isinf, log2, pi

from .checks import BELOW_ONE, COUNT, INSIDE_ONE, POSITIVE_SHARE, SHARE, setting
from .names import resolve

State = tuple[float, ...]


def _no_state() -> State:
    return ()


def _unmoved(state: State, cost: float) -> State:
    return state


@dataclass(frozen=True, slots=True)
class Schedule:
    """A learning-rate schedule.

    ``factor(step, steps, state) -> float`` multiplies the learning rate. ``init() -> state`` and
    ``observe(state, cost) -> state``, called with the monitored cost at the end of each epoch,
    carry what a schedule remembers: a tuple of numbers, empty for all but plateau.
    """

    name: str
    factor: Callable[[int, int, State], float]
    settings: Mapping[str, float] = field(default_factory=dict)
    formula: str = ""
    source: str = ""
    init: Callable[[], State] = _no_state
    observe: Callable[[State, float], State] = _unmoved


def _progress(step: int, steps: int) -> float:
    """Return the share of the run that is done, from 0 to 1."""
    return min(step / max(steps, 1), 1.0)


def _falling(start: float, end: float, progress: float) -> float:
    """Return the half cosine from ``start`` (progress 0) to ``end`` (progress 1)."""
    return end + (start - end) * (1 + cos(pi * progress)) / 2


def constant() -> Schedule:
    """``factor = 1``."""
    return Schedule("constant", lambda step, steps, state: 1.0, formula="1")


def step(every: float = 1 / 3, factor: float = 0.1) -> Schedule:
    """``factor^floor(step / period)``, period = ceil(every * steps).

    ``every`` is a share of the run: 1/3 with the factor 0.1 gives 1, 0.1, 0.01 for a third each.
    Raises ValueError unless 0 < every <= 1 and 0 < factor <= 1.
    Source: He, Zhang, Ren and Sun, "Deep residual learning", CVPR 2016, section 3.4 (by a tenth at
    a plateau, in practice at fixed shares of the run).
    """
    every = setting("step", "every", every, POSITIVE_SHARE)
    drop = setting("step", "factor", factor, POSITIVE_SHARE)

    def at(step: int, steps: int, state: State) -> float:
        # Less a hair, so that 0.1 * 30 or (1/3) * 300 is not rounded up to one update too many.
        period = max(ceil(every * steps * (1 - 1e-12)), 1)
        last = max(steps - 1, 0)
        return float(drop ** (min(step, last) // period))

    return Schedule(
        name="step",
        factor=at,
        settings={"every": every, "factor": drop},
        formula="factor^floor(step / ceil(every steps))",
        source="He, Zhang, Ren and Sun, CVPR 2016, section 3.4",
    )


def exponential(final: float = 0.01) -> Schedule:
    """``final^(step / steps)``: the same ratio from every step to the next.

    Raises ValueError unless 0 < final <= 1.
    Source: Senior et al., "An empirical study of learning rates in deep neural networks for speech
    recognition", ICASSP 2013 (exponential scheduling).
    """
    final = setting("exponential", "final", final, POSITIVE_SHARE)
    return Schedule(
        name="exponential",
        factor=lambda step, steps, state: float(final ** _progress(step, steps)),
        settings={"final": final},
        formula="final^(step / steps)",
        source="Senior et al., ICASSP 2013",
    )


def cosine(final: float = 0.0) -> Schedule:
    """``final + (1 - final) (1 + cos(pi step / steps)) / 2``: from 1 to ``final``.

    Raises ValueError unless 0 <= final <= 1.
    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR
    2017, equation (5), without restarts.
    """
    final = setting("cosine", "final", final, SHARE)
    return Schedule(
        name="cosine",
        factor=lambda step, steps, state: _falling(1.0, final, _progress(step, steps)),
        settings={"final": final},
        formula="final + (1 - final) (1 + cos(pi step / steps)) / 2",
        source="Loshchilov and Hutter, ICLR 2017, (5)",
    )


def warm_up(fraction: float = 0.1) -> Schedule:
    """``min(1, (step + 1) / n)``, n = ceil(fraction * steps): a straight rise, then constant.

    The first step has 1/n and not 0, so that no step is lost. Raises ValueError unless
    0 <= fraction <= 1.
    Source: Goyal et al., "Accurate, large minibatch SGD", 2017, section 2.2 (gradual warm-up).
    """
    fraction = setting("warm_up", "fraction", fraction, SHARE)

    def at(step: int, steps: int, state: State) -> float:
        rising = max(ceil(fraction * steps * (1 - 1e-12)), 1)
        return min((step + 1) / rising, 1.0)

    return Schedule(
        name="warm_up",
        factor=at,
        settings={"fraction": fraction},
        formula="min(1, (step + 1) / ceil(fraction steps))",
        source="Goyal et al., 2017, section 2.2",
    )


def one_cycle(warm_up: float = 0.3, start: float = 0.04, final: float = 1e-4) -> Schedule:
    """Half a cosine from ``start`` up to 1, then half a cosine down to ``final``.

    The peak is at step ``warm_up * steps - 1`` (at 0 if that is negative), the end at step
    ``steps - 1``. Raises ValueError unless 0 <= warm_up, start, final <= 1.
    Source: Smith and Topin, "Super-convergence", 2018, with cosines for straight lines.
    """
    warm_up = setting("one_cycle", "warm_up", warm_up, SHARE)
    start = setting("one_cycle", "start", start, SHARE)
    final = setting("one_cycle", "final", final, SHARE)

    def at(step: int, steps: int, state: State) -> float:
        last = max(steps - 1, 0)
        step = min(step, last)
        peak = max(warm_up * steps - 1, 0.0)
        if step < peak:
            return _falling(start, 1.0, step / peak)
        return _falling(1.0, final, (step - peak) / (last - peak) if last > peak else 0.0)

    return Schedule(
        name="one_cycle",
        factor=at,
        settings={"warm_up": warm_up, "start": start, "final": final},
        formula="half cosines: start -> 1 over warm_up of the run, then 1 -> final",
        source="Smith and Topin, 2018",
    )


def flat_cosine(flat: float = 0.5, final: float = 0.0) -> Schedule:
    """1 for the share ``flat`` of the run, then half a cosine down to ``final``.

    ``final + (1 - final) (1 + cos(pi u)) / 2``, ``u = max(step / steps - flat, 0) / (1 - flat)``.
    Raises ValueError unless 0 <= flat < 1 and 0 <= final <= 1.
    Source: Holzmüller, Grinsztajn and Steinwart, "Better by default: strong pre-tuned MLPs and
    boosted trees on tabular data", NeurIPS 2024, section 3 (flat_cos).
    """
    flat = setting("flat_cosine", "flat", flat, BELOW_ONE)
    final = setting("flat_cosine", "final", final, SHARE)

    def at(step: int, steps: int, state: State) -> float:
        return _falling(1.0, final, max(_progress(step, steps) - flat, 0.0) / (1 - flat))

    return Schedule(
        name="flat_cosine",
        factor=at,
        settings={"flat": flat, "final": final},
        formula="1 for flat of the run, then a half cosine from 1 to final",
        source="Holzmüller, Grinsztajn and Steinwart, NeurIPS 2024, section 3",
    )


def coslog4() -> Schedule:
    """Four cosines, each twice as long as the one before: ``(1 - cos(2 pi log2(1 + 15 t))) / 2``.

    ``t = step / steps``. The factor is 0 at t = 0, 1/15, 3/15, 7/15 and 1, and 1 in between, at
    t = (2^(k + 1/2) - 1) / 15, k = 0..3.
    Source: Holzmüller, Grinsztajn and Steinwart, NeurIPS 2024, section 3 (coslog4).
    """

    def at(step: int, steps: int, state: State) -> float:
        return (1 - cos(2 * pi * log2(1 + 15 * _progress(step, steps)))) / 2

    return Schedule(
        name="coslog4",
        factor=at,
        formula="(1 - cos(2 pi log2(1 + 15 step / steps))) / 2",
        source="Holzmüller, Grinsztajn and Steinwart, NeurIPS 2024, section 3",
    )


def plateau(factor: float = 0.5, patience: float = 10, threshold: float = 1e-4) -> Schedule:
    """Multiply by ``factor`` after more than ``patience`` epochs without a new best cost.

    A cost is a new best if it is below best - threshold * |best|; NaN never is. The state is
    (best cost, epochs since, factor so far) and starts at (inf, 0, 1).

    Raises ValueError unless 0 < factor < 1, patience is a whole number >= 0 and 0 <= threshold < 1.
    Source: Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 8.3.1 (the learning
    curve as a guide); the rule is that of PyTorch's ReduceLROnPlateau.
    """
    drop = setting("plateau", "factor", factor, INSIDE_ONE)
    patience = setting("plateau", "patience", patience, COUNT)
    threshold = setting("plateau", "threshold", threshold, BELOW_ONE)

    def observe(state: State, cost: float) -> State:
        best, waited, so_far = state
        if cost < (best if isinf(best) else best - threshold * abs(best)):
            return float(cost), 0.0, so_far
        if waited + 1 > patience:
            return best, 0.0, so_far * drop
        return best, waited + 1, so_far

    return Schedule(
        name="plateau",
        factor=lambda step, steps, state: state[2],
        settings={"factor": drop, "patience": patience, "threshold": threshold},
        formula="times factor after more than patience epochs without a new best cost",
        source='Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 8.3.1',
        init=lambda: (float("inf"), 0.0, 1.0),
        observe=observe,
    )


SCHEDULES: Mapping[str, Callable[..., Schedule]] = {
    "constant": constant,
    "step": step,
    "exponential": exponential,
    "cosine": cosine,
    "warm_up": warm_up,
    "one_cycle": one_cycle,
    "flat_cosine": flat_cosine,
    "coslog4": coslog4,
    "plateau": plateau,
}


def resolve_schedule(schedule: str | Schedule) -> Schedule:
    """Return the schedule that a name such as ``"cosine(0.01)"`` means, or the one given."""
    if isinstance(schedule, Schedule):
        return schedule
    return resolve("schedule", schedule, SCHEDULES)
