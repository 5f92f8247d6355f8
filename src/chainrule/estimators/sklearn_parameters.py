"""Translation: from the parameters' values, in scikit-learn's words, to records of ours."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ..mathematics.activations import Activation, resolve_activation
from ..mathematics.costs import Cost, huber, resolve_cost
from ..mathematics.initializers import glorot_uniform
from ..mathematics.names import unknown
from ..mathematics.optimizers import (
    OPTIMIZERS,
    Optimizer,
    adam,
    gradient_descent,
    momentum,
    nesterov,
    resolve_optimizer,
)
from ..mathematics.random import key, uniform
from ..mathematics.schedules import SCHEDULES, Schedule, one_cycle, resolve_schedule
from ..mathematics.stepping import optimizer_of
from ..network import Network
from ..training.defaults import DROP_IN, HIGHEST, PEAK
from .constraints import Parameters

# scikit-learn's words for what has another name here.
ACTIVATION_WORDS = {"logistic": "sigmoid"}
# The default of alpha: another one was chosen by the user.
ALPHA = 0.0001

# How weights start where the learning rate is constant and init is None: as scikit-learn's; and the
# purpose of the random numbers of biases.
PLAIN_INIT, BIASES = glorot_uniform(), 18

# The costs that scale with y: J(s a, s y) = s^degree J(a, y), so that y may be standardised.
DEGREES = {"squared_error": 2, "absolute_error": 1, "quantile": 1, "huber": 2}


def activation(value: Any) -> Activation:
    """Return the activation that a name or record means; raises ValueError for an unknown name."""
    if isinstance(value, str):
        return resolve_activation(ACTIVATION_WORDS.get(value, value))
    if not isinstance(value, Activation):
        raise ValueError(f"activation must be a name or an Activation, not {value!r}")
    return value


def activations(value: Any, n_hidden: int) -> list[Activation]:
    """Return the activation of each hidden layer: one for all, or a sequence with one for each."""
    if not isinstance(value, (tuple, list)):
        return [activation(value)] * n_hidden
    if len(value) != n_hidden:
        raise ValueError(
            f"activation names {len(value)} activations, and hidden_layer_sizes has {n_hidden} "
            "layers: give one for all, or one for each"
        )
    return [activation(one) for one in value]


def draw_biases(net: Network) -> None:
    """Draw the biases as scikit-learn does: uniform within Glorot's bound, as the weights.

    From biases of 0 a network of relu starts as a cone about the origin, and at a constant rate is
    slow to leave it. Source: Glorot and Bengio, 2010, (16), for b too.
    """
    for l, b in enumerate(net.b[1:], 1):
        bound = (6 / (net.sizes[l - 1] + net.sizes[l])) ** 0.5
        b[...] = bound * (2 * uniform(key(net.seed, BIASES, l), len(b)) - 1)


def optimizer(p: Parameters) -> str | Optimizer:
    """Return the optimizer of an estimator's parameters: scikit-learn's names, or any of ours."""
    if p.solver == "lbfgs":
        return "lbfgs"
    if p.solver == "adam":
        return (adam if schedule(p) else adam_hat)(p.beta_1, p.beta_2, p.epsilon)
    if p.solver == "sgd":
        if p.momentum == 0:
            return gradient_descent()
        return (nesterov if p.nesterovs_momentum else momentum)(p.momentum)
    if isinstance(p.solver, str) and p.solver.partition("(")[0].strip() not in OPTIMIZERS:
        raise unknown("solver", p.solver, ["sgd", "lbfgs", *OPTIMIZERS])
    return resolve_optimizer(p.solver)


@cache
def adam_hat(beta1: float, beta2: float, epsilon: float) -> Optimizer:
    """Adam as scikit-learn takes its steps: epsilon is added before the correction for the start.

    ``theta = theta - learning_rate sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon)``.
    Source: Kingma and Ba, ICLR 2015, end of section 2 (epsilon hat). It matters where gradients are
    as small as epsilon: weights of dead units, which only the penalty moves.
    """

    def step(theta: Any, g: Any, state: Any, rate: float, t: int, d: Any) -> Any:
        m = beta1 * state[0] + (1 - beta1) * g
        v = beta2 * state[1] + (1 - beta2) * g * g
        rate = rate * (1 - beta2**t) ** 0.5 / (1 - beta1**t)
        return theta - rate * m / (np.sqrt(v) + epsilon), (m, v)

    return optimizer_of(
        name="adam_hat",
        slots=("m", "v"),
        step=step,
        settings={"beta1": beta1, "beta2": beta2, "epsilon": epsilon},
        formula="theta = theta - learning_rate sqrt(1 - beta2^t)/(1 - beta1^t) m/(sqrt(v) + eps)",
        source="Kingma and Ba, ICLR 2015, section 2",
    )


def schedule(p: Parameters) -> Schedule | None:
    """Return the planned schedule of an estimator's parameters, or None for a rate that reacts.

    A planned schedule knows its end and so replaces the rule that stops where the loss no longer
    falls. None: constant, invscaling and adaptive, which are scikit-learn's.
    """
    if p.solver == "lbfgs":
        _refuse_for_lbfgs(p)
        return None
    automated = isinstance(p.schedule, str) and p.schedule == "auto"
    if p.learning_rate != "constant":
        if not automated and p.schedule is not None:
            raise ValueError("give learning_rate or schedule, not both")
        if p.learning_rate in ("invscaling", "adaptive"):
            return None
        if isinstance(p.learning_rate, str) and _name(p.learning_rate) not in SCHEDULES:
            raise unknown("learning_rate", p.learning_rate, ["invscaling", "adaptive", *SCHEDULES])
        return resolve_schedule(p.learning_rate)
    if automated:
        return automatic(p.learning_rate_init)
    return None if p.schedule is None else resolve_schedule(p.schedule)


def _name(spec: str) -> str:
    return spec.partition("(")[0].strip()


def _refuse_for_lbfgs(p: Parameters) -> None:
    if p.learning_rate != "constant" or p.schedule not in ("auto", None):
        raise ValueError("solver='lbfgs' chooses its own steps: leave out learning_rate, schedule")


def automatic(rate: float) -> Schedule:
    """One cycle that starts at the learning rate given: up to PEAK times it, then down to 0.

    The top is min(PEAK * rate, max(rate, HIGHEST)), after a quarter of the run.
    Source: Smith and Topin, "Super-convergence", 2018.
    """
    top = min(PEAK * rate, max(rate, HIGHEST)) / rate
    cycle = one_cycle(0.25, 1 / top, 0.0)
    return Schedule(
        name="auto",
        factor=lambda step, steps, state: top * cycle.factor(step, steps, state),
        formula="one cycle: 1 -> top -> 0",
        source=cycle.source,
    )


def reacting(factor: list[float]) -> Schedule:
    """Return a schedule that reads its factor from a list of one number, set between epochs."""
    return Schedule("reacting", factor=lambda step, steps, state: factor[0])


def automatic_batch(m: int) -> int:
    """Return the batch size for m samples where batch_size is "auto"."""
    return DROP_IN.batch_size(m)


def planned_epochs(m: int, batch_size: int, most: int) -> int:
    """Return how many epochs the automatic schedule plans, ``most`` at most."""
    return min(most, DROP_IN.epochs(m, batch_size))


def cost(loss: Any, known: Sequence[str], scale: float = 1.0) -> Cost:
    """Return the cost a loss means; ``scale`` is that by which y is divided (huber's delta too)."""
    if isinstance(loss, str) and _name(loss) not in known:
        raise unknown("loss", loss, known)
    if not isinstance(loss, (str, Cost)):
        raise ValueError(f"loss must be a name or a Cost, not {loss!r}")
    record = resolve_cost(loss)
    if record.name == "huber" and scale != 1.0 and isinstance(loss, str):
        return huber(record.settings["delta"] / scale)
    return record
