"""check_kernel: is a kernel's backward pass right, in its own dtype and as it will be called?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..diagnosis import AMOUNTS, LOOKS, diagnose
from ..progress import Progress
from ..report import Diagnosis, Part, Report
from ..traces.steps import Program
from ..user_functions import surroundings_restored
from ..verdicts import RIGHT, UNDECIDABLE, WORDS, WRONG, Checked
from .arguments import Arguments, arguments_of
from .calls import LARGE, Calls, call_parts
from .directions import by_directions
from .passes import Pass, run
from .reading import Clues, diagnoses
from .reference import Comparison, against_reference
from .scatter import Scatter, scatter_of


@surroundings_restored
def check_kernel(
    fn: Callable[..., Any],
    inputs: Any,
    reference: Callable[..., Any] | None = None,
    wrt: str | int | Iterable[str | int] | None = None,
    *,
    upstream: Any = None,
    shapes: Sequence[Any] | None = None,
    make_inputs: Callable[..., Any] | None = None,
    calls: bool = True,
    repeats: int = 2,
    seconds: float | None = None,
    seed: int = 0,
    progress: bool = False,
    name: str = "",
) -> Report:
    """Check the backward pass of a torch or JAX function; nothing is cast or moved.

    ``fn(*inputs)``, or ``fn(**inputs)`` for a dictionary, returns an array or any container of
    arrays. ``wrt``: names or positions of the inputs that are checked; without it those that
    require a gradient, else all arrays of floats. Every other input passes through as it is.

    With a ``reference``, the plain function of the same arguments, the truth is the reference in
    float64 on the same numbers, and the reference in the kernel's own dtype is the measuring stick:
    an entry may be off by what that one is off, and by what rounding its inputs once more makes of
    it. Without one the kernel's own differences along directions are taken, with float64 sums.

    ``upstream``: the gradient of each output, otherwise random. ``calls=False`` leaves out the
    other ways to call the backward pass (strides, stride 0, doubled, zero, twice, None).
    ``repeats``: how often the passes are run again to measure scatter. ``shapes``: other shapes to
    try, each given to ``make_inputs`` (without that: one shape, or one for each checked array,
    filled with random numbers).

    Returns a ``Report``: an array for every output and gradient, a part for every way to call.
    Raises TypeError or ValueError, one sentence each, for what cannot be checked.
    Source: the measuring stick is that of attention-gym.
    """
    start = time.monotonic()
    if reference is not None and not callable(reference):
        raise TypeError(f"reference must be a function, not {type(reference).__name__}")
    arguments = arguments_of(fn, inputs, wrt, reference)
    upstream = None if upstream is None else _listed(upstream)
    with arguments.framework.steady():
        kernel, cotangents = run(arguments, fn, upstream, seed)
        random = arguments.framework.drawn()
        _finite_inputs(arguments)
        if sum(g.size for g in kernel.gradients) > LARGE:
            repeats = min(repeats, 1)
        scatter = scatter_of(arguments, fn, kernel, cotangents, repeats)
        report = _compared(
            arguments, fn, reference, kernel, cotangents, scatter, seed, seconds, progress,
            others=upstream is None,
        )  # fmt: skip
        report.subject = name or f"{arguments.framework.name} {_name(fn)}"
        report.parts = [*report.parts, *scatter.parts]
        if calls:
            calling = Calls(arguments, fn, kernel, cotangents, scatter.gradients)
            right = not any(t.count(WRONG) for t in report.tensors)
            report.parts = [*report.parts, *call_parts(calling, right)]
    report.notes = [*report.notes, *scatter.notes, *_missing(kernel, report)]
    if random:
        report.notes = [*report.notes, "the function draws random numbers: the same in every pass"]
    for shape in shapes or ():
        report.parts = [
            *report.parts,
            _shape(fn, arguments, reference, wrt, shape, make_inputs, seed),
        ]
    report.seconds = time.monotonic() - start
    return report


def _compared(
    arguments: Arguments,
    fn: Any,
    reference: Any,
    kernel: Pass,
    upstream: Sequence[Any],
    scatter: Scatter,
    seed: int,
    seconds: float | None,
    progress: bool,
    others: bool,
) -> Report:
    J = sum(
        float(np.vdot(arguments.framework.numbers(u), out))
        for u, out in zip(upstream, kernel.outputs, strict=True)
    )
    if reference is None:
        with Progress(len(arguments.names), progress, seconds) as work:
            report = by_directions(
                arguments, fn, kernel, upstream, scatter.gradients, seed, work, others
            )
        report.stopped = work.stopped
        report.J = J
        return report
    comparison = against_reference(arguments, kernel, reference, upstream, scatter.gradients, seed)
    dtypes = ", ".join(sorted({arguments.framework.dtype(a) for a in arguments.arrays}))
    report = Report(
        subject="",
        J=J,
        tensors=[*comparison.outputs, *comparison.gradients],
        parts=_hidden(comparison, scatter),
        method=f"the reference in float64; measuring stick: the reference in {dtypes}",
        evaluations=4,
        notes=comparison.notes,
    )
    wrong = [t for t in comparison.gradients if t.count(WRONG)]
    report.where = ", ".join(
        t.name for t in (*comparison.outputs, *comparison.gradients) if t.count(WRONG)
    )
    if wrong and not any(t.count(WRONG) for t in comparison.outputs):
        report.diagnoses = _explained(arguments, reference, upstream, comparison, report.tensors)
    return report


def _explained(
    arguments: Arguments,
    reference: Any,
    upstream: Sequence[Any],
    comparison: Comparison,
    tensors: Sequence[Checked],
) -> list[Diagnosis]:
    """Name the mistakes: by the numbers alone, and what is left by patterns and the reference."""
    wrong = [t for t in comparison.gradients if t.count(WRONG)]
    clues = _clues(arguments, upstream)
    readings = list(diagnoses(wrong, clues))
    if {d.place for d in readings if d.bug not in LOOKS} == {t.name for t in wrong}:
        return readings
    record = Report(subject="", J=0.0, tensors=comparison.gradients)
    diagnose(
        record, None, clues.samples, None, clues.upstream,
        lambda: program_of(arguments, reference, upstream),
    )  # fmt: skip
    certain = [d for d in record.diagnoses if d.certain and not (readings and d.bug in AMOUNTS)]
    places = {d.place for d in readings}
    return certain or [*readings, *(d for d in record.diagnoses if d.place not in places)]


def _hidden(comparison: Comparison, scatter: Scatter) -> list[Part]:
    if any(part.verdict == WRONG for part in scatter.parts):
        return []  # a race explains them
    if not comparison.hidden:
        return [Part("errors below the bars, taken together", RIGHT)]
    return [
        Part("errors below the bars, taken together", WRONG, h.sentence)
        for h in comparison.hidden[:2]
    ]


def program_of(arguments: Arguments, reference: Any, upstream: Sequence[Any]) -> Program | None:
    """Return the reference as a program of steps, where its library records one."""
    if arguments.framework.name != "torch":
        return None
    from ..traces.torch_graph import torch_program

    wide = arguments.double()
    return torch_program(wide.call(reference), wide.arrays, arguments.names, upstream)


def _clues(arguments: Arguments, upstream: Sequence[Any]) -> Clues:
    library = arguments.framework
    arrays = {
        name: library.numbers(a) for name, a in zip(arguments.names, arguments.arrays, strict=True)
    }
    first = arguments.arrays[0]
    return Clues(
        arrays,
        library.numbers(upstream[0]) if len(upstream) == 1 else None,
        int(first.shape[0]) if len(first.shape) else None,
    )


def _missing(kernel: Pass, report: Report) -> list[str]:
    return [
        f"the gradient of {name} is None, and taken as 0"
        for name in kernel.missing
        if not any(t.name == name and t.count(WRONG) for t in report.tensors)
    ]


def _shape(
    fn: Any, arguments: Arguments, reference: Any, wrt: Any, shape: Any, make: Any, seed: int
) -> Part:
    """Check at another shape; its verdict is one line."""
    label = f"shape {shape}"
    try:
        inputs = make(shape) if make is not None else _filled(arguments, shape, seed)
        report = check_kernel(fn, inputs, reference, wrt, calls=False, repeats=0, seed=seed)
    except (TypeError, ValueError) as error:
        return Part(label, WRONG, str(error))
    if report.verdict == WORDS[RIGHT]:
        return Part(label, RIGHT)
    verdict = WRONG if report.verdict == WORDS[WRONG] else UNDECIDABLE
    sentences = [d.sentence for d in report.diagnoses] + [p.sentence for p in report.parts]
    why = next((s for s in sentences if s), "")
    return Part(label, verdict, f"{report.verdict} in {report.where or 'an array'}. {why}".strip())


def _filled(arguments: Arguments, shape: Any, seed: int) -> Any:
    """Return the arguments with random numbers of other shapes."""
    several = bool(shape) and all(isinstance(s, (tuple, list)) for s in shape)
    each = list(shape) if several else [shape] * len(arguments.arrays)
    if len(each) != len(arguments.arrays) or (len(arguments.arrays) > 1 and not several):
        raise ValueError(
            f"a shape for each of {', '.join(arguments.names)} is needed, or make_inputs=, a "
            f"function of the shape that returns the inputs: {shape} is not enough"
        )
    rng = np.random.default_rng(seed)
    arrays = [
        arguments.framework.like(a, rng.standard_normal(tuple(s)))
        for a, s in zip(arguments.arrays, each, strict=True)
    ]
    return arguments.moved(arrays).template


def _finite_inputs(arguments: Arguments) -> None:
    for name, array in zip(arguments.names, arguments.arrays, strict=True):
        numbers = arguments.framework.numbers(array)
        if not np.isfinite(numbers).all():
            place = [int(i) for i in np.argwhere(~np.isfinite(numbers))[0]]
            raise ValueError(f"input {name!r} is not finite at {place}")


def _listed(upstream: Any) -> list[Any]:
    return list(upstream) if isinstance(upstream, (list, tuple)) else [upstream]


def _name(fn: Any) -> str:
    owner = getattr(fn, "__self__", None)
    subject = owner if isinstance(owner, type) else fn
    name = str(getattr(subject, "__name__", type(fn).__name__))
    return "function" if name == "<lambda>" else name
