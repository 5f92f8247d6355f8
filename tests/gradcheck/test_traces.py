"""A program's own chain: its rules against differences, mistakes inside it in its own words."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

from chainrule.gradcheck import check_gradients
from chainrule.gradcheck.cost_functions import Subject
from chainrule.gradcheck.traces.rules import REDUCTIONS, SLOPES
from chainrule.gradcheck.traces.tape import numpy_program

RNG = np.random.default_rng(0)
A, B = RNG.uniform(0.2, 0.8, (2, 4, 4))
R = RNG.normal(size=(4, 4))


def slope(name):
    function = getattr(np, name, None) or getattr(scipy.special, name)
    if len(SLOPES[name]) == 1:
        return lambda p: (R * function(p["A"])).sum()
    return lambda p: (R * function(p["A"], p["B"])).sum()


PROGRAMS = {
    **{name: slope(name) for name in SLOPES},
    **{f"{name} over rows": (lambda p, n=name: (R[0] * getattr(np, n)(p["A"], axis=1)).sum())
       for name in REDUCTIONS},
    **{f"{name} of all": (lambda p, n=name: getattr(p["A"], n)()) for name in REDUCTIONS},
    "var with ddof": lambda p: np.var(p["A"], axis=0, ddof=1) @ R[0],
    "product": lambda p: (R * (p["A"] @ p["B"])).sum(),
    "product with a vector": lambda p: R[0] @ (p["A"] @ p["B"][0]) + p["A"][1] @ R[1],
    "product of stacks": lambda p: ((p["A"].reshape(2, 2, 4) @ p["B"]) ** 2).sum(),
    "spread": lambda p: (R * (p["A"][:1] + p["B"][:, :1])).sum(),
    "solve": lambda p: (R * np.linalg.solve(p["A"] + np.eye(4), p["B"])).sum(),
    "inverse": lambda p: (R * np.linalg.inv(p["A"] + np.eye(4))).sum(),
    "determinant": lambda p: np.linalg.slogdet(p["A"] + 3 * np.eye(4))[1],
    "einsum": lambda p: np.einsum("ij,jk->ik", p["A"], p["B"]).sum() * p["A"][0, 0],
    "moves": lambda p: (R * np.roll(np.flip(np.tril(p["A"].T), 0), 1, axis=1)).sum(),
    "joined": lambda p: (np.concatenate([p["A"], R, p["B"]])[2:9] ** 2).sum(),
    "stacked": lambda p: (np.stack([p["A"][0], p["B"][1], R[0]]) ** 3).sum(),
    "chosen": lambda p: np.where(R > 0, p["A"] * R, p["B"]).sum(),
    "clipped": lambda p: (R * np.clip(p["A"], 0.3, 0.6)).sum(),
    "cumulated": lambda p: (R * np.cumsum(p["A"], axis=1)).sum(),
    "picked": lambda p: (p["A"][np.array([0, 0, 3])] * R[:3]).sum(),
    "rows of objects": lambda p: (R * np.array([np.tanh(row) for row in p["A"]])).sum(),
}  # fmt: skip


def gradients_of(J, p):
    """Central differences of order 4: no part of what is tested."""
    result = {}
    for name, value in p.items():
        g = np.zeros_like(value)
        for i in np.ndindex(*value.shape):
            J_at = {}
            for k in (-2, -1, 1, 2):
                moved = {n: v.copy() for n, v in p.items()}
                moved[name][i] += k * 1e-3
                J_at[k] = float(J(moved))
            g[i] = (8 * (J_at[1] - J_at[-1]) - (J_at[2] - J_at[-2])) / 12e-3
        result[name] = g
    return result


@pytest.mark.parametrize("name", PROGRAMS)
def test_recorded_program_has_the_gradient_of_differences(name):
    J, p = PROGRAMS[name], {"A": A, "B": B}
    subject = Subject(J, {"A": np.zeros((4, 4)), "B": np.zeros((4, 4))}, p)
    program = numpy_program(subject)
    assert program is not None
    ours = program.gradients()
    for array, wanted in gradients_of(J, p).items():
        assert np.allclose(ours.get(array, 0), wanted, rtol=1e-6, atol=1e-8), array


@pytest.mark.parametrize(
    "J",
    [
        lambda p: float(np.asarray(p["A"], dtype=float).sum()),
        lambda p: np.sort(p["A"]).sum(),
        lambda p: 1.0 * len(p),
    ],
)
def test_program_that_cannot_be_recorded_is_none(J):
    zeros = {"A": np.zeros((4, 4)), "B": np.zeros((4, 4))}
    assert numpy_program(Subject(J, zeros, {"A": A, "B": B})) is None


X, Y = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 3))
W1, W2 = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 4))
W3 = RNG.normal(size=(4, 3))


def said(J, gradient, p):
    report = check_gradients(J, gradient, p, progress=False)
    assert report.verdict == "wrong", str(report)
    return " ".join(d.sentence for d in report.diagnoses)


def recurrence(carry):
    """h_t = tanh(h_{t-1} U + x_t W); the gradient with the carry of steps after ``carry``."""

    def states(p):
        h = [np.zeros(4)]
        for x in X:
            h.append(np.tanh(x @ p["W"] + h[-1] @ p["U"]))
        return h

    def gradient(p):
        h, g, back = states(p), {n: np.zeros_like(v) for n, v in p.items()}, np.zeros(4)
        for t in range(len(X) - 1, -1, -1):
            dz = (h[t + 1] + back) * (1 - h[t + 1] ** 2)
            g["W"] += np.outer(X[t], dz)
            g["U"] += np.outer(h[t], dz)
            back = p["U"] @ dz * carry(t)
        return g

    def J(p):
        return sum((h**2).sum() for h in states(p)[1:]) / 2

    return J, gradient, {"W": W1, "U": W2}


def test_carry_of_a_recurrence_that_is_dropped_is_named():
    words = said(*recurrence(lambda t: 0))
    assert '`h[-1] @ p["U"]`' in words
    assert "the recurrence is truncated" in words


def test_carry_that_is_cut_at_one_step_is_named():
    words = said(*recurrence(lambda t: t != 3))
    assert "cut there" in words
    assert "of 7" in words


def residual(skip, through):
    """a2 = a1 + tanh(a1 W2): the gradient with the skip and the layer so many times."""

    def forward(p):
        a1 = np.tanh(X @ p["W1"])
        t = np.tanh(a1 @ p["W2"])
        return a1, t, (a1 + t) @ p["W3"] - Y

    def gradient(p):
        a1, t, r = forward(p)
        da2 = r @ p["W3"].T
        dz2 = da2 * (1 - t * t)
        dz1 = (skip * da2 + through * dz2 @ p["W2"].T) * (1 - a1 * a1)
        return {"W1": X.T @ dz1, "W2": a1.T @ dz2, "W3": (a1 + t).T @ r}

    return lambda p: (forward(p)[2] ** 2).sum() / 2, gradient, {"W1": W1, "W2": W2, "W3": W3}


@pytest.mark.parametrize(
    ("skip", "through", "words"),
    [(0, 1, "is missing"), (1, 0, "is missing"), (2, 1, "is there twice")],
)
def test_residual_connection_is_named(skip, through, words):
    sentence = said(*residual(skip, through))
    assert words in sentence
    assert "a1 + t" in sentence or "a1 @" in sentence


def normalised_above(mean, variance):
    """A layer norm above the first layer, without the terms through its mean and variance."""

    def norm(a):
        return (a - a.mean(1, keepdims=True)) / np.sqrt(a.var(1, keepdims=True) + 1e-5)

    def gradient(p):
        a1 = np.tanh(X @ p["W1"])
        z = a1 @ p["W2"]
        s = np.sqrt(z.var(1, keepdims=True) + 1e-5)
        zh = (z - z.mean(1, keepdims=True)) / s
        d = np.cos(zh @ p["W3"]) @ p["W3"].T
        dz = d - mean * d.mean(1, keepdims=True)
        dz = (dz - variance * zh * (d * zh).mean(1, keepdims=True)) / s
        dz1 = dz @ p["W2"].T * (1 - a1 * a1)
        return {"W1": X.T @ dz1, "W2": a1.T @ dz, "W3": zh.T @ np.cos(zh @ p["W3"])}

    def J(p):
        return np.sin(norm(np.tanh(X @ p["W1"]) @ p["W2"]) @ p["W3"]).sum()

    return J, gradient, {"W1": W1, "W2": W2, "W3": W3}


@pytest.mark.parametrize(("mean", "variance", "word"), [(0, 1, "mean"), (1, 0, "var")])
def test_norm_above_the_first_layer_is_named(mean, variance, word):
    sentence = said(*normalised_above(mean, variance))
    assert f"what comes back through {word} in" in sentence
    assert "is missing" in sentence


def test_softmax_inside_attention_is_named():
    """The sum in softmax's Jacobian is forgotten, of scores that are two projections' product."""

    def parts(p):
        q, k = X @ p["Wq"], X @ p["Wk"]
        e = np.exp(q @ k.T)
        return q, k, e / e.sum(1, keepdims=True)

    def gradient(p):
        q, k, P = parts(p)
        dS = P * (Y @ Y.T)
        return {"Wq": X.T @ dS @ k, "Wk": X.T @ dS.T @ q}

    weights = {"Wq": 0.3 * W1, "Wk": 0.3 * RNG.normal(size=(3, 4))}
    sentence = said(lambda p: (Y @ Y.T * parts(p)[2]).sum(), gradient, weights)
    assert "what comes back through sum in `e.sum(1, keepdims=True)`" in sentence
    assert "is missing" in sentence


def test_mistake_that_none_of_the_changes_makes_is_not_explained():
    J, _, p = recurrence(lambda t: 1)
    noise = {n: RNG.normal(size=v.shape) for n, v in p.items()}
    assert said(J, noise, p) == ""
