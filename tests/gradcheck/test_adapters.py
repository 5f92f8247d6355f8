"""Adapters: torch modules, autograd functions, JAX; and the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

import chainrule as cr


def test_torch_module_with_dropout_and_batch_norm():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Linear(4, 6), torch.nn.BatchNorm1d(6), torch.nn.ReLU(), torch.nn.Dropout(0.5),
        torch.nn.Linear(6, 3),
    )  # fmt: skip
    before = {k: v.clone() for k, v in module.state_dict().items()}
    random = torch.random.get_rng_state()
    X, y = torch.randn(8, 4), torch.randint(0, 3, (8,))
    torch.random.set_rng_state(random)
    report = cr.check_gradients(module, X, y, torch.nn.functional.cross_entropy)
    assert report.count(1) == 0
    assert report["4.weight"].count(0) == 18
    assert "float64 copy" in str(report)
    assert torch.equal(random, torch.random.get_rng_state())
    assert all(torch.equal(v, module.state_dict()[k]) for k, v in before.items())


def test_torch_function_that_is_right():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from chainrule.gradcheck.adapters.torch import check_function

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            return 3 * ctx.saved_tensors[0] ** 2 * g

    assert check_function(Cube, torch.randn(3, 4)).ok


def test_jax_custom_rule():
    jax = pytest.importorskip("jax", reason="jax is not installed")
    from chainrule.gradcheck.adapters.jax import check_jax

    jnp = jax.numpy

    def rule(factor):
        @jax.custom_vjp
        def relu(x):
            return jnp.maximum(x, 0)

        relu.defvjp(lambda x: (relu(x), x), lambda x, g: (factor * g * (x > 0),))
        return relu

    rng = np.random.default_rng(0)
    p = {
        "W1": rng.normal(size=(4, 5)),
        "b1": np.zeros(5),
        "W2": rng.normal(size=(5, 1)),
        "b2": np.zeros(1),
    }
    X, y = rng.normal(size=(7, 4)), rng.normal(size=(7, 1))

    def cost(factor):
        relu = rule(factor)
        return lambda p: jnp.mean((relu(X @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"] - y) ** 2)

    assert check_jax(cost(1.0), p, X=X, y=y).ok
    report = check_jax(cost(2.0), p, X=X, y=y)
    assert (report.verdict, report.diagnoses[0].bug) == ("wrong", "factor 2")
    assert report.where.startswith("layer 1")


@pytest.fixture
def model(tmp_path):
    """A trained model and its table."""
    for name in ("click", "rich", "pyarrow"):
        pytest.importorskip(name, reason=f"the command line needs {name}")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    rows = ["a,b,c,y", *(",".join(map(str, [*x, int(x.sum() > 0)])) for x in X)]
    data = tmp_path / "data.csv"
    data.write_text("\n".join(rows))
    path = tmp_path / "m.safetensors"
    done = run("train", str(data), "--target", "y", "--epochs", "3", "-q", "-o", str(path))
    assert done.exit_code == 0, done.output
    return str(path), str(data), tmp_path


def run(*args):
    from click.testing import CliRunner

    from chainrule.cli.app import app

    return CliRunner().invoke(app, list(args))


def test_command_line_right(model):
    path, data, folder = model
    done = run("check", path, data, "--rows", "20", "--html", str(folder / "r.html"))
    assert done.exit_code == 0, done.output
    assert "RIGHT: all" in done.output
    assert "checked on 20 of 60 rows" in done.stderr
    assert (folder / "r.html").exists()
    found = json.loads(run("check", path, data, "--json", "-q").stdout)
    assert found["verdict"] == "right"


@pytest.mark.parametrize(("seconds", "spoil", "code"), [(None, True, 1), ("1e-9", False, 4)])
def test_command_line_exit_codes(model, monkeypatch, seconds, spoil, code):
    from chainrule.gradcheck.strategies import network

    path, data, _ = model
    if spoil:
        right = network._engine_gradient

        def wrong(*args):
            J, dtheta, name = right(*args)
            return J, -dtheta, name

        monkeypatch.setattr(network, "_engine_gradient", wrong)
    extra = ["--seconds", seconds] if seconds else []
    done = run("check", path, data, *extra)
    assert done.exit_code == code, done.output
    assert ("sign" in done.output) == spoil
