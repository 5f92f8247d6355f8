"""What a function known only by calls is like: its noise, its scales, whether it is complex too."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..typing import Array
from .cost_functions import Subject, number_in
from .differences import SAFETY, STENCIL, estimate, noise_of
from .pytree import ComplexPart, Leaf

TINY = 1e-30


def complex_along(subject: Subject, direction: Mapping[tuple[Any, ...], Array]) -> float | None:
    """Return the derivative along a direction by the complex step; None if J refuses it."""
    arrays = {
        leaf.path: leaf.value + 1j * TINY * direction.get(leaf.path, np.zeros(leaf.shape))
        for leaf in subject.leaves
    }
    subject.evaluations += 1
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")
        try:
            output = number_in(subject.output_at(arrays))
            J = complex(np.asarray(output).reshape(()))
        except Exception:  # whatever their code cannot do with complex numbers
            return None
    if not np.isfinite(J) or abs(J.real - subject.J0) > 1e-9 * max(abs(subject.J0), 1e-300):
        return None
    return J.imag / TINY


def takes_complex(
    subject: Subject, rng: np.random.Generator, noise: float, step: float
) -> frozenset[str]:
    """Name the leaves along which the complex step agrees with central differences, twice."""
    names: set[str] = set()
    if any(ComplexPart.IMAG in leaf.path for leaf in subject.leaves):
        return frozenset()  # J is no analytic function of them
    for leaf in subject.leaves:
        rms = size(leaf)
        agrees = 0
        for _ in range(2):
            v = rng.standard_normal(leaf.shape)
            exact = complex_along(subject, {leaf.path: v})
            if exact is None:
                return frozenset()
            h = step * rms
            values = np.array([subject.at({leaf.path: leaf.value + k * h * v})[0] for k in STENCIL])
            central = estimate(values[:, None], subject.J0, h, noise)
            off = abs(float(central.value[0]) - exact)
            agrees += off <= central.bar[0] and central.bar[0] <= 1e-4 * abs(exact)
        if agrees == 2:
            names.add(leaf.name)
    return frozenset(names)


def noise_level(subject: Subject, rng: np.random.Generator) -> float:
    """Bound the error of one value of J by what its values at very close points scatter.

    The spacing is relative to each entry's own size. The closest points are the least disturbed
    by a kink among them; where they are stairs, as of a float32 inside, wider ones are taken.
    """
    floor = subject.resolution * abs(subject.J0)
    levels: list[float] = []
    for _ in range(3):
        J = subject.along(
            [scales(leaf) * rng.standard_normal(leaf.shape) for leaf in subject.leaves]
        )
        level = None
        for spacing in (1e-10, 1e-8, 1e-6, 1e-4, 1e-2):
            level = noise_of([J(k * spacing) for k in range(7)])
            if level is not None:
                levels.append(level)
                break
        if level is None and all(J(k * 1e-2) == subject.J0 for k in range(7)):
            levels.append(0.0)  # J stands still far and wide: dead units, no stairs
        elif level is None:
            # J stands still close by: saturated, or a staircase. The first tread bounds the noise.
            treads = (abs(J(side * t) - subject.J0) for t in (0.1, 0.5) for side in (1, -1))
            levels.append(max(treads) / SAFETY)
    # The middle one: a kink may have spoilt one, chance have flattered another.
    return max(SAFETY * sorted(levels)[1], 2 * floor, subject.scatter)


def rms(value: Array | None) -> float:
    """The scale of an array's entries: their root mean square, 1 if all are 0."""
    return 1.0 if value is None or not value.size else float(np.sqrt(np.mean(value**2))) or 1.0


def scales(leaf: Leaf) -> Array:
    """The scale of each entry of a leaf: its own size, or that of all where it is 0."""
    return np.where(leaf.value != 0, np.abs(leaf.value), size(leaf))


def size(leaf: Leaf) -> float:
    """The scale of a leaf's entries."""
    return rms(leaf.value)


def largest_gradient(subject: Subject) -> float:
    """Return the largest gradient of any array, times the size of that array's entries."""
    pairs = zip(subject.leaves, subject.analytic, strict=True)
    sizes = [float(np.max(np.abs(np.nan_to_num(a)), initial=0.0)) * size(leaf) for leaf, a in pairs]
    return max(sizes)
