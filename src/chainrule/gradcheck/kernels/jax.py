"""JAX: arrays as they are, with whatever rule of differentiation the function has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...typing import Array
from .frameworks import Call, floating_outputs


class JaxLinear:
    """A forward pass of JAX with its pull-back."""

    def __init__(self, call: Call, arrays: Sequence[Any]) -> None:
        def outputs(*leaves: Any) -> tuple[Any, ...]:
            return tuple(floating_outputs(FRAMEWORK, call(leaves)))

        values, self._pull = jax.vjp(outputs, *arrays)
        self.outputs = list(values)

    def pull(self, upstream: Sequence[Any]) -> list[Any]:
        """Return the gradients; an output without an upstream gradient is given zeros."""
        cotangents = tuple(
            jnp.zeros_like(out) if u is None else u
            for out, u in zip(self.outputs, upstream, strict=True)
        )
        return list(self._pull(cotangents))

    def altered(self) -> list[str]:
        """Nothing: arrays of JAX cannot be written to."""
        return []


class Jax:
    """Arrays of JAX."""

    name = "jax"

    def owns(self, value: Any) -> bool:
        """Whether a value is an array of JAX."""
        return isinstance(value, jax.Array)

    def floating(self, value: Any) -> bool:
        """Whether an array holds real floating-point numbers."""
        return isinstance(value, jax.Array) and bool(jnp.issubdtype(value.dtype, jnp.floating))

    def wanted(self, value: Any) -> bool:
        """No array of JAX asks for its gradient."""
        return False

    def numbers(self, value: Any) -> Array:
        """Return an array as float64 of NumPy."""
        return np.asarray(value).astype(np.float64)

    def like(self, value: Any, numbers: Array) -> Any:
        """Return numbers rounded to the array's dtype."""
        return jnp.asarray(np.asarray(numbers).astype(value.dtype))

    def double(self, value: Any) -> Any:
        """Return a floating array in float64; any other value as it is."""
        if not self.floating(value):
            return value
        return jnp.asarray(self.numbers(value))

    def eps(self, value: Any) -> float:
        """Return the spacing of the dtype at 1."""
        return float(jnp.finfo(value.dtype).eps)

    def dtype(self, value: Any) -> str:
        """Return the name of the dtype."""
        return str(value.dtype)

    def equal(self, one: Any, other: Any) -> bool:
        """Whether two arrays hold the same numbers, NaN equal to NaN."""
        return np.array_equal(self.numbers(one), self.numbers(other), equal_nan=True)

    def linearise(self, call: Call, arrays: Sequence[Any], watch: bool = False) -> JaxLinear:
        """Run the forward pass."""
        return JaxLinear(call, arrays)

    def evaluate(self, call: Call, arrays: Sequence[Any]) -> list[Any]:
        """Run the forward pass."""
        return floating_outputs(self, call(arrays))

    def layouts(self, value: Any) -> Iterator[tuple[str, Any]]:
        """Nothing: JAX has no layouts that a function sees."""
        yield from ()

    def spread(self, value: Any) -> Any:
        """Return ones."""
        return jnp.ones_like(value)

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Do nothing: random numbers of JAX have keys."""
        yield

    def begin(self) -> None:
        """Do nothing: random numbers of JAX have keys."""

    def drawn(self) -> bool:
        """No: random numbers of JAX have keys."""
        return False

    def width(self, on: bool) -> AbstractContextManager[Any]:
        """Let float64 be used inside."""
        if not on:
            return nullcontext()
        enable = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
        context: AbstractContextManager[Any] = enable(True)
        return context


FRAMEWORK = Jax()
