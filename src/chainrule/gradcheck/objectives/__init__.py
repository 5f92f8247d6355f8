"""Boosting objectives: a gradient and the diagonal of a Hessian, by scores, without a loss."""

from .check import check_objective

__all__ = ["check_objective"]
