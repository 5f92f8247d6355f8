"""Where units are drawn: the most telling ones of every layer, and the room between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .sample_passes import Floats

CELL, ROW = 76.0, 20.0
GAP, SLOT, TOP = 104.0, 76.0, 40.0
MOST_OUTPUTS = 10
THUMB, TARGET = 64.0, 64.0
# Layers of up to this many units have room above each of them.
_AIRY = 4
# A picture with few units in a column spreads them, up to this ratio of width to height.
_ASPECT, _MOST_SPREAD = 1.65, 2.2


@dataclass(frozen=True, slots=True)
class Names:
    """What the inputs and the outputs are called; () where they have no names."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a unit is drawn: the middle of its table, and its number in its layer."""

    x: float
    y: float
    unit: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of every layer, those of the counts of the rest, and the sizes around them."""

    columns: tuple[tuple[Place, ...], ...]
    rest: tuple[Place | None, ...]
    thumb: Literal["", "above", "beside"]
    cost_x: float
    middle: float
    width: float
    height: float


def telling_units(
    sizes: Sequence[int], a: Sequence[Floats], da: Sequence[Floats], most: int
) -> list[list[int]]:
    """Return the units drawn of every layer, in order: all, or the ``most`` - 1 most telling."""
    units = []
    for l, n in enumerate(sizes):
        limit = max(most, MOST_OUTPUTS) if l == len(sizes) - 1 else most
        if n <= limit:
            units.append(list(range(n)))
            continue
        with np.errstate(all="ignore"):
            score = np.nan_to_num(np.abs(a[l] * da[l]), nan=0.0, posinf=np.inf)
            tie = np.nan_to_num(np.abs(a[l]), nan=0.0, posinf=np.inf)
        order = np.lexsort((np.arange(n), -tie, -score))
        units.append(sorted(order[: limit - 1].tolist()))
    return units


def layout_of(
    sizes: Sequence[int], units: Sequence[Sequence[int]], names: Names, thumbs: bool
) -> Layout:
    """Place ``units`` in columns, a layer each, with room for names, maps and the cost."""
    slots = [len(u) + (len(u) < n) for u, n in zip(units, sizes, strict=True)]
    tall = max(slots)
    thumb: Literal["", "above", "beside"] = ""
    if thumbs:
        thumb = "above" if tall <= _AIRY else "beside"
    aside = THUMB * (thumb == "beside")
    width = len(units) * (2 * CELL + aside + GAP) + 170
    above = THUMB * (thumb == "above")
    slot = min(max((width / _ASPECT - TOP) / tall, SLOT + above), _MOST_SPREAD * SLOT + above)
    left = 14 + (14 + 7 * min(max(map(len, names.inputs), default=0), 22) if names.inputs else 0)
    columns, rest = [], []
    for l, column in enumerate(units):
        x = left + CELL + l * (2 * CELL + aside + GAP) + (aside if l else 0)
        top = TOP + slot * (tall - slots[l]) / 2 + slot / 2 + THUMB / 2 * (thumb == "above")
        columns.append(tuple(Place(x, top + slot * k, unit) for k, unit in enumerate(column)))
        more = sizes[l] - len(column)
        rest.append(Place(x, top + slot * len(column), more) if more else None)
    widest = 14 + 7 * min(max(map(len, names.outputs), default=0), 22) if names.outputs else 0
    cost_x = columns[-1][0].x + CELL + TARGET + max(44, widest - 40) + 48
    middle = TOP + slot * tall / 2 + THUMB / 2 * (thumb == "above")
    height = max(TOP + slot * tall, middle + 96) + 12
    return Layout(tuple(columns), tuple(rest), thumb, cost_x, middle, cost_x + 56, height)
