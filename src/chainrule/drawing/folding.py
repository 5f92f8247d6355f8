"""Deep networks drawn short: of equal layers in a row the first and the last, and how many between.

A strip is cut out of the finished picture, so that layouts need to know nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ..architecture import Architecture
from .picture import Label, Line, Picture

# Fewer equal layers than this are all drawn.
FEWEST = 4


@dataclass(frozen=True, slots=True)
class Cut:
    """A strip from ``left`` to ``right`` that gives way to a gap with some words."""

    left: float
    right: float
    words: tuple[str, str]


def equal_layers(net: Architecture) -> list[tuple[int, int]]:
    """Return first and last of each run of at least ``FEWEST`` equal layers, counted from 1."""
    kinds = [
        (l, (net.sizes[l - 1], net.sizes[l], f.spec)) for l, f in enumerate(net.activations, 1)
    ]
    runs = [[l for l, _ in run] for _, run in groupby(kinds, key=lambda kind: kind[1])]
    return [(run[0], run[-1]) for run in runs if len(run) >= FEWEST]


def cut_out(picture: Picture, cuts: Sequence[Cut], gap: float, y: float) -> Picture:
    """Cut strips out of a picture; each leaves a gap of its own with its words at height ``y``.

    What lies in a strip goes; what lies right of it moves left.
    """
    for cut in sorted(cuts, key=lambda cut: -cut.left):
        picture = _one_cut(picture, cut, gap, y)
    return picture


def _one_cut(picture: Picture, cut: Cut, gap: float, y: float) -> Picture:
    shift = cut.right - cut.left - gap

    def inside(x: float) -> bool:
        return cut.left < x < cut.right

    def moved(x: float) -> float:
        return x - shift if x >= cut.right else x

    lines = [
        replace(line, points=tuple((moved(x), height) for x, height in line.points))
        for line in picture.lines
        if not _in_strip(line, cut)
    ]
    boxes = [replace(box, x=moved(box.x)) for box in picture.boxes if not inside(box.x)]
    labels = [replace(label, x=moved(label.x)) for label in picture.labels if not inside(label.x)]
    middle = cut.left + gap / 2
    words = [
        Label(f"cut-{k}-{cut.left:g}", middle, y + 16 * k, line, size=13 - k)
        for k, line in enumerate(cut.words)
    ]
    return replace(
        picture,
        width=picture.width - shift,
        lines=tuple(lines),
        boxes=tuple(boxes),
        labels=(*labels, *words),
    )


def _in_strip(line: Line, cut: Cut) -> bool:
    """Whether a line has an end in the strip, or begins at its left edge and ends there."""
    xs = [x for x, _ in line.points]
    return min(xs) < cut.right and max(xs) > cut.left
