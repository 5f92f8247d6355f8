"""A NumPy program recorded while it runs: arrays that remember what they were made of.

``Traced`` takes the place of a parameter. NumPy hands its functions over to it; what ``rules`` does
not know ends the record with a TypeError, and there is no diagnosis by it.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ...typing import Array
from ..cost_functions import Subject, number_in
from .rules import MOVES, SLOPES, moved_back, product_back, reduce_back, unbroadcast
from .steps import PACKAGE, Program, Step

OTHER_NAMES = {
    "amax": "max",
    "amin": "min",
    "true_divide": "divide",
    "dot": "matmul",
    "abs": "absolute",
}
REDUCED = {"add": "sum", "maximum": "max", "minimum": "min", "multiply": "prod"}
# Callers that tell one run of an expression from another.
DEPTH = 4
REDUCES = ("sum", "mean", "var", "std", "max", "min", "prod")
NUMPY = str(Path(np.__file__).parent)


def numpy_program(subject: Subject) -> Program | None:
    """Record the cost of a subject; None where that is not possible."""
    leaves = {
        leaf.name: Step("parameter", (), _end, shape=leaf.shape, leaf=leaf.name)
        for leaf in subject.leaves
    }
    arrays: Any = {
        leaf.path: Traced(leaf.value.copy(), leaves[leaf.name]) for leaf in subject.leaves
    }
    try:
        J = number_in(subject.output_at(arrays))
        J = J.item() if isinstance(J, np.ndarray) and J.dtype == object else J
    except Exception:  # whatever their program does that a record cannot hold
        return None
    if not isinstance(J, Traced) or J.size != 1:
        return None
    return Program([(J.step, np.ones(J.shape))], leaves)


def _end(g: Any, k: int) -> Any:
    raise ValueError("a parameter has no inputs")


def _site() -> tuple[tuple[Any, ...], str]:
    """Return the program's expression that is running, with its callers, and where it stands."""
    frame: Any = sys._getframe(1)
    site: list[Any] = []
    texts: list[str] = []
    while frame is not None and len(site) < DEPTH:
        name = frame.f_code.co_filename
        if name.startswith(PACKAGE) and site:
            break
        if not name.startswith((PACKAGE, NUMPY)):
            site.append((name, frame.f_lineno, frame.f_lasti))
            texts.append(f"`{_text(frame)}` (line {frame.f_lineno})")
        frame = frame.f_back
    # The outermost frame is that of the cost itself, where it is one expression.
    return tuple(site), " in ".join(texts[: 2 if len(texts) > 2 else 1])


def _text(frame: Any) -> str:
    text = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    place = next(islice(frame.f_code.co_positions(), frame.f_lasti // 2, None), None)
    if place is not None and place[0] == place[1] and None not in place[2:]:
        text = text.encode()[place[2] : place[3]].decode(errors="ignore")
    return " ".join(text.split())


def _plain(value: Any) -> Any:
    if isinstance(value, Traced):
        return value.value
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    return value


def _record(name: str, value: Any, parts: Sequence[Any], pull: Any, other: Any = None) -> Any:
    """Return a value with its step; ``parts`` are the arguments that pull counts."""
    places = tuple(k for k, part in enumerate(parts) if isinstance(part, Traced))
    inputs = tuple(parts[k].step for k in places)
    array = np.asarray(value)
    return Traced(array, Step(name, inputs, pull, places, array.shape, *_site(), other=other))


def _elementwise(ufunc: Any, name: str, parts: Sequence[Any]) -> Any:
    plain = [np.asarray(_plain(part)) for part in parts]
    value = ufunc(*plain)

    def pull(g: Any, k: int) -> Array:
        return unbroadcast(g * SLOPES[name][k](*plain, value), plain[k].shape)

    return _record(name, value, parts, pull)


def _product(parts: Sequence[Any]) -> Any:
    A, B = (np.asarray(_plain(part)) for part in parts)

    def other(g: Any, k: int) -> Array:
        return product_back(g, A, B, k, turned=True)

    return _record("@", A @ B, parts, lambda g, k: product_back(g, A, B, k), other)


def _reduced(
    name: str, x: Traced, axis: Any = None, keepdims: bool = False, ddof: float = 0
) -> Any:
    more = {"ddof": ddof} if name in ("var", "std") else {}
    value = getattr(np, name)(x.value, axis=axis, keepdims=keepdims, **more)
    return _record(name, value, [x], lambda g, k: reduce_back(name, g, x.value, value, axis, ddof))


def _moved(name: str, function: Any, args: Any, kwargs: Any) -> Any:
    """Run a function that moves entries on the entries' numbers: they tell where each came from."""
    parts: list[Traced] = []
    starts: list[int] = []

    def numbers(value: Any) -> Any:
        if isinstance(value, Traced):
            starts.append(1 + sum(part.size for part in parts))
            parts.append(value)
            return starts[-1] + np.arange(value.size).reshape(value.shape)
        if isinstance(value, (list, tuple)):
            return type(value)(map(numbers, value))
        return np.zeros(np.shape(value), np.intp)

    chosen = MOVES.get(name, ()) or (0,)
    places = [numbers(arg) if k in chosen else _plain(arg) for k, arg in enumerate(args)]
    sources = np.asarray(function(*places, **kwargs))

    def pull(g: Any, k: int) -> Array:
        return moved_back(g, sources, starts[k], parts[k].size).reshape(parts[k].shape)

    return _record(name, function(*map(_plain, args), **kwargs), parts, pull)


class Traced(NDArrayOperatorsMixin):
    """An array with the step that made it. It is no array of NumPy, but stands where one could."""

    __slots__ = ("step", "value")

    def __init__(self, value: Array, step: Step) -> None:
        self.value, self.step = value, step

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = OTHER_NAMES.get(ufunc.__name__, ufunc.__name__)
        if method == "reduce" and name in REDUCED:
            axis = kwargs.get("axis", 0)
            return _reduced(REDUCED[name], inputs[0], axis, bool(kwargs.get("keepdims")))
        if method != "__call__" or kwargs.get("out") is not None:
            return NotImplemented
        if name == "matmul":
            return _product(inputs)
        if name in SLOPES:
            return _elementwise(ufunc, name, inputs)
        value = ufunc(*map(_plain, inputs))
        # Comparisons and the like have no slope; any other function is not known.
        if np.asarray(value).dtype == bool or name in ("sign", "floor", "rint"):
            return value
        return NotImplemented

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = OTHER_NAMES.get(function.__name__, function.__name__)
        if name in MOVES:
            return _moved(name, function, args, kwargs)
        if name in COMPOSED:
            return COMPOSED[name](*args, **kwargs)
        if name in REDUCES:
            return _reduced(name, *args, **kwargs)
        if name in FLAT:
            return function(*map(_plain, args), **kwargs)
        return NotImplemented

    def __getattr__(self, name: str) -> Any:
        if name in REDUCES:
            return lambda *args, **kwargs: _reduced(name, self, *args, **kwargs)
        if name in SLOPES and len(SLOPES[name]) == 1:
            return lambda: getattr(np, name)(self)  # in an array of objects
        if name in ("shape", "ndim", "size", "dtype"):
            return getattr(self.value, name)
        if name in MOVES or name in ("dot", "clip", "cumsum", "trace"):
            return lambda *args, **kwargs: getattr(np, name)(self, *args, **kwargs)
        raise AttributeError(name)

    @property
    def T(self) -> Any:
        """The transpose."""
        return np.transpose(self)

    def reshape(self, *shape: Any, **kwargs: Any) -> Any:
        """Return the array in another shape."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, **kwargs)

    def transpose(self, *axes: Any) -> Any:
        """Return the array with its axes in another order."""
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    def astype(self, dtype: Any, **kwargs: Any) -> Any:
        """Return the array itself where the dtype is that of the record."""
        if np.dtype(dtype) != self.value.dtype:
            raise TypeError("a record is in float64")
        return self

    def copy(self) -> Any:
        """Return the array itself: it is never written to."""
        return self

    def __getitem__(self, key: Any) -> Any:
        return _moved("indexing", lambda x: x[_plain(key)], (self,), {})

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self.value)))


# What has no slope.
FLAT = ("zeros_like", "ones_like", "empty_like", "full_like", "shape", "ndim", "size", "argmax",
        "argmin", "argsort", "isfinite", "isnan", "sign", "allclose", "any", "all")  # fmt: skip


def _solve(A: Any, b: Any) -> Any:
    matrix, right = (np.asarray(_plain(part)) for part in (A, b))
    value = np.linalg.solve(matrix, right)

    def back(g: Any, k: int, turned: Any) -> Array:
        d = np.linalg.solve(turned, g)
        return d if k else -(np.outer(d, value) if value.ndim == 1 else d @ value.T)

    return _record(
        "solve", value, [A, b],
        lambda g, k: back(g, k, matrix.T), lambda g, k: back(g, k, matrix),
    )  # fmt: skip


def _inverse(A: Any) -> Any:
    value = np.linalg.inv(A.value)
    return _record(
        "inv", value, [A],
        lambda g, k: -value.T @ g @ value.T, lambda g, k: -value @ g @ value,
    )  # fmt: skip


def _log_determinant(A: Any) -> Any:
    sign, value = np.linalg.slogdet(A.value)
    turned = np.linalg.inv(A.value)
    return sign, _record("slogdet", value, [A], lambda g, k: g * turned.T, lambda g, k: g * turned)


def _sums(x: Any, axis: int | None = None) -> Any:
    if axis is None:
        return _sums(np.ravel(x), 0)
    value = np.cumsum(x.value, axis)
    return _record(
        "cumsum", value, [x], lambda g, k: np.flip(np.cumsum(np.flip(g, axis), axis), axis)
    )


def _einsum(subscripts: str, *parts: Any) -> Any:
    ins, out = subscripts.replace(" ", "").split("->")
    words, plain = ins.split(","), list(map(_plain, parts))

    def pull(g: Any, k: int) -> Array:
        rest = [i for i in range(len(words)) if i != k]
        signature = ",".join([out, *(words[i] for i in rest)]) + "->" + words[k]
        back: Array = np.einsum(signature, g, *(plain[i] for i in rest))
        return back

    return _record("einsum", np.einsum(subscripts, *plain), parts, pull)


COMPOSED: Mapping[str, Any] = {
    "matmul": lambda A, B: _product([A, B]),
    "clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "outer": lambda x, y: np.ravel(x)[:, None] * np.ravel(y)[None, :],
    "trace": lambda x: np.sum(np.diagonal(x)),
    "norm": lambda x: np.sqrt(np.sum(np.square(x))),
    "cumsum": _sums,
    "einsum": _einsum,
    "solve": _solve,
    "inv": _inverse,
    "slogdet": _log_determinant,
}
