"""Functions that misbehave, through every door: one sentence each, and nothing left changed."""

from __future__ import annotations

import random

import numpy as np
import pytest

import chainrule as cr
from chainrule.gradcheck import check_gradients

RNG = np.random.default_rng(0)
P = {"W": RNG.normal(size=(2, 3))}
X = np.array([0.3, 0.7, 1.1])
Y, SCORES = (RNG.random(20) < 0.5) * 1.0, RNG.normal(size=20)


def cost(p):
    return float((p["W"] ** 2).sum())


def gradient(p):
    return {"W": 2 * p["W"]}


def objective(y, z):
    p = 1 / (1 + np.exp(-z))
    return p - y, p * (1 - p)


def square(x):
    return x * x


def kernel_of(change):
    torch = pytest.importorskip("torch")
    x = torch.linspace(-1, 1, 12).reshape(3, 4)
    return cr.check_kernel(change(square), (x,))


def objective_of(change):
    changed = change(objective)
    return cr.check_objective(lambda y, z: changed(y, z), Y, SCORES)


DOORS = {
    "cost": lambda change: check_gradients(change(cost), gradient, P, progress=False),
    "gradient": lambda change: check_gradients(cost, change(gradient), P, progress=False),
    "kernel": kernel_of,
    "objective": objective_of,
    "f": lambda change: cr.check_jacobian(change(square), lambda x: np.diag(2 * x), X),
    "jac": lambda change: cr.check_jacobian(square, change(lambda x: np.diag(2 * x)), X),
}


def each(value, change):
    """Apply a change to every array of what a function returned."""
    if isinstance(value, dict):
        return {name: change(v) for name, v in value.items()}
    return tuple(change(v) for v in value) if isinstance(value, tuple) else change(value)


def returns_nothing(function):
    return lambda *args: None


def raises(function):
    def run(*args):
        raise RuntimeError("the solver did not converge\nand more lines")

    return run


def needs_a_gpu(function):
    def run(*args):
        raise AssertionError("Torch not compiled with CUDA enabled")

    return run


def prints(function):
    def run(*args):
        print("loss is 1")
        return function(*args)

    return run


def seeds(function):
    def run(*args):
        np.random.seed(3)
        random.seed(3)
        return function(*args)

    return run


def is_random(function):
    def run(*args):
        scale = 1 + 0.1 * float(np.random.default_rng().random())
        return each(function(*args), lambda v: v * scale)

    return run


def has_another_shape(function):
    """From the second call on, half of the array: a function that depends on its state."""
    calls = iter(range(10**6))

    def run(*args):
        value = function(*args)
        if not next(calls):
            return value
        return each(value, lambda v: v * np.ones(2) if np.ndim(v) == 0 else v[:1])

    return run


SENTENCES = {
    "nothing": (returns_nothing, "nothing|NoneType"),
    "raises": (raises, "raised RuntimeError: the solver did not converge$"),
    "gpu": (needs_a_gpu, "raised AssertionError: Torch not compiled with CUDA enabled$"),
    "another shape": (has_another_shape, "shape|entries"),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("fault", SENTENCES)
def test_function_that_misbehaves_is_one_sentence(door, fault):
    change, words = SENTENCES[fault]
    with pytest.raises((TypeError, ValueError), match=words) as caught:
        DOORS[door](change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("door", ["cost", "objective", "f", "jac"])
def test_random_function_without_a_seed_is_refused(door):
    with pytest.raises(ValueError, match=r"is not deterministic: .*seed") as caught:
        DOORS[door](is_random)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("door", "words"), [("gradient", "more than sums in another order"), ("kernel", "run to run")]
)
def test_random_gradient_is_not_right_and_no_sum_in_another_order(door, words):
    report = DOORS[door](is_random)
    assert not report.ok
    assert words in str(report)


@pytest.mark.parametrize("door", DOORS)
def test_function_that_prints_is_checked_and_noted(door, capsys):
    report = DOORS[door](prints)
    printed = capsys.readouterr().out
    assert report.ok
    assert set(printed.splitlines()) == {"loss is 1"}
    assert f"the functions printed {printed.count(chr(10))} lines in this check" in report.notes


@pytest.mark.parametrize("door", DOORS)
def test_global_random_numbers_are_put_back_and_noted(door):
    np.random.seed(1)
    random.seed(1)
    drawn = [np.random.get_state()[1].copy(), random.getstate()]
    report = DOORS[door](seeds)
    assert report.ok
    assert np.array_equal(np.random.get_state()[1], drawn[0])
    assert random.getstate() == drawn[1]
    assert any("global numbers of random, numpy.random" in note for note in report.notes)


def test_random_numbers_are_put_back_after_an_error():
    def fails(p):
        np.random.seed(3)
        raise RuntimeError

    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    with pytest.raises(ValueError, match="the cost raised RuntimeError: no message"):
        check_gradients(fails, gradient, P, progress=False)
    assert np.array_equal(np.random.get_state()[1], before)
