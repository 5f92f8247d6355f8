"""Backpropagation by hand in NumPy, in place, with every array allocated once."""

from __future__ import annotations

from typing import Any

import numpy as np
from cases import Case, Run, Theta, data


def numpy(case: Case, threads: int) -> Run:
    from threadpoolctl import threadpool_limits

    d = data(case)
    m, L = case.batch, len(d.start)
    a = [np.empty((m, n), np.float32) for n in case.sizes]
    dz = [np.empty((m, n), np.float32) for n in case.sizes]
    y = np.empty((m, case.sizes[-1]), np.float32)

    def train() -> Any:
        with threadpool_limits(threads):
            return steps()

    def steps() -> Any:
        W = [W.T.copy() for W, _ in d.start]
        b = [b.copy() for _, b in d.start]
        parameters = [p for pair in zip(W, b, strict=True) for p in pair]
        g = [np.empty_like(p) for p in parameters]
        update = (_adam if case.optimizer == "adam" else _descent)(parameters, g, case.rate)
        for step in range(case.steps):
            rows = d.order[step * m : (step + 1) * m]
            np.take(d.X, rows, axis=0, out=a[0])
            np.take(d.Y, rows, axis=0, out=y)
            for l in range(L):
                z = np.matmul(a[l], W[l], out=a[l + 1])
                z += b[l]
                _forward(case.hidden if l < L - 1 else case.output, z)
            np.subtract(a[L], y, out=dz[L])
            dz[L] *= np.float32(1 / m)
            for l in range(L - 1, -1, -1):
                np.matmul(a[l].T, dz[l + 1], out=g[2 * l])
                np.sum(dz[l + 1], axis=0, out=g[2 * l + 1])
                if l:
                    np.matmul(dz[l + 1], W[l].T, out=dz[l])
                    _backward(case.hidden, a[l], dz[l])
            update(step + 1)
        return W, b

    def read(result: Any) -> Theta:
        return [(W.T, b) for W, b in zip(*result, strict=True)]

    return Run(train, read)


def _forward(name: str, z: Any) -> None:
    """Turn z into a."""
    if name == "tanh":
        np.tanh(z, out=z)
    elif name == "relu":
        np.maximum(z, 0, out=z)
    elif name == "sigmoid":
        np.negative(z, out=z)
        np.exp(z, out=z)
        z += 1
        np.reciprocal(z, out=z)
    elif name == "softmax":
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=1, keepdims=True)


def _backward(name: str, a: Any, da: Any) -> None:
    """Turn da into dz; a is lost."""
    if name == "tanh":
        np.multiply(a, a, out=a)
        np.subtract(1, a, out=a)
        da *= a
    elif name == "relu":
        da *= a > 0
    else:
        da *= a
        np.subtract(1, a, out=a)
        da *= a


def _descent(parameters: list[Any], gradient: list[Any], rate: float) -> Any:
    def update(t: int) -> None:
        for p, dp in zip(parameters, gradient, strict=True):
            dp *= np.float32(rate)
            p -= dp

    return update


def _adam(parameters: list[Any], gradient: list[Any], rate: float) -> Any:
    first, second, work = ([np.zeros_like(p) for p in parameters] for _ in range(3))

    def update(t: int) -> None:
        size = np.float32(rate * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t))
        for p, dp, v1, v2, w in zip(parameters, gradient, first, second, work, strict=True):
            v1 *= np.float32(0.9)
            v1 += np.multiply(dp, np.float32(0.1), out=w)
            v2 *= np.float32(0.999)
            dp *= dp
            dp *= np.float32(0.001)
            v2 += dp
            np.sqrt(v2, out=w)
            w += np.float32(1e-8)
            np.divide(v1, w, out=w)
            w *= size
            p -= w

    return update
