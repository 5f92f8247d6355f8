"""The network as units and weighted edges, with both passes' numbers of one sample in every unit.

A unit is a small table: what forward computes on the left (b, z, a), the derivative of J by it on
the right (db, dz, da). A wide layer is folded to its most telling units: those with the largest
|a da|, which is what J would change by, to first order, if the unit fell silent. A count stands for
the rest; outputs of up to ten classes are always drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..drawing.notation import layered
from ..drawing.picture import Box, Label, Line, Picture, Role, clip_name, entries, legend
from ..drawing.render_text import text
from ..mathematics.passes import Gradients
from .sample_passes import Floats, Sample, da_of, dz_of
from .unit_layout import CELL, ROW, TARGET, THUMB, Layout, Names, Place, layout_of, telling_units

# Up to this many edges carry their weights, and up to that many dW too; more would cover others.
_LABELLED, _SLOPES_LABELLED = 14, 8
# The strokes of the way back run beside those of the way forward.
_ASIDE = 5.0


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
    layout = layout_of(sizes, units, names, thumbs)
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


def short(value: float) -> str:
    """Spell a number in at most 3 digits."""
    return f"{value + 0.0:.3g}".replace("-", "−").replace("e−0", "e−").replace("e+0", "e")


def _cells(
    sample: Sample, da: Sequence[Floats], dz: Sequence[Floats], layout: Layout
) -> Iterator[Box]:
    """Yield the cells of every unit: rows (b, db), (z, dz) and (a, da), and y at the outputs."""
    last = len(layout.columns) - 1
    for l, column in enumerate(layout.columns):
        for k, place in enumerate(column):
            rows = _rows(sample, da, dz, l, place.unit)
            top = place.y - ROW * (len(rows) - 1) / 2
            for r, (name, value, role, slope, slope_role) in enumerate(rows):
                left, right, y = place.x - CELL / 2, place.x + CELL / 2, top + ROW * r
                word = {"a": "x" if l == 0 else "ŷ" if l == last else "a"}.get(name, name)
                yield _cell(f"{name}-{l}-{k}", role, left, y, word, value, place.unit)
                key = f"d{name}-{l}-{k}"
                yield _cell(key, slope_role, right, y, f"d{name}", slope, place.unit)
            if layout.thumb and l:
                yield _map(f"map-{l}-{k}", layout, place)
            if l == last:
                x, y = place.x + CELL + TARGET / 2, place.y + ROW
                target = float(sample.y[0][place.unit])
                yield _cell(f"y-{l}-{k}", "input", x, y, "y", target, place.unit, TARGET)


def _rows(
    sample: Sample, da: Sequence[Floats], dz: Sequence[Floats], l: int, unit: int
) -> list[tuple[str, float, Role, float, Role]]:
    """Return a unit's rows: the name and number of what forward has, the derivative, and roles."""
    a, last = sample.a[l][unit], len(sample.a) - 1
    if l == 0:
        return [("a", a, "input", da[0][unit], "output")]
    end: tuple[Role, Role] = ("output", "input") if l == last else ("inner", "inner")
    return [
        ("b", sample.net.b[l][unit], "input", dz[l][unit], "output"),
        ("z", sample.z[l][unit], "cache", dz[l][unit], "inner"),
        ("a", a, end[0], da[l][unit], end[1]),
    ]


def _map(key: str, layout: Layout, place: Place) -> Box:
    """Return the room of a unit's small map over the inputs."""
    size = THUMB - 4
    if layout.thumb == "beside":
        return Box(key, "more", place.x - CELL - THUMB / 2 - 2, place.y, size, size, ())
    return Box(key, "more", place.x, place.y - 1.5 * ROW - THUMB / 2 - 3, size, size, ())


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
    aside = CELL + THUMB * (layout.thumb == "beside")
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
        ends = ((place.x + CELL + TARGET, place.y + ROW), (layout.cost_x - 50, layout.middle))
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
