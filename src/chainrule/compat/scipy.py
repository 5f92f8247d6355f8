"""``scipy.optimize.check_grad``: True, or an exception that names the entry and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..gradcheck.brief import brief
from ..gradcheck.jacobians import check_jacobian
from ..gradcheck.report import GradientError


def check_grad(
    func: Callable[..., Any],
    grad: Callable[..., Any],
    x0: Any,
    *args: Any,
    epsilon: float | None = None,
    direction: str = "all",
    rng: Any = None,
) -> bool:
    """Check a gradient, or the Jacobian of a function with several values, at ``x0``.

    The arguments are those of ``scipy.optimize.check_grad``; ``epsilon``, ``direction`` and ``rng``
    are not needed: the step is found, and every entry is checked.

    Returns True where no entry is wrong. Raises ``GradientError`` otherwise, TypeError or
    ValueError for what cannot be checked.

    >>> import numpy as np
    >>> check_grad(lambda x, a: a * np.sum(x**3), lambda x, a: 3 * a * x**2, [1.0, 2.0], 0.5)
    True
    """
    if direction not in ("all", "random"):
        raise ValueError(f"direction must be 'all' or 'random', not {direction!r}")
    report = check_jacobian(func, grad, x0, args, name="gradient")
    if report.verdict == "wrong":
        error = GradientError(report)
        error.args = (brief(report, 0),)
        raise error
    return True
