"""The report on a trained model: one page of what it is, how it learnt and how good it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from ..drawing import plots
from ..drawing.picture import clean
from ..tabular.model import EnsembleModel
from ..training.history import History, Stop
from ..typing import Array
from .assets import asset, template
from .checks import model_and_rows
from .ensemble_report import ensemble_report
from .gradient_flow import findings
from .illustration import illustrate
from .page import summary
from .report_parts import (
    ModelReport,
    confusion_of,
    data_lines,
    importance_plot,
    prediction_plots,
    rows_a_second,
)
from .scoring import (
    importances,
    rows_held_out,
    score_lines,
    scored,
    thinned,
    worst_rows,
)

if TYPE_CHECKING:
    from ..tables.columns import Columns
    from ..tables.model import EncodedModel, TableModel

_CHECKED_ROWS, _CHECK_SECONDS = 32, 5.0
# Units and gradients are surveyed on so many rows: their passes are held in memory.
_SURVEYED_ROWS = 10_000
_SHOWN_COLUMNS = 20
_SHUFFLED = (
    "five times each, on the scored rows: a column that the model does not use is at 0. A bar is "
    "the mean of the five, its line their standard deviation."
)


def report(
    model: EncodedModel | str | os.PathLike[str],
    rows: Columns | str | os.PathLike[str],
    source: str = "",
    say: Callable[[str], None] = lambda sentence: None,
) -> ModelReport:
    """Return a page on a model that ``chainrule train`` made, scored on ``rows`` with their target.

    ``model`` and ``rows`` are what was read from a model file and a table, or the names of the two
    files. Where ``rows`` are the table that one network was trained on, only those held out then
    are scored; where they are an ensemble's, each by the members that did not see it; otherwise
    all. ``source`` is the table's name. ``say`` hears the encoder's warnings.

    Raises ValueError for files and a target that cannot be read, TypeError for another kind of
    model or rows; ImportError naming the extra if matplotlib or jinja2 is missing.
    """
    model, rows, source = model_and_rows(model, rows, source, say)
    if isinstance(model, EnsembleModel):
        return ensemble_report(model, rows, source, say)
    held = rows_held_out(model, rows, source)
    scored_rows = rows if held is None else rows.take(held)
    for warning in model.encoder.encode(scored_rows, model.network.dtype)[1]:
        say(warning)
    true, outputs, scores = scored(model, scored_rows)
    speed = rows_a_second(model, scored_rows)
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
        confusion=confusion_of(model, scores),
        pictures=prediction_plots(model, true, outputs),
        importance=importance_plot(importance[:_SHOWN_COLUMNS]),
        shuffled=_SHUFFLED,
        dependences=(),
        columns=len(importance),
        worst=worst_rows(model, X, true, held),
        findings=[str(finding) for finding in findings(model.network, X[some], y[some])],
        check=clean(check),
        checked=_checked(scored_rows.m),
        version=__version__,
    )
    return ModelReport(html, title, scores, importance, check)


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
