"""Broadcast arguments: the cases kept apart."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gallery.doors import kernel, pair, tensor
from gallery.record import Gallery

gallery = Gallery("broadcasting")


@gallery.wrong("tensorflow/tensorflow#37770", "b", "wrong axis|axis|order")
def square_bias_summed_over_the_other_axis(rng):
    return kernel(
        lambda x, b: (x + b).sin(),
        lambda g, x, b: (g * (x + b).cos(), (g * (x + b).cos()).sum(1)),
        tensor(rng, 5, 5), tensor(rng, 5),
    )  # fmt: skip


@gallery.wrong("HIPS/autograd#376", "x", "first|part|use|repeat|one of")
def repeat_with_the_first_copy_alone(rng):
    R = rng.normal(size=(3, 5))

    def gradient(p):
        return {"x": R[0] * np.cos(p["x"])}

    return pair(lambda p: (R * np.sin(p["x"])).sum(), gradient, {"x": rng.normal(size=5)})


@gallery.right("tracel-ai/burn#181")
def sum_of_sixty_thousand_rows_in_float32(rng):
    """Each partial sum rounds; the stick's own error is as large."""
    return kernel(
        lambda x, b: x + b, lambda g, x, b: (g, g.sum(0)), tensor(rng, 6000, 2), tensor(rng, 2)
    )
