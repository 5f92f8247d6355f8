"""Ways to call a backward pass: strides, in place, twice, several outputs, races, odd shapes."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gallery.doors import kernel, tensor
from gallery.record import Gallery

gallery = Gallery("calls")
CALLS = {"calls": True}


def square(x):
    return x * x


def slope(g, x):
    return 2 * x * g


@gallery.wrong("elixir-nx/nx#1779", place="x", says="squared|twice|too much")
def clip_with_the_upstream_gradient_squared(rng):
    return kernel(
        lambda x: x.clamp(-1, 1), lambda g, x: g * g * (x.abs() < 1), tensor(rng, 6, 7), **CALLS
    )


@gallery.wrong("pytorch/pytorch#11750", place="x", says="upstream|comes in")
def loss_without_its_upstream_gradient(rng):
    y = torch.tensor(rng.integers(0, 4, 6))

    def loss(x):
        return -torch.log_softmax(x, -1)[torch.arange(6), y]

    def backward(g, x):
        return x.softmax(-1) - torch.nn.functional.one_hot(y, 4)

    return kernel(loss, backward, tensor(rng, 6, 4), **CALLS)


@gallery.wrong("fla-org/flash-linear-attention#871", "cut out of a concatenation", "concatenation")
def rows_of_a_concatenation_read_on(rng):
    """The kernel takes any stride of rows for the number of columns."""

    def backward(g, x):
        if g.stride(-1) != 1:
            g = g.contiguous()
        return slope(g.as_strided(g.shape, (g.shape[1], 1)), x)

    return kernel(square, backward, tensor(rng, 6, 7), **CALLS)


@gallery.wrong("Dao-AILab/flash-attention#355", "transposed in memory", "transposed in memory")
def last_stride_taken_for_one(rng):
    def backward(g, x):
        if 0 in g.stride():
            g = g.contiguous()
        return slope(g.as_strided(g.shape, (g.stride(0), 1)), x)

    return kernel(square, backward, tensor(rng, 6, 7), **CALLS)


@gallery.wrong("ROCm/TransformerEngine#623", "stride 0", "stride 0")
def expanded_upstream_read_as_one_number(rng):
    def backward(g, x):
        if g.numel() > 1 and not any(g.stride()):
            first = torch.zeros_like(x)
            first.view(-1)[0] = g.view(-1)[0] if g.is_contiguous() else g[(0,) * g.dim()]
            return slope(first, x)
        return slope(g.contiguous(), x)

    return kernel(square, backward, tensor(rng, 6, 7), **CALLS)


@gallery.wrong("pytorch/pytorch#132857", "stride", "raised RuntimeError|view")
def view_of_an_expanded_upstream(rng):
    def backward(g, x):
        return slope(g.view(-1), x.reshape(-1)).reshape(x.shape)

    return kernel(square, backward, tensor(rng, 6, 7), **CALLS)


@gallery.wrong("pytorch/pytorch#194719", "x", "output 1|second output|one of the outputs")
def second_output_ignored(rng):
    return kernel(
        lambda x: (x * x, x.sin()), lambda g, x: slope(g[0], x), tensor(rng, 6, 7), **CALLS
    )


@gallery.wrong("unslothai/unsloth#4550", "upstream gradient unchanged", "in place|written|copy")
def upstream_gradient_overwritten(rng):
    return kernel(
        torch.exp, lambda g, x: g.mul_(x.exp()), tensor(rng, 6, 7), reference=torch.exp, **CALLS
    )


@gallery.wrong("open-mmlab/mmcv#737", "inputs cut out of a concatenation", "concatenation")
def gradient_read_from_a_strided_input(rng):
    def backward(g, x):
        if x.stride(-1) == 1:
            x = x.as_strided(x.shape, (x.shape[1], 1))
        return slope(g, x)

    return kernel(square, backward, tensor(rng, 6, 7), **CALLS)


@gallery.wrong("pytorch/pytorch#11750", "x", "exactly once|upstream")
def one_of_two_terms_without_the_upstream_gradient(rng):
    return kernel(
        lambda x: x * x.sin(), lambda g, x: g * x.sin() + x * x.cos(), tensor(rng, 6, 7), **CALLS
    )


@gallery.wrong("pytorch/pytorch#13818", "None", "None")
def nothing_for_an_output_that_is_not_used(rng):
    class Two(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            ctx.save_for_backward(x)
            return x * x, x.sin()

        @staticmethod
        def backward(ctx, g, h):
            (x,) = ctx.saved_tensors
            if h is None:
                return None
            return (0 if g is None else slope(g, x)) + x.cos() * h

    from chainrule.gradcheck.kernels import check_kernel

    return check_kernel(Two.apply, (tensor(rng, 6, 7),), lambda x: (x * x, x.sin()))


@gallery.wrong("FlagOpen/FlagGems#1576", "shape (5, 13)", r"last \d columns|remainder")
def columns_after_whole_blocks(rng):
    def backward(g, x):
        d = slope(g, x)
        d[:, d.shape[1] // 8 * 8 :] = 0
        return d

    return kernel(square, backward, tensor(rng, 4, 16), shapes=[(4, 8), (5, 13)])


@gallery.wrong("NVIDIA/Megatron-LM#5980", "run to run", "race|run to run")
def scatter_that_races(rng):
    index = torch.tensor(rng.integers(0, 5, 40))

    def backward(g, x):
        d = torch.zeros_like(x).index_add_(0, index, g)
        d[int(rng.integers(5))] *= 0.97
        return d

    return kernel(lambda x: x[index], backward, tensor(rng, 5, 3), repeats=3)


@gallery.wrong("jmschrei/cherimoya#25", "run to run", "race|run to run")
def overlapping_writes_lost(rng):
    def backward(g, x):
        d = slope(g, x)
        d[:, 3] -= float(rng.random()) * g[:, 3]
        return d

    return kernel(square, backward, tensor(rng, 6, 7), repeats=3)


@gallery.wrong("huggingface/candle#3526", "x", "None|left out")
def rotation_without_a_backward(rng):
    c, s = np.cos(0.3), np.sin(0.3)

    def rotated(x):
        a, b = x.chunk(2, -1)
        return torch.cat([a * c - b * s, b * c + a * s], -1)

    return kernel(rotated, lambda g, x: None, tensor(rng, 6, 8), **CALLS)


@gallery.wrong("baidu-baige/LoongForge#106", "W", "None|left out")
def graph_severed_before_the_weights(rng):
    x = tensor(rng, 5, 4)
    return kernel(
        lambda W, b: (x.to(W) @ W.T + b).tanh(),
        lambda g, W, b: (None, (g * (1 - (x @ W.T + b).tanh() ** 2)).sum(0)),
        tensor(rng, 3, 4), tensor(rng, 3),
    )  # fmt: skip


# ------------------------------------------------------------------ right


@gallery.right("CharlesShang/DCNv2#8")
def sums_of_atomics_in_another_order(rng):
    index = torch.tensor(rng.integers(0, 5, 400))

    def backward(g, x):
        order = torch.tensor(rng.permutation(400))
        return torch.zeros_like(x).index_add_(0, index[order], g[order])

    return kernel(lambda x: x[index], backward, tensor(rng, 5, 3), repeats=3, **CALLS)


@gallery.right("pytorch/pytorch#20980")
def bins_of_atomics_in_float16(rng):
    index = torch.tensor(rng.integers(0, 4, 60))

    def backward(g, x):
        order = torch.tensor(rng.permutation(60))
        total = torch.zeros(x.shape, dtype=torch.float32)
        return total.index_add_(0, index[order], g[order].float()).to(x.dtype)

    x = tensor(rng, 4, 8, dtype="float16")
    return kernel(lambda x: x[index], backward, x, repeats=3)


@gallery.right("chainer/chainer#488")
def output_is_the_input_itself(rng):
    return kernel(lambda x: x.view_as(x), lambda g, x: g, tensor(rng, 5, 6), **CALLS)


@gallery.right("fla-org/flash-linear-attention#871")
def every_stride_made_contiguous(rng):
    def backward(g, x):
        return slope(g.contiguous().view(-1), x.reshape(-1)).view(x.shape)

    return kernel(square, backward, tensor(rng, 5, 6), **CALLS)


@gallery.right("pytorch/pytorch#173632")
def dropout_with_a_mask_of_the_generator(rng):
    from chainrule.gradcheck.kernels import check_kernel

    return check_kernel(lambda x: torch.dropout(x, 0.5, True), (tensor(rng, 5, 6),))


@gallery.right("deepmind/torch-totem#26")
def input_that_is_not_contiguous(rng):
    return kernel(square, slope, tensor(rng, 7, 5).T, **CALLS)


@gallery.right("pytorch/pytorch#194719")
def three_outputs_of_other_shapes(rng):
    def forward(x):
        return x.sum(), x.square(), x.amax(1)

    def backward(g, x):
        top = torch.nn.functional.one_hot(x.argmax(1), x.shape[1])
        return g[0] + 2 * x * g[1] + g[2][:, None] * top

    return kernel(forward, backward, tensor(rng, 5, 6), **CALLS)


@gallery.right("pytorch/extension-cpp#42")
def lstm_cell_in_float32(rng):
    """float32 in and out, which a checker made for float64 calls wrong."""

    def forward(x, c):
        i, f, o = x.chunk(3, -1)
        new = f.sigmoid() * c + i.sigmoid() * o.tanh()
        return new.tanh() * o.sigmoid(), new

    def backward(g, x, c):
        i, f, o = x.chunk(3, -1)
        si, sf, so, to = i.sigmoid(), f.sigmoid(), o.sigmoid(), o.tanh()
        new = sf * c + si * to
        dn = g[0] * so * (1 - new.tanh() ** 2) + g[1]
        di, df = dn * to * si * (1 - si), dn * c * sf * (1 - sf)
        do = dn * si * (1 - to**2) + g[0] * new.tanh() * so * (1 - so)
        return torch.cat([di, df, do], -1), dn * sf

    return kernel(forward, backward, tensor(rng, 4, 9), tensor(rng, 4, 3), **CALLS)
