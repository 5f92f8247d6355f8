"""Likelihoods and statistics: scales and logarithms, normalisers, links, weights, censoring."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammaln, ndtr

from gallery.doors import pair, sigmoid
from gallery.record import Gallery

gallery = Gallery("probability")


def phi(z):
    return np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


@gallery.wrong("statsmodels/statsmodels#7522", "w", "sign")
def score_of_the_negative_likelihood(rng):
    X, y = rng.normal(size=(20, 3)), rng.poisson(2.0, 20)

    def J(p):
        return (y * (X @ p["w"]) - np.exp(X @ p["w"])).mean()

    return pair(
        J, lambda p: {"w": -X.T @ (y - np.exp(X @ p["w"])) / 20}, {"w": rng.normal(size=3) * 0.3}
    )


@gallery.wrong("statsmodels/statsmodels#3863", "sigma", "np.log|1/sigma")
def normaliser_of_the_scale_left_out(rng):
    """-log N has log sigma; its score lacks n / sigma."""
    y = rng.normal(size=(20, 6))

    def J(p):
        s = p["sigma"]
        return (np.log(s) + (y - p["mu"]) ** 2 / (2 * s * s)).sum()

    def gradient(p):
        r, s = y - p["mu"], p["sigma"]
        return {"mu": -r.sum(0) / s**2, "sigma": -(r * r).sum(0) / s**3}

    return pair(J, gradient, {"mu": rng.normal(size=6), "sigma": rng.uniform(0.5, 2, 6)})


@gallery.wrong("statsmodels/statsmodels#3727", "alpha", "log")
def shape_on_a_log_scale(rng):
    y = rng.gamma(2.0, 1.0, (25, 4))

    def J(p):
        a = p["alpha"]
        return (gammaln(a) - (a - 1) * np.log(y) + y).mean(0).sum()

    def gradient(p):
        a = p["alpha"]
        return {"alpha": (digamma(a) - np.log(y).mean(0)) * a}

    return pair(J, gradient, {"alpha": rng.uniform(1, 3, 4)})


@gallery.wrong("stan-dev/math#1578", "x", "sign")
def lower_tail_for_the_upper(rng):
    """log (1 - Phi(x)) has the slope -phi / (1 - Phi)."""
    return pair(
        lambda p: np.log(ndtr(-p["x"])).sum(),
        lambda p: {"x": phi(p["x"]) / ndtr(-p["x"])},
        {"x": rng.normal(size=8)},
    )


@gallery.wrong("stan-dev/math#1578", "x", "f'|factor|ratio|Phi|tail|other")
def hazard_over_the_wrong_tail(rng):
    return pair(
        lambda p: np.log(ndtr(p["x"])).sum(),
        lambda p: {"x": phi(p["x"]) / ndtr(-p["x"])},
        {"x": rng.normal(size=8) + 0.2},
    )


@gallery.wrong("derrynknife/SurPyval#250", "b", "dead|censor")
def censored_samples_scored_as_failures(rng):
    """Weibull of shape 1.5: a censored sample has no density's term."""
    t, dead = rng.uniform(0.2, 2, 15), np.arange(15) % 3 > 0

    def J(p):
        z = (t / p["b"]) ** 1.5
        return z.sum() - (dead * np.log(1.5 * z / t)).sum()

    def gradient(p):
        z = (t / p["b"]) ** 1.5
        return {"b": 1.5 * (1 - z) / p["b"]}

    return pair(J, gradient, {"b": rng.uniform(0.8, 1.5, 15)})


@gallery.wrong(
    "derrynknife/SurPyval#279", "scale, shape", "swapped|that of|exchanged|wrong argument"
)
def scale_and_shape_exchanged(rng):
    t = rng.uniform(0.2, 2, 15)

    def J(p):
        a, k = p["scale"], p["shape"]
        return ((t / a) ** k - np.log(k) + k * np.log(a) - (k - 1) * np.log(t)).sum()

    def gradient(p):
        a, k = p["scale"], p["shape"]
        z, l = (t / a) ** k, np.log(t / a)
        d = {"a": np.array([(k / a * (1 - z)).sum()]), "k": np.array([(z * l - 1 / k - l).sum()])}
        return {"scale": d["k"], "shape": d["a"]}

    p = {"scale": np.array([rng.uniform(0.8, 1.5)]), "shape": np.array([rng.uniform(1, 2)])}
    return pair(J, gradient, p)


@gallery.wrong("gbm-developers/gbm3#58", "f", "reverse|cumul|risk|turned|order")
def risk_set_of_those_who_left(rng):
    """Cox: the sum over those still at risk, taken over those who are not."""
    n = 8

    def J(p):
        e = np.exp(p["f"])
        return (np.log(np.cumsum(e[::-1])[::-1]) - p["f"]).sum()

    def gradient(p):
        e = np.exp(p["f"])
        at_risk = np.cumsum(e[::-1])[::-1]
        return {"f": e * np.cumsum((1 / at_risk)[::-1])[::-1] - 1}

    return pair(J, gradient, {"f": rng.normal(size=n)})


@gallery.wrong("scikit-learn/scikit-learn#11116", "theta", "log")
def period_by_its_logarithm(rng):
    D = rng.uniform(0.1, 2, (5, 5))
    R = rng.normal(size=(5, 5))

    def K(q):
        return np.exp(-2 * np.sin(np.pi * D / q[0]) ** 2 - D * q[1])

    def gradient(p):
        q = p["theta"]
        k = R * K(q)
        s = np.pi * D / q[0]
        d = np.array([(k * 4 * np.sin(s) * np.cos(s) * s / q[0]).sum(), -(k * D).sum()])
        return {"theta": d * q}

    return pair(lambda p: (R * K(p["theta"])).sum(), gradient, {"theta": rng.uniform(1.5, 2.5, 2)})


@gallery.wrong("derrynknife/SurPyval#121", "q", "f'|logit|link|p \\* \\(1 - p\\)|sigmoid")
def link_left_out(rng):
    """A binomial's score by p, where the parameter is the logit."""
    k = rng.integers(1, 9, 6)

    def J(p):
        s = sigmoid(p["q"])
        return -(k * np.log(s) + (10 - k) * np.log(1 - s)).sum()

    def gradient(p):
        s = sigmoid(p["q"])
        return {"q": -(k / s - (10 - k) / (1 - s))}

    return pair(J, gradient, {"q": rng.normal(size=6)})


@gallery.wrong("statsmodels/statsmodels#1967", "w", "1/m|samples|mean")
def mean_likelihood_and_summed_score(rng):
    X, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)

    def J(p):
        return np.mean(np.logaddexp(0, X @ p["w"]) - y * (X @ p["w"]))

    return pair(J, lambda p: {"w": X.T @ (sigmoid(X @ p["w"]) - y)}, {"w": rng.normal(size=3)}, X=X)


# ------------------------------------------------------------------ right


@gallery.right("scikit-learn/scikit-learn#31366")
def parameter_that_is_a_logarithm(rng):
    y = rng.gamma(2.0, 1.0, (25, 4))

    def J(p):
        a = np.exp(p["loga"])
        return (gammaln(a) - (a - 1) * np.log(y) + y).mean(0).sum()

    def gradient(p):
        a = np.exp(p["loga"])
        return {"loga": (digamma(a) - np.log(y).mean(0)) * a}

    return pair(J, gradient, {"loga": rng.normal(size=4) * 0.4})


@gallery.right("stan-dev/math#1578")
def tails_far_out(rng):
    """Phi(-x) at x = 8: phi / Phi is about x."""
    x = np.linspace(-8, 8, 7) + 0.01 * rng.normal(size=7)
    return pair(
        lambda p: np.log(ndtr(p["x"])).sum(), lambda p: {"x": phi(p["x"]) / ndtr(p["x"])}, {"x": x}
    )


@gallery.right("statsmodels/statsmodels#3727")
def variance_near_its_boundary(rng):
    y = rng.normal(size=20)

    def J(p):
        return (np.log(p["v"]) / 2 + y.var() / (2 * p["v"])).sum()

    return pair(
        J, lambda p: {"v": 1 / (2 * p["v"]) - y.var() / (2 * p["v"] ** 2)},
        {"v": np.array([1e-8, 1e-3, 1.0, 1e4])},
    )  # fmt: skip


@gallery.right("gbm-developers/gbm3#58")
def partial_likelihood_with_ties_in_f(rng):
    f = np.round(rng.normal(size=8))

    def J(p):
        e = np.exp(p["f"])
        return (np.log(np.cumsum(e[::-1])[::-1]) - p["f"]).sum()

    def gradient(p):
        e = np.exp(p["f"])
        return {"f": e * np.cumsum(1 / np.cumsum(e[::-1])[::-1]) - 1}

    return pair(J, gradient, {"f": f})


@gallery.right("derrynknife/SurPyval#250")
def likelihood_at_its_maximum(rng):
    """At the maximum-likelihood scale every gradient is 0 within rounding."""
    t = rng.uniform(0.2, 2, 15)

    def J(p):
        return (t / p["b"][0] + np.log(p["b"][0])).sum()

    def gradient(p):
        b = p["b"]
        return {"b": np.array([(1 / b[0] - t / b[0] ** 2).sum()])}

    return pair(J, gradient, {"b": np.array([t.mean()])})
