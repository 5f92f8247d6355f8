"""Parts of a report that one network and an ensemble share: data, predictions, columns."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ..drawing import plots
from ..drawing.picture import clean
from ..files.atomic import write_atomically
from ..typing import Array
from .scoring import Importance, which_rows

if TYPE_CHECKING:
    from ..tables.columns import Columns
    from ..tables.model import EncodedModel

_MOST_CLASSES = 30


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


def data_lines(
    model: EncodedModel,
    rows: Columns,
    held: Array | None,
    source: str,
    how: str = " that were held out in training",
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
        # Of one network there are three parts; an ensemble is trained on all rows.
        parts = ", ".join(f"{count} {part}" for part, count in counts.items())
        lines.append(("trained on", f"{model.record.get('data') or 'a table'}: rows {parts}"))
    lines.append(("scored here", which_rows(model, rows, held, source, how)))
    return [(name, clean(text)) for name, text in lines]


def _plural(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def rows_a_second(model: EncodedModel, rows: Columns) -> float:
    """Measure how many rows a second a model predicts."""
    start = time.perf_counter()
    model.outputs(rows)
    return rows.m / max(time.perf_counter() - start, 1e-9)


def prediction_plots(model: EncodedModel, true: Array, outputs: Array) -> list[str]:
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


def confusion_of(model: EncodedModel, scores: Mapping[str, Any]) -> Any:
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


def importance_plot(importance: tuple[Importance, ...]) -> str:
    """Draw what the columns are worth."""
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
