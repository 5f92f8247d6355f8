"""check_jacobian and check_hessian: matrices of derivatives, entry by entry."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ...typing import Array
from ..diagnosis import diagnose
from ..report import Part, Report
from ..report_record import Diagnosis
from ..user_functions import error_from, require_same, surroundings_restored
from ..verdicts import RIGHT, TOLERANCE, WRONG, Checked
from .numeric import numeric_jacobian
from .vector_function import VectorFunction


@surroundings_restored
def check_jacobian(
    f: Callable[..., Any],
    jac: Any,
    x: Any,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    tolerance: float | None = None,
    seed: int = 0,
    name: str = "jacobian",
) -> Report:
    """Check a Jacobian, as for ``scipy.optimize.least_squares`` and ``root``, entry by entry.

    ``f(x, *args, **kwargs)`` returns an array; ``jac``, a function of the same arguments or its
    value, the derivatives of the shape ``f.shape + x.shape``: ``jac[i, j] = df_i/dx_j``. Sparse
    matrices of SciPy are taken as they are. Each entry is right, wrong or undecidable; every row is
    judged by its own size.

    Returns a ``Report`` with one array. Raises TypeError or ValueError, one sentence each.
    """
    start = time.monotonic()
    function = VectorFunction(f, x, args, kwargs)
    assert function.shape is not None
    value = _matrix(jac, function, args, kwargs)
    tolerance = _tolerance(function.resolution) if tolerance is None else tolerance
    array = np.asarray(value)
    slack = 4 * float(np.finfo(array.dtype).eps) if array.dtype.kind == "f" else 0.0
    flat = np.asarray(value, np.float64).reshape(function.f0.size, function.x.size)
    rng = np.random.default_rng(seed)
    numeric, bars, verdict = numeric_jacobian(function, flat, tolerance, slack, rng)
    shape = (*function.shape, *function.x.shape) or (1,)
    tensor = Checked(
        name,
        flat.reshape(shape),
        numeric.reshape(shape),
        bars.reshape(shape),
        verdict.reshape(shape),
        tolerance=tolerance,
    )
    report = Report(
        subject=f"the {name} of {getattr(f, '__name__', type(f).__name__)}",
        J=float(np.sum(function.f0)),
        tensors=[tensor],
        tolerance=tolerance,
        evaluations=function.evaluations,
    )
    if report.count(WRONG):
        diagnose(report, None)
        read = [_reworded(d, name) for d in report.diagnoses if d.bug not in ROWS]
        report.diagnoses = read or _logarithms(tensor, function.x.ravel()) or _rows(tensor)
    report.seconds = time.monotonic() - start
    return report


# Patterns that speak of rows as of samples: rows of a Jacobian are outputs.
ROWS = ("whole rows", "few entries")


def _tolerance(resolution: float) -> float:
    return TOLERANCE if resolution < 1e-12 else float(np.clip(resolution**0.3, TOLERANCE, 1e-2))


def _reworded(d: Diagnosis, name: str) -> Diagnosis:
    sentence = d.sentence.replace(f"the gradient of {name}", f"the {name}")
    return Diagnosis(d.bug, d.place, sentence, d.formula.replace(f"d{name}", name), d.certain)


def _logarithms(tensor: Checked, x: Array) -> list[Diagnosis]:
    """Name a Jacobian by the logarithms of x: each column has the entry of x as its factor."""
    a, n = tensor.analytic, tensor.numeric
    if a.shape[1:] != x.shape or len(x) < 2 or len(np.unique(np.round(x, 6))) < 2:
        return []
    for factor, words in ((x, "too much: these are the derivatives by log x"), (1 / x, "missing")):
        room = 1e-5 * np.max(np.abs(n * factor)) + 2 * np.abs(factor) * tensor.bar
        if np.all(np.abs(a - n * factor) <= room):
            sentence = f"each column of {tensor.name} has the factor of its entry of x {words}."
            return [Diagnosis("log parameter", tensor.name, sentence, "", certain=False)]
    return []


def _rows(tensor: Checked) -> list[Diagnosis]:
    """Name the outputs and the columns that hold every wrong entry, where they are few."""
    if tensor.analytic.ndim != 2:
        return []
    wrong = tensor.verdict == WRONG
    for axis, word in ((1, "rows (outputs)"), (0, "columns (entries of x)")):
        lines = np.flatnonzero(wrong.any(axis=axis))
        if 0 < len(lines) < wrong.shape[1 - axis]:
            listed = ", ".join(map(str, lines[:6])) + (", ..." if len(lines) > 6 else "")
            sentence = f"all wrong entries stand in the {word} {listed}"
            part = np.take(np.arange(wrong.size).reshape(wrong.shape), lines, 1 - axis).ravel()
            a, n = tensor.analytic.ravel()[part], tensor.numeric.ravel()[part]
            k = float(np.vdot(a, n) / np.vdot(n, n)) if np.any(n) else 0.0
            fits = np.allclose(a, k * n, rtol=1e-4, atol=1e-4 * float(np.max(np.abs(a))))
            sentence += f": there it is {k:.6g} × the numerical one." if fits else "."
            return [Diagnosis("some lines", tensor.name, sentence, "", certain=False)]
    return []


def _matrix(jac: Any, f: VectorFunction, args: Any, kwargs: Any) -> Array:
    if not callable(jac):
        return _dense(jac, f)
    first, again = (_dense(_called(jac, f, args, kwargs), f) for _ in range(2))
    require_same("jac", first, again)
    return first


def _called(jac: Any, f: VectorFunction, args: Any, kwargs: Any) -> Any:
    passed = f.x.copy()
    try:
        value = jac(passed, *args, **dict(kwargs or {}))
    except Exception as error:  # whatever somebody's function can raise
        raise error_from("jac", error) from error
    if not np.array_equal(passed, f.x):
        raise ValueError("jac changes its argument: work on a copy of it")
    return value


def _dense(value: Any, f: VectorFunction) -> Array:
    if value is None:
        raise TypeError("jac returned nothing: it must return the derivatives")
    value = value.toarray() if hasattr(value, "toarray") else value
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"jac must give an array of real numbers, not {type(value).__name__}")
    assert f.shape is not None
    wanted = (*f.shape, *f.x.shape)
    if _squeezed(array.shape) != _squeezed(wanted):
        turned = len(wanted) == 2 and array.shape == wanted[::-1]
        raise ValueError(
            f"the Jacobian has the shape {array.shape}, and f gives {f.shape} for an x of "
            f"{f.x.shape}: it must be {wanted}" + (", so return its transpose" if turned else "")
        )
    return array


def _squeezed(shape: Iterable[int]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


@surroundings_restored
def check_hessian(
    cost: Callable[..., Any] | None,
    grad: Callable[..., Any],
    hess: Any,
    x: Any,
    args: Sequence[Any] = (),
    *,
    product: bool = False,
    tolerance: float | None = None,
    seed: int = 0,
) -> Report:
    """Check a Hessian against differences of the gradient, and that against those of the cost.

    ``hess``: a function of ``(x, *args)``, or its value, of the shape (n, n). With ``product=True``
    ``hess(x, v, *args)`` gives the Hessian times v, as for SciPy's ``hessp``: it is called for each
    unit vector. ``cost`` may be None: the Hessian alone is then checked.

    Returns a ``Report``; its lines say whether the gradient is right and the Hessian symmetric.
    """
    point = np.array(x, np.float64)
    if product:
        hess = _columns(hess, point, args)
    report = check_jacobian(grad, hess, point, args, tolerance=tolerance, seed=seed, name="Hessian")
    report.subject = "the Hessian"
    checked = report["Hessian"]
    n = point.size
    H = checked.analytic.reshape(n, n)
    gap = np.abs(H - H.T)
    room = 1e-8 * np.maximum(np.abs(H), np.abs(H.T)) + 1e-10 * float(np.max(np.abs(H)))
    i = int(np.argmax(gap - room))
    a, b = divmod(i, n)
    sentence = "" if gap.flat[i] <= room.flat[i] else f"H[{a}, {b}] = {H[a, b]:.6g}, H[{b}, {a}] = "
    sentence += f"{H[b, a]:.6g}" if sentence else ""
    report.parts = [Part("symmetric", WRONG if sentence else RIGHT, sentence)]
    if cost is not None:
        first = check_jacobian(
            cost, grad, point, args, tolerance=tolerance, seed=seed, name="gradient"
        )
        verdict = {0: RIGHT, 1: WRONG}.get(first.exit_code, 2)
        why = "; ".join(d.sentence for d in first.diagnoses[:1])
        report.parts = [*report.parts, Part("gradient", verdict, why)]
    return report


def _columns(product: Callable[..., Any], x: Array, args: Sequence[Any]) -> Array:
    if not callable(product):
        raise TypeError("with product=True hess must be a function of x and a vector")
    units = np.eye(x.size).reshape(x.size, *x.shape)
    return np.stack([np.ravel(product(x.copy(), v, *args)) for v in units], axis=1)
