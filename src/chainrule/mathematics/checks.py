"""Checks of settings: one domain of numbers each, and one sentence when a value lies outside it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

# A whole number or fraction above it is finite, but not as a float.
LARGEST = sys.float_info.max


@dataclass(frozen=True, slots=True)
class Domain:
    """A set of real numbers: how to say it and how to test for it."""

    words: str
    contains: Callable[[Any], bool]


POSITIVE = Domain("a finite number above 0", lambda x: 0 < x <= LARGEST)
NOT_NEGATIVE = Domain("a finite number, 0 or above", lambda x: 0 <= x <= LARGEST)
BELOW_ONE = Domain("at least 0 and below 1", lambda x: 0 <= x < 1)
INSIDE_ONE = Domain("above 0 and below 1", lambda x: 0 < x < 1)
SHARE = Domain("from 0 to 1", lambda x: 0 <= x <= 1)
POSITIVE_SHARE = Domain("above 0 and at most 1", lambda x: 0 < x <= 1)
WHOLE = Domain("a whole number, 1 or above", lambda x: isinstance(x, int) and x >= 1)
COUNT = Domain("a whole number, 0 or above", lambda x: 0 <= x <= LARGEST and x == int(x))


def plain(value: Any) -> Any:
    """Turn a NumPy scalar into the Python number it holds; leave everything else as it is.

    A Python number takes the dtype of the array it meets, while a ``numpy.float64`` would turn a
    float32 array into a float64 one.
    """
    return value.item() if isinstance(value, np.generic) else value


def setting(owner: str, name: str, value: Any, domain: Domain) -> Any:
    """Return ``value`` as a plain number if it lies in ``domain``.

    Anything that is not a number of Python or NumPy (a symbol, a traced array) passes unchecked.

    Raises ValueError, naming owner and setting, for a number outside the domain (NaN included), and
    TypeError for text, None or a truth value.
    """
    value = plain(value)
    if value is None or isinstance(value, (bool, str)):
        raise TypeError(f"{owner}: {name} must be {domain.words}, not {value!r}")
    if isinstance(value, (int, float, Fraction)) and not domain.contains(value):
        raise ValueError(f"{owner}: {name} must be {domain.words}, not {value!r}")
    return value


def number(owner: str, name: str, value: Any, domain: Domain) -> Any:
    """Return ``value`` as a plain number of ``domain``; unlike ``setting``, refuse all else.

    Raises ValueError, naming owner and setting, for a number outside the domain, and TypeError for
    what is not a real number; of a whole number ValueError, since a word may stand in its place.
    """
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, (int, float, Fraction)):
        error = ValueError if domain is WHOLE else TypeError
        raise error(f"{owner}: {name} must be {domain.words}, not {value!r}")
    return setting(owner, name, value, domain)


def check(
    owner: str, record: Any, domains: Mapping[str, Domain], optional: Collection[str] = ()
) -> None:
    """Check each field of a record that has a domain; those named ``optional`` may be None.

    Raises as ``number`` does.
    """
    for name, domain in domains.items():
        value = getattr(record, name)
        if value is not None or name not in optional:
            number(owner, name, value, domain)
