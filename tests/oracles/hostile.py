"""Hostile values for every leaf of a file's JSON metadata, and what may come of each."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

HOSTILE: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2**31,
    2**63,
    -(2**70),
    0.5,
    -0.0,
    1e308,
    -1e-308,
    "",
    "x",
    "nan",
    "../../etc/passwd",
    "\x1b[31m",
    "__class__",
    [],
    [[]],
    [None, "a", 1],
    {},
    {"number": "nan"},
    {"items": [[1, 2]]},
]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside, those that hold others included.

    Of a list's entries the first two: the rest are like them.
    """
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value[:2]):
            yield from leaves(inner, (*path, place))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a copy of JSON values with another one at a path."""
    changed = copy.deepcopy(value)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return changed


def refusals(
    metadata: Any,
    predictions_of: Callable[[Any], Any],
    free: Callable[[tuple[Any, ...], Any], bool] = lambda leaf, value: False,
) -> int:
    """Replace every leaf by every hostile value; return how often that is refused.

    ``predictions_of``: loads a model from such metadata, and predicts. It raises ValueError, or the
    predictions are those of the metadata as they were; where ``free`` says that a sound file of
    another model may come of it, they are any.
    """
    outputs, refused = predictions_of(metadata), 0
    for leaf in leaves(metadata):
        if not leaf:
            continue
        for value in HOSTILE:
            changed = replaced(metadata, leaf, value)
            if json.dumps(changed) == json.dumps(metadata):
                continue
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    again = predictions_of(changed)
            except ValueError:
                refused += 1
                continue
            assert free(leaf, value) or np.array_equal(again, outputs), (leaf, value)
    return refused
