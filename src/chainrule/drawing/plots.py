"""Plots of a training and of a model's predictions, as SVG for pages or matplotlib figures.

In a page the ink is the page's own (``currentColor``), so that a plot suits light and dark. Lines
differ in dash or marker as well as in colour.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ..typing import Array
from .picture import clean, clip_name

if TYPE_CHECKING:
    from ..training.history import History

# More ROC curves than this could not be told apart.
MOST_CURVES = 12
# Stands for the page's ink while matplotlib draws.
_INK = "#010203"
COLOURS = ("#2980d9", "#d4572a", "#1a9b72", "#8e5bd0", "#b8860b", "#c2417c")
DASHES: tuple[Any, ...] = ("solid", (0, (6, 2)), (0, (2, 2)), (0, (8, 2, 2, 2)))
_RC: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "chainrule",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": "#8899a5",
    "grid.alpha": 0.35,
    "axes.grid": True,
    "legend.frameon": False,
    "legend.labelcolor": _INK,
}


def figure(
    draw: Callable[[Any], None], width: float = 6.0, height: float = 3.4, page: bool = False
) -> Any:
    """Return a matplotlib figure of one pair of axes that ``draw`` draws into.

    For a ``page`` its ink is one that ``plot_svg`` replaces by the page's own.

    Raises ImportError naming the extra if matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("a plot needs matplotlib: pip install 'chainrule[explain]'") from None
    plain = {key: "black" if value == _INK else value for key, value in _RC.items()}
    with mpl.rc_context(_RC if page else plain):
        drawing = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(drawing)
        draw(drawing.add_subplot())
    return drawing


def plot_svg(
    draw: Callable[[Any], None], title: str, width: float = 6.0, height: float = 3.4
) -> str:
    """Return a plot as an SVG element for a page; ``title`` says to all readers what it shows."""
    import matplotlib as mpl

    out = io.StringIO()
    drawing = figure(draw, width, height, page=True)
    with mpl.rc_context(_RC), warnings.catch_warnings():
        # Text stays text: the browser has the glyphs that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph")
        drawing.savefig(
            out, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
    text = out.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    label = f'<svg role="img" aria-label="{escape(clean(title))}"'
    return text.replace("<svg", label, 1)


def captioned(
    draw: Callable[[Any], None], title: str, width: float = 6.0, height: float = 3.4
) -> str:
    """Return the inside of a figure: what ``plot_svg`` returns, with its title to be seen below."""
    caption = escape(clean(title[:1].upper() + title[1:]))
    seen = f'<figcaption class="note" aria-hidden="true">{caption}</figcaption>'
    return plot_svg(draw, title, width, height) + seen


def costs(history: History) -> Callable[[Any], None]:
    """Draw J over the epochs, on training and validation, with the epoch kept."""

    def draw(axes: Any) -> None:
        epochs = np.arange(1, history.epochs + 1)
        for values, name, k in (
            (history.cost, "training", 0),
            (history.validation_cost, "validation", 1),
        ):
            if values:
                y = np.array([np.nan if v is None else v for v in values], float)
                axes.plot(epochs, y, color=COLOURS[k], linestyle=DASHES[k], label=name)
        if history.stop is not None and history.stop.best_epoch:
            best = history.stop.best_epoch
            axes.axvline(best, color=_INK, linewidth=1, linestyle=":")
            axes.annotate(f" kept: {best}", (best, 1), xycoords=("data", "axes fraction"), va="top")
        _logarithmic_if_wide(axes, [v for v in (*history.cost, *history.validation_cost) if v])
        _epochs(axes)
        axes.set_ylabel("cost J")
        if history.cost:
            axes.legend()

    return draw


def _epochs(axes: Any) -> None:
    """Name the axis of epochs, and have no numbers between two of them."""
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)


def _logarithmic_if_wide(axes: Any, values: Sequence[float]) -> None:
    """Set a logarithmic scale with plain numbers, since text is drawn as it is.

    Over less than a factor of 30 such a scale would have hardly a number beside it.
    """
    above = [v for v in values if v > 0]
    if not above or max(above) <= 30 * min(above):
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, place: f"{value:g}")
    # Over a few decades alone the numbers between their ends are needed as well.
    between = "25" if max(above) < 1000 * min(above) else ""
    axes.yaxis.set_minor_formatter(
        lambda value, place: f"{value:g}" if f"{value:.0e}"[0] in between else ""
    )


def gradient_norms(history: History) -> Callable[[Any], None]:
    """Draw the root mean square of the batches' gradient norms over the epochs, layer by layer."""

    def draw(axes: Any) -> None:
        norms = np.array(history.layer_gradient_norms, float).reshape(history.epochs, -1)
        epochs = np.arange(1, history.epochs + 1)
        for k in range(norms.shape[1]):
            style = {"color": COLOURS[k % 6], "linestyle": DASHES[k % 4]}
            positive = np.where(norms[:, k] > 0, norms[:, k], np.nan)
            axes.plot(epochs, positive, label=f"layer {k + 1}", **style)
        _logarithmic_if_wide(axes, norms[np.isfinite(norms)].tolist())
        if 0 < norms.shape[1] <= 12:
            axes.legend(ncols=1 + norms.shape[1] // 7)
        _epochs(axes)
        axes.set_ylabel("norm of dJ/dW, dJ/db")

    return draw


def roc(true: Array, scores: Array, classes: Sequence[str]) -> Callable[[Any], None]:
    """Draw the ROC curve, for several classes one against the rest; scores (m, k)."""

    def draw(axes: Any) -> None:
        curves = [1] if len(classes) == 2 else list(range(min(len(classes), MOST_CURVES)))
        for n, c in enumerate(curves):
            x, y = roc_curve(true == c, scores[:, c])
            name = clip_name(clean(classes[c]), 24)
            axes.plot(x, y, color=COLOURS[n % 6], linestyle=DASHES[n % 4], label=name)
        axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=":")
        axes.set_xlabel("false positive rate")
        axes.set_ylabel("true positive rate")
        axes.legend(loc="lower right", ncols=1 + len(curves) // 7)

    return draw


def roc_curve(true: Array, score: Array) -> tuple[Array, Array]:
    """Return false and true positive rates as the threshold falls; ties are one step."""
    order = np.argsort(-score, kind="stable")
    hits, ranked = true[order].astype(float), score[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    tp = np.cumsum(hits)[ends]
    fp = ends + 1 - tp
    return (
        np.concatenate([[0.0], fp / max(fp[-1], 1)]),
        np.concatenate([[0.0], tp / max(tp[-1], 1)]),
    )


def _merged(counts: Array, least: int) -> Array:
    """Return which group each bin is in: bins in a row join until a group has ``least`` rows."""
    groups = np.zeros(len(counts), np.int64)
    group, size = 0, 0
    for place, count in enumerate(counts):
        if size >= least:
            group, size = group + 1, 0
        groups[place], size = group, size + int(count)
    if size < least and group:
        groups[groups == group] = group - 1
    return groups


def calibration(true: Array, probabilities: Array) -> Callable[[Any], None]:
    """Draw how often what was predicted with probability p was so; true (m,) is 0 or 1.

    In tenths of p; neighbouring ones are one point until it has a twentieth of the rows, and 10.
    """

    def draw(axes: Any) -> None:
        place = np.minimum((probabilities * 10).astype(int), 9)
        place = _merged(np.bincount(place, minlength=10), max(10, len(true) // 20))[place]
        counts = np.bincount(place, minlength=10)
        seen = np.flatnonzero(counts)
        predicted = np.bincount(place, probabilities, 10)[seen] / counts[seen]
        was = np.bincount(place, true, 10)[seen] / counts[seen]
        axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=":")
        axes.plot(predicted, was, color=COLOURS[0], marker="o")
        for x, y, n in zip(predicted, was, counts[seen], strict=True):
            axes.annotate(f" {n}", (x, y), fontsize=8, va="bottom")
        axes.set_xlabel("predicted probability")
        axes.set_ylabel("share that was so")

    return draw


def residuals(true: Array, predicted: Array) -> Callable[[Any], None]:
    """Draw predicted against true values; the line is a perfect prediction."""

    def draw(axes: Any) -> None:
        ends = [float(true.min()), float(true.max())]
        axes.plot(ends, ends, color=_INK, linewidth=0.8, linestyle=":")
        step = max(1, len(true) // 1000)
        axes.plot(true[::step], predicted[::step], ".", color=COLOURS[0], alpha=0.6)
        axes.set_xlabel("true")
        axes.set_ylabel("predicted")

    return draw


def errors(off: Array) -> Callable[[Any], None]:
    """Draw how often predictions are off by how much."""

    def draw(axes: Any) -> None:
        axes.hist(off, bins=min(30, max(5, len(off) // 5)), color=COLOURS[0])
        axes.axvline(0, color=_INK, linewidth=0.8)
        axes.set_xlabel("predicted − true")
        axes.set_ylabel("rows")

    return draw


def importance(
    names: Sequence[str], means: Array, spreads: Array, measure: str
) -> Callable[[Any], None]:
    """Draw by how much the cost rises as a column is shuffled; the most important above."""

    def draw(axes: Any) -> None:
        places = np.arange(len(names))[::-1]
        axes.barh(places, means, xerr=spreads, color=COLOURS[0], ecolor=_INK)
        axes.set_yticks(places, [clip_name(clean(name), 32) for name in names])
        axes.axvline(0, color=_INK, linewidth=0.8)
        axes.set_xlabel(f"rise of the {measure} when the column is shuffled")

    return draw


def dependence(
    values: Any, means: Array, classes: Sequence[str], name: str
) -> Callable[[Any], None]:
    """Draw mean predictions (g, k) at values of a column, numbers on a line and words in a row."""

    def draw(axes: Any) -> None:
        words = isinstance(values, tuple)
        places = np.arange(len(values)) if words else values
        style = {"marker": "o", "linestyle": "none" if words else "-"}
        for k, curve in enumerate(means.T[:MOST_CURVES]):
            label = clip_name(clean(classes[k]), 20) if len(classes) > 1 else None
            axes.plot(places, curve, color=COLOURS[k % len(COLOURS)], label=label, **style)
        if words:
            axes.set_xticks(places, [clip_name(clean(word), 10) for word in values], rotation=45)
        if len(classes) > 1:
            axes.legend()
        axes.set_xlabel(name)

    return draw
