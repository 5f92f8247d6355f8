"""A cost and a gradient given as functions: evaluated with care, one entry after the other.

The cost is called with float64 parameters in the container they came in. Whatever it does that a
cost must not do (change its parameters, give another number the second time, give no single number)
is found here and said in one sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .differences import EPS
from .pytree import Leaf, gradients_of, leaves, rebuild

Array = npt.NDArray[Any]
COST_KEYS = ("loss", "J", "cost", "Loss", "Cost")


class Subject:
    """A pair of functions over parameters: J at any point, and the gradient that is checked."""

    def __init__(self, cost: Any, gradients: Any, parameters: Any, samples: int | None = None):
        if not callable(cost):
            raise TypeError(
                f"the cost must be a function of the parameters, not {type(cost).__name__}"
            )
        self.cost, self.template, self.samples = cost, parameters, samples
        self.leaves: tuple[Leaf, ...] = leaves(parameters)
        self.evaluations = 0
        self.resolution = EPS
        self.J0, self.cache = self._first()
        self.analytic, self.raw_gradients = self._gradients(gradients)
        self._steady()

    def at(self, values: Mapping[tuple[Any, ...], Array]) -> tuple[float, Any]:
        """Return J and the cache (what the cost returned beside it) with some arrays replaced."""
        arrays = {leaf.path: values.get(leaf.path, leaf.value).copy() for leaf in self.leaves}
        arrays = {path: array[()] if array.ndim == 0 else array for path, array in arrays.items()}
        self.evaluations += 1
        with np.errstate(all="ignore"):
            output = self.cost(rebuild(self.template, arrays))
        J, cache = scalar_of(output)
        return J, cache

    def _first(self) -> tuple[float, Any]:
        arrays = {leaf.path: leaf.value.copy() for leaf in self.leaves}
        with np.errstate(all="ignore"):
            output = self.cost(rebuild(self.template, arrays))
        self._unchanged(arrays, "the cost")
        J, cache = scalar_of(output)
        self.resolution = max(EPS, _resolution(output))
        if not np.isfinite(J):
            raise ValueError(
                f"the cost is {J} at these parameters: a gradient can be checked only where the "
                "cost is finite"
            )
        if isinstance(cache, Mapping):
            cache = {k: np.array(v) if isinstance(v, np.ndarray) else v for k, v in cache.items()}
        return J, cache

    def _unchanged(self, arrays: Mapping[tuple[Any, ...], Array], who: str) -> None:
        for leaf in self.leaves:
            if not np.array_equal(arrays[leaf.path], leaf.value):
                raise ValueError(
                    f"{who} changes its parameter {leaf.name!r}: work on a copy, or use "
                    f"'{leaf.name} = {leaf.name} - ...' instead of '-='"
                )

    def _steady(self) -> None:
        again, _ = self.at({})
        if abs(again - self.J0) > 1e-9 * max(abs(again), abs(self.J0)):
            raise ValueError(
                f"the cost is not deterministic: it gave {self.J0!r} and then {again!r} for the "
                "same parameters; fix the seed of dropout, shuffling or noise inside it"
            )

    def _gradients(self, gradients: Any) -> tuple[list[Array], list[npt.NDArray[Any]]]:
        container = gradients
        if gradients is None:
            container = self.cache
            if container is None:
                raise TypeError("give the gradients, or a cost that returns (J, gradients)")
        elif callable(gradients):
            arrays = {leaf.path: leaf.value.copy() for leaf in self.leaves}
            with np.errstate(all="ignore"):
                if isinstance(self.cache, Mapping):
                    container = gradients(dict(self.cache))
                else:
                    container = gradients(rebuild(self.template, arrays))
            self._unchanged(arrays, "the gradient")
        raw = gradients_of(container, self.leaves, self.samples)
        return [np.asarray(g, np.float64) for g in raw], raw

    def along(self, direction: Sequence[Array]) -> Callable[[float], float]:
        """Return J as a function of t along a direction, one array for each leaf."""

        def J(t: float) -> float:
            moved = {
                leaf.path: leaf.value + t * v
                for leaf, v in zip(self.leaves, direction, strict=True)
            }
            return self.at(moved)[0]

        return J


def _resolution(output: Any) -> float:
    """The relative rounding of the float that J came in; 0 if it tells nothing."""
    if isinstance(output, Mapping):
        output = next((output[k] for k in COST_KEYS if k in output), None)
    elif isinstance(output, tuple):
        output = output[0]
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
