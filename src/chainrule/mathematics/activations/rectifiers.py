"""Activations that are small below 0 and go on rising above: relu and its smooth kin.

In the formulas e is exp(-|z|).
"""

from __future__ import annotations

from math import inf

from ..checks import NOT_NEGATIVE, POSITIVE, setting
from ..namespace import Array, namespace
from .record import ACTIVATIONS, Activation, OnnxGraph, TorchModule
from .sigmoids import logistic_of

# The scale and alpha of Klambauer et al., 2017, to the precision of float64.
SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772


def _where_positive(z: Array, above: Array, below: Array) -> Array:
    xp = namespace(z)
    return xp.where(xp.greater(z, 0), above, below)


@ACTIVATIONS.entry
def relu() -> Activation:
    """Rectified linear unit: ``f(z) = max(z, 0)``; ``f' = 1`` for z > 0, else 0.

    Source: Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.
    """
    return Activation(
        name="relu",
        f=lambda z: namespace(z).maximum(z, 0),
        df=lambda z, a: _where_positive(z, namespace(z).ones_like(z), 0),
        formula="max(z, 0)",
        derivative="1 if z > 0 else 0",
        source="Nair and Hinton, ICML 2010",
        kinks=(0,),
        range=(0, inf),
        init="he_uniform",
        onnx=lambda g, z: g.op("Relu", z),
        torch=TorchModule("ReLU"),
    )


@ACTIVATIONS.entry
def leaky_relu(slope: float = 0.01) -> Activation:
    """Leaky rectifier: ``f(z) = z`` for z > 0, else ``slope z``.

    Raises ValueError for a slope that is negative or not finite.
    Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models",
    ICML 2013, section 2.
    """
    slope = setting("leaky_relu", "slope", slope, NOT_NEGATIVE)

    def df(z: Array, a: Array) -> Array:
        one = namespace(z).ones_like(z)
        return _where_positive(z, one, namespace(z).number(slope) * one)

    def onnx(g: OnnxGraph, z: str) -> str:
        below = g.op("Mul", z, g.constant(slope))
        return g.op("Where", g.op("Greater", z, g.constant(0)), z, below)

    return Activation(
        name="leaky_relu",
        f=lambda z: _where_positive(z, z, namespace(z).number(slope) * z),
        df=df,
        formula="z if z > 0 else slope z",
        derivative="1 if z > 0 else slope",
        source="Maas, Hannun and Ng, ICML 2013, section 2",
        settings={"slope": slope},
        kinks=() if slope == 1 else (0,),
        init="he_uniform",
        onnx=onnx,
        torch=TorchModule("LeakyReLU", {"slope": "negative_slope"}),
    )


def _elu(z: Array, scale: float, alpha: float) -> Array:
    xp = namespace(z)
    below = xp.number(scale * alpha) * xp.expm1(xp.minimum(z, 0))
    return _where_positive(z, xp.number(scale) * z, below)


def _elu_slope(z: Array, scale: float, alpha: float) -> Array:
    xp = namespace(z)
    below = xp.number(scale * alpha) * xp.exp(xp.minimum(z, 0))
    return _where_positive(z, xp.number(scale) * xp.ones_like(z), below)


def _elu_onnx(g: OnnxGraph, z: str, scale: float, alpha: float) -> str:
    below = g.op("Exp", g.op("Min", z, g.constant(0)))
    below = g.op("Mul", g.op("Sub", below, g.constant(1)), g.constant(scale * alpha))
    above = g.op("Mul", z, g.constant(scale))
    return g.op("Where", g.op("Greater", z, g.constant(0)), above, below)


@ACTIVATIONS.entry
def elu(alpha: float = 1.0) -> Activation:
    """Exponential linear unit: ``f(z) = z`` for z > 0, else ``alpha (exp(z) - 1)``.

    Raises ValueError unless alpha > 0.
    Source: Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by
    exponential linear units", ICLR 2016, equation (15).
    """
    alpha = setting("elu", "alpha", alpha, POSITIVE)
    return Activation(
        name="elu",
        f=lambda z: _elu(z, 1, alpha),
        df=lambda z, a: _elu_slope(z, 1, alpha),
        formula="z if z > 0 else alpha (exp(z) - 1)",
        derivative="1 if z > 0 else alpha exp(z)",
        source="Clevert, Unterthiner and Hochreiter, ICLR 2016, (15)",
        settings={"alpha": alpha},
        kinks=() if alpha == 1 else (0,),
        range=(-alpha, inf),
        init="he_uniform",
        bends=(0,),
        onnx=lambda g, z: _elu_onnx(g, z, 1, alpha),
        torch=TorchModule("ELU", {"alpha": "alpha"}),
    )


@ACTIVATIONS.entry
def selu() -> Activation:
    """Scaled exponential linear unit: ``elu(alpha)`` times a scale above 1.

    Source: Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017, equation (2); the
    two constants are those of its fixed point (0, 1).
    """
    return Activation(
        name="selu",
        f=lambda z: _elu(z, SELU_SCALE, SELU_ALPHA),
        df=lambda z, a: _elu_slope(z, SELU_SCALE, SELU_ALPHA),
        formula="scale z if z > 0 else scale alpha (exp(z) - 1)",
        derivative="scale if z > 0 else scale alpha exp(z)",
        source="Klambauer et al., NeurIPS 2017, (2)",
        kinks=(0,),
        range=(-SELU_SCALE * SELU_ALPHA, inf),
        init="lecun_normal",
        onnx=lambda g, z: _elu_onnx(g, z, SELU_SCALE, SELU_ALPHA),
        torch=TorchModule("SELU"),
    )


def _softplus(z: Array) -> Array:
    xp = namespace(z)
    return xp.maximum(z, 0) + xp.log1p(xp.exp(-xp.abs(z)))


def _softplus_onnx(g: OnnxGraph, z: str) -> str:
    e = g.op("Exp", g.op("Neg", g.op("Abs", z)))
    log = g.op("Log", g.op("Add", e, g.constant(1)))
    return g.op("Add", g.op("Max", z, g.constant(0)), log)


@ACTIVATIONS.entry
def softplus() -> Activation:
    """Softplus: ``f(z) = log(1 + exp(z))``, a smooth relu; ``f' = sigmoid(z)``.

    Source: Glorot, Bordes and Bengio, "Deep sparse rectifier neural networks", AISTATS 2011,
    section 3.
    """
    return Activation(
        name="softplus",
        f=_softplus,
        df=lambda z, a: logistic_of(z),
        formula="log(1 + exp(z))",
        derivative="1/(1 + exp(-z))",
        source="Glorot, Bordes and Bengio, AISTATS 2011, section 3",
        range=(0, inf),
        init="he_uniform",
        onnx=_softplus_onnx,
        torch=TorchModule("Softplus", requires={"beta": (1,)}),
    )


def _gelu_onnx(g: OnnxGraph, z: str) -> str:
    # onnxruntime has the error function for float only.
    inside = g.op("Mul", z, g.constant(0.5**0.5))
    erf = g.cast(g.op("Erf", g.cast(inside, "float32")), g.dtype)
    share = g.op("Mul", g.op("Add", erf, g.constant(1)), g.constant(0.5))
    return g.op("Mul", z, share)


@ACTIVATIONS.entry
def gelu() -> Activation:
    """Gaussian error linear unit: ``f(z) = z Phi(z)``, ``Phi(z) = erfc(-z / sqrt(2)) / 2``.

    ``f' = Phi(z) + z exp(-z^2 / 2) / sqrt(2 pi)``. Not the approximation by tanh.
    Source: Hendrycks and Gimpel, "Gaussian error linear units (GELUs)", 2016, section 2.
    """

    def f(z: Array) -> Array:
        xp = namespace(z)
        return z * (xp.erfc(-z / xp.root(2)) / 2)

    def df(z: Array, a: Array) -> Array:
        xp = namespace(z)
        return xp.erfc(-z / xp.root(2)) / 2 + z * xp.gauss(z) / (xp.root(2) * xp.root(xp.pi))

    return Activation(
        name="gelu",
        f=f,
        df=df,
        formula="z erfc(-z/sqrt(2))/2",
        derivative="erfc(-z/sqrt(2))/2 + z exp(-z^2/2)/sqrt(2 pi)",
        source="Hendrycks and Gimpel, 2016, section 2",
        range=(-0.17, inf),
        init="he_uniform",
        onnx=_gelu_onnx,
        torch=TorchModule("GELU", requires={"approximate": ("none",)}),
    )


@ACTIVATIONS.entry
def silu() -> Activation:
    """Sigmoid linear unit: ``f(z) = z s`` with s = sigmoid(z); ``f' = s (1 + z (1 - s))``.

    Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning", Neural Networks 107, 2018, section 2.
    """

    def df(z: Array, a: Array) -> Array:
        return logistic_of(z) * (1 + z * logistic_of(-z))

    return Activation(
        name="silu",
        f=lambda z: z * logistic_of(z),
        df=df,
        formula="z/(1 + exp(-z))",
        derivative="s (1 + z (1 - s)), s = 1/(1 + exp(-z))",
        source="Elfwing, Uchibe and Doya, 2018, section 2",
        range=(-0.28, inf),
        init="he_uniform",
        onnx=lambda g, z: g.op("Mul", z, g.op("Sigmoid", z)),
        torch=TorchModule("SiLU"),
    )


@ACTIVATIONS.entry
def mish() -> Activation:
    """Mish: ``f(z) = z t`` with t = tanh(softplus(z)); ``f' = t + z (1 - t^2) sigmoid(z)``.

    Source: Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020,
    equation (1).
    """

    def df(z: Array, a: Array) -> Array:
        t = namespace(z).tanh(_softplus(z))
        return t + z * (1 - t) * (1 + t) * logistic_of(z)

    return Activation(
        name="mish",
        f=lambda z: z * namespace(z).tanh(_softplus(z)),
        df=df,
        formula="z tanh(log(1 + exp(z)))",
        derivative="t + z (1 - t^2)/(1 + exp(-z)), t = tanh(log(1 + exp(z)))",
        source="Misra, BMVC 2020, (1)",
        range=(-0.31, inf),
        init="he_uniform",
        onnx=lambda g, z: g.op("Mul", z, g.op("Tanh", _softplus_onnx(g, z))),
        torch=TorchModule("Mish"),
    )
