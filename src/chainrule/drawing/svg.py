"""Pictures as SVG: text stays text, every shape has its key and its explanation."""

from __future__ import annotations

from html import escape
from typing import Any

from .picture import COLOURS, FITTING, Box, Entry, Label, Line, Picture, clean

FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"
STYLE = """
.cr-ink{stroke:#2d3436;fill:none}.cr-arrow{fill:#2d3436}.cr-label{fill:#2d3436;paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-opacity:.8}
.cr-box text{fill:#1b1f21}.cr-more text{fill:#2d3436}
.cr-wrong>rect:first-of-type,.cr-wrong>path{fill:url(#hatch);stroke:#b3261e;stroke-width:4px}
.cr-positive{stroke:#0b66c3}.cr-negative{stroke:#b3261e;stroke-linecap:round}.cr-back{stroke:#8a4b00}.cr-back-arrow{fill:#8a4b00}
@media screen and (prefers-color-scheme:dark){
.cr-ink{stroke:#cfd6da}.cr-label,.cr-more text{fill:#e6eaec}
.cr-arrow{fill:#cfd6da}.cr-label{stroke:#14181b}.cr-positive{stroke:#74b9ff}.cr-negative{stroke:#ff8a80}.cr-back{stroke:#ffb454}.cr-back-arrow{fill:#ffb454}
.cr-cache rect{fill:#14181b;stroke:#cfd6da}.cr-cache text{fill:#e6eaec}}
"""
_EDGE = "#2d3436"
# The filling of a marked box, by the id that the styles of pictures and pages have.
HATCH = (
    '<pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect width="7" height="7" fill="#fff"/>'
    '<rect width="3" height="7" fill="#ff7675"/></pattern>'
)


def svg(picture: Picture, style: bool = True, name: str = "cr") -> str:
    """Draw a picture as an SVG document, or for a page (``style`` False) that brings the style.

    ``name`` starts the ids, so that several pictures can be on one page.
    """
    size = f'viewBox="0 0 {picture.width:g} {picture.height:g}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} width="{picture.width:g}" '
        f'height="{picture.height:g}" role="img" aria-labelledby="{name}-title {name}-desc" '
        f'font-family="{FONT}" font-size="14" text-anchor="middle">',
        f'<title id="{name}-title">{_text(picture.title)}</title>',
        f'<desc id="{name}-desc">{_text(picture.description)}</desc>',
    ]
    if style:
        parts.append(f"<style>{STYLE}</style>")
    parts.append(_definitions(name, any(box.marked for box in picture.boxes)))
    parts += [_line(line, name) for line in picture.lines]
    parts += [_box(box) for box in picture.boxes]
    parts += [_label(label) for label in picture.labels]
    parts.append("</svg>")
    return "\n".join(parts)


def icon(entry: Entry) -> str:
    """Draw the shape of a legend's line by itself."""
    shape = _box(entry.box) if entry.box else ""
    line = _line(entry.line, "icon") if entry.line else ""
    return (
        f'<svg viewBox="-2 0 34 22" width="34" height="22" aria-hidden="true">{shape}{line}</svg>'
    )


def _text(value: str) -> str:
    """Escape a text, without the characters that XML has no place for."""
    return escape(clean(value))


def _definitions(name: str, hatched: bool) -> str:
    markers = "".join(
        f'<marker id="{name}-{kind}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="{size}" '
        f'markerHeight="{size}" markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
        f'<path d="M0 1 9 5 0 9z" class="cr-{kind}"/></marker>'
        for kind, size in (("arrow", 11), ("back-arrow", 9))
    )
    return f"<defs>{markers}{HATCH if hatched else ''}</defs>"


def _line(line: Line, name: str) -> str:
    path = "M" + "L".join(f"{x:.4g} {y:.4g}" for x, y in line.points)
    classes, extra = "cr-ink", ' stroke-width="1.6"'
    if line.kind == "cache":
        extra += f' stroke-dasharray="7 5" marker-end="url(#{name}-arrow)"'
    elif line.kind == "weight":
        classes += " cr-negative" if line.negative else " cr-positive"
        dotted = ' stroke-dasharray="1.5 4"' if line.negative else ""
        opacity = 0.25 + 0.65 * line.ink
        extra = f' stroke-width="{0.8 + 3.4 * line.ink:.2f}" stroke-opacity="{opacity:.2f}"{dotted}'
    elif line.kind == "back":
        classes = "cr-back"
        width = 0.8 + 2.4 * line.ink
        extra = f' fill="none" stroke-width="{width:.2f}" marker-end="url(#{name}-back-arrow)"'
    else:
        extra += f' marker-end="url(#{name}-arrow)"'
    title = f"<title>{_text(line.title)}</title>" if line.title else ""
    return f'<path d="{path}" class="{classes}" data-key="{line.key}"{extra}>{title}</path>'


def _box(box: Box) -> str:
    title = f"<title>{_text(box.title)}</title>" if box.title else ""
    kind = "cr-more" if box.role == "more" else "cr-box"
    wrong = " cr-wrong" if box.marked else ""
    opening = f'<g class="{kind} cr-{box.role}{wrong}" data-key="{box.key}">{title}'
    return f"{opening}{_SHAPES[box.role](box)}{_lines(box)}</g>"


def _lines(box: Box) -> str:
    step = 16.0
    top = box.y - step * (len(box.lines) - 1) / 2 + 5
    texts = []
    for k, line in enumerate(box.lines):
        size = ' font-weight="600"'
        if k or (len(box.lines) == 1 and "=" in line):
            size = f' font-size="{min(12.0, FITTING * box.width / max(len(line), 1)):.3g}"'
        texts.append(f'<text x="{box.x:.4g}" y="{top + step * k:.4g}"{size}>{_text(line)}</text>')
    return "".join(texts)


def _rectangle(box: Box, radius: float, grow: float = 0, **attributes: Any) -> str:
    w, h = box.width + 2 * grow, box.height + 2 * grow
    place = f'x="{box.x - w / 2:.4g}" y="{box.y - h / 2:.4g}" width="{w:g}" height="{h:g}"'
    more = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
    return f'<rect {place} rx="{radius:g}"{more}/>'


def _function(box: Box) -> str:
    return _rectangle(box, 2, fill=COLOURS["function"], stroke=_EDGE, stroke_width=2.4)


def _input(box: Box) -> str:
    slant = min(9.0, box.height / 4)
    left, right = box.x - box.width / 2, box.x + box.width / 2
    top, bottom = box.y - box.height / 2, box.y + box.height / 2
    path = f"M{left + slant:g} {top:g}H{right:g}L{right - slant:g} {bottom:g}H{left:g}z"
    return f'<path d="{path}" fill="{COLOURS["input"]}" stroke="{_EDGE}" stroke-width="1.3"/>'


def _inner(box: Box) -> str:
    radius = min(box.height / 2, 16)
    return _rectangle(box, radius, fill=COLOURS["inner"], stroke=_EDGE, stroke_width=1.3)


def _output(box: Box) -> str:
    radius = min(box.height / 2, 16)
    outer = _rectangle(box, radius, fill=COLOURS["output"], stroke=_EDGE, stroke_width=1.3)
    inside = _rectangle(box, max(radius - 3, 2), -3, fill="none", stroke=_EDGE, stroke_width=1)
    return outer + inside


def _cache(box: Box) -> str:
    return _rectangle(
        box, 6, fill=COLOURS["cache"], stroke=_EDGE, stroke_width=1.6, stroke_dasharray="7 5"
    )


_SHAPES: dict[str, Any] = {
    "function": _function,
    "input": _input,
    "inner": _inner,
    "output": _output,
    "cache": _cache,
    "more": lambda box: "",
}


def _label(label: Label) -> str:
    return (
        f'<text class="cr-label" data-key="{_text(label.key)}" x="{label.x:g}" y="{label.y:g}" '
        f'text-anchor="{label.anchor}" font-size="{label.size:g}">{_text(label.text)}</text>'
    )
