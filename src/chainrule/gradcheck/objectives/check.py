"""check_objective: gradient and Hessian of a boosting objective, with or without a loss."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ...typing import Array
from ..report import Part, Report
from ..report_record import Diagnosis
from ..user_functions import error_from, require_same, surroundings_restored
from ..verdicts import RIGHT, TOLERANCE, UNDECIDABLE, WRONG, Checked
from .comparison import grad_of, hess_of, notes_of, slope_of
from .conventions import Convention, Objective, convention_of, objective_of, unordered
from .lines import lines_of
from .reading import read_grad, read_hess
from .slopes import separable


@surroundings_restored
def check_objective(
    fobj: Any,
    y: Any,
    raw: Any,
    loss: Callable[..., Any] | None = None,
    weight: Any = None,
    convention: str = "lightgbm",
    *,
    bound: bool = False,
    tolerance: float = TOLERANCE,
    seed: int = 0,
) -> Report:
    """Check a custom objective: ``hess`` against the slope of ``grad``, ``grad`` against a loss.

    ``fobj`` as the library calls it: ``(preds, data)`` or ``(y_true, y_pred[, weight])`` for
    lightgbm and xgboost; an object with ``calc_ders_range`` or ``calc_ders_multi`` for catboost,
    whose derivatives are those of the loss with the sign turned. ``raw``: scores (n,) or (n, k),
    not probabilities. ``loss(y, raw)``: one number for each row, or their sum; it is optional, the
    Hessian needs none. ``weight`` (n,): both must then be multiplied by it. ``bound=True``: a hess
    above the slope is meant.

    Returns a ``Report``: the arrays ``hess`` and ``grad`` (that only with a loss), and a line each
    for the order of rows and classes, the sign, weights, float32 and large scores. Raises TypeError
    or ValueError, one sentence each.
    """
    start = time.monotonic()
    style = convention_of(convention)
    targets, scores, weights = _data(y, raw, weight)
    rows, classes = scores.shape
    call = _quiet(objective_of(fobj, targets, classes, style))
    order, parts = _order(call, scores, weights, style, np.random.default_rng(seed))

    def both(s: Array) -> tuple[Array, Array]:
        grad, hess = call(s, weights)
        return (
            unordered(grad, rows, classes, order, "grad"),
            unordered(hess, rows, classes, order, "hess"),
        )

    grad, hess = (np.asarray(a, np.float64) for a in both(scores))
    resolution = _resolution((grad, hess), both(scores))
    relative = max(tolerance, 100 * resolution)
    slope, asymmetry = slope_of(lambda s: both(s)[0], scores, resolution)
    tensors = [hess_of(hess, slope, relative, bound)]
    notes = notes_of(tensors[0], classes)
    if loss is not None:
        tensors.append(grad_of(grad, loss, targets, scores, weights, relative))
    parts += lines_of(call, scores, weights, grad, hess, style, order)
    if classes > 1:
        parts.append(asymmetry)
    report = Report(
        subject=f"{convention} objective {getattr(fobj, '__name__', type(fobj).__name__)}",
        J=0.0,
        tensors=tensors,
        parts=parts,
        notes=notes,
        tolerance=tolerance,
        method="hess: differences of grad; grad: differences of the loss",
    )
    report.where = ", ".join(t.name for t in tensors if t.count(WRONG))
    report.diagnoses = _diagnoses(tensors, grad, targets, scores, weights)
    report.seconds = time.monotonic() - start
    return report


def _data(y: Any, raw: Any, weight: Any) -> tuple[Array, Array, Array | None]:
    scores = np.array(raw, np.float64)
    targets = np.asarray(y)
    if scores.ndim not in (1, 2) or scores.size == 0:
        raise ValueError(f"raw must hold scores (n,) or (n, k), and has the shape {scores.shape}")
    scores = scores.reshape(len(scores), -1)
    if len(targets) != len(scores):
        raise ValueError(f"y has {len(targets)} rows, and raw has {len(scores)}")
    if not np.isfinite(scores).all():
        raise ValueError("raw is not finite: give scores where the objective can be worked out")
    if weight is None:
        return targets, scores, None
    weights = np.asarray(weight, np.float64)
    if weights.shape != (len(scores),):
        raise ValueError(f"weight has the shape {weights.shape}, and raw has {len(scores)} rows")
    return targets, scores, weights


def _quiet(call: Objective) -> Objective:
    """Return the objective with whatever it raises as one sentence."""

    def run(raw: Array, weight: Array | None) -> tuple[Array, Array]:
        try:
            with np.errstate(all="ignore"):
                return call(raw, weight)
        except (TypeError, ValueError) as error:
            if str(error).startswith(("the objective", "grad ", "hess ", "calc_")):
                raise
            raise error_from("the objective", error) from error
        except Exception as error:  # whatever somebody's function can raise
            raise error_from("the objective", error) from error

    return run


def _order(
    call: Objective,
    raw: Array,
    weight: Array | None,
    style: Convention,
    rng: np.random.Generator,
) -> tuple[str, list[Part]]:
    """Find the order of a flat result: that in which each row depends on its own scores alone."""
    rows, classes = raw.shape

    def reads(order: str) -> bool:
        def grad(s: Array) -> Array:
            return unordered(call(s, weight)[0], rows, classes, order, "grad")

        return separable(grad, raw, rng)

    if reads(style.order):
        return style.order, [Part("each row depends on its own scores", RIGHT)]
    other = "C" if style.order == "F" else "F"
    flat = call(raw, weight)[0].ndim == 1 and classes > 1
    if flat and reads(other):
        words = {"C": "row by row", "F": "class by class"}
        mend = "grad.T.ravel()" if style.order == "F" else "grad as (n, k)"
        sentence = (
            f"the entries come {words[other]}, and {style.name} reads them {words[style.order]}: "
            f"return {style.example} ({mend} of the array of rows)"
        )
        return other, [Part("order of rows and classes", WRONG, sentence)]
    sentence = (
        "grad of a row moves with the scores of other rows (a ranking, or a mean over all): hess "
        "is compared with the slope along all rows together"
    )
    return style.order, [Part("each row depends on its own scores", UNDECIDABLE, sentence)]


def _resolution(first: tuple[Array, Array], again: tuple[Array, Array]) -> float:
    """Return the rounding of grad's floats; two calls must give the same."""
    for one, other in zip(first, again, strict=True):
        require_same("the objective", one, other)
    dtype = again[0].dtype
    short = dtype.kind == "f" and dtype.itemsize < 8
    return float(np.finfo(dtype).eps) if short else float(np.finfo(np.float64).eps)


def _diagnoses(
    tensors: list[Checked], grad: Array, y: Array, raw: Array, weight: Array | None
) -> list[Diagnosis]:
    diagnoses = []
    for t in tensors:
        if t.count(WRONG):
            diagnosis = (
                read_hess(t, grad, y, raw) if t.name == "hess" else read_grad(t, y, raw, weight)
            )
            diagnoses += [diagnosis] if diagnosis is not None else []
    return diagnoses
