"""What the pattern of an error tells where the network behind it is not known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...typing import Array
from ..report_record import Diagnosis
from ..verdicts import WRONG, Checked
from .attention import ATTENTION
from .constants import CONSTANTS
from .elementwise import POINTWISE, slope
from .evidence import FITS, Evidence, Finding, Pattern, known
from .factors import close, factor_words, ratio
from .inside import NORMS_INSIDE
from .normalisation import NORMS, each_line
from .ratios import (
    approximated,
    by_argument,
    by_logarithm,
    by_upstream,
    log_parameters,
)
from .structure import PLACES, conjugate, swapped

# Errors this small beside the gradient, without any common factor, are those of a short float.
SMALL = 2e-2


def _transposed(t: Checked, evidence: Evidence) -> Finding | None:
    if t.analytic.ndim != 2 or t.shape[0] != t.shape[1] or t.shape[0] < 2 or not known(t).all():
        return None
    off = float(np.max(np.abs(t.analytic.T - t.numeric)))
    if off > FITS * float(np.max(np.abs(t.numeric))):
        return None
    sentence = f"the gradient of {t.name} is transposed."
    return "dW transposed", sentence, f"d{t.name} = (what it is now).T"


def _penalty(t: Checked, evidence: Evidence) -> Finding | None:
    if t.parameter is None or t.parameter.size < 2:
        return None
    k = known(t)
    gap, p = (t.analytic - t.numeric)[k], t.parameter[k]
    for form, word in ((p, t.name), (np.sign(p), f"sign({t.name})")):
        square = float(np.vdot(form, form))
        if square == 0 or len(gap) < 3:
            continue
        strength = float(np.vdot(gap, form)) / square
        off = float(np.max(np.abs(gap - strength * form)))
        if strength == 0 or off > 1e-4 * abs(strength) * float(np.max(np.abs(form))):
            continue
        if strength < 0:
            return (
                "penalty missing",
                f"the gradient of {t.name} lacks {-strength:.6g} × {word}: a penalty is missing, "
                f"or what a normalisation of {t.name} takes out.",
                f"d{t.name} = (what it is now) + {-strength:.6g} * {word}",
            )
        vector = max(t.shape, default=1) == t.analytic.size
        return (
            "penalty on biases" if vector else "penalty factor",
            f"the gradient of {t.name} has {strength:.6g} × {word} too much: a penalty J has not, "
            f"or what a normalisation of {t.name} takes out.",
            f"d{t.name} = (what it is now) - {strength:.6g} * {word}",
        )
    return None


def _one_number(t: Checked, evidence: Evidence) -> Finding | None:
    """A vector whose entries are all the sum of the right ones: summed over everything."""
    a, n = t.analytic.ravel(), t.numeric.ravel()
    if a.size < 2 or max(t.shape, default=1) != a.size or not known(t).all():
        return None
    total = float(n.sum())
    if float(np.max(np.abs(a - total))) > FITS * max(abs(total), 1e-300):
        return None
    return (
        "bias summed over the wrong axis",
        f"each entry of {t.name}'s gradient is the sum of all: summed over the wrong axis.",
        f"d{t.name} = sum of dz over the samples only, one number a unit",
    )


def _zero(t: Checked, evidence: Evidence) -> Finding | None:
    if np.any(t.analytic != 0):
        return None
    return "gradient missing", f"the gradient of {t.name} is 0 throughout: it was left out.", ""


PATTERNS: Sequence[Pattern] = (
    swapped,
    _transposed,
    _zero,
    _penalty,
    _one_number,
    *NORMS_INSIDE,
    *NORMS,
    by_upstream,
    by_logarithm,
    slope,
    by_argument,
    *ATTENTION,
    *PLACES,
    *POINTWISE,
    *CONSTANTS,
    approximated,
    each_line,
)


def from_patterns(evidence: Evidence) -> Iterator[Diagnosis]:
    """Read the pattern of every wrong array; a factor that all share is one diagnosis."""
    tensors, samples = evidence.tensors, evidence.samples
    wrong = [t for t in tensors if t.count(WRONG)]
    together = log_parameters(wrong)
    if together is not None:
        yield Diagnosis(together[0], ", ".join(t.name for t in wrong), *together[1:], False)
        return
    read = {t.name: conjugate(t, evidence) for t in wrong}
    if all(read.values()) and read:
        for name, finding in read.items():
            if finding is not None:
                yield Diagnosis(finding[0], name, *finding[1:], False)
        return
    ratios = {t.name: ratio(t) for t in wrong if np.any(t.analytic)}
    shared = [k for k in ratios.values() if k is not None]
    if len(wrong) > 1 and len(shared) == len(wrong) and np.ptp(shared) <= 1e-4 * abs(shared[0]):
        bug, sentence = factor_words(shared[0], samples, {n for t in wrong for n in t.shape})
        names = "every parameter" if len(wrong) == len(tensors) else ", ".join(ratios)
        yield Diagnosis(bug, names, f"{sentence}, for {names}.", "", False)
        return
    for t in wrong:
        k = ratios.get(t.name)
        if t.analytic.size == 1 and k is not None and _one_for_all(k, tensors):
            bug, sentence = factor_words(k, None)
            yield Diagnosis(bug, t.name, f"{t.name}: {sentence}.", "", False)
            continue
        if (k is not None and t.analytic.size > 1) or (k is not None and len(tensors) == 1):
            bug, sentence = factor_words(k, samples, set(t.shape))
            yield Diagnosis(bug, t.name, f"{t.name}: {sentence}.", "", False)
            continue
        for pattern in PATTERNS:
            finding = pattern(t, evidence)
            if finding is not None:
                bug, sentence, formula = finding
                yield Diagnosis(bug, t.name, sentence, formula, False)
                break


def _one_for_all(k: float, tensors: Sequence[Checked]) -> bool:
    """Whether the factor of a single number is the size of an array, or of an axis, or 1 by it."""
    sizes = {n for t in tensors for n in (*t.shape, t.analytic.size) if n > 2}
    return any(close(k, n) or close(k, 1 / n) for n in sizes)


def few_entries(wrong: Sequence[Checked]) -> Diagnosis | None:
    """A few wrong entries among many right ones: no formula, but an index or a special case."""
    count = sum(t.count(WRONG) for t in wrong)
    total = sum(int(t.checked.sum()) for t in wrong)
    if not wrong or total < 10 or count > max(1, total // 20):
        return None
    places = [
        f"{t.name}{[int(k) for k in np.unravel_index(i, t.shape)]}"
        for t in wrong
        for i in np.flatnonzero(t.verdict.ravel() == WRONG)[:4]
    ]
    return Diagnosis(
        "few entries",
        ", ".join(t.name for t in wrong),
        f"only {count} of {total} entries: {', '.join(places[:6])}; look for an index that is "
        "off, an update that overwrites where it should add, or a special case.",
        "",
        False,
    )


def precision_only(wrong: Sequence[Checked]) -> Diagnosis | None:
    """Errors that are small beside their array and share no factor: a float that is too short."""
    share, gaps, sizes = 0.0, [], []
    for t in wrong:
        a, n = t.analytic[known(t)], t.numeric[known(t)]
        size = float(np.max(np.abs(n), initial=0.0))
        if size == 0 or not np.isfinite(a).all():
            return None
        share = max(share, float(np.max(np.abs(a - n))) / size)
        gaps.append((a - n) / size)
        sizes.append(n / size)
    if share > SMALL or not wrong:
        return None
    # Rounding spares no entry: where most are right, it is something else.
    if sum(t.count(WRONG) for t in wrong) < 0.2 * sum(int(known(t).sum()) for t in wrong):
        return None
    rounded = _short_float(np.concatenate([t.analytic.ravel() for t in wrong]))
    if rounded is None and not all(map(_scattered, wrong)):
        return None
    gap, n = np.concatenate(gaps), np.concatenate(sizes)
    # A common factor is a mistake, however small, unless the numbers themselves are short.
    slope = abs(float(np.vdot(gap, n)))
    common = slope > 0.9 * float(np.linalg.norm(gap) * np.linalg.norm(n))
    if rounded is None and (common or len(gap) < 8):
        return None
    dtype = "float16 (eleven bits, as in TF32)" if share > 1e-4 else "float32"
    if rounded is not None and share < 256 * float(np.finfo(rounded).eps):
        dtype = rounded
    coarse = "" if dtype == rounded else " or of a coarse difference"
    return Diagnosis(
        "precision only",
        ", ".join(t.name for t in wrong),
        f"the formula is right and the precision short: errors of {share:.0e} without a pattern, "
        f"as of {dtype}{coarse}.",
        "the same formula in float64",
        False,
    )


def _scattered(t: Checked) -> bool:
    """Whether the errors of an array could be rounding: none far above all, nor few columns' worth.

    A term that is left out of a product of matrices leaves an error of small rank.
    """
    gap = np.where(known(t), t.analytic - t.numeric, 0.0)
    if gap.size < 8:
        return True
    if np.max(np.abs(gap)) > 6 * np.sqrt(np.mean(gap * gap)):
        return False
    if gap.ndim != 2 or min(gap.shape) < 3:
        return True
    squares = np.linalg.svd(gap, compute_uv=False) ** 2
    return bool(squares[0] < (0.97 if min(gap.shape) == 3 else 0.9) * np.sum(squares))


def _short_float(a: Array) -> str | None:
    """The short float that every number is one of, if there is one."""
    with np.errstate(all="ignore"):
        for short in (np.float16, np.float32):
            if np.array_equal(a.astype(short).astype(np.float64), a):
                return np.dtype(short).name
    return None
