"""Fitting a table: read, find the target, split, encode, train, score; one call from file to model.

The command line and the benchmarks call this; it writes nothing and draws nothing.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from ..network import Network
from ..training import History
from .columns import Column, Columns, columns, require
from .encoder import Encoder
from .features import quoted
from .model import OUTPUTS, TableModel, score
from .reading import read_table
from .settings import Choices, as_json, check, complete, smaller_rate, validation_share_for
from .splits import Split, split_latest, split_rows
from .target import Target, TargetEncoder, read_target

if TYPE_CHECKING:
    from ..training.checkpoints import Checkpoints

Say = Callable[[str], None]
Callback = Callable[[Network, History], Any]
Watch = Callable[[Choices], Callback]


# Choices that are arguments of ``fit`` by the same name.
_OF_TRAINING: Final = (
    "optimizer",
    "learning_rate",
    "batch_size",
    "epochs",
    "patience",
    "schedule",
    "threads",
    "engine",
)


class Diverged(ArithmeticError):
    """Training stopped because the cost grew without bound."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model, how its training went, and its scores on the test part (None without one).

    ``baseline``: the same scores of always predicting the most frequent class, or the mean.
    """

    model: TableModel
    history: History
    split: Split
    scores: dict[str, Any] | None
    baseline: dict[str, Any] | None


def _silent(sentence: str) -> None:
    pass


def fit_table(
    path: str | os.PathLike[str],
    target: str,
    choices: Choices | None = None,
    say: Say = _silent,
    watch: Watch | None = None,
    checkpoint: Checkpoints | None = None,
    resume: bool = False,
) -> Fitted:
    """Train a network on a file's table; ``say`` hears each sentence the user should read.

    ``watch`` is called once with the completed choices, before training, and returns a function of
    (network, history) that is called after every epoch. ``checkpoint``, ``resume``: as of
    ``chainrule.training.fit``.

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
    order = None
    if choices.latest is not None:
        require(table.column_names, choices.latest, os.fspath(path))
        if choices.latest == target:
            raise ValueError(f"--latest is the target {target!r} itself: name another column")
        order = columns(table.select([choices.latest]))[choices.latest]
    name = Path(path).name
    return fit_columns(rows, target, choices, say, watch, name, checkpoint, resume, order)


def fit_columns(
    rows: Columns,
    target: str,
    choices: Choices | None = None,
    say: Say = _silent,
    watch: Watch | None = None,
    source: str = "",
    checkpoint: Checkpoints | None = None,
    resume: bool = False,
    order: Column | None = None,
) -> Fitted:
    """Train a network on columns; see ``fit_table``. ``order``: whose latest rows to hold out."""
    choices = choices or Choices()
    check(choices)
    found = read_target(rows[require(rows, target)], choices.task)
    say(found.sentence)
    features = rows.without([target])
    _check_features(features)
    split = _split(rows.m, found, choices, order)
    choices = complete(choices, len(split.train))
    encoder, meaning, X, y = _encode(features, found, split, choices, say)
    network = _network(X.shape[1], meaning, choices)
    callbacks = (watch(choices),) if watch else ()
    if checkpoint is not None:
        # A checkpoint holds the encoders too, and so is a model that can predict.
        state, arrays = encoder.state()
        state["target"] = meaning.state()
        checkpoint = replace(checkpoint, encoder=(state, arrays))
    kept = {"checkpoint": checkpoint, "resume": resume}
    history = _train(network, X, y, split, meaning, choices, callbacks, kept)
    scores = baseline = None
    if len(split.test):
        true = found.values[split.test]
        scores = score(meaning, true, network.predict(X[split.test]))
        baseline = score(meaning, true, _constant(meaning, found, split))
    record = _record(rows.m, split, choices, history, scores, source)
    record["baseline"] = baseline
    return Fitted(TableModel(network, encoder, meaning, record), history, split, scores, baseline)


def _check_features(features: Columns) -> None:
    """Refuse a column without any value before rows are split, where the message can be plainer."""
    for column in features.values():
        if column.missing.all():
            raise ValueError(
                f"column {column.name!r} has no value in any row: leave it out with "
                f"--drop {column.name!r}"
            )


def _split(m: int, found: Target, choices: Choices, order: Column | None) -> Split:
    share = choices.validation_share
    validation = validation_share_for(m) if share is None else share
    classes = None if found.task == "regression" else found.values
    # Of a few rows a fifth may be none: then there is no test part, and the results say so.
    test = choices.test_share if round(m * choices.test_share) or m >= 5 else 0.0
    if order is None:
        split = split_rows(m, test, validation, choices.seed, classes)
    else:
        split = split_latest(order, test, validation)
        _check_classes(found, split, order.name)
    if len(split.train) < 2:
        raise ValueError(f"of {m} rows {len(split.train)} are left to train on: more are needed")
    return split


def _check_classes(found: Target, split: Split, latest: str) -> None:
    """Refuse a split by a column that keeps a class from being learnt."""
    if found.task == "regression":
        return
    learnt = set(found.values[split.train].tolist())
    absent = [name for place, name in enumerate(found.classes) if place not in learnt]
    if absent:
        raise ValueError(
            f"class {absent[0]!r} of target {found.name!r} is only in the latest rows by "
            f"{latest!r}: make --test-share and --validation-share smaller, or leave --latest out"
        )


def _encode(
    features: Columns, found: Target, split: Split, choices: Choices, say: Say
) -> tuple[Encoder, TargetEncoder, npt.NDArray[Any], npt.NDArray[Any]]:
    encoder = Encoder.fit(features.take(split.train))
    encoder = replace(encoder, left_out=(*encoder.left_out, *choices.drop))
    for note in encoder.notes:
        say(note)
    dated = [feature.name for feature in encoder.features if feature.kind == "date"]
    if dated and not choices.latest:
        say(f"rows held out are drawn at random; --latest {quoted(dated[0])} takes the last ones")
    meaning = TargetEncoder.fit(found, split.train)
    X, said = encoder.encode(features, choices.dtype)
    for warning in said:
        say(warning)
    return encoder, meaning, X, meaning.encode(found.values, choices.dtype)


def _network(n_in: int, meaning: TargetEncoder, choices: Choices) -> Network:
    return Network(
        [n_in, *choices.hidden, meaning.n_out],
        hidden=choices.activation,
        output=OUTPUTS[meaning.task],
        seed=choices.seed,
        dtype=choices.dtype,
        dropout=choices.dropout,
        l2=choices.l2,
    )


def _train(
    network: Network,
    X: npt.NDArray[Any],
    y: npt.NDArray[Any],
    split: Split,
    meaning: TargetEncoder,
    choices: Choices,
    callbacks: Sequence[Callback],
    kept: Mapping[str, Any],
) -> History:
    held = split.validation
    with warnings.catch_warnings():
        # Divergence is told by the exception below, with the command line's own advice.
        warnings.filterwarnings("ignore", message="diverged", category=RuntimeWarning)
        history = network.fit(
            X[split.train],
            y[split.train],
            **{name: getattr(choices, name) for name in _OF_TRAINING},
            tolerance=None,
            validation=(X[held], y[held]) if len(held) else None,
            metrics=["r2" if meaning.task == "regression" else "accuracy"],
            callbacks=callbacks,
            progress=False,
            **kept,
        )
    if history.stop is not None and history.stop.reason == "diverged":
        raise Diverged(
            f"training diverged in epoch {history.epochs + 1}: the cost grew without bound; no "
            f"model was written; try --learning-rate {smaller_rate(choices):g}"
        )
    return history


def _constant(meaning: TargetEncoder, found: Target, split: Split) -> npt.NDArray[Any]:
    """Return the outputs of a network that knows nothing but the target's distribution."""
    m = len(split.test)
    if meaning.task == "regression":
        return np.zeros((m, 1))
    shares = np.bincount(found.values[split.train], minlength=len(meaning.classes))
    shares = shares / shares.sum()
    return np.tile(shares[1:] if meaning.task == "binary" else shares, (m, 1))


def _record(
    m: int,
    split: Split,
    choices: Choices,
    history: History,
    scores: dict[str, Any] | None,
    source: str,
) -> dict[str, Any]:
    return {
        "data": source,
        "rows": {
            "all": m,
            "train": len(split.train),
            "validation": len(split.validation),
            "test": len(split.test),
        },
        "settings": as_json(choices),
        "history": finite(history.record()),
        "scores": scores,
    }


def finite(value: Any) -> Any:
    """Return JSON values with None for every number that is not finite, which JSON cannot hold."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
