"""Activations that saturate on both sides."""

from __future__ import annotations

from ..namespace import Array, namespace
from .record import ACTIVATIONS, Activation, TorchModule


def logistic_of(z: Array) -> Array:
    """Return ``1/(1 + exp(-z))`` by exp(-|z|), which never overflows."""
    xp = namespace(z)
    e = xp.exp(-xp.abs(z))
    return xp.where(xp.greater(z, 0), 1, e) / (1 + e)


@ACTIVATIONS.entry
def sigmoid() -> Activation:
    """Logistic sigmoid: ``f(z) = 1 / (1 + exp(-z))``; ``f' = a (1 - a)``.

    Source: Nielsen, "Neural networks and deep learning", 2015, equation (3).
    """
    return Activation(
        name="sigmoid",
        f=logistic_of,
        # sigmoid(-z) and not 1 - a, which is 0 already where a rounds to 1.
        df=lambda z, a: a * logistic_of(-z),
        formula="1/(1 + exp(-z))",
        derivative="a (1 - a)",
        source='Nielsen, "Neural networks and deep learning", 2015, (3)',
        range=(0, 1),
        slope_of_a=lambda a: a * (1 - a),
        onnx=lambda g, z: g.op("Sigmoid", z),
        torch=TorchModule("Sigmoid"),
    )


@ACTIVATIONS.entry
def tanh() -> Activation:
    """Hyperbolic tangent: ``f' = 1 - a^2``.

    Source: Nielsen, "Neural networks and deep learning", 2015, equation (110).
    """
    return Activation(
        name="tanh",
        f=lambda z: namespace(z).tanh(z),
        df=lambda z, a: (1 - a) * (1 + a),
        formula="tanh(z)",
        derivative="1 - a^2",
        source='Nielsen, "Neural networks and deep learning", 2015, (110)',
        range=(-1, 1),
        slope_of_a=lambda a: 1 - a * a,
        onnx=lambda g, z: g.op("Tanh", z),
        torch=TorchModule("Tanh"),
    )


@ACTIVATIONS.entry
def softsign() -> Activation:
    """Softsign: ``f(z) = z / (1 + |z|)``; ``f' = 1 / (1 + |z|)^2``.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, section 2.2.
    """

    def df(z: Array, a: Array) -> Array:
        reciprocal = 1 / (1 + namespace(z).abs(z))
        return reciprocal * reciprocal

    return Activation(
        name="softsign",
        f=lambda z: z / (1 + namespace(z).abs(z)),
        df=df,
        formula="z/(1 + |z|)",
        derivative="1/(1 + |z|)^2",
        source="Glorot and Bengio, AISTATS 2010, section 2.2",
        range=(-1, 1),
        bends=(0,),
        onnx=lambda g, z: g.op("Div", z, g.op("Add", g.op("Abs", z), g.constant(1))),
        torch=TorchModule("Softsign"),
    )
