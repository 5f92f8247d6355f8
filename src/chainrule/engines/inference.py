"""Inference: a network's outputs by the fastest engine that knows its layers.

The native core where it was built and knows every layer, otherwise the mathematics on NumPy; both
give the same outputs to rounding.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from ..mathematics.passes import forward_pass
from ..model import Model
from ..parameters import views
from ..typing import Floats
from . import built
from .protocol import Predictor

__all__ = ["predict", "predictor"]


MOST_THREADS = 1024  # as in src/core/team.hpp
# Rows of one pass on NumPy: it keeps the values of every layer, which must not fill the memory.
ROWS_A_PASS = 65536
# Operations of one call of the core: some tenths of a second, after which Ctrl-C is heard.
OPERATIONS_A_CALL = 1e10


class _Known(NamedTuple):
    """The core's view of a network and of its living theta, and what they were made for."""

    theta: Floats
    settings: tuple[str, int]
    outputs: Predictor | None


_known: WeakKeyDictionary[Model, _Known] = WeakKeyDictionary()


def predict(network: Model, X: Floats) -> Floats:
    """Return the outputs a^L (m, n_L) of X (m, n_0), C-contiguous and of the network's dtype."""
    native = built()
    if native is None:
        return _reference(network, X)
    settings = (native.isa(), native.threads_of(None))
    known = _known.get(network)
    if known is None or known.theta is not network.theta or known.settings != settings:
        lacks = native.lacks_layers(network.architecture) is not None
        outputs = None if lacks else native.predictor(network.architecture, network.theta, None)
        known = _Known(network.theta, settings, outputs)
        _known[network] = known
    if known.outputs is None:
        return _reference(network, X)
    rows = max(int(OPERATIONS_A_CALL / (2 * network.theta.size)), 1)
    if len(X) <= rows:
        return known.outputs(X)
    out = np.empty((len(X), network.sizes[-1]), X.dtype)
    for start in range(0, len(X), rows):
        known.outputs(X[start : start + rows], out[start : start + rows])
    return out


def predictor(network: Model, threads: int | None = None) -> Predictor:
    """Return ``f(X, out=None)`` with the parameters of this moment; see ``Network.predictor``."""
    if threads is not None and not (isinstance(threads, int) and 1 <= threads <= MOST_THREADS):
        raise ValueError(
            f"threads must be a whole number from 1 to {MOST_THREADS}, or None, not {threads!r}"
        )
    native = built()
    if native is None or native.lacks_layers(network.architecture) is not None:
        return _Reference(network)
    return native.predictor(network.architecture, _aligned(network.theta), threads)  # type: ignore[no-any-return]


def _aligned(theta: Floats) -> Floats:
    """Return a copy that is aligned to a cache line."""
    line = 64
    room = np.empty(theta.nbytes + line, np.uint8)
    start = -room.ctypes.data % line
    copy = room[start : start + theta.nbytes].view(theta.dtype)
    copy[...] = theta
    return copy


def _reference(network: Model, X: Floats) -> Floats:
    starts = range(0, max(len(X), 1), ROWS_A_PASS)
    parts = [network.forward(X[start : start + ROWS_A_PASS]).y_hat for start in starts]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


class _Reference:
    """The predictor of networks that the core does not know: the mathematics on NumPy."""

    def __init__(self, network: Model) -> None:
        self._layers, self._sizes = network.layers, network.sizes
        self._theta = network.theta.copy()
        self._parameters = views(self._theta, network.layers)

    def __call__(self, X: Floats, out: Floats | None = None) -> Floats:
        self._check("X", X, None, self._sizes[0])
        if out is not None:
            self._check("out", out, len(X), self._sizes[-1])
            if not out.flags.writeable:
                raise ValueError("out is read-only")
            if np.may_share_memory(X, out):
                raise ValueError("out shares memory with X: pass another array")
        with np.errstate(all="ignore"):
            y_hat: Floats = forward_pass(X, self._layers, self._parameters).y_hat
        if out is None:
            return y_hat
        out[...] = y_hat
        return out

    def _check(self, name: str, array: Any, rows: int | None, columns: int) -> None:
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{name} must be a NumPy array, not {type(array).__name__}")
        if array.dtype != self._theta.dtype:
            raise ValueError(f"{name} must be {self._theta.dtype}")
        if not array.flags.c_contiguous:
            raise ValueError(f"{name} must be C-contiguous")
        if not array.flags.aligned:
            raise ValueError(f"{name} is not aligned in memory")
        if array.ndim != 2 or array.shape != (len(array) if rows is None else rows, columns):
            m = "m" if rows is None else rows
            raise ValueError(f"{name} must have the shape ({m}, {columns}), not {array.shape}")

    def __repr__(self) -> str:
        sizes = "-".join(map(str, self._sizes))
        return f"<Predictor {sizes}, {self._theta.dtype}, reference engine>"
