"""Fitting a table: read, find the target, split, encode, train, score; one call from file to model.

The command line and the benchmarks call this; it writes nothing and draws nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..typing import Array
from .columns import Column, Columns
from .encoder import Encoder
from .model import TableModel
from .recipe import (
    Callback,
    Diverged,
    Fitted,
    Say,
    arguments_of,
    draw_to_mean,
    encoder_state,
    network_of,
    record_of,
    silent,
    trained,
)
from .row_groups import hashes_of
from .samples import Samples, prepare, say_cut, say_notes
from .settings import Choices, check, complete
from .snapshots import count_for, thinned
from .target import TargetEncoder
from .testing import score_rows
from .training_table import read_to_train

if TYPE_CHECKING:
    from ..training.checkpoints import Checkpoints

__all__ = ["Diverged", "Fitted", "fit_columns", "fit_table"]


def fit_table(
    path: str | os.PathLike[str] | Sequence[str],
    target: str,
    choices: Choices | None = None,
    say: Say = silent,
    callbacks: Sequence[Callback] = (),
    checkpoint: Checkpoints | None = None,
    resume: bool = False,
    progress: bool = False,
) -> Fitted:
    """Train a network on a file's table; ``say`` takes each sentence the user should read.

    ``path``: one file, or several with the same columns. ``callbacks``, ``checkpoint``,
    ``resume``, ``progress``: as of ``chainrule.training.fit``.

    Raises ValueError, in one sentence, for settings, a file or a table that cannot be trained with,
    and Diverged.
    """
    choices = choices or Choices()
    check(choices)
    table = read_to_train(path, target, choices, say)
    return fit_columns(
        table.rows,
        target,
        choices,
        say,
        callbacks,
        source=table.source,
        checkpoint=checkpoint,
        resume=resume,
        order=table.order,
        group=table.group,
        weight=table.weight,
        progress=progress,
        styles=table.styles,
    )


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
    group: Column | None = None,
    weight: Column | None = None,
    progress: bool = False,
    styles: Mapping[str, str] | None = None,
) -> Fitted:
    """Train a network on columns; see ``fit_table``.

    ``order``: whose latest rows to hold out. ``group``: whose rows of one value stay in one part.
    ``weight``: the weight of each row in training.
    ``styles``: in which columns are written in the file, for later tables.
    """
    choices = choices or Choices()
    check(choices)
    samples = prepare(rows, target, choices, say, order, group, weight)
    labels, split = samples.labels, samples.split
    choices = complete(choices, len(split.train))
    encoder, meaning = _encoders(samples, choices, say)
    X, _ = encoder.encode(samples.features, choices.dtype)
    y = meaning.encode(meaning.cut(labels.values), choices.dtype)
    network = network_of(X.shape[1], meaning, choices)
    if checkpoint is not None:
        # A checkpoint holds the encoders too, and so is a model that can predict.
        checkpoint = replace(checkpoint, encoder=encoder_state(encoder, meaning))
    validation, weights = _validation(samples, X, y)
    history = trained(
        lambda: network.fit(
            X[split.train],
            y[split.train],
            **arguments_of(choices, meaning.task),
            validation=validation,
            sample_weight=weights,
            callbacks=callbacks,
            checkpoint=checkpoint,
            resume=resume,
            progress=progress,
            record="explain" if count_for(network) else None,
        ),
        choices,
    )
    draw_to_mean(network, validation, meaning, say)
    outputs = network.predict(X[split.test])
    tested = score_rows(meaning, labels, outputs, split.test, split.train, samples.groups)
    record = record_of(source, split.counts, choices, history, tested.scores) | {
        "baseline": tested.baseline,
        "styles": dict(styles or {}),
        "trained_on": hashes_of(samples.features, encoder.names, samples.column, split.train),
    }
    snapshots = thinned(history.snapshots, count_for(network))
    model = TableModel(network, encoder, meaning, record, snapshots)
    return Fitted(model, history, split.counts, tested, split)


def _validation(samples: Samples, X: Array, y: Array) -> tuple[tuple[Array, ...] | None, Any]:
    """Return the validation set, and the weights of the rows to train on."""
    held, weights = samples.split.validation, samples.weights
    if weights is None:
        return ((X[held], y[held]) if len(held) else None), None
    validation = (X[held], y[held], weights[held]) if len(held) else None
    return validation, weights[samples.split.train]


def _encoders(samples: Samples, choices: Choices, say: Say) -> tuple[Encoder, TargetEncoder]:
    """Fit both encoders on the rows to train on."""
    split = samples.split
    encoder = Encoder.fit(samples.features.take(split.train), choices.number)
    others = (
        *samples.left_out,
        *choices.drop,
        *(name for name in (choices.group, choices.weight) if name),
    )
    encoder = replace(encoder, left_out=tuple(dict.fromkeys((*encoder.left_out, *others))))
    say_notes(encoder, choices.latest is None, say)
    meaning = TargetEncoder.fit(samples.labels, split.train)
    say_cut(meaning, samples.labels.values[split.train], say)
    return encoder, meaning
