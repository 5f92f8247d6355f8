"""Costs and their derivatives: against mpmath, exact differences, both forms, targets, messages."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.cases import COSTS, PAIRS, targets

import chainrule as cr
from chainrule.mathematics.activations import resolve_activation
from chainrule.mathematics.costs import (
    CANONICAL,
    canonical_pair,
    cost_backward,
    cost_of,
    resolve_cost,
    share_out,
    smooth,
)
from chainrule.mathematics.targets import encode_target

mpmath.mp.dps = 50
mpf = mpmath.mpf


def cross_entropy(a: Any, y: Any, n: int, smoothing: Any = 0) -> Any:
    return -((1 - smoothing) * y + smoothing / n) * mpmath.log(a)


def huber(a: Any, y: Any, n: int, delta: Any = 1) -> Any:
    d = abs(a - y)
    return d * d / 2 if d <= delta else delta * (d - delta / 2)


EXACT: dict[str, Callable[..., Any]] = {
    "logistic": lambda a, y, n: -(y * mpmath.log(a) + (1 - y) * mpmath.log(1 - a)),
    "cross_entropy": cross_entropy,
    "squared_error": lambda a, y, n: (a - y) ** 2 / 2,
    "absolute_error": lambda a, y, n: abs(a - y),
    "huber": huber,
    "quantile": lambda a, y, n, q=0.5: max(q * (y - a), (q - 1) * (y - a)),
    "poisson": lambda a, y, n: a - y * mpmath.log(a),
}


def outputs(cost: str, rng: np.random.Generator) -> np.ndarray:
    if resolve_cost(cost).target in ("classes", "probability"):
        return rng.uniform(0.01, 0.99, (20, 3))
    if cost == "poisson":
        return rng.uniform(0.01, 5, (20, 3))
    return 2 * rng.standard_normal((20, 3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("spec", COSTS)
def test_value_and_derivative_to_the_last_places(spec: str, dtype: str) -> None:
    rng = np.random.default_rng(3)
    cost = resolve_cost(spec)
    a = outputs(spec, rng).astype(dtype)
    y = targets(spec, a.shape, rng).astype(dtype)
    settings = {name: mpf(number) for name, number in cost.settings.items()}
    J, da = cost.J(a, y), cost.da(a, y)
    assert J.shape == (20,)
    assert da.shape == (20, 3)
    assert J.dtype == da.dtype == dtype
    eps = 16 * float(np.finfo(dtype).eps)
    for i in range(20):
        pairs = [(mpf(float(a[i, j])), mpf(float(y[i, j]))) for j in range(3)]
        terms = [EXACT[cost.name](u, v, 3, **settings) for u, v in pairs]
        assert float(abs(mpf(float(J[i])) - sum(terms))) <= eps * float(sum(map(abs, terms)))
        for j, (u, v) in enumerate(pairs):
            along = functools.partial(EXACT[cost.name], y=v, n=3, **settings)
            slope = mpmath.diff(along, u, h=mpf(10) ** -30)
            size = max(1.0, abs(float(slope)), float(v / u) if cost.target == "count" else 0.0)
            assert float(abs(mpf(float(da[i, j])) - slope)) <= eps * size


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_huber_is_smooth_where_its_pieces_meet(y: float, delta: float) -> None:
    cost = resolve_cost(f"huber({delta!r})")
    for side in (-1, 1):
        a = np.array([[y + side * delta]])
        at = np.array([[y]])
        inside = np.array([[y + side * delta * 0.999999]])
        assert abs(cost.da(a, at) - cost.da(inside, at)) <= 2e-6 * delta + 1e-9
        assert cost.J(a, at) >= cost.J(inside, at)
    assert cost.kinks == ()


def test_at_the_kink_the_derivative_is_zero() -> None:
    y = np.array([[1.5]])
    assert resolve_cost("absolute_error").da(y, y) == 0
    assert resolve_cost("quantile(0.9)").da(y, y) == 0
    assert resolve_cost("absolute_error").kinks == resolve_cost("quantile").kinks == (0,)


@given(st.floats(0.01, 0.99), st.lists(st.floats(-100, 100), min_size=5, max_size=30))
def test_the_best_constant_of_the_quantile_cost_is_the_quantile(q: float, y: list[float]) -> None:
    cost = resolve_cost(f"quantile({q!r})")
    Y = np.array(y)[:, None]
    sums = [cost.J(np.full_like(Y, c), Y).sum() for c in y]
    expected = cost.J(np.full_like(Y, np.quantile(y, q, method="inverted_cdf")), Y).sum()
    assert expected <= min(sums) + 1e-9


@pytest.mark.parametrize("pair", CANONICAL, ids="+".join)
def test_the_canonical_gradient_is_a_minus_y(pair: tuple[str, str]) -> None:
    rng = np.random.default_rng(0)
    f, cost = resolve_activation(pair[0]), resolve_cost(pair[1])
    z, y = rng.standard_normal((4, 3)), rng.dirichlet(np.ones(3), 4)
    shares = rng.random(4)
    dz = cost_backward(z, f.f(z), y, shares, f, cost)
    np.testing.assert_array_equal(dz, (f.f(z) - y) * shares[:, None])
    assert canonical_pair(f, cost) is CANONICAL[pair]


def test_own_records_are_never_canonical_pairs() -> None:
    # A record called sigmoid that is not the table's own must go through its own derivative.
    mine = cr.Activation("sigmoid", f=np.tanh, df=lambda z, a: 1 - a * a)
    cost = resolve_cost("logistic")
    assert canonical_pair(mine, cost) is None
    same = cr.Cost("squared_error", J=lambda a, y: 3 * a[:, 0], da=lambda a, y: 3 + 0 * a)
    identity = resolve_activation("identity")
    assert canonical_pair(identity, same) is None
    z = np.ones((2, 1))
    dz = cost_backward(z, z, z, np.full(2, 0.5), identity, same)
    assert dz.tolist() == [[1.5], [1.5]]
    assert cost_of(z, z, z, identity, same).tolist() == [3, 3]


@pytest.mark.parametrize("record", ["relu", "leaky_relu", "sigmoid"])
def test_own_records_with_a_known_name_and_other_settings(record: str) -> None:
    mine = cr.Activation(
        record, f=lambda z: 2 * z, df=lambda z, a: 2 + 0 * z, settings={"slope": -1.0}
    )
    net = cr.Network([2, 3, 1], mine, mine)
    assert net.predict([[1.0, 2.0]]).shape == (1, 1)


def test_a_record_with_one_function_replaced_is_ones_own() -> None:
    known = resolve_activation("sigmoid")
    mine = replace(known, vjp=lambda da, z, a: da * a * (1 - a))
    assert canonical_pair(known, resolve_cost("logistic")) is not None
    assert canonical_pair(mine, resolve_cost("logistic")) is None
    with pytest.raises(ValueError, match="'sigmoid' is your own record"):
        cr.Network([2, 1], output=mine).config()


def test_a_share_of_zero_leaves_a_sample_out_even_if_infinite() -> None:
    da = np.array([[np.inf, np.nan], [1.0, 2.0]])
    assert share_out(da, np.array([0.0, 0.5])).tolist() == [[0, 0], [0.5, 1]]


@given(st.integers(2, 6), st.floats(0, 0.99))
def test_smoothed_targets_still_add_up_to_one(n: int, smoothing: float) -> None:
    y = smooth(np.eye(n), smoothing)
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-14)
    assert (y >= 0).all()
    assert (smooth(np.eye(n), 0.0) == np.eye(n)).all()


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_torch_arrays_give_what_numpy_gives(pair: tuple[str, str]) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    f, cost = resolve_activation(pair[0]), resolve_cost(pair[1])
    rng = np.random.default_rng(0)
    z, y = rng.standard_normal((5, 3)), targets(pair[1], (5, 3), rng)
    shares = rng.random(5)
    a = f.f(z)
    t = [torch.tensor(array) for array in (z, a, y, shares)]
    for canonical in (True, False):
        ours = cost_backward(z, a, y, shares, f, cost, canonical)
        theirs = cost_backward(*t, f, cost, canonical)
        np.testing.assert_allclose(theirs.numpy(), ours, rtol=1e-13, atol=1e-14)
    theirs = cost_of(*t[:3], f, cost)
    np.testing.assert_allclose(theirs.numpy(), cost_of(z, a, y, f, cost), rtol=1e-13)
    np.testing.assert_allclose(cost.J(t[1], t[2]).numpy(), cost.J(a, y), rtol=1e-13)


@pytest.mark.parametrize("name", cr.COSTS)
def test_every_record_says_what_it_is(name: str) -> None:
    cost = cr.COSTS[name]()
    assert cost.name == name
    assert cost.formula
    assert cost.derivative
    assert cost.source
    assert resolve_cost(cost.spec) is cost
    assert resolve_cost(cost) is cost
    assert set(cost.outputs) <= set(cr.ACTIVATIONS)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mse", "unknown cost 'mse', did you mean 'squared_error'?"),
        ("bce", "did you mean 'logistic'?"),
        ("huber(0)", "huber: delta must be a finite number above 0, not 0"),
        ("quantile(1)", "quantile: q must be above 0 and below 1, not 1"),
        ("cross_entropy(1)", "cross_entropy: smoothing must be at least 0 and below 1, not 1"),
    ],
)
def test_bad_names(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        resolve_cost(spec)


BAD_TARGETS: list[tuple[str, Any, int, type[Exception], str]] = [
    ("cross_entropy", [0, 3], 3, ValueError, "y[1, 0] = 3 is not a label from 0 to 2"),
    ("cross_entropy", [0, -1], 3, ValueError, "y[1, 0] = -1 is not a label from 0 to 2"),
    ("cross_entropy", [0, 1.5], 3, ValueError, "y[1, 0] = 1.5 is not a label from 0 to 2"),
    ("cross_entropy", [0, 1e300], 3, ValueError, "y[1, 0] = 1e+300 is not a label"),
    ("cross_entropy", [0, np.nan], 3, ValueError, "y[1, 0] = nan is not finite"),
    ("cross_entropy", [[0.5, 0.6]], 2, ValueError, "row 0 of y add up to 1.1, not 1"),
    ("cross_entropy", [[1.5, -0.5]], 2, ValueError, "y[0, 1] = -0.5 is negative"),
    ("cross_entropy", [[1, 0]], 3, ValueError, "y must have the shape (m, 3) or (m,)"),
    ("cross_entropy", ["a", "b"], 2, TypeError, "turn labels into 0, 1, 2, ..."),
    ("logistic", [0.5, 1.5], 1, ValueError, "y[1, 0] = 1.5 is not from 0 to 1"),
    ("logistic", [0, -1], 1, ValueError, "y[1, 0] = -1"),
    ("poisson", [1, -2], 1, ValueError, "y[1, 0] = -2"),
    ("squared_error", [1, np.inf], 1, ValueError, "y[1, 0] = inf is not finite"),
    ("squared_error", [1, 2], 2, ValueError, "y must have the shape (m, 2), not (2,)"),
    ("squared_error", 5, 1, ValueError, "y must have the shape (m, 1) or (m,), not ()"),
    ("squared_error", None, 1, TypeError, "y must hold numbers"),
    ("squared_error", [1j], 1, TypeError, "y must hold numbers, not complex128"),
    ("squared_error", np.zeros((2, 1, 1)), 1, ValueError, "not (2, 1, 1)"),
]


@pytest.mark.parametrize(("cost", "y", "n", "error", "message"), BAD_TARGETS)
def test_bad_targets(cost: str, y: Any, n: int, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        encode_target(y, n, resolve_cost(cost))


def test_targets_that_overflow_float32_are_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("y[1, 0] = 1e+300 is too large for float32")):
        encode_target([0.0, 1e300], 1, resolve_cost("squared_error"), "float32")


def test_long_rows_of_shares_in_float32_are_taken() -> None:
    z = np.random.default_rng(0).standard_normal((50, 1000)).astype(np.float32)
    y = resolve_activation("softmax").f(z)
    encoded = encode_target(y, 1000, resolve_cost("cross_entropy"), np.float32)
    assert encoded.shape == (50, 1000)


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, np.float32, bool])
def test_labels_of_every_dtype(dtype: Any) -> None:
    y = np.array([0, 1, 1], dtype)
    encoded = encode_target(y, 2, resolve_cost("cross_entropy"), np.float32)
    assert encoded.dtype == np.float32
    assert encoded.tolist() == [[1, 0], [0, 1], [0, 1]]
    assert encoded.flags.c_contiguous
