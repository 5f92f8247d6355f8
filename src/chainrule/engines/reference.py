"""The reference engine: the mathematics as it stands, on NumPy, one step at a time."""

from __future__ import annotations

from math import ceil, isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from ..mathematics.clipping import clip_by_norm, clip_by_value
from ..mathematics.layers import Masks
from ..mathematics.passes import backward_pass, cost_pass, forward_pass
from ..network import shares_of
from ..parameters import decays, gather, spans, views
from .protocol import Costs, Floats, Problem

name = "reference"


def lacks(problem: Problem) -> str | None:
    """Say which part of the problem this engine does not know: None, it knows all."""
    return None


def run(
    problem: Problem,
    theta: Floats,
    state: Floats,
    order: npt.NDArray[np.int64],
    batch_size: int,
    rates: npt.NDArray[np.float64],
    first_step: int,
) -> tuple[Costs, Costs]:
    """Take a step for each batch; see ``protocol.Engine.run``."""
    net, optimizer = problem.network, problem.optimizer
    steps = ceil(len(order) / batch_size)
    parts = spans(net.layers)
    costs, squares = np.empty(steps), np.empty((steps, len(parts)))
    parameters, dtheta = views(theta, net.layers), np.empty_like(theta)
    decay = decays(net.layers, theta.dtype) if optimizer.settings.get("weight_decay") else 1
    dropout = any(layer.kind == "dropout" for layer in net.layers)
    with np.errstate(all="ignore"):
        for s in range(steps):
            rows = order[s * batch_size : (s + 1) * batch_size]
            masks = net.masks(first_step + s) if dropout else None
            costs[s] = _gradient(problem, parameters, rows, masks, dtheta)
            squares[s] = [float(np.vdot(dtheta[part], dtheta[part])) for part in parts]
            if not (isfinite(costs[s]) and np.isfinite(squares[s]).all()):
                return costs[: s + 1], squares[: s + 1]
            g = clipped(problem, dtheta)
            rate, t = float(rates[s]), first_step + s + 1
            optimizer.update(theta, g, state, rate, t, decay, out=(theta, state))
    return costs, squares


def evaluate(problem: Problem, theta: Floats, dtheta: Floats | None = None) -> float:
    """Return J over all rows and its gradient; see ``protocol.Engine.evaluate``."""
    parameters = views(theta, problem.network.layers)
    with np.errstate(all="ignore"):
        return _gradient(problem, parameters, None, None, dtheta)


def _gradient(
    problem: Problem,
    parameters: tuple[dict[str, Any], ...],
    rows: npt.NDArray[np.int64] | None,
    masks: Masks | None,
    dtheta: Floats | None,
) -> float:
    net = problem.network
    X, Y, weights = problem.X, problem.Y, problem.weights
    if rows is not None:
        X, Y = X[rows], Y[rows]
        weights = None if weights is None else weights[rows]
    shares = shares_of(weights, len(X), net.dtype)
    trace = forward_pass(X, net.layers, parameters, masks)
    settings = (net.layers, parameters, net.cost, net.l1, net.l2)
    J = float(cost_pass(trace, Y, shares, *settings))
    if dtheta is not None:
        found, _, _ = backward_pass(trace, Y, shares, *settings, inputs=False)
        gather(found, net.layers, dtheta)
    return J


def sums(
    problem: Problem,
    parameters: tuple[dict[str, Any], ...],
    rows: npt.NDArray[np.int64] | None,
    masks: Masks | None,
    dtheta: Floats,
) -> float:
    """Return ``sum_i w_i J_i`` over some rows (None: all), without penalties, and its gradient.

    The weights are those of the problem, or 1; no mean is taken. What several processes find for
    their rows of a batch adds up to what one finds for the batch.
    """
    net, X, Y = problem.network, problem.X, problem.Y
    w = np.ones(len(X), net.dtype) if problem.weights is None else problem.weights.astype(net.dtype)
    if rows is not None:
        X, Y, w = X[rows], Y[rows], w[rows]
    trace = forward_pass(X, net.layers, parameters, masks)
    found, _, _ = backward_pass(trace, Y, w, net.layers, parameters, net.cost, inputs=False)
    gather(found, net.layers, dtheta)
    return float(cost_pass(trace, Y, w, net.layers, parameters, net.cost))


def clipped(problem: Problem, dtheta: Floats) -> Floats:
    """Return the gradient clipped by value, then by norm, where the problem asks for it."""
    g = dtheta
    if problem.clip_value is not None:
        g = clip_by_value(g, problem.clip_value)
    if problem.clip_norm is not None:
        g = clip_by_norm(g, problem.clip_norm)
    return g
