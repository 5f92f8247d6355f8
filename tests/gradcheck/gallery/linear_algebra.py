"""Linear algebra: inverses, determinants, factors, norms, symmetric and triangular matrices."""

from __future__ import annotations

import numpy as np

from gallery.doors import pair, spd
from gallery.record import Gallery

gallery = Gallery("linear algebra")
inv = np.linalg.inv


def regular(rng, n=4):
    return rng.normal(size=(n, n)) + 3 * np.eye(n)


@gallery.wrong("HIPS/autograd#56", "A", "transpos")
def inverse_without_transposes(rng):
    R = rng.normal(size=(4, 4))
    return pair(
        lambda p: (R * inv(p["A"])).sum(),
        lambda p: {"A": -inv(p["A"]) @ R @ inv(p["A"])},
        {"A": regular(rng)},
    )


@gallery.wrong("pytorch/pytorch#22807", "A", "sign")
def inverse_without_its_sign(rng):
    R = rng.normal(size=(4, 4))

    def gradient(p):
        V = inv(p["A"])
        return {"A": V.T @ R @ V.T}

    return pair(lambda p: (R * inv(p["A"])).sum(), gradient, {"A": regular(rng)})


@gallery.wrong("stan-dev/math#1803", "A", "transpos")
def log_determinant_by_the_inverse(rng):
    return pair(
        lambda p: np.linalg.slogdet(p["A"])[1], lambda p: {"A": inv(p["A"])}, {"A": regular(rng)}
    )


@gallery.wrong("pytorch/pytorch#137284", "A", r"constant|gradient = [-\d.e]+ × numerical|det")
def determinant_without_the_determinant(rng):
    return pair(
        lambda p: np.linalg.det(p["A"]), lambda p: {"A": inv(p["A"]).T}, {"A": regular(rng)}
    )


@gallery.wrong("pytorch/pytorch#148346", "A", r"triang|above the diagonal")
def cholesky_without_the_lower_triangle(rng):
    """The gradient of L with entries above the diagonal, which the factor has not."""
    R = rng.normal(size=(4, 4))

    def gradient(p):
        return {"A": R * np.cos(p["A"])}

    return pair(
        lambda p: (R * np.sin(np.tril(p["A"]))).sum(), gradient, {"A": rng.normal(size=(4, 4))}
    )


@gallery.wrong("jax-ml/jax#40421", "A", "symmetr|triang|diagonal")
def half_of_the_diagonal(rng):
    """A symmetric matrix of which the lower triangle is read: the diagonal halved too."""
    R = rng.normal(size=(4, 4))
    R = R + R.T

    def full(A):
        return np.tril(A) + np.tril(A, -1).T

    def gradient(p):
        G = R * np.cos(full(p["A"]))
        return {"A": 2 * np.tril(G)}

    return pair(lambda p: (R * np.sin(full(p["A"]))).sum(), gradient, {"A": spd(rng, 4)})


@gallery.wrong("jax-ml/jax#7302", "A", "sign")
def solve_with_the_sign_turned(rng):
    r = rng.normal(size=4)

    def gradient(p):
        x = np.linalg.solve(p["A"], p["b"])
        db = np.linalg.solve(p["A"].T, r * np.cos(x))
        return {"A": np.outer(db, x), "b": db}

    return pair(
        lambda p: r @ np.sin(np.linalg.solve(p["A"], p["b"])), gradient,
        {"A": regular(rng), "b": rng.normal(size=4)},
    )  # fmt: skip


@gallery.wrong("patrick-kidger/diffrax#137", "A", "transpos")
def outer_product_turned_round(rng):
    r = rng.normal(size=4)

    def gradient(p):
        d = r * (1 - np.tanh(p["A"] @ p["v"]) ** 2)
        return {"A": np.outer(p["v"], d), "v": p["A"].T @ d}

    return pair(
        lambda p: r @ np.tanh(p["A"] @ p["v"]), gradient,
        {"A": regular(rng), "v": rng.normal(size=4)},
    )  # fmt: skip


@gallery.wrong("pytorch/pytorch#36493", "x", "size|norm|factor|divid")
def norm_without_its_size(rng):
    """|x| differentiated as x, which needs x / |x|, row by row."""
    R = rng.uniform(0.5, 2, 5)

    def J(p):
        return R @ np.sqrt((p["x"] ** 2).sum(1))

    return pair(J, lambda p: {"x": R[:, None] * p["x"]}, {"x": 2 * rng.normal(size=(5, 3))})


@gallery.wrong("pytorch/pytorch#18825", "A", "use|factor 3|3 ×|term")
def power_with_one_of_three_factors(rng):
    """tr(R A³) has a term for each of the three factors."""
    R = rng.normal(size=(4, 4))

    def gradient(p):
        A = p["A"]
        return {"A": (A @ A @ R).T}

    return pair(lambda p: np.trace(R @ p["A"] @ p["A"] @ p["A"]), gradient, {"A": regular(rng)})


@gallery.wrong("HIPS/autograd#376", "A", "transpos")
def left_product_without_transpose(rng):
    R, B = rng.normal(size=(4, 4)), rng.normal(size=(4, 4))
    return pair(
        lambda p: (R * np.sin(B @ p["A"])).sum(),
        lambda p: {"A": B @ (R * np.cos(B @ p["A"]))},
        {"A": rng.normal(size=(4, 4))},
    )


@gallery.wrong("pytorch/pytorch#148346", "L", r"triang|upper|above the diagonal")
def triangular_solve_with_a_full_gradient(rng):
    r = rng.normal(size=4)

    def gradient(p):
        L = np.tril(p["L"])
        x = np.linalg.solve(L, p["b"])
        db = np.linalg.solve(L.T, r * np.cos(x))
        return {"L": -np.outer(db, x), "b": db}

    return pair(
        lambda p: r @ np.sin(np.linalg.solve(np.tril(p["L"]), p["b"])), gradient,
        {"L": regular(rng), "b": rng.normal(size=4)},
    )  # fmt: skip


# ------------------------------------------------------------------ right


@gallery.right("stan-dev/math#1803")
def log_determinant_of_a_matrix_of_small_entries(rng):
    return pair(
        lambda p: np.linalg.slogdet(p["A"])[1],
        lambda p: {"A": inv(p["A"]).T},
        {"A": 1e-6 * regular(rng)},
    )


@gallery.right("jax-ml/jax#40421")
def sum_of_repeated_eigenvalues(rng):
    """The eigenvalues of the identity are all the same; their sum is the trace."""

    def gradient(p):
        return {"A": np.eye(4)}

    return pair(
        lambda p: np.linalg.eigvalsh((p["A"] + p["A"].T) / 2).sum(), gradient, {"A": np.eye(4)}
    )


@gallery.right("pytorch/pytorch#137284")
def determinant_of_a_singular_matrix(rng):
    A = rng.normal(size=(3, 3))
    A[2] = A[0] + A[1]

    def gradient(p):
        a = p["A"]
        return {"A": np.array([np.cross(a[1], a[2]), np.cross(a[2], a[0]), np.cross(a[0], a[1])])}

    return pair(lambda p: np.linalg.det(p["A"]), gradient, {"A": A})


@gallery.right("cornellius-gp/gpytorch#1104")
def inverse_of_an_ill_conditioned_matrix(rng):
    R = rng.normal(size=(4, 4))
    Q = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    A = Q @ np.diag([1, 0.1, 0.01, 1e-3]) @ Q.T

    def gradient(p):
        V = inv(p["A"])
        return {"A": -V.T @ R @ V.T}

    return pair(lambda p: (R * inv(p["A"])).sum(), gradient, {"A": A})


@gallery.right("pytorch/pytorch#37154", decided=False)
def distance_of_a_point_from_itself(rng):
    """|x - y| where they are equal: a cone's tip, and 0 is one of its slopes."""
    y = rng.normal(size=(4, 2))
    x = y + rng.normal(size=(4, 2))
    x[1] = y[1]

    def gradient(p):
        d = p["x"] - y
        n = np.sqrt((d * d).sum(1, keepdims=True))
        return {"x": np.where(n > 0, d / np.where(n > 0, n, 1), 0)}

    return pair(lambda p: np.sqrt(((p["x"] - y) ** 2).sum(1)).sum(), gradient, {"x": x})
