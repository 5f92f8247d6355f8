"""A kernel without a reference: its own differences along directions, in its own dtype.

The displaced inputs are rounded to the kernel's dtype, and the difference that remains is taken
exactly: J(x') - J(x) is compared with g · (x' - x). Sums are worked out in float64. Beside random
directions the gradient itself is one: along it what it says is large, and rounding is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...typing import Array
from ..differences import SAFETY, STENCIL, Estimate, better, estimate
from ..progress import Progress
from ..report import Diagnosis, Report
from ..verdicts import RIGHT, UNCHECKED, UNDECIDABLE, WRONG, Checked
from .arguments import Arguments
from .passes import Pass

RUNGS = (0.25, 2.0**-3, 2.0**-4, 2.0**-6, 2.0**-8)
# A slope known to this share decides.
COARSE = 0.3
# Blocks are halved until they are this small.
SMALLEST = 1


@dataclass(slots=True)
class Along:
    """A kernel's cost, the sum of upstream × output, along directions from the inputs."""

    arguments: Arguments
    function: Callable[..., Any]
    upstream: list[Array]
    outputs: list[Array]
    gradients: Sequence[Array]
    scatter: Sequence[Array | None]
    noise: float = 0.0
    evaluations: int = 0
    resolution: float = 0.0
    values: list[Array] = field(default_factory=list)

    def __post_init__(self) -> None:
        library = self.arguments.framework
        self.values = [library.numbers(a) for a in self.arguments.arrays]

    def left(self, i: int, moved: Array) -> float:
        """Return what is left of J(x') - J(x) after g · (x' - x), x' rounded to the dtype."""
        library = self.arguments.framework
        array = library.like(self.arguments.arrays[i], moved)
        arrays = list(self.arguments.arrays)
        arrays[i] = array
        self.evaluations += 1
        library.begin()
        outputs = library.evaluate(self.arguments.call(self.function), arrays)
        J = 0.0
        for u, out, before in zip(self.upstream, outputs, self.outputs, strict=True):
            J += float(np.vdot(u, library.numbers(out) - before))
        step = library.numbers(array) - self.values[i]
        return J - float(np.vdot(np.nan_to_num(self.gradients[i]), step))

    def residual(self, i: int, v: Array) -> Estimate:
        """Estimate d/dt of J(x + t v) less g · v, with its bar."""
        best = None
        for h in RUNGS:
            left = [self.left(i, self.values[i] + k * h * v) for k in STENCIL]
            new = estimate(np.array(left)[:, None], 0.0, h, self.noise)
            best = new if best is None else better(best, new)
            if best.bar[0] <= 0.02 * abs(float(np.vdot(self.gradients[i], v))):
                break
        assert best is not None
        return best

    def measure_noise(self, rng: np.random.Generator) -> None:
        """Measure what single roundings of the inputs make of J."""
        levels = []
        for i, array in enumerate(self.arguments.arrays):
            eps = self.arguments.framework.eps(array)
            for _ in range(3):
                flips = rng.choice([-1.0, 1.0], self.values[i].shape)
                levels.append(self.left(i, self.values[i] * (1 + eps * flips)))
        self.noise = SAFETY / 2 * float(np.sqrt(np.mean(np.square(levels))))
        least = max(
            self.arguments.framework.eps(a) * float(np.linalg.norm(u * out))
            for a in self.arguments.arrays
            for u, out in zip(self.upstream, self.outputs, strict=True)
        )
        self.noise = max(self.noise, least)

    def judge(self, i: int, v: Array) -> tuple[int, float, float, float]:
        """Return the verdict along v, the slope claimed, what is left, and its bar."""
        g = np.nan_to_num(self.gradients[i])
        claimed = float(np.vdot(g, v))
        found = self.residual(i, v)
        left, bar = float(found.value[0]), float(found.bar[0])
        eps = self.arguments.framework.eps(self.arguments.arrays[i])
        bar += 8 * eps * float(np.linalg.norm(g * v)) + 2 * eps * abs(claimed)
        spread = self.scatter[i]
        bar += 0.0 if spread is None else 2 * float(np.vdot(spread, np.abs(v)))
        size = max(abs(claimed), abs(claimed + left), float(np.linalg.norm(g * v)))
        if abs(left) > bar:
            return WRONG, claimed, left, bar
        if 0 < bar <= COARSE * size:
            self.resolution = max(self.resolution, bar / size)
        return (RIGHT if bar <= COARSE * size or bar == 0 else UNDECIDABLE), claimed, left, bar


def by_directions(
    arguments: Arguments,
    function: Callable[..., Any],
    kernel: Pass,
    upstream: Sequence[Any],
    scatter: Sequence[Array | None],
    seed: int,
    work: Progress,
) -> Report:
    """Check a kernel by its own differences; a wrong array is halved down to the wrong block."""
    rng = np.random.default_rng((seed, 2))
    numbers = [arguments.framework.numbers(u) for u in upstream]
    along = Along(arguments, function, numbers, kernel.outputs, kernel.gradients, scatter)
    along.measure_noise(rng)
    tensors, diagnoses = [], []
    for i, name in enumerate(arguments.names):
        g = kernel.gradients[i]
        t = Checked(
            name, g, np.full(g.shape, np.nan), np.full(g.shape, np.inf),
            np.full(g.shape, UNCHECKED, np.int8), parameter=along.values[i],
        )  # fmt: skip
        tensors.append(t)
        diagnosis = _array(along, i, t, rng)
        if diagnosis is not None:
            diagnoses.append(diagnosis)
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
        notes=_resolution(along),
        method="differences along directions, in the kernel's own dtype",
    )


def _resolution(along: Along) -> list[str]:
    if along.resolution < 1e-3:
        return []
    return [
        f"in this dtype slopes are known to {100 * along.resolution:.2g} % only: a mistake in a "
        "smaller part of a gradient shows beside a reference alone"
    ]


def _array(along: Along, i: int, t: Checked, rng: np.random.Generator) -> Diagnosis | None:
    """Judge one array along every direction; a wrong one is narrowed down."""
    if not np.isfinite(t.analytic).all():
        t.verdict[~np.isfinite(t.analytic)] = WRONG
        t.verdict[np.isfinite(t.analytic)] = UNDECIDABLE
        return None
    size = float(np.sqrt(np.mean(along.values[i] ** 2))) or 1.0
    best: tuple[int, str] = (UNDECIDABLE, "")
    for v in _directions(t.analytic, along.values[i], size, rng):
        verdict, claimed, left, bar = along.judge(i, v)
        said = f"along a direction g·v = {claimed:.5g}, J moves by {claimed + left:.5g} ± {bar:.1g}"
        if verdict == WRONG:
            return _narrowed(along, i, t, v, said)
        if verdict == RIGHT or not best[1]:
            best = (verdict if verdict == RIGHT else best[0], said)
    t.verdict[...] = best[0]
    t.reasons[0] = best[1]
    return None


def _directions(g: Array, x: Array, size: float, rng: np.random.Generator) -> Iterator[Array]:
    """Yield the gradient at the inputs' size, what norms and softmax leave out, random ones.

    A norm does not move with the size of a row, nor softmax with its mean: rows of x and of 1, each
    with the sign that makes the gradient's claims add up.
    """
    rms = float(np.sqrt(np.mean(g * g)))
    if rms > 0:
        yield np.clip(g * (size / rms), -4 * size, 4 * size)
    if rms > 0 and g.ndim >= 2:
        for form in (x, np.full(x.shape, size)):
            yield form * np.sign(np.sum(g * form, axis=-1, keepdims=True))
    for _ in range(3):
        yield size * rng.standard_normal(g.shape)


def _narrowed(along: Along, i: int, t: Checked, v: Array, said: str) -> Diagnosis:
    """Halve the block in which v moves while a half of it is wrong by itself."""
    block: list[tuple[int, int]] = [(0, n) for n in t.shape]
    while any(b - a > SMALLEST for a, b in block):
        axis = max(range(len(block)), key=lambda k: block[k][1] - block[k][0])
        start, stop = block[axis]
        middle = (start + stop) // 2
        halves = [(start, middle), (middle, stop)]
        wrong = [h for h in halves if _wrong(along, i, v, [*block[:axis], h, *block[axis + 1 :]])]
        if len(wrong) != 1:
            break
        block[axis] = wrong[0]
    inside = tuple(slice(a, b) for a, b in block)
    t.verdict[...] = (
        UNDECIDABLE if inside and any(b - a < n for (a, b), n in _sizes(block, t)) else WRONG
    )
    t.verdict[inside] = WRONG
    t.reasons[0] = said
    whole = all(b - a == n for (a, b), n in _sizes(block, t))
    _, claimed, left, bar = along.judge(i, _only(v, block))
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


def _wrong(along: Along, i: int, v: Array, block: Sequence[tuple[int, int]]) -> bool:
    return along.judge(i, _only(v, block))[0] == WRONG
