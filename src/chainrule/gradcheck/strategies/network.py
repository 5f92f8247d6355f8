"""The check of a Network: the engine's own gradient against numerical ones, layer by layer.

Everything is done in a float64 shadow of the network, at the network's own parameters, with its
penalties, sample weights and, where it has dropout, the frozen masks of one step.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...engines import Problem, choose
from ...mathematics.costs import canonical_pair, smooth
from ...mathematics.layers import Dense
from ...mathematics.optimizers import OPTIMIZERS
from ...mathematics.passes import forward_pass
from ...mathematics.penalties import penalty
from ...mathematics.sample_weights import shares_of, weights_of
from ...model import Model
from ...parameters import views
from ..check import check_settings, taylor_of
from ..differences import EPS
from ..native import core_of
from ..parameter_gradients import open_units, tensors_of
from ..perturbation import Nudges
from ..perturbed_passes import Stage
from ..progress import Watch
from ..report import Part, Report
from ..verdicts import RIGHT, TOLERANCE, UNCHECKED, UNDECIDABLE, WRONG, Checked

Array = npt.NDArray[Any]
# Entries of each array that are also worked out by the plain loop: full passes, theta itself moved.
LOOPED = 1


def check_network(
    net: Model,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None = None,
    *,
    gradients: Any = None,
    engine: str = "auto",
    training: bool | None = None,
    at_step: int = 0,
    tolerance: float = TOLERANCE,
    seconds: float | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Report:
    """Check every parameter's gradient of a network on its data.

    ``engine``: whose gradient is checked, as ``fit`` chooses it; ``gradients`` (a flat array
    like theta, or a function of a network that returns one) takes its place. With
    ``"reference"`` the native core takes no part in the differences either. ``training`` True
    applies dropout with the masks of ``at_step``; None does so where the network has dropout.
    ``seconds``: stop after that time, with what has been found.

    Raises ValueError or TypeError as ``Network.gradients`` does.
    """
    settings = (engine, training, at_step, tolerance, seconds, seed, progress)
    with np.errstate(all="ignore"):
        return _check(net, X, y, sample_weight, gradients, *settings)


def _check(
    net: Model,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None,
    gradients: Any,
    engine: str,
    training: bool | None,
    at_step: int,
    tolerance: float,
    seconds: float | None,
    seed: int,
    progress: bool,
) -> Report:
    start = time.monotonic()
    check_settings(None, tolerance, None, seconds)
    shadow = net.copy("float64")
    dropout = any(layer.kind == "dropout" for layer in net.layers)
    training = dropout if training is None else training
    X64 = shadow.inputs(X)
    if not len(X64):
        raise ValueError("X has no rows: a gradient needs at least one sample")
    _finite(X64)
    Y = shadow.targets(y, len(X64))
    weights = None if sample_weight is None else weights_of(sample_weight, len(X64))
    J, dtheta, name = _engine_gradient(shadow, X64, Y, weights, engine, training, at_step)
    if gradients is not None:
        dtheta, name = _given(gradients, shadow), "the gradient given"
    if not np.isfinite(J):
        raise ValueError(f"the cost is {J} at these parameters: check where it is finite")
    shares = shares_of(weights, len(X64), np.float64)
    nudges = nudges_of(shadow, X64, Y, shares, training, at_step)
    if engine != "reference":
        nudges.core = core_of(shadow, nudges)
    with Watch(sum(s.z.size for s in nudges.stages), progress, seconds) as watch:
        for l in range(len(nudges.stages), 0, -1):
            nudges.layer(l, watch)
            if watch.stopped:
                break
        tensors = tensors_of(shadow, nudges, dtheta, shares, tolerance)
        for again in (nudges.again, nudges.refine):
            still = open_units(tensors) if not watch.stopped else []
            for l, units in still:
                again(l, units, watch)
            if still:
                tensors = tensors_of(shadow, nudges, dtheta, shares, tolerance)
    if watch.stopped:
        tensors = tensors_of(shadow, nudges, dtheta, shares, tolerance)
    J_of = _cost_function(shadow, X64, Y, weights, training, at_step)
    if not watch.stopped:
        _loop(shadow, tensors, J_of, seed)
    report = Report(
        subject=f"{net!r}, {name}",
        J=J,
        tensors=tensors,
        parts=_parts(shadow, nudges, shares, tolerance) if not watch.stopped else (),
        kinks=[str(kink) for kink in nudges.kinks],
        kinks_met=nudges.kinks_met,
        taylor=taylor_of(J_of, shadow.theta, dtheta, seed, 64 * EPS * abs(J)),
        noise=4 * EPS * abs(J),
        tolerance=tolerance,
        method="central differences of every z" + (" on the core" if nudges.core else ""),
        evaluations=nudges.rows,
        stopped=watch.stopped,
        probe=_probe(shadow, J_of),
        notes=_notes(net, training, at_step),
    )
    if report.verdict == "wrong":
        from ..diagnosis import diagnose_network

        diagnose_network(report, shadow, nudges, shares, dtheta)
    report.seconds = time.monotonic() - start
    return report


def _finite(X: Array) -> None:
    if not np.isfinite(X).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(X))[0])
        raise ValueError(f"X[{row}, {column}] = {X[row, column]}: a check needs finite inputs")


def _notes(net: Model, training: bool, at_step: int) -> tuple[str, ...]:
    found = []
    if net.dtype != np.float64:
        found.append(f"the network is {net.dtype}: checked in a float64 shadow of it")
    if training and any(layer.kind == "dropout" for layer in net.layers):
        found.append(f"dropout with the masks of step {at_step}, frozen")
    return tuple(found)


def _given(gradients: Any, net: Model) -> Array:
    found = gradients(net) if callable(gradients) else gradients
    found = np.asarray(found, np.float64)
    if found.shape != net.theta.shape:
        raise ValueError(f"the gradients have the shape {found.shape}, theta has {net.theta.shape}")
    return found


def _engine_gradient(
    net: Model, X: Array, Y: Array, weights: Any, engine: str, training: bool, at_step: int
) -> tuple[float, Array, str]:
    """Return J and its gradient as the engine itself works them out.

    With dropout an engine gives its gradient only through a step: gradient descent with rate 1.
    """
    descent = OPTIMIZERS["gradient_descent"]()
    problem = Problem(net.architecture, X, Y, weights, descent)
    chosen, _ = choose(engine, problem)
    dtheta: Array = np.zeros_like(net.theta)
    if not (training and any(layer.kind == "dropout" for layer in net.layers)):
        J = chosen.evaluate(problem, net.theta.copy(), dtheta)
        return float(J), dtheta, f"{chosen.name.rpartition('.')[2]} engine"
    theta = np.zeros_like(net.theta)
    theta[...] = net.theta
    state = np.zeros((len(descent.slots), len(theta)))
    rows = np.arange(len(X), dtype=np.int64)
    costs, _ = chosen.run(problem, theta, state, rows, len(X), np.ones(1), at_step)
    return float(costs[0]), net.theta - theta, f"{chosen.name.rpartition('.')[2]} engine"


def nudges_of(
    net: Model, X: Array, Y: Array, shares: Array, training: bool, at_step: int
) -> Nudges:
    """Return the cached passes of a network, ready to have every z moved."""
    trace = net.forward(X, training=training, step=at_step)
    stages: list[Stage] = []
    for i, layer in enumerate(net.layers):
        if not isinstance(layer, Dense):
            continue
        cache = trace.caches[i]
        after = trace.caches[i + 1] if i + 1 < len(net.layers) else None
        theta = net.parameters[i]
        stages.append(
            Stage(
                np.ascontiguousarray(theta["W"]),
                theta["b"],
                layer.activation,
                cache.a_prev,
                np.asarray(cache.z),
                cache.a,
                getattr(after, "mask", None),
            )
        )
    with np.errstate(all="ignore"):
        return Nudges(stages, Y, shares, net.cost)


def _cost_function(net: Model, X: Array, Y: Array, weights: Any, training: bool, step: int) -> Any:
    """Return J as a function of theta by whole passes, as the notes do: the oracle of the quick
    way."""
    shares = shares_of(weights, len(X), np.float64)
    masks = net.masks(step) if training else None
    held = net.theta.copy()
    parameters = views(held, net.layers)
    top = [layer for layer in net.layers if isinstance(layer, Dense)][-1]
    pair = canonical_pair(top.activation, net.cost)
    Y64 = smooth(Y, net.cost.settings.get("smoothing", 0)) if pair is not None else Y

    def plain(theta: Array) -> float:
        held[...] = theta
        with np.errstate(all="ignore"):
            last = forward_pass(X, net.layers, parameters, masks).caches[-1]
            found = net.cost.J(last.a, Y) if pair is None else pair.J(last.z, last.a, Y64)
            J = float(np.where(shares > 0, found, 0) @ shares)
            for theta_l in parameters:
                if "W" in theta_l and (net.l1 or net.l2):
                    J += float(penalty(theta_l["W"], net.l1, net.l2))
        return J

    return plain


def _probe(net: Model, J: Any) -> Any:
    index = views(np.arange(net.theta.size, dtype=np.float64), net.layers)
    flat = [part[name] for part in index if part for name in part]
    names = [f"{kind}{l}" for l in range(1, len(flat) // 2 + 1) for kind in "Wb"]
    places = dict(zip(names, flat, strict=True))

    def moved(name: str, entry: int, by: float) -> float:
        theta = net.theta.copy()
        theta[int(places[name].reshape(-1)[entry])] += by
        return float(J(theta))

    return moved


def _loop(net: Model, tensors: Sequence[Checked], J: Any, seed: int) -> None:
    """Work out a few entries by full passes, as the notes do; raise if the quick way differs."""
    rng = np.random.default_rng(seed)
    J0 = J(net.theta)
    noise = 64 * EPS * max(abs(J0), 1e-300)
    index: Array = np.arange(net.theta.size, dtype=np.float64)
    flat = [part[name] for part in views(index, net.layers) if part for name in part]
    for t, places in zip(tensors, flat, strict=True):
        decided = np.flatnonzero(np.isfinite(t.bar.ravel()) & (t.verdict.ravel() != UNCHECKED))
        for i in rng.choice(decided, min(LOOPED, len(decided)), replace=False):
            place = int(places.reshape(-1)[i])
            known = float(t.numeric.flat[i]), float(t.bar.flat[i])
            if not _looped(J, J0, net.theta, place, known, noise):
                t.verdict.flat[i] = UNDECIDABLE if t.verdict.flat[i] == RIGHT else t.verdict.flat[i]
                t.reasons[int(i)] = "the plain loop and the quick way give different derivatives"


def _looped(
    J: Any, J0: float, theta: Array, place: int, known: tuple[float, float], noise: float
) -> bool:
    """Whether full passes with one parameter moved agree with a slope, or cannot tell (a kink)."""
    slope, bar = known
    for h in (2.0**-17, 2.0**-24):
        moved = theta.copy()
        moved[place] += h
        above = J(moved)
        moved[place] -= 2 * h
        below = J(moved)
        central, bent = (above - below) / (2 * h), abs(above - 2 * J0 + below) / h
        room = 1e-3 * abs(slope) + bar + noise / h
        if not np.isfinite(central) or abs(central - slope) <= room or bent > room:
            return True
    return False


def _parts(net: Model, nudges: Nudges, shares: Array, tolerance: float) -> list[Part]:
    from .layers import layer_parts

    return layer_parts(net, nudges, shares, tolerance)


__all__ = ["WRONG", "check_network"]
