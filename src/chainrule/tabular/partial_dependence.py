"""Partial dependence: the mean prediction as one column takes each of its values in all rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..tables.columns import Column, Columns, as_measures, as_text
from ..tables.scores import probabilities_of
from ..typing import Floats
from .model import EnsembleModel

# Values that a column takes, and rows over which predictions are averaged.
MOST_VALUES, MOST_ROWS = 12, 200


@dataclass(frozen=True, slots=True)
class Dependence:
    """The mean prediction (g, k) at g values of a column.

    ``values`` (g,): numbers or days, or words. Predictions are numbers in the target's own units
    (k = 1), or the probability of the second of two classes (k = 1) or of each of k.
    """

    name: str
    values: Floats | tuple[str, ...]
    means: Floats


def partial_dependence(model: EnsembleModel, rows: Columns, name: str) -> Dependence:
    """Return the mean prediction over rows as one column takes each of its values.

    Numbers take quantiles of theirs, words the most frequent ones.

    Source: Friedman, "Greedy function approximation: a gradient boosting machine", Annals of
    Statistics 29, 2001, section 8.2.
    """
    count = min(rows.m, MOST_ROWS)
    sample = rows.take(np.linspace(0, rows.m - 1, count).round().astype(np.int64))
    values = _values(model, rows[name])
    places = np.repeat(np.arange(len(values)), count)
    several = sample.take(np.tile(np.arange(count), len(values)))
    column = several[name]
    if isinstance(values, tuple):
        changed = Column(name, "text", np.array(values, object)[places])
    else:
        changed = Column(name, column.kind if column.kind == "date" else "float", values[places])
    outputs = model.outputs(Columns({**several, name: changed}, several.m))[0]
    means = _predicted(model, outputs).reshape(len(values), count, -1).mean(axis=1)
    return Dependence(name, values, means)


def _values(model: EnsembleModel, column: Column) -> Floats | tuple[str, ...]:
    (feature,) = (one for one in model.encoder.features if one.name == column.name)
    if feature.kind == "category":
        words, counts = np.unique([w for w in as_text(column).tolist() if w], return_counts=True)
        return tuple(words[np.argsort(-counts, kind="stable")][:MOST_VALUES].tolist())
    if feature.kind == "boolean":
        return np.array([0.0, 1.0])
    numbers = as_measures(column)
    if feature.gap is not None:
        numbers = numbers[numbers != feature.gap]
    numbers = np.clip(numbers[~np.isnan(numbers)], feature.low, feature.high)
    return np.unique(np.quantile(numbers, np.linspace(0.02, 0.98, MOST_VALUES)))


def _predicted(model: EnsembleModel, outputs: Floats) -> Floats:
    target = model.target
    if target.task == "regression":
        return target.original(outputs)[:, None]
    p = probabilities_of(target.task, outputs)
    return p[:, 1:] if target.task == "binary" else p
