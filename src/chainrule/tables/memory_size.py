"""Amounts of memory, as people write them."""

from __future__ import annotations

from ..mathematics.names import unknown

_SIZES = {"KB": 10, "MB": 20, "GB": 30, "TB": 40}


def size_of(text: str) -> int:
    """Read an amount of memory in bytes; raises ValueError for anything else.

    >>> size_of("2GB")
    2147483648
    """
    number, unit = text.strip()[:-2].strip(), text.strip()[-2:].upper()
    if unit not in _SIZES:
        raise unknown("unit of memory", unit, _SIZES)
    try:
        amount = float(number)
    except ValueError:
        amount = 0.0
    if not 0 < amount < 1e6:
        raise ValueError(f"an amount of memory is written as 500MB or 2GB, not {text!r}")
    return int(amount * 2 ** _SIZES[unit])
