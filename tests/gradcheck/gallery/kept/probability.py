"""Likelihoods and statistics: the cases kept apart."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammaln

from gallery.doors import pair, softmax
from gallery.record import Gallery

gallery = Gallery("probability")


@gallery.wrong("statsmodels/statsmodels#1967", "w", "exposure|offset|factor|rows|no known|weights")
def exposure_left_out_of_the_score(rng):
    X, y, e = rng.normal(size=(20, 3)), rng.poisson(2.0, 20), rng.uniform(1, 3, 20)

    def J(p):
        return (e * np.exp(X @ p["w"]) - y * (X @ p["w"])).sum()

    return pair(J, lambda p: {"w": X.T @ (np.exp(X @ p["w"]) - y)}, {"w": rng.normal(size=3) * 0.3})


@gallery.wrong("statsmodels/statsmodels#7522", "pi", "softmax|sum|normal")
def mixture_weights_without_the_normaliser(rng):
    """Weights by a softmax: p - pi, of which the backward pass has p alone."""
    L = rng.normal(size=(12, 4))

    def J(p):
        return -np.log((softmax(p["pi"]) * np.exp(L)).sum(1)).sum()

    def gradient(p):
        r = softmax(np.log(softmax(p["pi"])) + L)
        return {"pi": -r.sum(0)}

    return pair(J, gradient, {"pi": rng.normal(size=4)})


@gallery.wrong("scikit-learn/scikit-learn#31366", "w", r"factor 2|2 ×|/ 2` .* unchanged")
def penalty_of_one_half_without_the_half(rng):
    X, y = rng.normal(size=(10, 4)), rng.normal(size=10)
    return pair(
        lambda p: ((X @ p["w"] - y) ** 2).sum() / 2,
        lambda p: {"w": 2 * X.T @ (X @ p["w"] - y)},
        {"w": rng.normal(size=4)},
    )


@gallery.right("rachtsingh/lgamma#2")
def lgamma_over_many_scales(rng):
    x = np.array([1e-6, 1e-3, 0.3, 1.4616321449683623, 7, 1e3, 1e6]) * rng.uniform(0.99, 1.01)
    return pair(lambda p: gammaln(p["x"]).sum(), lambda p: {"x": digamma(p["x"])}, {"x": x})
