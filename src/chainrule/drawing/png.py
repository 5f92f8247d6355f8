"""Pictures as PNG, drawn by matplotlib from the same places as the SVG."""

from __future__ import annotations

import io
from typing import Any

from .picture import COLOURS, FITTING, Box, Label, Line, Picture

_EDGE = "#2d3436"
# Points of a font for pixels of the layout, at 72 dots to the inch.
_FAMILY = ["DejaVu Sans"]


def png(picture: Picture, scale: float = 2.0) -> bytes:
    """Draw a picture as PNG on white; ``scale`` is pixels for each unit of the layout.

    Raises ImportError naming the extra if matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(
            "a PNG needs matplotlib: pip install 'chainrule[explain]', or draw it as SVG"
        ) from None
    figure = Figure(figsize=(picture.width / 72, picture.height / 72), dpi=72 * scale)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, picture.width)
    axes.set_ylim(picture.height, 0)
    axes.axis("off")
    for line in picture.lines:
        _line(axes, line)
    for box in picture.boxes:
        _SHAPES[box.role](axes, box)
        _lines(axes, box)
    for label in picture.labels:
        _label(axes, label)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=72 * scale, facecolor="white", metadata={"Software": ""})
    return out.getvalue()


def _line(axes: Any, line: Line) -> None:
    xs, ys = [p[0] for p in line.points], [p[1] for p in line.points]
    if line.kind == "weight":
        colour = "#b3261e" if line.negative else "#0b66c3"
        style: Any = (0, (1, 2)) if line.negative else "solid"
        width, alpha = 0.8 + 3.4 * line.ink, 0.25 + 0.65 * line.ink
        axes.plot(xs, ys, color=colour, linewidth=width, linestyle=style, alpha=alpha, zorder=1)
        return
    style = (0, (5, 3.5)) if line.kind == "cache" else "solid"
    colour, width = _EDGE, 1.6
    if line.kind == "back":
        colour, width = "#8a4b00", 0.8 + 2.4 * line.ink
    axes.plot(xs[:-1], ys[:-1], color=colour, linewidth=width, linestyle=style, zorder=1)
    axes.annotate(
        "",
        xy=line.points[-1],
        xytext=line.points[-2],
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "linewidth": width,
            "linestyle": style,
            "shrinkA": 0,
            "shrinkB": 0,
        },
        zorder=1,
    )


def _patch(axes: Any, box: Box, radius: float, grow: float = 0, **style: Any) -> None:
    from matplotlib.patches import FancyBboxPatch

    w, h = box.width + 2 * grow, box.height + 2 * grow
    axes.add_patch(
        FancyBboxPatch(
            (box.x - w / 2, box.y - h / 2),
            w,
            h,
            boxstyle=f"round,pad=0,rounding_size={radius}",
            edgecolor=_EDGE,
            zorder=2,
            **style,
        )
    )


def _input(axes: Any, box: Box) -> None:
    from matplotlib.patches import Polygon

    slant = min(9.0, box.height / 4)
    left, right = box.x - box.width / 2, box.x + box.width / 2
    top, bottom = box.y - box.height / 2, box.y + box.height / 2
    corners = [(left + slant, top), (right, top), (right - slant, bottom), (left, bottom)]
    axes.add_patch(
        Polygon(corners, facecolor=COLOURS["input"], edgecolor=_EDGE, linewidth=1.3, zorder=2)
    )


def _output(axes: Any, box: Box) -> None:
    radius = min(box.height / 2, 16)
    _patch(axes, box, radius, facecolor=COLOURS["output"], linewidth=1.3)
    _patch(axes, box, max(radius - 3, 2), -3, facecolor="none", linewidth=1)


_SHAPES: dict[str, Any] = {
    "function": lambda axes, box: _patch(
        axes, box, 2, facecolor=COLOURS["function"], linewidth=2.4
    ),
    "input": _input,
    "inner": lambda axes, box: _patch(
        axes, box, min(box.height / 2, 16), facecolor=COLOURS["inner"], linewidth=1.3
    ),
    "output": _output,
    "cache": lambda axes, box: _patch(
        axes, box, 6, facecolor=COLOURS["cache"], linewidth=1.6, linestyle=(0, (5, 3.5))
    ),
    "more": lambda axes, box: None,
}


def _lines(axes: Any, box: Box) -> None:
    step = 16.0
    top = box.y - step * (len(box.lines) - 1) / 2
    for k, line in enumerate(box.lines):
        small = k > 0 or (len(box.lines) == 1 and "=" in line)
        fitting = min(11.0, FITTING * box.width / max(len(line), 1) - 1)
        _write(
            axes,
            box.x,
            top + step * k,
            line,
            fitting if small else 13.5,
            "normal" if small else "bold",
        )


def _label(axes: Any, label: Label) -> None:
    side = {"start": "left", "middle": "center", "end": "right"}[label.anchor]
    _write(axes, label.x, label.y - 4, label.text, label.size - 1, "normal", side)


def _write(
    axes: Any, x: float, y: float, text: str, size: float, weight: str, side: str = "center"
) -> None:
    axes.text(
        x,
        y,
        text,
        fontsize=size,
        fontweight=weight,
        fontfamily=_FAMILY,
        ha=side,
        va="center",
        color="#1b1f21",
        zorder=3,
        parse_math=False,
    )
