"""Right gradients that were reported as wrong, or that checkers refuse: none may be accused.

Each is written from a public thread; ``make(rng)`` returns cost, gradient, parameters, settings.
``decided``: whether it must be called right, and not only not wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class RightCase:
    id: str
    link: str
    make: Callable[[np.random.Generator], tuple[Any, Any, Any]]
    decided: bool
    note: str


CASES: list[RightCase] = []


def case(link: str, decided: bool = True, note: str = "") -> Callable[[Any], Any]:
    def register(make: Any) -> Any:
        CASES.append(RightCase(make.__name__, link, make, decided, note))
        return make

    return register


@case("apache/mxnet#1053", note="sigma's term through the mean is 0 for every x")
def batch_norm_without_the_vanishing_term(rng):
    R = rng.normal(size=(8, 3))

    def parts(p):
        xc = p["x"] - p["x"].mean(0)
        return xc, 1 / np.sqrt((xc**2).mean(0) + 1e-5)

    def J(p):
        xc, s = parts(p)
        return (R * np.tanh(xc * s)).sum()

    def gradient(p):
        xc, s = parts(p)
        d = R * (1 - np.tanh(xc * s) ** 2)
        dvar = (d * xc).sum(0) * -0.5 * s**3
        dmean = (-d * s).sum(0)  # and not + dvar * mean(-2 xc), which is 0
        return {"x": d * s + dvar * 2 * xc / len(xc) + dmean / len(xc)}

    return J, gradient, {"x": rng.normal(size=(8, 3))}


@case("scikit-learn/scikit-learn#26502")
def kernel_by_logarithm(rng):
    D = rng.uniform(0.1, 2, (5, 5, 3))
    R = rng.normal(size=(5, 5))

    def gradient(p):
        l = np.exp(p["theta"])
        K = R * np.exp(-(D / l**2).sum(-1) / 2)
        return {"theta": (K[..., None] * D / l**2).sum((0, 1))}

    def J(p):
        return (R * np.exp(-(D / np.exp(2 * p["theta"])).sum(-1) / 2)).sum()

    return J, gradient, {"theta": rng.normal(size=3) * 0.2}


@case("pytorch/pytorch#22807")
def symmetric_use_of_a_matrix(rng):
    """A symmetrised inside: the gradient is symmetric and right entry by entry."""
    R = rng.normal(size=(4, 4))

    def sym(A):
        return (A + A.T) / 2

    def gradient(p):
        G = R * np.cos(sym(p["A"]))
        return {"A": sym(G)}

    return lambda p: (R * np.sin(sym(p["A"]))).sum(), gradient, {"A": rng.normal(size=(4, 4))}


@case("pytorch/pytorch#114234", decided=False)
def clamp_at_its_bound(rng):
    x = rng.uniform(-0.9, 0.9, 5)
    x[0] = 1.0

    def gradient(p):
        return {"x": 2 * np.clip(p["x"], -1, 1) * (np.abs(p["x"]) <= 1)}

    return lambda p: (np.clip(p["x"], -1, 1) ** 2).sum(), gradient, {"x": x}


@case("Theano/Theano#5404", decided=False)
def tied_maxima(rng):
    x = rng.normal(size=5)
    x[[1, 3]] = x.max() + 1

    def gradient(p):
        at = p["x"] == p["x"].max()
        return {"x": at / at.sum()}

    return lambda p: p["x"].max(), gradient, {"x": x}


@case("pytorch/pytorch#8649")
def float32_parameters_and_gradient(rng):
    X = rng.normal(size=(20, 4))

    def gradient(p):
        return {"w": (2 * X.T @ (X @ p["w"])).astype(np.float32)}

    return (
        lambda p: ((X @ p["w"]) ** 2).sum(),
        gradient,
        {"w": rng.normal(size=4).astype(np.float32)},
    )


@case("jax-ml/jax#7742")
def float16_gradient(rng):
    def gradient(p):
        return {"x": (p["x"] * np.cos(p["x"]) + np.sin(p["x"])).astype(np.float16)}

    return lambda p: (p["x"] * np.sin(p["x"])).sum(), gradient, {"x": rng.normal(size=12)}


@case("pasteurlabs/tesseract-core#706")
def parameters_of_all_scales(rng):
    scales = 10.0 ** np.arange(-8, 8)

    def gradient(p):
        return {"x": np.cos(p["x"] / scales) / scales}

    return (
        lambda p: np.sin(p["x"] / scales).sum(),
        gradient,
        {"x": scales * rng.uniform(0.3, 1, 16)},
    )


@case("stevengj/nlopt#328")
def a_thousand_entries(rng):
    c = rng.normal(size=1000)

    def gradient(p):
        return {"x": 4 * (p["x"] - c) ** 3 + 2 * p["x"]}

    return lambda p: ((p["x"] - c) ** 4 + p["x"] ** 2).sum(), gradient, {"x": rng.normal(size=1000)}


@case("MarcToussaint/sgd#12", note="every entry is 0 within rounding")
def least_squares_at_its_solution(rng):
    A, y = rng.normal(size=(12, 3)), rng.normal(size=12)

    def gradient(p):
        return {"w": 2 * A.T @ (A @ p["w"] - y) / 12}

    w = np.linalg.lstsq(A, y, rcond=None)[0]
    return lambda p: ((A @ p["w"] - y) ** 2).mean(), gradient, {"w": w}


@case("NVlabs/DiffRL#16")
def sums_in_another_order(rng):
    A = rng.normal(size=(400, 3))

    def shuffled(terms):
        return np.cumsum(rng.permutation(terms, axis=0), axis=0)[-1]

    def gradient(p):
        return {"w": shuffled(2 * (A @ p["w"])[:, None] * A)}

    return lambda p: float(shuffled((A @ p["w"]) ** 2)), gradient, {"w": rng.normal(size=3)}


@case("huggingface/candle#3612", note="the gradient of unused is None: taken as 0")
def none_for_what_is_not_used(rng):
    def gradient(p):
        return {"w": np.cos(p["w"]), "unused": None}

    return lambda p: np.sin(p["w"]).sum(), gradient, {
        "w": rng.normal(size=4), "unused": rng.normal(size=3), "mode": "train", "steps": 3
    }  # fmt: skip
