"""The vector functions: distance from the true value in units of the last place, and lanes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

mpmath = pytest.importorskip("mpmath")
native = pytest.importorskip("chainrule.engines.native", reason="the core is not built")
from chainrule.engines import _core

ISAS = native.available_isas()
WIDE = np.longdouble


def phi(x: Any) -> Any:
    return special.ndtr(x.astype(np.float64))


# number in the core, the truth, the bound in float32 and float64, the interval
FUNCTIONS: dict[str, tuple[int, Any, float, float, tuple[float, float]]] = {
    "exp": (0, np.exp, 2, 2, (-120, 100)),
    "tanh": (1, np.tanh, 4, 4, (-30, 30)),
    "sigmoid": (2, lambda x: 1 / (1 + np.exp(-x)), 4, 4, (-110, 110)),
    "softplus": (3, lambda x: np.maximum(x, 0) + np.log1p(np.exp(-abs(x))), 4, 4, (-100, 100)),
    "log": (4, np.log, 2, 2, (0, 1e30)),
    "expm1": (5, np.expm1, 4, 4, (-100, 40)),
    "normal distribution": (6, phi, 16, 128, (-8, 8)),  # SciPy's own error: see below
}


def apply(isa: str, number: int, x: Any) -> Any:
    y = np.empty_like(x)
    _core.elementwise(isa, number, x, y)
    return y


def ulps(found: Any, truth: Any) -> Any:
    """Distance in units of the last place of the rounded truth, at least the least normal's."""
    rounded = np.abs(truth).astype(found.dtype)
    unit = np.spacing(np.maximum(rounded, np.finfo(found.dtype).tiny)).astype(WIDE)
    return np.abs(found.astype(WIDE) - truth) / unit


def samples(dtype: str, low: float, high: float) -> Any:
    rng = np.random.default_rng(0)
    n = 200_000
    x = [rng.uniform(low, high, n), rng.normal(size=n), rng.normal(size=n) * 1e-3]
    x.append(np.sign(rng.normal(size=n)) * 10.0 ** rng.uniform(-30, 1.5, n))
    values = np.concatenate(x).astype(dtype)
    return values[(values >= low) & (values <= high)]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_accuracy(isa: str, dtype: str, name: str) -> None:
    number, function, single, double, (low, high) = FUNCTIONS[name]
    x = samples(dtype, low, high)
    with np.errstate(all="ignore"):
        truth = function(x.astype(WIDE))
        found = apply(isa, number, x)
        inside = np.isfinite(truth) & (np.abs(truth) < np.finfo(dtype).max)
        worst = float(ulps(found, truth)[inside].max())
    assert worst <= (single if dtype == "float32" else double)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_normal_distribution_in_forty_digits(isa: str, dtype: str) -> None:
    x = np.linspace(-8, 8, 801).astype(dtype)
    with mpmath.workdps(40):
        for value, found in zip(x, apply(isa, 6, x), strict=True):
            truth = mpmath.ncdf(mpmath.mpf(float(value)))
            unit = float(np.spacing(np.array(float(truth), dtype)))
            assert abs(float(mpmath.mpf(float(found)) - truth)) <= 6 * unit


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_value_does_not_depend_on_its_lane(isa: str, dtype: str) -> None:
    x = np.random.default_rng(1).normal(size=67).astype(dtype) * 5
    for number, *_ in FUNCTIONS.values():
        if number == 4:
            x = np.abs(x)
        whole = apply(isa, number, x)
        alone = np.concatenate([apply(isa, number, x[i : i + 1]) for i in range(len(x))])
        assert np.array_equal(whole, alone)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_and_odd_arguments(isa: str, dtype: str) -> None:
    big = float(np.finfo(dtype).max)
    x = np.array([np.nan, np.inf, -np.inf, big, -big, 0.0, -0.0, 1e-40, -1e-40], dtype)
    with np.errstate(all="ignore"):
        for number, function, *_ in FUNCTIONS.values():
            truth = function(x.astype(np.float64)).astype(dtype)
            if number == 3:
                truth[2] = 0
            found = apply(isa, number, x)
            if number == 5:
                found, truth = np.delete(found, [1, 3]), np.delete(truth, [1, 3])
            np.testing.assert_allclose(found, truth, rtol=1e-6, atol=1e-44)
    assert np.signbit(apply(isa, 1, np.array([-0.0], dtype)))[0]
