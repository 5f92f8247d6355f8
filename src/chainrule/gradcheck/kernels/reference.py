"""A kernel against its reference: truth in float64, measuring stick in the kernel's own dtype."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...typing import Array
from ..verdicts import Checked
from .arguments import Arguments
from .bars import bar_of, compare, rms
from .hidden import Hidden, hidden_errors
from .passes import Pass, run

# Above this number of entries a third pass in float64 is saved where it can be.
LARGE = 2**22


@dataclass(slots=True)
class Comparison:
    """Every output and gradient of a kernel beside the truth, and what hides inside the bars."""

    outputs: list[Checked]
    gradients: list[Checked]
    hidden: list[Hidden] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def against_reference(
    arguments: Arguments,
    kernel: Pass,
    reference: Callable[..., Any],
    upstream: Sequence[Any],
    scatter: Sequence[Array | None],
    seed: int = 0,
) -> Comparison:
    """Compare a kernel's pass with the reference, entry by entry.

    ``scatter``: how much each gradient differs from run to run; it lengthens the bars.
    """
    library = arguments.framework
    stick, _ = run(arguments, reference, upstream)
    eps = max(library.eps(array) for array in arguments.arrays)
    with library.width(True):
        wide = arguments.double()
        given = [library.double(u) for u in upstream]
        truth, _ = run(wide, reference, given)
        draws = 2 if _needs_rounding(arguments, stick, truth) else 0
        rounded = [
            run(_rounded_again(wide, arguments, seed + k), reference, given)[0]
            for k in range(draws)
        ]
    names = [f"output{i}" if len(kernel.outputs) > 1 else "output" for i in range(len(upstream))]
    outputs = []
    for i, name in enumerate(names):
        t, s = truth.outputs[i], stick.outputs[i]
        errors = [s - t, *(r.outputs[i] - t for r in rounded)]
        bar = bar_of(t, errors, library.eps(kernel.linear.outputs[i]))
        outputs.append(compare(name, kernel.outputs[i], t, bar, s))
    parameters = [library.numbers(array) for array in arguments.arrays]
    sizes = [rms(t) * rms(p) for t, p in zip(truth.gradients, parameters, strict=True)]
    gradients, hidden = [], []
    for i, name in enumerate(arguments.names):
        k, t, s = kernel.gradients[i], truth.gradients[i], stick.gradients[i]
        own = library.eps(arguments.arrays[i])
        errors = [s - t, *(r.gradients[i] - t for r in rounded)]
        bar = bar_of(t, errors, own)
        spread = scatter[i]
        if spread is not None:
            bar += 2 * spread
        others = max(sizes) / (rms(parameters[i]) or 1.0)
        checked = compare(name, k, t, bar, s, parameters[i], others)
        gradients.append(checked)
        hidden += hidden_errors(checked, errors, max(own, eps))
    return Comparison(outputs, gradients, hidden, _notes(truth, reference))


def _needs_rounding(arguments: Arguments, stick: Pass, truth: Pass) -> bool:
    """Whether the stick's error alone would be a poor measure: few entries, or hardly an error."""
    if sum(t.size for t in truth.gradients) <= LARGE:
        return True
    return any(
        rms(s - t) < arguments.framework.eps(a) / 8 * rms(t)
        for s, t, a in zip(stick.gradients, truth.gradients, arguments.arrays, strict=True)
    )


def _rounded_again(wide: Arguments, own: Arguments, seed: int) -> Arguments:
    """Return float64 arguments, each number moved at random by at most half a unit of its dtype."""
    library, rng = own.framework, np.random.default_rng((seed, 1))
    moved = []
    for short, array in zip(own.arrays, wide.arrays, strict=True):
        numbers = library.numbers(array)
        half = library.eps(short) / 2
        move = 1 + half * (2 * rng.random(numbers.shape, dtype=np.float32) - 1)
        moved.append(library.like(array, numbers * move))
    return wide.moved(moved)


def _notes(truth: Pass, reference: Any) -> list[str]:
    arrays = [a for a in (*truth.outputs, *truth.gradients) if a.size]
    with np.errstate(all="ignore"):
        short = [np.array_equal(a, a.astype(np.float32), equal_nan=True) for a in arrays]
    if arrays and all(short) and any(np.any(a != np.round(a)) for a in arrays):
        return [
            "the reference casts to float32 inside: the truth is known to float32 only; take its "
            "dtype from its input to have float64"
        ]
    return []
