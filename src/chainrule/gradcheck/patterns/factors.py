"""One factor throughout: what it is, and the words for it."""

from __future__ import annotations

from collections.abc import Set

import numpy as np

from ..verdicts import Checked
from .evidence import FITS, known


def ratio(t: Checked) -> float | None:
    """The factor k with gradient = k numeric throughout, or None."""
    a, n = t.analytic[known(t)], t.numeric[known(t)]
    square = float(np.vdot(n, n))
    if square == 0 or not np.isfinite(a).all():
        return None
    k = float(np.vdot(a, n)) / square
    off = float(np.max(np.abs(a - k * n)))
    # A factor near 1 must explain the error, not only the gradient.
    error = float(np.max(np.abs(a - n)))
    return k if off <= min(FITS * float(np.max(np.abs(a))), 1e-2 * error) else None


def close(k: float, value: float) -> bool:
    """Whether a factor is this number to four digits."""
    return abs(k - value) <= 1e-4 * abs(value)


def factor_words(
    k: float,
    samples: int | None,
    sizes: Set[int] = frozenset(),
    sides: tuple[str, str] = ("gradient", "numerical"),
) -> tuple[str, str]:
    """Name a constant factor: (bug, sentence).

    ``sizes``: those of the arrays' axes. ``sides``: what is checked, and what it is k times of.
    """
    this, that = sides
    if close(k, -1):
        return "sign", f"the sign is turned around: {this} = -1 × {that}"
    if samples is not None and samples > 2 and (close(k, samples) or close(k, 1 / samples)):
        if k > 1:
            return "missing 1/m", f"{this} is m = {samples} times {that}: 1/m is missing"
        return (
            "doubled 1/m",
            f"{this} = 1/m of {that}, m = {samples}: averaged where it should be summed, or 1/m is "
            "there twice",
        )
    if close(k, 2) or close(k, 0.5):
        return "factor 2", f"{this} = {k:.3g} × {that}"
    whole = k if k > 1 else 1 / k if k > 0 else 0.0
    if whole > 2.5 and abs(whole - round(whole)) < 1e-4 * whole:
        n = round(whole)
        bug, how = ("missing 1/m", "missing") if k > 1 else ("doubled 1/m", "there once too often")
        ratio = f"{this} = {n if k > 1 else f'1/{n}'} × {that}"
        if samples is not None:
            return bug, f"{ratio}: if J is a mean over {n} (outputs, batches), 1/{n} is {how}"
        return bug, f"{ratio}: if that is the number of samples, 1/m is {how}"
    for m in {*sizes, samples or 0} - {0, 1, 2}:
        if close(k, (1 - 1 / m) ** 0.5) or close(k, (1 - 1 / m) ** -0.5):
            return (
                "1/m against 1/(m - 1)",
                f"{this} = {k:.6g} × {that}, which is √((m - 1)/m) or its inverse for m = {m}: a "
                "variance divides by m in one pass and by m - 1 in the other",
            )
    d = round(whole * whole)
    if d > 1 and d in sizes and close(whole, d**0.5):
        how = "missing" if k > 1 else "there twice"
        root = f"√{d}" if k > 1 else f"1/√{d}"
        return "1/√d", f"{this} = {root} × {that}: 1/√d is {how}, d = {d} as in the shape"
    return "constant factor", f"{this} = {k:.6g} × {that} throughout"
