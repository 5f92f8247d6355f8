"""Derivatives of every row's value by its own score, all rows at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...typing import Array
from ..differences import STENCIL, Estimate, better, estimate

STEPS = (2.0**-13, 2.0**-10, 2.0**-16, 2.0**-19)
ROUNDING = 16.0


def slopes(
    f: Callable[[Array], Array], raw: Array, c: int, resolution: float
) -> tuple[Estimate, Array]:
    """Estimate df/draw[:, c] of f(raw), whose row i depends on row i of raw alone.

    ``f`` returns (n,) or (n, k); so does the estimate. Also returns f(raw).
    """
    f0 = np.asarray(f(raw), np.float64)
    size = np.maximum(np.abs(raw[:, c]), 1.0)
    noise = ROUNDING * resolution * (np.abs(f0) + float(np.sqrt(np.mean(f0**2))) + 1e-300)
    best: Estimate | None = None
    for step in STEPS if resolution < 1e-12 else (2.0**-7, 2.0**-5, 2.0**-9):
        h = np.exp2(np.floor(np.log2(step * size)))
        values = []
        for k in STENCIL:
            moved = raw.copy()
            moved[:, c] += k * h
            values.append(np.asarray(f(moved), np.float64))
        wide = h if f0.ndim == 1 else h[:, None]
        new = estimate(np.stack(values), f0, wide, noise)
        best = new if best is None else better(best, new)
    assert best is not None
    return best, f0


def separable(f: Callable[[Array], Array], raw: Array, rng: np.random.Generator) -> bool:
    """Whether row i of f (n, k) depends on row i of raw alone."""
    f0 = f(raw)
    for _ in range(2):
        some = rng.random(len(raw)) < 0.5
        moved = raw.copy()
        moved[some] += 0.3 * rng.standard_normal((int(some.sum()), raw.shape[1]))
        f1 = f(moved)
        still = np.isclose(f1[~some], f0[~some], rtol=1e-6, atol=1e-9, equal_nan=True)
        if not still.all():
            return False
    return True
