"""Custom rules of JAX: ``custom_vjp`` and ``custom_jvp`` with one mistake each."""

from __future__ import annotations

import numpy as np
import pytest

jax = pytest.importorskip("jax")

from chainrule.gradcheck.kernels import check_kernel
from gallery.record import Gallery

gallery = Gallery("JAX rules")
jnp = jax.numpy


def rule(forward, backward):
    """Return ``forward`` with the rule ``backward(g, *inputs)``."""
    f = jax.custom_vjp(forward)
    f.defvjp(lambda *x: (forward(*x), x), lambda x, g: backward(g, *x))
    return f


def check(forward, backward, *inputs, **settings):
    settings = {"calls": False, "repeats": 0, **settings}
    arrays = tuple(jnp.asarray(x, jnp.float32) for x in inputs)
    return check_kernel(rule(forward, backward), arrays, forward, **settings)


def sin_times(x, y):
    return jnp.sin(x) * y


@gallery.wrong("jax-ml/jax#3213", "x", r"\by\b")
def second_argument_forgotten_in_the_first_slope(rng):
    return check(
        sin_times, lambda g, x, y: (g * jnp.cos(x), g * jnp.sin(x)), *rng.normal(size=(2, 7))
    )


@gallery.wrong("jax-ml/jax#7302", "x, y", "swapped|wrong argument|that of|exchanged")
def rules_of_two_arguments_exchanged(rng):
    return check(
        sin_times, lambda g, x, y: (g * jnp.sin(x), g * jnp.cos(x) * y), *rng.normal(size=(2, 7))
    )


@gallery.wrong("jax-ml/jax#6452", "x", "softmax|factor of its own")
def logsumexp_without_its_normaliser(rng):
    def forward(x):
        return jax.nn.logsumexp(x, axis=-1)

    return check(forward, lambda g, x: (g[:, None] * jnp.exp(x),), rng.normal(size=(4, 5)))


@gallery.wrong("NVlabs/tiny-cuda-nn#130", "x", "softplus|sigmoid|1 - a|logistic")
def softplus_with_the_slope_of_another(rng):
    def backward(g, x):
        return (g * jax.nn.sigmoid(x) * (1 - jax.nn.sigmoid(x)),)

    return check(jax.nn.softplus, backward, rng.normal(size=(4, 5)))


@gallery.wrong("jax-ml/jax#40421", "A", "symmetr|triang|diagonal")
def symmetric_gradient_of_a_triangle(rng):
    def forward(A):
        return jnp.sum(jnp.sin(jnp.tril(A)), axis=1)

    def backward(g, A):
        d = jnp.cos(A) * g[:, None]
        return ((d + d.T) / 2,)

    from chainrule.gradcheck.kernels import check_kernel as door

    A = jnp.asarray(rng.normal(size=(5, 5)), jnp.float32)
    return door(rule(forward, backward), {"A": A}, forward, calls=False, repeats=0)


@gallery.wrong("jax-ml/jax#1019", "x", "0 throughout|None|left out")
def zero_cotangent_returned(rng):
    return check(lambda x: x**3, lambda g, x: (jnp.zeros_like(x),), rng.normal(size=7))


# ------------------------------------------------------------------ right


@gallery.right("jax-ml/jax#7652")
def whole_numbers_beside_floats(rng):
    """An index needs no gradient: its cotangent is float0."""
    i = jnp.asarray(rng.integers(0, 4, 6))

    def forward(x, i):
        return jnp.sin(x[i])

    def backward(g, x, i):
        d = jnp.zeros_like(x).at[i].add(g * jnp.cos(x[i]))
        return d, np.zeros(i.shape, jax.dtypes.float0)

    x = jnp.asarray(rng.normal(size=5), jnp.float32)
    return check_kernel(rule(forward, backward), (x, i), forward, calls=False, repeats=0)


@gallery.right("jax-ml/jax#16000")
def rule_over_a_dictionary(rng):
    def forward(p):
        return jnp.tanh(p["w"] * p["v"])

    def backward(g, p):
        d = g * (1 - jnp.tanh(p["w"] * p["v"]) ** 2)
        return ({"w": d * p["v"], "v": d * p["w"]},)

    p = {k: jnp.asarray(rng.normal(size=6), jnp.float32) for k in "wv"}
    return check_kernel(rule(forward, backward), (p,), forward, calls=False, repeats=0)
