"""Gradient clipping: its properties over sizes and values, and where squares overflow."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chainrule.mathematics import clipping, optimizers
from chainrule.mathematics.clipping import clip_by_norm, clip_by_value, norm

finite = st.floats(-1e300, 1e300)
gradients = arrays(np.float64, st.integers(0, 20), elements=finite)
limits = st.floats(1e-3, 1e3)


def length(values: np.ndarray) -> float:
    return math.hypot(*values.tolist())  # scaled inside, an independent sum


@given(gradients)
def test_norm_is_the_length(g: np.ndarray) -> None:
    assert norm(g) == pytest.approx(length(g), rel=1e-12, abs=0)


@given(gradients, limits)
def test_a_long_gradient_gets_the_length_of_the_limit(g: np.ndarray, limit: float) -> None:
    clipped = clip_by_norm(g, limit)
    before, after = length(g), length(clipped)
    assert clipped.shape == g.shape
    assert after == pytest.approx(min(before, limit), rel=1e-12)
    if before > limit:
        np.testing.assert_allclose(clipped, g * (limit / before), rtol=1e-12, atol=1e-300)


@given(gradients, limits)
def test_a_short_gradient_stays(g: np.ndarray, limit: float) -> None:
    if norm(g) <= limit:
        assert clip_by_norm(g, limit) is g


@given(gradients, limits)
def test_by_value(g: np.ndarray, limit: float) -> None:
    expected = [max(-limit, min(limit, entry)) for entry in g.tolist()]
    assert clip_by_value(g, limit).tolist() == expected


def test_by_hand() -> None:
    np.testing.assert_allclose(clip_by_norm(np.array([3.0, -4.0]), 2.5), [1.5, -2.0], rtol=1e-15)
    assert clip_by_norm(np.array([3.0, -4.0]), 5.0).tolist() == [3.0, -4.0]
    assert clip_by_value(np.array([3.0, -4.0, 1.0]), 2.0).tolist() == [2.0, -2.0, 1.0]


@pytest.mark.parametrize(("dtype", "big"), [("float32", 3e38), ("float64", 1.7e308)])
def test_squares_that_would_overflow_do_not(dtype: str, big: float) -> None:
    g = np.array([big, -big], dtype=dtype)
    clipped = clip_by_norm(g, 1.0)
    assert clipped.dtype == dtype
    np.testing.assert_allclose(clipped, [0.5**0.5, -(0.5**0.5)], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("limit", [0.5, np.float64(0.5), np.float32(0.5), 1])
def test_dtype_stays(dtype: str, limit: float) -> None:
    g = np.array([3.0, -4.0], dtype=dtype)
    assert clip_by_norm(g, limit).dtype == dtype
    assert clip_by_value(g, limit).dtype == dtype


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_stays_to_be_seen(bad: float) -> None:
    g = np.array([1.0, bad])
    np.testing.assert_array_equal(clip_by_norm(g, 1.0), g)
    assert not math.isfinite(norm(g))
    assert math.isnan(clip_by_value(np.array([math.nan]), 1.0)[0])


def test_nothing_is_changed_in_place() -> None:
    g = np.array([3.0, -4.0])
    g.flags.writeable = False
    clip_by_norm(g, 1.0)
    clip_by_value(g, 1.0)


@pytest.mark.parametrize("clip", [clip_by_norm, clip_by_value])
@pytest.mark.parametrize("limit", [0, -1.0, math.nan, math.inf])
def test_a_limit_is_positive(clip: object, limit: float) -> None:
    with pytest.raises(ValueError, match="limit must be a finite number above 0, not"):
        clip(np.ones(2), limit)  # type: ignore[operator]


def test_as_torch() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    g = np.random.default_rng(0).standard_normal(50)
    tensor = torch.zeros(50, dtype=torch.float64)
    tensor.grad = torch.tensor(g.copy())
    torch.nn.utils.clip_grad_norm_([tensor], 2.0)  # divides by norm + 1e-6
    np.testing.assert_allclose(clip_by_norm(g, 2.0), tensor.grad.numpy(), rtol=1e-6)
    on_torch = clip_by_norm(torch.tensor(g), 2.0)
    np.testing.assert_allclose(on_torch.numpy(), clip_by_norm(g, 2.0), rtol=1e-14)
    by_value = clip_by_value(torch.tensor(g), 0.5)
    np.testing.assert_array_equal(by_value.numpy(), clip_by_value(g, 0.5))


def test_clipping_is_offered_beside_the_optimizers() -> None:
    assert optimizers.clip_by_norm is clipping.clip_by_norm
    assert optimizers.clip_by_value is clipping.clip_by_value
