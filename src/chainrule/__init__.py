"""chainrule: backpropagation you can see, prove, and run at the speed of the hardware."""

from __future__ import annotations

from . import signals  # noqa: F401  (first of all: it hears Ctrl-C while the rest is imported)

# isort: split
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .mathematics.activations import ACTIVATIONS, Activation
from .mathematics.costs import COSTS, Cost
from .mathematics.initializers import INITIALIZERS, Initializer
from .mathematics.optimizers import OPTIMIZERS, Optimizer
from .mathematics.passes import Gradients, Trace
from .mathematics.propagation import backward, forward
from .mathematics.schedules import SCHEDULES, Schedule
from .network import Network, load

if TYPE_CHECKING:
    from . import distributed
    from .ensemble import Ensemble, Fitted, fit_many, grid
    from .explanation import expand, explain, illustrate
    from .explanation.model_report import report
    from .gradcheck import check_gradients
    from .gradcheck.jacobians import check_adjoint, check_hessian, check_jacobian, taylor_test
    from .gradcheck.kernels import check_kernel
    from .gradcheck.objectives import check_objective
    from .gradcheck.stages import check_stages, stage
    from .training import METRICS, History, Metric, Stop
    from .training.checkpoints import Checkpoints

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
    "check_adjoint",
    "check_gradients",
    "check_hessian",
    "check_jacobian",
    "check_kernel",
    "check_objective",
    "check_stages",
    "distributed",
    "expand",
    "explain",
    "fit_many",
    "forward",
    "grid",
    "illustrate",
    "load",
    "report",
    "stage",
    "taylor_test",
]

# Name -> the part of the package that has it; imported when the name is first used.
_LATE = {
    "Checkpoints": "training.checkpoints",
    "Ensemble": "ensemble",
    "Fitted": "ensemble",
    "History": "training.history",
    "METRICS": "training.metrics",
    "Metric": "training.metrics",
    "Stop": "training.history",
    "check_adjoint": "gradcheck.jacobians",
    "check_gradients": "gradcheck",
    "check_hessian": "gradcheck.jacobians",
    "check_jacobian": "gradcheck.jacobians",
    "check_kernel": "gradcheck.kernels",
    "check_objective": "gradcheck.objectives",
    "check_stages": "gradcheck.stages",
    "expand": "explanation",
    "explain": "explanation",
    "fit_many": "ensemble",
    "grid": "ensemble",
    "illustrate": "explanation",
    "report": "explanation.model_report",
    "stage": "gradcheck.stages",
    "taylor_test": "gradcheck.jacobians",
}

# Modules that were moved, under the names by which they can still be imported.
_MOVED = {
    "files.onnx": "interop.onnx",
    "files.sklearn": "interop.sklearn",
    "files.torch": "interop.torch",
    "training.many": "ensemble",
}


def _moved(old: str, new: str) -> ModuleType:
    """Return a module of the old name that imports the new one when it is first used."""
    module = ModuleType(f"{__name__}.{old}", f"Moved to ``{__name__}.{new}``.")

    def get(name: str) -> Any:
        return getattr(import_module(f".{new}", __name__), name)

    module.__dict__["__getattr__"] = get
    return module


sys.modules.update({f"{__name__}.{old}": _moved(old, new) for old, new in _MOVED.items()})


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
