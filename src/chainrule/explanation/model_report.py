"""The report on a trained model: one page of what it is, how it learnt and how good it is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ..drawing import plots
from ..drawing.picture import clean
from ..files.atomic import write_atomically
from ..training.history import History, Stop
from ..typing import Array
from .assets import asset, template
from .checks import model_and_rows
from .gradient_flow import findings
from .illustration import illustrate
from .page import summary
from .scoring import (
    Importance,
    importances,
    rows_held_out,
    score_lines,
    scored,
    thinned,
    which_rows,
    worst_rows,
)

if TYPE_CHECKING:
    from ..tables.columns import Columns
    from ..tables.model import TableModel

_CHECKED_ROWS, _CHECK_SECONDS = 32, 5.0
# Units and gradients are surveyed on so many rows: their passes are held in memory.
_SURVEYED_ROWS = 10_000
_SHOWN_COLUMNS, _MOST_CLASSES = 20, 30


@dataclass(frozen=True, slots=True)
class ModelReport:
    """A self-contained HTML page on a trained model; a notebook shows it, ``save`` writes it.

    ``scores``, ``importance`` and ``check`` are what the page says in numbers.
    """

    html: str
    title: str
    scores: Mapping[str, Any]
    importance: tuple[Importance, ...]
    check: str

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page atomically; it opens from disk and asks the network for nothing."""
        write_atomically(path, self.html.encode())

    def _repr_html_(self) -> str:
        frame = 'sandbox="" width="100%" height="900" style="border:0"'
        return (
            f'<iframe title="{escape(self.title)}" srcdoc="{escape(self.html)}" {frame}></iframe>'
        )

    def __repr__(self) -> str:
        return f"<ModelReport {self.title!r}, {len(self.html.encode()) / 1e6:.2f} MB>"


def report(
    model: TableModel | str | os.PathLike[str],
    rows: Columns | str | os.PathLike[str],
    source: str = "",
    say: Callable[[str], None] = lambda sentence: None,
) -> ModelReport:
    """Return a page on a model that ``chainrule train`` made, scored on ``rows`` with their target.

    ``model`` and ``rows`` are what was read from a model file and a table, or the names of the two
    files. Where ``rows`` are the table that it was trained on, only those held out then are scored;
    otherwise all. ``source`` is the table's name. ``say`` hears the encoder's warnings.

    Raises ValueError for files and a target that cannot be read, TypeError for another kind of
    model or rows; ImportError naming the extra if matplotlib or jinja2 is missing.
    """
    model, rows, source = model_and_rows(model, rows, source, say)
    held = rows_held_out(model, rows, source)
    scored_rows = rows if held is None else rows.take(held)
    for warning in model.encoder.encode(scored_rows, model.network.dtype)[1]:
        say(warning)
    true, outputs, scores = scored(model, scored_rows)
    speed = _rows_a_second(model, scored_rows)
    history = history_of(model.record)
    importance = importances(model, scored_rows, true) if scored_rows.m > 1 else ()
    X, y = model.encoder.transform(scored_rows, np.float64), model.target.encode(true, np.float64)
    check = gradient_check(model, X, y)
    some = thinned(len(X), _SURVEYED_ROWS)
    from .. import __version__

    title = f"Report on a model of {model.target.name}"
    html = template("report.html").render(
        title=clean(title),
        style=asset("base.css") + asset("report.css"),
        summary=summary(model.network),
        data=data_lines(model, rows, held, source),
        picture=illustrate(model.network).svg(),
        training=training_lines(model, history, speed),
        curves=_curves(history),
        stop=None if history is None else history.stop,
        scores=score_lines(scores, None if held is None else model.record.get("baseline")),
        confusion=_confusion(model, scores),
        pictures=_predictions(model, true, outputs),
        importance=_importance(importance[:_SHOWN_COLUMNS]),
        columns=len(importance),
        worst=worst_rows(model, X, true, held),
        findings=[str(finding) for finding in findings(model.network, X[some], y[some])],
        check=clean(check),
        checked=_checked(scored_rows.m),
        version=__version__,
    )
    return ModelReport(html, title, scores, importance, check)


def _rows_a_second(model: TableModel, rows: Columns) -> float:
    start = time.perf_counter()
    model.outputs(rows)
    return rows.m / max(time.perf_counter() - start, 1e-9)


def history_of(record: Any) -> History | None:
    """Build the history that a model file's record holds; None if it holds none."""
    values = record.get("history") if isinstance(record, dict) else None
    if not isinstance(values, dict) or not values.get("cost"):
        return None
    names = {field.name for field in fields(History)} - {"snapshots", "stop"}
    history = History(**{name: value for name, value in values.items() if name in names})
    stop = values.get("stop")
    if isinstance(stop, dict) and set(stop) == {field.name for field in fields(Stop)}:
        history.stop = Stop(**stop)
    return history


def _checked(m: int) -> str:
    """Say on which of the m rows scored the gradients are checked."""
    if m <= _CHECKED_ROWS:
        return "on the scored rows"
    return f"on the first {_CHECKED_ROWS} of the scored rows; J below is that of these rows alone"


def gradient_check(model: TableModel, X: Array, y: Array) -> str:
    """Check the network's gradients numerically on a few rows; return the finding in words."""
    from ..gradcheck import check_gradients

    net = model.network.copy("float64")
    try:
        result = check_gradients(
            net, X[:_CHECKED_ROWS], y[:_CHECKED_ROWS], seconds=_CHECK_SECONDS, progress=False
        )
    except (ValueError, TypeError, ArithmeticError) as error:
        return f"The gradients could not be checked: {error}"
    return str(result)


def _plural(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def data_lines(
    model: TableModel, rows: Columns, held: Array | None, source: str
) -> list[tuple[str, str]]:
    """Say what was trained on and what is scored here, as pairs of a name and a text."""
    lines = [("target", f"{model.target.name} ({model.target.task})")]
    if model.target.classes:
        named, more = model.target.classes[:20], len(model.target.classes) - 20
        lines.append(("classes", ", ".join(named) + (f", … {more} more" if more > 0 else "")))
    kinds: dict[str, int] = {}
    for feature in model.encoder.features:
        kinds[feature.kind] = kinds.get(feature.kind, 0) + 1
    columns = ", ".join(f"{n} {kind if n == 1 else _plural(kind)}" for kind, n in kinds.items())
    lines.append(("columns", f"{len(model.encoder.features)} ({columns})"))
    counts = model.record.get("rows") if isinstance(model.record, dict) else None
    if isinstance(counts, dict):
        parts = ", ".join(f"{counts.get(part)} {part}" for part in ("train", "validation", "test"))
        lines.append(("trained on", f"{model.record.get('data') or 'a table'}: rows {parts}"))
    lines.append(("scored here", which_rows(model, rows, held, source)))
    return [(name, clean(text)) for name, text in lines]


_SETTINGS = ("optimizer", "learning_rate", "schedule", "batch_size", "l2", "dropout", "seed")


def training_lines(
    model: TableModel, history: History | None, speed: float
) -> list[tuple[str, str]]:
    """Say how the model was trained and how fast, as pairs of a name and a text."""
    settings = model.record.get("settings") if isinstance(model.record, dict) else None
    known = settings if isinstance(settings, dict) else {}
    lines = [
        (name.replace("_", " "), clean(str(known[name])))
        for name in _SETTINGS
        if known.get(name) is not None
    ]
    if history is not None and history.seconds:
        seconds, counts = history.seconds[-1], model.record.get("rows") or {}
        rate = counts.get("train", 0) * history.epochs / max(seconds, 1e-9)
        lines.append(("epochs", f"{history.epochs} in {seconds:.3g} s, engine {history.engine}"))
        lines.append(("throughput of training", f"{rate:,.0f} rows a second"))
    lines.append(("throughput of prediction", f"{speed:,.0f} rows a second, on this machine"))
    return lines


def _curves(history: History | None) -> list[str]:
    if history is None:
        return []
    curves = [plots.captioned(plots.costs(history), "the cost J over the epochs")]
    if history.layer_gradient_norms:
        title = "the norms of the gradients of each layer over the epochs"
        curves.append(plots.captioned(plots.gradient_norms(history), title))
    return curves


def _predictions(model: TableModel, true: Array, outputs: Array) -> list[str]:
    """Draw ROC and calibration for classes, predictions against the truth for numbers."""
    target = model.target
    if target.task == "regression":
        predicted = target.decode(outputs)
        title = "how often predictions are off by how much"
        histogram = plots.captioned(plots.errors(predicted - true), title)
        scatter = plots.captioned(plots.residuals(true, predicted), "predicted against true values")
        return [scatter, histogram]
    from ..tables.scores import probabilities_of

    shares = probabilities_of(target.task, outputs)
    known, seen = target.classes, np.unique(true)
    if len(seen) == 1:
        only = f"All rows are {known[int(seen[0])]!r}: a ROC curve needs rows of another class too."
        pictures = [f'<p class="note">{escape(clean(only))}</p>']
    else:
        pictures = [plots.captioned(plots.roc(true, shares, known), _roc_title(known))]
    if target.task == "binary":
        chance, right = shares[:, 1], (true == 1).astype(float)
    else:
        chance, right = shares.max(axis=1), (true == shares.argmax(axis=1)).astype(float)
    title = (
        "calibration: how often what was predicted with a probability was so; the dotted line is "
        "perfect, a number beside a point counts its rows"
    )
    return [*pictures, plots.captioned(plots.calibration(right, chance), title)]


def _roc_title(classes: Sequence[str]) -> str:
    if len(classes) == 2:
        return f"ROC curve of {classes[1]!r}; the dotted line is guessing"
    some = f", the first {plots.MOST_CURVES} of {len(classes)} classes"
    rest = some if len(classes) > plots.MOST_CURVES else ""
    return f"ROC curves, each class against the rest{rest}; the dotted line is guessing"


def _confusion(model: TableModel, scores: Mapping[str, Any]) -> Any:
    """Return the confusion matrix with names, and each cell's share of its row."""
    counts = scores.get("confusion")
    if counts is None:
        return None
    if len(counts) > _MOST_CLASSES:
        return {"names": [], "rows": [], "left_out": len(counts)}
    names = [clean(name) for name in model.target.classes]
    rows = [
        (name, [(n, n / max(sum(row), 1)) for n in row])
        for name, row in zip(names, counts, strict=True)
    ]
    return {"names": names, "rows": rows, "left_out": 0}


def _importance(importance: tuple[Importance, ...]) -> str:
    if not importance:
        return ""
    draw = plots.importance(
        [one.name for one in importance],
        np.array([one.mean for one in importance]),
        np.array([one.spread for one in importance]),
        importance[0].measure,
    )
    height = 1.0 + 0.27 * len(importance)
    return plots.plot_svg(draw, "importance of the columns", height=height)
