"""Optimizers against torch.optim over 50 steps, first steps worked by hand, and their contracts."""

import re
from collections.abc import Callable
from fractions import Fraction
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.mathematics.optimizers import (
    OPTIMIZERS,
    Optimizer,
    adagrad,
    adam,
    adamw,
    gradient_descent,
    momentum,
    nesterov,
    resolve_optimizer,
    rmsprop,
)
from chainrule.mathematics.stepping import BLOCK

P, WEIGHTS = 11, 7  # the first 7 parameters are weights, the other 4 biases
DECAYS = np.r_[np.ones(WEIGHTS), np.zeros(P - WEIGHTS)]

ORACLES: list[tuple[Optimizer, str, dict[str, Any]]] = [
    (gradient_descent(), "SGD", {}),
    (momentum(), "SGD", {"momentum": 0.9}),
    (momentum(0.0), "SGD", {}),
    (momentum(0.5), "SGD", {"momentum": 0.5}),
    (nesterov(), "SGD", {"momentum": 0.9, "nesterov": True}),
    (nesterov(0.3), "SGD", {"momentum": 0.3, "nesterov": True}),
    (rmsprop(), "RMSprop", {"alpha": 0.9, "eps": 1e-8}),
    (rmsprop(0.99, 1e-3), "RMSprop", {"alpha": 0.99, "eps": 1e-3}),
    (adagrad(), "Adagrad", {"eps": 1e-10}),
    (adagrad(1e-2), "Adagrad", {"eps": 1e-2}),
    (adam(), "Adam", {}),
    (adam(0.5, 0.9, 1e-3), "Adam", {"betas": (0.5, 0.9), "eps": 1e-3}),
    (adam(0.0, 0.0), "Adam", {"betas": (0.0, 0.0)}),
    (adamw(), "AdamW", {"weight_decay": 0.01}),
    (
        adamw(0.8, 0.99, 1e-6, 0.5),
        "AdamW",
        {"betas": (0.8, 0.99), "eps": 1e-6, "weight_decay": 0.5},
    ),
    (adamw(weight_decay=0.0), "AdamW", {"weight_decay": 0.0}),
]


def labelled(case: tuple[Optimizer, str, dict[str, Any]]) -> str:
    return f"{case[0].name}-{case[2]}"


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6], ids=lambda s: f"g~{s}")
@pytest.mark.parametrize("case", ORACLES, ids=labelled)
def test_fifty_steps_as_in_torch(case: tuple[Optimizer, str, dict[str, Any]], scale: float) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    ours, theirs, arguments = case
    rng = np.random.default_rng(0)
    theta = rng.standard_normal(P)
    weights, biases = (torch.tensor(part.copy()) for part in np.split(theta, [WEIGHTS]))
    groups = [{"params": [weights]}, {"params": [biases]}]
    if "weight_decay" in arguments:
        groups[1]["weight_decay"] = 0.0
    oracle = getattr(torch.optim, theirs)(groups, lr=1.0, **arguments)
    state = ours.init(theta)
    for t in range(1, 51):
        dtheta = scale * rng.standard_normal(P) * rng.integers(0, 2, P)  # half of them zero
        rate = 0.1 / (1 + t % 7)
        for group in oracle.param_groups:
            group["lr"] = rate
        weights.grad, biases.grad = (torch.tensor(part) for part in np.split(dtheta, [WEIGHTS]))
        oracle.step()
        theta, state = ours.update(theta, dtheta, state, rate, t, DECAYS)
    expected = torch.cat([weights, biases]).numpy()
    np.testing.assert_allclose(theta, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


# One step by hand from theta = (1, -2) with g = (1/2, 4) and learning_rate 1/10, then a second
# with g = (-1, 0); biases none.
#   gradient_descent  (1 - .05, -2 - .4), then (+.1, 0)
#   momentum .9       v = (.5, 4), then v = (.45 - 1, 3.6) = (-.55, 3.6)
#   nesterov .9       g + .9 v = (.95, 7.6), then (-1 - .495, 3.24) = (-1.495, 3.24)
#   rmsprop .75       s = (1/4)(1/4, 16) = (1/16, 4): g / sqrt(s) = (2, 2);
#                     then s = (3/64 + 1/4, 3) = (19/64, 3): g / sqrt(s) = (-8/sqrt(19), 0)
#   adagrad           s = (1/4, 16): g / sqrt(s) = (1, 1);
#                     then s = (5/4, 16): (-2/sqrt(5), 0)
#   adam .5, .75      corrected m = g, v = g^2: (1, 1);
#                     then m = (1/8 - 1/2, 1) = (-3/8, 1) over 1 - 1/4: (-1/2, 4/3),
#                     v = (3/64 + 1/4, 3) = (19/64, 3) over 1 - 9/16 = 7/16: (19/28, 48/7)
#   adamw, decay .5   theta times 1 - .05 before each step, on the first parameter only
A = 0.5 / sqrt(19 / 28), (4 / 3) / sqrt(48 / 7)
BY_HAND = [
    (gradient_descent(), (0.95, -2.4), (1.05, -2.4)),
    (momentum(0.9), (0.95, -2.4), (1.005, -2.76)),
    (nesterov(0.9), (0.905, -2.76), (1.0545, -3.084)),
    (rmsprop(0.75, 1e-300), (0.8, -2.2), (0.8 + 0.8 / sqrt(19), -2.2)),
    (adagrad(1e-300), (0.9, -2.1), (0.9 + 0.2 / sqrt(5), -2.1)),
    (adam(0.5, 0.75, 1e-300), (0.9, -2.1), (0.9 + 0.1 * A[0], -2.1 - 0.1 * A[1])),
    (
        adamw(0.5, 0.75, 1e-300, 0.5),
        (0.85, -2.1),
        (0.85 * 0.95 + 0.1 * A[0], -2.1 - 0.1 * A[1]),
    ),
]


@pytest.mark.parametrize("case", BY_HAND, ids=lambda case: case[0].name)
def test_two_steps_by_hand(case: tuple[Optimizer, tuple[float, ...], tuple[float, ...]]) -> None:
    optimizer, first, second = case
    decays = np.array([1.0, 0.0])
    theta = np.array([1.0, -2.0])
    state = optimizer.init(theta)
    theta, state = optimizer.update(theta, np.array([0.5, 4.0]), state, 0.1, 1, decays)
    np.testing.assert_allclose(theta, first, rtol=1e-14)
    theta, state = optimizer.update(theta, np.array([-1.0, 0.0]), state, 0.1, 2, decays)
    np.testing.assert_allclose(theta, second, rtol=1e-14)


def test_the_hand_cases_cover_the_table() -> None:
    assert {case[0].name for case in BY_HAND} == set(OPTIMIZERS)
    assert {case[0].name for case in ORACLES} == set(OPTIMIZERS)


fractions = st.fractions(min_value=-100, max_value=100, max_denominator=1000)


@given(
    st.lists(st.tuples(fractions, fractions), min_size=1, max_size=4),
    fractions,
    st.fractions(0, 1, max_denominator=50).filter(lambda mu: mu < 1),
    st.fractions(0, 2, max_denominator=50),
)
def test_steps_with_momentum_are_exact_in_fractions(
    gradients: list[tuple[Fraction, Fraction]], start: Fraction, mu: Fraction, rate: Fraction
) -> None:
    rules: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
        "gradient_descent": lambda g, v: g,
        "momentum": lambda g, v: v,
        "nesterov": lambda g, v: g + mu * v,
    }
    for name, direction in rules.items():
        optimizer = OPTIMIZERS[name](*([] if name == "gradient_descent" else [mu]))
        theta = np.array([start, -start], dtype=object)
        state = optimizer.init(theta)
        expected, v = [start, -start], [Fraction(0), Fraction(0)]
        for t, g in enumerate(gradients, 1):
            dtheta = np.array(g, dtype=object)
            theta, state = optimizer.update(theta, dtheta, state, rate, t)
            v = [mu * old + new for old, new in zip(v, g, strict=True)]
            expected = [
                p - rate * direction(g_i, v_i) for p, g_i, v_i in zip(expected, g, v, strict=True)
            ]
        assert theta.tolist() == expected
        assert all(isinstance(entry, Fraction) for entry in theta)


every = pytest.mark.parametrize("name", OPTIMIZERS)


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [0.1, np.float64(0.1), np.float32(0.1), 1], ids=repr)
def test_dtype_and_shape_stay(name: str, dtype: str, rate: float) -> None:
    optimizer = resolve_optimizer(name)
    theta = np.ones(5, dtype=dtype)
    state = optimizer.init(theta)
    assert state.shape == (len(optimizer.slots), 5)
    assert state.dtype == dtype
    assert not state.any()
    decays = np.ones(5, dtype=dtype)
    for t in (1, 2, 100_000):
        theta, state = optimizer.update(theta, -theta, state, rate, t, decays)
        assert (theta.shape, theta.dtype) == ((5,), np.dtype(dtype))
        assert (state.shape, state.dtype) == ((len(optimizer.slots), 5), np.dtype(dtype))


@every
def test_update_is_pure(name: str) -> None:
    optimizer = resolve_optimizer(name)
    rng = np.random.default_rng(1)
    theta, dtheta = rng.standard_normal((2, 6))
    state = rng.random((len(optimizer.slots), 6))
    arrays = (theta, dtheta, state, np.ones(6))
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    first = optimizer.update(theta, dtheta, state, 0.1, 3, arrays[3])
    second = optimizer.update(theta, dtheta, state, 0.1, 3, arrays[3])
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.shares_memory(first[0], theta)


@every
def test_each_parameter_moves_by_itself(name: str) -> None:
    optimizer = resolve_optimizer(name)
    rng = np.random.default_rng(2)
    theta, dtheta = rng.standard_normal((2, 8))
    state = rng.random((len(optimizer.slots), 8))
    whole, _ = optimizer.update(theta, dtheta, state, 0.1, 4)
    for i in range(8):
        one = slice(i, i + 1)
        part, _ = optimizer.update(theta[one], dtheta[one], state[:, one], 0.1, 4)
        np.testing.assert_array_equal(part, whole[one])


@every
@pytest.mark.parametrize("size", [1, BLOCK, 2 * BLOCK + 3])
def test_in_place_and_in_blocks_the_bits_are_the_same(name: str, size: int) -> None:
    optimizer = resolve_optimizer(name)
    rng = np.random.default_rng(4)
    theta, dtheta = rng.standard_normal((2, size))
    decays = rng.integers(0, 2, size).astype(float)
    state = rng.random((len(optimizer.slots), size))
    pure = optimizer.update(theta, dtheta, state, 0.1, 2, decays)
    places = rng.integers(0, size, 20)  # in an order and a number that blocks do not have
    few, rows = optimizer.update(
        theta[places], dtheta[places], state[:, places], 0.1, 2, decays[places]
    )
    np.testing.assert_array_equal(few, pure[0][places])
    np.testing.assert_array_equal(rows, pure[1][:, places])
    moved = optimizer.update(theta, dtheta, state, 0.1, 2, decays, out=(theta, state))
    assert moved[0] is theta
    assert moved[1] is state
    np.testing.assert_array_equal(theta, pure[0])
    np.testing.assert_array_equal(state, pure[1])


@every
def test_a_gradient_of_another_shape_is_refused(name: str) -> None:
    optimizer = resolve_optimizer(name)
    theta = np.ones(3)
    message = f"{name}: dtheta must have the shape of theta, (3,), not (1,)"
    with pytest.raises(ValueError, match=re.escape(message)):
        optimizer.update(theta, np.ones(1), optimizer.init(theta), 0.1, 1)


def test_only_numpy_arrays_are_written_to() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    optimizer, theta = adam(), torch.ones(2)
    state = optimizer.init(theta)
    with pytest.raises(TypeError, match="adam: out must be None unless theta is a NumPy array"):
        optimizer.update(theta, theta, state, 0.1, 1, out=(theta, state))


@every
def test_a_zero_gradient_or_rate_moves_nothing(name: str) -> None:
    optimizer = resolve_optimizer(name)
    theta = np.array([1.0, -2.0])
    moved, _ = optimizer.update(theta, theta, optimizer.init(theta), 0.0, 1)
    np.testing.assert_array_equal(moved, theta)
    moved, state = optimizer.update(theta, 0 * theta, optimizer.init(theta), 0.1, 1, 0)
    np.testing.assert_array_equal(moved, theta)
    assert not state.any()


def test_decay_needs_its_mark() -> None:
    theta = np.array([1.0, 1.0])
    plain, decayed = adam(), adamw(weight_decay=0.1)
    g = np.array([0.3, 0.3])
    without, _ = plain.update(theta, g, plain.init(theta), 0.5, 1)
    marked, _ = decayed.update(theta, g, decayed.init(theta), 0.5, 1, np.array([1.0, 0.0]))
    assert marked[0] == pytest.approx(without[0] - 0.05, rel=1e-14)
    assert marked[1] == without[1]


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_source_runs_on_torch(name: str, dtype: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    optimizer = resolve_optimizer(name)
    rng = np.random.default_rng(3)
    theta = rng.standard_normal(6).astype(dtype)
    tensor = torch.tensor(theta.copy())
    state, tensors = optimizer.init(theta), optimizer.init(tensor)
    for t in range(1, 6):
        g = rng.standard_normal(6).astype(dtype)
        theta, state = optimizer.update(theta, g, state, 0.1, t)
        tensor, tensors = optimizer.update(tensor, torch.tensor(g), tensors, 0.1, t)
    assert tensor.dtype == getattr(torch, dtype)
    assert tuple(tensors.shape) == state.shape
    np.testing.assert_allclose(tensor.numpy(), theta, rtol=10 * np.finfo(dtype).eps)


@every
@pytest.mark.parametrize("rate", [-0.1, float("nan"), float("inf"), np.float64(-1)], ids=repr)
def test_a_bad_learning_rate_is_refused(name: str, rate: float) -> None:
    optimizer = resolve_optimizer(name)
    theta = np.ones(2)
    with pytest.raises(ValueError, match="learning rate must be a finite number, 0 or above, not"):
        optimizer.update(theta, theta, optimizer.init(theta), rate, 1)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("momentum(1)", "momentum: momentum must be at least 0 and below 1, not 1.0"),
        ("nesterov(-0.1)", "nesterov: momentum must be at least 0 and below 1, not -0.1"),
        ("rmsprop(1)", "rmsprop: decay must be at least 0 and below 1, not 1.0"),
        ("rmsprop(0.9, 0)", "rmsprop: epsilon must be a finite number above 0, not 0.0"),
        ("adagrad(-1)", "adagrad: epsilon must be a finite number above 0, not -1.0"),
        ("adam(1)", "adam: beta1 must be at least 0 and below 1, not 1.0"),
        ("adam(0.9, 1.5)", "adam: beta2 must be at least 0 and below 1, not 1.5"),
        ("adam(0.9, 0.9, 0)", "adam: epsilon must be a finite number above 0, not 0.0"),
        ("adamw(0.9, 0.9, 1e-8, -1)", "adamw: weight_decay must be a finite number, 0 or above"),
        ("adamw(2)", "adamw: beta1 must be at least 0 and below 1, not 2.0"),
        ("adam(1,2,3,4)", "optimizer 'adam' takes at most 3 (beta1, beta2, epsilon), but"),
        ("gradient_descent(0.1)", "optimizer 'gradient_descent' takes no numbers, but"),
        ("adma", "unknown optimizer 'adma', did you mean 'adam'?"),
        ("sgd", "unknown optimizer 'sgd', did you mean 'gradient_descent'?"),
    ],
)
def test_a_bad_setting_is_one_sentence(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        resolve_optimizer(spec)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [None, "0.9", True])
def test_a_setting_is_a_number(value: Any) -> None:
    with pytest.raises(TypeError, match="momentum: momentum must be at least 0 and below 1, not"):
        momentum(value)


def test_resolve_reads_numbers_and_keeps_records() -> None:
    own = adam(0.8)
    assert resolve_optimizer(own) is own
    assert resolve_optimizer("momentum(0.95)").settings == {"momentum": 0.95}
    assert resolve_optimizer("adamw").settings == {
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "weight_decay": 0.01,
    }


@every
def test_the_record_is_complete(name: str) -> None:
    optimizer = resolve_optimizer(name)
    assert optimizer.name == name
    assert optimizer.formula
    assert optimizer.source
    assert OPTIMIZERS[name](**optimizer.settings).settings == optimizer.settings
