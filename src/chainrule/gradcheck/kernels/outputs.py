"""What a function returned: every floating array in it, whatever container it comes in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def walk(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield every leaf of nested dictionaries, lists and tuples with the keys that lead to it."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from walk(value, (*path, key))
    elif isinstance(node, (list, tuple)):
        for i, value in enumerate(node):
            yield from walk(value, (*path, i))
    else:
        yield path, node


def spell(path: tuple[Any, ...]) -> str:
    """Write keys as one would in code: ``x``, ``caches[0]``, ``state.h``."""
    name = ""
    for key in path:
        if isinstance(key, int):
            name += f"[{key}]"
        else:
            name += f".{key}" if name else str(key)
    return name


def floating_outputs(framework: Any, value: Any) -> list[Any]:
    """Return the floating arrays among what a function returned.

    Raises TypeError, in one sentence, where there is none.
    """
    arrays = [leaf for _, leaf in walk(value) if framework.floating(leaf)]
    if not arrays:
        what = "nothing" if value is None else f"{type(value).__name__} without a floating array"
        raise TypeError(
            f"the function returned {what}: it must return {framework.name} arrays of floats"
        )
    return arrays
