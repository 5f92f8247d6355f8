"""Sample weights: each sample's share of the mean that J is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..typing import Floats


def shares_of(sample_weight: npt.ArrayLike | None, m: int, dtype: npt.DTypeLike) -> Floats:
    """Return each sample's share of the mean (m,): 1/m, or w_i / sum w; zeros if all w are 0.

    Raises ValueError for weights that are not (m,), negative or not finite, naming the row.
    """
    if sample_weight is None:
        return np.full(m, 1.0 / max(m, 1), dtype)
    w = weights_of(sample_weight, m)
    total = w.sum()
    return (w / total if total > 0 else w).astype(dtype)


def weights_of(sample_weight: npt.ArrayLike, m: int) -> npt.NDArray[np.float64]:
    """Return sample weights as float64 (m,), checked as ``shares_of`` says."""
    try:
        w = np.asarray(sample_weight, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"sample_weight must hold ({m},) numbers") from None
    if w.shape != (m,):
        raise ValueError(f"sample_weight must have the shape ({m},), not {w.shape}")
    wrong = ~(np.isfinite(w) & (w >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"sample_weight[{row}] = {w[row]}: a weight is finite and 0 or above")
    with np.errstate(over="ignore"):
        if not np.isfinite(w.sum()):
            raise ValueError("sample_weight adds up to infinity: divide all of it by its largest")
    return w
