"""Continuation: the optimizer's state from one call of ``fit`` to the next."""

from __future__ import annotations

from dataclasses import dataclass

from ..mathematics.optimizers import Optimizer
from ..typing import Floats


@dataclass(slots=True)
class Carried:
    """The optimizer's state (slots, P), None before the first step; updates and epochs so far.

    ``fit`` changes it in place. The number of updates is the optimizer's t and the key of dropout's
    masks, the number of epochs the key of the order of samples.
    """

    state: Floats | None = None
    steps: int = 0
    epochs: int = 0

    def take(self, state: Floats, steps: int, epochs: int) -> None:
        """Take over the state after further updates and finished epochs."""
        self.state = state
        self.steps += steps
        self.epochs += epochs

    def check(self, theta: Floats, optimizer: Optimizer | None) -> None:
        """Raise ValueError unless the state is one of this optimizer for this theta (P,)."""
        if self.state is None or optimizer is None:
            return
        shape = (len(optimizer.slots), theta.size)
        if self.state.shape != shape or self.state.dtype != theta.dtype:
            raise ValueError(
                f"carried holds a state of shape {self.state.shape} and {self.state.dtype}, but "
                f"{optimizer.name} needs {shape} of {theta.dtype} here: start with a new Carried()"
            )
