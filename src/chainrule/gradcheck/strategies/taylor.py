"""The Taylor order along a random direction: a second opinion that needs no step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...typing import Array
from ..cost_functions import Subject
from ..differences import taylor_order
from ..noise import rms


def taylor_of_subject(
    subject: Subject, rng: np.random.Generator, noise: float
) -> tuple[float, ...]:
    """Return the Taylor order along a random direction through all parameters of a subject."""
    direction = [rms(leaf.value) * rng.standard_normal(leaf.shape) for leaf in subject.leaves]
    slope = sum(
        float(np.sum(np.nan_to_num(a) * v))
        for a, v in zip(subject.analytic, direction, strict=True)
    )
    order, _ = taylor_order(subject.along(direction), slope, noise)
    return (order,)


def taylor_of_theta(
    J: Callable[[Array], float], theta: Array, dtheta: Array, seed: int, noise: float
) -> tuple[float, ...]:
    """Return the Taylor order along a random direction through theta of a network."""
    v = np.random.default_rng(seed).standard_normal(theta.shape) * rms(theta)
    order, _ = taylor_order(lambda t: J(theta + t * v), float(np.nan_to_num(dtheta) @ v), noise)
    return (order,)
