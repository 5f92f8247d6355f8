"""Fitting a table: read, find the target, split, encode, train, score; one call from file to model.

The command line and the benchmarks call this; it writes nothing and draws nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..training.defaults import validation_share
from .columns import Column, Columns, columns, require
from .encoder import Encoder
from .features import quoted
from .model import TableModel, score
from .reading import read_table
from .recipe import (
    Callback,
    Diverged,
    Fitted,
    Say,
    arguments_of,
    encoder_state,
    network_of,
    record_of,
    silent,
    trained,
)
from .settings import Choices, check, complete
from .splits import Split, split_latest, split_rows
from .target import Target, TargetEncoder, read_target

if TYPE_CHECKING:
    from ..training.checkpoints import Checkpoints

__all__ = ["Diverged", "Fitted", "fit_columns", "fit_table"]

Array = npt.NDArray[Any]


def fit_table(
    path: str | os.PathLike[str],
    target: str,
    choices: Choices | None = None,
    say: Say = silent,
    callbacks: Sequence[Callback] = (),
    checkpoint: Checkpoints | None = None,
    resume: bool = False,
    progress: bool = False,
) -> Fitted:
    """Train a network on a file's table; ``say`` takes each sentence the user should read.

    ``callbacks``, ``checkpoint``, ``resume``, ``progress``: as of ``chainrule.training.fit``.

    Raises ValueError, in one sentence, for settings, a file or a table that cannot be trained with,
    and Diverged.
    """
    choices = choices or Choices()
    check(choices)
    table = read_table(os.fspath(path))
    require(table.column_names, target, os.fspath(path))
    rows = columns(table, choices.drop)
    if target not in rows:
        raise ValueError(f"the target {target!r} is also given to --drop: leave one of them out")
    return fit_columns(
        rows,
        target,
        choices,
        say,
        callbacks,
        source=Path(path).name,
        checkpoint=checkpoint,
        resume=resume,
        order=_order(table, target, choices, os.fspath(path)),
        progress=progress,
    )


def _order(table: Any, target: str, choices: Choices, path: str) -> Column | None:
    """Return the column whose latest rows are held out, if there is one."""
    if choices.latest is None:
        return None
    require(table.column_names, choices.latest, path)
    if choices.latest == target:
        raise ValueError(f"--latest is the target {target!r} itself: name another column")
    return columns(table.select([choices.latest]))[choices.latest]


def fit_columns(
    rows: Columns,
    target: str,
    choices: Choices | None = None,
    say: Say = silent,
    callbacks: Sequence[Callback] = (),
    source: str = "",
    checkpoint: Checkpoints | None = None,
    resume: bool = False,
    order: Column | None = None,
    progress: bool = False,
) -> Fitted:
    """Train a network on columns; see ``fit_table``. ``order``: whose latest rows to hold out."""
    choices = choices or Choices()
    check(choices)
    labels = read_target(rows[require(rows, target)], choices.task)
    say(labels.sentence)
    features = rows.without([target])
    _check_features(features)
    split = _split(rows.m, labels, choices, order)
    choices = complete(choices, len(split.train))
    encoder, meaning = _encoders(features, labels, split, choices, say)
    X, warnings = encoder.encode(features, choices.dtype)
    for warning in warnings:
        say(warning)
    y = meaning.encode(labels.values, choices.dtype)
    network = network_of(X.shape[1], meaning, choices)
    if checkpoint is not None:
        # A checkpoint holds the encoders too, and so is a model that can predict.
        checkpoint = replace(checkpoint, encoder=encoder_state(encoder, meaning))
    held = split.validation
    validation = (X[held], y[held]) if len(held) else None
    history = trained(
        lambda: network.fit(
            X[split.train],
            y[split.train],
            **arguments_of(choices, meaning.task),
            validation=validation,
            callbacks=callbacks,
            checkpoint=checkpoint,
            resume=resume,
            progress=progress,
        ),
        choices,
    )
    scores = baseline = None
    if len(split.test):
        true = labels.values[split.test]
        scores = score(meaning, true, network.predict(X[split.test]))
        baseline = score(meaning, true, _constant(meaning, labels, split))
    record = record_of(source, split.counts, choices, history, scores) | {"baseline": baseline}
    model = TableModel(network, encoder, meaning, record)
    return Fitted(model, history, scores, split.counts, baseline, split)


def _check_features(features: Columns) -> None:
    """Refuse a column without any value before rows are split, where the message can be plainer."""
    for column in features.values():
        if column.missing.all():
            raise ValueError(
                f"column {column.name!r} has no value in any row: leave it out with "
                f"--drop {column.name!r}"
            )


def _split(m: int, labels: Target, choices: Choices, order: Column | None) -> Split:
    share = choices.validation_share
    validation = validation_share(m) if share is None else share
    classes = None if labels.task == "regression" else labels.values
    # Of a few rows a fifth may be none: then there is no test part, and the results say so.
    test = choices.test_share if round(m * choices.test_share) or m >= 5 else 0.0
    if order is None:
        split = split_rows(m, test, validation, choices.seed, classes)
    else:
        split = split_latest(order, test, validation)
        _check_classes(labels, split, order.name)
    if len(split.train) < 2:
        raise ValueError(f"of {m} rows {len(split.train)} are left to train on: more are needed")
    return split


def _check_classes(labels: Target, split: Split, latest: str) -> None:
    """Refuse a split by a column that keeps a class from being learnt."""
    if labels.task == "regression":
        return
    learnt = set(labels.values[split.train].tolist())
    absent = [name for place, name in enumerate(labels.classes) if place not in learnt]
    if absent:
        raise ValueError(
            f"class {absent[0]!r} of target {labels.name!r} is only in the latest rows by "
            f"{latest!r}: make --test-share and --validation-share smaller, or leave --latest out"
        )


def _encoders(
    features: Columns, labels: Target, split: Split, choices: Choices, say: Say
) -> tuple[Encoder, TargetEncoder]:
    """Fit both encoders on the rows to train on."""
    encoder = Encoder.fit(features.take(split.train))
    encoder = replace(encoder, left_out=(*encoder.left_out, *choices.drop))
    for note in encoder.notes:
        say(note)
    dated = [feature.name for feature in encoder.features if feature.kind == "date"]
    if dated and not choices.latest:
        say(f"rows held out are drawn at random; --latest {quoted(dated[0])} takes the last ones")
    return encoder, TargetEncoder.fit(labels, split.train)


def _constant(meaning: TargetEncoder, labels: Target, split: Split) -> Array:
    """Return the outputs of a network that knows nothing but the target's distribution."""
    m = len(split.test)
    if meaning.task == "regression":
        return np.zeros((m, 1))
    shares = np.bincount(labels.values[split.train], minlength=len(meaning.classes))
    shares = shares / shares.sum()
    return np.tile(shares[1:] if meaning.task == "binary" else shares, (m, 1))
