"""Parameters in whatever container they come: names for every array, and the way back.

A dictionary, list, tuple or array, also nested (Nielsen's ``[biases, weights]``). Each array gets
the name that its code would call it: ``W1``, ``weights[0]``. A complex array is two leaves, its
real and its imaginary part. What cannot be moved by a small step (whole numbers, truth values,
strings, None) is held fixed, as is what ``wrt`` leaves out or ``fixed`` names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from ..mathematics.names import unknown
from ..typing import Array

Path = tuple[Any, ...]
Names = str | Sequence[str] | None


class ComplexPart(Enum):
    """The last key of a path to one part of a complex array."""

    REAL = "real"
    IMAG = "imag"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One array of parameters: its name, the keys that lead to it, its value and own dtype."""

    name: str
    path: Path
    value: Array
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.value.shape


def leaves(
    parameters: Any, wrt: Names = None, fixed: Names = None
) -> tuple[tuple[Leaf, ...], tuple[str, ...]]:
    """Return every array to check as float64, named, and the names of what is held fixed.

    ``wrt`` names the only arrays to check, ``fixed`` those to leave out. Raises TypeError where
    nothing can be moved, ValueError for no parameters at all, for unknown names and for values that
    are not finite; each names the parameter.
    """
    nodes = [(_named(name), path, value) for name, path, value in walk(parameters)]
    known = [name for name, _, _ in nodes]
    wanted, left_out = _selection(wrt, known, "wrt"), _selection(fixed, known, "fixed")
    checked: list[Leaf] = []
    held: list[str] = []
    refusals: list[TypeError] = []
    for name, path, value in nodes:
        if name in left_out or (wrt is not None and name not in wanted):
            held.append(name)
            continue
        try:
            checked.extend(_leaves_at(name, path, value))
        except TypeError as refusal:
            refusals.append(refusal)
            held.append(name)
    if not checked and refusals:
        raise refusals[0]
    if sum(leaf.value.size for leaf in checked) == 0:
        raise ValueError("parameters holds no numbers: give the arrays that the cost depends on")
    return tuple(checked), tuple(held)


def _named(name: str) -> str:
    return f"parameters{name}" if name == "" or name.startswith("[") else name


def _selection(names: Names, known: Sequence[str], setting: str) -> set[str]:
    """Return the arrays that these names mean: an array itself, or all that it holds."""
    selected: set[str] = set()
    for name in [names] if isinstance(names, str) else names or ():
        below = {
            full for full in known if full == name or full.startswith((f"{name}.", f"{name}["))
        }
        if not below:
            raise unknown(f"parameter in {setting}=", str(name), known)
        selected |= below
    return selected


def walk(node: Any, name: str = "", path: Path = ()) -> Iterator[tuple[str, Path, Any]]:
    """Yield the leaves of nested dictionaries, lists and tuples: name, keys that lead to it, value.

    Names are spelt as in code, ``caches[0].h``, after the ``name`` of the container. A list of
    numbers is a leaf.
    """
    if isinstance(node, Mapping):
        for key, value in node.items():
            inner = f"{name}.{key}" if name else str(key)
            yield from walk(value, inner, (*path, key))
    elif isinstance(node, (list, tuple)) and not _is_array(node):
        for i, value in enumerate(node):
            if value is None and i == 0:
                continue  # lists counted from 1, as net.W: their index 0 is None
            yield from walk(value, f"{name}[{i}]", (*path, i))
    else:
        yield name, path, node


def _is_array(node: Sequence[Any]) -> bool:
    """Whether a list is itself an array written out: numbers all through, not arrays."""
    if not node:
        return False
    first = node[0]
    if isinstance(first, (list, tuple)):
        return all(isinstance(row, (list, tuple)) and _is_array(row) for row in node)
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in node)


def is_floating(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is a real float, those of ml_dtypes (bfloat16, float8) included."""
    return dtype.kind == "f" or "float" in dtype.name


def _leaves_at(name: str, path: Path, value: Any) -> Iterator[Leaf]:
    called = f"parameter {name!r}" if path else "the parameter"
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.asarray(None)
    if array.dtype.kind in "biu":
        raise TypeError(
            f"{called} holds whole numbers ({array.dtype}), which cannot be moved by a small step: "
            "make it float64"
        )
    if not (is_floating(array.dtype) or array.dtype.kind == "c"):
        raise TypeError(f"{called} must be an array of real numbers, not {type(value).__name__}")
    if array.dtype.kind == "c":
        for part, numbers in zip(ComplexPart, (array.real, array.imag), strict=True):
            yield _leaf(f"{name}.{part.value}", (*path, part), numbers, called)
    else:
        yield _leaf(name, path, array, called)


def _leaf(name: str, path: Path, array: Array, called: str) -> Leaf:
    values = np.array(array, np.float64)
    if not np.isfinite(values).all():
        place = [int(i) for i in np.argwhere(~np.isfinite(values))[0]]
        raise ValueError(f"{called} is not finite at {place}")
    return Leaf(name, path, values, array.dtype)


def rebuild(template: Any, arrays: Mapping[Path, Array], path: Path = ()) -> Any:
    """Return a container like ``template`` with these arrays at their paths."""
    if path in arrays:
        return arrays[path]
    if isinstance(template, Mapping):
        return {key: rebuild(value, arrays, (*path, key)) for key, value in template.items()}
    if isinstance(template, (list, tuple)):
        items = [rebuild(value, arrays, (*path, i)) for i, value in enumerate(template)]
        return items if isinstance(template, list) else tuple(items)
    real = arrays.get((*path, ComplexPart.REAL))
    return template if real is None else real + 1j * arrays[(*path, ComplexPart.IMAG)]
