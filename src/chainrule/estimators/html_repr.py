"""The HTML repr: scikit-learn's diagram, and below it the network's layers once it is fitted."""

from __future__ import annotations

from html import escape
from typing import Any

STYLE = "border-collapse:collapse;font:13px sans-serif;margin-top:.5em"
CELL = "padding:2px 10px;border-bottom:1px solid #ccc;text-align:right"


def architecture_html(estimator: Any) -> str:
    """Return the fitted network's layers as an HTML table, and why training stopped."""
    net = estimator.network_
    rows = [_row("th", ("layer", "units", "activation", "parameters"))]
    rows.append(_row("td", ("x", net.sizes[0], "", "")))
    for l, f in enumerate(net.activations, 1):
        count = net.W[l].size + net.b[l].size
        rows.append(_row("td", (f"a{l}", net.sizes[l], f.spec, f"{count:,}")))
    stop = getattr(estimator, "stop_", None)
    end = f"; {estimator.n_iter_} epochs: {stop.message}" if stop is not None else ""
    caption = f"J: {net.cost.spec}, {net.theta.size:,} parameters of {net.dtype}{end}"
    return (
        f'<table style="{STYLE}"><caption style="caption-side:bottom;text-align:left">'
        f"{escape(caption)}</caption>{''.join(rows)}</table>"
    )


def _row(kind: str, cells: tuple[Any, ...]) -> str:
    inside = "".join(f'<{kind} style="{CELL}">{escape(str(cell))}</{kind}>' for cell in cells)
    return f"<tr>{inside}</tr>"
