"""Training: descend the gradient until J is minimised, and say why it stopped.

``fit`` turns its arguments (``settings``) and samples (``data``) into a checked ``plan`` and a
``run``, whose steps ``descent`` or ``lbfgs`` takes in ``batches`` on an engine; ``stopping`` and
``checkpoints`` watch each epoch, and ``history`` is what comes out.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .continuation import Carried
from .fit import fit
from .groups import ParameterGroup
from .history import History, Stop
from .metrics import METRICS, Metric
from .settings import Arguments, Settings

if TYPE_CHECKING:
    from .joint_run import FittedMembers
    from .members import fit_members

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

# Imported when first used, so that ``import chainrule`` stays light.
_LATE = {"FittedMembers": "joint_run", "fit_members": "members"}


def __getattr__(name: str) -> Any:
    """Give a name of ``_LATE``."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LATE[name]}", __name__), name)
