"""What a check asks of an array library, and which library a function's arguments belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from ...typing import Array
from ..pytree import walk

# A function of the checked arrays alone, with every other argument filled in.
Call = Callable[[Sequence[Any]], Any]


class Linear(Protocol):
    """One forward pass: its outputs, and the backward pass that belongs to it."""

    outputs: list[Any]

    def pull(self, upstream: Sequence[Any]) -> list[Any]:
        """Return the gradient of every checked array, None where there is none.

        ``upstream``: one array for each output, or None for an output that nothing depends on.
        """
        ...

    def altered(self) -> list[str]:
        """Say which of the arrays that the forward pass saved have other values by now."""
        ...


class Framework(Protocol):
    """Arrays of one library: tests, conversions and the backward pass."""

    name: str

    def owns(self, value: Any) -> bool:
        """Whether a value is an array of this library."""

    def floating(self, value: Any) -> bool:
        """Whether an array holds real floating-point numbers."""

    def wanted(self, value: Any) -> bool:
        """Whether an array asks for its gradient by itself."""

    def numbers(self, value: Any) -> Array:
        """Return an array as float64 of NumPy."""

    def like(self, value: Any, numbers: Array) -> Any:
        """Return numbers rounded to the dtype of ``value``, on its device."""

    def double(self, value: Any) -> Any:
        """Return a floating array in float64; any other value as it is."""

    def eps(self, value: Any) -> float:
        """Return the spacing of an array's dtype at 1."""

    def dtype(self, value: Any) -> str:
        """Return the name of an array's dtype."""

    def equal(self, one: Any, other: Any) -> bool:
        """Whether two arrays hold the same bits, NaN equal to NaN."""

    def linearise(self, call: Call, arrays: Sequence[Any], watch: bool = False) -> Linear:
        """Run the forward pass of ``call`` at these arrays; ``watch`` what it saves."""

    def evaluate(self, call: Call, arrays: Sequence[Any]) -> list[Any]:
        """Run the forward pass without a graph; return the floating outputs."""

    def layouts(self, value: Any) -> Iterator[tuple[str, Any]]:
        """Yield the same array laid out otherwise in memory, each with its word."""

    def spread(self, value: Any) -> Any:
        """Return ones in the shape of ``value``, all of them one number in memory if possible."""

    def steady(self) -> AbstractContextManager[None]:
        """Keep the state of the global random numbers: put it back at the end."""

    def begin(self) -> None:
        """Begin the global random numbers anew, as before every pass."""

    def drawn(self) -> bool:
        """Whether random numbers have been drawn since they began."""

    def width(self, on: bool) -> AbstractContextManager[Any]:
        """Let float64 be used inside, where a library has to be asked."""


def floating_outputs(framework: Framework, value: Any) -> list[Any]:
    """Return the floating arrays among what a function returned, in whatever container.

    Raises TypeError, in one sentence, where there is none.
    """
    arrays = [leaf for _, _, leaf in walk(value) if framework.floating(leaf)]
    if not arrays:
        what = "nothing" if value is None else f"{type(value).__name__} without a floating array"
        raise TypeError(
            f"the function returned {what}: it must return {framework.name} arrays of floats"
        )
    return arrays


KNOWN: Sequence[tuple[str, str]] = (("torch", ".torch"), ("jax", ".jax"))


def framework_of(arguments: Sequence[Any], where: str = "inputs") -> Framework:
    """Return the library of the arrays among these arguments.

    Raises TypeError, in one sentence, where there is no array of torch or JAX.
    """
    modules = {cls.__module__.split(".")[0] for a in arguments for cls in type(a).__mro__}
    modules = {"jax" if name == "jaxlib" else name for name in modules}
    for name, home in KNOWN:
        if name in modules:
            framework: Framework = import_module(home, __package__).FRAMEWORK
            return framework
    if any(isinstance(a, np.ndarray) for a in arguments):
        raise TypeError(
            f"{where} hold NumPy arrays, which have no backward pass: use check_gradients(cost, "
            "gradients, parameters), or give torch or JAX arrays"
        )
    kinds = ", ".join(sorted({type(a).__name__ for a in arguments})) or "nothing"
    raise TypeError(f"{where} must hold torch or JAX arrays, and hold {kinds}")
