"""Costs: one record each (J, dJ/da, formulas, source), their table, and the canonical pairs.

A cost gives J_i for each sample i, summed over the outputs; the mean over samples, and with it the
factor 1/m, enters once, through ``shares`` in ``cost_of`` and ``cost_backward``. Where cost and
output activation are a canonical pair, J is worked out from z and dz = a - y, so that nothing
overflows; the general form stays available and agrees wherever it is finite. A new cost is one
function, decorated with ``COSTS.entry``, in one of these files.
"""

from __future__ import annotations

from . import classes, numbers
from .canonical import CANONICAL, Pair, canonical_pair, cost_backward, cost_of, share_out
from .classes import cross_entropy, logistic, poisson, smooth
from .numbers import absolute_error, huber, quantile, squared_error
from .record import COSTS, Cost, Target, resolve_cost

__all__ = [
    "CANONICAL",
    "COSTS",
    "Cost",
    "Pair",
    "Target",
    "absolute_error",
    "canonical_pair",
    "classes",
    "cost_backward",
    "cost_of",
    "cross_entropy",
    "huber",
    "logistic",
    "numbers",
    "poisson",
    "quantile",
    "resolve_cost",
    "share_out",
    "smooth",
    "squared_error",
]
