"""Stages of a program: the first wrong one going backwards, in NumPy and inside torch models."""

import numpy as np
import pytest

import chainrule as cr

rng = np.random.default_rng(0)
X, R = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def softmax_back(dy, y):
    return y * (dy - (dy * y).sum(1, keepdims=True))


def test_list_of_stages_names_the_first_wrong_one():
    def scaled_back(dy):
        return 3 * dy

    right = [
        ("tanh", lambda x: (np.tanh(x), np.tanh(x)), lambda dy, y: dy * (1 - y * y)),
        ("softmax", lambda x: (softmax(x), softmax(x)), softmax_back),
        ("scale", lambda x: 3 * x, scaled_back),
    ]
    assert cr.check_stages(right, X).ok
    wrong = [*right]
    wrong[1] = ("softmax", right[1][1], lambda dy, y: y * dy)
    wrong[0] = ("tanh", right[0][1], lambda dy, y: dy)
    report = cr.check_stages(wrong, X)
    assert report.verdict == "wrong"
    assert report.where.startswith("softmax (test_stages.py:")
    assert [part.verdict for part in report.parts] == [0, 1, 1]


@pytest.mark.parametrize("wrong", ["", "softmax", "tanh"])
def test_marks_inside_functions_name_the_stage(wrong):
    W = rng.standard_normal((3, 3))

    def cost(p):
        with cr.stage("tanh") as s:
            h = s.output(np.tanh(X @ p["W"]))
        with cr.stage("softmax") as s:
            a = s.output(softmax(h))
        return {"loss": float(np.sum(R * a)), "h": h, "a": a}

    def gradient(cache):
        with cr.stage("softmax") as s:
            da = s.gradient(R if wrong != "softmax" else 2 * R)
        with cr.stage("tanh") as s:
            dh = s.gradient(softmax_back(da, cache["a"]) * (2 if wrong == "tanh" else 1))
        return {"W": X.T @ (dh * (1 - cache["h"] ** 2))}

    report = cr.check_stages(cost, gradient, {"W": W})
    assert report.where == wrong
    assert cr.check_gradients(cost, gradient, {"W": W}, progress=False).ok is (wrong == "")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cr.check_stages([np.tanh], X), "stage 0 must be"),
        (lambda: cr.check_stages([]), "needs the input of the first"),
        (lambda: cr.check_stages(3, X, X), "give .cost, gradients, parameters."),
        (lambda: cr.check_stages(lambda p: 1.0, lambda p: p, X), "marks no stage"),
        (lambda: cr.stage(3), "needs a name"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


class TestTorch:
    @pytest.fixture(autouse=True)
    def _torch(self):
        self.torch = pytest.importorskip("torch")

    def function(self, name, forward, backward):
        def saved(ctx, x):
            ctx.save_for_backward(x)
            return forward(x)

        body = {
            "forward": staticmethod(saved),
            "backward": staticmethod(lambda ctx, g: backward(g, ctx.saved_tensors[0])),
        }
        return type(name, (self.torch.autograd.Function,), body)

    def model(self, factor=1.0, mean=True):
        torch = self.torch

        def centred_back(g, x):
            return g - g.mean(-1, keepdim=True) if mean else g

        Square = self.function("Square", lambda x: x * x, lambda g, x: 2 * factor * g * x)
        Centre = self.function("Centre", lambda x: x - x.mean(-1, keepdim=True), centred_back)
        square = Square.apply  # bound before anything can be patched, as models do

        class Model(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.last = torch.nn.Linear(6, 8), torch.nn.Linear(8, 3)

            def forward(self, x):
                return self.last(Centre.apply(square(self.first(x))))

        torch.manual_seed(0)
        return Model()

    @pytest.mark.parametrize(
        ("settings", "where"),
        [
            ({}, ""),
            ({"factor": 1.5}, "Square.backward"),
            ({"mean": False}, "Centre.backward"),
            ({"factor": 1.5, "mean": False}, "Centre.backward"),
        ],
    )
    def test_first_wrong_function_going_backwards_is_named(self, settings, where):
        x = self.torch.randn(5, 6)
        model = self.model(**settings)
        report = cr.check_stages(model, x, loss=lambda out: (out**3).sum())
        assert report.where.startswith(where)
        assert (report.verdict == "wrong") is bool(where), str(report)
        assert "(test_stages.py:" in report.parts[0].name
        assert all(p.grad is None for p in model.parameters())

    def test_function_with_setup_context_is_watched_too_and_left_as_it_was(self):
        torch = self.torch

        class Cube(torch.autograd.Function):
            @staticmethod
            def forward(x):
                return x**3

            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.save_for_backward(inputs[0])

            @staticmethod
            def backward(ctx, g):
                return g * ctx.saved_tensors[0] ** 2

        before = dict(vars(Cube))
        x = torch.randn(4, requires_grad=True)
        report = cr.check_stages(lambda x: Cube.apply(x).sum(), x)
        assert report.where.startswith("Cube.backward (test_stages.py:")
        assert {k: vars(Cube)[k] for k in before} == before

    def test_model_without_custom_functions_is_one_sentence(self):
        model = self.torch.nn.Linear(2, 1)
        with pytest.raises(ValueError, match="no custom autograd function"):
            cr.check_stages(model, self.torch.ones(3, 2), loss=lambda out: out.sum())
        with pytest.raises(ValueError, match="one number"):
            cr.check_stages(model, self.torch.ones(3, 2))
