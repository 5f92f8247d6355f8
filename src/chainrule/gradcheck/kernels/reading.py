"""Which mistake a wrong gradient of short floats shows: factors, arrays as factors, rows, terms.

The patterns of ``patterns/`` want five digits; here an explanation has to bring every entry within
its own bar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...typing import Array
from ..patterns.factors import factor_words
from ..report import Diagnosis
from ..verdicts import WRONG, Checked

# A share of entries may miss their bar by chance.
MOST = 0.999
# Where a line is right, its errors are this share of their bars at most: rounding, no mistake.
QUIET = 0.3
Reading = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Clues:
    """What is known beside both numbers: other arrays by name, the upstream gradient, samples."""

    arrays: Mapping[str, Array] = field(default_factory=dict)
    upstream: Array | None = None
    samples: int | None = None


def fits(values: Array, truth: Array, bar: Array) -> bool:
    """Whether values explain the truth within its bars, and not merely by being 0."""
    with np.errstate(all="ignore"):
        within = np.abs(values - truth) <= bar
        clear = np.abs(truth) > 4 * bar
    return bool(np.mean(within) >= MOST and np.count_nonzero(clear) >= 2)


def factor(t: Checked) -> float | None:
    """Return k where gradient = k × truth throughout, within the bars."""
    a, n = t.analytic, t.numeric
    square = float(np.vdot(n, n))
    if square == 0 or not np.isfinite(a).all() or not np.isfinite(square):
        return None
    k = float(np.vdot(a, n)) / square
    return k if k != 0 and fits(a / k, n, t.bar) else None


def _snapped(k: float, t: Checked, clues: Clues) -> float:
    """Return the round number that k is within the bars: -1, 2, an axis' size or its root."""
    sizes = {n for n in (*t.shape, clues.samples, t.analytic.size) if n and n > 2}
    round_numbers = [-1.0, -2.0, 2.0, 0.5, 1.5, 3.0]
    round_numbers += [r for n in sizes for r in (float(n), 1 / n, n**0.5, n**-0.5)]
    room = float(np.median(t.bar)) / max(float(np.sqrt(np.mean(t.numeric**2))), 1e-300)
    near = min(round_numbers, key=lambda r: abs(k / r - 1))
    return near if abs(k / near - 1) <= min(max(room / 4, 1e-4), 0.02) else k


def _constant(t: Checked, clues: Clues) -> Reading | None:
    k = factor(t)
    if k is None:
        return None
    bug, sentence = factor_words(
        _snapped(k, t, clues), clues.samples, set(t.shape), ("gradient", "reference")
    )
    return bug, f"{t.name}: {sentence}.", ""


def _zero(t: Checked, clues: Clues) -> Reading | None:
    if np.any(t.analytic != 0):
        return None
    return (
        "gradient missing",
        f"the gradient of {t.name} is 0 throughout (or None): it was left out.",
        "",
    )


def _transposed(t: Checked, clues: Clues) -> Reading | None:
    if t.analytic.ndim < 2 or t.shape[-1] != t.shape[-2]:
        return None
    if not fits(np.swapaxes(t.analytic, -1, -2), t.numeric, t.bar):
        return None
    sentence = f"the gradient of {t.name} is transposed."
    return "transposed", sentence, f"d{t.name} = (what it is now).T"


def _array_factor(t: Checked, clues: Clues) -> Reading | None:
    """A whole array is a factor too much or too little: upstream twice, a weight forgotten."""
    forms = dict(clues.arrays)
    if clues.upstream is not None:
        forms["the upstream gradient"] = clues.upstream
    with np.errstate(all="ignore"):
        for name, form in forms.items():
            try:
                q = np.broadcast_to(form, t.shape)
            except ValueError:
                continue
            if float(np.ptp(q)) == 0:
                continue
            if fits(t.analytic / q, t.numeric, np.where(q == 0, np.inf, t.bar * (1 + 1 / abs(q)))):
                bug = "upstream twice" if name.startswith("the upstream") else "a factor twice"
                return bug, f"the gradient of {t.name} has {name} as a factor too much.", ""
            if fits(t.analytic * q, t.numeric, t.bar * (1 + abs(q))):
                bug = "upstream missing" if name.startswith("the upstream") else "a factor missing"
                return bug, f"the gradient of {t.name} lacks the factor {name}.", ""
    return None


def _line_term(t: Checked, clues: Clues) -> Reading | None:
    """A term that is the same along a row, or follows the argument there: a mean is missing."""
    if t.analytic.ndim < 2 or t.shape[-1] < 4 or not np.isfinite(t.analytic).all():
        return None
    gap = t.analytic - t.numeric
    x = t.parameter
    mean = gap - gap.mean(axis=-1, keepdims=True)
    if fits(t.numeric + mean, t.numeric, t.bar):
        return (
            "mean term",
            f"the gradient of {t.name} is off by one number in every row: the term through the "
            "mean is missing or wrong.",
            "",
        )
    if x is None:
        return None
    square = np.sum(x * x, axis=-1, keepdims=True)
    along = gap - x * (np.sum(gap * x, axis=-1, keepdims=True) / np.maximum(square, 1e-300))
    if fits(t.numeric + along, t.numeric, t.bar):
        return (
            "size term",
            f"the gradient of {t.name} is off by a multiple of {t.name} itself in every row: the "
            "term through its size (variance, root mean square) is missing or wrong.",
            "",
        )
    centred = x - x.mean(axis=-1, keepdims=True)
    square = np.sum(centred**2, axis=-1, keepdims=True)
    rest = mean - centred * (
        np.sum(mean * centred, axis=-1, keepdims=True) / np.maximum(square, 1e-300)
    )
    if fits(t.numeric + rest, t.numeric, t.bar):
        return (
            "mean and variance terms",
            f"the gradient of {t.name} lacks, row by row, what comes through the mean and the "
            "variance.",
            "",
        )
    return None


def _lines(t: Checked, clues: Clues) -> Reading | None:
    """Some rows or columns wrong and all others right: an index, a block's remainder."""
    if t.analytic.ndim < 1 or t.analytic.size < 4:
        return None
    wrong = t.verdict == WRONG
    within = (t.analytic - t.numeric) / np.maximum(t.bar, 1e-300)
    for axis in range(t.analytic.ndim):
        others = tuple(k for k in range(t.analytic.ndim) if k != axis)
        lines = wrong.any(axis=others)
        count = int(np.count_nonzero(lines))
        quiet = np.moveaxis(within, axis, 0)[~lines]
        if quiet.size and float(np.mean(quiet**2)) > QUIET**2:
            continue
        if not 0 < count <= len(lines) // 2 or len(lines) < 4:
            continue
        which = np.flatnonzero(lines)
        word = {0: "rows", t.analytic.ndim - 1: "columns"}.get(axis, f"slices of axis {axis}")
        word = "entries" if t.analytic.ndim == 1 else word
        at_end = which[-1] == len(lines) - 1 and which[-1] - which[0] + 1 == count
        if 1 < count < len(lines) / 2 and at_end:
            return (
                "block's remainder",
                f"wrong are just the last {count} {word} of {t.name} (from {which[0]} on): what is "
                "left over after whole blocks.",
                "",
            )
        listed = ", ".join(map(str, which[:6])) + (", ..." if count > 6 else "")
        return (
            "whole rows",
            f"wrong are just the {word} {listed} of {t.name}, {count} of {len(lines)}: look at the "
            "index, at overwriting where it should add, at a mask.",
            "",
        )
    return None


READINGS: Sequence[Callable[[Checked, Clues], Reading | None]] = (
    _zero,
    _constant,
    _transposed,
    _array_factor,
    _line_term,
    _lines,
)


def diagnoses(tensors: Sequence[Checked], clues: Clues) -> Iterator[Diagnosis]:
    """Yield the first reading that fits each wrong array."""
    for t in tensors:
        if not t.count(WRONG):
            continue
        with np.errstate(all="ignore"):
            reading = next((s for s in (r(t, clues) for r in READINGS) if s is not None), None)
        if reading is not None:
            yield Diagnosis(reading[0], t.name, reading[1], reading[2], certain=False)
