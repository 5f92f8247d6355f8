"""Pictures as lists of shapes with places: what is drawn, apart from what draws it.

The layouts (``layer_level``, ``unit_level``) make them; ``svg`` and ``png`` draw them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# The notes' roles. A role has a colour and a shape of its own: neither is the only carrier.
Role = Literal["function", "input", "inner", "output", "cache", "more"]
COLOURS: dict[Role, str] = {
    "function": "#74b9ff",
    "input": "#fdefc4",
    "inner": "#55efc4",
    "output": "#ff7675",
    "cache": "#ffffff",
    "more": "none",
}
MEANINGS: dict[Role, str] = {
    "function": "function",
    "input": "input of a pass",
    "inner": "output of an inner function",
    "output": "output of a pass",
    "cache": "z cached for the way back",
}


@dataclass(frozen=True, slots=True)
class Box:
    """A shape of a role around (x, y), with lines of text; ``key`` names it, ``title`` explains it."""

    key: str
    role: Role
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points. ``ink`` (0 to 1) is how strong it is; negative weights are dotted."""

    key: str
    points: tuple[tuple[float, float], ...]
    kind: Literal["arrow", "cache", "weight"] = "arrow"
    ink: float = 1.0
    negative: bool = False
    title: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A text beside the shapes."""

    key: str
    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"] = "middle"
    size: float = 13


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything drawn, back to front: lines, boxes, labels."""

    width: float
    height: float
    title: str
    description: str
    lines: tuple[Line, ...]
    boxes: tuple[Box, ...]
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Legend:
    """The shapes of a legend and its height."""

    boxes: tuple[Box, ...]
    labels: tuple[Label, ...]
    lines: tuple[Line, ...]
    height: float


def legend(x: float, y: float, width: float, roles: tuple[Role, ...], weights: bool) -> Legend:
    """Lay out a legend of roles, and of the signs of weights, from (x, y) within a width."""
    boxes, labels, lines = [], [], []
    left, top = x, y
    entries: list[tuple[Role | bool, str]] = [(role, MEANINGS[role]) for role in roles]
    if weights:
        entries += [(False, "weight above 0"), (True, "weight below 0")]
    for what, meaning in entries:
        wide = 52 + 6.6 * len(meaning)
        if left + wide > x + width and left > x:
            left, top = x, top + 28
        key = f"legend-{len(labels)}"
        if isinstance(what, bool):
            lines.append(Line(key, ((left, top), (left + 30, top)), "weight", 0.8, what))
        else:
            boxes.append(Box(key, what, left + 15, top, 30, 18, ()))
        labels.append(Label(key, left + 38, top + 4.5, meaning, "start", 12))
        left += wide
    return Legend(tuple(boxes), tuple(labels), tuple(lines), top - y + 28)
