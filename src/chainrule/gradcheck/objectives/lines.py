"""Lines on an objective: positive hess, weights, float32, large scores."""

from __future__ import annotations

import numpy as np

from ...typing import Array
from ..report import Part
from ..verdicts import RIGHT, UNDECIDABLE, WRONG
from .conventions import Convention, Objective, unordered

# Scores that a few hundred trees can reach.
LARGE = 90.0


def lines_of(
    call: Objective,
    raw: Array,
    weight: Array | None,
    grad: Array,
    hess: Array,
    style: Convention,
    order: str,
) -> list[Part]:
    """Return what can be said without derivatives."""

    def both(s: Array, w: Array | None) -> tuple[Array, Array]:
        g, h = call(s, w)
        return (
            np.asarray(unordered(g, len(raw), raw.shape[1], order, "grad"), np.float64),
            np.asarray(unordered(h, len(raw), raw.shape[1], order, "hess"), np.float64),
        )

    lines = [_positive(hess)]
    if weight is not None:
        lines.append(_weighted(both(raw, None), (grad, hess), weight))
    if style.scores == "float32":
        short = both(raw.astype(np.float32), weight)
        lines.append(_short(short, (grad, hess)))
    lines.append(_large(both(np.where(raw > 0, LARGE, -LARGE), weight)))
    return lines


def _positive(hess: Array) -> Part:
    name = "hess above 0"
    below = int(np.count_nonzero(hess < 0))
    if below:
        i = int(np.argmin(hess))
        sentence = (
            f"{below} of {hess.size} entries are below 0 (the least {hess.flat[i]:.4g} in row "
            f"{i // hess.shape[1]}): a leaf then steps uphill; use np.maximum(hess, 1e-6)"
        )
        return Part(name, WRONG, sentence)
    zero = int(np.count_nonzero(hess == 0))
    if zero == hess.size:
        return Part(name, WRONG, "hess is 0 throughout: a leaf's step is -sum(grad) / 0")
    return Part(name, RIGHT, f"0 in {zero} of {hess.size} entries" if zero else "")


def _weighted(plain: tuple[Array, Array], weighted: tuple[Array, Array], weight: Array) -> Part:
    name = "weights"
    wrong = []
    for word, one, w in zip(("grad", "hess"), plain, weighted, strict=True):
        if np.allclose(w, one * weight[:, None], rtol=1e-5, atol=1e-9):
            continue
        if np.allclose(w, one, rtol=1e-5, atol=1e-9):
            wrong.append(f"{word} is the same with and without weights: they are left out")
        elif np.allclose(w, one * weight[:, None] ** 2, rtol=1e-5, atol=1e-9):
            wrong.append(f"{word} has the weights twice")
        else:
            wrong.append(f"{word} with weights is not weight × {word} without")
    return Part(name, WRONG if wrong else RIGHT, "; ".join(wrong))


def _short(short: tuple[Array, Array], wide: tuple[Array, Array]) -> Part:
    """float32 scores, as xgboost gives them: the same numbers to float32."""
    off = []
    for word, s, w in zip(("grad", "hess"), short, wide, strict=True):
        room = 1e-3 * (np.abs(w) + 1e-2 * float(np.max(np.abs(w), initial=0.0)))
        count = int(np.count_nonzero(~(np.abs(s - w) <= room)))
        if count:
            off.append(f"{word} loses its digits in {count} of {w.size} entries")
    return Part("float32 scores", WRONG if off else RIGHT, "; ".join(off))


def _large(values: tuple[Array, Array]) -> Part:
    bad = [w for w, v in zip(("grad", "hess"), values, strict=True) if not np.isfinite(v).all()]
    if not bad:
        return Part(f"finite at scores of ±{LARGE:g}", RIGHT)
    sentence = f"{' and '.join(bad)} overflow: work with exp(-abs(score)), or cut the scores"
    return Part(f"finite at scores of ±{LARGE:g}", UNDECIDABLE, sentence)
