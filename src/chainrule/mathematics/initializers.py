"""Initial weights: the rules, each a pure function of a shape and a random generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .checks import NOT_NEGATIVE, POSITIVE, setting
from .names import resolve

# In quotes, because naming np.random at run time would load it with `import chainrule`.
Draw: TypeAlias = "Callable[[tuple[int, ...], np.random.Generator], npt.NDArray[np.float64]]"


@dataclass(frozen=True, slots=True)
class Initializer:
    """A rule for initial weights.

    ``draw((n_out, n_in), rng) -> W``, float64 of that shape; the same state of ``rng`` gives the
    same bits. Biases start at 0 unless ``biases`` is true, then ``draw((n_out,), rng)`` gives them.
    """

    name: str
    draw: Draw
    formula: str
    source: str
    settings: Mapping[str, float] = field(default_factory=dict)
    biases: bool = False


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(
            f"the shape of W must be (n_out, n_in), both at least 1, not {tuple(shape)}"
        )
    n_out, n_in = shape
    return n_in, n_out


def zeros() -> Initializer:
    """``W = 0``: every neuron of a layer stays equal to its neighbours; for demonstrations."""
    return Initializer(
        name="zeros",
        draw=lambda shape, rng: np.zeros(shape),
        formula="W = 0",
        source='Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 8.4 (why not)',
    )


def uniform() -> Initializer:
    """``W ~ U[0, 1)`` and ``b ~ U[0, 1)``, as ``np.random.rand`` in the notes."""
    return Initializer(
        name="uniform",
        draw=lambda shape, rng: rng.random(shape),
        formula="W ~ U[0, 1), b ~ U[0, 1)",
        source='the notes on backpropagation, "Gradient checking"',
        biases=True,
    )


def normal(scale: float = 0.01) -> Initializer:
    """``W ~ N(0, scale^2)``. Raises ValueError for a negative scale.

    Source: Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional
    neural networks", NIPS 2012, section 5.
    """
    scale = setting("normal", "scale", scale, NOT_NEGATIVE)
    return Initializer(
        name="normal",
        draw=lambda shape, rng: scale * rng.standard_normal(shape),
        formula="W ~ N(0, scale^2)",
        source="Krizhevsky, Sutskever and Hinton, NIPS 2012, section 5",
        settings={"scale": scale},
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    """A variance for W, and where it comes from."""

    variance: Callable[[int, int], float]  # of (n_in, n_out)
    formula: str
    source: str


_RULES: Mapping[str, _Rule] = {
    "glorot": _Rule(
        lambda n_in, n_out: 2 / (n_in + n_out),
        "2 / (n_in + n_out)",
        "Glorot and Bengio, AISTATS 2010, (12); uniform (16)",
    ),
    "he": _Rule(lambda n_in, n_out: 2 / n_in, "2 / n_in", "He et al., ICCV 2015, (10)"),
    "lecun": _Rule(
        lambda n_in, n_out: 1 / n_in,
        "1 / n_in",
        'LeCun, Bottou, Orr and Müller, "Efficient backprop", 1998, (16)',
    ),
}


def _uniform_of(family: str) -> Initializer:
    rule = _RULES[family]

    def draw(shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.float64]:
        bound = sqrt(3 * rule.variance(*_fans(shape)))
        return rng.uniform(-bound, bound, shape)

    formula = f"W ~ U[-r, r), r = sqrt(3 * {rule.formula})"
    return Initializer(f"{family}_uniform", draw, formula, rule.source)


def _normal_of(family: str) -> Initializer:
    rule = _RULES[family]

    def draw(shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.float64]:
        deviation = sqrt(rule.variance(*_fans(shape)))
        return deviation * rng.standard_normal(shape)

    return Initializer(f"{family}_normal", draw, f"W ~ N(0, {rule.formula})", rule.source)


def glorot_uniform() -> Initializer:
    """``W ~ U[-r, r), r = sqrt(6 / (n_in + n_out))``: for tanh, sigmoid and identity.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation (16).
    """
    return _uniform_of("glorot")


def glorot_normal() -> Initializer:
    """``W ~ N(0, 2 / (n_in + n_out))``. Source: Glorot and Bengio, AISTATS 2010, equation (12)."""
    return _normal_of("glorot")


def he_uniform() -> Initializer:
    """``W ~ U[-r, r), r = sqrt(6 / n_in)``: for relu and its relatives.

    Source: He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, equation (10), which
    fixes the variance; a uniform distribution has it at this bound.
    """
    return _uniform_of("he")


def he_normal() -> Initializer:
    """``W ~ N(0, 2 / n_in)``. Source: He et al., ICCV 2015, equation (10)."""
    return _normal_of("he")


def lecun_uniform() -> Initializer:
    """``W ~ U[-r, r), r = sqrt(3 / n_in)``: variance 1 / n_in, for selu.

    Source: LeCun, Bottou, Orr and Müller, "Efficient backprop", 1998, equation (16).
    """
    return _uniform_of("lecun")


def lecun_normal() -> Initializer:
    """``W ~ N(0, 1 / n_in)``. Source: LeCun et al., "Efficient backprop", 1998, equation (16)."""
    return _normal_of("lecun")


def orthogonal(gain: float = 1.0) -> Initializer:
    """``W W^T = gain^2 I`` (or ``W^T W = gain^2 I`` if n_out > n_in), uniform over such matrices.

    Q of the QR decomposition of a normal matrix, each column with the sign of R's diagonal entry.
    Raises ValueError unless gain > 0.
    Sources: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks", ICLR 2014; Mezzadri, "How to generate random matrices from the
    classical compact groups", Notices of the AMS 54, 2007, section 5, for the signs.
    """
    gain = setting("orthogonal", "gain", gain, POSITIVE)

    def draw(shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.float64]:
        n_in, n_out = _fans(shape)
        tall = rng.standard_normal((max(n_in, n_out), min(n_in, n_out)))
        q, r = np.linalg.qr(tall)
        q = q * (gain * np.where(np.diagonal(r) < 0, -1.0, 1.0))
        W: npt.NDArray[np.float64] = np.ascontiguousarray(q if n_out >= n_in else q.T)
        return W

    return Initializer(
        name="orthogonal",
        draw=draw,
        formula="W W^T = gain^2 I",
        source="Saxe, McClelland and Ganguli, ICLR 2014",
        settings={"gain": gain},
    )


INITIALIZERS: Mapping[str, Callable[..., Initializer]] = {
    "zeros": zeros,
    "uniform": uniform,
    "normal": normal,
    "glorot_uniform": glorot_uniform,
    "glorot_normal": glorot_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "lecun_uniform": lecun_uniform,
    "lecun_normal": lecun_normal,
    "orthogonal": orthogonal,
}


def resolve_initializer(initializer: str | Initializer) -> Initializer:
    """Return the initializer that a name such as ``"normal(0.02)"`` means, or the one given."""
    if isinstance(initializer, Initializer):
        return initializer
    return resolve("initializer", initializer, INITIALIZERS)
