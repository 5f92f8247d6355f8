"""chainrule: backpropagation you can see, prove, and run at the speed of the hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import distributed
from .files.network import load
from .mathematics.activations import ACTIVATIONS, Activation
from .mathematics.costs import COSTS, Cost
from .mathematics.initializers import INITIALIZERS, Initializer
from .mathematics.optimizers import OPTIMIZERS, Optimizer
from .mathematics.passes import Gradients, Trace
from .mathematics.propagation import backward, forward
from .mathematics.schedules import SCHEDULES, Schedule
from .network import Network
from .training import METRICS, Checkpoints, History, Metric, Stop

if TYPE_CHECKING:
    from .gradcheck import check_gradients

__version__ = "0.1.0"

__all__ = [
    "ACTIVATIONS",
    "COSTS",
    "INITIALIZERS",
    "METRICS",
    "OPTIMIZERS",
    "SCHEDULES",
    "Activation",
    "Checkpoints",
    "Cost",
    "Gradients",
    "History",
    "Initializer",
    "Metric",
    "Network",
    "Optimizer",
    "Schedule",
    "Stop",
    "Trace",
    "backward",
    "check_gradients",
    "distributed",
    "forward",
    "load",
]


def __getattr__(name: str) -> Any:
    if name == "check_gradients":
        from .gradcheck import check_gradients

        return check_gradients
    raise AttributeError(f"module 'chainrule' has no attribute {name!r}")
