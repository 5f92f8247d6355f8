"""The check of a Network: the engine's own gradient against numerical ones, layer by layer.

Everything is done in a float64 shadow of the network, at the network's own parameters, with its
penalties, sample weights and, where it has dropout, the frozen masks of one step.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...engines import Problem, Steps, choose
from ...mathematics.costs import canonical_pair, smooth
from ...mathematics.layers import kinds_beyond_the_notes
from ...mathematics.optimizers import OPTIMIZERS
from ...mathematics.passes import forward_pass
from ...mathematics.sample_weights import shares_of, weights_of
from ...model import Model
from ...parameters import penalties, views
from ...typing import Array
from ..diagnosis import diagnose_network
from ..differences import EPS
from ..native import native_passes_of
from ..parameter_gradients import open_units, tensors_of
from ..perturbation import Perturbation
from ..perturbed_passes import CachedLayer
from ..progress import Progress
from ..report import Report
from ..settings import CheckSettings
from ..verdicts import TOLERANCE, Checked
from .any_layers import check_entries
from .layers import layer_parts
from .plain_loop import compare_with_plain_loop
from .taylor import taylor_of_theta


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
    start = time.monotonic()
    settings = CheckSettings(tolerance=tolerance, seconds=seconds, seed=seed, progress=progress)
    with np.errstate(all="ignore"):
        frozen = _frozen(net, X, y, sample_weight, training, at_step)
        J, dtheta, name = _engine_gradient(frozen, engine)
        if gradients is not None:
            dtheta, name = _dtheta_of(gradients, frozen.model), "the gradient given"
        if not np.isfinite(J):
            raise ValueError(f"the cost is {J} at these parameters: check where it is finite")
        if kinds_beyond_the_notes(net.layers):
            report = check_entries(frozen.model, _cost_function(frozen), dtheta, settings)
        else:
            report = _report_on(frozen, J, dtheta, settings, on_core=engine != "reference")
        report.subject = f"{net!r}, {name}"
        report.notes = _notes(net, frozen)
    report.seconds = time.monotonic() - start
    return report


@dataclass(frozen=True, slots=True)
class FrozenNetwork:
    """A float64 copy of a network, and all else that J depends on: data, weights, masks."""

    model: Model
    X: Array
    Y: Array
    weights: Array | None
    training: bool  # with the dropout masks of step ``at_step``
    at_step: int

    @property
    def shares(self) -> Array:
        """The share of each sample in J (m,)."""
        return shares_of(self.weights, len(self.X), np.float64)

    @property
    def has_dropout(self) -> bool:
        """Whether dropout takes part."""
        return self.training and _drops(self.model)


def _drops(model: Model) -> bool:
    return any(layer.kind == "dropout" for layer in model.layers)


def _frozen(
    net: Model,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None,
    training: bool | None,
    at_step: int,
) -> FrozenNetwork:
    shadow = net.copy("float64")
    X64 = shadow.inputs(X)
    if not len(X64):
        raise ValueError("X has no rows: a gradient needs at least one sample")
    _finite(X64)
    Y = shadow.targets(y, len(X64))
    weights = None if sample_weight is None else weights_of(sample_weight, len(X64))
    training = _drops(net) if training is None else training
    return FrozenNetwork(shadow, X64, Y, weights, training, at_step)


def _report_on(
    frozen: FrozenNetwork, J: float, dtheta: Array, settings: CheckSettings, on_core: bool
) -> Report:
    model, shares = frozen.model, frozen.shares
    tolerance = settings.tolerance or TOLERANCE
    perturbation = perturbation_of(
        model, frozen.X, frozen.Y, shares, frozen.training, frozen.at_step
    )
    if on_core:
        perturbation.core = native_passes_of(model, perturbation)
    tensors, stopped = _differences(model, perturbation, dtheta, shares, settings)
    J_of = _cost_function(frozen)
    if not stopped:
        compare_with_plain_loop(model, tensors, J_of, settings.seed)
    report = Report(
        subject="",
        J=J,
        tensors=tensors,
        parts=() if stopped else layer_parts(perturbation, tolerance),
        kinks=[str(kink) for kink in perturbation.kinks],
        kinks_met=perturbation.kinks_met,
        taylor=taylor_of_theta(J_of, model.theta, dtheta, settings.seed, 64 * EPS * abs(J)),
        noise=4 * EPS * abs(J),
        tolerance=tolerance,
        method="central differences of every z" + (" on the core" if perturbation.core else ""),
        evaluations=perturbation.rows,
        stopped=stopped,
        probe=_probe(model, J_of),
    )
    if report.verdict == "wrong":
        diagnose_network(report, model, perturbation, shares)
    return report


def _differences(
    model: Model, perturbation: Perturbation, dtheta: Array, shares: Array, settings: CheckSettings
) -> tuple[list[Checked], str]:
    """Return every array with its verdicts, and why the check stopped early ("" if it did not)."""
    tolerance = settings.tolerance or TOLERANCE
    total = sum(layer.z.size for layer in perturbation.layers)
    with Progress(total, settings.progress, settings.seconds) as progress:
        for l in range(len(perturbation.layers), 0, -1):
            perturbation.layer(l, progress)
            if progress.stopped:
                break
        tensors = tensors_of(model, perturbation, dtheta, shares, tolerance)
        for again in (perturbation.again, perturbation.refine):
            units_open = open_units(tensors) if not progress.stopped else []
            for l, units in units_open:
                again(l, units, progress)
            if units_open:
                tensors = tensors_of(model, perturbation, dtheta, shares, tolerance)
    if progress.stopped:
        tensors = tensors_of(model, perturbation, dtheta, shares, tolerance)
    return tensors, progress.stopped


def _finite(X: Array) -> None:
    if not np.isfinite(X).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(X))[0])
        raise ValueError(f"X[{row}, {column}] = {X[row, column]}: a check needs finite inputs")


def _notes(net: Model, frozen: FrozenNetwork) -> tuple[str, ...]:
    notes = []
    if net.dtype != np.float64:
        notes.append(f"the network is {net.dtype}: checked in a float64 shadow of it")
    if frozen.has_dropout:
        notes.append(f"dropout with the masks of step {frozen.at_step}, frozen")
    return tuple(notes)


def _dtheta_of(gradients: Any, net: Model) -> Array:
    dtheta = np.asarray(gradients(net) if callable(gradients) else gradients, np.float64)
    if dtheta.shape != net.theta.shape:
        raise ValueError(
            f"the gradients have the shape {dtheta.shape}, theta has {net.theta.shape}"
        )
    return dtheta


def _engine_gradient(frozen: FrozenNetwork, engine: str) -> tuple[float, Array, str]:
    """Return J and its gradient as the engine itself works them out.

    With dropout an engine gives its gradient only through a step: gradient descent with rate 1.
    """
    net, X = frozen.model, frozen.X
    descent = OPTIMIZERS["gradient_descent"]()
    problem = Problem(net.architecture, X, frozen.Y, frozen.weights, descent)
    chosen, _ = choose(engine, problem)
    dtheta: Array = np.zeros_like(net.theta)
    if not frozen.has_dropout:
        J = chosen.evaluate(problem, net.theta.copy(), dtheta)
        return float(J), dtheta, f"{chosen.name.rpartition('.')[2]} engine"
    theta = np.zeros_like(net.theta)
    theta[...] = net.theta
    state = np.zeros((len(descent.slots), len(theta)))
    step = Steps(np.arange(len(X), dtype=np.int64), len(X), np.ones(1), frozen.at_step)
    costs, _ = chosen.run(problem, theta, state, step)
    return float(costs[0]), net.theta - theta, f"{chosen.name.rpartition('.')[2]} engine"


def perturbation_of(
    net: Model, X: Array, Y: Array, shares: Array, training: bool, at_step: int
) -> Perturbation:
    """Return the cached passes of a network, ready to have every z moved."""
    trace = net.forward(X, training=training, step=at_step)
    layers: list[CachedLayer] = []
    for view in net.architecture.numbered:
        theta, (z, a) = net.parameters[view.at], trace.caches[view.at + 1]
        mask = trace.caches[view.at + 2] if view.dropout else None
        W, a_prev = np.ascontiguousarray(theta["W"]), trace.values[view.at]
        layers.append(CachedLayer(W, theta["b"], view.activation, a_prev, np.asarray(z), a, mask))
    with np.errstate(all="ignore"):
        return Perturbation(layers, Y, shares, net.cost)


def _cost_function(frozen: FrozenNetwork) -> Any:
    """Return J of theta by whole passes, as the notes do: the oracle of the quick way."""
    net, X, Y, shares = frozen.model, frozen.X, frozen.Y, frozen.shares
    masks = net.masks(frozen.at_step) if frozen.training else None
    held = net.theta.copy()
    parameters = views(held, net.layers)
    pair = canonical_pair(net.activations[-1], net.cost)
    Y64 = smooth(Y, net.cost.settings.get("smoothing", 0)) if pair is not None else Y

    def plain(theta: Array) -> float:
        held[...] = theta
        with np.errstate(all="ignore"):
            z, a = forward_pass(X, net.layers, parameters, masks).values[-2:]
            each = net.cost.J(a, Y) if pair is None else pair.J(z, a, Y64)
            return float(np.where(shares > 0, each, 0) @ shares) + penalties(net.architecture, held)

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
