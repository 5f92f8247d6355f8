"""Units and gradients in trouble: dead, saturated, vanishing, exploding, and not finite.

Each finding is a sentence for the reader. The page's ``survey.js`` judges by the same limits; the
tests compare the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..model import Model
from .checks import finite_inputs, model_of, row_of

Kind = Literal["broken", "dead", "saturated", "vanishing", "exploding"]

# What holds for all of fewer samples than this may be chance.
FEW = 10
# An activation is flat where its slope is below this share of its slope at 0 ...
FLAT = 0.05
# ... and a unit is saturated that is flat for this share of the samples.
MOST = 0.95
# dz of a layer this many times smaller or larger than the output's has vanished or exploded.
FAR = 1e3


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, where, and in words. ``units`` is empty where whole layers are meant."""

    kind: Kind
    layers: tuple[int, ...]
    units: tuple[int, ...]
    text: str

    def __str__(self) -> str:
        return self.text


_OVERFLOW = (
    "J, a z or a dz is not a finite number for some sample, although all parameters are: they or "
    "the inputs are so large that numbers overflow. Smaller weights, or standardised inputs, help."
)


def findings(net: Model, X: npt.ArrayLike, y: npt.ArrayLike) -> list[Finding]:
    """Look at all samples X (m, n_0), y and say what is in trouble; an empty list is good news."""
    wide = model_of(net).copy(dtype="float64")
    x = finite_inputs(wide.inputs(X))
    row_of(0, len(x))
    with np.errstate(all="ignore"):
        trace = wide.forward(x)
        # That of one sample's own J; J is the mean over them. Gradients of theta are summed.
        dz_own = [len(x) * np.asarray(dz) for dz in wide.backward(trace, y).dz[1:]]
    troubles: list[Finding] = []
    if not np.isfinite(net.theta).all():
        text = (
            "Some parameters are not finite numbers: the training diverged, or the file was made "
            "so. Nothing computed from them means anything."
        )
        troubles.append(Finding("broken", (), (), text))
    elif not all(
        np.isfinite(np.asarray(v, np.float64)).all() for v in (wide.J(x, y), *trace.z[1:], *dz_own)
    ):
        troubles.append(Finding("broken", (), (), _OVERFLOW))
    with np.errstate(all="ignore"):
        for l in range(1, len(net.sizes) - 1):
            troubles += _units(net, l, np.asarray(trace.z[l]), np.asarray(trace.a[l]))
        sizes = [float(np.sqrt((dz**2).mean())) for dz in dz_own]
    return troubles + _flow(sizes)


def _units(net: Model, l: int, z: Any, a: Any) -> list[Finding]:
    f = net.activations[l - 1]
    if not f.elementwise:
        return []
    slope = np.abs(f.df(z, a))
    bounded = all(map(isfinite, f.range))
    dead = np.flatnonzero((slope == 0).all(axis=0) & (not bounded))
    troubles = []
    if dead.size:
        them = "it" if dead.size == 1 else "them"
        text = (
            f"Layer {l}: {_count(dead, net.sizes[l])} dead. The slope of {f.spec} is 0 for every "
            f"sample here, so no gradient passes and the weights into {them} no longer move. "
            f"A smaller learning rate, or leaky_relu, keeps units alive.{_chance(len(z))}"
        )
        troubles.append(Finding("dead", (l,), tuple(dead.tolist()), text))
    if bounded:
        zero = np.zeros((1, 1))
        steepest = float(np.abs(f.df(zero, f.f(zero)))[0, 0])
        flat = (slope < FLAT * steepest).mean(axis=0) >= MOST
        saturated = np.flatnonzero(flat)
        if saturated.size:
            text = (
                f"Layer {l}: {_count(saturated, net.sizes[l])} saturated. For at least "
                f"{MOST:.0%} of the samples |z| is so large that {f.spec} is nearly flat, and "
                f"little gradient passes. Smaller weights, or standardised inputs, "
                f"help.{_chance(len(z))}"
            )
            troubles.append(Finding("saturated", (l,), tuple(saturated.tolist()), text))
    return troubles


def _chance(m: int) -> str:
    if m >= FEW:
        return ""
    return f" With {'a single sample' if m == 1 else f'{m} samples'} only, this may be chance."


def _count(units: npt.NDArray[np.int64], n: int) -> str:
    named = f" ({', '.join(map(str, units))})" if len(units) <= 8 else ""
    word = "unit" if n == 1 else "units"
    return f"{len(units)} of {n:,} {word}{named} {'is' if len(units) == 1 else 'are'}"


_FLOW: tuple[tuple[Kind, str, str], ...] = (
    (
        "vanishing",
        "smaller",
        "so these layers hardly learn. Relu-like activations, fewer layers or a better "
        "initialisation help.",
    ),
    (
        "exploding",
        "larger",
        "so one step can throw the weights far off. Smaller weights, a smaller learning rate or "
        "clipping help.",
    ),
)


def _flow(sizes: Sequence[float]) -> list[Finding]:
    """Compare the root mean square of dz^l, l = 1..L, with the output's."""
    end = sizes[-1]
    if not (isfinite(end) and end > 0):
        return []
    where = {
        "vanishing": [l for l, size in enumerate(sizes[:-1], 1) if size < end / FAR],
        "exploding": [l for l, size in enumerate(sizes[:-1], 1) if size > end * FAR],
    }
    troubles = []
    for kind, word, advice in _FLOW:
        layers = where[kind]
        if layers:
            plural = "layer" if len(layers) == 1 else "layers"
            text = (
                f"{kind.capitalize()} gradient: in {plural} {', '.join(map(str, layers))} dz is "
                f"typically more than {FAR:.0f} times {word} than at the output "
                f"({sizes[layers[0] - 1]:.2g} against {end:.2g}), {advice}"
            )
            troubles.append(Finding(kind, tuple(layers), (), text))
    return troubles
