"""Derivatives of functions with many outputs: Jacobians, Hessians, adjoints, Taylor orders."""

from .adjoint import check_adjoint
from .check import check_hessian, check_jacobian
from .taylor import taylor_test

__all__ = ["check_adjoint", "check_hessian", "check_jacobian", "taylor_test"]
