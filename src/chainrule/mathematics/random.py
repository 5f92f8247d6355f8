"""A counter-based random generator: the i-th number of a stream is a function of (key, i) alone.

No state is kept, so any number can be had without those before it, by any thread, on any engine.
The function is SplitMix64's output: Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014; its finaliser is variant 13 of Stafford, "Better bit mixing",
2011. All arithmetic is modulo 2^64.
"""

from __future__ import annotations

import operator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

# The purposes that numbers are drawn for. Each is a stream of its own: key(seed, ORDER, epoch).
THETA: Final = 0
ORDER: Final = 1
DROPOUT: Final = 2
SPLIT: Final = 3

GAMMA: Final = 0x9E3779B97F4A7C15  # 2^64 divided by the golden ratio, odd
_FIRST: Final = 0xBF58476D1CE4E5B9
_SECOND: Final = 0x94D049BB133111EB
_MASK: Final = 0xFFFFFFFFFFFFFFFF


def mix(x: int) -> int:
    """Scramble 64 bits one to one: shift and xor by 30, 27, 31, with multiplications between."""
    x &= _MASK
    x = (x ^ (x >> 30)) * _FIRST & _MASK
    x = (x ^ (x >> 27)) * _SECOND & _MASK
    return x ^ (x >> 31)


def key(seed: int, *counters: int) -> int:
    """Derive the 64-bit key of a stream from a seed and counters.

    ``k = 0``, then for the seed and each counter c in turn ``k = mix(k + (c + 1) * GAMMA)``. For a
    given parent key, different counters give different keys (mix is one to one and GAMMA odd).

    Raises TypeError for what is not a whole number, ValueError outside 0 .. 2^64 - 1.

    >>> hex(key(0))
    '0xe220a8397b1dcdaf'
    """
    k = 0
    for place, counter in enumerate((seed, *counters)):
        k = mix(k + (_whole("seed" if place == 0 else f"counter {place}", counter) + 1) * GAMMA)
    return k


def _whole(name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if not 0 <= number <= _MASK:
        raise ValueError(f"{name} must be from 0 to 2^64 - 1, not {number}")
    return number


def bits(key: int, n: int, start: int = 0) -> npt.NDArray[np.uint64]:
    """Return numbers ``start`` .. ``start + n - 1`` of a stream: ``mix(key + (i + 1) * GAMMA)``.

    Shape (n,), dtype uint64. ``bits(k, n)`` begins with ``bits(k, n - 1)``.
    """
    return scrambled(np.arange(start + 1, start + n + 1, dtype=np.uint64), key)


def scrambled(x: npt.NDArray[np.uint64], key: int) -> npt.NDArray[np.uint64]:
    """Return ``mix(key + x * GAMMA)`` for each x, written in place of x."""
    x *= np.uint64(GAMMA)
    x += np.uint64(key)
    x ^= x >> np.uint64(30)
    x *= np.uint64(_FIRST)
    x ^= x >> np.uint64(27)
    x *= np.uint64(_SECOND)
    x ^= x >> np.uint64(31)
    return x


def uniform(key: int, n: int, start: int = 0) -> npt.NDArray[np.float64]:
    """Return n numbers uniform on [0, 1), multiples of 2^-53: the top 53 of each 64 bits.

    Shape (n,), dtype float64.
    """
    return (bits(key, n, start) >> np.uint64(11)) * np.float64(2.0**-53)


def uniform_at(key: int, places: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
    """Return the numbers that ``uniform`` draws at some places of a stream, in their shape."""
    x = scrambled(places.astype(np.uint64) + np.uint64(1), key)
    return (x >> np.uint64(11)) * np.float64(2.0**-53)


def permutation(m: int, key: int) -> npt.NDArray[np.int64]:
    """Return 0 .. m - 1 in random order: the stable order of ``bits(key, m)``.

    Shape (m,), dtype int64.
    Two equal keys, which would favour one order, come in m^2 / 2^65 of runs.
    """
    order: npt.NDArray[np.int64] = np.argsort(bits(key, m), kind="stable")
    return order.astype(np.int64, copy=False)
