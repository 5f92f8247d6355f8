"""check_gradients: one door for networks, pairs of functions and other frameworks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .cost_functions import Subject
from .differences import EPS, SAFETY, taylor_order
from .noise import largest_gradient, noise_level, takes_complex
from .progress import Watch
from .report import GradientError, Report
from .strategies.directions import along_directions
from .strategies.entrywise import Sweep, choose, sweep_leaf
from .verdicts import TOLERANCE, UNCHECKED, WRONG, Checked

STEP = 2.0**-13
MAX_TOLERANCE = 1e-2


def check_gradients(subject: Any, *args: Any, **settings: Any) -> Report:
    """Check a gradient numerically: right, wrong or undecidable for every entry, where and why.

    ``check_gradients(net, X, y)``: a ``Network`` with its data; see ``network.check_network``.
    ``check_gradients(cost, gradients, parameters)``: any pair of functions over a dictionary, list
    or array of parameters; see ``check_pair``.
    ``check_gradients(module, X, y, loss)``: a ``torch.nn.Module``; see ``adapters.torch``.

    Returns a ``Report``; ``report.ok``, ``print(report)``, ``report.raise_if_wrong()``. Raises
    TypeError or ValueError, one sentence each, for what cannot be checked.

    >>> import numpy as np
    >>> w = np.array([1.0, 2.0])
    >>> check_gradients(lambda w: float(w @ w), lambda w: 2 * w, w).ok
    True
    """
    from ..model import Model

    if isinstance(subject, Model):
        from .strategies.network import check_network

        return check_network(subject, *args, **settings)
    if any(cls.__module__.startswith("torch.") for cls in type(subject).__mro__):
        from .adapters.torch import check_module

        return check_module(subject, *args, **settings)
    return check_pair(subject, *args, **settings)


def check_pair(
    cost: Callable[[Any], Any],
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
) -> Report:
    """Check the gradient of a cost given as functions.

    ``cost(parameters)`` returns J, or a dictionary with ``loss`` (the notes' ``fprop``) that is
    then passed to ``gradients``, or ``(J, gradients)`` with ``gradients=None``. ``gradients`` is
    a function of the parameters or its result. ``parameters``: a dictionary, list or array, also
    nested. X and y, if given, are the data inside the cost: they help the diagnosis.

    ``tolerance``: the relative error that is let pass (1e-5, and more where J is computed in low
    precision). ``step``: of the differences, relative to each parameter's scale. ``entries``:
    check at
    most so many of each matrix, at random (vectors such as biases whole). ``seconds``: stop after.
    ``method="directions"``: random directions through each array instead of its entries.

    Raises TypeError or ValueError for a cost that is not scalar, finite, deterministic, or that
    changes its parameters; for gradients of another shape or missing; for integer or no parameters.
    """
    samples = None if X is None else len(np.asarray(X))

    def find(subject: Subject) -> Any:
        from .diagnosis import model_in

        return model_in(subject, X, y)

    return run_pair(
        cost, gradients, parameters, find=find, samples=samples, X=X, tolerance=tolerance,
        step=step, entries=entries, seconds=seconds, method=method, seed=seed, progress=progress,
        name=name,
    )  # fmt: skip


def run_pair(
    cost: Any,
    gradients: Any,
    parameters: Any,
    *,
    find: Callable[[Subject], Any],
    samples: int | None = None,
    X: Any = None,
    tolerance: float | None = None,
    step: float | None = None,
    entries: int | None = None,
    seconds: float | None = None,
    method: str = "all",
    seed: int = 0,
    progress: bool = True,
    name: str = "",
    notes: tuple[str, ...] = (),
) -> Report:
    """Check a pair of functions; ``find`` returns the network inside the cost, or None, if
    asked. ``samples`` and ``X``, where they are known, help the diagnosis without one."""
    start = time.monotonic()
    check_settings(step, tolerance, entries, seconds)
    _method(method)
    subject = Subject(cost, gradients, parameters, samples)
    rng = np.random.default_rng(seed)
    noise = noise_level(subject, rng)
    relative = _relative_noise(subject, noise)
    tolerance = _tolerance(relative, tolerance)
    h = step if step is not None else float(np.clip(relative**0.25, STEP, 2.0**-6))
    exact = takes_complex(subject, rng, noise, h)
    sweep = Sweep(subject, noise, h, tolerance, exact, largest_gradient(subject))
    tensors = [
        _blank(leaf, a, tolerance) for leaf, a in zip(subject.leaves, subject.analytic, strict=True)
    ]
    chosen = choose(subject.leaves, entries, rng)
    with Watch(sum(map(len, chosen)), progress, seconds) as watch:
        if method == "directions":
            along_directions(sweep, tensors, rng, watch)
        else:
            for leaf, t, given, some in zip(
                subject.leaves, tensors, subject.given, chosen, strict=True
            ):
                sweep_leaf(sweep, leaf, t, some, analytic_slack(t.analytic, given.dtype), watch)
                if watch.stopped:
                    break
    report = Report(
        subject=name or _name(cost),
        J=subject.J0,
        tensors=tensors,
        taylor=_directions(subject, rng, noise) if watch.stopped != "by Ctrl-C" else (),
        noise=noise,
        tolerance=tolerance,
        evaluations=subject.evaluations,
        kinks=[str(flip) for flip in sweep.flips[:5]],
        kinks_met=len(sweep.flips),
        stopped=watch.stopped,
        notes=(*notes, *_notes(relative, tolerance)),
        probe=_probe(subject),
        method="random directions" if method == "directions" else "central differences",
    )
    if report.count(WRONG):
        from .diagnosis import data_of, diagnose
        from .user_network.model import data_rows

        model = find(subject) if method == "all" else None
        data = data_of(subject, X)
        rows = None if data is None else data_rows(data)
        diagnose(report, model, samples if model is None else len(model.x), rows)
    report.seconds = time.monotonic() - start
    return report


def _probe(subject: Subject) -> Callable[[str, int, float], float]:
    by_name = {leaf.name: leaf for leaf in subject.leaves}

    def J(name: str, index: int, by: float) -> float:
        leaf = by_name[name]
        moved = leaf.value.copy()
        moved.flat[index] += by
        return subject.at({leaf.path: moved})[0]

    return J


def _name(cost: Any) -> str:
    name = getattr(cost, "__name__", type(cost).__name__)
    return "the gradient" if name == "<lambda>" else f"the gradient of {name}"


def _blank(leaf: Any, a: Any, tolerance: float) -> Checked:
    return Checked(
        leaf.name,
        a,
        np.full(leaf.shape, np.nan),
        np.full(leaf.shape, np.inf),
        np.full(leaf.shape, UNCHECKED, np.int8),
        tolerance=tolerance,
        parameter=leaf.value,
    )


def check_settings(step: Any, tolerance: Any, entries: Any, seconds: Any) -> None:
    """Raise TypeError or ValueError for a setting that is no number above 0."""
    known: tuple[tuple[str, Any], ...] = (
        ("step", step),
        ("tolerance", tolerance),
        ("seconds", seconds),
    )
    for word, value in known:
        if value is None:
            continue
        if not isinstance(value, (int, float, np.number)) or isinstance(value, (bool, complex)):
            raise TypeError(f"{word} must be a number above 0, not {value!r}")
        number = float(value)
        if not 0 < number < np.inf:
            raise ValueError(f"{word} must be a finite number above 0, not {value!r}")
    if entries is not None and (
        isinstance(entries, bool) or int(entries) != entries or entries < 1
    ):
        raise ValueError(f"entries must be a whole number of at least 1, or None, not {entries!r}")


def _method(method: str) -> None:
    if method not in ("all", "directions"):
        from ..mathematics.names import unknown

        raise unknown("method", str(method), ("all", "directions"))


def _relative_noise(subject: Subject, noise: float) -> float:
    """The noise of J relative to J, or to what its parameters make of it where J is near 0."""
    turn = sum(
        float(np.sum(np.abs(np.nan_to_num(a) * leaf.value)))
        for leaf, a in zip(subject.leaves, subject.analytic, strict=True)
    )
    return min(noise / max(abs(subject.J0), turn, 1e-300), 1.0) / SAFETY


def _tolerance(relative: float, asked: float | None) -> float:
    if asked is not None:
        return asked
    return (
        float(np.clip(relative**0.3, TOLERANCE, MAX_TOLERANCE)) if relative > 1e-13 else TOLERANCE
    )


def analytic_slack(a: Any, dtype: Any) -> float:
    """How far off a gradient computed in a shorter float can be by rounding alone."""
    known = np.abs(a[np.isfinite(a)])
    largest = float(known.max()) if known.size else 0.0
    short = np.dtype(dtype).kind == "f" and np.dtype(dtype).itemsize < 8
    # Short floats hold the gradient itself to half a unit; what led to it is not known.
    return 4 * float(np.finfo(dtype).eps) * largest if short else 16 * EPS * largest


def _directions(subject: Subject, rng: np.random.Generator, noise: float) -> tuple[float, ...]:
    direction, slope = [], 0.0
    for leaf, a in zip(subject.leaves, subject.analytic, strict=True):
        rms = float(np.sqrt(np.mean(leaf.value**2))) or 1.0
        v = rms * rng.standard_normal(leaf.shape)
        direction.append(v)
        slope += float(np.sum(np.nan_to_num(a) * v))
    order, _ = taylor_order(subject.along(direction), slope, noise)
    return (order,)


def taylor_of(J: Any, theta: Any, dtheta: Any, seed: int, noise: float) -> tuple[float, ...]:
    """Return the Taylor order along a random direction through all of theta."""
    rng = np.random.default_rng(seed)
    v = rng.standard_normal(theta.shape) * (float(np.sqrt(np.mean(theta**2))) or 1.0)
    order, _ = taylor_order(lambda t: J(theta + t * v), float(np.nan_to_num(dtheta) @ v), noise)
    return (order,)


def _notes(relative: float, tolerance: float) -> tuple[str, ...]:
    if relative < 1e-13:
        return ()
    return (
        f"J is computed to {relative:.0e} only (float32 inside?): entries are decided to "
        f"{100 * tolerance:.2g} %",
    )


def assert_gradients(
    subject: Any, *args: Any, undecidable: bool = False, **settings: Any
) -> Report:
    """Check gradients in a test: raise ``GradientError``, whose message is the report, unless
    right.

    ``undecidable=True`` lets entries pass that cannot be decided.
    """
    report = check_gradients(subject, *args, progress=False, **settings)
    if report.ok or (undecidable and report.verdict == "undecidable"):
        return report
    raise GradientError(report)
