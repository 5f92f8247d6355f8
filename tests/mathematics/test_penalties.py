"""The L1 and L2 penalties: exact in fractions, against finite differences and torch."""

import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import chainrule as cr
from chainrule.mathematics.penalties import penalty, penalty_gradient

strengths = st.floats(0, 10)
weights = arrays(np.float64, array_shapes(max_dims=2, max_side=5), elements=st.floats(-100, 100))


def test_by_hand() -> None:
    W = np.array([[3.0, 0.0], [-4.0, 1.0]])
    assert penalty(W, l1=0.5) == 4.0  # (3 + 4 + 1) / 2
    assert penalty(W, l2=0.5) == 6.5  # (9 + 16 + 1) / 4
    assert penalty(W, l1=0.5, l2=0.5) == 10.5
    assert penalty(W) == 0
    assert penalty_gradient(W, l1=0.5).tolist() == [[0.5, 0.0], [-0.5, 0.5]]
    assert penalty_gradient(W, l2=0.5).tolist() == [[1.5, 0.0], [-2.0, 0.5]]
    assert penalty_gradient(W, l1=0.5, l2=0.5).tolist() == [[2.0, 0.0], [-2.5, 1.0]]
    assert penalty_gradient(W).tolist() == [[0.0, 0.0], [0.0, 0.0]]


@given(weights, strengths, strengths)
def test_the_value_is_its_definition(W: np.ndarray, l1: float, l2: float) -> None:
    exact = sum(
        Fraction(l1) * abs(Fraction(w)) + Fraction(l2) / 2 * Fraction(w) ** 2
        for w in W.ravel().tolist()
    )
    assert float(penalty(W, l1, l2)) == pytest.approx(float(exact), rel=1e-13, abs=1e-300)


@given(
    st.lists(st.fractions(-10, 10, max_denominator=100), min_size=1, max_size=6),
    st.fractions(0, 3, max_denominator=10),
    st.fractions(0, 3, max_denominator=10),
    st.fractions(Fraction(1, 10**6), Fraction(1, 10**4), max_denominator=10**7),
)
def test_the_gradient_is_exact_in_fractions(
    entries: list[Fraction], l1: Fraction, l2: Fraction, h: Fraction
) -> None:
    # Away from the kink at 0 a central difference of a quadratic has no error but rounding, and
    # fractions have no rounding; at the kink it is the mean of both slopes, sign(0) = 0.
    W = np.array(entries, dtype=object)
    dW = penalty_gradient(W, l1, l2)
    for i, w in enumerate(entries):
        step = min(h, abs(w) / 2) if w else h
        up, down = W.copy(), W.copy()
        up[i], down[i] = w + step, w - step
        assert (penalty(up, l1, l2) - penalty(down, l1, l2)) / (2 * step) == dW[i]


@given(weights, strengths, strengths)
def test_as_in_torch(W: np.ndarray, l1: float, l2: float) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    leaf = torch.tensor(W, requires_grad=True)
    (l1 * leaf.abs().sum() + l2 / 2 * (leaf**2).sum()).backward()
    np.testing.assert_allclose(penalty_gradient(W, l1, l2), leaf.grad.numpy(), rtol=1e-14)
    ours = penalty_gradient(torch.tensor(W), l1, l2)
    np.testing.assert_allclose(ours.numpy(), leaf.grad.numpy(), rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("l1", [0, 0.1, np.float64(0.1), np.float32(0.1)], ids=repr)
@pytest.mark.parametrize("l2", [0, 0.1, np.float64(0.1)], ids=repr)
def test_dtype_stays(dtype: str, l1: float, l2: float) -> None:
    W = np.ones((2, 3), dtype=dtype)
    W.flags.writeable = False
    assert penalty(W, l1, l2).dtype == dtype
    assert penalty_gradient(W, l1, l2).dtype == dtype
    assert penalty_gradient(W, l1, l2).shape == (2, 3)


@pytest.mark.parametrize("function", [penalty, penalty_gradient])
@pytest.mark.parametrize("bad", [-1, -1e-9, float("nan"), float("inf")])
def test_a_strength_is_not_negative(function: object, bad: float) -> None:
    for name in ("l1", "l2"):
        message = f"penalty: {name} must be a finite number, 0 or above, not {bad}"
        with pytest.raises(ValueError, match=re.escape(message)):
            function(np.ones(2), **{name: bad})  # type: ignore[operator]


@pytest.mark.parametrize("rows", [1, 70], ids=["one sample", "a batch"])
def test_descent_with_penalties_has_the_gradient_by_hand(descent: Any, rows: int) -> None:
    # z = a = W x + b = 2, J's gradient a - y = 1: dW = x + l1 sign(W) + l2 W, db = 1.
    net = cr.Network([2, 1], output="identity", cost="squared_error", l1=0.5, l2=0.25)
    net.W[1], net.b[1] = [[3.0, -2.0]], [1.0]
    lost = descent(net, [[1.0, 1.0]] * rows, [[1.0]] * rows)
    np.testing.assert_allclose(lost, [1 + 0.5 + 0.75, 1 - 0.5 - 0.5, 1], atol=1e-13)
