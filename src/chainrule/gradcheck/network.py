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

from ..engines import Problem, choose
from ..mathematics.costs import canonical_pair, smooth
from ..mathematics.layers import Dense
from ..mathematics.optimizers import OPTIMIZERS
from ..mathematics.passes import forward_pass
from ..mathematics.penalties import penalty
from ..network import Network, shares_of, weights_of
from ..parameters import views
from .check import check_settings, taylor_of
from .differences import EPS, Estimate
from .nudges import Nudges, Stage
from .report import Part, Report
from .verdicts import RIGHT, TOLERANCE, UNCHECKED, UNDECIDABLE, WRONG, Checked, decide
from .watch import Watch

Array = npt.NDArray[Any]
# Entries of each array that are also worked out by the plain loop: full passes, theta itself moved.
LOOPED = 1


def check_network(
    net: Network,
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
    like theta, or a function of a network that returns one) takes its place. ``training`` True
    applies dropout with the masks of ``at_step``; None does so where the network has dropout.
    ``seconds``: stop after that time, with what has been found.

    Raises ValueError or TypeError as ``Network.gradients`` does.
    """
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
    with Watch(sum(s.z.size for s in nudges.stages), progress, seconds) as watch:
        for l in range(len(nudges.stages), 0, -1):
            nudges.layer(l, watch)
            if watch.stopped:
                break
        tensors = _tensors(shadow, nudges, dtheta, shares, tolerance)
        for again in (nudges.again, nudges.refine):
            still = _open_units(tensors) if not watch.stopped else []
            for l, units in still:
                again(l, units, watch)
            if still:
                tensors = _tensors(shadow, nudges, dtheta, shares, tolerance)
    if watch.stopped:
        tensors = _tensors(shadow, nudges, dtheta, shares, tolerance)
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
        method="central differences of every z",
        evaluations=nudges.rows,
        stopped=watch.stopped,
        probe=_probe(shadow, J_of),
        notes=_notes(net, training, at_step),
    )
    if report.verdict == "wrong":
        from .diagnosis import diagnose_network

        diagnose_network(report, shadow, nudges, shares, dtheta)
    report.seconds = time.monotonic() - start
    return report


def _finite(X: Array) -> None:
    if not np.isfinite(X).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(X))[0])
        raise ValueError(f"X[{row}, {column}] = {X[row, column]}: a check needs finite inputs")


def _notes(net: Network, training: bool, at_step: int) -> tuple[str, ...]:
    found = []
    if net.dtype != np.float64:
        found.append(f"the network is {net.dtype}: checked in a float64 shadow of it")
    if training and any(layer.kind == "dropout" for layer in net.layers):
        found.append(f"dropout with the masks of step {at_step}, frozen")
    return tuple(found)


def _given(gradients: Any, net: Network) -> Array:
    found = gradients(net) if callable(gradients) else gradients
    found = np.asarray(found, np.float64)
    if found.shape != net.theta.shape:
        raise ValueError(f"the gradients have the shape {found.shape}, theta has {net.theta.shape}")
    return found


def _engine_gradient(
    net: Network, X: Array, Y: Array, weights: Any, engine: str, training: bool, at_step: int
) -> tuple[float, Array, str]:
    """Return J and its gradient as the engine itself works them out.

    With dropout an engine gives its gradient only through a step: gradient descent with rate 1.
    """
    descent = OPTIMIZERS["gradient_descent"]()
    problem = Problem(net, X, Y, weights, descent)
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
    net: Network, X: Array, Y: Array, shares: Array, training: bool, at_step: int
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


def summed(slopes: Estimate, weight: Array, a_prev: Array) -> Estimate:
    """Return ``sum_s weight_s slope[s, j] a_prev[s, i]`` (n_l, n_{l-1}) with its bar.

    Truncation adds up over the samples; rounding, which has no common sign, adds up in squares.
    """
    known = np.isfinite(slopes.bar)
    column = weight[:, None]
    value = np.where(known, slopes.value, 0.0) * column
    rounding = np.where(known, slopes.rounding, 0.0) * column
    truncation = np.where(known, slopes.bar, 0.0) * column - rounding
    size = np.abs(a_prev)
    bars = truncation.T @ size + 2 * np.sqrt((rounding**2).T @ size**2)
    bars += 4 * EPS * (np.abs(value).T @ size)
    lost = ~known & (column > 0)
    if lost.any():
        bars[(lost.T.astype(float) @ (size > 0)) > 0] = np.inf
    return Estimate(value.T @ a_prev, bars, ~np.isfinite(bars), bars)


def slopes_of(nudges: Nudges, l: int) -> Estimate | None:
    """Return dJ_s/dz^l (m, n_l) as it was found, None if the check did not get there."""
    found = nudges.estimates.get(l)
    if found is None:
        return None
    shape = nudges.stages[l - 1].z.shape
    parts = (found.value, found.bar, found.kinked, found.rounding)
    return Estimate(*(x.reshape(shape) for x in parts))


def _tensors(
    net: Network, nudges: Nudges, dtheta: Array, shares: Array, tolerance: float
) -> list[Checked]:
    analytic = [g for g in views(dtheta, net.layers) if g]
    found: list[Checked] = []
    largest = float(np.max(np.abs(np.nan_to_num(dtheta)), initial=0.0))
    for l, (stage, g) in enumerate(zip(nudges.stages, analytic, strict=True), 1):
        slopes = slopes_of(nudges, l)
        ones = np.ones((len(shares), 1))
        for name, a_prev, parameter in (("W", stage.a_prev, stage.W), ("b", ones, stage.b)):
            shape = parameter.shape
            if slopes is None or np.isnan(slopes.value).all():
                blank = np.full(shape, np.nan)
                verdict = np.full(shape, UNCHECKED, np.int8)
                found.append(
                    Checked(f"{name}{l}", g[name], blank, blank, verdict, {}, tolerance, parameter)
                )
                continue
            n = summed(slopes, shares, a_prev)
            value, bar = n.value.reshape(shape), n.bar.reshape(shape)
            # A gradient of exactly 0 where J does not move by a single bit is right.
            quiet = nudges.flat[l].all(axis=0).reshape((-1, *(1,) * (len(shape) - 1)))
            bar = np.where(quiet & (np.asarray(g[name]) == 0), 0.0, bar)
            if name == "W":
                value = value + penalty_slope(parameter, net.l1, net.l2)
            slack = 16 * EPS * float(np.max(np.abs(np.nan_to_num(g[name])), initial=0.0))
            slack += 2 * EPS * float(np.max(np.abs(parameter), initial=0.0)) * (net.l1 + net.l2 > 0)
            verdict = decide(g[name], value, bar, tolerance, slack, largest)
            checked = Checked(
                f"{name}{l}", np.array(g[name]), value, bar, verdict, {}, tolerance, parameter
            )
            _explain(checked, slopes)
            found.append(checked)
    return found


def _open_units(tensors: Sequence[Checked]) -> list[tuple[int, npt.NDArray[np.intp]]]:
    """The units of each layer that have an undecided entry, the last layer first."""
    found = []
    for l in range(len(tensors) // 2, 0, -1):
        W, b = tensors[2 * l - 2], tensors[2 * l - 1]
        still = (W.verdict == UNDECIDABLE).any(axis=1) | (b.verdict == UNDECIDABLE)
        if still.any():
            found.append((l, np.flatnonzero(still)))
    return found


def _explain(checked: Checked, slopes: Estimate) -> None:
    for i in np.flatnonzero(checked.verdict.ravel() == UNDECIDABLE)[:50]:
        unit = int(np.unravel_index(i, checked.shape)[0])
        lost = np.flatnonzero(~np.isfinite(slopes.bar[:, unit]))
        if np.isfinite(checked.bar.flat[i]):
            why = f"rounding noise is above the difference (known to ± {checked.bar.flat[i]:.1e})"
        elif len(lost) and slopes.kinked[lost[0], unit]:
            why = f"a kink is closer than rounding in sample {int(lost[0])}, unit {unit}"
        else:
            why = (
                f"J is infinite or NaN near sample {int(lost[0]) if len(lost) else 0}, unit {unit}"
            )
        checked.reasons[int(i)] = why


def penalty_slope(W: Array, l1: float, l2: float) -> Array:
    """Return the central difference of ``l1 |w| + l2 w^2 / 2``, each w with a step that avoids
    0."""
    if l1 == 0 and l2 == 0:
        return np.zeros(W.shape)
    h = np.where(W == 0, 1.0, np.abs(W) / 2)

    def at(w: Array) -> Array:
        found: Array = l1 * np.abs(w) + l2 / 2 * w * w
        return found

    slope: Array = (at(W + h) - at(W - h)) / (2 * h)
    return slope


def _cost_function(
    net: Network, X: Array, Y: Array, weights: Any, training: bool, step: int
) -> Any:
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


def _probe(net: Network, J: Any) -> Any:
    index = views(np.arange(net.theta.size, dtype=np.float64), net.layers)
    flat = [part[name] for part in index if part for name in part]
    names = [f"{kind}{l}" for l in range(1, len(flat) // 2 + 1) for kind in "Wb"]
    places = dict(zip(names, flat, strict=True))

    def moved(name: str, entry: int, by: float) -> float:
        theta = net.theta.copy()
        theta[int(places[name].reshape(-1)[entry])] += by
        return float(J(theta))

    return moved


def _loop(net: Network, tensors: Sequence[Checked], J: Any, seed: int) -> None:
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


def _parts(net: Network, nudges: Nudges, shares: Array, tolerance: float) -> list[Part]:
    from .layers import layer_parts

    return layer_parts(net, nudges, shares, tolerance)


__all__ = ["WRONG", "check_network"]
