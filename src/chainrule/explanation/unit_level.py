"""The network as units and weighted edges, with both passes' numbers of one sample in every unit.

A unit is a small table: what forward computes on the left (b, z, a), the derivative of J by it on
the right (db, dz, da). A wide layer is folded to its most telling units: those with the largest
|a da|, which is what J would change by, to first order, if the unit fell silent. A count stands for
the rest; outputs of up to ten classes are always drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ..drawing.notation import layered
from ..drawing.picture import Box, Label, Line, Picture, Role, clip_name, entries, legend
from ..drawing.render_text import text
from ..mathematics.passes import Gradients
from .sample_passes import Floats, Sample, da_of, dz_of

CELL, ROW = 76.0, 20.0
GAP, SLOT, TOP = 104.0, 76.0, 40.0
MOST_OUTPUTS = 10
_THUMB, _TARGET = 64.0, 64.0
# Layers of up to this many units have room above each of them.
_AIRY = 4
# A picture with few units in a column spreads them, up to this ratio of width to height.
_ASPECT, _MOST_SPREAD = 1.65, 2.2
# Up to this many edges carry their weights, and up to that many dW too; more would cover others.
_LABELLED, _SLOPES_LABELLED = 14, 8
# The strokes of the way back run beside those of the way forward.
_ASIDE = 5.0


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


def unit_picture(
    sample: Sample,
    backward: Gradients,
    names: Names | None = None,
    most: int = 8,
    units: Sequence[Sequence[int]] | None = None,
    with_legend: bool = True,
    thumbs: bool = False,
) -> Picture:
    """Lay out units and edges for one sample and its ``backward`` pass.

    Keys count places, not units: ``a-1-0`` is a of the first unit drawn of layer 1. ``units`` are
    those drawn of every layer, the most telling ones if None. ``thumbs`` leaves room beside every
    unit for a small map of it over the inputs.
    """
    names = names or Names()
    sizes, da = sample.net.sizes, da_of(backward)
    units = telling_units(sizes, sample.a, da, most) if units is None else units
    layout = _layout(sizes, units, names, thumbs)
    J = np.asarray(backward.J)
    boxes = [
        *_cells(sample, da, dz_of(backward), layout),
        *_counts(sizes, layout),
        *_cost_boxes(sample, float(J), layout),
    ]
    lines, edge_labels = _edges(sample, backward, layout)
    labels = [*_heads(sample, layout), *_names(names, layout), *edge_labels]
    roles: tuple[Role, ...] = ("input", "inner", "output", "cache")
    key, height = legend(20, layout.height + 14, layout.width - 40, entries(roles, weights=True))
    if not with_legend:
        key, height = replace(key, boxes=(), lines=(), labels=()), 0.0
    return Picture(
        layout.width,
        layout.height + height,
        f"The network {'-'.join(map(str, sizes))}, unit by unit",
        "Every unit shows b, z and a for one sample and beside them db, dz and da; every edge is "
        "a weight, wide where it is large, dotted where it is below 0; the strokes beside the "
        "edges lead back, as wide as dW is large.",
        (*lines, *key.lines),
        (*boxes, *key.boxes),
        (*labels, *key.labels),
    )


def _layout(
    sizes: Sequence[int], units: Sequence[Sequence[int]], names: Names, thumbs: bool
) -> Layout:
    slots = [len(u) + (len(u) < n) for u, n in zip(units, sizes, strict=True)]
    tall = max(slots)
    thumb: Literal["", "above", "beside"] = ""
    if thumbs:
        thumb = "above" if tall <= _AIRY else "beside"
    aside = _THUMB * (thumb == "beside")
    width = len(units) * (2 * CELL + aside + GAP) + 170
    above = _THUMB * (thumb == "above")
    slot = min(max((width / _ASPECT - TOP) / tall, SLOT + above), _MOST_SPREAD * SLOT + above)
    left = 14 + (14 + 7 * min(max(map(len, names.inputs), default=0), 22) if names.inputs else 0)
    columns, rest = [], []
    for l, column in enumerate(units):
        x = left + CELL + l * (2 * CELL + aside + GAP) + (aside if l else 0)
        top = TOP + slot * (tall - slots[l]) / 2 + slot / 2 + _THUMB / 2 * (thumb == "above")
        columns.append(tuple(Place(x, top + slot * k, unit) for k, unit in enumerate(column)))
        more = sizes[l] - len(column)
        rest.append(Place(x, top + slot * len(column), more) if more else None)
    widest = 14 + 7 * min(max(map(len, names.outputs), default=0), 22) if names.outputs else 0
    cost_x = columns[-1][0].x + CELL + _TARGET + max(44, widest - 40) + 48
    middle = TOP + slot * tall / 2 + _THUMB / 2 * (thumb == "above")
    height = max(TOP + slot * tall, middle + 96) + 12
    return Layout(tuple(columns), tuple(rest), thumb, cost_x, middle, cost_x + 56, height)


def short(value: float) -> str:
    """Spell a number in at most 3 digits."""
    return f"{value + 0.0:.3g}".replace("-", "−").replace("e−0", "e−").replace("e+0", "e")


def _cells(
    sample: Sample, da: Sequence[Floats], dz: Sequence[Floats], layout: Layout
) -> Iterator[Box]:
    """Yield the cells of every unit: rows (b, db), (z, dz) and (a, da), and y at the outputs."""
    last = len(layout.columns) - 1
    for l, column in enumerate(layout.columns):
        inner: Role = "output" if l == last else "inner"
        start: Role = "input" if l == last else "inner"
        for k, place in enumerate(column):
            unit = place.unit
            if l == 0:
                rows: list[tuple[str, float, Role, float, Role]] = [
                    ("a", sample.a[0][unit], "input", da[0][unit], "output")
                ]
            else:
                b, z, a = sample.net.b[l][unit], sample.z[l][unit], sample.a[l][unit]
                rows = [
                    ("b", b, "input", dz[l][unit], "output"),
                    ("z", z, "cache", dz[l][unit], "inner"),
                    ("a", a, inner, da[l][unit], start),
                ]
            top = place.y - ROW * (len(rows) - 1) / 2
            for r, (name, value, role, slope, slope_role) in enumerate(rows):
                y = top + ROW * r
                word = {"a": "x" if l == 0 else "ŷ" if l == last else "a"}.get(name, name)
                yield _cell(f"{name}-{l}-{k}", role, place.x - CELL / 2, y, word, value, unit)
                back = f"d{name}"
                yield _cell(f"{back}-{l}-{k}", slope_role, place.x + CELL / 2, y, back, slope, unit)
            if layout.thumb and l:
                beside = layout.thumb == "beside"
                x = place.x - CELL - _THUMB / 2 - 2 if beside else place.x
                y = place.y if beside else place.y - 1.5 * ROW - _THUMB / 2 - 3
                yield Box(f"map-{l}-{k}", "more", x, y, _THUMB - 4, _THUMB - 4, ())
            if l == last:
                y, target = place.y + ROW, float(sample.y[0][unit])
                yield _cell(
                    f"y-{l}-{k}",
                    "input",
                    place.x + CELL + _TARGET / 2,
                    y,
                    "y",
                    target,
                    unit,
                    _TARGET,
                )


def _cell(
    key: str,
    role: Role,
    x: float,
    y: float,
    name: str,
    value: float,
    unit: int,
    width: float = CELL,
) -> Box:
    line = f"{name} = {short(float(value))}"
    layer = key.split("-")[1]
    title = f"{name} of unit {unit} of layer {layer}" if layer != "0" else f"input {unit}: {name}"
    return Box(key, role, x, y, width, ROW, (line,), title)


def _counts(sizes: Sequence[int], layout: Layout) -> Iterator[Box]:
    for l, place in enumerate(layout.rest):
        if place is not None:
            rest = f"{place.unit} more"
            yield Box(f"more-{l}", "more", place.x, place.y, 2 * CELL, 2 * ROW, ("⋮", rest), rest)


def _cost_boxes(sample: Sample, J: float, layout: Layout) -> Iterator[Box]:
    name = sample.net.cost.name.replace("_", " ")
    x, y = layout.cost_x, layout.middle
    yield Box("cost", "function", x, y, 100, 44, ("cost", name), f"the cost {name} of ŷ and y")
    line = (f"J = {short(J)}",)
    yield Box("J", "output", x, y + 68, 100, 26, line, "the cost J of this sample")


def _heads(sample: Sample, layout: Layout) -> Iterator[Label]:
    last = len(layout.columns) - 1
    for l, column in enumerate(layout.columns):
        n = sample.net.sizes[l]
        f = sample.net.activations[l - 1].name if l else ""
        words = {0: f"x ({n})", last: f"ŷ ({n}) {f}"}.get(l, f"layer {l} ({n}) {f}")
        yield Label(f"head-{l}", column[0].x, 20, words)


def _names(names: Names, layout: Layout) -> Iterator[Label]:
    if names.inputs:
        for k, place in enumerate(layout.columns[0]):
            name = clip_name(names.inputs[place.unit])
            yield Label(f"in-{k}", place.x - CELL - 8, place.y + 4, name, "end", 12)
    if names.outputs:
        for k, place in enumerate(layout.columns[-1]):
            name = clip_name(names.outputs[place.unit])
            yield Label(f"out-{k}", place.x + CELL + 8, place.y - 10, name, "start", 12)


def _edges(sample: Sample, backward: Gradients, layout: Layout) -> tuple[list[Line], list[Label]]:
    lines, labels = [], []
    aside = CELL + _THUMB * (layout.thumb == "beside")
    for l in range(1, len(layout.columns)):
        W, dW = sample.net.W[l], np.asarray(backward.dW[l])[0]
        here, below = layout.columns[l], layout.columns[l - 1]
        shown = np.ix_([p.unit for p in here], [p.unit for p in below])
        largest, steepest = _largest(W[shown]), _largest(dW[shown])
        few = len(here) * len(below) <= _LABELLED
        for k, head in enumerate(here):
            for n, tail in enumerate(below):
                w, slope = float(W[head.unit, tail.unit]), float(dW[head.unit, tail.unit])
                ends = ((tail.x + CELL, tail.y), (head.x - aside, head.y))
                back = tuple((x, y + _ASIDE) for x, y in reversed(ends))
                name = text(layered("W", l, head.unit, tail.unit))
                title = f"{name} = {short(w)}, {name.replace('W', 'dW')} = {short(slope)}"
                ink, flow = _ink(w, largest), _ink(slope, steepest)
                lines.append(Line(f"e-{l}-{k}-{n}", ends, "weight", ink, w < 0, title))
                lines.append(Line(f"d-{l}-{k}-{n}", back, "back", flow, slope < 0, title))
                if few:
                    both = _edge_labels(f"{l}-{k}-{n}", ends, (k + n) % 2 == 1, w, slope)
                    labels += both[: 2 if len(here) * len(below) <= _SLOPES_LABELLED else 1]
    for k, place in enumerate(layout.columns[-1]):
        ends = ((place.x + CELL + _TARGET, place.y + ROW), (layout.cost_x - 50, layout.middle))
        back = tuple((x, y + _ASIDE) for x, y in reversed(ends))
        lines += [Line(f"cost-in-{k}", ends), Line(f"cost-da-{k}", back, "back", 0.5)]
    x = layout.cost_x
    lines.append(Line("cost-J", ((x, layout.middle + 22), (x, layout.middle + 55))))
    return lines, labels


def _edge_labels(
    key: str, ends: tuple[tuple[float, float], ...], late: bool, w: float, slope: float
) -> list[Label]:
    at = 0.24 if late else 0.66
    x, y = (p + (q - p) * at for p, q in zip(*ends, strict=True))
    return [
        Label(f"w-{key}", x, y - 4, short(w), "middle", 12),
        Label(f"dw-{key}", x, y + 17, short(slope), "middle", 11),
    ]


def _largest(values: Floats) -> float:
    return float(np.nanmax(np.abs(values), initial=0.0)) or 1.0


def _ink(value: float, largest: float) -> float:
    return min(abs(value) / largest, 1.0) if np.isfinite(value) else 1.0
