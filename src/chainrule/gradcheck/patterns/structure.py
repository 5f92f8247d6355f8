"""Right numbers in the wrong place: swapped, permuted, of one triangle, of a half spectrum.

Sources of the cases: LightGBM#4659 (order of rows and classes), pytorch_fft#38 and Enzyme-JAX#2071
(half spectra, conjugates), pytorch#18825, autograd#56 and stan-dev/math#1803 (symmetric matrices),
jax#7302 (a transpose missing in a linear solve).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...typing import Array
from ..verdicts import WRONG, Checked
from .evidence import FITS, SPARE, Evidence, Finding, Pattern, known


def same(x: Array, y: Array, t: Checked) -> bool:
    """Whether two arrays are equal to five digits of the largest entry, and to the bars of t."""
    room = FITS * float(np.max(np.abs(y), initial=0.0)) + 2 * float(np.max(t.bar, initial=0.0))
    return x.shape == y.shape and bool(np.all(np.abs(x - y) <= room))


def clear_error(t: Checked) -> bool:
    """Whether all entries are known, and some error is well above what the bars leave open."""
    if not known(t).all() or not np.isfinite(t.analytic).all() or not t.count(WRONG):
        return False
    error = float(np.max(np.abs(t.analytic - t.numeric)))
    return float(np.max(t.bar)) <= 1e-3 * error and not same(t.analytic, t.numeric, t)


def conjugate(t: Checked, evidence: Evidence) -> Finding | None:
    """The imaginary part of a complex gradient has the other sign, and the real part is right."""
    name = t.name.removesuffix(".imag")
    real = next((other for other in evidence.tensors if other.name == f"{name}.real"), None)
    if name == t.name or real is None or real.count(WRONG) or not clear_error(t):
        return None
    if not same(-t.analytic, t.numeric, t):
        return None
    return (
        "conjugate",
        f"the gradient of {name} is the conjugate of dJ/dx + i dJ/dy: it is in JAX's convention, "
        "or a conj() is missing or too many.",
        f"d{name} = conj(what it is now); if JAX's convention is meant: conjugate=True",
    )


def swapped(t: Checked, evidence: Evidence) -> Finding | None:
    """The gradient of another array of the same shape."""
    if not clear_error(t):
        return None
    for other in evidence.tensors:
        if other is t or other.shape != t.shape or not known(other).all():
            continue
        if not same(t.analytic, other.numeric, other) or same(t.numeric, other.numeric, t):
            continue
        both = clear_error(other) and same(other.analytic, t.numeric, t)
        if t.analytic.size < 2 and not both:
            continue
        sentence = (
            f"the gradients of {t.name} and {other.name} are swapped."
            if both
            else f"the gradient of {t.name} is that of {other.name}."
        )
        return "wrong argument", sentence, f"d{t.name} = dJ/d{t.name}, not dJ/d{other.name}"
    return None


def permuted(t: Checked, evidence: Evidence) -> Finding | None:
    """All entries are right and in another order."""
    a, n = t.analytic, t.numeric
    if a.size < 4 or not clear_error(t):
        return None
    room = FITS * float(np.max(np.abs(n))) + 2 * float(np.max(t.bar))
    ordered = np.sort(n.ravel())
    if np.count_nonzero(np.diff(ordered) > 10 * room) < 3:
        return None
    if np.max(np.abs(np.sort(a.ravel()) - ordered)) > room:
        return None
    how = next((words for words, order in _orders(n) if same(a, order, t)), "")
    return (
        "entries in another order",
        f"the entries of {t.name}'s gradient are right and in another order{how}.",
        f"d{t.name} with its entries where {t.name} has them (reshape, ravel or an index)",
    )


def _orders(n: Array) -> Iterator[tuple[str, Array]]:
    if n.ndim > 1:
        by_columns = np.reshape(n.ravel(order="F"), n.shape)
        yield ": by columns where rows belong", by_columns
        yield ": by rows where columns belong", np.reshape(n.ravel(), n.shape, order="F")
    for axis in range(n.ndim):
        along = f" along axis {axis}" if n.ndim > 1 else ""
        yield f": turned around{along}", np.flip(n, axis)
        for shift in range(1, min(n.shape[axis], 64)):
            yield f": shifted by {shift}{along}", np.roll(n, shift, axis)
    if n.ndim > 1 and len(n) <= 64:
        for i in range(len(n)):
            for j in range(i):
                rows = n.copy()
                rows[[i, j]] = rows[[j, i]]
                yield f": entries {j} and {i} of axis 0 exchanged", rows


def shifted(t: Checked, evidence: Evidence) -> Finding | None:
    """The entries of neighbours, but at the ends: an offset or a padding on the wrong side."""
    a, n = t.analytic, t.numeric
    if a.size < 8 or not clear_error(t):
        return None
    for axis in range(a.ndim):
        for by in range(1, min(a.shape[axis] - 1, 4)):
            for ours, theirs, word in ((a, n, "down"), (n, a, "up")):
                late = np.take(ours, range(by, a.shape[axis]), axis)
                early = np.take(theirs, range(a.shape[axis] - by), axis)
                if late.size >= SPARE and np.ptp(early) > 0 and same(late, early, t):
                    return (
                        "shifted",
                        f"the entries of {t.name}'s gradient are right and shifted {word} by {by} "
                        f"along axis {axis}: an index or a padding is off by {by}.",
                        "",
                    )
    return None


def half_spectrum(t: Checked, evidence: Evidence) -> Finding | None:
    """A factor 2 on all frequencies but 0 (and the last): a half spectrum holds each once."""
    if not clear_error(t):
        return None
    for axis in range(t.analytic.ndim):
        a, n = (np.moveaxis(x, axis, -1) for x in (t.analytic, t.numeric))
        if a.shape[-1] < 4:
            continue
        for k in (0.5, 2.0):
            for last in (1.0, k):
                factors = np.full(a.shape[-1], k)
                factors[0], factors[-1] = 1.0, last
                inner = n[..., 1:-1]
                if np.count_nonzero(inner) >= 2 and same(a, n * factors, t):
                    how = "missing" if k < 1 else "there, and should not be"
                    return (
                        "half spectrum",
                        f"{t.name}'s gradient is {k:g} × numerical at every frequency along axis "
                        f"{axis} but those that stand alone: the 2 for the frequencies that a half "
                        f"spectrum (rfft, irfft) leaves out is {how}.",
                        "",
                    )
    return None


def symmetric(t: Checked, evidence: Evidence) -> Finding | None:
    """A matrix whose gradient is right only for changes that keep it symmetric."""
    a, n = t.analytic, t.numeric
    if a.ndim != 2 or a.shape[0] != a.shape[1] or len(a) < 2 or not clear_error(t):
        return None
    off = ~np.eye(len(a), dtype=bool)
    for k, words in ((2.0, "twice"), (0.5, "half")):
        if np.any(n[off] != 0) and same(a, np.where(off, k * n, n), t):
            return (
                "symmetric or triangular",
                f"the entries of {t.name}'s gradient beside the diagonal are {words} the numerical "
                "ones: as if both halves of a symmetric matrix moved together.",
                "",
            )
    for triangle, word in ((np.tril, "lower"), (np.triu, "upper")):
        if same(a, triangle(n), t):
            return (
                "symmetric or triangular",
                f"{t.name}'s gradient is right in the {word} triangle, and 0 in the other, where J "
                "depends on it too.",
                "",
            )
    if not same(a + a.T, n + n.T, t):
        return None
    read = next((w for f, w in ((np.tril, "lower"), (np.triu, "upper")) if same(n, f(n), t)), "")
    reads = f" J reads its {read} triangle only." if read else ""
    return (
        "symmetric or triangular",
        f"{t.name}'s gradient is right for symmetric changes of {t.name} (d + d.T agrees), and not "
        f"entry by entry.{reads}",
        f"for independent entries the gradient is not symmetric; for a symmetric {t.name} it is "
        "right as it is",
    )


def diagonal(t: Checked, evidence: Evidence) -> Finding | None:
    """A square matrix that is right on its diagonal alone, or everywhere but there."""
    a, n = t.analytic, t.numeric
    if a.ndim != 2 or a.shape[0] != a.shape[1] or len(a) < 2 or not clear_error(t):
        return None
    off = ~np.eye(len(a), dtype=bool)
    if same(a, np.where(off, 0.0, n), t):
        return (
            "diagonal alone",
            f"{t.name}'s gradient is right on the diagonal and 0 beside it: what stands off the "
            "diagonal is left out (an inner product in place of an outer one).",
            "",
        )
    for k, words in ((2.0, "twice"), (0.5, "half")):
        if np.any(n[~off] != 0) and same(a, np.where(off, n, k * n), t):
            return (
                "symmetric or triangular",
                f"the diagonal of {t.name}'s gradient is {words} the numerical one, and all beside "
                "it right: as where a symmetric matrix is made of one triangle.",
                "",
            )
    return None


def transpose_missing(t: Checked, evidence: Evidence) -> Finding | None:
    """A matrix product or solve with A passed backwards through A itself, not its transpose."""
    if t.analytic.ndim not in (1, 2) or t.analytic.size < 3 or not clear_error(t):
        return None
    for A, name in _matrices(evidence, t.shape[0]):
        candidates = (
            ("solve without transpose", "solve", lambda A=A: np.linalg.solve(A, A.T @ t.numeric)),
            ("W transposed", "product", lambda A=A: A @ np.linalg.solve(A.T, t.numeric)),
        )
        for bug, kind, wrong in candidates:
            if same(t.analytic, wrong(), t):
                right = f"solve({name}.T, d)" if kind == "solve" else f"{name}.T @ d"
                return (
                    bug,
                    f"the gradient of {t.name} went backwards through a {kind} with {name}, where "
                    f"{name}.T belongs.",
                    f"{right}, not {right.replace('.T', '')}",
                )
    return None


def _matrices(evidence: Evidence, size: int) -> Iterator[tuple[Array, str]]:
    for other in evidence.tensors:
        A = other.parameter
        if A is None or A.shape != (size, size) or np.allclose(A, A.T):
            continue
        if np.linalg.cond(A) < 1e6:
            yield A, other.name


def constant_rows(t: Checked, evidence: Evidence) -> Finding | None:
    """The same gradient in every row, that of one sample or their mean: an upstream not indexed."""
    a, n = t.analytic, t.numeric
    if a.ndim != 2 or len(a) < 3 or a.shape[1] < 2 or not clear_error(t):
        return None
    if not same(a, np.broadcast_to(a[:1], a.shape), t) or np.ptp(n, axis=0).max() <= 0:
        return None
    for value, words in (
        (n[0], "the first row's"),
        (n[-1], "the last row's"),
        (n.mean(axis=0), "the mean"),
    ):
        if same(a[0], value, t) and a.size - a.shape[1] >= SPARE:
            return (
                "one row for all",
                f"every row of {t.name}'s gradient is {words}: the gradient that comes in is not "
                "taken row by row.",
                "",
            )
    return None


PLACES: Sequence[Pattern] = (
    diagonal,
    symmetric,
    transpose_missing,
    half_spectrum,
    permuted,
    shifted,
    constant_rows,
)
