"""What goes back to an argument of a step where a mistake is made: nothing, twice, unchanged."""

from __future__ import annotations

from typing import Any

from .rules import unbroadcast
from .steps import Edit, Step


def only(part: slice) -> Edit:
    """Let these rows alone go back."""

    def edit(step: Step, k: int, g: Any) -> Any:
        rows = 0 * g
        rows[part] = g[part]
        return step.pull(rows, k)

    return edit


def nothing(step: Step, k: int, g: Any) -> Any:
    """Let nothing go back."""
    return None


def unchanged(step: Step, k: int, g: Any) -> Any:
    """Let the gradient go back as it is, summed where the argument was spread."""
    part = step.pull(g, k)
    if part.shape == g.shape:
        return g
    return g.sum_to_size(part.shape) if hasattr(g, "sum_to_size") else unbroadcast(g, part.shape)


def turned(step: Step, k: int, g: Any) -> Any:
    """Let it go back with the other sign."""
    return -step.pull(g, k)


def doubled(step: Step, k: int, g: Any) -> Any:
    """Let it go back twice."""
    return 2 * step.pull(g, k)


def halved(step: Step, k: int, g: Any) -> Any:
    """Let half of it go back."""
    return step.pull(g, k) / 2


def transposed(step: Step, k: int, g: Any) -> Any:
    """Go back through a product with a square matrix by the matrix itself."""
    if step.other is None:
        raise ValueError("no product")
    return step.other(g, k)
