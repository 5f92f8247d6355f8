"""The record of an optimizer, and how a step on rows of numbers becomes its pair (init, update)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from .checks import NOT_NEGATIVE, setting
from .namespace import Array, namespace

Rows = tuple[Array, ...]
Stepped = tuple[Array, Rows]
# (theta, g, rows of the state, rate, t, d) -> (theta, rows of the state)
Step = Callable[[Array, Array, Rows, Array, int, Array], Stepped]

# Entries of theta worked on at once: few enough that the arrays in between stay in a core's cache
# and are not fetched from the operating system anew at each step. No result depends on it.
BLOCK = 8192


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimizer: how its state starts and how a step changes parameters and state.

    ``init(theta) -> state``: theta (P,), state (len(slots), P) of theta's dtype, zeros.
    ``update(theta, dtheta, state, learning_rate, t, decays=1, out=None) -> (theta, state)``: pure,
    returns new arrays of the same shapes and dtypes; ``learning_rate`` and ``decays`` are numbers
    or arrays (P,), one for each parameter.
    With ``out=(theta, state)``, NumPy arrays of the caller's, the result is written there; they may
    be the ones given. It raises ValueError for a learning rate that is negative or not finite (in
    arrays that is not checked) and for a gradient whose shape is not theta's.
    """

    name: str
    slots: tuple[str, ...]
    init: Callable[[Array], Array]
    update: Callable[..., tuple[Array, Array]]
    settings: Mapping[str, float] = field(default_factory=dict)
    formula: str = ""
    source: str = ""


def optimizer_of(
    name: str,
    slots: tuple[str, ...],
    step: Step,
    settings: Mapping[str, float],
    formula: str,
    source: str,
) -> Optimizer:
    """Build an optimizer from a step that returns new arrays and treats every entry by itself."""

    def init(theta: Array) -> Array:
        if isinstance(theta, np.ndarray):
            return np.zeros((len(slots), theta.size), theta.dtype)
        xp = namespace(theta)
        zeros = xp.zeros_like(theta)
        return xp.stack((zeros,) * len(slots)) if slots else zeros[None, :][:0, :]

    def update(
        theta: Array,
        dtheta: Array,
        state: Array,
        learning_rate: Array,
        t: int,
        decays: Array = 1,
        out: tuple[Array, Array] | None = None,
    ) -> tuple[Array, Array]:
        rate: Array = setting(name, "learning rate", learning_rate, NOT_NEGATIVE)
        if dtheta.shape != theta.shape:
            raise ValueError(
                f"{name}: dtheta must have the shape of theta, {tuple(theta.shape)}, "
                f"not {tuple(dtheta.shape)}"
            )
        if isinstance(theta, np.ndarray):
            return _step_in_blocks(step, theta, dtheta, state, rate, t, decays, out)
        if out is not None:
            raise TypeError(f"{name}: out must be None unless theta is a NumPy array")
        rows = tuple(state[row, :] for row in range(len(slots)))
        theta, rows = step(theta, dtheta, rows, rate, t, decays)
        return theta, namespace(theta).stack(rows) if rows else state

    return Optimizer(name, slots, init, update, settings, formula, source)


def _step_in_blocks(
    step: Step,
    theta: Array,
    dtheta: Array,
    state: Array,
    rate: Array,
    t: int,
    decays: Array,
    out: tuple[Array, Array] | None,
) -> tuple[Array, Array]:
    new_theta, new_state = out or (np.empty_like(theta), np.empty_like(state))
    for start in range(0, theta.size, BLOCK):
        part = slice(start, start + BLOCK)
        rows = tuple(state[:, part])
        r, d = (_part(values, part) for values in (rate, decays))
        new_theta[part], rows = step(theta[part], dtheta[part], rows, r, t, d)
        for row, new in enumerate(rows):
            new_state[row, part] = new
    return new_theta, new_state


def _part(values: Array, part: slice) -> Array:
    """Return the part of an array (P,); a number stays as it is."""
    return values[part] if isinstance(values, np.ndarray) and values.ndim else values
