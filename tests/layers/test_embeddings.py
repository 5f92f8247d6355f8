"""The embedding layers by hand, against torch, exactly, and through what knows no kind of layer."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.gradcheck.verdicts import WRONG
from chainrule.mathematics.layers import (
    ActivationLayer,
    Affine,
    Layer,
    Periodic,
    PiecewiseLinear,
    layer_config,
    layer_from_config,
)

INIT = cr.INITIALIZERS["he_uniform"]()
EDGES = ((-1.0, -0.25, 0.5, 2.0), (-2.0, 3.0), (0.0, 1.0, 1.5))
EMBEDDINGS: dict[str, Layer] = {
    "piecewise_linear": PiecewiseLinear(EDGES, 2),
    "periodic": Periodic(3, width=3, waves=5, deviation=0.7),
}
BOTH = pytest.mark.parametrize("kind", EMBEDDINGS)


def network(kind: str, first: bool = True, **settings: Any) -> cr.Network:
    """A network with an embedding as its first layer, or after another."""
    tanh, identity = cr.ACTIVATIONS["tanh"](), cr.ACTIVATIONS["identity"]()
    embedding = EMBEDDINGS[kind]
    before: list[Layer] = [] if first else [Affine(3, 3, INIT), ActivationLayer(3, tanh)]
    layers: list[Layer] = [
        *before,
        embedding,
        Affine(embedding.n_out, 4, INIT),
        ActivationLayer(4, tanh),
        Affine(4, 2, INIT),
        ActivationLayer(2, identity),
    ]
    net = cr.Network.from_layers(layers, seed=4, **settings)
    rng = np.random.default_rng(1)
    for parameters in net.parameters:
        for values in parameters.values():
            values[...] = rng.normal(0, 0.5, values.shape)  # P too, which starts at 0
    return net


def samples(m: int = 6) -> tuple[Any, Any]:
    rng = np.random.default_rng(2)
    return rng.normal(0, 1.5, (m, 3)), rng.normal(size=(m, 2))


def test_piecewise_linear_of_hand_worked_numbers() -> None:
    layer = PiecewiseLinear(((0.0, 1.0, 3.0, 4.0), (0.0, 2.0)), 2)
    p = {
        "a": np.array([[1.0, 0.0], [0.0, 10.0]]),
        "c": np.array([[0.0, 5.0], [0.0, 1.0]]),
        "P": np.array([[1.0, 2.0], [10.0, 0.0], [100.0, 0.0], [0.0, 4.0]]),
    }
    # x = 2: r = (1, 1/2, 0). x = -1: r = (-1, 0, 0). x = 6: r = (1, 1, 3). x = 1: r = (1, 0, 0).
    x = np.array([[2.0, 1.0], [-1.0, -2.0], [6.0, 4.0], [1.0, 0.0]])
    y, cache = layer.forward(x, p, None)
    assert y.tolist() == [
        [2 + 1 + 5, 5 + 2, 0, 10 + 1 + 2],
        [-1 - 1, 5 - 2, 0, -20 + 1 - 4],
        [6 + 1 + 10 + 300, 5 + 2, 0, 40 + 1 + 8],
        [1 + 1, 5 + 2, 0, 1],
    ]
    dx, gradients = layer.backward(np.ones((4, 4)), cache, p)
    assert gradients["a"].tolist() == [[8.0, 8.0], [3.0, 3.0]]
    assert gradients["c"].tolist() == [[4.0, 4.0]] * 2
    assert gradients["P"].tolist() == [[2.0, 2.0], [1.5, 1.5], [3.0, 3.0], [1.5, 1.5]]
    # a, and (1 + 2) / 1, 10 / 2 or 100 / 1 by the bin; at the edge 1 that from the left.
    assert dx is not None
    assert dx.tolist() == [[1 + 5, 10 + 2], [1 + 3, 12], [1 + 100, 12], [1 + 3, 12]]
    assert layer.backward(y, cache, p, want_dx=False)[0] is None


def test_piecewise_linear_agrees_with_numpys_interpolation_within_the_edges() -> None:
    layer = PiecewiseLinear(EDGES[:1], 1)
    rng = np.random.default_rng(0)
    p = {"a": np.zeros((1, 1)), "c": rng.normal(size=(1, 1)), "P": rng.normal(size=(3, 1))}
    x = np.linspace(-1, 2, 50)
    heights = p["c"][0, 0] + np.concatenate([[0.0], np.cumsum(p["P"][:, 0])])
    y, _ = layer.forward(x[:, None], p, None)
    np.testing.assert_allclose(y[:, 0], np.interp(x, EDGES[0], heights), rtol=1e-13)


def test_periodic_of_hand_worked_numbers() -> None:
    layer = Periodic(1, width=2, waves=2)
    p = {
        "w": np.array([[0.25, 0.5]]),
        "phi": np.array([[0.0, np.pi / 2]]),
        "V": np.array([[[3.0, 5.0]]]),
        "q": np.array([[7.0]]),
    }
    y, cache = layer.forward(np.array([[1.0], [2.0]]), p, None)
    # u = (pi/2, 3 pi/2), then (pi, 5 pi/2): cos = (0, 0), (-1, 0); sin = (1, -1), (0, 1).
    np.testing.assert_allclose(y, [[1, 7], [2, 4]], atol=1e-14)
    dx, gradients = layer.backward(np.array([[100.0, 1.0], [0.0, 10.0]]), cache, p)
    np.testing.assert_allclose(gradients["q"], [[11]])
    np.testing.assert_allclose(gradients["V"], [[[-10, 0]]], atol=1e-13)
    # du = -sin(u) V d: (-3, 5) and (0, -50).
    np.testing.assert_allclose(gradients["phi"], [[-3, -45]], atol=1e-13)
    np.testing.assert_allclose(gradients["w"], [[-6 * np.pi, 2 * np.pi * (5 - 100)]], rtol=1e-13)
    first = 100 + 2 * np.pi * (0.25 * -3 + 0.5 * 5)
    np.testing.assert_allclose(dx, [[first], [2 * np.pi * 0.5 * -50]], rtol=1e-13)
    assert layer.backward(y, cache, p, want_dx=False)[0] is None


def test_piecewise_linear_gradients_are_exact_differences_of_fractions() -> None:
    whole = np.vectorize(Fraction, otypes=[object])
    layer = PiecewiseLinear(EDGES[:2], 2)
    rng = np.random.default_rng(5)
    p = {q.name: whole(rng.integers(-8, 9, q.shape) / 8) for q in layer.parameters}
    x, d = whole(rng.integers(-24, 25, (5, 2)) / 8 + 1 / 16), whole(rng.integers(-4, 5, (5, 4)))
    dx, gradients = layer.backward(d, layer.forward(x, p, None)[1], p)
    h = Fraction(1, 64)  # x moves within its bin, as every edge is a multiple of 1/8
    places = [(p, name, at) for name in p for at in np.ndindex(p[name].shape)]
    places += [({"x": x}, "x", at) for at in np.ndindex(x.shape)]
    for holder, name, at in places:
        J = []
        for step in (h, -h):
            moved = {name: holder[name].copy()}
            moved[name][at] += step
            inputs = moved.get("x", x)
            J.append(
                (layer.forward(inputs, p if name == "x" else {**p, **moved}, None)[0] * d).sum()
            )
        derivative = dx[at] if name == "x" else gradients[name][at]
        assert (J[0] - J[1]) / (2 * h) == derivative


def test_periodic_derivatives_are_those_of_symbols() -> None:
    sp = pytest.importorskip("sympy", reason="sympy is not installed")
    layer = Periodic(1, width=2, waves=1)
    p = {q.name: np.full(q.shape, sp.Symbol(q.name, real=True)) for q in layer.parameters}
    x = np.array([[sp.Symbol("x1", real=True)], [sp.Symbol("x2", real=True)]])
    d = np.array([[sp.Symbol(f"d{i}{j}", real=True) for j in range(2)] for i in range(2)])
    y, cache = layer.forward(x, p, None)
    J = (y * d).sum()
    dx, gradients = layer.backward(d, cache, p)
    for name, values in gradients.items():
        assert sp.simplify(sp.diff(J, p[name].ravel()[0]) - values.ravel()[0]) == 0
    for i in range(2):
        assert sp.simplify(sp.diff(J, x[i, 0]) - dx[i, 0]) == 0


def torch_embedding(torch: Any, layer: Layer, a: Any, p: Any) -> Any:
    if isinstance(layer, Periodic):
        waves = torch.cos(2 * torch.pi * torch.einsum("mj,jk->mjk", a, p["w"]) + p["phi"])
        mixed = torch.einsum("mjk,jek->mje", waves, p["V"]) + p["q"]
        return torch.cat([a[:, :, None], mixed], 2).flatten(1)
    assert isinstance(layer, PiecewiseLinear)
    parts, start = [], 0
    for j, beta in enumerate(layer.edges):
        y = a[:, j, None] * p["a"][j] + p["c"][j]
        for t in range(len(beta) - 1):
            r = (a[:, j, None] - beta[t]) / (beta[t + 1] - beta[t])
            low = None if t == 0 else 0.0
            high = None if t == len(beta) - 2 else 1.0
            r = r if low is None and high is None else torch.clamp(r, low, high)
            y = y + r * p["P"][start + t]
        start += len(beta) - 1
        parts.append(y)
    return torch.cat(parts, 1)


@BOTH
@pytest.mark.parametrize("first", [True, False])
def test_gradients_agree_with_torch(kind: str, first: bool) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    net, (X, y) = network(kind, first), samples()
    leaves = [
        {n: torch.tensor(v.copy(), requires_grad=True) for n, v in p.items()}
        for p in net.parameters
    ]
    a = torch.tensor(X)
    for layer, p in zip(net.layers, leaves, strict=True):
        if layer.kind == kind:
            a = torch_embedding(torch, layer, a, p)
        elif layer.kind == "affine":
            a = a @ p["W"].T + p["b"]
        elif layer.n_out != 2:
            a = torch.tanh(a)
    (((a - torch.tensor(y)) ** 2).sum(1) / 2).mean().backward()
    for ours, theirs in zip(net.gradients(X, y).layers, leaves, strict=True):
        for name, value in theirs.items():
            np.testing.assert_allclose(ours[name], value.grad.numpy(), rtol=1e-11, atol=1e-13)


@BOTH
def test_forward_and_backward_of_torch_arrays(kind: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    layer, (x, _) = EMBEDDINGS[kind], samples()
    p = network(kind).parameters[0]
    theirs = {name: torch.tensor(v.copy()) for name, v in p.items()}
    y, cache = layer.forward(x, p, None)
    y_torch, cache_torch = layer.forward(torch.tensor(x), theirs, None)
    np.testing.assert_allclose(y_torch.numpy(), y, rtol=1e-13)
    dx, gradients = layer.backward(y, cache, p)
    dx_torch, gradients_torch = layer.backward(torch.tensor(y), cache_torch, theirs)
    assert dx_torch is not None
    np.testing.assert_allclose(dx_torch.numpy(), dx, rtol=1e-12)
    for name, value in gradients.items():
        np.testing.assert_allclose(gradients_torch[name].numpy(), value, rtol=1e-12)


@BOTH
def test_check_of_the_network_takes_every_entry(kind: str) -> None:
    net, (X, y) = network(kind), samples()
    report = cr.check_gradients(net, X, y, progress=False)
    assert report.ok
    names = {f"{kind}0.{parameter.name}" for parameter in EMBEDDINGS[kind].parameters}
    assert {t.name for t in report.tensors} >= names
    wrong = net.gradients(X, y).dtheta
    assert wrong is not None
    wrong[:3] *= 2
    report = cr.check_gradients(net, X, y, gradients=wrong, training=False, progress=False)
    assert report.verdict == "wrong"
    first = EMBEDDINGS[kind].parameters[0].name
    assert [t.name for t in report.tensors if t.count(WRONG)] == [f"{kind}0.{first}"]


@BOTH
def test_training_falls_back_to_the_reference_engine_and_says_why(kind: str, capsys: Any) -> None:
    net, (X, y) = network(kind), samples(40)
    before = net.J(X, y)
    history = net.fit(X, y, epochs=30, learning_rate=0.01, progress=True)
    assert "reference" in history.engine
    assert f"lacks layer '{kind}'" in capsys.readouterr().err
    assert net.J(X, y) < before


@BOTH
def test_file_and_copies_keep_every_parameter(kind: str, tmp_path: Path) -> None:
    net, (X, _) = network(kind, dtype="float32"), samples()
    net.save(tmp_path / "m.safetensors")
    again = cr.load(tmp_path / "m.safetensors")
    assert again.theta.tobytes() == net.theta.tobytes()
    assert again.config() == net.config()
    assert (again.predict(X) == net.predict(X)).all()
    assert layer_from_config(layer_config(EMBEDDINGS[kind])) == EMBEDDINGS[kind]


@BOTH
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_onnx_computes_the_same(kind: str, dtype: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    from chainrule.interop.onnx import to_onnx

    net, (X, _) = network(kind, dtype=dtype), samples(30)
    X = (3 * X).astype(dtype)  # beyond the edges too
    to_onnx(net, tmp_path / "net.onnx")
    session = runtime.InferenceSession(tmp_path / "net.onnx")
    output = session.run(None, {session.get_inputs()[0].name: X})[0]
    np.testing.assert_allclose(output, net.predict(X), atol=1e-5 if dtype == "float32" else 1e-12)


@BOTH
def test_start_is_that_of_the_source(kind: str) -> None:
    embedding = EMBEDDINGS[kind]
    layers = [embedding, Affine(embedding.n_out, 1, INIT)]
    net = cr.Network.from_layers([*layers, ActivationLayer(1, cr.ACTIVATIONS["identity"]())])
    p = net.parameters[0]
    if kind == "piecewise_linear":
        assert not p["P"].any()
        X = np.linspace(-9, 9, 7)[:, None].repeat(3, axis=1)
        np.testing.assert_allclose(np.diff(net.predict(X), 2, axis=0), 0, atol=1e-12)  # a line
        return
    assert np.abs(p["phi"]).max() <= np.pi
    assert np.abs(p["V"]).max() <= 1 / np.sqrt(5)
    assert 0.3 < p["w"].std() < 1.4


@BOTH
def test_notebook_names_the_layer_and_its_formula(kind: str) -> None:
    html = network(kind)._repr_html_()
    assert kind in html
    assert EMBEDDINGS[kind].formula.split(",")[0] in html


@BOTH
@pytest.mark.parametrize("first", [True, False])
def test_picture_has_the_layer_with_its_formula(kind: str, first: bool) -> None:
    net, (X, y) = network(kind, first), samples()
    svg = cr.illustrate(net, X, y)._repr_svg_()
    assert kind in svg
    assert EMBEDDINGS[kind].formula in svg
    with pytest.raises(ValueError, match=f"the network has layers of the kind {kind}"):
        cr.explain(net, X, y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edges": [[1.0, 1.0]]}, "edges of a piecewise-linear layer must be a list"),
        ({"edges": [[1.0]]}, "edges of a piecewise-linear layer must be a list"),
        ({"edges": []}, "edges of a piecewise-linear layer must be a list"),
        ({"edges": [[0.0, float("inf")]]}, "edges of a piecewise-linear layer must be a list"),
        ({"edges": [["a", "b"]]}, "edges of a piecewise-linear layer must be a list"),
        ({"width": 0}, "width of a layer must be a whole number from 1"),
        ({"kind": "periodic", "n_in": 1, "width": 1}, "width of a periodic layer must be 2 or"),
        ({"kind": "periodic", "n_in": 1, "deviation": -1.0}, "deviation of a layer must be a num"),
    ],
)
def test_configs_that_cannot_be_a_layer_are_refused(change: Any, message: str) -> None:
    right: dict[str, Any] = {"kind": "piecewise_linear", "edges": [[0.0, 1.0]], "width": 2}
    if change.get("kind") == "periodic":
        right = {"width": 2, "waves": 3, "deviation": 0.1}
    with pytest.raises(ValueError, match=message):
        layer_from_config(right | change)
