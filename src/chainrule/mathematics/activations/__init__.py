"""Activations: one record each (f, f', formulas, source, ONNX, torch), and their table.

Every form is finite for |z| up to the largest float, and keeps the dtype of z. At a kink the
derivative is the one from the left, so relu'(0) = 0. A new activation is one function, decorated
with ``ACTIVATIONS.entry``, in one of these files; everything else enumerates the table.
"""

from __future__ import annotations

from . import outputs, rectifiers, sigmoids
from .record import (
    ACTIVATIONS,
    Activation,
    OnnxGraph,
    TorchModule,
    activation_backward,
    resolve_activation,
)

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "OnnxGraph",
    "TorchModule",
    "activation_backward",
    "outputs",
    "rectifiers",
    "resolve_activation",
    "sigmoids",
]
