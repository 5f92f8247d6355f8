"""The report as a page: the same words, the gradients of wrong arrays side by side, a heat map of
errors for each W and the curve of the error over the step."""

from __future__ import annotations

from html import escape
from math import ceil, isfinite, log10

import numpy as np

from .chain import chain_picture
from .render import HEAD, lines_after, lines_before, reasons, row
from .report_record import ReportRecord
from .side_by_side import STYLE as SIDE_STYLE
from .side_by_side import side_by_side
from .verdicts import UNCHECKED, UNDECIDABLE, WRONG, Checked

COLOURS = {"right": "#1a7f37", "wrong": "#c0392b", "undecidable": "#b7791f"}
STYLE = """
.cr-check{font:14px/1.45 system-ui,sans-serif;max-width:70rem}
.cr-check table{border-collapse:collapse;font-variant-numeric:tabular-nums}
.cr-check td,.cr-check th{padding:.15rem .7rem .15rem 0;text-align:left;white-space:nowrap}
.cr-check .wrong{color:#c0392b}.cr-check .undecidable{color:#b7791f}
.cr-check figure{display:inline-block;margin:.6rem 1.2rem .2rem 0;vertical-align:top}
.cr-check .cr-chain{display:block;max-width:60rem}
.cr-check .cr-chain svg{border:0;width:100%;height:auto}
.cr-check figcaption{font-size:12px;color:#666}.cr-check svg{border:1px solid #bbb}
"""
# Errors are shown from 1e-12 (white) to 1 (red).
LEAST = -12.0
CELLS = 48


def page(report: ReportRecord) -> str:
    """Return the report as one HTML element."""
    before, after = lines_before(report), [*reasons(report), *lines_after(report)]
    head = "".join(f"<th>{escape(word)}</th>" for word in HEAD)
    rows = "".join(_row(t) for t in report.tensors)
    maps = "".join(
        heat_map(t) for t in report.tensors if t.analytic.ndim == 2 and t.analytic.size > 3
    )
    curves = "".join(v_curve(report, t) for t in _worst(report))
    sides = "".join(side_by_side(t) for t in report.tensors if t.count(WRONG))
    colour = COLOURS[report.verdict]
    return (
        f'<div class="cr-check"><style>{STYLE}{SIDE_STYLE}</style>'
        f'<p style="color:{colour}"><b>{escape(before[0])}</b></p>'
        + "".join(f"<div>{escape(line)}</div>" for line in before[1:])
        + f"<table><tr>{head}</tr>{rows}</table>{chain_picture(report)}{sides}{maps}{curves}"
        + "".join(f"<div><small>{escape(line)}</small></div>" for line in after)
        + "</div>"
    )


def document(report: ReportRecord) -> str:
    """Return the report as a whole HTML document."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="generator" content="chainrule">'
        f"<title>Gradient check: {escape(report.verdict)}</title></head>"
        f"<body>{page(report)}</body></html>"
    )


def _row(t: Checked) -> str:
    kind = "wrong" if t.count(WRONG) else "undecidable" if t.count(UNDECIDABLE) else ""
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in row(t))
    return f'<tr class="{kind}">{cells}</tr>'


def _worst(report: ReportRecord) -> list[Checked]:
    if report.probe is None:
        return []
    order = sorted(report.tensors, key=lambda t: (-t.count(WRONG), -t.count(UNDECIDABLE)))
    return [t for t in order if t.worst(1)][:2]


def heat_map(t: Checked) -> str:
    """Draw the relative error of a matrix; large ones in blocks, each its worst entry."""
    error = np.where(t.verdict == UNCHECKED, np.nan, t.error)
    n, p = error.shape
    high, wide = ceil(n / CELLS), ceil(p / CELLS)
    size = max(3, min(14, 420 // max(ceil(n / high), ceil(p / wide))))
    cells = []
    for i in range(0, n, high):
        for j in range(0, p, wide):
            block = error[i : i + high, j : j + wide]
            known = block[~np.isnan(block)]
            worst = float(known.max()) if known.size else float("nan")
            x, y = j // wide * size, i // high * size
            cells.append(
                f'<rect x="{x}" y="{y}" width="{size}" height="{size}" fill="{_colour(worst)}">'
                f"<title>{escape(t.name)}[{i}, {j}]: {worst:.1e}</title></rect>"
            )
    width, height = ceil(p / wide) * size, ceil(n / high) * size
    blocks = f", blocks of {high}×{wide}" if high * wide > 1 else ""
    return (
        f'<figure><svg width="{width}" height="{height}" role="img" '
        f'aria-label="relative error of {escape(t.name)}">{"".join(cells)}</svg>'
        f"<figcaption>{escape(t.name)}: relative error, white 1e-12, red 1{blocks}</figcaption>"
        "</figure>"
    )


def _colour(error: float) -> str:
    if error != error:
        return "#ddd"
    share = 0.0 if error <= 0 else (log10(min(error, 1.0)) - LEAST) / -LEAST
    share = min(max(share, 0.0), 1.0)
    return f"rgb({255 - round(63 * share)},{255 - round(198 * share)},{255 - round(212 * share)})"


def v_curve(report: ReportRecord, t: Checked) -> str:
    """Draw the distance of central difference and gradient, at the worst entry, over the step."""
    points = report.curve(t.name, t.worst(1)[0])
    a = float(t.analytic.flat[t.worst(1)[0]])
    scale = max(abs(a), float(np.nanmax(np.abs(t.analytic), initial=0.0)) * 1e-3, 1e-300)
    known = [(log10(h), log10(max(abs(d - a) / scale, 1e-17))) for h, d in points if isfinite(d)]
    if len(known) < 2:
        return ""
    width, height, left, top = 300.0, 170.0, 34.0, 8.0
    least = min(h for h, _ in known)
    most = max(h for h, _ in known)

    def at(h: float, e: float) -> tuple[float, float]:
        x = left + (h - least) / (most - least) * (width - left - 8)
        return x, top + (min(e, 2.0) - 2.0) / -19.0 * (height - top - 26)

    line = " ".join("{:.1f},{:.1f}".format(*at(h, e)) for h, e in known)
    ticks = "".join(
        f'<text x="{at(h, 0)[0]:.0f}" y="{height - 6}" text-anchor="middle">1e{h}</text>'
        for h in range(ceil(least), int(most) + 1, 3)
    ) + "".join(
        f'<text x="{left - 4}" y="{at(least, e)[1] + 4:.0f}" text-anchor="end">1e{e}</text>'
        for e in (0, -5, -10, -15)
    )
    place = [int(k) for k in np.unravel_index(t.worst(1)[0], t.shape)]
    return (
        f'<figure><svg width="{width:.0f}" height="{height:.0f}" font-size="10" fill="#555" '
        f'role="img" aria-label="error against step"><polyline points="{line}" fill="none" '
        f'stroke="#0969da" '
        f'stroke-width="1.5"/>{ticks}</svg><figcaption>{escape(t.name)}{place}: relative '
        "distance of the central difference from the gradient, against the step. A V that reaches "
        "down: right; a floor: wrong.</figcaption></figure>"
    )
