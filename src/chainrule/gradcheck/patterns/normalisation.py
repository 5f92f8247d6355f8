"""Mistakes in the backward pass of a normalisation or a softmax, read from the error alone.

Through the mean and the variance each entry depends on all of its line (a column for batch norm,
a row for layer norm). A term that is forgotten leaves an error in the span of 1, or of x - mean, in
every line; that J does not change when a line is shifted or scaled shows what J does with it.
Sources: Ioffe and Szegedy, 2015 (batch norm); Ba, Kiros and Hinton, 2016 (layer norm); Zhang and
Sennrich, 2019 (RMS norm).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ...typing import Array
from ..verdicts import RIGHT, Checked
from .evidence import Evidence, Finding, Pattern, clear, enough, upright, without

# eps under the root lets a scale through: J then depends on it a little.
SCALE_FREE = 0.05
SHIFT_FREE = 1e-6
BATCH = "batch norm"
LAYER = "layer norm"
# The axes that may be normalised over, by the number of axes.
LINES: Mapping[int, Sequence[tuple[tuple[int, ...], str]]] = {
    1: (((0,), LAYER),),
    2: (((0,), BATCH), ((1,), LAYER)),
    3: (((2,), LAYER), ((0, 1), BATCH)),
    4: (((0, 2, 3), BATCH), ((0, 1, 2), BATCH), ((1, 2, 3), LAYER), ((3,), LAYER)),
}
TERMS = {
    "mean": ("mean", "the term through the mean"),
    "variance": ("variance", "the term through the variance"),
    "both": ("mean and variance", "the terms through the mean and the variance"),
}


def _lines(t: Checked) -> Iterator[tuple[tuple[int, ...], str, Array, Array, Array]]:
    """Yield (axes, kind, x, gradient, numerical), a line to normalise in each row."""
    assert t.parameter is not None
    for axes, kind in LINES.get(t.analytic.ndim, ()):
        count = int(np.prod([t.shape[k] for k in axes]))
        lines = [
            np.moveaxis(v, axes, range(-len(axes), 0)).reshape(-1, count)
            for v in (t.parameter, t.analytic, t.numeric)
        ]
        yield axes, kind, lines[0], lines[1], lines[2]


def _axis(t: Checked, axes: tuple[int, ...]) -> str:
    if t.analytic.ndim == 1:
        return ""
    return f", axis={axes[0] if len(axes) == 1 else axes}"


def shift_free(n: Array) -> bool:
    """Whether J does not change when each row is shifted as a whole."""
    return upright(n, np.ones_like(n), SHIFT_FREE)


def formula_of(name: str, axis: str) -> str:
    """The right backward of a normalisation of what has this name; ``axis``: ", axis=0"."""
    v = f"{name}h"
    return (
        f"d{name} = (d{v} - mean(d{v}{axis}) - {v} * mean(d{v} * {v}{axis})) / sigma, "
        f"{v} = ({name} - mean) / sigma"
    )


def lacking(term: str, where: str) -> str:
    """The end of a sentence: which of the TERMS is not there."""
    are, have = ("are", "have") if term == "both" else ("is", "has")
    return f"{TERMS[term][1]} {are} missing from {where}, or {have} a wrong factor."


def terms(t: Checked, evidence: Evidence) -> Finding | None:
    """The normalised array is the argument itself: (x - mean) / sigma, or x / rms."""
    room = clear(t)
    if room is None:
        return None
    for axes, kind, x, a, n in _lines(t):
        e, centred, axis = a - n, x - x.mean(axis=1, keepdims=True), _axis(t, axes)
        ones = np.ones_like(x)
        scale_free = upright(n, centred, SCALE_FREE)
        for term, forms in (("mean", (ones,)), ("variance", (centred,)), ("both", (ones, centred))):
            fits = enough(e, len(forms)) and np.max(np.abs(without(e, *forms))) <= room
            if not (fits and shift_free(n) and (scale_free or term == "mean")):
                continue
            short, words = TERMS[term]
            if not scale_free:
                sentence = (
                    f"J does not change when {t.name} is shifted{_along(t, axes)}: {words} of "
                )
                sentence += f"{t.name} is missing from its gradient, or has a wrong factor."
                d = f"d{t.name}"
                return f"normalisation's {short}", sentence, f"{d} = dxc - mean(dxc{axis})"
            sentence = f"{t.name} is normalised{_along(t, axes)} ({kind}), and "
            sentence += lacking(term, "its gradient")
            return f"normalisation's {short}", sentence, formula_of(t.name, axis)
        rms = enough(e, 1) and np.max(np.abs(without(e, x))) <= room
        if rms and upright(n, x, SCALE_FREE):
            sentence = (
                f"{t.name} is divided by its size{_along(t, axes)} (RMS norm, x / |x|), and the "
                "term through that size is missing from its gradient, or has a wrong factor."
            )
            v = f"{t.name}h"
            formula = f"d{t.name} = (d{v} - {v} * mean(d{v} * {v}{axis})) / rms, {v} = "
            return "normalisation's size", sentence, formula + f"{t.name} / rms"
    return None


def _along(t: Checked, axes: tuple[int, ...]) -> str:
    if t.analytic.ndim == 1:
        return ""
    if t.analytic.ndim == 2:
        return " over its rows, each column by itself" if axes == (0,) else " within each row"
    return f" over {'axis ' + str(axes[0]) if len(axes) == 1 else 'axes ' + str(axes)}"


def vanishing_term(t: Checked) -> str:
    """Say which term of a normalisation's backward is 0 for every x; "" where none is.

    d sigma / d mean is the sum of x - mean over a line: public backwards that leave it out are
    right, and were reported as wrong (mxnet#1053, darknet#1723).
    """
    if t.parameter is None or t.analytic.size < 6 or t.count(RIGHT) < t.analytic.size:
        return ""
    for axes, kind, x, _, n in _lines(t):
        centred = x - x.mean(axis=1, keepdims=True)
        if x.shape[1] < 3 or not shift_free(n) or not upright(n, centred, SCALE_FREE):
            continue
        return (
            f"{t.name} is normalised{_along(t, axes)} ({kind}): sigma's term through the mean is 0 "
            "for every x, so that a backward without it is right"
        )
    return ""


def samples_or_less_one(t: Checked, evidence: Evidence) -> Finding | None:
    """The variance with 1/m in one pass and 1/(m - 1) in the other: sigma is another there."""
    room = clear(t)
    if room is None:
        return None
    for axes, _, x, a, n in _lines(t):
        count = x.shape[1]
        if not enough(x, 3):
            continue
        forms = (np.ones_like(x), x)
        left, right = without(a, *forms), without(n, *forms)
        k = np.sum(left * right, axis=1) / np.maximum(np.sum(right * right, axis=1), 1e-300)
        if np.max(np.abs(left - k[:, None] * right)) > room or not shift_free(n):
            continue
        for backward, forward in (("m - 1", "m"), ("m", "m - 1")):
            wanted = np.sqrt((count - 1) / count)
            wanted = wanted if forward == "m" else 1 / wanted
            if np.max(np.abs(k - wanted)) > 0.05 * abs(1 - wanted):
                continue
            sentence = (
                f"{t.name} is normalised{_along(t, axes)}, with a variance that divides by "
                f"{forward}, and its gradient works with one that divides by {backward} "
                f"(m = {count})."
            )
            formula = formula_of(t.name, _axis(t, axes))
            return "1/m against 1/(m - 1)", sentence, f"{formula}, sigma as in the forward pass"
    return None


def _ratios(t: Checked) -> Iterator[tuple[str, Array, Array]]:
    """Yield (kind of line, x, gradient over numerical one of each line) where that is one number"""
    room = clear(t)
    if room is None:
        return
    for axes, _, x, a, n in _lines(t):
        square = np.sum(n * n, axis=1)
        some = np.all(np.sum(np.abs(n) > 1e-9 * np.max(np.abs(n)), axis=1) >= 2)
        if len(x) < 3 or not enough(x, 1) or not some:
            continue
        k = np.sum(a * n, axis=1) / square
        if np.max(np.abs(a - k[:, None] * n)) <= room and np.all(k != 0):
            yield "column" if axes == (0,) else "row" if axes == (1,) else "line", x, k


def factors(t: Checked, evidence: Evidence) -> Finding | None:
    """One factor for each line, those of sigma or of another parameter: forgotten, or twice."""
    for line, x, k in _ratios(t):
        for word, values in _factors(x, evidence, t):
            inverse = word.removeprefix("1/")
            sentence = f"each {line} of {t.name}'s gradient"
            now = f"d{t.name} = (what it is now)"
            if _same(1 / k, values, word):
                mend = f"{now} / {inverse}" if inverse != word else f"{now} * {word}"
                return f"{word} missing", f"{sentence} lacks the factor {word}.", mend
            if _same(k, values, word):
                mend = f"{now} * {inverse}" if inverse != word else f"{now} / {word}"
                return f"{word} twice", f"{sentence} has the factor {word} twice.", mend
    return None


def each_line(t: Checked, evidence: Evidence) -> Finding | None:
    """One factor for each line, of which no more is known."""
    for line, _, k in _ratios(t):
        few = ", ".join(f"{value:.4g}" for value in k[:4])
        sentence = (
            f"each {line} of {t.name}'s gradient is right but for a factor of its own "
            f"({few}{', ...' if len(k) > 4 else ''}): a factor that goes with the {line} "
            "(a weight, a scale, f') is missing or wrong."
        )
        return f"a factor for each {line}", sentence, ""
    return None


def _factors(x: Array, evidence: Evidence, t: Checked) -> Iterator[tuple[str, Array]]:
    yield "1/sigma", 1 / x.std(axis=1)
    yield "1/rms", 1 / np.sqrt(np.mean(x * x, axis=1))
    with np.errstate(all="ignore"):
        yield "1/sum(exp)", 1 / np.exp(x).sum(axis=1)
    for other in evidence.tensors:
        if other is not t and other.parameter is not None and other.parameter.size == len(x):
            yield other.name, other.parameter.ravel()


def _same(factors: Array, values: Array, word: str) -> bool:
    """Whether these factors are those, and not all alike; eps may stand under sigma's root."""
    if not np.isfinite(values).all() or np.ptp(values) <= 1e-2 * np.max(np.abs(values)):
        return False
    if not word.startswith("1/"):
        return bool(np.max(np.abs(factors - values)) <= 1e-4 * np.max(np.abs(values)))
    if not np.all(factors > 0):
        return False
    eps = factors**-2.0 - values**-2.0
    largest = float(np.max(values**-2.0))
    near = bool(np.all(np.abs(eps) <= 2e-2 * largest))
    return near and float(np.ptp(eps)) <= 1e-4 * largest


def softmax_sum(t: Checked, evidence: Evidence) -> Finding | None:
    """Softmax of the argument: its Jacobian taken without what the other entries of a line add."""
    room = clear(t)
    if room is None:
        return None
    for axes, _, x, g, n in _lines(t):
        a = np.exp(x - x.max(axis=1, keepdims=True))
        a = a / a.sum(axis=1, keepdims=True)
        if not enough(a, 1) or not shift_free(n):
            continue
        name = t.name
        summed = np.max(np.abs(without(g - n, a))) <= room
        diagonal = np.max(np.abs(without(g - (1 - a) * n, a * (1 - a)))) <= room
        if not (summed or diagonal):
            continue
        sentence = (
            f"softmax of {name} is treated as if each output depended on its own entry alone: "
            "the sum in its Jacobian is missing."
            if diagonal
            else f"the sum in the Jacobian of {name}'s softmax is missing, or has a wrong factor."
        )
        form = f"d{name} = a * (da - sum(da * a{_axis(t, axes)})), a = softmax({name})"
        bug = "softmax treated as elementwise" if diagonal else "softmax's sum"
        return bug, sentence, form
    return None


NORMS: Sequence[Pattern] = (terms, softmax_sum, samples_or_less_one, factors)
