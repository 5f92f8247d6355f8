"""A cost and a gradient given as functions: evaluated with care, one entry after the other.

The cost is called with float64 parameters in the container they came in. Whatever it does that a
cost must not do (change its parameters, give another number the second time, give no single number)
is detected here and reported in one sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..typing import Array
from .differences import EPS
from .gradient_tree import gradients_of
from .pytree import Leaf, Names, Path, leaves, rebuild
from .user_functions import error_from

COST_KEYS = ("loss", "J", "cost", "Loss", "Cost")
# J may differ this much from call to call: sums in another order do, in float32. More is random.
UNSTEADY = 1e-4
CALLS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """What a cost and its gradient are called with, and by what they are differentiated.

    ``args`` and ``kwargs`` follow the parameters in every call. ``wrt`` names the only arrays to
    check, ``fixed`` those to leave out. ``conjugate``: gradients of complex parameters are
    dJ/dx - i dJ/dy (JAX's convention), not dJ/dx + i dJ/dy (torch's, the direction of ascent).
    """

    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] | None = None
    wrt: Names = None
    fixed: Names = None
    conjugate: bool = False


class Subject:
    """A pair of functions over parameters: J at any point, and the gradient that is checked."""

    def __init__(
        self,
        cost: Any,
        gradients: Any,
        parameters: Any,
        samples: int | None = None,
        call: CallSettings | None = None,
    ):
        if not callable(cost):
            raise TypeError(
                f"the cost must be a function of the parameters, not {type(cost).__name__}"
            )
        self.call = call or CallSettings()
        self.template, self.samples, self._cost = parameters, samples, cost
        self._args, self._kwargs = tuple(self.call.args), dict(self.call.kwargs or {})
        self.notes: list[str] = []
        self.leaves: tuple[Leaf, ...]
        self.leaves, held = leaves(parameters, self.call.wrt, self.call.fixed)
        if held:
            self.notes.append(f"held fixed: {', '.join(held)}")
        self.evaluations = 0
        self.resolution = EPS
        self.J0, self.cache = self._first()
        self.scatter = self._scatter()
        self.analytic, self.raw_gradients, self.gradient_scatter = self._gradients(gradients)

    def output_at(self, arrays: Mapping[Path, Array]) -> Any:
        """Return what the cost returns for these arrays."""
        point = rebuild(self.template, arrays)
        try:
            with np.errstate(all="ignore"):
                return self._cost(point, *self._args, **self._kwargs)
        except Exception as error:  # whatever somebody's function can raise
            raise error_from("the cost", error) from error

    def at(self, values: Mapping[Path, Array]) -> tuple[float, Any]:
        """Return J and the cache (what the cost returned beside it) with some arrays replaced."""
        arrays = {leaf.path: values.get(leaf.path, leaf.value).copy() for leaf in self.leaves}
        arrays = {path: array[()] if array.ndim == 0 else array for path, array in arrays.items()}
        self.evaluations += 1
        J, cache = scalar_of(self.output_at(arrays))
        return J, cache

    def _first(self) -> tuple[float, Any]:
        arrays = {leaf.path: leaf.value.copy() for leaf in self.leaves}
        output = self.output_at(arrays)
        self._unchanged(arrays, "the cost")
        J, cache = scalar_of(output)
        self.resolution = max(EPS, _resolution(output))
        if not np.isfinite(J):
            raise ValueError(
                f"the cost is {J} at these parameters: a gradient can be checked only where the "
                "cost is finite"
            )
        return J, _copied(cache)

    def _unchanged(self, arrays: Mapping[Path, Array], who: str) -> None:
        for leaf in self.leaves:
            if not np.array_equal(arrays[leaf.path], leaf.value):
                raise ValueError(
                    f"{who} changes its parameter {leaf.name!r}: work on a copy, or use "
                    f"'{leaf.name} = {leaf.name} - ...' instead of '-='"
                )

    def _scatter(self) -> float:
        """Return how much J differs from call to call at the same parameters."""
        again, _ = self.at({})
        if again == self.J0:
            return 0.0
        values = np.array([self.J0, again, *(self.at({})[0] for _ in range(CALLS - 2))])
        scatter = float(np.ptp(values))
        size = float(np.max(np.abs(values)))
        if not scatter <= UNSTEADY * size:
            raise ValueError(
                f"the cost is not deterministic: it gave {self.J0!r} and then {again!r} for the "
                "same parameters; fix the seed of dropout, shuffling or noise inside it"
            )
        if scatter > 1e-13 * size:
            self.notes.append(
                f"J differs by {scatter / size:.0e} from call to call (sums in another order?): "
                "that is counted as its noise"
            )
        return scatter

    def _gradients(self, gradients: Any) -> tuple[list[Array], list[Array], list[float]]:
        """Return each leaf's gradient as float64 and as it came, and its scatter over two calls."""
        if not callable(gradients):
            container = self.cache if gradients is None else gradients
            if container is None:
                raise TypeError("give the gradients, or a cost that returns (J, gradients)")
            raw = self._arrays_in(container)
            return [np.asarray(g, np.float64) for g in raw], raw, [0.0] * len(raw)
        raw, again = (self._arrays_in(self._gradient_call(gradients)) for _ in range(2))
        first, second = ([np.asarray(g, np.float64) for g in gs] for gs in (raw, again))
        scatter = [_scatter_of(a, b) for a, b in zip(first, second, strict=True)]
        for leaf, a, s in zip(self.leaves, first, scatter, strict=True):
            size = float(np.max(np.abs(np.nan_to_num(a)), initial=0.0))
            if s > 1e-13 * size:
                why = "more than sums in another order explain: a race, or random numbers"
                why = why if s > UNSTEADY * size else "sums in another order, or a race"
                self.notes.append(
                    f"the gradient of {leaf.name} differs by up to {s:.1e} from call to call: {why}"
                )
        return first, raw, scatter

    def _gradient_call(self, gradients: Callable[..., Any]) -> Any:
        arrays = {leaf.path: leaf.value.copy() for leaf in self.leaves}
        point = rebuild(self.template, arrays)
        try:
            with np.errstate(all="ignore"):
                if isinstance(self.cache, Mapping):
                    return gradients(_copied(self.cache))
                container = gradients(point, *self._args, **self._kwargs)
        except Exception as error:  # whatever somebody's function can raise
            raise error_from("the gradient", error) from error
        self._unchanged(arrays, "the gradient")
        return container

    def _arrays_in(self, container: Any) -> list[Array]:
        gradients = gradients_of(container, self.leaves, self.samples, self.call.conjugate)
        arrays = []
        for leaf, gradient in zip(self.leaves, gradients, strict=True):
            if gradient is None:
                note = f"the gradient of {leaf.name} is None: taken as 0"
                self.notes.extend([] if note in self.notes else [note])
                gradient = np.zeros(leaf.shape)
            arrays.append(gradient)
        return arrays

    def along(self, direction: Sequence[Array]) -> Callable[[float], float]:
        """Return J as a function of t along a direction, one array for each leaf."""

        def J(t: float) -> float:
            moved = {
                leaf.path: leaf.value + t * v
                for leaf, v in zip(self.leaves, direction, strict=True)
            }
            return self.at(moved)[0]

        return J


def _copied(cache: Any) -> Any:
    if not isinstance(cache, Mapping):
        return cache
    return {k: np.array(v) if isinstance(v, np.ndarray) else v for k, v in cache.items()}


def _scatter_of(first: Array, second: Array) -> float:
    difference = np.abs(first - second)
    return float(np.max(difference, initial=0.0, where=np.isfinite(difference)))


def number_in(output: Any) -> Any:
    """Return the part of a cost's output that holds J: a dictionary's, a pair's first, itself."""
    if isinstance(output, Mapping):
        return next((output[k] for k in COST_KEYS if k in output), None)
    return output[0] if isinstance(output, tuple) else output


def _resolution(output: Any) -> float:
    """The relative rounding of the float that J came in; 0 if it tells nothing."""
    output = number_in(output)
    dtype = getattr(output, "dtype", None)
    known = isinstance(dtype, np.dtype) and dtype.kind == "f"
    return float(np.finfo(dtype).eps) if known else 0.0


def scalar_of(output: Any) -> tuple[float, Any]:
    """Split what a cost returned into J and the rest: a cache (a dictionary) or gradients.

    Raises TypeError or ValueError if there is no single number in it.
    """
    cache: Any = None
    if isinstance(output, Mapping):
        key = next((k for k in COST_KEYS if k in output), None)
        if key is None:
            raise ValueError(
                "the cost returned a dictionary without 'loss', 'J' or 'cost': name the number"
            )
        output, cache = output[key], output
    elif isinstance(output, tuple) and len(output) == 2:
        output, cache = output
    try:
        J = np.asarray(output)
    except (TypeError, ValueError):
        J = np.asarray(None)
    if J.dtype.kind not in "biuf":
        raise TypeError(f"the cost must return a real number, not {type(output).__name__}")
    if J.size != 1:
        raise ValueError(
            f"the cost must be one number, and this one has the shape {J.shape}: take its mean or "
            "its sum over the samples (and divide the gradient alike)"
        )
    return float(J.reshape(())), cache
