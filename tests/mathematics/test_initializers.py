"""Initial weights: bounds, moments and distributions against the formulas of their sources."""

import re
from math import isclose, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.mathematics.initializers import (
    INITIALIZERS,
    Initializer,
    normal,
    orthogonal,
    resolve_initializer,
)

N_OUT, N_IN = 300, 200

# (kind, variance or bound) from the papers, written out for n_in = 200, n_out = 300.
BOUNDS = {
    "glorot_uniform": sqrt(6 / 500),
    "he_uniform": sqrt(6 / 200),
    "lecun_uniform": sqrt(3 / 200),
}
DEVIATIONS = {
    "glorot_normal": sqrt(2 / 500),
    "he_normal": sqrt(2 / 200),
    "lecun_normal": sqrt(1 / 200),
    "normal": 0.01,
    "normal(0.5)": 0.5,
}
sizes = st.integers(1, 12)
every = pytest.mark.parametrize("name", INITIALIZERS)


def draw(spec: str, shape: tuple[int, ...] = (N_OUT, N_IN), seed: int = 0) -> np.ndarray:
    return resolve_initializer(spec).draw(shape, np.random.default_rng(seed))


def assert_distributed(sample: np.ndarray, distribution: Any) -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    assert stats.kstest(sample.ravel(), distribution).pvalue > 1e-3


@pytest.mark.parametrize("name", BOUNDS)
def test_uniform_weights_fill_their_bounds(name: str) -> None:
    bound = BOUNDS[name]
    W = draw(name)
    assert np.abs(W).max() <= bound
    assert np.abs(W).max() > 0.999 * bound
    # 60000 draws: the mean within 5 standard errors, the variance r^2 / 3 within 2 percent
    assert abs(W.mean()) < 5 * bound / sqrt(3 * W.size)
    assert isclose(W.var(), bound**2 / 3, rel_tol=0.02)
    assert_distributed(W / bound, lambda x: np.clip((x + 1) / 2, 0, 1))


@pytest.mark.parametrize("name", DEVIATIONS)
def test_normal_weights_have_their_deviation(name: str) -> None:
    deviation = DEVIATIONS[name]
    W = draw(name)
    assert abs(W.mean()) < 5 * deviation / sqrt(W.size)
    assert isclose(W.var(), deviation**2, rel_tol=0.03)
    assert_distributed(W / deviation, "norm")


@pytest.mark.parametrize("family", ["glorot", "he", "lecun"])
def test_uniform_and_normal_of_a_family_have_one_variance(family: str) -> None:
    assert isclose(BOUNDS[f"{family}_uniform"] ** 2 / 3, DEVIATIONS[f"{family}_normal"] ** 2)


def test_as_torch() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    torch.manual_seed(0)
    W = torch.empty(N_OUT, N_IN, dtype=torch.float64)
    for ours, theirs, arguments in [
        ("glorot_uniform", "xavier_uniform_", {}),
        ("glorot_normal", "xavier_normal_", {}),
        ("he_uniform", "kaiming_uniform_", {"nonlinearity": "relu"}),
        ("he_normal", "kaiming_normal_", {"nonlinearity": "relu"}),
        ("lecun_normal", "kaiming_normal_", {"nonlinearity": "linear"}),
    ]:
        getattr(torch.nn.init, theirs)(W, **arguments)
        assert isclose(draw(ours).std(), float(W.std()), rel_tol=0.02)


def test_uniform_is_that_of_the_notes() -> None:
    W = draw("uniform")
    assert W.min() >= 0
    assert W.max() < 1
    assert isclose(W.mean(), 0.5, abs_tol=0.01)
    assert_distributed(W, "uniform")
    # np.random.rand(2, 2) and np.random.rand(2, 1) of the notes, from the same generator state
    rng, same = np.random.default_rng(7), np.random.default_rng(7)
    rule = resolve_initializer("uniform")
    assert rule.biases
    np.testing.assert_array_equal(rule.draw((2, 2), rng), same.random((2, 2)))
    np.testing.assert_array_equal(rule.draw((2,), rng), same.random(2))


def test_zeros() -> None:
    assert not draw("zeros").any()
    assert draw("normal(0)").tolist() == draw("zeros").tolist()


def test_only_uniform_draws_biases() -> None:
    assert {name for name in INITIALIZERS if resolve_initializer(name).biases} == {"uniform"}


@given(sizes, sizes, st.sampled_from([1.0, 0.3, 2.0]), st.integers(0, 2**32))
def test_orthogonal(n_out: int, n_in: int, gain: float, seed: int) -> None:
    W = orthogonal(gain).draw((n_out, n_in), np.random.default_rng(seed))
    assert W.shape == (n_out, n_in)
    product = W @ W.T if n_out <= n_in else W.T @ W
    np.testing.assert_allclose(product, gain**2 * np.eye(min(n_out, n_in)), atol=1e-14 * 12)


def test_orthogonal_turns_evenly() -> None:
    # Without the signs of R the first entry of Q would always have the sign opposite to the
    # sample's. For the uniform (Haar) distribution on 2 x 2 matrices the first column's angle is
    # uniform and the determinant is -1 half of the time.
    rng = np.random.default_rng(0)
    drawn = np.array([orthogonal().draw((2, 2), rng) for _ in range(2000)])
    angles = np.arctan2(drawn[:, 1, 0], drawn[:, 0, 0])
    assert_distributed(angles / (2 * np.pi) + 0.5, "uniform")
    assert abs((np.linalg.det(drawn) > 0).sum() - 1000) < 110  # 5 standard deviations of 22


def test_one_by_one_orthogonal_is_a_sign() -> None:
    drawn = {float(draw("orthogonal", (1, 1), seed)[0, 0]) for seed in range(20)}
    assert drawn == {1.0, -1.0}


@every
@given(n_out=sizes, n_in=sizes, seed=st.integers(0, 2**32))
def test_shape_dtype_and_bits(name: str, n_out: int, n_in: int, seed: int) -> None:
    W = draw(name, (n_out, n_in), seed)
    assert W.shape == (n_out, n_in)
    assert W.dtype == np.float64
    assert W.flags.c_contiguous
    assert np.isfinite(W).all()
    assert W.tobytes() == draw(name, (n_out, n_in), seed).tobytes()


@every
def test_another_seed_gives_other_weights(name: str) -> None:
    if name != "zeros":
        assert (draw(name, (4, 5), 0) != draw(name, (4, 5), 1)).all()


@pytest.mark.parametrize("name", ["glorot_uniform", "he_normal", "lecun_normal", "orthogonal"])
@pytest.mark.parametrize("shape", [(3,), (0, 3), (3, 0), (2, 3, 4), ()])
def test_a_shape_has_two_sizes(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"(n_out, n_in), both at least 1, not {shape}")):
        draw(name, shape)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("normal(-1)", "normal: scale must be a finite number, 0 or above, not -1.0"),
        ("orthogonal(0)", "orthogonal: gain must be a finite number above 0, not 0.0"),
        ("he_normal(2)", "initializer 'he_normal' takes no numbers, but 'he_normal(2)' gives 1"),
        ("normal(1, 2)", "initializer 'normal' takes at most 1 (scale), but"),
        ("glorot", "unknown initializer 'glorot', did you mean 'glorot_"),
        ("kaiming_normal", "unknown initializer 'kaiming_normal', did you mean 'he_normal'?"),
    ],
)
def test_a_bad_setting_is_one_sentence(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        resolve_initializer(spec)


def test_resolve_reads_numbers_and_keeps_records() -> None:
    own = Initializer("own", lambda shape, rng: np.ones(shape), "W = 1", "us")
    assert resolve_initializer(own) is own
    assert resolve_initializer("normal(0.02)").settings == {"scale": 0.02}
    assert normal(np.float64(0.5)).settings == {"scale": 0.5}


@every
def test_the_record_is_complete(name: str) -> None:
    rule = resolve_initializer(name)
    assert rule.name == name
    assert rule.formula
    assert rule.source
    assert INITIALIZERS[name](**rule.settings).settings == rule.settings
