"""Out-of-fold predictions: the mean, for each row, of the members that did not train on it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..engines.inference import predict
from ..mathematics.costs import Cost
from ..mathematics.sample_weights import shares_of
from ..model import Model
from ..typing import Floats, Reals, Rows
from .data import Data

# Of these costs J is infinite where a rounded probability is 0 or 1 and wrong.
_OF_PROBABILITIES: Final = ("classes", "probability")


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """The rows that each member leaves out, and what the mean over members predicts for them.

    ``inputs``: of each member, X of its rows ``held``. ``rows`` (r,): those left out by at least
    one member, ascending; ``count`` (r,): by how many. Y and shares are those of ``rows``.
    """

    inputs: tuple[Floats, ...]
    held: tuple[Rows, ...]
    rows: Rows
    count: Reals
    Y: Floats
    shares: Floats

    def outputs(self, members: Sequence[Model], pool: Executor) -> Reals:
        """Return the mean output (r, n_L), summed in the order of members."""
        total = np.zeros(self.Y.shape)
        for held, y_hat in zip(self.held, pool.map(predict, members, self.inputs), strict=True):
            total[np.searchsorted(self.rows, held)] += y_hat
        return total / self.count[:, None]


def out_of_fold(data: Sequence[Data], trained: Sequence[Rows]) -> OutOfFold | None:
    """Return the rows left out by members that train on the rows ``trained``; None if all do."""
    m = len(data[0].X)
    left_out = [np.setdiff1d(np.arange(m), rows) for rows in trained]
    count = np.bincount(np.concatenate(left_out), minlength=m)
    rows = np.flatnonzero(count)
    if len(rows) == 0:
        return None
    weights = None if data[0].weights is None else data[0].weights[rows]
    if weights is not None and not weights.any():
        raise ValueError("the weights of all samples that a member leaves out are 0")
    return OutOfFold(
        inputs=tuple(one.X[held] for one, held in zip(data, left_out, strict=True)),
        held=tuple(left_out),
        rows=rows,
        count=count[rows].astype(np.float64),
        Y=data[0].Y[rows],
        shares=shares_of(weights, len(rows), np.float64),
    )


def mean_cost(cost: Cost, y_hat: Reals, Y: Floats, shares: Floats) -> float:
    """Return J of outputs, without penalties: ``sum_i shares_i J(y_hat_i, Y_i)``.

    Probabilities are first clipped to [eps, 1 - eps], eps that of Y's dtype: a network's rounded
    output of 0 or 1 says no more than that.
    """
    if cost.target in _OF_PROBABILITIES:
        epsilon = float(np.finfo(Y.dtype).eps)
        y_hat = np.clip(y_hat, epsilon, 1 - epsilon)
    with np.errstate(all="ignore"):
        J = cost.J(y_hat, Y.astype(np.float64))
    return float(np.sum(np.where(shares > 0, J, 0) * shares))
