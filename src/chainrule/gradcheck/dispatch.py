"""``check_gradients``: the one door to the strategies for networks, functions and modules."""

from __future__ import annotations

from typing import Any

from ..model import Model
from .adapters.torch import check_module
from .report import GradientError, Report
from .strategies.functions import check_pair
from .strategies.network import check_network


def check_gradients(subject: Any, *args: Any, **settings: Any) -> Report:
    """Check a gradient numerically: right, wrong or undecidable for every entry, where and why.

    ``check_gradients(net, X, y)``: a ``Network`` with its data; see ``check_network``.
    ``check_gradients(cost, gradients, parameters)``: any pair of functions over a dictionary, list
    or array of parameters; see ``check_pair``.
    ``check_gradients(module, X, y, loss)``: a ``torch.nn.Module``; see ``adapters.torch``.

    Returns a ``Report``; ``report.ok``, ``print(report)``, ``report.raise_if_wrong()``. Raises
    TypeError or ValueError, one sentence each, for what cannot be checked.

    >>> import numpy as np
    >>> w = np.array([1.0, 2.0])
    >>> check_gradients(lambda w: float(w @ w), lambda w: 2 * w, w).ok
    True
    """
    if isinstance(subject, Model):
        return check_network(subject, *args, **settings)
    if any(cls.__module__.startswith("torch.") for cls in type(subject).__mro__):
        return check_module(subject, *args, **settings)
    return check_pair(subject, *args, **settings)


def assert_gradients(
    subject: Any, *args: Any, undecidable: bool = False, **settings: Any
) -> Report:
    """Check gradients in a test: raise ``GradientError``, whose message is the report, unless
    right.

    ``undecidable=True`` lets entries pass that cannot be decided.
    """
    report = check_gradients(subject, *args, progress=False, **settings)
    if report.ok or (undecidable and report.verdict == "undecidable"):
        return report
    raise GradientError(report)
