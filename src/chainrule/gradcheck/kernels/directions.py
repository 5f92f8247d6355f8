"""A kernel without a reference: its own differences along directions, in its own dtype.

Along random directions its gradient has to agree with them (``agreement``). Along a few that add up
what norms and softmax leave out it is judged by itself; a wrong array is halved down to the wrong
block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...typing import Array
from ..progress import Progress
from ..report import Diagnosis, Report
from ..verdicts import RIGHT, UNCHECKED, UNDECIDABLE, WRONG, Checked
from .agreement import Agreement, agreement
from .along import Along
from .arguments import Arguments
from .passes import Pass, run, upstream_of
from .reference import LARGE

# Upstream gradients that are tried, beside the report's own.
UPSTREAMS = 3
# Blocks are halved until they are this small.
SMALLEST = 1


def judge(along: Along, i: int, v: Array, spread: Array | None) -> tuple[int, float, float, float]:
    """Return wrong or undecidable along v, with the slope claimed, what is left, and its bar."""
    g = np.nan_to_num(along.gradients[0][i])
    claimed, slope = float(np.vdot(g, v)), along.slope(i, v)
    left, bar = float(slope.value[0]), float(slope.bar[0])
    eps = along.arguments.framework.eps(along.arguments.arrays[i])
    bar += 8 * eps * float(np.linalg.norm(g * v)) + 2 * eps * abs(claimed)
    bar += 0.0 if spread is None else 2 * float(np.vdot(spread, np.abs(v)))
    return (WRONG if abs(left) > bar else UNDECIDABLE), claimed, left, bar


def by_directions(
    arguments: Arguments,
    function: Callable[..., Any],
    kernel: Pass,
    upstream: Sequence[Any],
    scatter: Sequence[Array | None],
    seed: int,
    work: Progress,
    others: bool = True,
) -> Report:
    """Check a kernel by its own differences; a wrong array is halved down to the wrong block.

    ``others``: random upstream gradients are tried too.
    """
    rng = np.random.default_rng((seed, 2))
    along = _along(arguments, function, kernel, upstream, seed, others)
    along.measure_noise(rng)
    tensors, diagnoses, shares = [], [], []
    for i, name in enumerate(arguments.names):
        g = kernel.gradients[i]
        t = Checked(
            name, g, np.full(g.shape, np.nan), np.full(g.shape, np.inf),
            np.full(g.shape, UNCHECKED, np.int8), parameter=along.values[i],
        )  # fmt: skip
        tensors.append(t)
        diagnosis, share = _array(along, i, t, scatter[i], rng)
        diagnoses += [] if diagnosis is None else [diagnosis]
        shares.append(share)
        if not work.step():
            break
    return Report(
        subject="",
        J=0.0,
        tensors=tensors,
        where=", ".join(t.name for t in tensors if t.count(WRONG)),
        diagnoses=diagnoses,
        noise=along.noise,
        evaluations=along.evaluations,
        notes=_resolution(max(shares, default=0.0)),
        method="differences along directions, in the kernel's own dtype",
    )


def _along(
    arguments: Arguments,
    function: Callable[..., Any],
    kernel: Pass,
    upstream: Sequence[Any],
    seed: int,
    others: bool,
) -> Along:
    """Return the kernel's costs for this upstream gradient and some random ones."""
    sizes = [out.size for out in (*kernel.outputs, *kernel.gradients)]
    count = (1 if sum(sizes) > LARGE else UPSTREAMS) if others else 0
    upstreams, gradients = [upstream], [kernel.gradients]
    if max(out.size for out in kernel.outputs) > 1:
        for k in range(count):
            cotangents = upstream_of(arguments, kernel.linear.outputs, seed + 1 + k)
            upstreams.append(cotangents)
            gradients.append(run(arguments, function, cotangents)[0].gradients)
    numbers = [[arguments.framework.numbers(u) for u in us] for us in upstreams]
    return Along(arguments, function, numbers, kernel.outputs, gradients)


def _resolution(share: float) -> list[str]:
    if share < 1e-3 or not np.isfinite(share):
        return []
    return [
        f"by its own differences a gradient is known to {100 * share:.2g} % of its size in this "
        "dtype: a smaller mistake shows beside a reference alone"
    ]


def _array(
    along: Along, i: int, t: Checked, spread: Array | None, rng: np.random.Generator
) -> tuple[Diagnosis | None, float]:
    """Judge one array, and say what share of it is known to be right; narrow a wrong one down."""
    if not np.isfinite(t.analytic).all():
        t.verdict[~np.isfinite(t.analytic)] = WRONG
        t.verdict[np.isfinite(t.analytic)] = UNDECIDABLE
        return None, 0.0
    sizes = [float(np.sqrt(np.mean(x**2))) or 1.0 for x in along.values]
    for v in _directions(t.analytic, along.values[i], sizes[i]):
        if judge(along, i, v, spread)[0] == WRONG:
            return _narrowed(along, i, t, v, spread), 0.0
    whole = agreement(along, i, sizes, spread, rng)
    if whole.verdict == WRONG:
        return _narrowed(along, i, t, whole.direction, spread), 0.0
    t.verdict[...] = whole.verdict
    if whole.verdict == UNDECIDABLE:
        t.reasons[0] = _open(whole)
    return None, whole.share if whole.verdict == RIGHT else 0.0


def _open(whole: Agreement) -> str:
    if not np.isfinite(whole.share):
        return "its own differences tell nothing of this gradient's size; a reference decides"
    return (
        f"{100 * whole.share:.2g} % of the gradient is left open by its own differences (rounding, "
        f"kinks, or a mistake of that size), and {100 * whole.level:.2g} % would be right in this "
        "dtype; a reference decides"
    )


def _directions(g: Array, x: Array, size: float) -> Iterator[Array]:
    """Yield the gradient at the inputs' size, and what norms and softmax leave out.

    A norm does not move with the size of a row, nor softmax with its mean: rows of x and of 1, each
    with the sign that makes the gradient's claims add up.
    """
    rms = float(np.sqrt(np.mean(g * g)))
    if rms > 0:
        yield np.clip(g * (size / rms), -4 * size, 4 * size)
    if rms > 0 and g.ndim >= 2:
        for form in (x, np.full(x.shape, size)):
            yield form * np.sign(np.sum(g * form, axis=-1, keepdims=True))


def _narrowed(along: Along, i: int, t: Checked, v: Array, spread: Array | None) -> Diagnosis:
    """Halve the block in which v moves while a half of it is wrong by itself."""
    block: list[tuple[int, int]] = [(0, n) for n in t.shape]
    while any(b - a > SMALLEST for a, b in block):
        axis = max(range(len(block)), key=lambda k: block[k][1] - block[k][0])
        start, stop = block[axis]
        middle = (start + stop) // 2
        halves = [(start, middle), (middle, stop)]
        wrong = [
            half
            for half in halves
            if judge(along, i, _only(v, [*block[:axis], half, *block[axis + 1 :]]), spread)[0]
            == WRONG
        ]
        if len(wrong) != 1:
            break
        block[axis] = wrong[0]
    inside = tuple(slice(a, b) for a, b in block)
    t.verdict[...] = (
        UNDECIDABLE if inside and any(b - a < n for (a, b), n in _sizes(block, t)) else WRONG
    )
    t.verdict[inside] = WRONG
    whole = all(b - a == n for (a, b), n in _sizes(block, t))
    _, claimed, left, bar = judge(along, i, _only(v, block), spread)
    ratio = claimed / (claimed + left) if claimed + left else float("inf")
    place = t.name if whole else f"{t.name}[{', '.join(f'{a}:{b}' for a, b in block)}]"
    sentence = (
        f"{place}: the gradient says that J moves by {claimed:.4g}, and it moves by "
        f"{claimed + left:.4g} ± {bar:.1g}"
        + (f": {ratio:.3g} times too much" if np.isfinite(ratio) and ratio > 0 else "")
        + ("." if whole else "; blocks beside it are not wrong by themselves.")
    )
    return Diagnosis("wrong along a direction", place, sentence, "", certain=False)


def _sizes(block: Sequence[tuple[int, int]], t: Checked) -> list[tuple[tuple[int, int], int]]:
    return list(zip(block, t.shape, strict=True))


def _only(v: Array, block: Sequence[tuple[int, int]]) -> Array:
    inside = tuple(slice(a, b) for a, b in block)
    part = np.zeros_like(v)
    part[inside] = v[inside]
    return part
