"""The check of a cost and its gradient given as functions: each entry by differences of J."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...typing import Array
from ..cost_functions import CallSettings, Subject
from ..diagnosis import data_of, diagnose, network_in
from ..differences import SAFETY
from ..noise import largest_gradient, noise_level, takes_complex
from ..patterns.normalisation import vanishing_term
from ..precision import MANTISSAS, analytic_slack, precision_of
from ..progress import Progress
from ..pytree import Leaf, Names
from ..report import Report
from ..settings import CheckSettings
from ..traces.tape import numpy_program
from ..user_functions import surroundings_restored
from ..user_network.model import UserNetwork, data_rows
from ..verdicts import TOLERANCE, UNCHECKED, WRONG, Checked
from .directions import along_directions
from .entrywise import Rounding, choose, sweep_leaf
from .surroundings import (
    acquit_at_minimum,
    cannot_be_followed,
    leave_undecided,
    surroundings_of,
)
from .sweep import Sweep
from .taylor import taylor_of_subject

FindNetwork = Callable[[Subject], UserNetwork | None]
STEP, LONGEST_STEP = 2.0**-13, 2.0**-6
MAX_TOLERANCE = 1e-2


@surroundings_restored
def check_pair(
    cost: Callable[..., Any],
    gradients: Any,
    parameters: Any,
    *,
    X: Any = None,
    y: Any = None,
    tolerance: float | None = None,
    step: float | None = None,
    entries: int | None = None,
    seconds: float | None = None,
    method: str = "all",
    seed: int = 0,
    progress: bool = True,
    name: str = "",
    find_network: FindNetwork | None = None,
    samples: int | None = None,
    notes: tuple[str, ...] = (),
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    wrt: Names = None,
    fixed: Names = None,
    conjugate: bool = False,
    upstream: Array | None = None,
) -> Report:
    """Check the gradient of a cost given as functions.

    ``cost(parameters)`` returns J, or a dictionary with ``loss`` (the notes' ``fprop``) that is
    then passed to ``gradients``, or ``(J, gradients)`` with ``gradients=None``. ``gradients`` is
    a function of the parameters or its result. ``parameters``: a dictionary, list or array, also
    nested. X and y, if given, are the data inside the cost: they help the diagnosis.

    ``tolerance``, ``step``, ``entries``, ``seconds``, ``method``, ``seed``, ``progress``: see
    ``CheckSettings``. ``args``, ``kwargs``, ``wrt``, ``fixed``, ``conjugate``: see
    ``CallSettings``. Whole numbers, truth values, strings and None among the parameters are held
    fixed; None as a gradient counts as 0. ``find_network(subject)`` returns the network inside the
    cost as a ``UserNetwork``, or None; by default it is looked for by means of X and y.
    ``samples``: the number of samples, if X does not tell it. ``notes`` are added to the report's.
    ``upstream``: dJ/d(output), where the cost is an output times that, summed: for the diagnosis.

    Raises TypeError or ValueError for a cost that is not scalar, finite, deterministic, or that
    changes its parameters; for gradients of another shape or missing; for integer or no parameters.
    """
    start = time.monotonic()
    settings = CheckSettings(
        tolerance=tolerance, step=step, entries=entries, seconds=seconds, method=method,
        seed=seed, progress=progress,
    )  # fmt: skip
    if samples is None and X is not None:
        samples = len(np.asarray(X))
    call = CallSettings(args=args, kwargs=kwargs, wrt=wrt, fixed=fixed, conjugate=conjugate)
    subject = Subject(cost, gradients, parameters, samples, call)
    report = _report_on(subject, settings, name or _name(cost), notes)
    if report.count(WRONG):
        network = None
        if method == "all":
            find = find_network or (lambda subject: network_in(subject, X, y))
            network = find(subject)
        data = data_of(subject, X)
        rows = None if data is None else data_rows(data)
        m = samples if network is None else len(network.x)
        diagnose(report, network, m, rows, upstream, lambda: numpy_program(subject))
    elif report.ok and method == "all":
        report.notes = (*report.notes, *filter(None, map(vanishing_term, report.tensors)))
    report.seconds = time.monotonic() - start
    return report


def _report_on(
    subject: Subject, settings: CheckSettings, name: str, notes: tuple[str, ...]
) -> Report:
    rng = np.random.default_rng(settings.seed)
    noise = noise_level(subject, rng)
    around, largest = surroundings_of(subject), largest_gradient(subject)
    stationary = around.stationary(largest)
    relative = _relative_noise(subject, noise, around.variation if stationary else 0.0)
    tolerance = _tolerance(relative, settings.tolerance)
    h = settings.step or float(np.clip(relative**0.25, STEP, LONGEST_STEP))
    exact = takes_complex(subject, rng, noise, h)
    sweep = Sweep(subject, noise, h, tolerance, exact, largest)
    tensors, stopped = _swept(sweep, settings, rng)
    if settings.method == "all":
        if stationary:
            subject.notes += filter(None, [acquit_at_minimum(sweep, tensors, around)])
        if cannot_be_followed(subject, noise, around):
            subject.notes += filter(None, [leave_undecided(tensors)])
    return Report(
        subject=name,
        J=subject.J0,
        tensors=tensors,
        taylor=taylor_of_subject(subject, rng, noise) if stopped != "by Ctrl-C" else (),
        noise=noise,
        tolerance=tolerance,
        evaluations=subject.evaluations,
        kinks=[str(flip) for flip in sweep.flips[:5]],
        kinks_met=len(sweep.flips),
        stopped=stopped,
        notes=(*notes, *subject.notes, *_notes(relative, tolerance)),
        probe=_probe(subject),
        method="central differences" if settings.method == "all" else "random directions",
    )


def _swept(
    sweep: Sweep, settings: CheckSettings, rng: np.random.Generator
) -> tuple[list[Checked], str]:
    """Return every array with its verdicts, and why the check stopped early ("" if it did not)."""
    subject = sweep.subject
    tensors = [
        _unchecked(leaf, a, sweep.tolerance)
        for leaf, a in zip(subject.leaves, subject.analytic, strict=True)
    ]
    chosen = choose(subject.leaves, settings.entries, rng)
    with Progress(sum(map(len, chosen)), settings.progress, settings.seconds) as progress:
        if settings.method == "directions":
            along_directions(sweep, tensors, rng, progress)
            return tensors, progress.stopped
        for k, (leaf, t) in enumerate(zip(subject.leaves, tensors, strict=True)):
            precision = precision_of(subject.raw_gradients[k])
            slack = analytic_slack(t.analytic, precision) + 2 * subject.gradient_scatter[k]
            mantissa = precision.eps if precision.short else 0.0
            if precision.eps > MANTISSAS["float32"]:
                subject.notes.append(f"the gradient of {leaf.name} is {precision.name}")
            sweep_leaf(sweep, leaf, t, chosen[k], Rounding(slack, mantissa), progress)
            if progress.stopped:
                break
    return tensors, progress.stopped


def _probe(subject: Subject) -> Callable[[str, int, float], float]:
    by_name = {leaf.name: leaf for leaf in subject.leaves}

    def J(name: str, index: int, step: float) -> float:
        leaf = by_name[name]
        moved = leaf.value.copy()
        moved.flat[index] += step
        return subject.at({leaf.path: moved})[0]

    return J


def _name(cost: Callable[..., Any]) -> str:
    name = getattr(cost, "__name__", type(cost).__name__)
    return "the gradient" if name == "<lambda>" else f"the gradient of {name}"


def _unchecked(leaf: Leaf, analytic: Array, tolerance: float) -> Checked:
    return Checked(
        leaf.name,
        analytic,
        np.full(leaf.shape, np.nan),
        np.full(leaf.shape, np.inf),
        np.full(leaf.shape, UNCHECKED, np.int8),
        tolerance=tolerance,
        parameter=leaf.value,
    )


def _relative_noise(subject: Subject, noise: float, variation: float) -> float:
    """The noise of J relative to J, or to how J varies where it is near 0: by theta · dJ/dtheta, at
    a minimum by ``variation``."""
    turn = sum(
        float(np.sum(np.abs(np.nan_to_num(a) * leaf.value)))
        for leaf, a in zip(subject.leaves, subject.analytic, strict=True)
    )
    return min(noise / max(abs(subject.J0), turn, variation, 1e-300), 1.0) / SAFETY


def _tolerance(relative_noise: float, tolerance: float | None) -> float:
    if tolerance is not None:
        return tolerance
    if relative_noise <= 1e-13:
        return TOLERANCE
    return float(np.clip(relative_noise**0.3, TOLERANCE, MAX_TOLERANCE))


def _notes(relative_noise: float, tolerance: float) -> tuple[str, ...]:
    if relative_noise < 1e-13:
        return ()
    return (
        f"J is computed to {relative_noise:.0e} only (float32 inside?): entries are decided to "
        f"{100 * tolerance:.2g} %",
    )
