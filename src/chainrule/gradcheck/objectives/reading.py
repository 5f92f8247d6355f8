"""Which mistake a wrong objective shows."""

from __future__ import annotations

import numpy as np

from ...typing import Array
from ..patterns.factors import factor_words, ratio
from ..report_record import Diagnosis
from ..verdicts import RIGHT, WRONG, Checked


def read_hess(t: Checked, grad: Array, y: Array, raw: Array) -> Diagnosis | None:
    """Explain a Hessian that is not the derivative of the gradient."""
    one = raw[:, 0] if raw.shape[1] == 1 else None
    k = ratio(t)
    if k is not None:
        bug, sentence = factor_words(k, len(y), sides=("hess", "the slope of grad"))
        if bug == "sign":
            sentence = (
                "hess = -1 × the slope of grad: the sign of grad, or of hess, is turned around"
            )
        return Diagnosis(bug, "hess", f"{sentence}.", "", False)
    if one is not None and np.allclose(grad[:, 0], one - y) and not np.allclose(t.analytic, 1):
        return Diagnosis(
            "score taken for a probability",
            "grad",
            "grad = score - y: the raw score is used as if it were a probability.",
            "p = 1 / (1 + exp(-score)), grad = p - y, hess = p * (1 - p)",
            False,
        )
    a, n = t.analytic, t.numeric
    spread = float(np.ptp(a)) <= 1e-9 * float(np.max(np.abs(a), initial=0.0))
    if spread:
        return Diagnosis(
            "constant hess",
            "hess",
            f"hess is {a.flat[0]:.4g} throughout, and the slope of grad goes from {np.min(n):.4g} "
            f"to {np.max(n):.4g}: bound=True says that it is meant.",
            "",
            False,
        )
    if np.allclose(a * (1 - a), n, rtol=1e-4, atol=1e-8):
        return Diagnosis(
            "1 - p missing", "hess", "hess = p, and the factor 1 - p is missing.", "", False
        )
    if np.allclose(a, grad**2, rtol=1e-4, atol=1e-8):
        return Diagnosis(
            "squared gradient", "hess", "hess = grad²: that is no second derivative.", "", False
        )
    return side(t, y, raw)


def read_grad(t: Checked, y: Array, raw: Array, weight: Array | None) -> Diagnosis | None:
    """Explain a gradient that is not the derivative of the loss."""
    k = ratio(t)
    if k is not None:
        bug, sentence = factor_words(k, len(y), sides=("grad", "the loss's slope"))
        return Diagnosis(bug, "grad", f"{sentence}.", "", False)
    a, n = t.analytic, t.numeric
    if weight is not None and np.allclose(a * weight[:, None], n, rtol=1e-5, atol=1e-9):
        return Diagnosis(
            "weights left out", "grad", "the weights are left out of grad.", "weight * grad", False
        )
    w = np.ones(len(raw)) if weight is None else weight
    if np.allclose(a - n, _targets(y, raw.shape[1]) * w[:, None], rtol=1e-5, atol=1e-7):
        return Diagnosis(
            "target left out", "grad", "the target is not subtracted in grad.", "p - y", False
        )
    return side(t, y, raw)


def _targets(y: Array, classes: int) -> Array:
    """Return the targets as an array (n, k): 1 at the class of each row."""
    values = np.asarray(y, np.float64).reshape(len(y), -1)[:, :1]
    return values if classes == 1 else (values == np.arange(classes)).astype(np.float64)


def side(t: Checked, y: Array, raw: Array) -> Diagnosis | None:
    """Say where the wrong rows lie: below or above a residual, for one class alone."""
    if raw.shape[1] != 1 or np.size(y) != len(raw):
        return None
    wrong = (t.verdict[:, 0] == WRONG).astype(bool)
    right = t.verdict[:, 0] == RIGHT
    if not wrong.any() or right.sum() < 2:
        return None
    for word, value in (("score - y", raw[:, 0] - y), ("score", raw[:, 0]), ("y", np.asarray(y))):
        inside, outside = value[wrong], value[right]
        if np.max(inside) < np.min(outside):
            place = f"for {word} < {(np.max(inside) + np.min(outside)) / 2:.2g}"
        elif np.min(inside) > np.max(outside):
            place = f"for {word} > {(np.min(inside) + np.max(outside)) / 2:.2g}"
        elif word == "y" and len(set(inside)) == 1 and inside[0] not in set(outside):
            place = f"for y = {inside[0]:g} alone"
        else:
            continue
        sentence = (
            f"{t.name} is wrong {place}, and right elsewhere: that case is missing or cut off."
        )
        return Diagnosis("one side", t.name, sentence, "", False)
    return None
