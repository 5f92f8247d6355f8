"""Training: descend the gradient until J is minimised, and say why it stopped.

``fit`` turns its arguments (``settings``) and samples (``data``) into a checked ``plan`` and a
``run``, whose steps ``descent`` or ``lbfgs`` takes in ``batches`` on an engine; ``stopping`` and
``checkpoints`` watch each epoch, and ``history`` is what comes out.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .continuation import Carried
    from .fitting import fit
    from .groups import ParameterGroup
    from .history import History, Stop
    from .joint_run import FittedMembers
    from .members import fit_members
    from .metrics import METRICS, Metric
    from .settings import Arguments, Settings

__all__ = [
    "METRICS",
    "Arguments",
    "Carried",
    "FittedMembers",
    "History",
    "Metric",
    "ParameterGroup",
    "Settings",
    "Stop",
    "fit",
    "fit_members",
]

# Name -> the module that has it; imported when first used, so that ``import chainrule`` is light.
_LATE = {
    "METRICS": "metrics",
    "Arguments": "settings",
    "Carried": "continuation",
    "FittedMembers": "joint_run",
    "History": "history",
    "Metric": "metrics",
    "ParameterGroup": "groups",
    "Settings": "settings",
    "Stop": "history",
    "fit": "fitting",
    "fit_members": "members",
}


def __getattr__(name: str) -> Any:
    """Give a name of ``_LATE``."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_LATE[name]}", __name__), name)
    globals()[name] = value
    return value
