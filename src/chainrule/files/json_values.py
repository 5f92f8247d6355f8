"""JSON values: what every JSON reader takes."""

from __future__ import annotations

from math import isfinite
from typing import Any


def finite(value: Any) -> Any:
    """Return JSON values with None for every number that is not finite, which JSON cannot hold.

    >>> finite({"cost": [0.5, float("inf")]})
    {'cost': [0.5, None]}
    """
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
