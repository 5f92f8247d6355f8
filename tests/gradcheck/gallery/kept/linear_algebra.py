"""Linear algebra: the cases kept apart."""

from __future__ import annotations

import numpy as np

from gallery.doors import pair, spd
from gallery.linear_algebra import inv, regular
from gallery.record import Gallery

gallery = Gallery("linear algebra")


@gallery.wrong("cornellius-gp/gpytorch#1104", "A", "symmetr|transpos")
def quadratic_form_by_one_half(rng):
    """x' A x differentiated by x as A x, which needs A + A'."""
    R = rng.normal(size=(4, 3))

    def J(p):
        return np.sin(R * (p["A"] @ R)).sum()

    def gradient(p):
        D = np.cos(R * (p["A"] @ R)) * R
        return {"A": R @ D.T}

    return pair(J, gradient, {"A": regular(rng)})


@gallery.wrong("HIPS/autograd#56", "x", "transpos|symmetr|use|half|factor 2")
def vector_of_a_quadratic_form(rng):
    A = regular(rng)
    return pair(
        lambda p: p["x"] @ A @ p["x"], lambda p: {"x": 2 * A @ p["x"]}, {"x": rng.normal(size=4)}
    )


@gallery.wrong("pytorch/pytorch#37154", "x", "distance|factor|divid|term")
def pairwise_distance_without_its_size(rng):
    def parts(p):
        d = p["x"][:, None] - p["y"]
        return d, np.sqrt((d * d).sum(-1))

    R = rng.normal(size=(4, 5))

    def gradient(p):
        d, n = parts(p)
        return {"x": (R[..., None] * d).sum(1), "y": -(R[..., None] * d / n[..., None]).sum(0)}

    p = {"x": rng.normal(size=(4, 3)), "y": rng.normal(size=(5, 3))}
    return pair(lambda p: (R * parts(p)[1]).sum(), gradient, p)


@gallery.right("pytorch/pytorch#18825")
def lower_triangle_of_a_symmetric_matrix(rng):
    def gradient(p):
        G = inv(np.tril(p["A"]) + np.tril(p["A"], -1).T)
        return {"A": np.tril(2 * G) - np.diag(np.diag(G))}

    def J(p):
        return 2 * np.log(np.diag(np.linalg.cholesky(p["A"]))).sum()

    return pair(J, gradient, {"A": spd(rng, 4)})


@gallery.right("jax-ml/jax#7302")
def solver_that_iterates(rng):
    """Conjugate gradients to 1e-13: J is noisy where its digits end."""
    A, r = spd(rng, 5), rng.normal(size=5)

    def solve(b):
        x, res = np.zeros(5), b.copy()
        d = res.copy()
        for _ in range(30):
            if res @ res < 1e-26:
                break
            Ad = A @ d
            step = (res @ res) / (d @ Ad)
            x, new = x + step * d, res - step * Ad
            d, res = new + (new @ new) / (res @ res) * d, new
        return x

    return pair(
        lambda p: r @ np.sin(solve(p["b"])),
        lambda p: {"b": solve(r * np.cos(solve(p["b"])))},
        {"b": rng.normal(size=5)},
    )
