"""Both passes of one sample in float64, as the expansion, the pictures and the page need them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..mathematics.layers import kinds_beyond_the_notes
from ..mathematics.passes import Gradients
from ..model import Model
from .checks import finite_inputs, model_of, row_of

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample in float64: its targets y (1, n_L), and all a^l (n_l,) and z^l (n_l,)."""

    net: Model
    y: Floats
    a: tuple[Floats, ...]
    z: tuple[Floats, ...]


def sample_of(net: Model, X: npt.ArrayLike, y: npt.ArrayLike, row: int) -> Sample:
    """Propagate the sample ``row`` of X and y forwards, in float64."""
    others = kinds_beyond_the_notes(model_of(net).layers)
    if others:
        raise ValueError(
            f"the network has layers of the kind {', '.join(others)}, and unit by unit only affine "
            "layers, activations and dropout can be followed: illustrate(net) draws the layers"
        )
    wide = net.copy(dtype="float64")
    x = finite_inputs(wide.inputs(X))
    row = row_of(row, len(x))
    Y = np.asarray(wide.targets(y, len(x))[row : row + 1], np.float64)
    trace = wide.forward(x[row : row + 1])
    z = tuple(np.empty(0) if one is None else one[0] for one in trace.z)
    return Sample(wide, Y, tuple(one[0] for one in trace.a), z)


def backward_of(sample: Sample) -> Gradients:
    """Propagate one sample backwards: dz, da, dW and db of its own cost, row 0 of each."""
    net = sample.net
    with np.errstate(all="ignore"):
        return net.backward(net.forward(sample.a[0][None]), sample.y, per_sample=True)


def da_of(gradients: Gradients) -> tuple[Floats, ...]:
    """Return dJ/da^l (n_l,) of the one sample, l = 0..L."""
    return tuple(np.asarray(da[0]) for da in gradients.da)


def dz_of(gradients: Gradients) -> tuple[Floats, ...]:
    """Return dJ/dz^l (n_l,) of the one sample, l = 1..L; index 0 is empty."""
    return tuple(np.empty(0) if dz is None else np.asarray(dz[0]) for dz in gradients.dz)
