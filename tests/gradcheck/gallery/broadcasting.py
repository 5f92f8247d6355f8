"""Broadcast arguments: gradients that are to be summed, over which axes, and by which factor."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gallery.doors import kernel, pair, tensor
from gallery.record import Gallery

gallery = Gallery("broadcasting")


@gallery.wrong("pytorch/pytorch#1787", "b", "first|one row|not summed|sum")
def bias_from_the_first_row(rng):
    return kernel(
        lambda x, b: (x + b).sin(),
        lambda g, x, b: (g * (x + b).cos(), (g * (x + b).cos())[0]),
        tensor(rng, 5, 4), tensor(rng, 4),
    )  # fmt: skip


@gallery.wrong("pytorch/pytorch#913", "b", "mean|1/m|factor|averag|samples")
def bias_averaged(rng):
    return kernel(
        lambda x, b: (x + b).sin(),
        lambda g, x, b: (g * (x + b).cos(), (g * (x + b).cos()).mean(0)),
        tensor(rng, 5, 4), tensor(rng, 4),
    )  # fmt: skip


@gallery.wrong("pytorch/pytorch#16045", "s", "sum|factor|mean|1/|entries")
def scalar_averaged_over_all(rng):
    return kernel(
        lambda x, s: (x * s).sin(),
        lambda g, x, s: (g * s * (x * s).cos(), (g * x * (x * s).cos()).mean().reshape(1)),
        tensor(rng, 5, 4), tensor(rng, 1),
    )  # fmt: skip


@gallery.wrong("tracel-ai/burn#181", "v", "sum|all|same|axis")
def each_row_with_the_sum_of_all(rng):
    X = rng.normal(size=(5, 4))

    def gradient(p):
        d = np.cos(X * p["v"]) * X
        return {"v": np.full((5, 1), d.sum())}

    return pair(lambda p: np.sin(X * p["v"]).sum(), gradient, {"v": rng.normal(size=(5, 1))})


@gallery.wrong("deeplearning4j/nd4j#2424", "x, y", "swapped|wrong argument|that of|exchanged")
def division_with_its_arguments_exchanged(rng):
    R = rng.normal(size=(5, 4))

    def gradient(p):
        return {"x": -R * p["x"] / p["y"] ** 2, "y": R / p["y"]}

    p = {"x": rng.normal(size=(5, 4)), "y": rng.uniform(1, 2, (5, 4))}
    return pair(lambda p: (R * p["x"] / p["y"]).sum(), gradient, p)


@gallery.wrong("KhawajaAbaid/micrograd_c#1", "y", "sign")
def subtraction_whose_second_argument_adds(rng):
    return kernel(
        lambda x, y: (x - y).exp(),
        lambda g, x, y: (g * (x - y).exp(), (g * (x - y).exp()).sum(0)),
        tensor(rng, 5, 4), tensor(rng, 4),
    )  # fmt: skip


@gallery.wrong("HIPS/autograd#376", "x", "factor|×|repeat|sum|mean")
def repeat_differentiated_as_a_mean(rng):
    return kernel(
        lambda x: x.repeat(3, 1).sin() * torch.arange(15.0)[:, None],
        lambda g, x: (g * x.repeat(3, 1).cos() * torch.arange(15.0)[:, None]).view(3, 5, 4).mean(0),
        tensor(rng, 5, 4),
    )


@gallery.wrong("pytorch/pytorch#1787", "w", r"\bx\b|factor|input|forgotten")
def product_without_the_other_argument(rng):
    return kernel(
        lambda x, w: x * w,
        lambda g, x, w: (g * w, g.sum(0)),
        tensor(rng, 5, 4), tensor(rng, 4),
    )  # fmt: skip


# ------------------------------------------------------------------ right


@gallery.right("tensorflow/tensorflow#37770")
def column_and_row_broadcast_together(rng):
    return kernel(
        lambda x, y: (x * y).sin(),
        lambda g, x, y: (
            (g * y * (x * y).cos()).sum(1, keepdim=True),
            (g * x * (x * y).cos()).sum(0, keepdim=True),
        ),
        tensor(rng, 5, 1), tensor(rng, 1, 4), calls=True,
    )  # fmt: skip


@gallery.right("pytorch/pytorch#913")
def array_without_axes(rng):
    return kernel(
        lambda x, s: (x * s).sin(),
        lambda g, x, s: (g * s * (x * s).cos(), (g * x * (x * s).cos()).sum()),
        tensor(rng, 5, 4), tensor(rng)[()],
    )  # fmt: skip


@gallery.right("HIPS/autograd#376")
def numbers_of_one_entry_each(rng):
    def gradient(p):
        return {"a": float(2 * p["a"] * p["b"]), "b": float(p["a"] ** 2)}

    return pair(lambda p: float(p["a"] ** 2 * p["b"]), gradient, {"a": rng.normal(), "b": 1.5})
