"""A function of one array with an array as its value: called with care, its noise measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...typing import Array
from ..differences import EPS, SAFETY, noise_of
from ..user_functions import error_from, require_same

# Spacings, beside the size of x, at which values are so close that they differ by noise alone.
SPACINGS = (1e-10, 1e-8, 1e-6, 1e-4)


class VectorFunction:
    """f(x, *args, **kwargs) as a flat float64 vector of the entries of x.

    Raises TypeError or ValueError, in one sentence, for an f that raises, returns nothing, no
    numbers, numbers that are not finite, another shape, other numbers the second time, or that
    changes its argument.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        x: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        name: str = "f",
    ) -> None:
        if not callable(f):
            raise TypeError(f"{name} must be a function, not {type(f).__name__}")
        self.f, self.name, self.args, self.kwargs = f, name, tuple(args), dict(kwargs or {})
        self.x = _real(x)
        self.evaluations = 0
        self.shape: tuple[int, ...] | None = None
        self.resolution = EPS
        self.f0 = self(self.x)
        if not np.isfinite(self.f0).all():
            raise ValueError(f"{name}(x) is not finite: a derivative needs a point where it is")
        require_same(name, self.f0, self(self.x))

    def __call__(self, x: Array) -> Array:
        """Return f at x as a flat vector."""
        passed = x.copy()
        self.evaluations += 1
        try:
            with np.errstate(all="ignore"):
                value = self.f(passed, *self.args, **self.kwargs)
        except Exception as error:  # whatever somebody's function can raise
            raise error_from(self.name, error) from error
        if not np.array_equal(passed, x, equal_nan=True):
            raise ValueError(f"{self.name} changes its argument: work on a copy of it")
        return self._flat(value)

    def _flat(self, value: Any) -> Array:
        if value is None:
            raise TypeError(f"{self.name} returned nothing: it must return an array of numbers")
        try:
            array = np.asarray(value)
        except (TypeError, ValueError):
            array = np.asarray(None)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{self.name} must return real numbers, not {type(value).__name__}")
        if self.shape is None:
            self.shape = array.shape
            if array.dtype.kind == "f":
                self.resolution = float(max(EPS, np.finfo(array.dtype).eps))
        elif array.shape != self.shape:
            raise ValueError(
                f"{self.name} returned the shape {array.shape} now and {self.shape} before: it "
                "must be the same at every x"
            )
        return np.asarray(array, np.float64).ravel()

    @property
    def scales(self) -> Array:
        """The size of each entry of x, that of all where it is smaller, 1 where all are 0."""
        rms = float(np.sqrt(np.mean(self.x**2))) if self.x.size else 0.0
        return np.maximum(np.abs(self.x), rms or 1.0)

    def noise(self, rng: np.random.Generator) -> Array:
        """Return how far off each component of one value of f can be."""
        floor = 2 * self.resolution * np.abs(self.f0)
        floor = np.maximum(floor, 1e-3 * float(np.max(floor, initial=0.0)))
        entries = np.where(self.x != 0, np.abs(self.x), self.scales)
        direction = entries * rng.standard_normal(self.x.shape)
        if self.f0.size > 4096:
            return SAFETY * floor
        tables = [
            np.stack([self(self.x + k * spacing * direction) for k in range(7)])
            for spacing in SPACINGS[:: 1 if self.resolution > EPS else 2]
        ]
        levels = [self._level([t[:, i] for t in tables]) for i in range(self.f0.size)]
        return np.maximum(SAFETY * np.asarray(levels), floor)

    def _level(self, tables: Sequence[Array]) -> float:
        levels = (noise_of(list(table)) for table in tables)
        return next((level for level in levels if level is not None), 0.0)


def _real(x: Any) -> Array:
    try:
        array = np.asarray(x)
    except (TypeError, ValueError):
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"x must be an array of real numbers, not {type(x).__name__}")
    if array.size == 0:
        raise ValueError("x is empty: there is no derivative to check")
    if not np.isfinite(array).all():
        raise ValueError("x is not finite: a derivative needs a point of real numbers")
    return np.array(array, np.float64)
