"""Ways to call a backward pass: the cases kept apart."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from gallery.calls import CALLS, slope, square
from gallery.doors import kernel, tensor
from gallery.record import Gallery

gallery = Gallery("calls")


@gallery.wrong("FlagOpen/FlagGems#1082", "transposed in memory", "contiguous|strid")
def nothing_written_for_strided_upstream(rng):
    def backward(g, x):
        return slope(g, x) if g.is_contiguous() else torch.full_like(x, float("nan"))

    return kernel(square, backward, tensor(rng, 6, 7), **CALLS)


@gallery.wrong("pytorch/pytorch#194719", "x", "output 1|second output|swapped|other output")
def upstream_gradients_of_two_outputs_exchanged(rng):
    return kernel(
        lambda x: (x * x, x.sin()),
        lambda g, x: slope(g[1], x) + x.cos() * g[0],
        tensor(rng, 6, 7),
        **CALLS,
    )


@gallery.wrong("triton-lang/triton#4004", "backward twice", "in place|saved|copy")
def saved_tensor_overwritten(rng):
    class Scale(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x.clone())
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * x.detach().mul_(2)

    from chainrule.gradcheck.kernels import check_kernel

    return check_kernel(Scale.apply, (tensor(rng, 6, 7),), square)


@gallery.wrong("NVIDIA/apex#1601", "inputs transposed in memory", "inputs transposed")
def memory_format_of_the_input_ignored(rng):
    def rows(x):
        return x.as_strided(x.shape, (x.shape[1], 1))

    return kernel(
        lambda x: rows(x) ** 2, lambda g, x: 2 * rows(x) * g, tensor(rng, 6, 7), reference=square,
        **CALLS,
    )  # fmt: skip


@gallery.wrong("linkedin/Liger-Kernel#1376", "shape (1, 16)", "shape|batch|row")
def one_row_alone_squeezed(rng):
    def backward(g, x):
        return slope(g, x) / max(len(x) - 1, 2) * max(len(x) - 1, 1)

    return kernel(square, backward, tensor(rng, 4, 16), shapes=[(3, 16), (1, 16)])


@gallery.right("intel/torch-xpu-ops#3343")
def forward_sums_in_another_order(rng):
    def forward(x):
        return x[:, torch.tensor(rng.permutation(64))].square().sum(1)

    return kernel(
        forward, lambda g, x: 2 * x * g[:, None], tensor(rng, 6, 64),
        reference=lambda x: x.square().sum(1), repeats=3,
    )  # fmt: skip


@gallery.right("pytorch/pytorch#96908")
def work_in_place_on_a_copy(rng):
    def backward(g, x):
        d = g.clone()
        d.mul_(x).mul_(2)
        return d

    return kernel(lambda x: x.clone().pow_(2), backward, tensor(rng, 5, 6), **CALLS)
