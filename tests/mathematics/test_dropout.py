"""Dropout: the mask as a function of its key, its expectation, and the exact backward pass."""

import re
from fractions import Fraction
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.mathematics.dropout import dropout_backward, dropout_forward, dropout_mask
from chainrule.mathematics.random import DROPOUT, key

sizes = st.integers(1, 8)
seeds = st.integers(0, 2**64 - 1)
rates = st.floats(0, 0.99)


def splitmix64(state: int, place: int) -> int:
    z = (state + (place + 1) * 0x9E3779B97F4A7C15) % 2**64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
    return z ^ (z >> 31)


@given(sizes, sizes, rates, seeds)
def test_the_mask_is_its_definition(m: int, n: int, rate: float, k: int) -> None:
    mask = dropout_mask((m, n), rate, k)
    for i in range(m):
        for j in range(n):
            kept = Fraction(splitmix64(k, i * n + j) >> 11, 2**53) >= Fraction(rate)
            assert mask[i, j] == (1 / (1 - rate) if kept else 0)


@given(sizes, sizes, seeds)
def test_rate_0_is_all_ones(m: int, n: int, k: int) -> None:
    assert (dropout_mask((m, n), 0.0, k) == 1).all()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_mean_is_one(rate: float) -> None:
    mask = dropout_mask((500, 400), rate, key(0, DROPOUT, 0, 1))
    deviation = sqrt(rate / (1 - rate))
    assert abs(mask.mean() - 1) < 4.5 * deviation / sqrt(mask.size)
    # so in every row and every column, not only on the whole
    assert np.abs(mask.mean(axis=1) - 1).max() < 4.5 * deviation / sqrt(400)
    assert np.abs(mask.mean(axis=0) - 1).max() < 4.5 * deviation / sqrt(500)


@given(sizes, sizes, sizes, rates, seeds)
def test_a_row_does_not_depend_on_the_others(
    first: int, m: int, n: int, rate: float, k: int
) -> None:
    whole = dropout_mask((first + m, n), rate, k)
    np.testing.assert_array_equal(whole[:m], dropout_mask((m, n), rate, k))
    part = dropout_mask((m, n), rate, k, first_row=first)
    np.testing.assert_array_equal(whole[first:], part)


def test_seed_step_and_layer_each_change_the_mask() -> None:
    masks = {
        dropout_mask((8, 8), 0.5, key(seed, DROPOUT, step, layer)).tobytes()
        for seed in range(3)
        for step in range(3)
        for layer in range(3)
    }
    assert len(masks) == 27
    same = [dropout_mask((8, 8), 0.5, key(1, DROPOUT, 2, 3)).tobytes() for _ in range(2)]
    assert same[0] == same[1]


@given(st.floats(0, 0.9), st.floats(0, 0.9), seeds)
def test_a_higher_rate_drops_more_of_the_same(low: float, high: float, k: int) -> None:
    low, high = sorted((low, high))
    kept_low, kept_high = (dropout_mask((5, 5), rate, k) > 0 for rate in (low, high))
    assert (kept_low | ~kept_high).all()


@given(rates, seeds)
def test_float32_keeps_the_same_units(rate: float, k: int) -> None:
    double, single = (dropout_mask((6, 7), rate, k, dtype) for dtype in (np.float64, np.float32))
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, double.astype(np.float32))


def test_by_hand() -> None:
    mask = np.array([[2.0, 0.0], [0.0, 2.0]])
    a_prev = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert dropout_forward(a_prev, mask).tolist() == [[2.0, 0.0], [0.0, 8.0]]
    assert dropout_backward(a_prev, mask).tolist() == [[2.0, 0.0], [0.0, 8.0]]


@given(sizes, sizes, st.sampled_from([0.0, 0.25, 0.5, 0.75]), seeds)
def test_backward_is_the_gradient_in_fractions(m: int, n: int, rate: float, k: int) -> None:
    # J = sum da * forward(a_prev) is linear: one difference of any width is its exact gradient.
    def exact(values: np.ndarray) -> np.ndarray:
        return np.array([Fraction(v) for v in values.ravel()], dtype=object).reshape(values.shape)

    rng = np.random.default_rng(0)
    a_prev, da = exact(rng.integers(-9, 9, (m, n))), exact(rng.integers(-9, 9, (m, n)))
    mask = exact(dropout_mask((m, n), rate, k))
    da_prev = dropout_backward(da, mask)
    J = (da * dropout_forward(a_prev, mask)).sum()
    for place in np.ndindex(m, n):
        moved = a_prev.copy()
        moved[place] += Fraction(1, 3)
        assert ((da * dropout_forward(moved, mask)).sum() - J) * 3 == da_prev[place]


def test_backward_as_in_torch() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    rng = np.random.default_rng(1)
    a_prev, da = rng.standard_normal((2, 5, 4))
    mask = dropout_mask((5, 4), 0.3, 1)
    leaf = torch.tensor(a_prev, requires_grad=True)
    dropout_forward(leaf, torch.tensor(mask)).backward(torch.tensor(da))
    np.testing.assert_array_equal(leaf.grad.numpy(), dropout_backward(da, mask))


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1, 2.0, float("nan")])
def test_a_rate_is_below_one(rate: float) -> None:
    message = f"dropout: rate must be at least 0 and below 1, not {rate}"
    with pytest.raises(ValueError, match=re.escape(message)):
        dropout_mask((2, 2), rate, 0)


@pytest.mark.parametrize("rows", [1, 70], ids=["one sample", "a batch"])
def test_descent_with_dropout_has_the_gradient_of_its_masks(descent: Any, rows: int) -> None:
    # a^0 = x m0, a^1 = W x m0 m1, J = a^2 - y: linear, with W^1 = W^2 = 1, so that each gradient
    # is the mean over samples of products of x and masks. y is so low that dJ/da = 1 everywhere.
    net = cr.Network(
        [1, 1, 1], "identity", "identity", cost="absolute_error", dropout=[0.25, 0.5], seed=5
    )
    for l in (1, 2):
        net.W[l], net.b[l] = [[1.0]], [0.0]
    x = np.arange(1.0, rows + 1)[:, None]
    masks = [
        dropout_mask((rows, 1), rate, key(5, DROPOUT, 0, place))
        for place, rate in enumerate((0.25, 0.5))
    ]
    lost = descent(net, x, np.full_like(x, -1e6), shuffle=False)
    a = x * masks[0]
    wanted = [(a * masks[1]).mean(), masks[1].mean(), (a * masks[1]).mean(), 1.0]
    np.testing.assert_allclose(lost, wanted, rtol=1e-13)
