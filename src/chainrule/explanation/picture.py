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


def legend(
    x: float, y: float, width: float, weights: bool = False
) -> tuple[list[Box], list[Label], list[Line], float]:
    """Lay out the legend from (x, y) within a width; return its shapes and its height."""
    boxes: list[Box] = []
    labels: list[Label] = []
    lines: list[Line] = []
    left, top = x, y
    entries: list[tuple[str, str]] = list(MEANINGS.items())
    if weights:
        entries += [("positive", "weight above 0"), ("negative", "weight below 0")]
    for name, meaning in entries:
        wide = 46 + 7.2 * len(meaning)
        if left + wide > x + width and left > x:
            left, top = x, top + 28
        if name in ("positive", "negative"):
            ends = ((left, top), (left + 30, top))
            lines.append(Line(f"legend-{name}", ends, "weight", 0.8, name == "negative"))
        else:
            boxes.append(Box(f"legend-{name}", name, left + 15, top, 30, 18, ()))  # type: ignore[arg-type]
        labels.append(Label(f"legend-{name}", left + 38, top + 4.5, meaning, "start", 12))
        left += wide
    return boxes, labels, lines, top - y + 28
