"""Parameter groups on the native engine: gradients by the core, the optimizer's step on NumPy.

The core's fused step has one learning rate. Where parameters have rates or decays of their own, it
works out the gradient of each batch, and the reference engine takes the step.
"""

from __future__ import annotations

import sys

from ..typing import Floats
from . import native
from .communicator import ALONE
from .data_parallel import DataParallel, even_split
from .native import evaluate, isa, sums
from .protocol import Costs, Problem, Steps
from .reference import step

__all__ = ["evaluate", "isa", "lacks", "name", "run", "step", "sums"]

name = "native gradients"


def lacks(problem: Problem) -> str | None:
    """Return which part of the problem's gradient the core lacks; None if it has all."""
    return native.lacks_layers(problem.architecture) or native.lacks_cost(problem.architecture)


def run(problem: Problem, theta: Floats, state: Floats, steps: Steps) -> tuple[Costs, Costs]:
    """Take a step for each batch; see ``protocol.Engine.run``."""
    alone = DataParallel(ALONE, sys.modules[__name__], even_split(ALONE), len(problem.X))
    return alone.run(problem, theta, state, steps)
