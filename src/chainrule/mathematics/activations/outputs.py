"""Activations of output layers: identity, exp, softmax (and sigmoid, in sigmoids.py)."""

from __future__ import annotations

from math import inf

from ..namespace import Array, namespace
from .record import ACTIVATIONS, Activation, TorchModule


@ACTIVATIONS.entry
def identity() -> Activation:
    """Identity: ``f(z) = z``."""
    return Activation(
        name="identity",
        f=lambda z: +z,
        df=lambda z, a: namespace(z).ones_like(z),
        formula="z",
        derivative="1",
        source="",
        onnx=lambda g, z: z,
        torch=TorchModule("Identity"),
    )


@ACTIVATIONS.entry
def exp() -> Activation:
    """Exponential: ``f(z) = exp(z)``, f' = a; the output that goes with the Poisson cost.

    Source: McCullagh and Nelder, "Generalized linear models", 1989, section 2.2.4 (log link).
    """
    return Activation(
        name="exp",
        f=lambda z: namespace(z).exp(z),
        df=lambda z, a: +a,
        formula="exp(z)",
        derivative="a",
        source="McCullagh and Nelder, 1989, section 2.2.4",
        range=(0, inf),
        onnx=lambda g, z: g.op("Exp", z),
    )


def _softmax(z: Array) -> Array:
    xp = namespace(z)
    e = xp.exp(z - xp.max(z, axis=-1, keepdims=True))
    return e / xp.sum(e, axis=-1, keepdims=True)


@ACTIVATIONS.entry
def softmax() -> Activation:
    """Softmax over a sample's units: ``a_i = exp(z_i) / sum_j exp(z_j)``; it mixes units.

    ``da_i/dz_j = a_i ([i = j] - a_j)``, so ``dz = a (da - sum_j da_j a_j)``; ``df`` is
    its diagonal.
    Source: Goodfellow, Bengio and Courville, "Deep Learning", 2016, equation (6.29).
    """

    def vjp(da: Array, z: Array, a: Array) -> Array:
        return a * (da - namespace(da).sum(da * a, axis=-1, keepdims=True))

    return Activation(
        name="softmax",
        f=_softmax,
        df=lambda z, a: a * (1 - a),
        formula="exp(z_i)/sum_j exp(z_j)",
        derivative="a_i ([i = j] - a_j)",
        source='Goodfellow, Bengio and Courville, "Deep Learning", 2016, (6.29)',
        range=(0, 1),
        vjp=vjp,
        onnx=lambda g, z: g.op("Softmax", z, axis=-1),
        torch=TorchModule("Softmax", requires={"dim": (-1, 1)}),
    )
