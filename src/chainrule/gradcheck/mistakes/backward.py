"""The table of mistakes: each with what it does to a backward pass, and how it should have been.

A mistake is a small change to one step of the right backward pass of one layer (or of all). Running
the pass with it gives the gradient that somebody would get who made it; if that is the
gradient in hand, the diagnosis is certain. A new mistake is one more entry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..user_network.model import Link, UserNetwork, dz_of

Array = npt.NDArray[Any]


@dataclass(slots=True)
class Step:
    """One layer of a backward pass while it is worked out; a mistake changes what it holds."""

    model: UserNetwork
    l: int
    link: Link
    da: Array
    z: Array
    a: Array
    a_prev: Array
    dz: Array = field(default_factory=lambda: np.empty(0))
    dW: Array | None = None
    db: Array | None = None
    da_prev: Array = field(default_factory=lambda: np.empty(0))

    @property
    def top(self) -> bool:
        """Whether this is the last layer."""
        return self.l == len(self.model.links)

    @property
    def m(self) -> int:
        """The number of samples."""
        return len(self.z)

    def again(self) -> None:
        """Work out everything after dz anew."""
        if self.link.W is None:
            self.da_prev = self.dz
        else:
            self.dW = self.dz.T @ self.a_prev
            self.da_prev = self.dz @ self.link.W
        self.db = None if self.link.b is None else self.dz.sum(axis=0)

    def slope(self, z: Array) -> Array:
        """f'(z) of this layer."""
        found: Array = self.link.f.df(z, self.link.f.f(z))
        return found

    def penalty(self) -> Array:
        """The penalty's part of dW."""
        W = self.link.W
        assert W is not None
        found: Array = self.model.l2 * W + self.model.l1 * np.sign(W)
        return found


# Changes a step; False where the mistake cannot be made there.
Change = Callable[[Step], bool]


@dataclass(frozen=True, slots=True)
class Bug:
    """One mistake. ``sentence`` and ``formula`` are filled with the owner's names.

    ``stage``: ``"dz"`` changes come before dW, db and da_prev are worked out from dz, ``"out"``
    ones
    after, ``"penalty"`` ones once penalties were added. ``change`` may be several variants.
    ``only_top``:
    made where the cost meets the last layer.
    """

    name: str
    sentence: str
    formula: str
    stage: str
    changes: Sequence[Change]
    only_top: bool = False
    everywhere: bool = True


def backward(
    model: UserNetwork, bug: Bug | None = None, change: Change | None = None, at: int = 0
) -> Any:
    """Run the right backward pass, or one with a mistake at layer ``at`` (0: every layer).

    -1: every hidden layer. Returns the gradients, keyed W1, b1, ...,
    x, and whether the mistake could be made anywhere.
    """
    found: dict[str, Array] = {}
    da, made = model.top(), False
    for l in range(len(model.links), 0, -1):
        link = model.links[l - 1]
        if link.mask is not None and l < len(model.links):
            da = da * link.mask
        step = Step(model, l, link, da, model.z[l - 1], model.a[l], model.a_prev(l))
        step.dz = dz_of(da, step.z, step.a, link.f)
        here = bug is not None and _made_here(bug, step, at)
        if here and bug is not None and change is not None and bug.stage == "dz":
            made = change(step) or made
        step.again()
        if here and bug is not None and change is not None and bug.stage == "out":
            made = change(step) or made
        if step.dW is not None and (model.l1 or model.l2):
            step.dW = step.dW + step.penalty()
        if here and bug is not None and change is not None and bug.stage == "penalty":
            made = change(step) or made
        if step.dW is not None:
            found[f"W{l}"] = step.dW
        if step.db is not None:
            found[f"b{l}"] = step.db
        da = step.da_prev
    found["x"] = da
    return found, made


def _made_here(bug: Bug, step: Step, at: int) -> bool:
    if bug.only_top:
        return step.top
    return at in (0, step.l) or (at == -1 and not step.top)
