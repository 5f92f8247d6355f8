"""Jacobians, Hessians and adjoints: rows, columns, signs, chain factors, symmetric parts."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from gallery.record import Gallery

gallery = Gallery("jacobians")
T = np.linspace(0.4, 3, 6)


def decay(x, t=T):
    return x[0] * np.exp(-x[1] * t) + x[2]


def decay_jacobian(x, t=T):
    e = np.exp(-x[1] * t)
    return np.stack([e, -x[0] * t * e, np.ones_like(t)], 1)


def point(rng):
    return rng.uniform(0.5, 2, 3)


def spoiled(rng, change):
    return cr.check_jacobian(decay, lambda x: change(decay_jacobian(x), x), point(rng))


@gallery.wrong("OpenMDAO/OpenMDAO#353", "jacobian", "columns.*1")
def sign_of_one_column(rng):
    return spoiled(rng, lambda J, x: J * [1, -1, 1])


@gallery.wrong("scipy/scipy#7766", "jacobian", "columns.*1")
def inner_derivative_forgotten(rng):
    return spoiled(rng, lambda J, x: J / np.stack([T**0, T, T**0], 1))


@gallery.wrong("KittyCAD/ezpz#269", "jacobian", "columns.*2|0 throughout|missing")
def column_never_filled(rng):
    return spoiled(rng, lambda J, x: J * [1, 1, 0])


@gallery.wrong("AMReX-Astro/Microphysics#405", "jacobian", "rows.*4")
def row_of_another_equation(rng):
    def change(J, x):
        J[4] = J[3]
        return J

    return spoiled(rng, change)


@gallery.wrong("robotology-legacy/mex-wholebodymodel#21", "jacobian", "order|transpos|reshape")
def column_major_for_row_major(rng):
    return spoiled(rng, lambda J, x: J.ravel(order="F").reshape(J.shape))


@gallery.wrong("borglab/gtsam#319", "jacobian", "columns.*2|sign")
def rotation_derived_the_other_way(rng):
    """A point turned by an angle: its derivative by the angle has the sign turned."""
    q = rng.normal(size=2)

    def f(x):
        c, s = np.cos(x[2]), np.sin(x[2])
        return np.array([c * q[0] - s * q[1] + x[0], s * q[0] + c * q[1] + x[1]])

    def jac(x):
        c, s = np.cos(x[2]), np.sin(x[2])
        return np.array([[1, 0, s * q[0] + c * q[1]], [0, 1, -c * q[0] + s * q[1]]])

    return cr.check_jacobian(f, jac, point(rng))


@gallery.wrong("ICB-DCM/pyPESTO#690", "jacobian", "log")
def jacobian_by_the_logarithm(rng):
    return spoiled(rng, lambda J, x: J * x)


@gallery.wrong("pasteurlabs/tesseract-core#706", "jacobian", r"constant|57\.|factor|0\.017|columns")
def angle_in_degrees(rng):
    def f(x):
        return np.sin(np.deg2rad(x))

    return cr.check_jacobian(f, lambda x: np.diag(np.cos(np.deg2rad(x))), 30 * point(rng))


@gallery.wrong("rust-cv/levenberg-marquardt#5", "jacobian", r"2 ×|factor 2")
def jacobian_of_the_squares(rng):
    return spoiled(rng, lambda J, x: 2 * J)


@gallery.wrong("derrynknife/SurPyval#121", "Hessian", "sign")
def hessian_with_its_sign_turned(rng):
    x = rng.normal(size=3)
    return cr.check_hessian(
        lambda x: np.log(np.cosh(x)).sum(), np.tanh, lambda x: np.diag(np.tanh(x) ** 2 - 1), x
    )


@gallery.wrong("derrynknife/SurPyval#121", "Hessian", "diagonal|inner|outer|off")
def inner_product_for_the_outer(rng):
    """d²/dx² of log(1 + w'x): the outer product of w, of which the diagonal is kept alone."""
    w = rng.uniform(0.5, 1, 3)
    x = rng.uniform(0.5, 1, 3)

    def hess(x):
        return -np.diag(w * w) / (1 + w @ x) ** 2

    return cr.check_hessian(lambda x: np.log(1 + w @ x), lambda x: w / (1 + w @ x), hess, x)


@gallery.wrong("jax-ml/jax#7302", "⟨w, Jv⟩", "×|factor|transpos|adjoint")
def adjoint_that_is_not_transposed(rng):
    A = rng.normal(size=(4, 4))
    return cr.check_adjoint(lambda v: A @ v, lambda w: A @ w, (4,))


# ------------------------------------------------------------------ right


@gallery.right("AMReX-Astro/Microphysics#405")
def reaction_rates_of_thirty_orders(rng):
    k = np.array([1e-20, 1.0, 1e10])

    def f(y):
        return np.array([-k[0] * y[0] ** 2 + k[1] * y[1], k[0] * y[0] ** 2, k[2] * y[1] * y[2]])

    def jac(y):
        return np.array(
            [[-2 * k[0] * y[0], k[1], 0], [2 * k[0] * y[0], 0, 0], [0, k[2] * y[2], k[2] * y[1]]]
        )

    return cr.check_jacobian(f, jac, point(rng))


@gallery.right("stevengj/nlopt#328")
def sixty_residuals(rng):
    A = rng.normal(size=(60, 5))
    return cr.check_jacobian(
        lambda x: np.arctan(A @ x), lambda x: A / (1 + (A @ x) ** 2)[:, None], rng.normal(size=5)
    )


@gallery.right("derrynknife/SurPyval#121")
def hessian_near_a_singular_point(rng):
    """(x - y)² + 1e-6 y²: of condition 4e6."""
    H = np.array([[2.0, -2], [-2, 2 + 2e-6]])
    return cr.check_hessian(
        lambda x: (x[0] - x[1]) ** 2 + 1e-6 * x[1] ** 2, lambda x: H @ x, lambda x: H,
        rng.normal(size=2),
    )  # fmt: skip


@gallery.right("pasteurlabs/tesseract-core#740")
def adjoint_of_a_solver(rng):
    A = rng.normal(size=(5, 5)) + 5 * np.eye(5)
    return cr.check_adjoint(
        lambda v: np.linalg.solve(A, v), lambda w: np.linalg.solve(A.T, w), (5,)
    )


@gallery.right("scipy/scipy#7766", decided=False)
def residuals_with_a_kink_at_the_point(rng):
    x = np.array([0.0, 0.8])
    return cr.check_jacobian(
        lambda x: np.array([np.abs(x[0]) + x[1], x[1] ** 2]),
        lambda x: np.array([[np.sign(x[0]), 1], [0, 2 * x[1]]]),
        x,
    )


@gallery.right("pasteurlabs/tesseract-core#713")
def residuals_of_a_length_and_a_frequency(rng):
    """x = (1e-6, 1e6): a step in proportion to the larger one is no step for the other."""
    x = np.array([1e-6, 1e6]) * rng.uniform(0.5, 1, 2)
    return cr.check_jacobian(
        lambda x: np.array([np.tanh(1e6 * x[0]), np.log(x[1]), x[0] * x[1]]),
        lambda x: np.array([[1e6 / np.cosh(1e6 * x[0]) ** 2, 0], [0, 1 / x[1]], [x[1], x[0]]]),
        x,
    )
