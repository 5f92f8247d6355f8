"""Network: arguments and their messages, parameters as views, config round trips, shapes."""

from __future__ import annotations

import copy
import json
import pickle
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.cases import COSTS, SPECS, outputs_of

import chainrule as cr

BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"sizes": 5}, TypeError, "sizes must be whole numbers such as [30, 64, 1], not 5"),
    ({"sizes": [3.0, 1]}, TypeError, "sizes must be whole numbers"),
    ({"sizes": [3]}, ValueError, "sizes needs at least inputs and outputs"),
    ({"sizes": [3, 0, 1]}, ValueError, "sizes[1] must be at least 1, not 0"),
    ({"sizes": [3, -2, 1]}, ValueError, "sizes[1] must be at least 1, not -2"),
    ({"sizes": [10**30, 1]}, ValueError, "no computer holds as many"),
    ({"hidden": "rely"}, ValueError, "unknown activation 'rely', did you mean 'relu'?"),
    ({"hidden": ["relu", "tanh"]}, ValueError, "hidden names 2 activations for 1 hidden layers"),
    ({"hidden": 5}, TypeError, "hidden must be an activation, or a list"),
    ({"hidden": [5]}, TypeError, "a name must be text"),
    ({"cost": "mse"}, ValueError, "did you mean 'squared_error'?"),
    ({"cost": "logistic"}, ValueError, "cost 'logistic' cannot go with output='identity'"),
    ({"cost": "poisson", "output": "relu"}, ValueError, "use output='exp' or 'softplus'"),
    ({"output": "softmax"}, ValueError, "a softmax of one output is always 1"),
    ({"seed": -1}, ValueError, "seed must be from 0 to 2^64 - 1, not -1"),
    ({"seed": 2**64}, ValueError, "seed must be from 0"),
    ({"seed": 1.5}, TypeError, "seed must be a whole number, not 1.5"),
    ({"seed": True}, ValueError, "seed must be from 0"),
    ({"dtype": "float16"}, ValueError, "unknown dtype 'float16'"),
    ({"dtype": "a,"}, ValueError, "unknown dtype 'a,'"),
    ({"dtype": int}, ValueError, "unknown dtype 'int64'"),
    ({"dropout": 1.0}, ValueError, "dropout must be at least 0 and below 1, not 1.0"),
    ({"dropout": [0.1]}, ValueError, "dropout needs one number, or 2 of them"),
    ({"dropout": [0.1, -1]}, ValueError, "dropout[1] must be at least 0 and below 1, not -1"),
    ({"dropout": None}, TypeError, "dropout must be a rate, or a list"),
    ({"l1": -1}, ValueError, "l1 must be a finite number, 0 or above, not -1"),
    ({"l2": np.inf}, ValueError, "l2 must be a finite number, 0 or above, not inf"),
    ({"l2": "0.1"}, TypeError, "l2 must be a finite number, 0 or above, not '0.1'"),
    ({"l1": 10**400}, ValueError, "l1 must be a finite number"),
    ({"l1": Fraction(10**400)}, ValueError, "l1 must be a finite number"),
    ({"init": "he"}, ValueError, "unknown initializer 'he'"),
    ({"init": ["zeros"]}, ValueError, "init names 1 initializers for 2 layers"),
    ({"init": ["zeros"] * 3}, ValueError, "init names 3 initializers for 2 layers"),
    ({"init": 5}, TypeError, "init must be an initializer, or a list"),
]


@pytest.mark.parametrize(("given_", "error", "message"), BAD, ids=lambda v: str(v)[:40])
def test_bad_arguments(given_: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        cr.Network(**({"sizes": [3, 2, 1]} | given_))


X = np.ones((4, 3))
Y = np.zeros(4)
BAD_DATA: list[tuple[Any, Any, Any, type[Exception], str]] = [
    ([1, 2, 3], Y, None, ValueError, "X must have the shape (m, 3), one row a sample, not (3,)"),
    (np.ones((4, 2)), Y, None, ValueError, "X must have the shape (m, 3)"),
    ([["a", "b", "c"]], Y, None, TypeError, "X must hold numbers"),
    (X * 1j, Y, None, TypeError, "X must hold numbers, not complex128"),
    (X, Y[:3], None, ValueError, "y has 3 rows, and X has 4"),
    (X, Y, [1, 2], ValueError, "sample_weight must have the shape (4,), not (2,)"),
    (X, Y, [1, -1, 1, 1], ValueError, "sample_weight[1] = -1.0: a weight is finite and 0 or above"),
    (X, Y, [1, 1, np.nan, 1], ValueError, "sample_weight[2] = nan"),
    (X, Y, ["a"] * 4, TypeError, "sample_weight must hold (4,) numbers"),
    (X, Y, [1e308] * 4, ValueError, "sample_weight adds up to infinity"),
]


@pytest.mark.parametrize(("X", "y", "w", "error", "message"), BAD_DATA, ids=lambda v: str(v)[:30])
def test_bad_data(X: Any, y: Any, w: Any, error: type[Exception], message: str) -> None:
    net = cr.Network([3, 2, 1])
    for call in (net.J, net.gradients):
        with pytest.raises(error, match=re.escape(message)):
            call(X, y, w)


FIT_BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"learning_rate": 0}, ValueError, "learning_rate must be a finite number above 0, not 0"),
    ({"learning_rate": -1}, ValueError, "learning_rate must be a finite number above 0, not -1"),
    ({"learning_rate": 10**400}, ValueError, "learning_rate must be a finite number above 0"),
    ({"batch_size": 0}, ValueError, "batch_size must be a whole number, 1 or above, not 0"),
    ({"batch_size": 5}, ValueError, "batch_size is 5, but there are 4 training samples"),
    ({"batch_size": "many"}, ValueError, "batch_size must be a whole number"),
    ({"epochs": 0}, ValueError, "epochs must be a whole number, 1 or above, not 0"),
    ({"epochs": True}, ValueError, "epochs must be a whole number"),
    ({"patience": 0}, ValueError, "patience must be a whole number"),
    ({"tolerance": -1}, ValueError, "tolerance must be a finite number, 0 or above, not -1"),
    ({"validation": 1.0}, ValueError, "validation must be above 0 and below 1, not 1.0"),
    ({"validation": 0.01}, ValueError, "validation=0.01 of 4 samples leaves an empty part"),
    ({"validation": (X,)}, ValueError, "validation must be a share, (X, y)"),
    ({"validation": (X[:0], Y[:0])}, ValueError, "validation has no samples"),
    ({"validation": (X, Y, np.zeros(4))}, ValueError, "all 4 validation samples are 0"),
    ({"sample_weight": np.zeros(4)}, ValueError, "all 4 training samples are 0"),
    ({"optimizer": "sgd"}, ValueError, "did you mean 'gradient_descent'?"),
    ({"optimizer": "lbfgs", "clip_norm": 1}, ValueError, "leave out clip_norm"),
    ({"class_weight": "balanced"}, ValueError, "class_weight needs a cost of classes"),
    ({"clip_norm": 0}, ValueError, "clip_norm must be a finite number above 0"),
    ({"callbacks": 5}, TypeError, "a callback is a function of (network, history), not 5"),
    ({"metrics": "acc"}, ValueError, "unknown metric 'acc'"),
    ({"schedule": "cosin"}, ValueError, "did you mean 'cosine'?"),
    ({"record": "all"}, ValueError, "record must be None or 'explain'"),
    ({"threads": 0}, ValueError, "threads must be a whole number"),
    ({"engine": "gpu"}, ValueError, "unknown engine 'gpu'"),
]


@pytest.mark.parametrize(("settings", "error", "message"), FIT_BAD, ids=lambda v: str(v)[:40])
def test_bad_settings(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    net = cr.Network([3, 2, 1])
    before = net.theta.copy()
    with pytest.raises(error, match=re.escape(message)):
        net.fit(X, Y, **settings)
    assert (net.theta == before).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_input_that_is_not_finite_is_named(value: float) -> None:
    far = X.copy()
    far[2, 1] = value
    with pytest.raises(ValueError, match=re.escape(f"X[2, 1] of X is {value}")):
        cr.Network([3, 1]).fit(far, Y)
    with pytest.raises(ValueError, match=re.escape("must be finite in float32")):
        cr.Network([3, 1], dtype="float32").fit(X * 1e300, Y)


def test_lbfgs_refuses_dropout() -> None:
    with pytest.raises(ValueError, match="dropout changes it"):
        cr.Network([3, 2, 1], dropout=0.5).fit(X, Y, optimizer="lbfgs")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_theta_holds_everything_in_the_order_promised(dtype: str) -> None:
    net = cr.Network([3, 2, 4], dtype=dtype)
    net.theta = np.arange(net.theta.size)
    assert net.W[1].tolist() == [[0, 2, 4], [1, 3, 5]]
    assert net.b[1].tolist() == [6, 7]
    assert net.W[2].T.ravel().tolist() == list(range(8, 16))
    assert net.b[2].tolist() == [16, 17, 18, 19]
    net.W[1][0, 1] = -7
    net.b[2] = [1, 2, 3, 4]
    assert net.theta[2] == -7
    assert net.theta[-4:].tolist() == [1, 2, 3, 4]
    assert net.theta.dtype == net.W[1].dtype == dtype
    assert (net.W[0], net.b[0], len(net.W)) == (None, None, 3)


def test_assignments_that_do_not_fit() -> None:
    net = cr.Network([3, 2, 1])
    with pytest.raises(ValueError, match=re.escape("W[1] has the shape (2, 3), not (3, 2)")):
        net.W[1] = np.zeros((3, 2))
    with pytest.raises(IndexError, match="layers are counted from 1"):
        net.W[0] = 1
    with pytest.raises(IndexError, match=r"b\[3\] is of no layer: there are 1 to 2"):
        net.b[3]
    with pytest.raises(IndexError, match=r"W\[3\] is of no layer: there are 1 to 2"):
        net.W[3] = 0
    with pytest.raises(AttributeError):
        net.W = [1]  # type: ignore[misc]
    with pytest.raises(ValueError, match=re.escape("theta has the shape (11,), not (3,)")):
        net.theta = [1, 2, 3]


@pytest.mark.parametrize("way", ["copy", "deepcopy", "pickle"])
def test_copies_stand_alone(way: str) -> None:
    net = cr.Network([3, 2, 1], seed=4)
    other = {
        "copy": lambda: net.copy(),
        "deepcopy": lambda: copy.deepcopy(net),
        "pickle": lambda: pickle.loads(pickle.dumps(net)),  # noqa: S301
    }[way]()
    before = net.theta.copy()
    other.fit(X, Y, epochs=2)
    assert (net.theta == before).all()
    assert (other.theta != before).any()
    other.W[1] = np.zeros((2, 3))
    assert not other.theta[:6].any()


def test_a_copy_in_another_dtype() -> None:
    net = cr.Network([3, 2, 1], seed=4)
    other = net.copy("float32")
    assert other.dtype == other.theta.dtype == np.float32
    np.testing.assert_allclose(other.theta, net.theta, rtol=1e-7)
    with pytest.raises(ValueError, match="unknown dtype"):
        net.copy("float16")


def test_empty_tables_give_empty_results() -> None:
    net = cr.Network([3, 2], output="softmax")
    assert net.predict(np.empty((0, 3))).shape == (0, 2)
    assert net.gradients(np.empty((0, 3)), np.empty(0)).dtheta.tolist() == [0] * 8


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    sizes = [*draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)), draw(st.integers(2, 4))]
    cost = draw(st.sampled_from(COSTS))
    rate, strength = st.floats(0, 0.9), st.floats(0, 10)
    layers = len(sizes) - 1

    def several(one: Any, count: int) -> Any:
        return draw(st.lists(one, min_size=count, max_size=count))

    return {
        "sizes": sizes,
        "hidden": several(st.sampled_from(SPECS), layers - 1),
        "output": draw(st.sampled_from(outputs_of(cost))),
        "cost": cost,
        "seed": draw(st.integers(0, 2**64 - 1)),
        "dtype": draw(st.sampled_from(["float32", "float64"])),
        "dropout": several(rate, layers),
        "l1": draw(strength),
        "l2": draw(strength),
        "init": several(st.sampled_from(sorted(cr.INITIALIZERS)), layers),
    }


@given(networks())
def test_config_round_trip(arguments: dict[str, Any]) -> None:
    net = cr.Network(**arguments)
    config = json.loads(json.dumps(net.config()))
    back = cr.Network.from_config(config)
    assert back.config() == net.config()
    assert (back.theta == net.theta).all()
    assert [layer.kind for layer in back.layers] == [layer.kind for layer in net.layers]
    own = cr.Network.from_config(config, np.arange(net.theta.size))
    assert own.theta.tolist() == list(range(net.theta.size))


GOOD = cr.Network([3, 2, 1], dropout=0.1).config()
OF_VERSION_1 = {
    "sizes": [3, 2, 1],
    "hidden": ["relu"],
    "output": "identity",
    "cost": "squared_error",
    "seed": 0,
    "dtype": "float64",
    "dropout": [0.0, 0.1],
    "l1": 0.0,
    "l2": 0.0,
    "init": ["he_uniform", "glorot_uniform"],
}
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)


def containers(inner: Any) -> Any:
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2)


json_values = st.recursive(plain, containers, max_leaves=6)


def large(value: Any) -> bool:
    """Whether a size in a config is of a large network, which is no fault."""
    sizes = value if isinstance(value, list) else [value]
    return any(isinstance(n, int) and n > 10**4 for n in sizes)


@given(st.sampled_from([GOOD, OF_VERSION_1]), st.data(), json_values)
def test_a_malformed_config_is_a_value_error_or_a_network(
    good: dict[str, Any], data: st.DataObject, value: Any
) -> None:
    name = data.draw(st.sampled_from(sorted(good)))
    if name == "sizes" and large(value):
        return
    try:
        net = cr.Network.from_config(good | {name: value})
    except ValueError:
        return
    assert net.config()["layers"]


@given(st.data(), json_values)
def test_a_malformed_layer_is_a_value_error_or_a_network(data: st.DataObject, value: Any) -> None:
    place = data.draw(st.integers(0, len(GOOD["layers"]) - 1))
    name = data.draw(st.sampled_from([*GOOD["layers"][place], "extra"]))
    if large(value):
        return
    layers = [dict(layer) for layer in GOOD["layers"]]
    layers[place][name] = value
    try:
        net = cr.Network.from_config(GOOD | {"layers": layers})
    except ValueError:
        return
    assert net.config()["layers"][place][name] == value or name in ("f", "init")


def test_a_config_of_version_1_is_the_same_network() -> None:
    old, new = cr.Network.from_config(OF_VERSION_1), cr.Network.from_config(GOOD)
    assert old.config() == new.config() == GOOD
    assert old.theta.tobytes() == new.theta.tobytes()


@given(json_values)
def test_anything_else_is_no_config(value: Any) -> None:
    with pytest.raises(ValueError, match="a network's config must be an object with layers"):
        cr.Network.from_config(value)
    with pytest.raises(ValueError, match="a network's config must be an object with layers"):
        cr.Network.from_config(GOOD | {"extra": value})
    with pytest.raises(ValueError, match="a network's config must be an object with sizes"):
        cr.Network.from_config(OF_VERSION_1 | {"extra": value})


def test_the_canonical_partner_is_the_default_cost() -> None:
    partners = {
        "identity": "squared_error",
        "sigmoid": "logistic",
        "softmax": "cross_entropy",
        "exp": "poisson",
        "relu": "squared_error",
    }
    for output, cost in partners.items():
        assert cr.Network([2, 2], output=output).cost.name == cost


@pytest.mark.parametrize("m", [0, 1, 6, 7, 8, 14, 100])
def test_predict_on_numpy_goes_in_parts_over_many_rows(
    m: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chainrule.engines import inference

    net = cr.Network([3, 4, 2], seed=1)
    X = np.random.default_rng(m).normal(size=(m, 3))
    expected, rows = net.forward(X).y_hat, []
    forward = cr.Network.forward

    def counted(net: cr.Network, X: np.ndarray) -> cr.Trace:
        rows.append(len(X))
        return forward(net, X)

    monkeypatch.setattr(cr.Network, "forward", counted)
    monkeypatch.setattr(inference, "built", lambda: None)
    monkeypatch.setattr(inference, "ROWS_A_PASS", 7)
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e-13)
    assert max(rows) <= 7
    assert sum(rows) == m
