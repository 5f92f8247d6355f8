"""Parameters in whatever container they come: names for every array, and the way back.

A dictionary, list, tuple or array, also nested (Nielsen's ``[biases, weights]``). Each array gets
the name its owner would call it: ``W1``, ``weights[0]``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One array of parameters: its name, the keys that lead to it, its value and own dtype."""

    name: str
    path: tuple[Any, ...]
    value: Array
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.value.shape


def leaves(parameters: Any, root: str = "parameters") -> tuple[Leaf, ...]:
    """Return every array of ``parameters`` as float64, named.

    Raises TypeError for whole numbers and for what is no number, ValueError for no parameters at
    all and for values that are not finite; each names the parameter.
    """
    named = tuple(_leaf(name, path, value) for name, path, value in _walk(parameters, "", ()))
    named = tuple(
        Leaf(leaf.name if not _nameless(leaf) else root + leaf.name, *_rest(leaf)) for leaf in named
    )
    if sum(leaf.value.size for leaf in named) == 0:
        raise ValueError(f"{root} holds no numbers: give the arrays that the cost depends on")
    return named


def _rest(leaf: Leaf) -> tuple[Any, Any, Any]:
    return leaf.path, leaf.value, leaf.dtype


def _nameless(leaf: Leaf) -> bool:
    return leaf.name == "" or leaf.name.startswith("[")


def _walk(
    node: Any, name: str, path: tuple[Any, ...]
) -> Iterator[tuple[str, tuple[Any, ...], Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            inner = f"{name}.{key}" if name else str(key)
            yield from _walk(value, inner, (*path, key))
    elif isinstance(node, (list, tuple)) and not _numbers(node):
        for i, value in enumerate(node):
            if value is None and i == 0:
                continue  # lists counted from 1, as net.W: their index 0 is None
            yield from _walk(value, f"{name}[{i}]", (*path, i))
    else:
        yield name, path, node


def _numbers(node: Sequence[Any]) -> bool:
    """Whether a list is itself an array written out: numbers all through, not arrays."""
    if not node:
        return False
    first = node[0]
    if isinstance(first, (list, tuple)):
        return all(isinstance(row, (list, tuple)) and _numbers(row) for row in node)
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in node)


def _leaf(name: str, path: tuple[Any, ...], value: Any) -> Leaf:
    called = f"parameter {name!r}" if name else "the parameter"
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.asarray(None)
    if array.dtype.kind in "biu":
        raise TypeError(
            f"{called} holds whole numbers ({array.dtype}), which cannot be moved by a small step: "
            "make it float64"
        )
    if array.dtype.kind != "f":
        raise TypeError(f"{called} must be an array of real numbers, not {type(value).__name__}")
    if not np.isfinite(array).all():
        place = [int(i) for i in np.argwhere(~np.isfinite(array))[0]]
        raise ValueError(f"{called} is not finite at {place}")
    return Leaf(name, path, np.array(array, np.float64), array.dtype)


def rebuild(
    template: Any, arrays: Mapping[tuple[Any, ...], Array], path: tuple[Any, ...] = ()
) -> Any:
    """Return a container like ``template`` with these arrays at their paths."""
    if path in arrays:
        return arrays[path]
    if isinstance(template, Mapping):
        return {key: rebuild(value, arrays, (*path, key)) for key, value in template.items()}
    if isinstance(template, (list, tuple)):
        items = [rebuild(value, arrays, (*path, i)) for i, value in enumerate(template)]
        return items if isinstance(template, list) else tuple(items)
    return template


def gradients_of(
    container: Any, leaves: Sequence[Leaf], samples: int | None = None
) -> list[npt.NDArray[Any]]:
    """Return the gradient of each leaf from a container of the parameters' form.

    A dictionary may call the gradient of ``W1`` also ``dW1`` or ``grad_W1``. Raises ValueError
    naming the parameter whose gradient is missing or of another shape, with what the shape tells.
    """
    return [_gradient(container, leaf, samples) for leaf in leaves]


def _gradient(container: Any, leaf: Leaf, samples: int | None) -> npt.NDArray[Any]:
    node = container
    for key in leaf.path:
        node = _step(node, key, leaf)
    try:
        gradient = np.asarray(node)
    except (TypeError, ValueError):
        gradient = np.asarray(None)
    if gradient.dtype.kind not in "biuf":
        raise TypeError(
            f"the gradient of {leaf.name!r} must be an array of real numbers, "
            f"not {type(node).__name__}"
        )
    if gradient.shape != leaf.shape:
        raise ValueError(
            f"the gradient of {leaf.name!r} has the shape {gradient.shape}, and {leaf.name!r} has "
            f"{leaf.shape}" + shape_hint(gradient.shape, leaf, samples)
        )
    return gradient


def _step(node: Any, key: Any, leaf: Leaf) -> Any:
    if isinstance(node, Mapping):
        for name in (key, f"d{key}", f"grad_{key}"):
            if name in node:
                return node[name]
        known = ", ".join(map(repr, node))
        raise ValueError(f"the gradients lack {leaf.name!r}: they hold {known or 'nothing'}")
    if isinstance(node, (list, tuple)) and isinstance(key, int):
        if key >= len(node):
            raise ValueError(f"the gradients lack {leaf.name!r}: there are {len(node)} of them")
        return node[key]
    raise ValueError(
        f"the gradients must be laid out as the parameters are, and hold no {leaf.name!r}: "
        f"got {type(node).__name__}"
    )


def shape_hint(got: tuple[int, ...], leaf: Leaf, samples: int | None = None) -> str:
    """Say what a gradient's wrong shape tells about the mistake, after the colon."""
    want = leaf.shape
    if got == want[::-1]:
        return f": it is transposed, so return d{leaf.name}.T"
    if [n for n in got if n != 1] == [n for n in want if n != 1]:
        return f": reshape it, lest an update d{leaf.name} broadcast"
    units = max(want, default=1)
    bias = sum(n != 1 for n in want) <= 1
    if bias and len(got) == 2 and units in got and (samples is None or samples in got):
        return (
            f": it was not summed over the samples: d{leaf.name} = sum over samples of dz, "
            "one number a unit"
        )
    if bias and samples is not None and samples in got:
        return f": it was summed over the wrong axis: d{leaf.name} has one number a unit"
    return ""
