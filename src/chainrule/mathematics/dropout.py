"""Dropout as a pair of pure functions and a mask that is a function of its key alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .checks import BELOW_ONE, setting
from .namespace import Array
from .random import DROPOUT, uniform, uniform_at
from .random import key as stream

# (place, rate, shape) -> the mask of the layer below place + 1.
Masks = Callable[[int, float, tuple[int, int]], Array]


def dropout_mask(
    shape: tuple[int, int],
    rate: float,
    key: int,
    dtype: npt.DTypeLike = np.float64,
    first_row: int = 0,
    rows: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.floating]:
    """Draw a layer's mask for one step: 0 with probability ``rate``, else 1/(1 - rate).

    ``mask[i, j] = [u >= rate] / (1 - rate)`` with u the number ``(first_row + i) * n + j`` of the
    stream ``key``, so an entry depends on (key, row, unit) and not on the number of rows; ``rows``
    (m,), if given, are the rows' own numbers, in place of first_row + i. The key is
    ``random.key(seed, random.DROPOUT, step, layer)``. 1/(1 - rate) is worked out in float64 and
    rounded once to ``dtype``.

    Shape (m, n). Raises ValueError unless 0 <= rate < 1.
    Source: Srivastava et al., "Dropout", JMLR 15, 2014, section 10 (scaled while training).
    """
    rate = setting("dropout", "rate", rate, BELOW_ONE)
    m, n = shape
    if rows is None:
        u = uniform(key, m * n, first_row * n).reshape(m, n)
    else:
        u = uniform_at(key, rows[:, None] * n + np.arange(n))
    mask: npt.NDArray[np.floating] = (u >= rate).astype(dtype)
    mask *= mask.dtype.type(1.0 / (1.0 - float(rate)))
    return mask


def step_masks(
    seed: int, step: int, dtype: npt.DTypeLike, rows: npt.NDArray[np.int64] | None = None
) -> Masks:
    """Return the function ``(place, rate, shape) -> mask`` that draws the masks of one step.

    ``rows``: the samples' numbers in the batch, where only a part of it is at hand.
    """

    def draw(place: int, rate: float, shape: tuple[int, int]) -> Array:
        return dropout_mask(shape, rate, stream(seed, DROPOUT, step, place), dtype, rows=rows)

    return draw


def dropout_forward(a_prev: Array, mask: Array) -> Array:
    """Apply dropout: ``a = a_prev * mask``, all of shape (m, n).

    Source: Srivastava et al., "Dropout", JMLR 15, 2014, section 4.
    """
    return a_prev * mask


def dropout_backward(da: Array, mask: Array) -> Array:
    """Propagate back through dropout: ``da_prev = da * mask``, all of shape (m, n).

    The forward function is linear with the diagonal Jacobian ``mask``.
    """
    return da * mask
