"""Right gradients at kinks, at minima, of all scales, short floats, and of noisy costs."""

from __future__ import annotations

import numpy as np

from gallery.doors import pair, sigmoid
from gallery.record import Gallery

gallery = Gallery("numbers")


@gallery.right("pytorch/pytorch#114234", decided=False)
def power_of_zero_at_zero(rng):
    """x ** 1.5 at x = 0: one side alone exists."""
    x = np.array([0.0, 0.5, 1.2])
    return pair(
        lambda p: (np.maximum(p["x"], 0) ** 1.5).sum(),
        lambda p: {"x": 1.5 * np.maximum(p["x"], 0) ** 0.5},
        {"x": x},
    )


@gallery.right("pytorch/pytorch#57166")
def piecewise_near_its_joints(rng):
    """hardswish 1e-5 beside its joints at -3 and 3."""
    x = np.array([-3 + 1e-5, -3 - 1e-5, 3 - 1e-5, 3 + 1e-5, 0.4]) + 0.0

    def gradient(p):
        v = p["x"]
        return {"x": np.where(v < -3, 0, np.where(v > 3, 1, (2 * v + 3) / 6))}

    return pair(lambda p: (p["x"] * np.clip(p["x"] + 3, 0, 6) / 6).sum(), gradient, {"x": x})


@gallery.right("kornia/kornia#4184", decided=False)
def clamp_whose_bound_is_included(rng):
    x = np.array([0.0, 1.0, 0.3, -0.2])
    return pair(
        lambda p: (np.clip(p["x"], 0, 1) * 3).sum(),
        lambda p: {"x": 3.0 * ((p["x"] >= 0) & (p["x"] <= 1))},
        {"x": x},
    )


@gallery.right("kornia/kornia#4233", decided=False)
def clamp_whose_bound_is_excluded(rng):
    x = np.array([0.0, 1.0, 0.3, -0.2])
    return pair(
        lambda p: (np.clip(p["x"], 0, 1) * 3).sum(),
        lambda p: {"x": 3.0 * ((p["x"] > 0) & (p["x"] < 1))},
        {"x": x},
    )


@gallery.right("kornia/kornia#4406")
def square_of_a_clamp_at_zero(rng):
    """max(x, 0)² is smooth at 0."""
    x = np.array([0.0, 1e-9, -1e-9, 0.7])
    return pair(
        lambda p: (np.maximum(p["x"], 0) ** 2).sum(),
        lambda p: {"x": 2 * np.maximum(p["x"], 0)},
        {"x": x},
    )


@gallery.right("torch/optim#146")
def cost_of_float32(rng):
    def J(p):
        return float(np.sum(np.sin(p["x"].astype(np.float32)), dtype=np.float32))

    x = rng.uniform(0.2, 1.2, 6).astype(np.float32)
    return pair(J, lambda p: {"x": np.cos(p["x"]).astype(np.float32)}, {"x": x})


@gallery.right("bermanmaxim/superpixPool#5", decided=False)
def maximum_of_float32(rng):
    def J(p):
        return float(p["x"].astype(np.float32).reshape(4, 3).max(1).sum())

    def gradient(p):
        x = p["x"].reshape(4, 3)
        return {"x": ((x == x.max(1, keepdims=True)) * 1.0).ravel()}

    return pair(J, gradient, {"x": rng.normal(size=12).astype(np.float32)})


@gallery.right("harvard-edge/cs249r_book#1399")
def float32_tensors_in_a_float64_cost(rng):
    X = rng.normal(size=(8, 3)).astype(np.float32)

    def gradient(p):
        return {"w": (X.T @ (1 - np.tanh(X @ p["w"]) ** 2)).astype(np.float32)}

    w = rng.normal(size=3).astype(np.float32)
    return pair(lambda p: np.tanh(X @ p["w"]).sum(), gradient, {"w": w})


@gallery.right("pytorch/pytorch#44662")
def difference_of_large_numbers(rng):
    return pair(
        lambda p: ((1e6 + p["x"]) ** 2 - (1e6 - p["x"]) ** 2).sum() / 4e6,
        lambda p: {"x": np.ones(4)},
        {"x": rng.normal(size=4)},
    )


@gallery.right("pytorch/pytorch#59650")
def one_entry_far_larger_than_the_rest(rng):
    c = np.array([1e9, 1.0, 1e-3, 1e-6])
    return pair(lambda p: c @ np.sin(p["x"]), lambda p: {"x": c * np.cos(p["x"])},
                {"x": rng.uniform(0.2, 1, 4)})  # fmt: skip


@gallery.right("pytorch/pytorch#56275")
def zero_gradient_of_a_constant(rng):
    return pair(
        lambda p: 3.0 + 0 * p["x"].sum(), lambda p: {"x": np.zeros(5)}, {"x": rng.normal(size=5)}
    )


@gallery.right("pasteurlabs/tesseract-core#713")
def inputs_that_are_zero(rng):
    return pair(
        lambda p: (np.expm1(p["x"]) * 2).sum(), lambda p: {"x": 2 * np.exp(p["x"])},
        {"x": np.zeros(5)},
    )  # fmt: skip


@gallery.right("pasteurlabs/tesseract-core#740")
def root_found_to_nine_digits(rng):
    """x = tan-like root by Newton to 1e-9: J scatters in its ninth digit."""

    def root(a):
        x = np.ones_like(a)
        for _ in range(60):
            step = (x**3 + x - a) / (3 * x * x + 1)
            x = x - step
            if np.abs(step).max() < 1e-9:
                break
        return x

    return pair(
        lambda p: root(p["a"]).sum(), lambda p: {"a": 1 / (3 * root(p["a"]) ** 2 + 1)},
        {"a": rng.uniform(0.5, 3, 5)},
    )  # fmt: skip


@gallery.right("jax-ml/jax#4433")
def whole_numbers_and_flags_among_the_parameters(rng):
    def J(p):
        return (p["w"] ** p["power"]).sum() * (2 if p["double"] else 1)

    def gradient(p):
        return {"w": 2 * p["power"] * p["w"] ** (p["power"] - 1), "power": None, "double": None}

    return pair(J, gradient, {"w": rng.normal(size=4), "power": 3, "double": True})


@gallery.right("stevengj/nlopt#328")
def five_hundred_entries(rng):
    c = rng.normal(size=500)
    return pair(
        lambda p: np.log(np.cosh(p["x"] - c)).sum(), lambda p: {"x": np.tanh(p["x"] - c)},
        {"x": rng.normal(size=500)},
    )  # fmt: skip


@gallery.right("PaddlePaddle/Paddle#12597")
def saturated_on_both_sides(rng):
    """sigmoid at ±40: slopes of 4e-18 beside slopes of 0.2."""
    x = np.array([-40.0, -3, 0.2, 3])
    return pair(
        lambda p: sigmoid(p["x"]).sum(),
        lambda p: {"x": sigmoid(p["x"]) * sigmoid(-p["x"])},
        {"x": x},
    )


@gallery.right("apache/mxnet#1053")
def saddle_point(rng):
    return pair(
        lambda p: p["x"][0] ** 2 - p["x"][1] ** 2, lambda p: {"x": 2 * p["x"] * [1, -1]},
        {"x": np.zeros(2)},
    )  # fmt: skip


@gallery.right("pytorch/pytorch#8649")
def sum_of_a_thousand_terms_in_float32(rng):
    X = rng.normal(size=(1000, 3)).astype(np.float32)

    def J(p):
        return float(np.sum((X @ p["w"].astype(np.float32)) ** 2, dtype=np.float32) / 1000)

    def gradient(p):
        return {"w": (2 * X.T @ (X @ p["w"]) / 1000).astype(np.float32)}

    return pair(J, gradient, {"w": rng.normal(size=3).astype(np.float32)})


@gallery.right("dolfin-adjoint/pyadjoint#264")
def cost_that_caches_its_last_call(rng):
    """A cache of the last call, as adjoint codes have it."""
    cache = {}

    def J(p):
        cache["x"] = p["x"].copy()
        return np.sin(p["x"]).sum()

    return pair(J, lambda p: (J(p), {"x": np.cos(cache["x"])})[1], {"x": rng.normal(size=5)})


@gallery.right("pasteurlabs/tesseract-core#706")
def lengths_in_metres_and_nanometres(rng):
    """Each entry adds to J in proportion to its own size: the small ones are below its rounding."""
    s = np.array([1e-9, 1e-3, 1, 1e3, 1e6])
    return pair(
        lambda p: (np.sqrt(1 + (p["x"] / s) ** 2) * s).sum(),
        lambda p: {"x": p["x"] / s / np.sqrt(1 + (p["x"] / s) ** 2)},
        {"x": s * rng.uniform(0.3, 1, 5)},
    )


@gallery.right("pasteurlabs/tesseract-core#713")
def scales_in_a_function_of_real_numbers_alone(rng):
    """hypot takes no complex numbers: the steps must be those of each entry."""
    s = np.array([1e-7, 1e-3, 1, 1e3, 1e7])
    return pair(
        lambda p: np.hypot(p["x"] / s, 1).sum(),
        lambda p: {"x": p["x"] / s**2 / np.hypot(p["x"] / s, 1)},
        {"x": s * rng.uniform(0.3, 1, 5)},
    )
