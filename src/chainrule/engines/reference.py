"""The reference engine: the mathematics itself, on NumPy, one step at a time."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, isfinite
from typing import Any

import numpy as np

from ..architecture import Architecture
from ..mathematics.clipping import clip_by_norm, clip_by_value
from ..mathematics.dropout import Masks, step_masks
from ..mathematics.passes import backward_pass, cost_pass, forward_pass
from ..mathematics.penalties import penalty_gradient
from ..mathematics.sample_weights import shares_of
from ..parameters import decays, gather, places, spans, view, views
from ..typing import Floats, Rows
from .protocol import Costs, Problem, Steps

name = "reference"


def lacks(problem: Problem) -> str | None:
    """Return which part of the problem this engine lacks: None, it has all."""
    return None


def run(problem: Problem, theta: Floats, state: Floats, steps: Steps) -> tuple[Costs, Costs]:
    """Take a step for each batch; see ``protocol.Engine.run``."""
    net, optimizer, batch_size = problem.architecture, problem.optimizer, steps.batch_size
    count = ceil(len(steps.order) / batch_size)
    parts = spans(net.layers)
    costs, squares = np.empty(count), np.empty((count, len(parts)))
    parameters, dtheta = views(theta, net.layers), np.empty_like(theta)
    decay = _decays(problem)
    with np.errstate(all="ignore"):
        for s in range(count):
            if steps.stop is not None and steps.stop():
                return costs[:s], squares[:s]
            rows = steps.order[s * batch_size : (s + 1) * batch_size]
            masks = step_masks(net.seed, steps.first + s, net.dtype)
            costs[s] = _gradient(problem, parameters, rows, masks, dtheta)
            squares[s] = [float(np.vdot(dtheta[part], dtheta[part])) for part in parts]
            if not (isfinite(costs[s]) and np.isfinite(squares[s]).all()):
                return costs[: s + 1], squares[: s + 1]
            g = clipped(problem, dtheta)
            rate, t = _rate(problem, float(steps.rates[s])), steps.first + s + 1
            optimizer.update(theta, g, state, rate, t, decay, out=(theta, state))
    return costs, squares


def evaluate(problem: Problem, theta: Floats, dtheta: Floats | None = None) -> float:
    """Return J over all rows and its gradient; see ``protocol.Engine.evaluate``."""
    parameters = views(theta, problem.architecture.layers)
    with np.errstate(all="ignore"):
        return _gradient(problem, parameters, None, None, dtheta)


def _gradient(
    problem: Problem,
    parameters: tuple[dict[str, Any], ...],
    rows: Rows | None,
    masks: Masks | None,
    dtheta: Floats | None,
) -> float:
    net = problem.architecture
    X, Y, weights = problem.X, problem.Y, problem.weights
    if rows is not None:
        X, Y = X[rows], Y[rows]
        weights = None if weights is None else weights[rows]
    shares = shares_of(weights, len(X), net.dtype)
    trace = forward_pass(X, net.layers, parameters, masks)
    J = float(cost_pass(trace, Y, shares, net.objective, parameters))
    if dtheta is not None:
        gradients = backward_pass(trace, Y, shares, net.objective, parameters, inputs=False)[0]
        gather(gradients, net.layers, dtheta)
    return J


def sums(
    problem: Problem, theta: Floats, rows: Rows, places: Rows, step: int | None, dtheta: Floats
) -> float:
    """Return ``sum_i w_i J_i`` over some rows, without penalties, and its gradient in ``dtheta``.

    The weights are those of the problem, or 1; no mean is taken. The sums of several processes
    over their rows of a batch add up to that of the batch. ``places``: those of the rows in
    the batch, which the dropout masks of the step depend on; None: no masks.
    """
    net, X, Y, w = problem.architecture, problem.X[rows], problem.Y[rows], problem.weights
    w = np.ones(len(X), net.dtype) if w is None else w[rows].astype(net.dtype)
    parameters = views(theta, net.layers)
    masks = None if step is None else step_masks(net.seed, step, net.dtype, places)
    with np.errstate(all="ignore"):
        trace = forward_pass(X, net.layers, parameters, masks)
        unpenalised = replace(net.objective, l1=0.0, l2=0.0)
        gradients = backward_pass(trace, Y, w, unpenalised, parameters, inputs=False)[0]
        gather(gradients, net.layers, dtheta)
        return float(cost_pass(trace, Y, w, unpenalised, parameters))


def step(
    problem: Problem, theta: Floats, state: Floats, dtheta: Floats, rate: float, number: int
) -> Costs:
    """Take a step from the gradient of a batch without penalties, which may be overwritten.

    Adds the penalties' gradient, clips, and updates theta and state in place; ``number`` counts
    the steps from 0. Returns the squared norms (L,) of each layer's gradient before clipping; where
    one is not finite, nothing was updated.
    """
    net, optimizer = problem.architecture, problem.optimizer
    decay = _decays(problem)
    with np.errstate(all="ignore"):
        add_penalties(net, theta, dtheta)
        squares = np.array([float(np.vdot(dtheta[p], dtheta[p])) for p in spans(net.layers)])
        if np.isfinite(squares).all():
            g = clipped(problem, dtheta)
            alpha = _rate(problem, rate)
            optimizer.update(theta, g, state, alpha, number + 1, decay, out=(theta, state))
    return squares


def _rate(problem: Problem, rate: float) -> Any:
    """Return the learning rate: a number, or (P,) where parameters have factors of their own."""
    return rate if problem.rate_factors is None else rate * problem.rate_factors


def _decays(problem: Problem) -> Any:
    """Return how much weight decay applies to each parameter (P,), or 1 if there is none."""
    net = problem.architecture
    if not problem.optimizer.settings.get("weight_decay"):
        return 1
    mask = decays(net.layers, net.dtype)
    return mask if problem.decay_factors is None else mask * problem.decay_factors


def add_penalties(net: Architecture, theta: Floats, dtheta: Floats) -> None:
    """Add the gradient of the penalties to a flat gradient."""
    if net.l1 == 0 and net.l2 == 0:
        return
    for place in places(net.layers):
        if place.parameter.penalised:
            W = view(theta, place)
            view(dtheta, place)[...] += penalty_gradient(W, net.l1, net.l2)


def clipped(problem: Problem, dtheta: Floats) -> Floats:
    """Return the gradient clipped by value, then by norm, where the problem asks for it."""
    g = dtheta
    if problem.clip_value is not None:
        g = clip_by_value(g, problem.clip_value)
    if problem.clip_norm is not None:
        g = clip_by_norm(g, problem.clip_norm)
    return g
