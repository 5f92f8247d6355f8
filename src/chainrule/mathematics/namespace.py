"""The array namespace of the mathematics: one source for NumPy, exact numbers, symbols and others.

``namespace(*arrays)`` returns the functions that the mathematics calls, for the arrays given:
NumPy's own; exact ones for object arrays of ``Fraction``s or SymPy expressions; and those of
any library of the Array API standard (torch, JAX, ...) through ``array_api_compat``.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

Array = Any


def namespace(*arrays: Array) -> Any:
    """Return the namespace that the arrays share; Python scalars and None among them are passed by.

    Raises TypeError if the arrays belong to several libraries.
    """
    exact = False
    for array in arrays:
        if isinstance(array, (np.ndarray, np.generic)):
            exact = exact or array.dtype == object
        elif array is not None and not isinstance(array, (int, float)):
            return _Standard(arrays)
    return EXACT if exact else NUMPY


class _Numpy:
    """NumPy's functions by their names in the standard, and what the standard lacks."""

    pi = math.pi

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name)
        setattr(self, name, function)
        return function

    @staticmethod
    def root(number: float) -> float:
        """Return the square root of a constant."""
        return math.sqrt(number)

    @staticmethod
    def number(value: float) -> float:
        """Return a setting as a number that keeps the dtype of the arrays it meets."""
        return float(value)

    def gauss(self, x: Array) -> Array:
        """Return exp(-x^2 / 2); x is cut off where that is 0 in every dtype, lest x^2 overflow."""
        x = self.minimum(self.abs(x), 64)
        return self.exp(-x * x / 2)

    @staticmethod
    def erfc(x: Array) -> Array:
        """Return 1 - erf(x), without loss where it is small."""
        from scipy.special import erfc

        return erfc(x)


class _Standard:
    """The functions of a library of the Array API standard; max and min also take a scalar."""

    pi = math.pi
    root = staticmethod(_Numpy.root)
    number = staticmethod(_Numpy.number)
    gauss = _Numpy.gauss

    def __init__(self, arrays: tuple[Array, ...]) -> None:
        from array_api_compat import array_namespace, device

        known = [array for array in arrays if not isinstance(array, (int, float, type(None)))]
        self._xp = array_namespace(*known)
        self._like = known[0]
        self._device = device(known[0])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._xp, name)

    def _array(self, x: Array) -> Array:
        if not isinstance(x, (int, float)):
            return x
        return self._xp.asarray(x, dtype=self._like.dtype, device=self._device)

    def maximum(self, x: Array, y: Array) -> Array:
        """Return the larger of two, elementwise; either may be a scalar."""
        return self._xp.maximum(self._array(x), self._array(y))

    def minimum(self, x: Array, y: Array) -> Array:
        """Return the smaller of two, elementwise; either may be a scalar."""
        return self._xp.minimum(self._array(x), self._array(y))

    def where(self, condition: Array, x: Array, y: Array) -> Array:
        """Return x where the condition holds, else y; either may be a scalar."""
        return self._xp.where(condition, self._array(x), self._array(y))

    def erfc(self, x: Array) -> Array:
        """Return 1 - erf(x) by the library's own function, of which the standard has none."""
        library = type(x).__module__.partition(".")[0]
        if library == "torch":
            import torch

            return torch.erfc(x)
        if library.startswith("jax"):
            from jax.scipy.special import erfc

            return erfc(x)
        raise TypeError(f"gelu needs erfc, which is not known for arrays of {library!r}")


class _Exact:
    """The same functions on object arrays of Fractions and SymPy expressions, without rounding.

    Comparisons of symbols stay open: ``where`` then gives a Piecewise, ``maximum`` a Max.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @property
    def pi(self) -> Any:
        """The number pi, as a symbol."""
        import sympy

        return sympy.pi

    @staticmethod
    def root(number: Any) -> Any:
        """Return the square root of a constant, exactly."""
        import sympy

        return sympy.sqrt(number)

    @staticmethod
    def number(value: float) -> Fraction:
        """Return a setting as the fraction that it is."""
        return Fraction(value)

    @staticmethod
    def greater(x: Array, y: Array) -> Array:
        """Return x > y, elementwise, undecided where symbols leave it open."""
        return _greater(x, y)

    @staticmethod
    def where(condition: Array, x: Array, y: Array) -> Array:
        """Return x where the condition holds, y where not, and both where it is open."""
        return _choose(condition, x, y)

    @staticmethod
    def maximum(x: Array, y: Array) -> Array:
        """Return the larger of two, elementwise."""
        return _maximum(x, y)

    @staticmethod
    def minimum(x: Array, y: Array) -> Array:
        """Return the smaller of two, elementwise."""
        return -_maximum(-x, -y)

    @staticmethod
    def max(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
        """Return the largest along an axis."""
        return _maximum.reduce(x, axis=axis, keepdims=keepdims)

    @staticmethod
    def sign(x: Array) -> Array:
        """Return -1, 0 or 1, elementwise."""
        return _sign(x)

    @staticmethod
    def gauss(x: Array) -> Array:
        """Return exp(-x^2 / 2)."""
        return EXACT.exp(-x * x / 2)

    @staticmethod
    def expm1(x: Array) -> Array:
        """Return e^x - 1."""
        return EXACT.exp(x) - 1

    @staticmethod
    def log1p(x: Array) -> Array:
        """Return log(1 + x)."""
        return EXACT.log(1 + x)


def _symbolic(name: str) -> Any:
    def function(value: Any) -> Any:
        import sympy

        return getattr(sympy, name)(sympy.sympify(value))

    return np.frompyfunc(function, 1, 1)


for _name in ("exp", "log", "sqrt", "tanh", "erfc", "sin", "cos"):
    setattr(_Exact, _name, staticmethod(_symbolic(_name)))


def _decided(condition: Any) -> bool | None:
    """Say whether a condition on numbers or symbols holds; None if it is open."""
    if isinstance(condition, (bool, np.bool_)):
        return bool(condition)
    return {"True": True, "False": False}.get(str(condition))


def _choose_one(condition: Any, x: Any, y: Any) -> Any:
    decided = _decided(condition)
    if decided is None:
        import sympy

        return sympy.Piecewise((sympy.sympify(x), condition), (sympy.sympify(y), True))
    return x if decided else y


def _maximum_of(x: Any, y: Any) -> Any:
    decided = _decided(x > y)
    if decided is None:
        import sympy

        return sympy.Max(x, y)
    return x if decided else y


def _sign_of(x: Any) -> Any:
    if isinstance(x, (int, Fraction)):
        return (x > 0) - (x < 0)
    import sympy

    return sympy.sign(x)


_greater = np.frompyfunc(lambda x, y: x > y, 2, 1)
_choose = np.frompyfunc(_choose_one, 3, 1)
_maximum = np.frompyfunc(_maximum_of, 2, 1)
_sign = np.frompyfunc(_sign_of, 1, 1)

NUMPY = _Numpy()
EXACT = _Exact()
