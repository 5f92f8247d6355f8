"""The matrix products of a step by OpenBLAS alone: a floor for whoever builds on it, no training.

Forward, gradient and backward product of each layer as sgemm calls into outputs allocated once,
from a loop in C, so that no time is spent in Python. Each layer keeps W in the memory order in
which its three products are quicker.
"""

from __future__ import annotations

import ctypes
from time import perf_counter
from typing import Any

import numpy as np
from cases import Case, Run
from peak import build

LOOP = r"""
typedef void (*Sgemm)(int, int, int, int, int, int, float, const float *, int, const float *, int,
                      float, float *, int);
struct Product { int ta, tb, m, n, k, lda, ldb, ldc; const float *A, *B; float *C; };
void run(Sgemm sgemm, const struct Product *p, int count, long steps) {
    for (long s = 0; s < steps; s++)
        for (int i = 0; i < count; i++)
            sgemm(101, p[i].ta, p[i].tb, p[i].m, p[i].n, p[i].k, 1.0f, p[i].A, p[i].lda, p[i].B,
                  p[i].ldb, 0.0f, p[i].C, p[i].ldc);
}
"""
PLAIN, TRANSPOSED = 111, 112


class Product(ctypes.Structure):
    """C = A B, of arrays of which each may be read transposed."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("ta", "tb", "m", "n", "k", "lda", "ldb", "ldc")),
        *((name, ctypes.c_void_p) for name in "ABC"),
    )


def product(A: Any, B: Any, C: Any, ta: bool = False, tb: bool = False) -> Product:
    m, n = C.shape
    orders = (TRANSPOSED if t else PLAIN for t in (ta, tb))
    leading = (array.shape[1] for array in (A, B, C))
    k = A.shape[0 if ta else 1]
    return Product(*orders, m, n, k, *leading, *(array.ctypes.data for array in (A, B, C)))


def layer(a_prev: Any, W: Any, z: Any, da_prev: Any, dW: Any, by_output: bool) -> list[Product]:
    """The products of a layer; z stands for dz as well; W is (n_out, n_in) if by_output."""
    first = product(a_prev, W, z, tb=by_output)
    gradient = product(z, a_prev, dW, ta=True) if by_output else product(a_prev, z, dW, ta=True)
    back = product(z, W, da_prev, tb=not by_output)
    return [first, gradient, back]


def blas(case: Case, threads: int) -> Run:
    import scipy_openblas32 as openblas

    library = ctypes.CDLL(f"{openblas.get_lib_dir()}/{openblas.get_library(fullname=True)}")
    library.scipy_openblas_set_num_threads(threads)
    sgemm = ctypes.cast(library.scipy_cblas_sgemm, ctypes.c_void_p)
    path = build(LOOP, "-shared", "-fPIC")
    if path is None:
        raise RuntimeError("no C compiler for the loop around sgemm")
    loop = ctypes.CDLL(str(path)).run

    def run(products: list[Product], steps: int) -> float:
        array = (Product * len(products))(*products)
        began = perf_counter()
        loop(sgemm, array, len(products), ctypes.c_long(steps))
        return perf_counter() - began

    rng = np.random.default_rng(0)
    a = [rng.random((case.batch, n), np.float32) for n in case.sizes]
    products: list[Product] = []
    kept = [*a]
    for l, (n, k) in enumerate(zip(case.sizes[:-1], case.sizes[1:], strict=True)):
        forms = []
        for by_output in (False, True):
            shape = (k, n) if by_output else (n, k)
            W, dW = (rng.random(shape, np.float32) for _ in range(2))
            da_prev = np.empty_like(a[l])
            kept += [W, dW, da_prev]
            forms.append(layer(a[l], W, a[l + 1], da_prev, dW, by_output)[: 3 if l else 2])
        tries = max(1, min(case.steps, round(2e8 / case.operations)))
        times = [min(run(form, tries) for _ in range(3)) for form in forms]
        products += forms[times.index(min(times))]

    def train() -> object:
        run(products, case.steps)
        return kept

    return Run(train)
