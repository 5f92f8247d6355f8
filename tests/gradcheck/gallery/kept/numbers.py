"""Numbers: the cases kept apart, at kinks, of all scales, of short floats."""

from __future__ import annotations

import numpy as np

from gallery.doors import pair
from gallery.record import Gallery

gallery = Gallery("numbers")


@gallery.right("pytorch/pytorch#8663")
def constant_that_swamps_the_cost(rng):
    return pair(
        lambda p: 1e8 + np.sin(p["x"]).sum(), lambda p: {"x": np.cos(p["x"])},
        {"x": rng.uniform(0.2, 1, 5)},
    )  # fmt: skip


@gallery.right("intel-analytics/ipex-llm#833")
def steps_of_one_size_for_all_scales(rng):
    s = np.array([1e-10, 1e-4, 1, 1e4, 1e10])
    return pair(
        lambda p: (np.tanh(p["x"] / s) * s).sum(),
        lambda p: {"x": 1 - np.tanh(p["x"] / s) ** 2},
        {"x": s * rng.uniform(0.3, 1, 5)},
    )


@gallery.right("ICB-DCM/pyPESTO#690")
def ode_of_fixed_steps(rng):
    """Fifty explicit steps and their exact derivative."""

    def run(p):
        y = [np.array([1.0, 0.0])]
        for _ in range(50):
            u, v = y[-1]
            y.append(y[-1] + 0.02 * np.array([v, -p["k"][0] * u - p["k"][1] * v]))
        return y

    def gradient(p):
        y = run(p)
        lam, d = np.array([1.0, 1.0]), np.zeros(2)
        for u, v in y[-2::-1]:
            d += 0.02 * lam[1] * np.array([-u, -v])
            A = np.array([[1, 0.02], [-0.02 * p["k"][0], 1 - 0.02 * p["k"][1]]])
            lam = A.T @ lam
        return {"k": d}

    return pair(lambda p: run(p)[-1].sum(), gradient, {"k": rng.uniform(0.5, 2, 2)})


@gallery.right("jax-ml/jax#7742")
def gradient_of_float16(rng):
    x = rng.normal(size=10)
    return pair(
        lambda p: np.cosh(p["x"]).sum(), lambda p: {"x": np.sinh(p["x"]).astype(np.float16)},
        {"x": x},
    )  # fmt: skip


@gallery.right("chainer/chainer#488")
def gradient_that_is_a_view_of_the_parameters(rng):
    """J = |x|² / 2: the gradient is x itself, the same memory."""
    return pair(
        lambda p: (p["x"] ** 2).sum() / 2, lambda p: {"x": p["x"]}, {"x": rng.normal(size=5)}
    )


@gallery.right("jax-ml/jax#3130")
def cost_that_rises_as_exp(rng):
    return pair(
        lambda p: np.exp(p["x"]).sum(),
        lambda p: {"x": np.exp(p["x"])},
        {"x": np.linspace(-30, 30, 7)},
    )
