"""Activations: one record each (f, f', formulas, source), and the table that everything enumerates.

Every form is finite for |z| up to the largest float, and keeps the dtype of z. In the formulas e is
exp(-|z|). At a kink the derivative is the one from the left, so relu'(0) = 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf

from .checks import NOT_NEGATIVE, POSITIVE, setting
from .names import entry, resolve, spell
from .namespace import Array, namespace

# The scale and alpha of Klambauer et al., 2017, to the precision of float64.
SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation f and its derivative; give your own wherever a name is taken.

    ``f(z) -> a`` and ``df(z, a) -> f'(z)`` take and return arrays of one shape (m, n); a = f(z)
    is passed because many derivatives are cheapest in it. ``vjp(da, z, a) -> dz`` replaces
    ``da * df(z, a)`` where f mixes the units of a sample (softmax). ``kinks`` are the z at which
    f' jumps, ``range`` is that of a, ``init`` names the initializer that suits f.

    >>> cube = Activation("cube", f=lambda z: z**3, df=lambda z, a: 3 * z**2)
    """

    name: str
    f: Callable[[Array], Array]
    df: Callable[[Array, Array], Array]
    formula: str = ""
    derivative: str = ""
    source: str = ""
    settings: Mapping[str, float] = field(default_factory=dict)
    kinks: tuple[float, ...] = ()
    range: tuple[float, float] = (-inf, inf)
    init: str = "glorot_uniform"
    vjp: Callable[[Array, Array, Array], Array] | None = None

    @property
    def elementwise(self) -> bool:
        """Whether a unit's output depends on its own z alone."""
        return self.vjp is None

    @property
    def spec(self) -> str:
        """The name with its settings, as ``resolve_activation`` reads it."""
        return spell(self.name, self.settings.values())


def activation_backward(da: Array, z: Array, a: Array, f: Activation) -> Array:
    """Return dJ/dz = dJ/da * da/dz: ``da * f'(z)``, or f's own product where it mixes units.

    All arrays are (m, n). Source: Nielsen, "Neural networks and deep learning", 2015, (BP1).
    """
    return da * f.df(z, a) if f.vjp is None else f.vjp(da, z, a)


def _sigmoid(z: Array) -> Array:
    xp = namespace(z)
    e = xp.exp(-xp.abs(z))
    return xp.where(xp.greater(z, 0), 1, e) / (1 + e)


def _softplus(z: Array) -> Array:
    xp = namespace(z)
    return xp.maximum(z, 0) + xp.log1p(xp.exp(-xp.abs(z)))


def _softmax(z: Array) -> Array:
    xp = namespace(z)
    e = xp.exp(z - xp.max(z, axis=-1, keepdims=True))
    return e / xp.sum(e, axis=-1, keepdims=True)


@entry
def identity() -> Activation:
    """Identity: ``f(z) = z``."""
    return Activation(
        name="identity",
        f=lambda z: +z,
        df=lambda z, a: namespace(z).ones_like(z),
        formula="z",
        derivative="1",
        source="",
    )


@entry
def sigmoid() -> Activation:
    """Logistic sigmoid: ``f(z) = 1 / (1 + exp(-z))``; ``f' = a (1 - a)``.

    Source: Nielsen, "Neural networks and deep learning", 2015, equation (3).
    """
    return Activation(
        name="sigmoid",
        f=_sigmoid,
        # sigmoid(-z) and not 1 - a, which is 0 already where a rounds to 1.
        df=lambda z, a: a * _sigmoid(-z),
        formula="1/(1 + exp(-z))",
        derivative="a (1 - a)",
        source='Nielsen, "Neural networks and deep learning", 2015, (3)',
        range=(0, 1),
    )


@entry
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
    )


def _where_positive(z: Array, above: Array, below: Array) -> Array:
    xp = namespace(z)
    return xp.where(xp.greater(z, 0), above, below)


@entry
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
    )


@entry
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
    )


def _elu(z: Array, scale: float, alpha: float) -> Array:
    xp = namespace(z)
    below = xp.number(scale * alpha) * xp.expm1(xp.minimum(z, 0))
    return _where_positive(z, xp.number(scale) * z, below)


def _elu_slope(z: Array, scale: float, alpha: float) -> Array:
    xp = namespace(z)
    below = xp.number(scale * alpha) * xp.exp(xp.minimum(z, 0))
    return _where_positive(z, xp.number(scale) * xp.ones_like(z), below)


@entry
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
    )


@entry
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
    )


@entry
def softplus() -> Activation:
    """Softplus: ``f(z) = log(1 + exp(z))``, a smooth relu; ``f' = sigmoid(z)``.

    Source: Glorot, Bordes and Bengio, "Deep sparse rectifier neural networks", AISTATS 2011,
    section 3.
    """
    return Activation(
        name="softplus",
        f=_softplus,
        df=lambda z, a: _sigmoid(z),
        formula="log(1 + exp(z))",
        derivative="1/(1 + exp(-z))",
        source="Glorot, Bordes and Bengio, AISTATS 2011, section 3",
        range=(0, inf),
        init="he_uniform",
    )


@entry
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
    )


@entry
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
    )


@entry
def silu() -> Activation:
    """Sigmoid linear unit: ``f(z) = z s`` with s = sigmoid(z); ``f' = s (1 + z (1 - s))``.

    Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning", Neural Networks 107, 2018, section 2.
    """

    def df(z: Array, a: Array) -> Array:
        return _sigmoid(z) * (1 + z * _sigmoid(-z))

    return Activation(
        name="silu",
        f=lambda z: z * _sigmoid(z),
        df=df,
        formula="z/(1 + exp(-z))",
        derivative="s (1 + z (1 - s)), s = 1/(1 + exp(-z))",
        source="Elfwing, Uchibe and Doya, 2018, section 2",
        range=(-0.28, inf),
        init="he_uniform",
    )


@entry
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
    )


@entry
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
    )


ACTIVATIONS: Mapping[str, Callable[..., Activation]] = {
    factory.__name__: factory
    for factory in (
        identity,
        sigmoid,
        tanh,
        relu,
        leaky_relu,
        elu,
        selu,
        softplus,
        softsign,
        gelu,
        silu,
        exp,
        softmax,
    )
}


def resolve_activation(activation: str | Activation) -> Activation:
    """Return the activation that a name such as ``"leaky_relu(0.1)"`` means, or the one given."""
    if isinstance(activation, Activation):
        return activation
    return resolve("activation", activation, ACTIVATIONS)
