"""chainrule: backpropagation you can see, prove, and run at the speed of the hardware."""

from __future__ import annotations

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
    "distributed",
    "forward",
    "load",
]
