"""Pictures as lists of shapes with places: what is drawn, apart from what draws it.

The layouts (``layer_level``, ``unit_level``) make them; ``svg`` and ``png`` draw them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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

# A text is set smaller where it would be wider than this share of its box, at half an em a letter.
FITTING = 1.6


def clean(text: str) -> str:
    """Return a text that UTF-8 and HTML can hold: lone surrogates and control codes replaced."""
    whole = text.encode("utf-8", "replace").decode()
    return "".join(c if c >= " " or c in "\n\t" else "\ufffd" for c in whole)


@dataclass(frozen=True, slots=True)
class Box:
    """A shape around (x, y) with lines of text; ``key`` names it, ``title`` explains it.

    A ``marked`` one is hatched: what it gives is wrong.
    """

    key: str
    role: Role
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]
    title: str = ""
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points. ``ink`` (0 to 1) is how strong it is; negative weights are dotted.

    A ``back`` line carries a gradient from the cost towards the inputs."""

    key: str
    points: tuple[tuple[float, float], ...]
    kind: Literal["arrow", "cache", "weight", "back"] = "arrow"
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
class Entry:
    """One line of a legend: the shape of a role or the line of a weight, and what it means."""

    meaning: str
    box: Box | None = None
    line: Line | None = None


def legend(x: float, y: float, width: float, entries: Sequence[Entry]) -> tuple[Picture, float]:
    """Lay out a legend from (x, y) within a width; return its shapes and its height."""
    boxes, labels, lines = [], [], []
    left, top = x, y
    for k, entry in enumerate(entries):
        wide = 52 + 6.6 * len(entry.meaning)
        if left + wide > x + width and left > x:
            left, top = x, top + 28
        if entry.box is not None:
            boxes.append(replace(entry.box, x=left + 15, y=top))
        if entry.line is not None:
            ends = ((left, top), (left + 30, top))
            lines.append(replace(entry.line, points=ends))
        labels.append(Label(f"legend-{k}", left + 38, top + 4.5, entry.meaning, "start", 12))
        left += wide
    height = top - y + 28
    shapes = Picture(width, height, "", "", tuple(lines), tuple(boxes), tuple(labels))
    return shapes, height


def entries(roles: Sequence[Role], weights: bool = False) -> list[Entry]:
    """Return the lines of a legend: of roles, and of the signs of weights."""
    rows = [
        Entry(MEANINGS[role], Box(f"legend-{role}", role, 15, 11, 30, 18, ())) for role in roles
    ]
    if weights:
        for negative, word in ((False, "above"), (True, "below")):
            line = Line(f"legend-{word}", ((0, 11), (30, 11)), "weight", 0.8, negative)
            rows.append(Entry(f"weight {word} 0", None, line))
        rows.append(Entry("gradient", None, Line("legend-back", ((30, 11), (0, 11)), "back", 0.5)))
    return rows


def clip_name(name: str, most: int = 22) -> str:
    """Cut a long name for a drawing; the page and the tooltip have it in full."""
    return name if len(name) <= most else name[: most - 1] + "…"
