"""What cannot be checked is refused in one sentence that names it."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.gradcheck import check_gradients, check_layer, check_network

W = {"W": np.ones((2, 3)), "b": np.zeros(2)}


def square(p):
    return float(sum((np.asarray(v) ** 2).sum() for v in p.values()))


def slope(p):
    return {k: 2 * v for k, v in p.items()}


def test_the_plain_case_is_right():
    assert check_gradients(square, slope, W).ok


def counting():
    calls = iter(range(10**6))
    return lambda p: square(p) + next(calls)


def mutating(p):
    p["W"] += 1
    return square(p)


def mutating_gradient(p):
    p["b"] -= 1
    return slope(p)


CASES = {
    "not scalar": ((lambda p: p["W"].sum(axis=1), slope, W), ValueError, r"one number.*\(2,\)"),
    "no number": ((lambda p: None, slope, W), TypeError, "must return a real number, not NoneType"),
    "no loss": ((lambda p: {"z": 1}, slope, W), ValueError, "without 'loss'"),
    "nan": ((lambda p: np.nan, slope, W), ValueError, "cost is nan at these parameters"),
    "infinite": ((lambda p: np.inf, slope, W), ValueError, "cost is inf"),
    "not deterministic": ((counting(), slope, W), ValueError, "not deterministic.*seed"),
    "mutates": ((mutating, slope, W), ValueError, "cost changes its parameter 'W'"),
    "gradient mutates": ((square, mutating_gradient, W), ValueError, "gradient changes.*'b'"),
    "missing key": ((square, lambda p: {"W": p["W"]}, W), ValueError, "lack 'b'.*hold 'W'"),
    "transposed": (
        (square, lambda p: {"W": p["W"].T, "b": p["b"]}, W),
        ValueError,
        r"'W' has the shape \(3, 2\).*transposed",
    ),
    "flat": ((square, lambda p: {"W": p["W"].ravel(), "b": p["b"]}, W), ValueError, r"\(6,\)"),
    "row": ((square, lambda p: {"W": p["W"], "b": p["b"][None]}, W), ValueError, "reshape it"),
    "not summed": (
        (square, lambda p: {"W": p["W"], "b": np.ones((7, 2))}, W),
        ValueError,
        "not summed over the samples",
    ),
    "integers": (
        (square, slope, {"k": np.arange(3)}),
        TypeError,
        "'k' holds whole numbers.*float64",
    ),
    "words": ((square, slope, {"k": "abc"}), TypeError, "'k' must be an array of real numbers"),
    "nan parameter": (
        (square, slope, {"k": np.array([1.0, np.nan])}),
        ValueError,
        r"'k' is not finite at \[1\]",
    ),
    "empty": ((square, slope, {}), ValueError, "holds no numbers"),
    "empty array": ((square, slope, {"k": np.zeros(0)}), ValueError, "holds no numbers"),
    "no function": ((3.0, slope, W), TypeError, "must be a function"),
    "no gradient": ((square, None, W), TypeError, "give the gradients"),
}


@pytest.mark.parametrize("name", CASES)
def test_refused_in_one_sentence(name):
    args, kind, words = CASES[name]
    with pytest.raises(kind, match=f"(?s){words}") as caught:
        check_gradients(*args)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        ({"step": 0}, ValueError, "step must be a finite number above 0, not 0"),
        ({"step": "small"}, TypeError, "step must be a number"),
        ({"tolerance": -1.0}, ValueError, "tolerance"),
        ({"seconds": float("nan")}, ValueError, "seconds"),
        ({"entries": 0}, ValueError, "entries"),
        ({"method": "direction"}, ValueError, "did you mean 'directions'"),
    ],
)
def test_settings(settings, kind, words):
    with pytest.raises(kind, match=words):
        check_gradients(square, slope, W, **settings)


def test_parameters_stay_as_they_were():
    kept = {k: v.copy() for k, v in W.items()}
    check_gradients(square, slope, W)
    assert all(np.array_equal(W[k], kept[k]) for k in W)


def test_network_input():
    net = cr.Network([2, 3, 1], seed=0)
    X, y = np.ones((4, 2)), np.ones(4)
    with pytest.raises(ValueError, match=r"X\[1, 0\] = nan"):
        check_network(net, np.where([[0], [1], [0], [0]], np.nan, X), y)
    with pytest.raises(ValueError, match="X has no rows"):
        check_network(net, X[:0], y[:0])
    with pytest.raises(ValueError, match="theta has"):
        check_network(net, X, y, gradients=np.zeros(3))
    with pytest.raises(ValueError, match="has 3 rows"):
        check_network(net, X, y[:3])


def test_layer_input():
    def forward(a, W, b):
        return a @ W.T + b, a @ W.T + b

    a_prev, M, b = np.ones((5, 3)), np.ones((2, 3)), np.zeros(2)
    with pytest.raises(ValueError, match="da has the shape"):
        check_layer(forward, None, a_prev, M, b, da=np.ones(5))
    with pytest.raises(ValueError, match="three arrays"):
        check_layer(forward, lambda *args: 1, a_prev, M, b)
    with pytest.raises(ValueError, match=r"'b' has the shape \(5, 2\).*not summed"):
        check_layer(forward, lambda da, z, a, x, W: (da @ W, da.T @ x, da), a_prev, M, b)
    with pytest.raises(ValueError, match=r"'b' has the shape \(5,\).*wrong axis"):
        check_layer(forward, lambda da, z, a, x, W: (da @ W, da.T @ x, da.sum(1)), a_prev, M, b)
