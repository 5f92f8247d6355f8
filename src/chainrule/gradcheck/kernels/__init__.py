"""Kernels in their own precision: a backward pass checked as it is called, nothing moved."""

from .check import check_kernel

__all__ = ["check_kernel"]
