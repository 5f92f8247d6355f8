"""Custom rules of JAX: the cases kept apart."""

from __future__ import annotations

import pytest

jax = pytest.importorskip("jax")

from chainrule.gradcheck.kernels import check_kernel
from gallery.jax_rules import check, jnp, rule, sin_times
from gallery.record import Gallery

gallery = Gallery("JAX rules")


@gallery.wrong("jax-ml/jax#13048", "y", "sign")
def sign_of_the_second_argument(rng):
    return check(
        sin_times, lambda g, x, y: (g * jnp.cos(x) * y, -g * jnp.sin(x)), *rng.normal(size=(2, 7))
    )


@gallery.wrong("jax-ml/jax#3130", "x", "upstream")
def cotangent_left_out(rng):
    return check(jnp.tanh, lambda g, x: (1 - jnp.tanh(x) ** 2,), rng.normal(size=7))


@gallery.right("jax-ml/jax#7742")
def rule_in_bfloat16(rng):
    def forward(x):
        return jax.nn.silu(x.astype(jnp.float32)).astype(x.dtype)

    def backward(g, x):
        x32, s = x.astype(jnp.float32), jax.nn.sigmoid(x.astype(jnp.float32))
        return ((g.astype(jnp.float32) * s * (1 + x32 * (1 - s))).astype(x.dtype),)

    x = jnp.asarray(rng.normal(size=(6, 8)), jnp.bfloat16)
    return check_kernel(rule(forward, backward), (x,), jax.nn.silu, calls=False, repeats=0)
