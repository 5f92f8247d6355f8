"""Mistakes of the field: public bugs in backward passes, each rewritten as a small program.

``make(rng)`` returns the cost, the wrong gradient, the right one and the parameters; the link names
the public thread that the case is written from. The right gradient of each case must never be
accused; the mistake of the wrong one must be named ``bug``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Make = Callable[[np.random.Generator], tuple[Any, Any, Any, Any]]


@dataclass(frozen=True)
class FieldCase:
    id: str
    bug: str
    link: str
    make: Make
    settings: dict[str, Any] = field(default_factory=dict)


CASES: list[FieldCase] = []


def case(bug: str, link: str, **settings: Any) -> Callable[[Make], Make]:
    def register(make: Make) -> Make:
        CASES.append(FieldCase(make.__name__, bug, link, make, settings))
        return make

    return register


# ------------------------------------------------------------------ logarithms


@case("log parameter", "scikit-learn/scikit-learn#14206")
def kernel_scales_by_logarithm(rng):
    """A Gaussian kernel's length scales; the gradient is that by their logarithms."""
    X, R = rng.normal(size=(6, 3)), rng.normal(size=(6, 6))
    D = (X[:, None] - X[None]) ** 2

    def J(p):
        return (R * np.exp(-(D / p["l"] ** 2).sum(-1) / 2)).sum()

    def wrong(p):
        K = R * np.exp(-(D / p["l"] ** 2).sum(-1) / 2)
        return {"l": (K[..., None] * D / p["l"] ** 2).sum((0, 1))}

    return J, wrong, lambda p: {"l": wrong(p)["l"] / p["l"]}, {"l": rng.uniform(0.5, 2, 3)}


@case("log parameter", "scikit-learn/scikit-learn#18702")
def kernel_of_logarithms_differentiated_by_values(rng):
    X, R = rng.normal(size=(6, 3)), rng.normal(size=(6, 6))
    D = (X[:, None] - X[None]) ** 2

    def right(p):
        l = np.exp(p["theta"])
        K = R * np.exp(-(D / l**2).sum(-1) / 2)
        return {"theta": (K[..., None] * D / l**2).sum((0, 1))}

    def J(p):
        return (R * np.exp(-(D / np.exp(2 * p["theta"])).sum(-1) / 2)).sum()

    def wrong(p):
        return {"theta": right(p)["theta"] / np.exp(p["theta"])}

    return J, wrong, right, {"theta": rng.normal(size=3) * 0.3}


@case("log parameter", "statsmodels/statsmodels#3727")
def scale_and_shape_by_logarithm(rng):
    """Single numbers: a gamma likelihood's scale and shape, gradients by their logarithms."""
    y = rng.gamma(2.0, 1.5, 30)

    def J(p):
        from scipy.special import gammaln

        k, s = float(p["shape"]), float(p["scale"])
        return float(np.mean(gammaln(k) + k * np.log(s) - (k - 1) * np.log(y) + y / s))

    def right(p):
        from scipy.special import digamma

        k, s = float(p["shape"]), float(p["scale"])
        return {
            "shape": float(digamma(k) + np.log(s) - np.mean(np.log(y))),
            "scale": float(k / s - np.mean(y) / s**2),
        }

    def wrong(p):
        return {name: g * float(p[name]) for name, g in right(p).items()}

    return J, wrong, right, {"shape": rng.uniform(1.2, 1.8), "scale": rng.uniform(2.2, 3)}


# ------------------------------------------------------------------ places


@case("entries in another order", "microsoft/LightGBM#4659")
def classes_before_rows(rng):
    """Softmax raw scores (rows, classes), flattened by classes where rows are wanted."""
    y = np.eye(4)[rng.integers(0, 4, 6)]

    def softmax(s):
        e = np.exp(s - s.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def J(p):
        return -(y * np.log(softmax(p["raw"].reshape(6, 4)))).sum()

    def right(p):
        return {"raw": (softmax(p["raw"].reshape(6, 4)) - y).ravel()}

    def wrong(p):
        return {"raw": (softmax(p["raw"].reshape(6, 4)) - y).ravel(order="F")}

    return J, wrong, right, {"raw": rng.normal(size=24)}


@case("entries in another order", "Theano/Theano#5404")
def reshaped_by_columns(rng):
    R = rng.normal(size=(4, 3))

    def right(p):
        return {"x": R * np.cos(p["x"])}

    def wrong(p):
        return {"x": np.reshape(right(p)["x"].ravel(order="F"), (4, 3))}

    return lambda p: (R * np.sin(p["x"])).sum(), wrong, right, {"x": rng.normal(size=(4, 3))}


@case("entries in another order", "fla-org/native-sparse-attention#27")
def heads_of_another_group(rng):
    """Four key heads, each used by two query heads: the gradient goes to another head."""
    q, R = rng.normal(size=(8, 5, 3)), rng.normal(size=(8, 5, 5))

    def right(p):
        d = R * (1 - np.tanh(q @ np.repeat(p["k"], 2, 0).swapaxes(1, 2)) ** 2)
        return {"k": (d.swapaxes(1, 2) @ q).reshape(4, 2, 5, 3).sum(1)}

    def wrong(p):
        return {"k": right(p)["k"][[1, 0, 2, 3]]}

    def J(p):
        return (R * np.tanh(q @ np.repeat(p["k"], 2, 0).swapaxes(1, 2))).sum()

    return J, wrong, right, {"k": rng.normal(size=(4, 5, 3))}


@case("wrong argument", "no report: common in own backward passes")
def product_rule_exchanged(rng):
    """d(x y) = y dx + x dy, with the two exchanged."""
    R = rng.normal(size=7)

    def J(p):
        return (R * p["x"] * np.exp(p["y"])).sum()

    def right(p):
        return {"x": R * np.exp(p["y"]), "y": R * p["x"] * np.exp(p["y"])}

    def wrong(p):
        g = right(p)
        return {"x": g["y"], "y": g["x"]}

    return J, wrong, right, {"x": rng.normal(size=7), "y": rng.normal(size=7)}


@case("one row for all", "noahgift/aprender#2182")
def upstream_of_the_first_sample(rng):
    r = rng.normal(size=6)
    v = rng.normal(size=4)

    def right(p):
        return {"x": np.outer(r, v)}

    def wrong(p):
        return {"x": np.outer(np.full(6, r[0]), v)}

    return lambda p: r @ (p["x"] @ v), wrong, right, {"x": rng.normal(size=(6, 4))}


# ------------------------------------------------------------------ spectra, complex


@case("half spectrum", "locuslab/pytorch_fft#38")
def irfft_without_the_two(rng):
    """x = irfft(X): each inner frequency stands for two, 0 and the last for themselves."""
    R = rng.normal(size=8)

    def right(p):
        g = np.fft.rfft(R * np.cos(np.fft.irfft(p["F"], 8))) / 8
        two = np.array([1, 2, 2, 2, 1])
        return {"F": (two * g).real + 1j * (two * g).imag}

    def wrong(p):
        return {"F": np.fft.rfft(R * np.cos(np.fft.irfft(p["F"], 8))) / 8}

    F = rng.normal(size=5) + 1j * rng.normal(size=5)
    F[[0, -1]] = F[[0, -1]].real
    return lambda p: (R * np.sin(np.fft.irfft(p["F"], 8))).sum(), wrong, right, {"F": F}


@case("conjugate", "EnzymeAD/Enzyme-JAX#2071")
def conj_forgotten(rng):
    A = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))

    def right(p):
        return {"z": 2 * A.conj().T @ (A @ p["z"])}

    def wrong(p):
        return {"z": np.conj(right(p)["z"])}

    z = rng.normal(size=4) + 1j * rng.normal(size=4)
    return lambda p: (np.abs(A @ p["z"]) ** 2).sum(), wrong, right, {"z": z}


# ------------------------------------------------------------------ linear algebra


def spd(rng, n):
    L = rng.normal(size=(n, n))
    return L @ L.T + n * np.eye(n)


@case("symmetric or triangular", "pytorch/pytorch#18825")
def cholesky_symmetric_gradient(rng):
    """log det by Cholesky, which reads the lower triangle; the gradient is A^-1, symmetric."""

    def J(p):
        return 2 * np.log(np.diag(np.linalg.cholesky(p["A"]))).sum()

    def wrong(p):
        return {"A": np.linalg.inv(np.tril(p["A"]) + np.tril(p["A"], -1).T)}

    def right(p):
        G = wrong(p)["A"]
        return {"A": np.tril(2 * G) - np.diag(np.diag(G))}

    return J, wrong, right, {"A": spd(rng, 4)}


@case("symmetric or triangular", "stan-dev/math#1803")
def off_diagonal_twice(rng):
    """log det of a general matrix, with the gradient of a symmetric one: off-diagonals twice."""

    def wrong(p):
        G = np.linalg.inv(p["A"]).T
        return {"A": 2 * G - np.diag(np.diag(G))}

    def J(p):
        return float(np.linalg.slogdet(p["A"])[1])

    return J, wrong, lambda p: {"A": np.linalg.inv(p["A"]).T}, {"A": spd(rng, 4)}


@case("symmetric or triangular", "HIPS/autograd#56")
def lower_triangle_only(rng):
    R = rng.normal(size=(4, 4))

    def right(p):
        return {"A": R * np.cos(p["A"])}

    def wrong(p):
        return {"A": np.tril(R * np.cos(p["A"]))}

    return lambda p: (R * np.sin(p["A"])).sum(), wrong, right, {"A": rng.normal(size=(4, 4))}


@case("solve without transpose", "jax-ml/jax#7302")
def solve_without_transpose(rng):
    """x = A^-1 b: db = A^-T dx, and dA = -db x^T; A^-1 was taken for A^-T."""
    r = rng.normal(size=4)

    def grads(p, A):
        x = np.linalg.solve(p["A"], p["b"])
        db = np.linalg.solve(A, r * np.cos(x))
        return {"A": -np.outer(db, x), "b": db}

    def J(p):
        return (r * np.sin(np.linalg.solve(p["A"], p["b"]))).sum()

    A = rng.normal(size=(4, 4)) + 4 * np.eye(4)
    return (
        J,
        lambda p: grads(p, p["A"]),
        lambda p: grads(p, p["A"].T),
        {"A": A, "b": rng.normal(size=4)},
    )


@case("W transposed", "patrick-kidger/diffrax#137")
def product_without_transpose(rng):
    r = rng.normal(size=4)

    def J(p):
        return (r * np.tanh(p["A"] @ p["v"])).sum()

    def grads(p, turned):
        d = r * (1 - np.tanh(p["A"] @ p["v"]) ** 2)
        return {"A": np.outer(d, p["v"]), "v": (p["A"] if turned else p["A"].T) @ d}

    A = rng.normal(size=(4, 4)) + 2 * np.eye(4)
    p = {"A": A, "v": rng.normal(size=4)}
    return J, lambda p: grads(p, True), lambda p: grads(p, False), p


# ------------------------------------------------------------------ uses and approximations


def gelu_parts(x):
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (x + 0.044715 * x**3))
    return t, (1 + t) / 2 + x * (1 - t * t) / 2 * c * (1 + 3 * 0.044715 * x * x)


@case("f' of another approximation", "tenstorrent/tt-metal#55349")
def gelu_of_another_form(rng):
    """Forward with erf, backward with the derivative of the tanh form."""
    from scipy.special import erf

    R = rng.normal(size=(4, 5))

    def right(p):
        x = p["x"]
        phi = np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
        return {"x": R * ((1 + erf(x / np.sqrt(2))) / 2 + x * phi)}

    def wrong(p):
        return {"x": R * gelu_parts(p["x"])[1]}

    def J(p):
        return (R * p["x"] * (1 + erf(p["x"] / np.sqrt(2))) / 2).sum()

    return J, wrong, right, {"x": rng.normal(size=(4, 5))}


@case("one of two uses missing", "huggingface/candle#3568")
def x_tanh_x_as_one_use(rng):
    R = rng.normal(size=9)

    def right(p):
        t = np.tanh(p["x"])
        return {"x": R * (t + p["x"] * (1 - t * t))}

    def wrong(p):
        return {"x": R * p["x"] * (1 - np.tanh(p["x"]) ** 2)}

    return lambda p: (R * p["x"] * np.tanh(p["x"])).sum(), wrong, right, {"x": rng.normal(size=9)}


@case("one of two uses missing", "unslothai/unsloth#4550")
def skip_connection_forgotten(rng):
    R = rng.normal(size=(3, 4))

    def right(p):
        return {"x": R * (1 + 1 - np.tanh(p["x"]) ** 2)}

    def wrong(p):
        return {"x": R * (1 - np.tanh(p["x"]) ** 2)}

    return (
        lambda p: (R * (p["x"] + np.tanh(p["x"]))).sum(),
        wrong,
        right,
        {"x": rng.normal(size=(3, 4))},
    )


@case("f' missing", "tenstorrent/tt-metal#40008")
def silu_slope_forgotten(rng):
    R = rng.normal(size=8)

    def s(x):
        return 1 / (1 + np.exp(-x))

    def right(p):
        x = p["x"]
        return {"x": R * s(x) * (1 + x * (1 - s(x)))}

    return (
        lambda p: (R * p["x"] * s(p["x"])).sum(),
        lambda p: {"x": R},
        right,
        {"x": rng.normal(size=8)},
    )


# ------------------------------------------------------------------ attention


def attention_case(bug, link, name, causal, change, index):
    def make(rng):
        T, d = 5, 3
        R = rng.normal(size=(T, d))

        def P_of(p, mask):
            S = p["q"] @ p["k"].T / np.sqrt(d)
            if mask:
                S = np.where(np.tri(T, T) > 0, S, -np.inf)
            e = np.exp(S - S.max(1, keepdims=True))
            return e / e.sum(1, keepdims=True)

        def grads(p, change=None):
            P = P_of(p, causal and change != "mask")
            dP = R @ p["v"].T
            D = (P * dP).sum(1, keepdims=True)
            dS = P * (dP - (0 if change == "D" else D))
            if change == "diagonal":
                dS = P * (1 - P) * dP
            scale = 1.0 if change == "scale" else d**-0.5
            return {"q": scale * dS @ p["k"], "k": scale * dS.T @ p["q"], "v": P.T @ R}

        p = {name: rng.normal(size=(T, d)) for name in "qkv"}
        return (
            lambda p: (R * (P_of(p, causal) @ p["v"])).sum(),
            lambda p: grads(p, change),
            grads,
            p,
        )

    make.__name__ = name
    case(bug, link)(make)


attention_case("softmax's sum", "triton-lang/triton#7216", "attention_without_D", False, "D", 0)
attention_case(
    "softmax's sum", "triton-lang/triton#5660", "causal_attention_without_D", True, "D", 0
)
attention_case(
    "softmax treated as elementwise", "NVIDIA/TransformerEngine#3216", "attention_diagonal", False,
    "diagonal", 0,
)  # fmt: skip
attention_case(
    "mask missing", "Relaxed-System-Lab/Flash-Sparse-Attention#203", "attention_without_mask", True,
    "mask", 0,
)  # fmt: skip
attention_case("1/√d", "NX-AI/mlstm_kernels#16", "attention_without_scale", False, "scale", 0)


def scores_case(name, words, off, link):
    """The scores themselves: entries that the mask takes away have a gradient."""

    def make(rng):
        T = 6
        R = rng.normal(size=(T, T))

        def J(p):
            return (R * np.where(off(T), 0, np.tanh(p["s"]))).sum()

        def wrong(p):
            return {"s": R * (1 - np.tanh(p["s"]) ** 2)}

        def right(p):
            return {"s": np.where(off(T), 0, wrong(p)["s"])}

        return J, wrong, right, {"s": rng.normal(size=(T, T))}

    make.__name__ = name
    case("mask missing", link)(make)


scores_case("causal_mask_missing", "causal", lambda T: np.tri(T, T) == 0, "triton-lang/triton#7216")
scores_case(
    "padding_mask_missing", "padding", lambda T: np.arange(T)[None] >= T - 2 + np.zeros((T, 1)),
    "Dao-AILab/flash-attention#355",
)  # fmt: skip


# ------------------------------------------------------------------ factors


@case("factor 2", "dmlc/xgboost#2345")
def two_p_one_minus_p(rng):
    y = rng.integers(0, 2, 8) * 1.0

    def right(p):
        return {"s": 1 / (1 + np.exp(-p["s"])) - y}

    def J(p):
        return (np.logaddexp(0, p["s"]) - y * p["s"]).sum()

    return J, lambda p: {"s": 2 * right(p)["s"]}, right, {"s": rng.normal(size=8)}


@case("sign", "dmlc/xgboost#2602")
def sign_of_the_objective(rng):
    y = rng.normal(size=8)

    def right(p):
        return {"s": np.tanh(p["s"] - y)}

    def J(p):
        return np.log(np.cosh(p["s"] - y)).sum()

    return J, lambda p: {"s": -right(p)["s"]}, right, {"s": rng.normal(size=8)}


@case("missing 1/m", "linkedin/Liger-Kernel#153")
def sum_for_mean_of_micro_batches(rng):
    """Four micro-batches whose mean gradients are added."""
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)

    def right(p):
        return {"w": 2 * X.T @ (X @ p["w"] - y) / 20}

    def wrong(p):
        parts = [(X[i : i + 5], y[i : i + 5]) for i in range(0, 20, 5)]
        return {"w": sum(2 * A.T @ (A @ p["w"] - b) / 5 for A, b in parts)}

    return lambda p: ((X @ p["w"] - y) ** 2).mean(), wrong, right, {"w": rng.normal(size=3)}


@case("rows overwritten", "pytorch/pytorch#80204")
def embedding_rows_overwritten(rng):
    rows = np.array([0, 2, 2, 3, 1, 2])
    R = rng.normal(size=(6, 3))

    def d(p):
        return R * (1 - np.tanh(p["E"][rows]) ** 2)

    def right(p):
        g = np.zeros_like(p["E"])
        np.add.at(g, rows, d(p))
        return {"E": g}

    def wrong(p):
        g = np.zeros_like(p["E"])
        g[rows] = d(p)
        return {"E": g}

    return lambda p: (R * np.tanh(p["E"][rows])).sum(), wrong, right, {
        "E": rng.normal(size=(5, 3)), "X": rows
    }  # fmt: skip


@case("gradient missing", "unslothai/unsloth#4533")
def weight_gradient_none(rng):
    x, R = rng.normal(size=(5, 4)), rng.normal(size=(5, 4))

    def right(p):
        return {"g": (R * x * np.cos(x * p["g"])).sum(0)}

    return (
        lambda p: (R * np.sin(x * p["g"])).sum(),
        lambda p: {"g": None},
        right,
        {"g": rng.normal(size=4)},
    )


@case("approximation", "tenstorrent/tt-metal#55349")
def tanh_slope_by_a_fit(rng):
    """tanh' by a polynomial in x^2 that fits it to a thousandth on [-1, 1]."""
    R = rng.normal(size=40)
    grid = np.linspace(0, 1, 50)
    fit = np.polynomial.Polynomial.fit(grid**2, 1 - np.tanh(grid) ** 2, 3)

    def right(p):
        return {"x": R * (1 - np.tanh(p["x"]) ** 2)}

    def wrong(p):
        return {"x": R * fit(p["x"] ** 2)}

    return lambda p: (R * np.tanh(p["x"])).sum(), wrong, right, {"x": rng.uniform(-1, 1, 40)}
