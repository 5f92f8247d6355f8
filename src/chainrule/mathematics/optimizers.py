"""Optimizers as pairs of pure functions (init, update) over one flat array of parameters.

In every formula g is dJ/dtheta, t = 1, 2, ... the number of the step, and d is 1 where weight decay
applies (weights) and 0 where it does not (biases). Augmented assignment is used only on arrays made
in the same function: in place where the array library can, a new array where it cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .checks import BELOW_ONE, NOT_NEGATIVE, POSITIVE, setting
from .clipping import clip_by_norm, clip_by_value
from .names import entry, resolve
from .namespace import Array, namespace
from .stepping import Optimizer, Rows, Stepped, optimizer_of

__all__ = [
    "OPTIMIZERS",
    "Optimizer",
    "adagrad",
    "adam",
    "adamw",
    "clip_by_norm",
    "clip_by_value",
    "gradient_descent",
    "momentum",
    "nesterov",
    "resolve_optimizer",
    "rmsprop",
]


@entry
def gradient_descent() -> Optimizer:
    """Gradient descent: ``theta = theta - learning_rate * g``. No state.

    Source: Goodfellow, Bengio and Courville, "Deep Learning", 2016, equation (4.5).

    >>> import numpy as np
    >>> plain = gradient_descent()
    >>> theta = np.array([1.0, 2.0])
    >>> plain.update(theta, np.array([0.5, -1.0]), plain.init(theta), 0.5, 1)[0]
    array([0.75, 2.5 ])
    """

    def step(theta: Array, g: Array, state: Rows, rate: Array, t: int, d: Array) -> Stepped:
        return theta - rate * g, ()

    return optimizer_of(
        name="gradient_descent",
        slots=(),
        step=step,
        settings={},
        formula="theta = theta - learning_rate g",
        source='Goodfellow, Bengio and Courville, "Deep Learning", 2016, (4.5)',
    )


def _with_velocity(name: str, mu: float, formula: str, source: str, ahead: bool) -> Optimizer:
    mu = setting(name, "momentum", mu, BELOW_ONE)

    def step(theta: Array, g: Array, state: Rows, rate: Array, t: int, d: Array) -> Stepped:
        v = mu * state[0]
        v += g
        if not ahead:
            return theta - rate * v, (v,)
        way = mu * v
        way += g
        way *= rate
        return theta - way, (v,)

    return optimizer_of(name, ("v",), step, {"momentum": mu}, formula, source)


@entry
def momentum(momentum: float = 0.9) -> Optimizer:
    """Gradient descent with momentum: ``v = mu v + g;  theta = theta - learning_rate v``.

    With a constant learning rate this is the velocity form of the source, v scaled by
    -learning_rate. Raises ValueError unless 0 <= momentum < 1.
    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning",
    ICML 2013, equations (1) and (2), after Polyak, 1964.
    """
    formula = "v = mu v + g; theta = theta - learning_rate v"
    return _with_velocity(
        "momentum", momentum, formula, "Sutskever et al., ICML 2013, (1) and (2)", ahead=False
    )


@entry
def nesterov(momentum: float = 0.9) -> Optimizer:
    """Nesterov's momentum: ``v = mu v + g;  theta = theta - learning_rate (g + mu v)``.

    Theta is the point looked ahead to, so that one gradient per step is enough. Raises ValueError
    unless 0 <= momentum < 1.
    Source: Sutskever et al., ICML 2013, equations (3) and (4), in the form of Bengio et al.,
    "Advances in optimizing recurrent networks", ICASSP 2013.
    """
    formula = "v = mu v + g; theta = theta - learning_rate (g + mu v)"
    return _with_velocity(
        "nesterov", momentum, formula, "Sutskever et al., ICML 2013, (3) and (4)", ahead=True
    )


@entry
def rmsprop(decay: float = 0.9, epsilon: float = 1e-8) -> Optimizer:
    """RMSProp: ``s = rho s + (1 - rho) g^2;  theta = theta - learning_rate g / (sqrt(s) + eps)``.

    Raises ValueError unless 0 <= decay < 1 and epsilon > 0.
    Source: Tieleman and Hinton, "Neural networks for machine learning", 2012, lecture 6.5.
    """
    rho = setting("rmsprop", "decay", decay, BELOW_ONE)
    epsilon = setting("rmsprop", "epsilon", epsilon, POSITIVE)

    def step(theta: Array, g: Array, state: Rows, rate: Array, t: int, d: Array) -> Stepped:
        s = g * g
        s *= 1 - rho
        s += rho * state[0]
        return _scaled_step(theta, g, s, rate, epsilon), (s,)

    return optimizer_of(
        name="rmsprop",
        slots=("s",),
        step=step,
        settings={"decay": rho, "epsilon": epsilon},
        formula="s = rho s + (1 - rho) g^2; theta = theta - learning_rate g / (sqrt(s) + eps)",
        source="Tieleman and Hinton, lecture 6.5, 2012",
    )


@entry
def adagrad(epsilon: float = 1e-10) -> Optimizer:
    """AdaGrad: ``s = s + g^2;  theta = theta - learning_rate g / (sqrt(s) + eps)``.

    Raises ValueError unless epsilon > 0.
    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods", JMLR 12, 2011, section 1.1
    (the diagonal matrices).
    """
    epsilon = setting("adagrad", "epsilon", epsilon, POSITIVE)

    def step(theta: Array, g: Array, state: Rows, rate: Array, t: int, d: Array) -> Stepped:
        s = g * g
        s += state[0]
        return _scaled_step(theta, g, s, rate, epsilon), (s,)

    return optimizer_of(
        name="adagrad",
        slots=("s",),
        step=step,
        settings={"epsilon": epsilon},
        formula="s = s + g^2; theta = theta - learning_rate g / (sqrt(s) + eps)",
        source="Duchi, Hazan and Singer, JMLR 12, 2011, section 1.1",
    )


def _scaled_step(theta: Array, direction: Array, s: Array, rate: Array, epsilon: float) -> Array:
    """Return ``theta - rate * direction / (sqrt(s) + epsilon)``."""
    root = namespace(theta).sqrt(s)
    root += epsilon
    step = rate * direction
    step /= root
    return theta - step


def _adam(name: str, beta1: float, beta2: float, epsilon: float, weight_decay: float) -> Optimizer:
    beta1 = setting(name, "beta1", beta1, BELOW_ONE)
    beta2 = setting(name, "beta2", beta2, BELOW_ONE)
    epsilon = setting(name, "epsilon", epsilon, POSITIVE)
    weight_decay = setting(name, "weight_decay", weight_decay, NOT_NEGATIVE)

    def step(theta: Array, g: Array, state: Rows, rate: Array, t: int, d: Array) -> Stepped:
        m = beta1 * state[0]
        m += (1 - beta1) * g
        v = g * g
        v *= 1 - beta2
        v += beta2 * state[1]
        if weight_decay != 0:
            theta = theta * (1 - rate * weight_decay * d)
        # Both corrections for the zero start are numbers: moved out of the arrays, as in the
        # source's section 2, they cost two roundings instead of two passes.
        root = (1 - beta2**t) ** 0.5
        return _scaled_step(theta, m, v, rate * root / (1 - beta1**t), epsilon * root), (m, v)

    settings = {"beta1": beta1, "beta2": beta2, "epsilon": epsilon}
    formula = (
        "m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; "
        "theta = theta - learning_rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)"
    )
    source = "Kingma and Ba, ICLR 2015, algorithm 1"
    if name == "adamw":
        settings["weight_decay"] = weight_decay
        formula = f"theta = theta - learning_rate weight_decay d theta; {formula}"
        source = "Loshchilov and Hutter, ICLR 2019, algorithm 2"
    return optimizer_of(name, ("m", "v"), step, settings, formula, source)


@entry
def adam(beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> Optimizer:
    """Adam: a mean m of gradients over the root of a mean v of their squares.

    ``m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
    theta = theta - learning_rate * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)``.

    Raises ValueError unless 0 <= beta1, beta2 < 1 and epsilon > 0.
    Source: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.
    """
    return _adam("adam", beta1, beta2, epsilon, 0.0)


@entry
def adamw(
    beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, weight_decay: float = 0.01
) -> Optimizer:
    """Adam with weight decay outside the gradient.

    ``theta = theta - learning_rate * weight_decay * d * theta``, then the step of ``adam``.

    Raises ValueError as ``adam`` does and for a negative weight decay.
    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2
    (its schedule multiplier times its step size is our learning rate).
    """
    return _adam("adamw", beta1, beta2, epsilon, weight_decay)


OPTIMIZERS: Mapping[str, Callable[..., Optimizer]] = {
    "gradient_descent": gradient_descent,
    "momentum": momentum,
    "nesterov": nesterov,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
    "adam": adam,
    "adamw": adamw,
}


def resolve_optimizer(optimizer: str | Optimizer) -> Optimizer:
    """Return the optimizer that a name such as ``"momentum(0.95)"`` means, or the one given."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    return resolve("optimizer", optimizer, OPTIMIZERS)
