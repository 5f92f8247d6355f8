"""The engine protocol: problems, steps and the gradient, as every engine takes and returns them.

An engine has no state of its own: parameters and optimizer state are flat arrays of the caller,
changed in place, and every random number is a function of seed and step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..architecture import Architecture
from ..mathematics.optimizers import Optimizer
from ..typing import Floats, Reals, Rows

Costs = Reals


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Problem:
    """An architecture with data and optimizer: what stays the same during a run.

    X (m, n_0) and Y (m, n_L) are C-contiguous and of the network's dtype, weights (m,) float64 or
    None. Theta is passed to the engine. The gradient is clipped by value first, then by norm, where
    these are given. ``rate_factors`` (P,): what the learning rate of each parameter is multiplied
    by; ``decay_factors`` (P,): the same for weight decay, where a parameter decays; both of the
    network's dtype, None for 1. A problem is equal to itself only, so that an engine can keep
    memory and threads for as long as the problem lives.
    """

    architecture: Architecture
    X: Floats
    Y: Floats
    weights: Reals | None
    optimizer: Optimizer
    clip_value: float | None = None
    clip_norm: float | None = None
    threads: int | None = None
    rate_factors: Floats | None = None
    decay_factors: Floats | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps to take: one for each batch of ``batch_size`` rows of ``order``; the last may be short.

    ``order`` (n,) int64 are numbers of rows. Step s = 0, 1, ... has the learning rate ``rates[s]``,
    (S,) float64; its number for optimizer and dropout is ``first + s`` from 0. ``stop`` is asked
    now and then, in the main thread alone: the steps end early where it says so.
    """

    order: Rows
    batch_size: int
    rates: Reals
    first: int = 0
    stop: Callable[[], bool] | None = None


class Engine(Protocol):
    """Takes steps: the reference engine, and faster ones that are tested against it."""

    @property
    def name(self) -> str:
        """The engine's name in a history."""

    def run(
        self, problem: Problem, theta: Floats, state: Floats, steps: Steps
    ) -> tuple[Costs, Costs]:
        """Take steps; theta (P,) and state (slots, P) change in place.

        Returns the costs (S,) of the batches, each before its update, and the squared norms
        (S, L) of each layer's gradient before clipping. Where a cost or a gradient is not finite,
        the run stops before that step, and the costs end with it. Where ``steps.stop`` ends it,
        the costs are those of the steps taken.
        """

    def evaluate(self, problem: Problem, theta: Floats, dtheta: Floats | None = None) -> float:
        """Return J over all rows, without dropout, and its gradient in ``dtheta`` if given."""


class Predictor(Protocol):
    """The outputs of a network with the parameters of one moment; see ``Network.predictor``."""

    def __call__(self, X: Floats, out: Floats | None = None) -> Floats:
        """Return a^L (m, n_L) of X (m, n_0), written to ``out`` where that is given.

        X and out are C-contiguous arrays of the network's dtype that share no memory. Raises
        TypeError for anything but arrays, ValueError for arrays that do not fit.
        """
