"""chainrule: backpropagation you can see, prove, and run at the speed of the hardware."""

from __future__ import annotations

from importlib import import_module
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
from .training.many import Ensemble, Fitted, fit_many, grid

if TYPE_CHECKING:
    from .explanation import expand, explain, illustrate
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
    "Ensemble",
    "Fitted",
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
    "expand",
    "explain",
    "fit_many",
    "forward",
    "grid",
    "illustrate",
    "load",
]

# Name -> the part of the package that has it; imported when the name is first used.
_LATE = {
    "check_gradients": "gradcheck",
    "expand": "explanation",
    "explain": "explanation",
    "illustrate": "explanation",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_LATE[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
