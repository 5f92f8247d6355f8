"""A backward pass through a user's network, right or with one mistake made on purpose.

A mistake is a small edit to one stage of the right backward pass of one layer, or of all. The pass
with that edit gives the gradient that a program with the mistake would give; if it equals the
gradient in hand, the diagnosis is certain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ...mathematics.penalties import penalty_gradient
from ...mathematics.propagation import affine_backward
from ...typing import Array
from ..user_network.model import UserLayer, UserNetwork, dz_of

Stage = Literal["dz", "out", "penalty"]


@dataclass(slots=True)
class LayerBackward:
    """The backward pass of one layer while it is computed; a mistake edits its arrays."""

    model: UserNetwork
    l: int
    layer: UserLayer
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
        return self.l == len(self.model.layers)

    @property
    def m(self) -> int:
        """The number of samples."""
        return len(self.z)

    def stages(self) -> Iterator[Stage]:
        """Compute dz; dW, db and da_prev; the penalty: yield the name of each when it is done."""
        self.dz = dz_of(self.da, self.z, self.a, self.layer.f)
        yield "dz"
        self._propagate()
        yield "out"
        if self.dW is not None and (self.model.l1 or self.model.l2):
            self.dW = self.dW + self.penalty()
        yield "penalty"

    def _propagate(self) -> None:
        if self.layer.W is None:
            self.da_prev, db = self.dz, self.dz.sum(axis=0)
        else:
            da_prev, self.dW, db = affine_backward(self.dz, self.a_prev, self.layer.W)
            self.da_prev = np.asarray(da_prev)
        self.db = None if self.layer.b is None else db

    def slope(self, z: Array) -> Array:
        """Return f'(z) of this layer."""
        df: Array = self.layer.f.df(z, self.layer.f.f(z))
        return df

    def penalty(self) -> Array:
        """Return the penalty's part of dW."""
        W = self.layer.W
        assert W is not None
        return np.asarray(penalty_gradient(W, self.model.l1, self.model.l2))


# Edits a backward pass; False where the mistake cannot be made there.
Edit = Callable[[LayerBackward], bool]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake. ``sentence`` and ``formula`` are filled with the names in the user's code.

    ``stage``: ``"dz"`` edits come before dW, db and da_prev are computed from dz, ``"out"`` edits
    after that, ``"penalty"`` edits after penalties were added. ``edits`` are its variants.
    ``only_top``: a mistake where the cost meets the last layer.
    """

    name: str
    sentence: str
    formula: str
    stage: Stage
    edits: Sequence[Edit]
    only_top: bool = False


def backward(
    model: UserNetwork, mistake: Mistake | None = None, edit: Edit | None = None, at: int = 0
) -> tuple[dict[str, Array], bool]:
    """Run the right backward pass, or one with a mistake at layer ``at``.

    ``at`` 0 means every layer, -1 every hidden layer. Return the gradients, keyed W1, b1, ..., x,
    and whether the mistake could be made anywhere.
    """
    gradients: dict[str, Array] = {}
    da, edited = model.top(), False
    for l in range(len(model.layers), 0, -1):
        layer = model.layers[l - 1]
        if layer.mask is not None and l < len(model.layers):
            da = da * layer.mask
        step = LayerBackward(model, l, layer, da, model.z[l - 1], model.a[l], model.a_prev(l))
        for stage in step.stages():
            if edit is not None and mistake is not None and mistake.stage == stage:
                edited = (_applies(mistake, step, at) and edit(step)) or edited
        if step.dW is not None:
            gradients[f"W{l}"] = step.dW
        if step.db is not None:
            gradients[f"b{l}"] = step.db
        da = step.da_prev
    gradients["x"] = da
    return gradients, edited


def _applies(mistake: Mistake, step: LayerBackward, at: int) -> bool:
    if mistake.only_top:
        return step.top
    return at in (0, step.l) or (at == -1 and not step.top)
