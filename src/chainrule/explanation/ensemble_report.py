"""The report on an ensemble: rows out of fold, what columns are worth, and what depends on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..drawing import plots
from ..drawing.picture import clean
from .assets import asset, template
from .report_parts import (
    ModelReport,
    confusion_of,
    data_lines,
    importance_plot,
    prediction_plots,
    rows_a_second,
)
from .scoring import Importance, score_lines, worst_by

if TYPE_CHECKING:
    from ..tables.columns import Columns
    from ..tabular.model import EnsembleModel

_SHOWN_COLUMNS, _DEPENDENCES = 20, 6


def ensemble_report(
    model: EnsembleModel, rows: Columns, source: str, say: Callable[[str], None]
) -> ModelReport:
    """Return a page on an ensemble; see ``model_report.report``."""
    from .. import __version__
    from ..tables.model import score
    from ..tabular.recipe import targets_of

    target = model.target
    true = target.values_of(rows[target.name])
    outputs = model.held_out(rows)
    everything = outputs is not None
    if outputs is None:
        outputs, warnings = model.outputs(rows)
        for warning in warnings:
            say(warning)
    held = np.arange(rows.m) if everything else None
    scores = score(target, true, outputs)
    importance = _importances(model)
    costs = targets_of(target, true, None).losses(outputs)
    title = f"Report on a model of {target.name}"
    html = template("report.html").render(
        title=clean(title),
        style=asset("base.css") + asset("report.css"),
        summary=_summary(model),
        data=data_lines(model, rows, held, source, ", each by networks that did not see it"),
        training=_training_lines(model, rows_a_second(model, rows)),
        scores=score_lines(scores, model.record.get("baseline") if everything else None),
        confusion=confusion_of(model, scores),
        pictures=prediction_plots(model, true, outputs),
        importance=importance_plot(importance[:_SHOWN_COLUMNS]),
        shuffled="once, on rows out of fold: a column that the model does not use is at 0.",
        columns=len(importance),
        dependences=_dependences(model, rows, importance),
        worst=worst_by(costs, target, true, outputs, held),
        **dict.fromkeys(("picture", "stop", "curves", "check"), ""),
        version=__version__,
    )
    return ModelReport(html, title, scores, importance, "")


def _summary(model: EnsembleModel) -> str:
    ensemble = model.ensemble
    networks = [network for member in ensemble.members for network in member.networks]
    parameters = sum(network.theta.size for network in networks)
    return (
        f"an ensemble of {len(networks)} networks on {len(ensemble)} folds, "
        f"{parameters:,} parameters"
    )


def _training_lines(model: EnsembleModel, speed: float) -> list[tuple[str, str]]:
    """Say what the ensemble is made of, as pairs of a name and a text."""
    ensemble = model.ensemble
    lines = [
        (design.name, f"{weight:.0%} of the prediction; {_described(design)}")
        for design, weight in zip(ensemble.designs, ensemble.weights, strict=True)
    ]
    if ensemble.task != "regression":
        lines.append(("temperature", f"{ensemble.temperature:.3g}"))
    return [*lines, ("throughput of prediction", f"{speed:,.0f} rows a second, on this machine")]


def _described(design: Any) -> str:
    hidden = "-".join(map(str, design.hidden))
    shape = f"{hidden} {design.activation}" if hidden else "no hidden layer"
    return f"{shape}, on columns{' and bins' if design.bins else ''}"


def _importances(model: EnsembleModel) -> tuple[Importance, ...]:
    measure = "squared error" if model.target.task == "regression" else "log loss"
    rises = model.out_of_fold.importances.tolist()
    worth = [
        Importance(name, rise, 0.0, measure)
        for name, rise in zip(model.encoder.names, rises, strict=True)
    ]
    return tuple(sorted(worth, key=lambda one: -one.mean))


def _dependences(
    model: EnsembleModel, rows: Columns, importance: tuple[Importance, ...]
) -> list[str]:
    """Draw how the mean prediction depends on the columns that are worth most."""
    from ..tabular.partial_dependence import partial_dependence

    target, drawn = model.target, []
    known = target.classes[1:] if target.task == "binary" else target.classes
    for one in importance[:_DEPENDENCES]:
        if one.mean > 0:
            found = partial_dependence(model, rows, one.name)
            draw = plots.dependence(found.values, found.means, known, clean(one.name))
            drawn.append(plots.captioned(draw, _caption(model, one.name)))
    return drawn


def _caption(model: EnsembleModel, name: str) -> str:
    target = model.target
    of = {
        "regression": f"the mean prediction of {target.name}",
        "binary": f"the mean probability of {''.join(target.classes[1:])!r}",
        "multiclass": "the mean probability of each class",
    }
    return clean(f"{of[target.task]}, as {name} takes each value in all rows")
