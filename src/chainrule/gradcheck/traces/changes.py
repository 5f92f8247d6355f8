"""The mistakes that are made on purpose in a recorded program, each with its sentence.

A step that a loop runs several times is changed at one of its runs and at all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..report_record import Diagnosis
from ..verdicts import WRONG, Checked
from .edits import doubled, halved, nothing, only, transposed, turned, unchanged
from .steps import Change, Program, Step

FITS = 1e-6
# How many times clearer than the room of a fit an error must be.
CLEAR = 20
# Backward passes times steps that a diagnosis may take; so many entries cost as much as a step.
MOST = 400_000
ENTRIES = 1000
# What a change can raise that gives another shape.
FAILURES = (ValueError, RuntimeError, TypeError, IndexError)
# Rows at the end that whole blocks may leave over.
REMAINDER = 16
# Operations in a row that a function is made of.
LONGEST = 8
PRODUCTS = ("multiply", "divide", "@", "einsum")
REDUCTIONS = ("mean", "var", "std", "norm", "max", "amax", "min", "amin", "softmax", "sum")


class Mistake(NamedTuple):
    """A change, the name of the mistake, and its sentence."""

    change: Change
    bug: str
    sentence: str


def diagnose_program(program: Program, tensors: Sequence[Checked]) -> Diagnosis | None:
    """Return the mistake whose gradients are those in hand; None if none is, or all could be."""
    checked = [t for t in tensors if t.name in program.leaves]
    wrong = [t for t in checked if t.count(WRONG)]
    if not wrong or len(checked) < len(tensors) or not all(map(_clear, wrong)):
        return None
    try:
        right = program.gradients()
    except FAILURES:
        return None
    if not all(_same(right, t, numeric=True) for t in checked):
        return None
    for number in range(len(program.outputs) if len(program.outputs) > 1 else 0):
        if all(_same(program.gradients(without=number), t) for t in checked):
            sentence = f"what comes in for output {number} is left out of the gradient."
            place = ", ".join(t.name for t in wrong)
            return Diagnosis("output left out", place, sentence, "every output adds its part")
    cost = len(program.steps) + sum(prod(step.shape) for step in program.steps) // ENTRIES
    for mistake in islice(_mistakes(program), MOST // cost):
        try:
            gradients = program.gradients(mistake.change)
        except FAILURES:
            continue  # this change gives another shape
        if all(_same(gradients, t) for t in checked) and any(np.any(t.analytic) for t in wrong):
            place = ", ".join(t.name for t in wrong)
            return Diagnosis(mistake.bug, place, f"{mistake.sentence}.", "")
    return None


def _room(t: Checked) -> Any:
    return FITS * max(float(np.max(np.abs(t.numeric))), float(np.max(np.abs(t.analytic)))) + t.bar


def _clear(t: Checked) -> bool:
    if not (np.isfinite(t.bar).all() and np.isfinite(t.analytic).all()):
        return False
    return float(np.max(np.abs(t.analytic - t.numeric))) > CLEAR * float(np.max(_room(t)))


def _same(gradients: Any, t: Checked, numeric: bool = False) -> bool:
    g = np.asarray(gradients.get(t.name, np.zeros(t.shape)), np.float64)
    wanted = t.numeric if numeric else t.analytic
    if g.shape != t.shape or not (np.isfinite(t.bar).all() and np.isfinite(g).all()):
        return False
    return bool(np.all(np.abs(g - wanted) <= _room(t)))


def _mistakes(program: Program) -> Iterator[Mistake]:
    """Yield every mistake, those that say most first; at single runs of a loop last."""
    steps = [step for step in reversed(program.steps) if not step.leaf]
    yield from _uses_missing(program, steps)
    yield from _rows_missing(program, steps)
    telling = sorted(steps, key=lambda s: s.operation not in REDUCTIONS)
    for runs in _runs(telling):
        yield from _parts_missing(runs)
    for runs in _runs(steps):
        yield from _slopes(runs)
        yield from _functions_missing(runs)
    for runs in _runs(telling):
        for step in runs if len(runs) > 1 else ():
            yield from _parts_missing(runs, step)
            yield from _slopes(runs, step)


def _runs(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Yield steps that are one operation of one place of the program, in the order of the run."""
    groups: dict[tuple[Any, ...], list[Step]] = {}
    for step in steps:
        groups.setdefault((step.site, step.operation), []).append(step)
    for group in groups.values():
        yield group[::-1]


def _uses_missing(program: Program, steps: Sequence[Step]) -> Iterator[Mistake]:
    """A parameter that is used several times, without what comes back from one of its uses."""
    for name, leaf in program.leaves.items():
        uses = [
            (s, k)
            for s in steps
            for k, source in zip(s.positions, s.inputs, strict=True)
            if source is leaf
        ]
        places = Counter(s.place for s, _ in uses)
        if len(uses) < 2:
            continue
        for place, count in places.items():
            at = [(s, k) for s, k in uses if s.place == place][::-1]
            if len(places) > 1:
                sentence = f"{name} is used more than once, and its use in {place} is missing from "
                sentence += "the gradient: as if that of the other uses had overwritten it"
                yield Mistake(_without(at), "one of two uses missing", sentence)
                others = [(s, k) for s, k in uses if s.place != place]
                sentence = f"{name} is used in {len(places)} places, and its gradient is that of "
                sentence += f"{place} alone: the other uses are missing"
                yield Mistake(_without(others), "one of two uses missing", sentence)
            for number, use in enumerate(at if count > 1 else (), 1):
                which = f"the use number {number} of {count} of {name} in {place}"
                yield Mistake(
                    _without([use]), "one of two uses missing",
                    f"{which} is missing from the gradient",
                )  # fmt: skip
                yield Mistake(
                    _without([other for other in uses if other is not use]),
                    "one of two uses missing",
                    f"only {which} is in the gradient: the other uses are missing (overwritten "
                    "where they should be added, or a truncated recurrence)",
                )  # fmt: skip


def _without(uses: Sequence[tuple[Step, int]]) -> Change:
    """Leave out what comes back from these uses: step and number of the argument."""
    places = frozenset(uses)

    def edit(step: Step, k: int, g: Any) -> Any:
        return None if (step, k) in places else step.pull(g, k)

    return Change(frozenset(s for s, _ in uses), edit)


def _rows_missing(program: Program, steps: Sequence[Step]) -> Iterator[Mistake]:
    """A parameter's gradient is a sum over rows, and some of them are not in it."""
    leaves = set(program.leaves.values())
    for step in steps:
        for k, source in zip(step.positions, step.inputs, strict=True):
            if source not in leaves or not step.shape or step.shape[0] < 2:
                continue
            rows = step.shape[0]
            end = [(slice(0, rows - r), f"the last {r} of {rows} rows are") for r in range(1, rows)]
            start = [(slice(0, 1), f"all rows but the first of {rows} are")]
            last = [(slice(rows - 1, rows), f"all rows but the last of {rows} are")]
            for part, words in (*start, *last, *end[:REMAINDER]):
                yield Mistake(
                    Change(frozenset([step]), only(part), frozenset([k])), "rows left out",
                    f"{words} missing from the sum that is {source.leaf}'s gradient, in "
                    f"{step.place}",
                )  # fmt: skip


def _arguments(runs: Sequence[Step]) -> list[int]:
    return sorted({k for step in runs for k in step.positions})


def _parts_missing(runs: list[Step], alone: Step | None = None) -> Iterator[Mistake]:
    """What comes back through an operation, or to one of its arguments, is left out."""
    first, count, arguments = runs[0], len(runs), _arguments(runs)
    chain = count > 1 and _rests_on(runs[-1], runs[0])
    bug = "truncated recurrence" if chain else "a part of the gradient missing"
    if alone is not None:
        end = f" at run {runs.index(alone) + 1} of {count}"
        end += ": the carry of the recurrence is cut there" if chain else ""
    elif count > 1:
        end = f" at each of its {count} runs"
        end += ": the recurrence is truncated, its carry is dropped" if chain else ""
    else:
        end = ", as if it were a constant"
    steps = frozenset(runs if alone is None else [alone])
    for k in [None, *arguments] if len(arguments) > 1 else [None]:
        which = "" if k is None else f"argument {k + 1} of "
        some = None if k is None else frozenset([k])
        sentence = f"what comes back through {which}{first.operation} in {first.place} is missing "
        yield Mistake(Change(steps, nothing, some), bug, f"{sentence}from the gradient{end}")


EDITS: Sequence[tuple[str, str]] = (
    ("f' missing", "the gradient goes back {} unchanged: {factor} is missing"),
    ("W transposed", "the gradient that goes back {} takes the matrix where its transpose belongs, "
     "or the other way round"),
    ("part of the other sign", "the sign of what comes back {} is turned around"),
    ("counted twice", "what comes back {} is there twice"),
    ("by half", "what comes back {} is there by half"),
)  # fmt: skip


def _slopes(runs: list[Step], alone: Step | None = None) -> Iterator[Mistake]:
    """The gradient goes back through an operation unchanged, with the other sign, or twice."""
    first, arguments = runs[0], _arguments(runs)
    end = "" if alone is None else f", at run {runs.index(alone) + 1} of {len(runs)}"
    steps = frozenset(runs if alone is None else [alone])
    for k in arguments:
        which = f"argument {k + 1} of " if len(arguments) > 1 else ""
        through = f"through {which}{first.operation} in {first.place}"
        factor = "the other factor" if first.operation in PRODUCTS else "its slope f'"
        edits = (unchanged, transposed, turned, doubled, halved)
        for edit, (bug, words) in zip(edits, EDITS, strict=True):
            sentence = words.format(through, factor=factor) + end
            yield Mistake(Change(steps, edit, frozenset([k])), bug, sentence)
        if alone is None:
            yield from _other_runs(runs, k, through)


def _other_runs(runs: list[Step], k: int, through: str) -> Iterator[Mistake]:
    """A loop's values of the run before or after are taken: off by one step."""
    for by, word in ((1, "after"), (-1, "before")):
        if len(runs) < 2:
            return
        others = {step: runs[min(max(i + by, 0), len(runs) - 1)] for i, step in enumerate(runs)}

        def edit(step: Step, k: int, g: Any, others: Any = others) -> Any:
            return others[step].pull(g, k)

        yield Mistake(
            Change(frozenset(runs), edit, frozenset([k])), "off by one step",
            f"what comes back {through} is worked out with the values of the step {word}: an index "
            "that is off by one",
        )  # fmt: skip


def _functions_missing(runs: list[Step]) -> Iterator[Mistake]:
    """The gradient skips several operations in a row: the slope of a function made of them."""
    ends = list(runs)
    for _ in range(LONGEST):
        if not all(len(end.inputs) == 1 and not end.leaf for end in ends):
            return
        ends = [end.inputs[0] for end in ends]
        if any(end.shape != run.shape for end, run in zip(ends, runs, strict=True)):
            continue
        targets = dict(zip(runs, ends, strict=True))
        sentence = f"the slope f' of {runs[0].place} is missing: the gradient goes back unchanged"
        yield Mistake(Change(frozenset(), nothing, None, targets), "f' missing", sentence)


def _rests_on(step: Step, other: Step) -> bool:
    stack, seen = [step], {step}
    while stack:
        node = stack.pop()
        if node is other:
            return True
        fresh = [source for source in node.inputs if source not in seen]
        seen.update(fresh)
        stack += fresh
    return False
