"""Blending and calibration, both on out-of-fold rows: the designs' weights, one temperature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..typing import Floats
from .inputs import Targets, Task

STEPS = 200
COOLEST, HOTTEST = 0.3, 3.0
GOLDEN = (5**0.5 - 1) / 2


def blend_weights(outputs: Sequence[Floats], targets: Targets) -> Floats:
    """Return weights, 0 or above with the sum 1, of several outputs (m, k): the least mean loss.

    The loss of a weighted mean is convex in the weights; exponentiated gradient descent goes to
    its lowest point and never leaves the simplex. A step that does not lower the loss is not taken,
    and the next one is half as long.

    Source: Kivinen and Warmuth, "Exponentiated gradient versus gradient descent for linear
    predictors", Information and Computation 132, 1997.
    """
    each = np.stack(outputs).astype(np.float64)
    shares = targets.weights / targets.weights.sum()
    weights, rate = np.full(len(each), 1 / len(each)), 1.0
    loss = targets.loss(each.mean(axis=0))
    for _ in range(STEPS if len(each) > 1 else 0):
        slope = _slope(np.tensordot(weights, each, 1), targets) * shares[:, None]
        gradient = (each * slope).sum(axis=(1, 2))
        ahead = weights * np.exp(-rate * (gradient - gradient.min()))
        ahead /= ahead.sum()
        there = targets.loss(np.tensordot(ahead, each, 1))
        if there > loss:
            rate /= 2
        else:
            weights, loss, rate = ahead, there, 1.5 * rate
    return weights


def _slope(mean: Floats, targets: Targets) -> Floats:
    """Return the derivative of each row's loss to its outputs, (m, k)."""
    if targets.task == "regression":
        return np.asarray(2 * (mean - targets.Y))
    p = np.clip(mean, 1e-6, 1 - 1e-6)
    if targets.task == "binary":
        return np.asarray((p - targets.Y) / (p * (1 - p)))
    return np.asarray(-targets.Y / p)


def tempered(outputs: Floats, task: Task, temperature: float) -> Floats:
    """Return probabilities with their logits divided by the temperature: ``p^(1/T)``, to sum 1.

    Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017,
    section 4.2.
    """
    if task == "regression" or temperature == 1:
        return outputs
    p = np.clip(outputs, 1e-15, 1.0)
    if task == "binary":
        p = np.concatenate([np.clip(1 - outputs, 1e-15, 1.0), p], axis=1)
    logs = np.log(p) / temperature
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return np.asarray(powers[:, 1:] if task == "binary" else powers)


def best_temperature(outputs: Floats, targets: Targets) -> float:
    """Return the temperature with the least log loss, 1 for numbers.

    Golden section search of log T. SciPy has it too, and takes longer to load than a small table
    to train.

    Source: Kiefer, "Sequential minimax search for a maximum", Proceedings of the American
    Mathematical Society 4, 1953.
    """
    if targets.task == "regression":
        return 1.0

    def loss(log: float) -> float:
        return targets.loss(tempered(outputs, targets.task, float(np.exp(log))))

    low, high = float(np.log(COOLEST)), float(np.log(HOTTEST))
    near, far = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_near, at_far = loss(near), loss(far)
    while high - low > 1e-3:
        if at_near < at_far:
            high, far, at_far = far, near, at_near
            near = high - GOLDEN * (high - low)
            at_near = loss(near)
        else:
            low, near, at_near = near, far, at_far
            far = low + GOLDEN * (high - low)
            at_far = loss(far)
    return float(np.exp((low + high) / 2))
