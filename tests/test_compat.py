"""The doors: torch's, SciPy's and JAX's own signatures, beside their own verdicts."""

import inspect

import numpy as np
import pytest
from scipy.optimize import check_grad as scipy_check_grad
from scipy.optimize import rosen, rosen_der

from chainrule.compat.scipy import check_grad
from chainrule.gradcheck import GradientError

torch = pytest.importorskip("torch")

from torch.autograd.gradcheck import GradcheckError as TorchGradcheckError

import chainrule.compat.torch as door


def tensor(*shape, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=dtype, generator=generator).requires_grad_(True)


def function(forward, backward):
    body = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("Mine", (torch.autograd.Function,), body).apply


def cube(factor=3.0, second=True):
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3, 2 * x

    def backward(ctx, g, h):
        return factor * g * ctx.saved_tensors[0] ** 2 + (2 * h if second else 0)

    return function(forward, backward)


@pytest.mark.parametrize("name", ["gradcheck", "gradgradcheck"])
def test_signature_is_torchs(name):
    ours = inspect.signature(getattr(door, name)).parameters
    theirs = inspect.signature(getattr(torch.autograd, name)).parameters
    assert list(ours) == list(theirs)
    assert [p.default for p in ours.values()] == [p.default for p in theirs.values()]


RIGHT = [
    (torch.tanh, (3, 2)),
    (lambda x: (x.softmax(-1), x.sum(0)), (3, 4)),
    (lambda x: torch.linalg.cholesky(x @ x.T + 3 * torch.eye(3, dtype=x.dtype)), (3, 3)),
    (lambda x: torch.nn.functional.dropout(x, 0.5), (4, 3)),
    (lambda x: x.to_sparse().to_dense() if False else x * x, (2, 2)),
    (cube(), (5,)),
]


@pytest.mark.parametrize("case", range(len(RIGHT)))
def test_right_function_returns_true(case):
    func, shape = RIGHT[case]
    assert door.gradcheck(func, (tensor(*shape),), check_batched_grad=case != 3)
    if case != 3:
        assert door.gradgradcheck(func, (tensor(*shape),))


def test_second_output_that_is_ignored_raises():
    x = tensor(5)
    with pytest.raises(door.GradcheckError) as caught:
        door.gradcheck(cube(second=False), x)
    text = str(caught.value)
    assert "doutput1/dinput0" in text
    assert "seed" in text
    assert len(text.splitlines()) <= 10
    assert isinstance(caught.value, TorchGradcheckError)
    assert not door.gradcheck(cube(second=False), x, raise_exception=False)


def test_factor_is_named_with_both_numbers_and_the_bar():
    with pytest.raises(GradientError, match=r"gradient .* should be .* ±"):
        door.gradcheck(cube(factor=6.0), tensor(5))


def test_complex_input_follows_torchs_convention_and_a_conjugate_is_named():
    z = tensor(4, dtype=torch.complex128)
    assert door.gradcheck(lambda z: z * z.conj() + z**2, (z,))
    wrong = function(
        lambda ctx, z: (ctx.save_for_backward(z), z * z)[1],
        lambda ctx, g: g * 2 * ctx.saved_tensors[0],
    )
    assert not torch.autograd.gradcheck(wrong, (z,), raise_exception=False)
    with pytest.raises(GradientError, match="WRONG"):
        door.gradcheck(wrong, (z,))
    turned = function(
        lambda ctx, z: 3 * z.real + 2 * z.imag, lambda ctx, g: torch.complex(3 * g, -2 * g)
    )
    with pytest.raises(GradientError, match="conjugate"):
        door.gradcheck(turned, (z,))


def test_sparse_gradient_is_taken():
    table = tensor(5, 3)
    rows = torch.tensor([1, 3, 1])
    assert door.gradcheck(
        lambda t, r: torch.nn.functional.embedding(r, t, sparse=True), (table, rows)
    )


def test_other_arguments_pass_through():
    assert door.gradcheck(
        lambda x, n, name, flag, none: x**n if flag and name and none is None else x,
        (tensor(3), 2, "a", True, None),
    )


def test_forward_mode_that_is_wrong_raises():
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x**2

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0])
            ctx.save_for_forward(inputs[0])

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

        @staticmethod
        def jvp(ctx, t):
            return t * ctx.saved_tensors[0]

    assert door.gradcheck(Wrong.apply, tensor(3))
    with pytest.raises(GradientError, match="forward mode: doutput/dinput0"):
        door.gradcheck(Wrong.apply, tensor(3), check_forward_ad=True)


def test_backward_that_fails_without_an_upstream_gradient_is_named():
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 2

    fails = function(forward, lambda ctx, g: g * 2)
    with pytest.raises(GradientError, match="upstream gradient None: raised"):
        door.gradcheck(fails, tensor(3))
    assert door.gradcheck(fails, tensor(3), check_undefined_grad=False)


def test_backward_that_is_not_reentrant_is_named():
    rng = np.random.default_rng(0)
    noisy = function(
        lambda ctx, x: (ctx.save_for_backward(x), x * x)[1],
        lambda ctx, g: 2 * g * ctx.saved_tensors[0] * (1 + 1e-8 * float(rng.random())),
    )
    with pytest.raises(GradientError, match="from run to run"):
        door.gradcheck(noisy, tensor(3))
    assert door.gradcheck(noisy, tensor(3), nondet_tol=1e-5)


def test_double_backward_that_is_wrong_raises():
    def backward(ctx, g):
        return 3 * g * ctx.saved_tensors[0].detach() ** 2  # its own gradient is lost

    wrong = function(lambda ctx, x: (ctx.save_for_backward(x), x**3)[1], backward)
    assert door.gradcheck(wrong, tensor(4))
    with pytest.raises(GradientError, match="WRONG"):
        door.gradgradcheck(wrong, tensor(4))


def test_float32_is_checked_as_it_is():
    x = tensor(4, 6, dtype=torch.float32)
    assert door.gradcheck(torch.tanh, (x,))
    half = function(
        lambda ctx, x: (ctx.save_for_backward(x), x * x)[1], lambda ctx, g: g * ctx.saved_tensors[0]
    )
    with pytest.raises(GradientError, match="WRONG"):
        door.gradcheck(half, (x,))


@pytest.mark.parametrize(
    ("func", "inputs", "words"),
    [
        (torch.tanh, (torch.ones(2),), "no input requires"),
        (lambda x: None, (tensor(2),), "no tensor of floats"),
        (lambda x: 1 / 0, (tensor(2),), "division by zero"),
    ],
)
def test_bad_input_is_one_sentence(func, inputs, words):
    with pytest.raises((ValueError, TypeError, ZeroDivisionError), match=words):
        door.gradcheck(func, inputs)


def test_scipys_door_is_true_where_scipys_own_number_is_small():
    x = np.array([0.3, -0.7, 1.1])
    assert check_grad(rosen, rosen_der, x)
    assert scipy_check_grad(rosen, rosen_der, x) < 1e-4
    assert check_grad(lambda x, a, b: a * x @ x + b, lambda x, a, b: 2 * a * x, x, 3.0, 1)
    assert check_grad(
        rosen, rosen_der, x, epsilon=1e-8, direction="random", rng=np.random.default_rng(0)
    )


def test_scipys_door_names_the_entry():
    def wrong(x):
        g = rosen_der(x)
        g[1] *= 1.5
        return g

    with pytest.raises(GradientError, match=r"gradient\[1\]: gradient"):
        check_grad(rosen, wrong, np.array([0.3, -0.7, 1.1]))


class TestJax:
    @pytest.fixture(autouse=True)
    def _jax(self):
        self.jax = pytest.importorskip("jax")
        import chainrule.compat.jax as jax_door

        self.check = jax_door.check_grads

    def test_signature_is_jaxs(self):
        import jax.test_util

        theirs = inspect.signature(jax.test_util.check_grads).parameters
        assert list(inspect.signature(self.check).parameters) == list(theirs)

    def test_right_functions_to_order_two(self):
        np_ = self.jax.numpy
        tree = {"w": np_.arange(6.0).reshape(2, 3) / 5, "n": 3}
        assert self.check(lambda p, x: np_.tanh(p["w"] @ x) * p["n"], (tree, np_.ones(3)), 2)
        z = np_.array([1 + 2j, 0.5 - 1j])
        assert self.check(lambda z: z * np_.conj(z) + z**3, (z,), 1)

    def wrong(self, forwards):
        jax = self.jax

        if forwards:

            @jax.custom_jvp
            def f(x):
                return x**2

            f.defjvp(lambda p, t: (f(p[0]), p[0] * t[0]))
            return f

        @jax.custom_vjp
        def h(x):
            return x**2

        h.defvjp(lambda x: (x**2, x), lambda x, g: (x * g,))
        return h

    @pytest.mark.parametrize("forwards", [True, False])
    def test_wrong_rule_is_named(self, forwards):
        with pytest.raises(GradientError, match=r"doutput/darg0.*gradient"):
            self.check(
                self.wrong(forwards), (self.jax.numpy.arange(3.0),), 1,
                modes=("fwd",) if forwards else ("rev",),
            )  # fmt: skip

    def test_wrong_second_derivative_shows_at_order_two_only(self):
        jax = self.jax

        @jax.custom_vjp
        def f(x):
            return x**3

        f.defvjp(lambda x: (x**3, x), lambda x, g: (3 * jax.lax.stop_gradient(x) ** 2 * g,))
        x = jax.numpy.array([0.5, 1.5])
        assert self.check(f, (x,), 1, modes="rev")
        with pytest.raises(GradientError, match="derivative backwards"):
            self.check(f, (x,), 2, modes="rev")

    def test_bad_input_is_one_sentence(self):
        with pytest.raises(ValueError, match="modes must be"):
            self.check(self.jax.numpy.sin, (1.0,), 1, modes="back")
        with pytest.raises(ValueError, match="no floats"):
            self.check(self.jax.numpy.sin, (1,), 1)
