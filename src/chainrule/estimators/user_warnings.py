"""Warnings, at the line of the user's that led to them, however deep they arise."""

from __future__ import annotations

import sys
import warnings

# Fit is wrapped by scikit-learn, and may be called by its searches.
NOT_THE_USERS = (__name__.partition(".")[0] + ".", "sklearn.")


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line outside this package and scikit-learn."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(
        NOT_THE_USERS
    ):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
