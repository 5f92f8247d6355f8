"""Both passes of one sample, as the pictures and the page need them."""

from __future__ import annotations

import numpy as np

from ..mathematics.passes import Gradients
from .numerical import Floats, Sample


def backward_of(sample: Sample) -> Gradients:
    """Propagate one sample backwards: dz, da, dW and db of its own cost, row 0 of each."""
    net = sample.net
    with np.errstate(all="ignore"):
        return net.backward(net.forward(sample.a[0][None]), sample.y, per_sample=True)


def da_of(sample: Sample) -> tuple[Floats, ...]:
    """Return dJ/da^l (n_l,) of the sample, l = 0..L."""
    return tuple(np.asarray(one[0]) for one in backward_of(sample).da)


def dz_of(sample: Sample) -> tuple[Floats, ...]:
    """Return dJ/dz^l (n_l,) of the sample, l = 1..L; index 0 is empty."""
    return tuple(
        np.empty(0) if one is None else np.asarray(one[0]) for one in backward_of(sample).dz
    )
