"""Gradient checking: is a gradient right, and if not, where and why?"""

from __future__ import annotations

from .check import assert_gradients, check_gradients, check_pair
from .report import Diagnosis, GradientError, Report

__all__ = [
    "Diagnosis",
    "GradientError",
    "Report",
    "assert_gradients",
    "check_gradients",
    "check_pair",
]
