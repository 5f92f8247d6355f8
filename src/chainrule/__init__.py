"""chainrule: backpropagation you can see, prove, and run at the speed of the hardware."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .mathematics.activations import ACTIVATIONS, Activation
from .mathematics.costs import COSTS, Cost
from .mathematics.initializers import INITIALIZERS, Initializer
from .mathematics.optimizers import OPTIMIZERS, Optimizer
from .mathematics.passes import Gradients, Trace
from .mathematics.propagation import backward, forward
from .mathematics.schedules import SCHEDULES, Schedule
from .network import Network
from .training import METRICS, History, Metric, Stop

if TYPE_CHECKING:
    from . import distributed
    from .explanation import expand, explain, illustrate
    from .explanation.report import report
    from .files.network import load
    from .gradcheck import check_gradients
    from .training.checkpoints import Checkpoints
    from .training.many import Ensemble, Fitted, fit_many, grid

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
    "report",
]

# Name -> the part of the package that has it; imported when the name is first used.
_LATE = {
    "Checkpoints": "training.checkpoints",
    "Ensemble": "training.many",
    "Fitted": "training.many",
    "check_gradients": "gradcheck",
    "expand": "explanation",
    "explain": "explanation",
    "fit_many": "training.many",
    "grid": "training.many",
    "illustrate": "explanation",
    "load": "files.network",
    "report": "explanation.report",
}


def __getattr__(name: str) -> Any:
    if name == "distributed":
        return import_module(".distributed", __name__)
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_LATE[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
