"""The adjoint identity ⟨w, J v⟩ = ⟨Jᵀ w, v⟩: forward and reverse mode against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...typing import Array
from ..differences import EPS
from ..patterns.factors import factor_words, ratio
from ..report import Part, Report
from ..report_record import Diagnosis
from ..user_functions import error_from, surroundings_restored
from ..verdicts import RIGHT, UNDECIDABLE, WRONG, Checked

NAME = "⟨w, Jv⟩"
# A rounding of a product of matrices is some eps of the sum of its terms' sizes.
ROUNDING = 32.0
COARSE = 1e-3


@surroundings_restored
def check_adjoint(
    jvp: Callable[[Array], Any],
    vjp: Callable[[Array], Any],
    x: Any,
    y: Any = None,
    *,
    count: int = 5,
    tolerance: float | None = None,
    seed: int = 0,
) -> Report:
    """Check that two maps are each other's adjoint, by ``⟨w, J v⟩ = ⟨Jᵀ w, v⟩``.

    ``jvp(v)`` is linear in v, of the shape of ``x``; ``vjp(w)`` is linear in w, of the shape of
    what ``jvp`` returns. ``x`` and ``y`` are arrays or shapes: x that of v, y that of w (where it
    is not given, that of ``jvp``'s value). Complex numbers: the adjoint is the conjugate transpose.
    No step is needed. How exact the two maps are, as where a solver stops early, is measured by how
    well each is linear; ``tolerance`` is what passes beside that, relative to |w| |Jv|.

    Returns a ``Report``: one entry for each pair of random vectors, and a line for the linearity of
    each map. Source: the dot-product test, Claerbout, "Earth Soundings Analysis", 1992, page 112.
    """
    rng = np.random.default_rng(seed)
    shape, kind = _shape(x)
    vectors = [_random(rng, shape, kind) for _ in range(count + 1)]
    pushed = [_value(jvp, v, "jvp") for v in vectors]
    out = pushed[0].shape if y is None else _shape(y)[0]
    if pushed[0].shape != out:
        raise ValueError(f"jvp returned the shape {pushed[0].shape}, and y has {out}")
    covectors = [_random(rng, out, pushed[0].dtype.kind) for _ in range(count + 1)]
    pulled = [_value(vjp, w, "vjp") for w in covectors]
    if pulled[0].shape != shape:
        raise ValueError(f"vjp returned the shape {pulled[0].shape}, and x has {shape}")
    lines, off = [], 0.0
    for word, map_, ins, outs in (("jvp", jvp, vectors, pushed), ("vjp", vjp, covectors, pulled)):
        error = _nonlinear(map_, word, ins, outs)
        off = max(off, error)
        bad = error > COARSE
        sentence = (
            f"off by {error:.1e} of its size: is it the map at one fixed point?" if bad else ""
        )
        lines.append(Part(f"{word} is linear", WRONG if bad else RIGHT, sentence))
    left = np.array([np.vdot(w, Jv) for w, Jv in zip(covectors, pushed, strict=True)][:count])
    right = np.array([np.vdot(Jw, v) for Jw, v in zip(pulled, vectors, strict=True)][:count])
    sizes = [
        float(np.linalg.norm(w) * np.linalg.norm(Jv) + np.linalg.norm(Jw) * np.linalg.norm(v))
        for w, Jv, Jw, v in zip(covectors, pushed, pulled, vectors, strict=True)
    ][:count]
    eps = max(_eps(a) for a in (*pushed, *pulled))
    bar = np.array(sizes) * (ROUNDING * eps + 4 * off + (tolerance or 0.0))
    report = _report(left, right, bar, np.array(sizes), lines, 4 * count + 4)
    square = pulled[0].shape == covectors[0].shape
    if report.count(WRONG) and not report.diagnoses and square:
        again = [np.allclose(jvp(w), Jw, 1e-6) for w, Jw in zip(covectors, pulled, strict=True)]
        if all(again):
            sentence = "vjp gives what jvp gives: the map itself, where its transpose belongs."
            report.diagnoses = [Diagnosis("W transposed", NAME, sentence, "Jᵀw", True)]
    return report


def _report(
    left: Array, right: Array, bar: Array, sizes: Array, lines: list[Part], evaluations: int
) -> Report:
    if np.iscomplexobj(left) or np.iscomplexobj(right):
        left, right = (np.concatenate([a.real, a.imag]) for a in (left, right))
        bar, sizes = np.concatenate([bar, bar]), np.concatenate([sizes, sizes])
    verdict = np.where(np.abs(left - right) <= bar, RIGHT, WRONG).astype(np.int8)
    verdict[(verdict == RIGHT) & (bar > COARSE * sizes)] = UNDECIDABLE
    checked = Checked(NAME, right, left, bar, verdict)
    report = Report(
        subject="the adjoint",
        J=0.0,
        tensors=[checked],
        parts=lines,
        method="⟨w, Jv⟩ = ⟨Jᵀw, v⟩ for random v and w; gradient: vjp's side, numerical: jvp's",
        evaluations=evaluations,
    )
    if report.count(WRONG):
        report.where = "one of jvp and vjp"
        k = ratio(checked)
        conjugate = len(right) % 2 == 0 and np.allclose(
            np.abs(right), np.abs(left), rtol=1e-6, atol=float(np.max(bar))
        )
        if k is not None:
            sentence = factor_words(k, None, sides=("vjp's side", "jvp's"))[1]
            report.diagnoses = [Diagnosis("constant factor", NAME, f"{sentence}.", "", False)]
        elif conjugate and not np.array_equal(np.sign(left), np.sign(right)):
            sentence = "the two sides agree but for a sign: a conjugate is missing or too much."
            report.diagnoses = [Diagnosis("conjugate", NAME, sentence, "", False)]
    return report


def _shape(x: Any) -> tuple[tuple[int, ...], str]:
    if isinstance(x, int) or (isinstance(x, tuple) and all(isinstance(n, int) for n in x)):
        return (x,) if isinstance(x, int) else x, "f"
    array = np.asarray(x)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"x and y must be arrays or shapes, not {type(x).__name__}")
    return array.shape, array.dtype.kind


def _random(rng: np.random.Generator, shape: Sequence[int], kind: str) -> Array:
    real = rng.standard_normal(shape)
    return np.asarray(real + 1j * rng.standard_normal(shape) if kind == "c" else real)


def _value(map_: Any, vector: Array, word: str) -> Array:
    if not callable(map_):
        raise TypeError(f"{word} must be a function of one array, not {type(map_).__name__}")
    try:
        value = np.asarray(map_(vector.copy()))
    except Exception as error:  # whatever somebody's function can raise
        raise error_from(word, error) from error
    if value.dtype.kind not in "biufc":
        raise TypeError(f"{word} must return an array of numbers")
    if not np.isfinite(value).all():
        raise ValueError(f"{word} returned numbers that are not finite")
    return value


def _nonlinear(map_: Any, word: str, ins: Sequence[Array], outs: Sequence[Array]) -> float:
    """Return how far a map is from linear, beside the size of its values."""
    mixed = _value(map_, 2 * ins[0] - 3 * ins[1], word)
    wanted = 2 * outs[0] - 3 * outs[1]
    size = float(np.linalg.norm(2 * outs[0]) + np.linalg.norm(3 * outs[1]))
    return float(np.linalg.norm(mixed - wanted)) / size if size > 0 else 0.0


def _eps(a: Array) -> float:
    return float(max(EPS, np.finfo(a.dtype).eps)) if a.dtype.kind in "fc" else EPS
