"""Parameter groups: learning rate and weight decay by layer and kind of parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..mathematics.checks import NOT_NEGATIVE, WHOLE, check
from ..mathematics.layers import numbered
from ..model import Model
from ..parameters import Place, places
from ..typing import Floats


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """Factors of the learning rate and of weight decay for some of the parameters.

    ``kind``: of the layer, a name of ``LAYERS``. ``layer``: l of the notes, from 1, the affine
    layer and its activation. ``name``: of the parameter, as ``"b"``. None: any. With a learning
    rate alpha and a weight decay lambda, a parameter of the group has ``rate`` alpha and, where it
    decays at all, ``decay`` lambda; of several groups that it is in, the factors are multiplied.

    >>> ParameterGroup(name="b", rate=0.1)
    ParameterGroup(kind=None, layer=None, name='b', rate=0.1, decay=1.0)
    """

    kind: str | None = None
    layer: int | None = None
    name: str | None = None
    rate: float = 1.0
    decay: float = 1.0

    def __post_init__(self) -> None:
        domains = {"layer": WHOLE, "rate": NOT_NEGATIVE, "decay": NOT_NEGATIVE}
        check("ParameterGroup", self, domains, optional=("layer",))

    def holds(self, place: Place, kind: str, layer: int | None) -> bool:
        """Return whether a parameter is in the group; ``layer``: l of the notes, or None."""
        return (
            self.kind in (None, kind)
            and self.layer in (None, layer)
            and self.name in (None, place.name)
        )


def factors_of(net: Model, groups: Sequence[ParameterGroup]) -> tuple[Floats, Floats] | None:
    """Return the factors of rate and decay of every parameter, (P,) each; None without groups.

    Raises ValueError for a group that no parameter is in, and TypeError for what is no group.
    """
    if not groups:
        return None
    layers: dict[int, int] = {}
    for view in numbered(net.layers):
        layers |= {view.at: view.l, view.at + 1: view.l}
    rates, decays = np.ones_like(net.theta), np.ones_like(net.theta)
    for group in groups:
        if not isinstance(group, ParameterGroup):
            raise TypeError(f"groups must be ParameterGroup records, not {group!r}")
        members = [
            slice(place.start, place.stop)
            for place in places(net.layers)
            if group.holds(place, net.layers[place.layer].kind, layers.get(place.layer))
        ]
        if not members:
            raise ValueError(f"no parameter of the network is in {group}")
        for part in members:
            rates[part] *= group.rate
            decays[part] *= group.decay
    return rates, decays
