"""torch's own sample functions through the door: right ones as torch says, faults caught."""

import warnings

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

import chainrule.compat.torch as door

pytestmark = pytest.mark.filterwarnings("ignore")
NAMES = [
    "acos",
    "addmm",
    "atan",
    "bmm",
    "cdist",
    "cholesky_solve",
    "cos",
    "cosh",
    "cumprod",
    "cumsum",
    "det",
    "diff",
    "dot",
    "erf",
    "exp",
    "expm1",
    "fmod",
    "hypot",
    "index_select",
    "kron",
    "lerp",
    "lgamma",
    "linalg.inv",
    "linalg.norm",
    "log1p",
    "logaddexp",
    "logsumexp",
    "masked_fill",
    "matmul",
    "max",
    "mul",
    "nn.functional.gelu",
    "nn.functional.layer_norm",
    "nn.functional.linear",
    "nn.functional.silu",
    "nn.functional.softplus",
    "norm",
    "outer",
    "polygamma",
    "prod",
    "reciprocal",
    "rsqrt",
    "scatter_add",
    "sigmoid",
    "sinh",
    "softmax",
    "sqrt",
    "std",
    "tanh",
    "trace",
    "var",
    "where",
    "xlogy",
]
LARGEST = 30


def samples():
    for op in op_db:
        if op.name not in NAMES or op.variant_test_name or torch.float64 not in op.dtypes:
            continue
        for sample in op.sample_inputs("cpu", torch.float64, requires_grad=True):
            inputs = (sample.input, *sample.args)
            sizes = [x.numel() for x in inputs if isinstance(x, torch.Tensor) and x.requires_grad]
            if not isinstance(sample.input, torch.Tensor) or not 1 < sum(sizes) <= LARGEST:
                continue

            def func(*args, op=op, sample=sample):
                out = op.op(*args, **sample.kwargs)
                process = sample.output_process_fn_grad
                return process(out) if process else out

            yield pytest.param(func, inputs, id=op.name)
            break


SAMPLES = list(samples())


@pytest.mark.parametrize(("func", "inputs"), SAMPLES)
def test_right_function_has_torchs_verdict(func, inputs):
    theirs = torch.autograd.gradcheck(func, inputs, raise_exception=False)
    assert door.gradcheck(func, inputs, raise_exception=False) is theirs


FAULTS = {"doubled": lambda g: 2 * g, "sign": lambda g: -g}


def faulty(func, fault):
    """Return the function with a fault in the gradient of its first argument."""

    class Faulty(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            return fault(g)

    return lambda x, *others: func(Faulty.apply(x), *others)


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_caught_in_every_function(fault):
    missed, tried = [], 0
    for param in SAMPLES:
        func, inputs = param.values
        out = func(*inputs)
        outs = [o for o in (out if isinstance(out, tuple) else (out,)) if o.requires_grad]
        g = torch.autograd.grad(outs, inputs[0], [torch.ones_like(o) for o in outs])[0]
        if not g.any():
            continue
        tried += 1
        wrong = faulty(func, FAULTS[fault])
        if door.gradcheck(wrong, inputs, raise_exception=False, check_undefined_grad=False):
            missed.append(param.id)
    assert tried >= 25
    assert missed == []
