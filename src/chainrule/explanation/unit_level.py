"""The network as units and weighted edges, with both passes' numbers of one sample in every unit.

A wide layer is folded to its most telling units: those with the largest |a da|, which is what J
would change by, to first order, if the unit fell silent. A count stands for the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..drawing.notation import layered
from ..drawing.picture import Box, Label, Line, Picture, Role, clip_name, entries, legend
from ..drawing.render_text import text
from ..mathematics.passes import Gradients
from .sample_passes import Floats, Sample, da_of

PITCH, SLOT, TOP = 214.0, 72.0, 54.0
_WIDTH, _HEIGHT = 122.0, 58.0
# Up to so many edges carry their numbers; more would cover each other.
_LABELLED = 14


@dataclass(frozen=True, slots=True)
class Names:
    """What the inputs and the outputs are called; () where they have no names."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


def telling_units(
    sizes: Sequence[int], a: Sequence[Floats], da: Sequence[Floats], most: int
) -> list[list[int]]:
    """Return the units drawn of every layer, in order: all, or the ``most`` - 1 most telling."""
    units = []
    for l, n in enumerate(sizes):
        if n <= most:
            units.append(list(range(n)))
            continue
        with np.errstate(all="ignore"):
            score = np.nan_to_num(np.abs(a[l] * da[l]), nan=0.0, posinf=np.inf)
            tie = np.nan_to_num(np.abs(a[l]), nan=0.0, posinf=np.inf)
        order = np.lexsort((np.arange(n), -tie, -score))
        units.append(sorted(order[: most - 1].tolist()))
    return units


def unit_picture(
    sample: Sample,
    backward: Gradients,
    names: Names | None = None,
    most: int = 8,
    units: Sequence[Sequence[int]] | None = None,
    with_legend: bool = True,
) -> Picture:
    """Lay out units and edges for one sample and its ``backward`` pass.

    Keys count places, not units: ``u-1-0`` is the first unit drawn of layer 1. ``units`` are those
    drawn of every layer, the most telling ones if None.
    """
    names = names or Names()
    sizes, da = sample.net.sizes, da_of(backward)
    units = telling_units(sizes, sample.a, da, most) if units is None else units
    slots = [len(u) + (len(u) < n) for u, n in zip(units, sizes, strict=True)]
    tall = max(slots)
    left = _WIDTH / 2 + (26 + 7 * min(max(map(len, names.inputs), default=0), 22))
    right = _WIDTH / 2 + (26 + 7 * min(max(map(len, names.outputs), default=0), 22))
    places = [
        _column(u, s, l, left, tall) for l, (u, s) in enumerate(zip(units, slots, strict=True))
    ]
    boxes, labels = _boxes(sample, da, units, places, names)
    lines, edge_labels = _edges(sample, backward, units, places)
    width = max(left + PITCH * (len(sizes) - 1) + right, 430)
    bottom = TOP + SLOT * tall + 26
    key, height = legend(20, bottom, width - 40, entries(("input", "inner", "output"), True))
    if not with_legend:
        key, height = replace(key, boxes=(), lines=(), labels=()), 0.0
    title = f"The network {'-'.join(map(str, sizes))}, unit by unit"
    description = (
        "Every unit shows its z, a and da for one sample; every edge is a weight, "
        "wide where it is large, dotted where it is below 0."
    )
    return Picture(
        width,
        bottom + height,
        title,
        description,
        (*lines, *key.lines),
        (*boxes, *key.boxes),
        (*labels, *edge_labels, *key.labels),
    )


def _column(
    units: Sequence[int], slots: int, l: int, left: float, tall: int
) -> list[tuple[float, float]]:
    top = TOP + SLOT * (tall - slots) / 2 + SLOT / 2
    return [(left + PITCH * l, top + SLOT * k) for k in range(len(units) + 1)]


def short(value: float) -> str:
    """Spell a number in at most 3 digits."""
    return f"{value + 0.0:.3g}".replace("-", "−").replace("e−0", "e−").replace("e+0", "e")


def _boxes(
    sample: Sample,
    da: Sequence[Floats],
    units: Sequence[Sequence[int]],
    places: Sequence[Sequence[tuple[float, float]]],
    names: Names,
) -> tuple[list[Box], list[Label]]:
    last = len(units) - 1
    boxes, labels = [], []
    for l, column in enumerate(units):
        role: Role = "input" if l == 0 else "output" if l == last else "inner"
        x = places[l][0][0]
        head = "x" if l == 0 else "ŷ" if l == last else f"layer {l}"
        labels.append(Label(f"head-{l}", x, 22, f"{head} ({sample.net.sizes[l]})"))
        for k, ((px, py), unit) in enumerate(zip(places[l], column, strict=False)):
            lines = _numbers(sample, da, l, unit)
            title = f"unit {unit} of layer {l}: {', '.join(lines)}"
            boxes.append(Box(f"u-{l}-{k}", role, px, py, _WIDTH, _HEIGHT, lines, title))
            if l == 0 and names.inputs:
                label = clip_name(names.inputs[unit])
                labels.append(Label(f"in-{k}", px - _WIDTH / 2 - 8, py + 4, label, "end", 12))
            if l == last and names.outputs:
                label = clip_name(names.outputs[unit])
                labels.append(Label(f"out-{k}", px + _WIDTH / 2 + 8, py + 4, label, "start", 12))
        if len(column) < sample.net.sizes[l]:
            px, py = places[l][len(column)]
            rest = f"{sample.net.sizes[l] - len(column)} more"
            boxes.append(Box(f"more-{l}", "more", px, py, _WIDTH, _HEIGHT, ("⋮", rest), rest))
    return boxes, labels


def _numbers(sample: Sample, da: Sequence[Floats], l: int, unit: int) -> tuple[str, ...]:
    a = f"{text(layered('a', l))}[{unit}] = {short(sample.a[l][unit])}"
    back = f"da = {short(da[l][unit])}"
    return (a, back) if l == 0 else (f"z = {short(sample.z[l][unit])}", a, back)


def _edges(
    sample: Sample,
    backward: Gradients,
    units: Sequence[Sequence[int]],
    places: Sequence[Sequence[tuple[float, float]]],
) -> tuple[list[Line], list[Label]]:
    lines, labels = [], []
    for l in range(1, len(units)):
        W, dW = sample.net.W[l], np.asarray(backward.dW[l])[0]
        largest = float(np.nanmax(np.abs(W[np.ix_(units[l], units[l - 1])]), initial=0.0)) or 1.0
        few = len(units[l]) * len(units[l - 1]) <= _LABELLED
        for k, i in enumerate(units[l]):
            for n, j in enumerate(units[l - 1]):
                (x0, y0), (x1, y1) = places[l - 1][n], places[l][k]
                w = float(W[i, j])
                ends = ((x0 + _WIDTH / 2, y0), (x1 - _WIDTH / 2, y1))
                name = text(layered("W", l, i, j))
                title = f"{name} = {short(w)}, {name.replace('W', 'dW')} = {short(dW[i, j])}"
                ink = min(abs(w) / largest, 1.0) if np.isfinite(w) else 1.0
                lines.append(Line(f"e-{l}-{k}-{n}", ends, "weight", ink, w < 0, title))
                if few:
                    at = 0.3 if (k + n) % 2 else 0.7
                    lx, ly = (p + (q - p) * at for p, q in zip(*ends, strict=True))
                    labels.append(Label(f"w-{l}-{k}-{n}", lx, ly - 3, short(w), "middle", 11))
    return lines, labels
