"""The check of a cost and its gradient given as functions: each entry by differences of J."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..cost_functions import Subject
from ..diagnosis import data_of, diagnose, network_in
from ..differences import EPS, SAFETY
from ..noise import largest_gradient, noise_level, takes_complex
from ..progress import Progress
from ..pytree import Leaf
from ..report import Report
from ..settings import CheckSettings
from ..user_network.model import UserNetwork, data_rows
from ..verdicts import TOLERANCE, UNCHECKED, WRONG, Checked
from .directions import along_directions
from .entrywise import Sweep, choose, sweep_leaf
from .taylor import taylor_of_subject

Array = npt.NDArray[Any]
FindNetwork = Callable[[Subject], UserNetwork | None]
STEP, LONGEST_STEP = 2.0**-13, 2.0**-6
MAX_TOLERANCE = 1e-2


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
) -> Report:
    """Check the gradient of a cost given as functions.

    ``cost(parameters)`` returns J, or a dictionary with ``loss`` (the notes' ``fprop``) that is
    then passed to ``gradients``, or ``(J, gradients)`` with ``gradients=None``. ``gradients`` is
    a function of the parameters or its result. ``parameters``: a dictionary, list or array, also
    nested. X and y, if given, are the data inside the cost: they help the diagnosis.

    ``tolerance``, ``step``, ``entries``, ``seconds``, ``method``, ``seed``, ``progress``: see
    ``CheckSettings``. ``find_network(subject)`` returns the network inside the cost as a
    ``UserNetwork``, or None; by default it is looked for by means of X and y. ``samples``: the
    number of samples, if X does not tell it. ``notes`` are added to the report's own.

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
    subject = Subject(cost, gradients, parameters, samples)
    report = _report_on(subject, settings, name or _name(cost), notes)
    if report.count(WRONG):
        network = None
        if method == "all":
            find = find_network or (lambda subject: network_in(subject, X, y))
            network = find(subject)
        data = data_of(subject, X)
        rows = None if data is None else data_rows(data)
        diagnose(report, network, samples if network is None else len(network.x), rows)
    report.seconds = time.monotonic() - start
    return report


def _report_on(
    subject: Subject, settings: CheckSettings, name: str, notes: tuple[str, ...]
) -> Report:
    rng = np.random.default_rng(settings.seed)
    noise = noise_level(subject, rng)
    relative = _relative_noise(subject, noise)
    tolerance = _tolerance(relative, settings.tolerance)
    h = settings.step or float(np.clip(relative**0.25, STEP, LONGEST_STEP))
    exact = takes_complex(subject, rng, noise, h)
    sweep = Sweep(subject, noise, h, tolerance, exact, largest_gradient(subject))
    tensors, stopped = _swept(sweep, settings, rng)
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
        notes=(*notes, *_notes(relative, tolerance)),
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
        for leaf, t, raw, entries in zip(
            subject.leaves, tensors, subject.raw_gradients, chosen, strict=True
        ):
            slack = analytic_slack(t.analytic, raw.dtype)
            sweep_leaf(sweep, leaf, t, entries, slack, progress)
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


def _relative_noise(subject: Subject, noise: float) -> float:
    """The noise of J relative to J, or to theta · dJ/dtheta where J is near 0."""
    turn = sum(
        float(np.sum(np.abs(np.nan_to_num(a) * leaf.value)))
        for leaf, a in zip(subject.leaves, subject.analytic, strict=True)
    )
    return min(noise / max(abs(subject.J0), turn, 1e-300), 1.0) / SAFETY


def _tolerance(relative_noise: float, tolerance: float | None) -> float:
    if tolerance is not None:
        return tolerance
    if relative_noise <= 1e-13:
        return TOLERANCE
    return float(np.clip(relative_noise**0.3, TOLERANCE, MAX_TOLERANCE))


def analytic_slack(gradient: Array, dtype: Any) -> float:
    """How far off a gradient computed in a shorter float can be by rounding alone."""
    finite = np.abs(gradient[np.isfinite(gradient)])
    largest = float(finite.max()) if finite.size else 0.0
    short = np.dtype(dtype).kind == "f" and np.dtype(dtype).itemsize < 8
    # Short floats hold the gradient itself to half a unit; what led to it is not known.
    return 4 * float(np.finfo(dtype).eps) * largest if short else 16 * EPS * largest


def _notes(relative_noise: float, tolerance: float) -> tuple[str, ...]:
    if relative_noise < 1e-13:
        return ()
    return (
        f"J is computed to {relative_noise:.0e} only (float32 inside?): entries are decided to "
        f"{100 * tolerance:.2g} %",
    )
