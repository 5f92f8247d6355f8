"""What a notebook shows of a network and of a history, and the figure of ``history.plot``."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from ..mathematics.layers import ActivationLayer, Dropout, Layer
from ..model import Model
from . import plots
from .layer_level import layer_picture
from .picture import clean
from .svg import svg

if TYPE_CHECKING:
    from ..training.history import History

# The picture of a deeper network is too wide for a notebook's cell.
_MOST_LAYERS = 8


def network_html(net: Model) -> str:
    """Return a table of the layers and, for a few of them, the picture of both passes."""
    rows = []
    numbers = {view.at: str(view.l) for view in net.architecture.numbered}
    for at, layer in enumerate(net.layers):
        shapes = ", ".join(f"{p.name} {' × '.join(map(str, p.shape))}" for p in layer.parameters)
        cells = (numbers.get(at, ""), layer.kind, _formula(layer), shapes)
        rows.append("".join(f"<td>{escape(cell)}</td>" for cell in cells))
    head = "".join(f"<th>{name}</th>" for name in ("layer", "kind", "formula", "parameters"))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    picture = ""
    if len(net.sizes) <= _MOST_LAYERS:
        drawn = svg(
            layer_picture(net.architecture, with_legend=False, fold=True), name=f"network-{id(net)}"
        )
        picture = f'<div style="overflow-x:auto">{drawn}</div>'
    return (
        f"<p>{escape(repr(net)[1:-1])}</p><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>{picture}"
    )


def _formula(layer: Layer) -> str:
    if isinstance(layer, ActivationLayer):
        return layer.f.spec
    return f"rate {layer.rate:g}" if isinstance(layer, Dropout) else layer.formula


def history_html(history: History) -> str:
    """Return why training stopped, the ends of each curve, and a plot if matplotlib is there."""
    lines = [f"<p>{escape(clean(repr(history)[1:-1]))}</p>"]
    stop = history.stop
    if stop is not None:
        lines.append(
            f"<p>norm of the gradient at the end {stop.gradient_norm:.4g}; "
            f"epoch kept {stop.best_epoch} of {history.epochs}</p>"
        )
    curves = {"cost": history.cost, "validation cost": history.validation_cost}
    curves |= {f"validation {name}": values for name, values in history.validation_metrics.items()}
    curves |= history.metrics
    rows = [
        f"<tr><th>{escape(name)}</th><td>{values[0]:.4g}</td><td>{values[-1]:.4g}</td></tr>"
        for name, values in curves.items()
        if values
    ]
    if rows:
        head = "<tr><th></th><th>first epoch</th><th>last epoch</th></tr>"
        lines.append(f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>")
        try:
            lines.append(plots.plot_svg(plots.costs(history), "the cost over the epochs"))
        except ImportError:
            lines.append(
                "<p>matplotlib would draw the curves: pip install 'chainrule[explain]'</p>"
            )
    return "".join(lines)


def history_figure(history: History) -> Any:
    """Return a matplotlib figure of the costs over the epochs."""
    return plots.figure(plots.costs(history))
