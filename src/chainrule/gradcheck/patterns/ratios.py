"""The ratio of gradient and numerical value as a function of the argument, or of what comes in.

A parameter on a log scale, one of two uses of an argument, another approximation's f', the gradient
that comes in squared or left out. Sources of the cases: scikit-learn#14206 and statsmodels#3727
(log parameters), Nx#1779 and pytorch#11750 (upstream squared, left out), aprender#2182 (the first
sample's upstream for all), tt-metal#55349 (another approximation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ...mathematics.activations import ACTIVATIONS
from ...typing import Array
from ..user_network.model import COMMON, REST, _records
from ..verdicts import WRONG, Checked
from .evidence import FITS, Evidence, Finding, known

FEWEST = 3
# Functions of which one is taken for another.
CONFUSED = ("sigmoid", "tanh", "softplus", "silu")
# Entries that show whether an error is smooth.
SMOOTH = 20
# Neighbours of a smooth error differ by less than this share of its spread.
ALIKE = 0.4


class Claim(NamedTuple):
    """A mistake by which gradient and numerical value stand in the ratio wrong / right."""

    bug: str
    wrong: Array
    right: Array
    sentence: str
    formula: str


def entries_of(t: Checked) -> tuple[Array, Array, Array, float] | None:
    """Return parameter, gradient, numerical value and room for a fit of the known entries."""
    if t.parameter is None or not t.count(WRONG):
        return None
    k = known(t) & np.isfinite(t.analytic)
    x, a, n = t.parameter[k], t.analytic[k], t.numeric[k]
    if len(n) < FEWEST or np.max(t.bar[k]) > 1e-4 * np.max(np.abs(n)):
        return None
    return x, a, n, FITS * float(np.max(np.abs(n))) + 2 * float(np.max(t.bar[k]))


def _fits(claim: Claim, a: Array, n: Array, room: float) -> bool:
    """Whether ``a right = n wrong`` throughout, the ratio not being one number, nor 1."""
    wrong, right = claim.wrong, claim.right
    if not (np.isfinite(wrong).all() and np.isfinite(right).all()):
        return False
    scale = np.maximum(np.abs(wrong), np.abs(right))
    if not np.all(np.abs(a * right - n * wrong) <= room * scale):
        return False
    with np.errstate(all="ignore"):
        ratio = (wrong / right)[n != 0]
    finite = ratio[np.isfinite(ratio)]
    largest = max(float(np.max(np.abs(finite), initial=0.0)), 1e-300)
    return len(np.unique(np.round(finite / largest, 4))) >= FEWEST


def by_logarithm(t: Checked, evidence: Evidence) -> Finding | None:
    """Read the ratio as that of a gradient by a logarithm."""
    return _read(t, _logarithms)


def by_argument(t: Checked, evidence: Evidence) -> Finding | None:
    """Read the ratio as that of one of two uses, or of another approximation."""
    return _read(t, _arguments)


def _read(t: Checked, claims: Callable[[str, Array], Iterator[Claim]]) -> Finding | None:
    entries = entries_of(t)
    if entries is None:
        return None
    x, a, n, room = entries
    with np.errstate(all="ignore"):
        for claim in claims(t.name, x):
            if _fits(claim, a, n, room):
                return claim.bug, claim.sentence, claim.formula
    return None


def _logarithms(name: str, x: Array) -> Iterator[Claim]:
    ones = np.ones_like(x)
    log = "log parameter"
    yield Claim(
        log, x, ones,
        f"the gradient of {name} is {name} × numerical: it is that by log {name}, not by {name}.",
        f"d{name} = (what it is now) / {name}",
    )  # fmt: skip
    yield Claim(
        log, ones, x,
        f"the factor {name} is missing from its gradient, as that of dx/d(log x) = x.",
        f"d{name} = (what it is now) * {name}",
    )  # fmt: skip
    yield Claim(
        log, ones, np.exp(x),
        f"the factor exp({name}) is missing from the gradient of {name}: {name} is the logarithm "
        "of what J works with, and exp is its own derivative.",
        f"d{name} = (what it is now) * exp({name})",
    )  # fmt: skip
    yield Claim(
        log, np.exp(x), ones,
        f"the gradient of {name} has the factor exp({name}) too much: as if {name} were a "
        "logarithm once more.",
        f"d{name} = (what it is now) / exp({name})",
    )  # fmt: skip


def _arguments(name: str, x: Array) -> Iterator[Claim]:
    yield from _approximations(name, x)
    yield from _other_functions(name, x)
    for f in _records(ACTIVATIONS, (*COMMON, *REST)):
        # 1 / (1 + exp(x)) is also 1 - sigmoid(x): exp is not told by it.
        if f.elementwise and f.name not in ("identity", "exp"):
            a = f.f(x)
            yield from _uses(name, x, f.name, a, f.df(x, a))


def _uses(name: str, x: Array, f: str, a: Array, df: Array) -> Iterator[Claim]:
    bug = "one of two uses missing"
    product, total = a + x * df, 1 + df
    formula = f"d{name} = da * ({f}({name}) + {name} * f'({name}))"
    for part, word in ((a, f"{name} * f'({name})"), (x * df, f"{f}({name})")):
        sentence = f"{name} is used twice, as {name} * {f}({name}): the part {word} is missing."
        yield Claim(bug, part, product, sentence, formula)
    for part, word in ((df, "the skip connection's 1"), (np.ones_like(x), f"f' of {f}")):
        sentence = f"{name} is used twice, as {name} + {f}({name}): {word} is missing."
        yield Claim(bug, part, total, sentence, f"d{name} = da * (1 + f'({name}))")


def _other_functions(name: str, x: Array) -> Iterator[Claim]:
    slopes = {f.name: f.df(x, f.f(x)) for f in _records(ACTIVATIONS, CONFUSED)}
    for right, df in slopes.items():
        for wrong, other in slopes.items():
            if right != wrong:
                yield Claim(
                    "f' of another function", other, df,
                    f"the gradient is to the numerical one as f' of {wrong} to f' of {right}: the "
                    f"slope of {wrong} stands where that of {right} belongs.",
                    f"d{name} = da * f'({name}), f' of {right}",
                )  # fmt: skip


def _gelu_slopes(x: Array) -> dict[str, Array]:
    from scipy.special import erf

    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (x + 0.044715 * x**3))
    s = 1 / (1 + np.exp(-1.702 * x))
    density = np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    return {
        "the exact form (erf)": (1 + erf(x / np.sqrt(2))) / 2 + x * density,
        "the tanh form": (1 + t) / 2 + x * (1 - t * t) / 2 * c * (1 + 3 * 0.044715 * x * x),
        "the sigmoid form": s + 1.702 * x * s * (1 - s),
    }


def _approximations(name: str, x: Array) -> Iterator[Claim]:
    slopes = _gelu_slopes(x)
    for right, df in slopes.items():
        for wrong, other in slopes.items():
            if right != wrong:
                yield Claim(
                    "f' of another approximation", other, df,
                    f"f' is that of {wrong} of gelu, and the forward pass takes {right}.",
                    f"d{name} = da * f'({name}), f' of {right}",
                )  # fmt: skip


def approximated(t: Checked, evidence: Evidence) -> Finding | None:
    """A small relative error that is a smooth function of the parameter: a fit, not rounding."""
    entries = entries_of(t)
    if entries is None or len(entries[0]) < SMOOTH:
        return None
    x, a, n, _ = entries
    with np.errstate(all="ignore"):
        error = (a - n) / n
    off = np.count_nonzero(np.abs(a - n) > 2 * np.max(t.bar))
    if off < 0.9 * len(n) or not np.isfinite(error).all() or np.max(np.abs(error)) > 5e-2:
        return None
    if not any(_is_smooth(error[np.argsort(key, kind="stable")]) for key in (x, np.abs(x))):
        return None
    return (
        "approximation",
        f"{t.name}'s gradient is off by up to {float(np.max(np.abs(error))):.0e}, as a smooth "
        f"function of {t.name}: its slope is an approximation (a fit, a table), not rounded.",
        "",
    )


def _is_smooth(error: Array) -> bool:
    """Whether neighbours are alike: scattered errors change sign half of the time."""
    spread = float(np.median(np.abs(error - np.median(error))))
    if float(np.median(np.abs(np.diff(error)))) > ALIKE * spread:
        return False
    turns = np.count_nonzero(np.diff(np.sign(error)))
    rough = float(np.sum(np.abs(np.diff(error)))) / float(np.ptp(error) or 1.0)
    return bool(turns <= len(error) / 5 and rough <= len(error) / 5)


def by_upstream(t: Checked, evidence: Evidence) -> Finding | None:
    """Read the ratio as a function of the gradient that comes in, where that is known."""
    R = evidence.upstream
    if R is None or R.shape != t.shape or not known(t).all() or not t.count(WRONG):
        return None
    a, n = t.analytic.ravel(), t.numeric.ravel()
    room = FITS * float(np.max(np.abs(n))) + 2 * float(np.max(t.bar))
    ones = np.ones(a.size)
    first = np.broadcast_to(R[:1], R.shape).ravel() if R.ndim > 1 else ones * R.flat[0]
    g, d = "the gradient that comes in", f"d{t.name}"
    claims = (
        ("upstream squared", R.ravel(), ones, f"{g} is there twice: {d} has it squared."),
        ("upstream left out", ones, R.ravel(), f"{g} is left out of {d}."),
        ("one row for all", first, R.ravel(), f"{g} is that of the first sample in all of {d}."),
    )
    for bug, wrong, right, sentence in claims:
        if _fits(Claim(bug, wrong, right, sentence, ""), a, n, room):
            return bug, sentence, f"{d} = da * f'({t.name}), da as it comes in"
    return None


def log_parameters(tensors: Sequence[Checked]) -> Finding | None:
    """Single numbers, each off by a factor that is itself: gradients by their logarithms."""
    wrong = [t for t in tensors if t.count(WRONG)]
    if len(wrong) < 2 or not all(t.analytic.size == 1 and t.parameter is not None for t in wrong):
        return None
    x = np.array([float(t.parameter.flat[0]) for t in wrong if t.parameter is not None])
    a, n, bar = (
        np.array([float(v.flat[0]) for v in vs])
        for vs in zip(*((t.analytic, t.numeric, t.bar) for t in wrong), strict=True)
    )
    names = ", ".join(t.name for t in wrong)
    claims: tuple[tuple[Callable[[Array], Array], str, str], ...] = (
        (lambda x: x, "the parameter too much: they are the gradients by logarithms", "divided"),
        (lambda x: 1 / x, "the parameter missing", "multiplied"),
        (np.exp, "exp of the parameter too much", "divided"),
        (lambda x: np.exp(-x), "exp of the parameter missing: J takes their exp", "multiplied"),
    )
    for factor, words, mend in claims:
        with np.errstate(all="ignore"):
            k = factor(x)
        apart = np.ptp(k) > 1e-2 * np.max(np.abs(k))
        if apart and np.all(np.abs(a - k * n) <= FITS * np.abs(k * n) + 2 * np.abs(k) * bar):
            sentence = f"each of {names} has the factor of {words}."
            return "log parameter", sentence, f"each {mend} by it"
    return None
