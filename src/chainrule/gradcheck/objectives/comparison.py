"""Both numbers of an objective's entries: hess with the slope of grad, grad with a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...typing import Array
from ..report import Part
from ..user_functions import error_from
from ..verdicts import RIGHT, UNCHECKED, UNDECIDABLE, WRONG, Checked, decide
from .slopes import slopes

# Rows whose scores are moved one by one where the loss is a single number.
MOST_ROWS = 256


def slope_of(
    grad: Callable[[Array], Array], raw: Array, resolution: float
) -> tuple[tuple[Array, Array], Part]:
    """Return the diagonal of the slope of grad (n, k) with bars, and the line on its symmetry."""
    rows, classes = raw.shape
    value, bar = np.empty(raw.shape), np.empty(raw.shape)
    full, full_bar = np.empty((rows, classes, classes)), np.empty((rows, classes, classes))
    for c in range(classes):
        slope, _ = slopes(grad, raw, c, resolution)
        value[:, c], bar[:, c] = slope.value[:, c], slope.bar[:, c]
        full[:, :, c], full_bar[:, :, c] = slope.value, slope.bar
    gap = np.abs(full - np.swapaxes(full, 1, 2)) - full_bar - np.swapaxes(full_bar, 1, 2)
    off = gap > 1e-4 * max(float(np.max(np.abs(full))), 1e-300)
    sentence = ""
    if off.any():
        i, a, b = (int(k) for k in np.argwhere(off)[0])
        sentence = (
            f"in row {i} dgrad[{a}]/dscore[{b}] = {full[i, a, b]:.5g} and dgrad[{b}]/dscore[{a}] = "
            f"{full[i, b, a]:.5g}: no loss has such a gradient"
        )
    return (value, bar), Part(
        "grad is a gradient (symmetric slopes)", WRONG if sentence else RIGHT, sentence
    )


def hess_of(hess: Array, slope: tuple[Array, Array], tolerance: float, bound: bool) -> Checked:
    """Compare hess with the slope of grad; a bound above it that is meant is right."""
    value, bar = slope
    bar = bar + tolerance * 1e-2 * float(np.max(np.abs(hess), initial=0.0))
    verdict = decide(hess, value, bar, tolerance, others=float(np.max(np.abs(hess), initial=0.0)))
    near = np.abs(hess - value) <= bar + tolerance * np.maximum(np.abs(value), 1e-3)
    verdict[(verdict == UNDECIDABLE) & near & (bar <= 1e-2)] = RIGHT
    verdict[(verdict == WRONG) & _meant(hess, value, bar, bound)] = RIGHT
    return Checked("hess", hess, value, bar, verdict, tolerance=tolerance)


def _meant(hess: Array, value: Array, bar: Array, bound: bool) -> Array:
    """Where a hess above the slope is a choice: twice softmax's, flat grad, ``bound``."""
    twice = hess.shape[1] > 1 and bool(np.all(np.abs(hess - 2 * value) <= 4 * bar + 1e-4 * hess))
    flat = (np.abs(value) <= bar) & (hess > 0)
    above = hess >= value - bar
    return np.asarray(above & (twice | bound | flat))


def notes_of(hess: Checked, classes: int) -> list[str]:
    """Say where hess is above the slope and was let pass."""
    a, n = hess.analytic, hess.numeric
    above = (hess.verdict == RIGHT) & (a - n > 10 * hess.bar + 1e-3 * np.abs(a))
    if not above.any():
        return []
    if classes > 1 and np.allclose(a, 2 * n, rtol=1e-3, atol=1e-6):
        return ["hess is twice the diagonal: an upper bound on purpose, as in xgboost's softmax"]
    return [
        f"hess is above the slope of grad in {np.count_nonzero(above)} of {a.size} entries, where "
        "grad is flat or the bound is meant: steps get shorter there, and nothing else"
    ]


def grad_of(
    grad: Array, loss: Any, y: Array, raw: Array, weight: Array | None, tolerance: float
) -> Checked:
    """Compare grad with differences of the loss, times the weights where it is one a row."""
    scores_shape = raw.shape if raw.shape[1] > 1 else (len(raw),)
    w = np.ones(len(raw)) if weight is None else weight

    def value(s: Array) -> Array:
        try:
            losses = np.asarray(loss(y, s.reshape(scores_shape)), np.float64)
        except Exception as error:  # whatever somebody's function can raise
            raise error_from("the loss", error) from error
        if losses.size not in (1, len(raw)):
            raise ValueError(f"the loss must be one number or one a row, not {losses.shape}")
        return losses.reshape(-1)

    numeric, bar = np.full(raw.shape, np.nan), np.full(raw.shape, np.inf)
    if value(raw).size == len(raw):
        for c in range(raw.shape[1]):
            slope, _ = slopes(lambda s: value(s) * w, raw, c, 2.0**-52)
            numeric[:, c], bar[:, c] = slope.value, slope.bar
    else:
        _by_entries(value, raw, numeric, bar)
    verdict = decide(grad, numeric, bar, tolerance, others=float(np.max(np.abs(grad), initial=0.0)))
    verdict[np.isnan(numeric)] = UNCHECKED
    near = np.abs(grad - numeric) <= bar + tolerance * np.maximum(np.abs(numeric), 1e-3)
    verdict[(verdict == UNDECIDABLE) & near & (bar <= 1e-2)] = RIGHT
    return Checked("grad", grad, numeric, bar, verdict, tolerance=tolerance)


def _by_entries(value: Callable[[Array], Array], raw: Array, numeric: Array, bar: Array) -> None:
    """The loss is one number: move every score by itself, in the first rows."""
    for i in range(min(len(raw), MOST_ROWS)):
        for c in range(raw.shape[1]):

            def one(s: Array, i: int = i, c: int = c) -> Array:
                moved = raw.copy()
                moved[i, c] = s[0, 0]
                return value(moved)

            slope, _ = slopes(one, raw[i : i + 1, c : c + 1], 0, 2.0**-52)
            numeric[i, c], bar[i, c] = slope.value[0], slope.bar[0]
