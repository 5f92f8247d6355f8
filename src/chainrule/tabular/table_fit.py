"""Fitting a file's table: read, find the target, train the ensemble, score it out of fold."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ..files.json_values import finite
from ..tables.encoder import Encoder
from ..tables.recipe import Say, silent
from ..tables.row_groups import copies_of, hashes_of
from ..tables.samples import LabelledRows, label_rows
from ..tables.settings import Choices, as_json, check
from ..tables.splits import moments_of
from ..tables.testing import Tested, score_rows
from ..tables.training_table import read_to_train
from ..typing import Rows
from .class_weights import balanced
from .model import EnsembleModel
from .recipe import Labelled, Options, fit_model

# The choices that an ensemble knows; the others are of one network.
CHOICES: Final = (
    "task",
    "latest",
    "drop",
    "category",
    "number",
    "order",
    "missing",
    "encoding",
    "group",
    "weight",
    "class_weight",
    "skip_missing",
    "seed",
    "time_limit",
)


@dataclass(frozen=True, slots=True)
class FittedTable:
    """An ensemble, and its scores on the rows that were out of fold.

    ``rows``: how many there are in all, and how many are scored.
    """

    model: EnsembleModel
    tested: Tested
    rows: dict[str, int]


def fit_table(
    path: str | os.PathLike[str] | Sequence[str],
    target: str,
    choices: Choices | None = None,
    say: Say = silent,
    progress: bool = False,
) -> FittedTable:
    """Train the best model for a file's table; ``say`` takes each sentence the user should read.

    ``path``: one file, or several with the same columns. ``choices``: those of ``CHOICES``.

    Raises ValueError, in one sentence, for choices, a file or a table that cannot be trained with.
    """
    choices = choices or Choices()
    check(choices)
    table = read_to_train(path, target, choices, say)
    known = label_rows(table.rows, target, choices, say, table.order, table.group, table.weight)
    rows = _labelled(known, choices)
    model = fit_model(rows, _options(choices, progress), say)
    model = replace(model, encoder=_with_left_out(model.encoder, known, choices))
    scored, tested = _tested(model, rows)
    counts = {"all": rows.features.m, "scored": len(scored)}
    record = {
        "data": table.source,
        "rows": counts,
        "settings": as_json(choices, CHOICES),
        "scores": finite(tested.scores),
        "baseline": finite(tested.baseline),
        "errors": finite(tested.errors),
        "styles": dict(table.styles),
        "trained_on": _trained_on(model.encoder, known),
    }
    return FittedTable(replace(model, record=record), tested, counts)


def _labelled(known: LabelledRows, choices: Choices) -> Labelled:
    """Return the rows to train on: those with a weight, and what folds follow."""
    if choices.group is not None and choices.latest is not None:
        raise ValueError("give --group or --latest, not both: folds follow one of them")
    labels, weights = known.labels, known.weights
    if choices.class_weight is not None:
        if labels.task == "regression":
            raise ValueError("--class-weight needs a target of classes, and this is a regression")
        weights = balanced(labels.values, weights)
    time = None if known.order is None else moments_of(known.order)
    return Labelled(known.features, labels, weights, known.groups, time)


def _options(choices: Choices, progress: bool) -> Options:
    return Options(
        seed=choices.seed,
        numbers=frozenset(choices.number),
        threads=choices.threads,
        engine=choices.engine,
        time_limit=choices.time_limit,
        progress=progress,
    )


def _with_left_out(encoder: Encoder, known: LabelledRows, choices: Choices) -> Encoder:
    """Return the encoder with the names of all columns that are knowingly not taken."""
    others = (*known.left_out, *choices.drop, *filter(None, (choices.group, choices.weight)))
    return replace(encoder, left_out=tuple(dict.fromkeys((*encoder.left_out, *others))))


def _tested(model: EnsembleModel, rows: Labelled) -> tuple[Rows, Tested]:
    """Score the rows out of fold: all, or where folds are blocks of time the last block.

    The member of the last block is the only one that has seen nothing later.
    """
    kept = model.out_of_fold
    last = kept.folds == kept.folds.max() if rows.time is not None else kept.folds >= 0
    scored, rest = np.flatnonzero(last), np.flatnonzero(~last)
    known = rest if len(rest) else scored
    groups = rows.groups
    if groups is None:
        groups = copies_of(rows.features.values(), rows.features.m)
    outputs = kept.outputs[scored]
    return scored, score_rows(model.target, rows.target, outputs, scored, known, groups)


def _trained_on(encoder: Encoder, known: LabelledRows) -> list[int]:
    """Return hashes that stand for the rows trained on, as the model reads them."""
    features = known.features.converted(encoder.categories, ())
    return hashes_of(features, encoder.names, known.column, np.arange(features.m))
