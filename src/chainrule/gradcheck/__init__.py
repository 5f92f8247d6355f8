"""Gradient checking: is a gradient right, and if not, where and why?"""

from __future__ import annotations

from .dispatch import assert_gradients, check_gradients
from .own_records import check_activation, check_cost
from .report import Diagnosis, GradientError, Report
from .strategies.functions import check_pair
from .strategies.layers import check_layer
from .strategies.network import check_network

__all__ = [
    "Diagnosis",
    "GradientError",
    "Report",
    "assert_gradients",
    "check_activation",
    "check_cost",
    "check_gradients",
    "check_layer",
    "check_network",
    "check_pair",
]
