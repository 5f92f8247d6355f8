"""Stages of NumPy programs: marked arrays, or a list of forward and backward functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...typing import Array
from ..cost_functions import scalar_of
from ..jacobians import check_jacobian
from ..report import Part, Report
from ..verdicts import WORDS, WRONG
from .marks import RECORDER, Recorder


def check_marked(cost: Callable[[Any], Any], gradients: Any, parameters: Any, seed: int) -> Report:
    """Check dJ/da of every marked array, the last one of the forward pass first."""
    first = _recorded(lambda: cost(parameters))
    J0, cache = scalar_of(first[0])
    if not first[1].outputs:
        raise ValueError("the cost marks no stage: put s.output(...) into 'with cr.stage(name)'")
    backward = (lambda: gradients(cache)) if cache is not None else (lambda: gradients(parameters))
    marked = _recorded(backward)[1].gradients or first[1].gradients
    lacking = [name for name in first[1].outputs if name not in marked]
    if lacking:
        raise ValueError(
            f"the backward pass marks no gradient for the stage {lacking[0]!r}: put "
            "s.gradient(...) there"
        )
    reports = []
    for name in reversed(first[1].outputs):
        a = first[1].outputs[name]

        def J(moved: Array, name: str = name, a: Array = a) -> float:
            return scalar_of(_recorded(lambda: cost(parameters), {name: moved - a})[0])[0]

        gradient = np.broadcast_to(marked[name], a.shape)
        report = check_jacobian(J, np.array(gradient), a, seed=seed, name=f"d{name}")
        reports.append((name, report))
    return joined(reports, J0)


def _recorded(run: Callable[[], Any], moves: Any = None) -> tuple[Any, Recorder]:
    recorder = Recorder(moves)
    token = RECORDER.set(recorder)
    try:
        return run(), recorder
    finally:
        RECORDER.reset(token)


def check_chain(stages: Sequence[Any], x: Any, seed: int) -> Report:
    """Check each pair (forward, backward) alone, at its own input and upstream gradient.

    ``forward(x)`` returns the stage's output, or (output, cache); ``backward(dy)``, or
    ``backward(dy, cache)``, the gradient by the stage's input. A pair may start with its name.
    """
    named = [_named(k, s) for k, s in enumerate(stages)]
    value = np.array(x, np.float64)
    passes = []
    for name, forward, backward in named:
        out, cache = _split(forward(value.copy()))
        passes.append((name, forward, backward, value, cache))
        value = np.array(out, np.float64)
    rng = np.random.default_rng(seed)
    upstream = np.ones(value.shape) if value.size == 1 else rng.standard_normal(value.shape)
    J0 = float(np.sum(upstream * value))
    reports = []
    for name, forward, backward, at, cache in reversed(passes):

        def J(moved: Array, forward: Any = forward, upstream: Array = upstream) -> float:
            return float(np.sum(upstream * _split(forward(moved))[0]))

        gradient = _pulled(backward, upstream, cache)
        label = name + _place(backward)
        reports.append((label, check_jacobian(J, gradient, at, seed=seed, name=name)))
        upstream = gradient
    return joined(reports, J0)


def joined(reports: Sequence[tuple[str, Report]], J: float) -> Report:
    """Return one report on stages given from the last backwards; the first wrong one is named."""
    parts = []
    for label, report in reports:
        verdict = WORDS.index(report.verdict)
        why = "; ".join(d.sentence for d in report.diagnoses[:1])
        parts.append(Part(label, verdict, why))
    wrong = [(label, report) for label, report in reports if report.verdict == WORDS[WRONG]]
    return Report(
        subject="the stages, going backwards",
        J=J,
        tensors=[t for _, report in reports for t in report.tensors],
        parts=parts,
        where=wrong[0][0] if wrong else "",
        diagnoses=wrong[0][1].diagnoses if wrong else (),
        method="each stage alone, at its own input and upstream gradient",
        evaluations=sum(report.evaluations for _, report in reports),
    )


def _named(k: int, stage: Any) -> tuple[str, Any, Any]:
    parts = tuple(stage) if isinstance(stage, (tuple, list)) else ()
    if len(parts) == 3 and isinstance(parts[0], str):
        return parts
    if len(parts) == 2 and all(map(callable, parts)):
        name = getattr(parts[0], "__name__", "stage").replace("<lambda>", "stage")
        return f"{name}", parts[0], parts[1]
    raise TypeError(
        f"stage {k} must be (forward, backward) or (name, forward, backward), not "
        f"{type(stage).__name__}"
    )


def _split(value: Any) -> tuple[Any, Any]:
    return value if isinstance(value, tuple) and len(value) == 2 else (value, None)


def _pulled(backward: Any, upstream: Array, cache: Any) -> Array:
    value = backward(upstream.copy()) if cache is None else backward(upstream.copy(), cache)
    return np.array(value, np.float64)


def _place(function: Any) -> str:
    """Return where a function is written: " (file.py:12)", "" if that is not known."""
    try:
        lines, number = inspect.getsourcelines(function)
        path = inspect.getsourcefile(function) or ""
    except (OSError, TypeError):
        return ""
    return f" ({path.rsplit('/', 1)[-1]}:{number})" if lines and path else ""
