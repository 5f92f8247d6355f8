"""Extremes: nothing overflows, warns or hides a NaN, up to the largest numbers of each dtype."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.cases import COSTS, PAIRS, SPECS, outputs_of

import chainrule as cr
from chainrule.mathematics.activations import activation_backward, resolve_activation
from chainrule.mathematics.costs import CANONICAL, cost_backward, cost_of, resolve_cost

FAR = {"float32": 1e4, "float64": 1e300}
LARGEST = {name: float(np.finfo(name).max) for name in FAR}


def far(dtype: str, peak: float) -> np.ndarray:
    """Return rows of three z: every combination of -peak, 0, 1 and peak."""
    values = np.array([-peak, 0.0, 1.0, peak])
    return np.stack(np.meshgrid(values, values, values), -1).reshape(-1, 3).astype(dtype)


def one_layer(z: np.ndarray, output: str, cost: str) -> cr.Network:
    """Return a network whose z is its input: W = 1, b = 0."""
    net = cr.Network([z.shape[1]] * 2, output=output, cost=cost, dtype=z.dtype)
    net.W[1] = np.eye(z.shape[1])
    return net


def targets_of(cost: str, m: int) -> list[np.ndarray]:
    """Return targets at the edges of what a cost takes, and one inside."""
    if resolve_cost(cost).target == "classes":
        return [np.full(m, label) for label in range(3)] + [np.full((m, 3), 1 / 3)]
    return [np.full((m, 3), value) for value in (0.0, 1.0, 0.25)]


@pytest.mark.parametrize("dtype", FAR)
@pytest.mark.parametrize(
    "pair",
    [("sigmoid", "logistic"), ("softmax", "cross_entropy"), ("softmax", "cross_entropy(0.1)")],
    ids="+".join,
)
@pytest.mark.parametrize("largest", [False, True], ids=["far", "largest"])
def test_canonical_pairs_are_finite(pair: tuple[str, str], dtype: str, largest: bool) -> None:
    z = far(dtype, LARGEST[dtype] / 4 if largest else FAR[dtype])
    net = one_layer(z, *pair)
    for y in targets_of(pair[1], len(z)):
        with np.errstate(all="raise", under="ignore"):
            grads = net.gradients(z, y)
        # A mean of costs near the largest float can only be represented while their sum is.
        if not largest:
            assert np.isfinite(grads.J)
        for l, array in enumerate([grads.dz[1], grads.db[1], grads.da[0]]):
            assert np.isfinite(array).all(), l
            assert np.abs(array).max() <= 3
        # dW is dz^T x with x of the size of z: at 1e300 it is finite, and so is its sum.
        assert np.isfinite(grads.dW[1]).all()
        assert grads.dW[1].dtype == grads.da[0].dtype == dtype


@pytest.mark.parametrize("dtype", FAR)
@pytest.mark.parametrize("pair", CANONICAL, ids="+".join)
def test_the_functions_themselves_raise_no_flag(pair: tuple[str, str], dtype: str) -> None:
    # A network ignores NumPy's flags while it works; the functions do not raise any here.
    f, cost = resolve_activation(pair[0]), resolve_cost(pair[1])
    z = far(dtype, FAR[dtype])
    if pair[0] in ("exp", "identity"):
        z = z.clip(-1e9, 80)  # above, a or J is larger than the largest float: see below
    y, shares = np.full_like(z, 1 / 3), np.full(len(z), 1 / len(z), dtype)
    with np.errstate(all="raise", under="ignore"):
        a = f.f(z)
        J = cost_of(z, a, y, f, cost)
        dz = cost_backward(z, a, y, shares, f, cost)
    assert J.dtype == dz.dtype == dtype
    assert np.isfinite(J).all()
    assert np.isfinite(dz).all()


@pytest.mark.parametrize("dtype", FAR)
def test_each_sample_is_finite_at_the_largest_float(dtype: str) -> None:
    # z of both signs at the largest float: their difference overflows, the cost of the label that
    # is at the top is still 0, and of the one at the bottom larger than any float.
    peak = LARGEST[dtype]
    z = np.array([[peak, -peak, 0.0]], dtype)
    f, cost = resolve_activation("softmax"), resolve_cost("cross_entropy")
    with np.errstate(over="ignore"):
        a = f.f(z)
        costs = [cost_of(z, a, np.eye(3, dtype=dtype)[k : k + 1], f, cost)[0] for k in range(3)]
    assert a.tolist() == [[1, 0, 0]]
    assert costs[0] == 0
    assert costs[2] == peak
    assert np.isposinf(costs[1])


@pytest.mark.parametrize("dtype", FAR)
def test_identity_with_squared_error(dtype: str) -> None:
    # J is z^2 / 2 and cannot be represented at 1e300; the gradient is z - y and can. In float32 at
    # 1e4 both can.
    z = far(dtype, FAR[dtype])
    net = one_layer(z, "identity", "squared_error")
    grads = net.gradients(z, np.ones_like(z))
    assert np.isfinite(grads.dz[1]).all()
    assert np.isfinite(grads.da[0]).all()
    assert np.isfinite(grads.db[1]).all()
    assert np.isfinite(grads.J) == (dtype == "float32")
    root = {"float32": 1e18, "float64": 1e153}[dtype]
    near = net.gradients(z / np.dtype(dtype).type(FAR[dtype]) * root, z * 0)
    assert np.isfinite(near.J)


@pytest.mark.parametrize("dtype", FAR)
def test_exp_with_poisson(dtype: str) -> None:
    # a = exp(z) can be represented up to z = 88 (float32) or 709 (float64): there J and gradient
    # are finite, as for every z below. Above, both are +inf, not NaN, where no target hides it.
    top = {"float32": 88.0, "float64": 709.0}[dtype]
    z = np.array([[-FAR[dtype]], [-1.0], [0.0], [top]], dtype)
    net = one_layer(z, "exp", "poisson")
    for y in (0.0, 1.0, 3.0):
        for row in z:
            grads = net.gradients(row[None], np.full((1, 1), y))
            assert np.isfinite(grads.J)
            assert np.isfinite(grads.dz[1]).all()
            assert np.isfinite(grads.db[1]).all()
    beyond = net.gradients(np.full((1, 1), FAR[dtype]), np.zeros((1, 1)))
    assert beyond.J == np.inf
    assert np.isposinf(beyond.dz[1]).all()


@pytest.mark.parametrize("dtype", FAR)
@pytest.mark.parametrize("spec", SPECS)
def test_activations_and_derivatives_are_finite(spec: str, dtype: str) -> None:
    f = resolve_activation(spec)
    if spec == "exp":
        z = far(dtype, FAR[dtype])
        z = np.minimum(z, np.dtype(dtype).type(80))
    else:
        z = far(dtype, LARGEST[dtype] / 2)
    z = np.concatenate([z, far(dtype, FAR[dtype]).clip(max=80) if spec == "exp" else -z])
    with np.errstate(all="raise", under="ignore"):
        a = f.f(z)
        slope = f.df(z, a)
        dz = activation_backward(np.ones_like(a), z, a, f)
    low, high = f.range
    for array in (a, slope, dz):
        assert array.dtype == dtype
        assert array.shape == z.shape
        assert np.isfinite(array).all()
    assert (a >= np.dtype(dtype).type(low) * np.dtype(dtype).type(1 + 1e-6)).all()
    assert (a <= high).all()


@pytest.mark.parametrize("dtype", FAR)
@pytest.mark.parametrize("cost", COSTS)
def test_costs_at_the_edges_of_a(cost: str, dtype: str) -> None:
    # The general form, from a: at a = 0 and 1 it is infinite where the target is on the other
    # side, exactly 0 or finite where it is not, and never NaN.
    record = resolve_cost(cost)
    values = [0.0, 1.0] if record.target in ("classes", "probability") else [0.0, 1.0, 1e15]
    edges = np.array([[a, 1.0 - a if a <= 1 else a] for a in values], dtype)
    ys = np.array([[0.0, 1.0], [1.0, 0.0]], dtype)
    with np.errstate(divide="ignore"):
        for y in ys:
            rows = np.broadcast_to(y, edges.shape)
            assert not np.isnan(record.J(edges, rows)).any()
            assert not np.isnan(record.da(edges, rows)).any()


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_saturated_pairs_are_never_nan(pair: tuple[str, str]) -> None:
    # Also those that are not canonical: J may be infinite there, a gradient may vanish, but
    # 0 * inf and 0/0 must not come out where the derivative has a value.
    output, cost = pair
    if output == "exp":
        return  # a itself is infinite
    net = one_layer(np.zeros((1, 3)), output, cost)
    z = far("float64", 1000.0)
    for y in targets_of(cost, 1):
        for row in z:
            trace = net.forward(row[None])
            grads = net.backward(trace, y)
            assert not np.isnan(grads.J), row
            assert not np.isnan(grads.da[1]).any(), row


@pytest.mark.parametrize("pair", CANONICAL, ids="+".join)
@given(data=st.data())
def test_both_forms_of_a_canonical_pair_agree(pair: tuple[str, str], data: st.DataObject) -> None:
    f, cost = resolve_activation(pair[0]), resolve_cost(pair[1])
    size = 30 if pair[0] != "exp" else 10
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    z = data.draw(st.floats(0.01, size)) * rng.uniform(-1, 1, (4, 3))
    y = rng.dirichlet(np.ones(3), 4)
    a, shares = f.f(z), np.full(4, 0.25)
    canonical = cost_backward(z, a, y, shares, f, cost)
    general = cost_backward(z, a, y, shares, f, cost, canonical=False)
    # 1 - a has the absolute error of a, 1e-16, and is exp(-z) itself: what is lost grows with it.
    lost = 1e-15 * np.exp(np.abs(z).max()) + 1e-13
    np.testing.assert_allclose(general, canonical, rtol=1e-12, atol=lost)
    np.testing.assert_allclose(cost.J(a, y), cost_of(z, a, y, f, cost), rtol=1e-12, atol=4 * lost)


@pytest.mark.parametrize("spec", SPECS)
def test_nan_stays_nan(spec: str) -> None:
    f = resolve_activation(spec)
    z = np.array([[0.5, np.nan, -0.5]])
    a = f.f(z)
    assert np.isnan(a[0, 1])
    if f.elementwise:
        assert np.isnan(a).tolist() == [[False, True, False]]
    # The derivative alone may be that of a region (relu); the chain of both may not.
    assert np.isnan(activation_backward(a, z, a, f)[0, 1])


@pytest.mark.parametrize("f", SPECS)
@pytest.mark.parametrize("cost", COSTS)
def test_nan_in_a_weight_shows_in_cost_and_gradient(f: str, cost: str) -> None:
    for output in outputs_of(cost):
        net = cr.Network([2, 3, 2], f, output, cost, seed=1)
        net.W[1][1, 0] = np.nan
        y = np.array([[0.0, 1.0], [1.0, 0.0]])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            grads = net.gradients([[0.5, -1.0], [1.0, 2.0]], y)
        assert np.isnan(grads.J), output
        assert np.isnan(grads.dW[1]).any(), output
        assert np.isnan(grads.dW[2]).any(), output


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_fit_on_far_inputs_gives_no_warning_but_its_own(name: str) -> None:
    rng = np.random.default_rng(0)
    X: Any = rng.standard_normal((20, 3)) * FAR[name]
    net = cr.Network([3, 2], output="softmax", dtype=name)
    before = net.theta.copy()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = net.fit(X, rng.integers(0, 2, 20), epochs=3)
    assert history.stop is not None
    assert {w.category for w in caught} <= {RuntimeWarning}
    assert all("diverged" in str(w.message) for w in caught)
    assert np.isfinite(net.theta).all()
    if history.stop.reason == "diverged" and history.epochs == 0:
        assert (net.theta == before).all()


# z far below and above, and the y at which 0/0 would stand in dJ/da: a is 0 or 1 exactly.
UNDERFLOWS = [
    ("softmax", "logistic", [[1000.0, 0.0, -1000.0]], [[1.0, 0.0, 0.0]]),
    ("softmax", "cross_entropy", [[1000.0, 0.0, -1000.0]], [[1.0, 0.0, 0.0]]),
    ("sigmoid", "logistic", [[1000.0, -1000.0, 1000.0]], [[1.0, 0.0, 1.0]]),
    ("softplus", "poisson", [[-1000.0, -1000.0, -1000.0]], [[0.0, 0.0, 0.0]]),
    ("sigmoid", "poisson", [[-1000.0, -1000.0, -2000.0]], [[0.0, 0.0, 0.0]]),
]


@pytest.mark.parametrize("dtype", FAR)
@pytest.mark.parametrize("rows", [1, 40], ids=["one sample", "a batch"])
@pytest.mark.parametrize(("output", "cost", "z", "y"), UNDERFLOWS)
def test_descent_where_y_and_a_are_both_0_or_both_1_takes_no_step(
    descent: Any, output: str, cost: str, z: Any, y: Any, rows: int, dtype: str
) -> None:
    # By hand: dz = a - y = 0 for what is canonical; f' = 0 elsewhere, with a finite dJ/da.
    net = one_layer(np.array(z, dtype), output, cost)
    lost = descent(net, np.repeat(z, rows, 0), np.repeat(y, rows, 0))
    np.testing.assert_array_equal(lost, np.zeros_like(net.theta))


@pytest.mark.parametrize("dtype", FAR)
@pytest.mark.parametrize("rows", [1, 40], ids=["one sample", "a batch"])
def test_descent_with_an_a_of_0_has_the_gradient_by_hand(
    descent: Any, rows: int, dtype: str
) -> None:
    # exp underflows in the first unit: a = 0, y = 0. The other one has dz = (1 - y/a) f'(z).
    net = cr.Network([1, 2], output="softplus", cost="poisson", dtype=dtype)
    net.W[1], net.b[1] = [[-1000.0], [1.0]], [0.0, 0.0]
    lost = descent(net, [[1.0]] * rows, [[0.0, 3.0]] * rows)
    a = np.log1p(np.exp(1.0))
    dz = (1 - 3 / a) / (1 + np.exp(-1.0))
    np.testing.assert_allclose(lost, [0, dz, 0, dz], rtol=1e-5 if dtype == "float32" else 1e-12)
