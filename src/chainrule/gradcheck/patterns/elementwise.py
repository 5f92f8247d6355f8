"""Mistakes that act on each entry by itself: f' forgotten, twice or at the wrong place; a mask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...mathematics.activations import ACTIVATIONS, Activation
from ...typing import Array
from ..user_network.model import COMMON, REST, _records
from ..verdicts import WRONG, Checked
from .evidence import FITS, Evidence, Finding, Pattern, known


def slope(t: Checked, evidence: Evidence) -> Finding | None:
    """The argument itself goes through f: the gradient and the numerical one differ by f'."""
    if t.parameter is None:
        return None
    k = known(t) & np.isfinite(t.analytic)
    x, a, n, bar = t.parameter[k], t.analytic[k], t.numeric[k], t.bar[k]
    room = FITS * np.abs(n) + 2 * bar
    if len(n) < 4 or np.max(bar) > 1e-4 * np.max(np.abs(n)):
        return None
    for f in _records(ACTIVATIONS, (*COMMON, *REST)):
        if not f.elementwise:
            continue
        out = f.f(x)
        df = f.df(x, out)
        if not _tells(df[(a != 0) | (n != 0)]):
            continue
        formula = f"d{t.name} = da * f'({t.name}), f' = {f.derivative} for {f.name}"
        if np.all(np.abs(a * df - n) <= room):
            return "f' missing", f"f'({t.name}) of {f.name} is missing.", formula
        # Where f' is 0, as relu's, the other two would ask for nothing.
        if not np.all(df != 0):
            continue
        if np.all(np.abs(a - n * df) <= np.abs(df) * room):
            return (
                "f' twice",
                f"f'({t.name}) of {f.name} is there once too often.",
                f"d{t.name} = (what it is now) / f'({t.name}), f' = {f.derivative} for {f.name}",
            )
        for wrong in _elsewhere(f, x, out):
            if not (np.all(wrong != 0) and _tells(wrong / df)):
                continue
            if np.all(np.abs(a * df - n * wrong) <= np.abs(wrong) * room):
                sentence = f"f' of {f.name} is taken at the wrong one of a and z: {t.name} is z."
                return "f' at a instead of z", sentence, formula
    return None


def _tells(df: Array) -> bool:
    """Whether f' takes other values than its most frequent one often enough to be known by it."""
    if len(df) < 4 or not np.isfinite(df).all():
        return False
    steps = np.round(df / max(float(np.max(np.abs(df))), 1e-300), 3)
    return len(df) - int(np.max(np.unique(steps, return_counts=True)[1])) >= 3


def _elsewhere(f: Activation, x: Array, a: Array) -> Iterator[Array]:
    """f' at a, and its form in a given z or a second time f."""
    yield f.df(a, f.f(a))
    form = f.slope_of_a
    if form is not None:
        yield form(x)


def one_side(t: Checked, evidence: Evidence) -> Finding | None:
    """One factor on one side of 0 and none on the other: a kink's slope is wrong there."""
    if t.parameter is None or not known(t).all() or not np.isfinite(t.analytic).all():
        return None
    for side, word in ((t.parameter < 0, "<"), (t.parameter > 0, ">")):
        a, n = t.analytic[side], t.numeric[side]
        square = float(np.vdot(n, n))
        wrong = t.verdict == WRONG
        if square == 0 or wrong[~side].any() or np.count_nonzero(t.numeric[~side]) < 3:
            continue
        k = float(np.vdot(a, n)) / square
        if wrong[side].sum() < 3 or np.max(np.abs(a - k * n)) > FITS * np.max(np.abs(n)):
            continue
        return (
            "wrong slope on a kink's wrong side",
            f"the gradient of {t.name} is {k:.6g} × numerical wherever {t.name} {word} 0, and "
            "right elsewhere: the slope on that side of a kink is wrong.",
            "",
        )
    return None


def mask(t: Checked, evidence: Evidence) -> Finding | None:
    """J does not depend on some entries, whose gradient is not 0; elsewhere one factor fits."""
    if not known(t).all() or not np.isfinite(t.analytic).all():
        return None
    a, n = t.analytic, t.numeric
    largest = float(np.max(np.abs(n), initial=0.0))
    still = np.abs(n) <= 2 * t.bar + 1e-9 * largest
    off, active = still & (t.verdict == WRONG), ~still
    if not off.any() or float(np.max(t.bar)) > 1e-4 * float(np.max(np.abs(a))):
        return None
    if still.all():
        return (
            "J does not depend on it",
            f"J does not depend on {t.name} at all, and its gradient is not 0: look at what takes "
            "it away (the mean of a normalisation, softmax's sum, dead units, a mask).",
            f"d{t.name} = 0",
        )
    if off.sum() < 3 or active.sum() < 3:
        return None
    k = float(np.vdot(a[active], n[active])) / float(np.vdot(n[active], n[active]))
    if np.max(np.abs(a - k * n)[active]) > FITS * np.max(np.abs(a[active])) or k <= 0:
        return None
    scaled = abs(k - 1) > 1e-4
    also = f"; elsewhere gradient = {k:.6g} × numerical: so is a scale" if scaled else ""
    which = _mask_words(off | (still & ~off & (a == 0)) if off.ndim > 1 else off)
    return (
        "mask missing",
        f"J does not depend on {off.sum()} of {t.name}'s {a.size} entries, whose gradient is not 0:"
        f" {which} is missing{also}.",
        f"d{t.name} = da * mask{' / ' + format(k, '.6g') if scaled else ''}",
    )


def _mask_words(off: Array) -> str:
    """Name a mask by the entries that it takes away: those above a diagonal, or at the end."""
    usual = "a mask (dropout, relu, the place of a maximum)"
    if off.ndim < 2:
        return usual
    T, S = off.shape[-2:]
    if np.array_equal(off, np.broadcast_to(~np.tri(T, S).astype(bool), off.shape)) and T > 2:
        return "what takes the entries above the diagonal away (a causal mask, a triangular matrix)"
    columns = np.asarray(off.all(axis=-2))
    padded = np.array_equal(off, np.broadcast_to(columns[..., None, :], off.shape))
    ends = np.all(np.diff(columns.astype(int), axis=-1) >= 0)
    if padded and ends and not columns.all():
        return "the padding mask (whole columns at the end)"
    return usual


def whole_rows(t: Checked, evidence: Evidence) -> Finding | None:
    """Some rows (or columns) wrong throughout, all others right: an index, not a formula."""
    if t.analytic.ndim != 2 or min(t.shape) < 2 or not known(t).all():
        return None
    for axis, word in ((1, "rows"), (0, "columns")):
        wrong = (t.verdict == WRONG).any(axis=axis)
        every = ((t.verdict == WRONG) | (t.numeric == t.analytic)).all(axis=axis)
        right = ~wrong & (np.abs(t.numeric) > t.bar).any(axis=axis)
        if not wrong.any() or right.sum() < 2 or not every[wrong].all():
            continue
        which = np.flatnonzero(wrong)
        named = ", ".join(map(str, which[:6])) + (", ..." if len(which) > 6 else "")
        if word == "rows" and _repeated(evidence.X, wrong, right):
            return (
                "rows overwritten",
                f"wrong are just the rows of {t.name} that occur more than once in X ({named}): "
                "their gradient is overwritten where it should be added.",
                f"np.add.at(d{t.name}, X, da), and not d{t.name}[X] = da or += da",
            )
        if any(other.count(WRONG) for other in evidence.tensors if other is not t):
            continue
        return (
            "whole rows",
            f"the {word} {named} of {t.name}'s gradient are wrong and all others right: look at "
            "what is special about them (used more than once and overwritten where they should be "
            "added up, np.add.at; a mask, a kink).",
            "",
        )
    return None


def _repeated(X: Array | None, wrong: Array, right: Array) -> bool:
    """Whether X holds row numbers, the wrong ones more than once and the right ones once."""
    if X is None or X.size == 0 or np.any(X != np.round(X)) or X.min() < 0 or X.max() >= len(wrong):
        return False
    counts = np.bincount(X.astype(np.intp).ravel(), minlength=len(wrong))
    return bool(np.all(counts[wrong] > 1) and np.all(counts[right] == 1))


POINTWISE: Sequence[Pattern] = (one_side, mask, whole_rows)
