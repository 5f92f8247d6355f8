"""The scaling layer by hand, against torch, exactly, and through what knows no kind of layer."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.gradcheck.verdicts import WRONG
from chainrule.mathematics.layers import ActivationLayer, Affine, Dropout, Layer, Scale
from chainrule.mathematics.passes import Objective, backward_pass, cost_pass, forward_pass

INIT = cr.INITIALIZERS["he_uniform"]()


def layers(hidden: str = "tanh") -> list[Layer]:
    f, g = cr.ACTIVATIONS[hidden](), cr.ACTIVATIONS["identity"]()
    return [
        Scale(3),
        Affine(3, 4, INIT),
        ActivationLayer(4, f),
        Scale(4),
        Dropout(4, 0.25, 1),
        Affine(4, 2, INIT),
        ActivationLayer(2, g),
    ]


def network(**settings: Any) -> cr.Network:
    net = cr.Network.from_layers(layers(), seed=4, **settings)
    rng = np.random.default_rng(1)
    net.parameters[0]["s"][...] = rng.normal(size=3)
    net.parameters[3]["s"][...] = rng.normal(size=4)
    return net


def samples(m: int = 6) -> tuple[Any, Any]:
    rng = np.random.default_rng(2)
    return rng.normal(size=(m, 3)), rng.normal(size=(m, 2))


def test_forward_and_backward_by_hand() -> None:
    layer, p = Scale(2), {"s": np.array([2.0, -1.0])}
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    y, cache = layer.forward(x, p, None)
    assert y.tolist() == [[2.0, -2.0], [6.0, -4.0]]
    dx, gradients = layer.backward(np.array([[1.0, 10.0], [100.0, 1000.0]]), cache, p)
    assert dx is not None
    assert dx.tolist() == [[2.0, -10.0], [200.0, -1000.0]]
    assert gradients["s"].tolist() == [301.0, 4020.0]
    assert layer.backward(y, cache, p, want_dx=False)[0] is None


def test_gradients_are_exact_differences_of_fractions() -> None:
    whole = np.vectorize(Fraction, otypes=[object])
    net = cr.Network.from_layers([Scale(2), *_small()], seed=1)
    theta = [{n: whole(np.round(8 * v) / 8) for n, v in p.items()} for p in net.parameters]
    theta[0]["s"] = whole(np.array([0.5, 1.25]))
    x, y = whole(np.array([[1.0, 0.5], [0.25, 2.0]])), whole(np.array([[1.0], [0.5]]))
    shares = np.array([Fraction(1, 2)] * 2, dtype=object)
    objective = Objective(net.layers, net.cost)
    trace = forward_pass(x, net.layers, theta)
    ds = backward_pass(trace, y, shares, objective, theta)[0][0]["s"]
    for i in range(2):
        J = []
        for h in (Fraction(1, 2), Fraction(-1, 2)):
            moved = [{**theta[0], "s": theta[0]["s"].copy()}, *theta[1:]]
            moved[0]["s"][i] += h
            J.append(cost_pass(forward_pass(x, net.layers, moved), y, shares, objective, moved))
        assert J[0] - J[1] == ds[i]  # J is a polynomial of degree 2 in s


def _small() -> list[Layer]:
    return [Affine(2, 1, INIT), ActivationLayer(1, cr.ACTIVATIONS["identity"]())]


def test_gradients_agree_with_torch() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    net, (X, y) = network(), samples()
    leaves = [
        {n: torch.tensor(v.copy(), requires_grad=True) for n, v in p.items()}
        for p in net.parameters
    ]
    a = torch.tensor(X)
    for layer, p in zip(net.layers, leaves, strict=True):
        if layer.kind == "scale":
            a = a * p["s"]
        elif layer.kind == "affine":
            a = a @ p["W"].T + p["b"]
        elif layer.kind == "activation" and layer.n_out == 4:
            a = torch.tanh(a)
    (((a - torch.tensor(y)) ** 2).sum(1) / 2).mean().backward()
    gradients = net.gradients(X, y)
    for ours, theirs in zip(gradients.layers, leaves, strict=True):
        for name, value in theirs.items():
            np.testing.assert_allclose(ours[name], value.grad.numpy(), rtol=1e-12, atol=1e-14)


def test_check_of_the_network_takes_every_entry() -> None:
    net, (X, y) = network(), samples()
    report = cr.check_gradients(net, X, y, progress=False)
    assert report.ok
    assert {t.name for t in report.tensors} >= {"scale0.s", "scale3.s", "W1", "b1", "W2", "b2"}
    wrong = net.gradients(X, y).dtheta
    assert wrong is not None
    wrong[:3] *= 2
    report = cr.check_gradients(net, X, y, gradients=wrong, training=False, progress=False)
    assert report.verdict == "wrong"
    assert [t.name for t in report.tensors if t.count(WRONG)] == ["scale0.s"]


def test_training_moves_s_by_the_same_steps_on_both_engines() -> None:
    pytest.importorskip("chainrule.engines.native", reason="the core is not built")
    (X, y), trained = samples(40), []
    for engine in ("native", "reference"):
        net = network()
        before, s = net.J(X, y), net.parameters[0]["s"].copy()
        history = net.fit(X, y, epochs=30, learning_rate=0.01, engine=engine, progress=False)
        assert history.engine == engine
        assert net.J(X, y) < before
        assert (net.parameters[0]["s"] != s).all()
        trained.append(net.theta)
    np.testing.assert_allclose(*trained, rtol=1e-9)


def test_file_and_copies_keep_every_parameter(tmp_path: Path) -> None:
    net, (X, _) = network(dtype="float32"), samples()
    net.save(tmp_path / "m.safetensors")
    again = cr.load(tmp_path / "m.safetensors")
    assert again.theta.tobytes() == net.theta.tobytes()
    assert again.config() == net.config()
    assert (again.predict(X) == net.predict(X)).all()
    assert net.copy().layers == net.layers


def test_onnx_computes_the_same(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    from chainrule.interop.onnx import to_onnx

    net, (X, _) = network(), samples()
    to_onnx(net, tmp_path / "net.onnx")
    session = runtime.InferenceSession(tmp_path / "net.onnx")
    output = session.run(None, {session.get_inputs()[0].name: X})[0]
    np.testing.assert_allclose(output, net.predict(X), rtol=1e-12)


def test_notebook_names_the_layer_and_its_formula() -> None:
    html = network()._repr_html_()
    assert "scale" in html
    assert "s x" in html


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([], "at least one affine layer"),
        ([Scale(3)], "at least one affine layer"),
        ([Scale(2), *layers()[1:]], r"layers\[1\] \(affine\) takes 3 columns, and .* gives 2"),
        (layers()[:-1], "the last layer must be an activation, not affine"),
        ([Affine(3, 4, INIT), *layers()[3:]], "followed by its activation"),
    ],
)
def test_layers_that_cannot_be_a_network_are_refused(wrong: list[Layer], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cr.Network.from_layers(wrong)
