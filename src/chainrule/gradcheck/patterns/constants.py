"""Errors that a few constants explain: by factor or by sum, for all entries or by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..verdicts import WRONG, Checked
from .evidence import FITS, SPARE, Evidence, Finding, Pattern, known
from .ratios import FEWEST, entries_of

# Factors closer than this are one factor with noise on it.
APART = 1e-2


def few_factors(t: Checked, evidence: Evidence) -> Finding | None:
    """Two or three factors, each of several entries: a weight by class, a case, a side."""
    entries = entries_of(t)
    if entries is None or len(entries[2]) < 2 * FEWEST:
        return None
    _, a, n, room = entries
    some = np.abs(n) > 100 * room
    factors, counts = np.unique(np.round((a / n)[some], 4), return_counts=True)
    if not some.all() or not 2 <= len(factors) <= 3 or counts.min() < 2 or np.any(factors == 0):
        return None
    if np.min(np.diff(factors)) < APART:
        return None
    listed = ", ".join(f"{k:.4g} × in {c}" for k, c in zip(factors, counts, strict=True))
    return (
        "a factor for each class",
        f"{t.name}'s gradient is {listed} of {a.size} entries: a factor or weight that goes with a "
        "class or a case is that of another.",
        "",
    )


def same_number(t: Checked, evidence: Evidence) -> Finding | None:
    """Every entry is off by one and the same number, as by a term that is forgotten."""
    if not known(t).all() or not np.isfinite(t.analytic).all() or t.analytic.size < 4:
        return None
    gap = t.analytic - t.numeric
    off = float(np.mean(gap))
    room = FITS * float(np.max(np.abs(t.numeric))) + 2 * float(np.max(t.bar))
    if abs(off) < 20 * room or float(np.max(np.abs(gap - off))) > room:
        return None
    if float(np.ptp(t.numeric)) <= 20 * room:
        return None  # a factor would do as well
    return (
        "off by one number",
        f"every entry of {t.name}'s gradient is off by the same number, {off:.6g}: a term that is "
        f"the same for all, as of a constant, a mean or a smoothed target, is missing or wrong.",
        f"d{t.name} = (what it is now) - {off:.6g}",
    )


def two_numbers(t: Checked, evidence: Evidence) -> Finding | None:
    """Every entry is off by one of two numbers, as where a target is another."""
    if not known(t).all() or not np.isfinite(t.analytic).all() or t.analytic.size < SPARE:
        return None
    gap = t.analytic - t.numeric
    room = FITS * float(np.max(np.abs(t.numeric))) + 2 * float(np.max(t.bar))
    low, high = float(np.min(gap)), float(np.max(gap))
    near_low, near_high = np.abs(gap - low) <= room, np.abs(gap - high) <= room
    counts = np.count_nonzero(near_low), np.count_nonzero(near_high)
    apart = high - low > 40 * room and min(counts) >= 2 and np.ptp(t.numeric) > 40 * room
    if not apart or not np.all(near_low | near_high):
        return None
    return (
        "off by one of two numbers",
        f"every entry of {t.name}'s gradient is off by one of two numbers, {low:.4g} in "
        f"{counts[0]} and {high:.4g} in {counts[1]}: a target (smoothed, or of another class) or a "
        "constant is another.",
        "",
    )


def into_one_row(t: Checked, evidence: Evidence) -> Finding | None:
    """One row holds the sum of all rows' gradients, and the others nothing."""
    a, n = t.analytic, t.numeric
    if a.ndim < 2 or len(a) < 3 or not known(t).all() or not t.count(WRONG):
        return None
    filled = np.flatnonzero(np.any(a.reshape(len(a), -1) != 0, axis=1))
    room = FITS * float(np.max(np.abs(n))) * len(a) + 2 * float(np.max(t.bar)) * len(a)
    if len(filled) != 1 or np.max(np.abs(a[filled[0]] - n.sum(axis=0))) > room:
        return None
    return (
        "all in one row",
        f"row {filled[0]} of {t.name}'s gradient holds the sum of all rows, and the others are 0: "
        "the index of the row is not taken.",
        "",
    )


CONSTANTS: Sequence[Pattern] = (into_one_row, few_factors, same_number, two_numbers)
