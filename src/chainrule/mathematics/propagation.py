"""Forward and backward propagation of one layer: the two functions of the notes.

``forward`` takes a^{l-1} and gives a^l, caching z^l; ``backward`` takes dJ/da^l and gives
dJ/da^{l-1}, dJ/dW^l and dJ/db^l. The factor 1/m is in da already: there is none here.
"""

from __future__ import annotations

from .activations import Activation, activation_backward, resolve_activation
from .namespace import Array, namespace


def affine_forward(a_prev: Array, W: Array, b: Array) -> Array:
    """Return ``z = a_prev W^T + b``, shape (m, n_l), for a_prev (m, n_{l-1}).

    Source: Nielsen, "Neural networks and deep learning", 2015, equation (25).
    """
    xp = namespace(a_prev, W, b)
    return xp.matmul(a_prev, W.T) + b


def affine_backward(
    dz: Array, a_prev: Array, W: Array, first: bool = False
) -> tuple[Array | None, Array, Array]:
    """Return ``da_prev = dz W``, ``dW = dz^T a_prev`` and ``db = sum_i dz_i``.

    Shapes: dz (m, n_l), da_prev (m, n_{l-1}), dW as W, db (n_l,). ``first`` leaves da_prev out
    (None), which training does not need below the first layer.
    Source: Nielsen, "Neural networks and deep learning", 2015, (BP2), (BP3) and (BP4).
    """
    xp = namespace(dz, a_prev, W)
    da_prev = None if first else xp.matmul(dz, W)
    # The transpose of the product with the smaller cost of storing: parameters lie as W^T.
    dW = xp.matmul(a_prev.T, dz).T
    return da_prev, dW, xp.sum(dz, axis=0)


def forward(
    a_prev: Array, W: Array, b: Array, f: str | Activation = "identity"
) -> tuple[Array, Array]:
    """Propagate forwards through one layer: ``z = a_prev W^T + b``, ``a = f(z)``; return (a, z).

    Shapes: a_prev (m, n_{l-1}), W (n_l, n_{l-1}), b (n_l,), a and z (m, n_l). Any real dtype of
    NumPy, object arrays of Fractions or SymPy expressions, and arrays of the Array API standard.

    Raises ValueError if the shapes do not go together or the activation is unknown.
    Source: Nielsen, "Neural networks and deep learning", 2015, equation (25).

    >>> import numpy as np
    >>> a, z = forward(np.array([[1.0, 2.0]]), np.array([[3.0, -4.0]]), np.array([1.0]), "relu")
    >>> z, a
    (array([[-4.]]), array([[0.]]))
    """
    f = resolve_activation(f)
    _check(a_prev, W, b)
    z = affine_forward(a_prev, W, b)
    return f.f(z), z


def backward(
    da: Array, z: Array, a: Array, a_prev: Array, W: Array, f: str | Activation = "identity"
) -> tuple[Array, Array, Array]:
    """Propagate backwards through one layer; return (da_prev, dW, db).

    ``dz = da * f'(z)``, then ``da_prev = dz W``, ``dW = dz^T a_prev``, ``db = sum_i dz_i``: the
    chain rule through a = f(z) and z = a_prev W^T + b, with z and a as ``forward`` gave them.
    Shapes: da, z, a (m, n_l), a_prev and da_prev (m, n_{l-1}), W and dW (n_l, n_{l-1}), db (n_l,).

    Raises ValueError if the shapes do not go together or the activation is unknown.
    Source: Nielsen, "Neural networks and deep learning", 2015, (BP1) to (BP4).

    >>> import numpy as np
    >>> a_prev, W, b = np.array([[1.0, 2.0]]), np.array([[3.0, -4.0]]), np.array([6.0])
    >>> a, z = forward(a_prev, W, b, "relu")
    >>> backward(np.array([[0.5]]), z, a, a_prev, W, "relu")
    (array([[ 1.5, -2. ]]), array([[0.5, 1. ]]), array([0.5]))
    """
    f = resolve_activation(f)
    _check(a_prev, W, None)
    if not tuple(da.shape) == tuple(z.shape) == tuple(a.shape) == (a_prev.shape[0], W.shape[0]):
        raise ValueError(
            f"da, z and a must have the shape (m, n_l) = {(a_prev.shape[0], W.shape[0])}, "
            f"not {tuple(da.shape)}, {tuple(z.shape)} and {tuple(a.shape)}"
        )
    dz = activation_backward(da, z, a, f)
    da_prev, dW, db = affine_backward(dz, a_prev, W)
    return da_prev, dW, db


def _check(a_prev: Array, W: Array, b: Array | None) -> None:
    if len(W.shape) != 2 or len(a_prev.shape) != 2 or a_prev.shape[1] != W.shape[1]:
        raise ValueError(
            "W must be (n_l, n_{l-1}) and a_prev (m, n_{l-1}), one row a sample: "
            f"not {tuple(W.shape)} and {tuple(a_prev.shape)}"
        )
    if b is not None and tuple(b.shape) != (W.shape[0],):
        raise ValueError(f"b must have the shape (n_l,) = ({W.shape[0]},), not {tuple(b.shape)}")
