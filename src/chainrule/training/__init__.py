"""Training: descend the gradient until J is minimised, and say why it stopped.

``fit`` turns its arguments (``settings``) and samples (``data``) into a checked ``plan`` and a
``run``, whose steps ``descent`` or ``lbfgs`` takes in ``batches`` on an engine; ``stopping`` and
``checkpoints`` watch each epoch, and ``history`` is what comes out.
"""

from __future__ import annotations

from .continuation import Carried
from .fit import fit
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
