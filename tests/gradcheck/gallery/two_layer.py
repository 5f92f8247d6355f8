"""Networks of two layers as students write them in NumPy: penalties, biases, order, caches."""

from __future__ import annotations

import numpy as np

from gallery.doors import pair, sigmoid, softmax
from gallery.record import Gallery

gallery = Gallery("two-layer networks")
LAM = 0.3


def cs231n(rng, change=None, penalty=1.0, biases=0.0):
    """relu, softmax, cross-entropy and LAM |W|²; ``change(grads, cache)`` spoils the gradients."""
    X, y = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)

    def forward(p):
        z1 = X @ p["W1"] + p["b1"]
        h = np.maximum(z1, 0)
        return z1, h, softmax(h @ p["W2"] + p["b2"])

    def J(p):
        P = forward(p)[2]
        weights = (p["W1"] ** 2).sum() + (p["W2"] ** 2).sum()
        weights += biases * ((p["b1"] ** 2).sum() + (p["b2"] ** 2).sum())
        return -np.log(P[np.arange(6), y]).mean() + LAM * weights

    def gradient(p):
        z1, h, P = forward(p)
        d2 = (P - np.eye(3)[y]) / 6
        d1 = d2 @ p["W2"].T * (z1 > 0)
        g = {"W1": X.T @ d1, "b1": d1.sum(0), "W2": h.T @ d2, "b2": d2.sum(0)}
        if change is not None:
            g |= change(g, {"z1": z1, "h": h, "P": P, "d2": d2, "d1": d1, "X": X, "y": y}, p)
        for name in ("W1", "W2"):
            g[name] = g[name] + penalty * 2 * LAM * p[name]
        return g

    p = {
        "W1": rng.normal(size=(4, 5)), "b1": rng.normal(size=5),
        "W2": rng.normal(size=(5, 3)), "b2": rng.normal(size=3),
    }  # fmt: skip
    return pair(J, gradient, p, X=X, y=y)


@gallery.wrong("jingtinghuang/CS231n-Spring-2017#3", "W1, W2", "penalty|lacks")
def penalty_without_its_two(rng):
    return cs231n(rng, penalty=0.5)


@gallery.wrong("Burton2000/CS231n-2017#9", "b1, b2", "penalty")
def penalty_of_the_biases_forgotten(rng):
    return cs231n(rng, biases=1.0)


@gallery.wrong("JWarmenhoven/Coursera-Machine-Learning#3", "b1, b2", "penalty")
def penalty_on_biases_that_the_cost_has_not(rng):
    return cs231n(rng, lambda g, c, p: {b: g[b] + LAM * p[b] for b in ("b1", "b2")})


@gallery.wrong("rasmusbergpalm/DeepLearnToolbox#32", "b2", "penalty")
def penalty_on_one_bias(rng):
    return cs231n(rng, lambda g, c, p: {"b2": g["b2"] + p["b2"]})


@gallery.wrong("schneems/Octave#12", "layer 1", "f'")
def hidden_slope_of_another_activation(rng):
    """relu forwards, sigmoid's slope backwards."""

    def change(g, c, p):
        s = sigmoid(c["z1"])
        d1 = c["d2"] @ p["W2"].T * s * (1 - s)
        return {"W1": c["X"].T @ d1, "b1": d1.sum(0)}

    return cs231n(rng, change)


@gallery.wrong("Kulbear/deep-learning-coursera#40", "layer 1", "f'|z1|slope")
def slope_by_the_scores(rng):
    """The derivative of relu at h @ W2, and not at z1, summed to fit."""

    def change(g, c, p):
        d1 = c["d2"] @ p["W2"].T
        return {"W1": c["X"].T @ d1, "b1": d1.sum(0)}

    return cs231n(rng, change)


@gallery.wrong("mbadry1/DeepLearning.ai-Summary#2", "b1", "sum|axis|bias")
def bias_from_the_last_sample(rng):
    return cs231n(rng, lambda g, c, p: {"b1": c["d1"][-1]})


@gallery.wrong("Kulbear/deep-learning-coursera#40", "W2", r"f'|z1|\ba1\b|\bh\b|activation|input")
def weights_by_z_and_not_by_the_activation(rng):
    return cs231n(rng, lambda g, c, p: {"W2": c["z1"].T @ c["d2"]})


@gallery.wrong("Burton2000/CS231n-2017#9", "W1", r"0.7 ×|dropout|mask")
def inverted_dropout_without_its_scale(rng):
    """The mask is applied in both passes, and 1/keep in the forward pass alone."""
    X, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    mask = rng.random((6, 5)) < 0.7
    mask[0] = True

    def forward(p):
        a = np.tanh(X @ p["W1"])
        return a, a * mask / 0.7 @ p["W2"] - y

    def gradient(p):
        a, r = forward(p)
        d = r @ p["W2"].T * mask * (1 - a * a)
        return {"W1": X.T @ d, "W2": (a * mask / 0.7).T @ r}

    p = {"W1": rng.normal(size=(4, 5)), "W2": rng.normal(size=(5, 2))}
    return pair(lambda p: (forward(p)[1] ** 2).sum() / 2, gradient, p, X=X, y=y)


# ------------------------------------------------------------------ right


@gallery.right("schneems/Octave#12")
def sigmoid_that_is_saturated(rng):
    X, y = rng.normal(size=(6, 4)), rng.integers(0, 2, (6, 1))

    def forward(p):
        a = sigmoid(X @ p["W1"])
        return a, sigmoid(a @ p["W2"])

    def J(p):
        a = forward(p)[0] @ p["W2"]
        return (np.logaddexp(0, a) - y * a).mean()

    def gradient(p):
        a, out = forward(p)
        d2 = (out - y) / 6
        d1 = d2 @ p["W2"].T * a * (1 - a)
        return {"W1": X.T @ d1, "W2": a.T @ d2}

    p = {"W1": 4 * rng.normal(size=(4, 5)), "W2": rng.normal(size=(5, 1))}
    return pair(J, gradient, p, X=X, y=y)


@gallery.right("ddbourgin/numpy-ml#27")
def one_sample_and_one_class(rng):
    X, y = rng.normal(size=(1, 3)), rng.normal(size=(1, 1))

    def forward(p):
        a = np.tanh(X @ p["W1"])
        return a, a @ p["W2"] - y

    def gradient(p):
        a, r = forward(p)
        return {"W1": X.T @ (r @ p["W2"].T * (1 - a * a)), "W2": a.T @ r}

    p = {"W1": rng.normal(size=(3, 2)), "W2": rng.normal(size=(2, 1))}
    return pair(lambda p: (forward(p)[1] ** 2).sum() / 2, gradient, p, X=X, y=y)


@gallery.right("pybrain/pybrain#51")
def parameters_as_one_vector(rng):
    X, y = rng.normal(size=(6, 3)), rng.normal(size=6)

    def parts(v):
        a = np.tanh(X @ v[:12].reshape(3, 4))
        return a, a @ v[12:] - y

    def gradient(v):
        a, r = parts(v)
        d = np.outer(r, v[12:]) * (1 - a * a)
        return np.concatenate([(X.T @ d).ravel(), a.T @ r])

    return pair(lambda v: (parts(v)[1] ** 2).sum() / 2, gradient, rng.normal(size=16))


@gallery.right("dannyneil/spiking_relu_conversion#1")
def hidden_units_that_are_dead(rng):
    X, y = np.abs(rng.normal(size=(6, 3))), rng.normal(size=(6, 2))

    def forward(p):
        z = X @ p["W1"] + p["b1"]
        return z, np.maximum(z, 0) @ p["W2"] - y

    def gradient(p):
        z, r = forward(p)
        d = r @ p["W2"].T * (z > 0)
        return {"W1": X.T @ d, "b1": d.sum(0), "W2": np.maximum(z, 0).T @ r}

    W1 = rng.normal(size=(3, 4))
    W1[:, 1] = -np.abs(W1[:, 1]) - 1
    p = {"W1": W1, "b1": np.array([0, -5.0, 0, -20]), "W2": rng.normal(size=(4, 2))}
    return pair(lambda p: (forward(p)[1] ** 2).sum() / 2, gradient, p, X=X, y=y)
