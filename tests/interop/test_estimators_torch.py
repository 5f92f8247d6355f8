"""torch's Sequential to a Network and back: equal outputs, and a reason for what cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris

import chainrule as cr
from chainrule.estimators import BackpropClassifier, BackpropRegressor
from chainrule.interop.torch import from_torch, to_torch

torch = pytest.importorskip("torch")
nn = torch.nn
X = np.random.RandomState(0).randn(20, 4)

MODULES = {
    "Identity": nn.Identity(),
    "Sigmoid": nn.Sigmoid(),
    "Tanh": nn.Tanh(),
    "ReLU": nn.ReLU(),
    "LeakyReLU": nn.LeakyReLU(0.2),
    "ELU": nn.ELU(0.7),
    "SELU": nn.SELU(),
    "Softplus": nn.Softplus(),
    "Softsign": nn.Softsign(),
    "GELU": nn.GELU(),
    "SiLU": nn.SiLU(),
    "Mish": nn.Mish(),
    "Softmax": nn.Softmax(dim=-1),
}


def outputs(module: Any, x: Any = X) -> Any:
    with torch.no_grad():
        return module.eval()(torch.tensor(x)).numpy()


def test_every_activation_is_tried() -> None:
    forms = [factory().torch for factory in cr.ACTIVATIONS.values()]
    assert set(MODULES) == {form.name for form in forms if form}


@pytest.mark.parametrize("name", MODULES)
def test_a_sequential_and_its_network_agree(name: str) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Flatten(), nn.Linear(4, 6), MODULES[name], nn.Dropout(0.3), nn.Linear(6, 2, bias=False)
    ).double()
    net = from_torch(module)
    np.testing.assert_allclose(net.predict(X), outputs(module), atol=1e-14)
    again = to_torch(net)
    np.testing.assert_allclose(outputs(again), outputs(module), atol=1e-14)
    assert [layer.kind for layer in net.layers] == [
        "affine",
        "activation",
        "dropout",
        "affine",
        "activation",
    ]


def test_a_safetensors_file_of_a_state_dict(tmp_path: Any) -> None:
    from safetensors.torch import save_file

    module = nn.Sequential(nn.Linear(4, 12), nn.Tanh(), *[nn.Linear(12, 12), nn.Tanh()] * 5)
    module = nn.Sequential(*module, nn.Linear(12, 1))
    path = tmp_path / "module.safetensors"
    save_file({name: tensor.clone() for name, tensor in module.state_dict().items()}, path)
    net = from_torch(path, "tanh")
    x = X.astype(np.float32)
    np.testing.assert_allclose(net.predict(x), outputs(module, x), atol=1e-6)
    assert net.dtype == np.float32
    with pytest.raises(ValueError, match="holds weights only: name the hidden"):
        from_torch(path)
    save_file({"conv.weight": torch.zeros(3, 3, 3)}, path)
    with pytest.raises(ValueError, match="does not hold linear layers only"):
        from_torch(path, "relu")
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is no safetensors file"):
        from_torch(path, "relu")


def test_fitted_estimators_become_modules_on_raw_columns() -> None:
    x, y = load_iris(return_X_y=True)
    clf = BackpropClassifier((5,), max_iter=5, random_state=0).fit(x, y)
    np.testing.assert_allclose(outputs(to_torch(clf), x), clf.predict_proba(x), atol=1e-12)
    x, y = load_diabetes(return_X_y=True)
    reg = BackpropRegressor(hidden_layer_sizes=(5,), max_iter=5, random_state=0).fit(x, y)
    np.testing.assert_allclose(outputs(to_torch(reg), x)[:, 0], reg.predict(x), rtol=1e-10)


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        ([nn.Linear(4, 3), nn.BatchNorm1d(3)], "module 1 of the Sequential is BatchNorm1d"),
        ([nn.Tanh(), nn.Linear(4, 3)], "module 0 of the Sequential is Tanh"),
        ([nn.Linear(4, 3), nn.GELU(approximate="tanh")], "differs from our gelu"),
        ([nn.Linear(4, 3), nn.Linear(4, 3)], "layer 2 takes 4 inputs, and the one before has 3"),
        ([nn.Linear(4, 3), nn.Dropout(0.5)], "ends in Dropout"),
        ([nn.Dropout(0.5)], "no Linear layer"),
    ],
)
def test_what_a_network_cannot_be_is_refused(modules: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        from_torch(nn.Sequential(*modules))


def test_other_things_are_refused() -> None:
    with pytest.raises(TypeError, match=r"takes an nn.Sequential or a file, not Linear"):
        from_torch(nn.Linear(2, 2))
    cube = cr.Activation("cube", f=lambda z: z**3, df=lambda z, a: 3 * z**2)
    with pytest.raises(ValueError, match="torch has no module for the activation 'cube'"):
        to_torch(cr.Network([2, 2, 1], hidden=cube))
