"""The recipe: from a table's rows with their target to its best model.

``chainrule train`` and the estimators for tables both call ``fit_model``, so that the same rows,
seed and choices give the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..tables.columns import Column, Columns, as_text
from ..tables.encoder import Encoder
from ..tables.recipe import Say, silent
from ..tables.row_groups import row_hashes
from ..tables.row_weights import repeats
from ..tables.samples import copies_together, judge_codes, say_cut, say_notes
from ..tables.target import Target, TargetEncoder
from ..tables.word_numbers import word_numbers
from ..typing import Array
from .designs import Recipe
from .fitting import Table, fit_ensemble
from .folds import folds_of
from .importance import Places, importances_of
from .inputs import Integers, Rows, Targets
from .model import EnsembleModel, OutOfFold

# A column with more words than this has target statistics beside the places of its words.
FEW_WORDS = 8
# How many folds, each of which leaves out one member.
MEMBERS = 5


@dataclass(frozen=True, slots=True)
class Labelled:
    """Rows to train on (m): columns, target, and what stands beside them.

    ``weights`` (m,), 0 or above: None for equal ones. ``groups`` (m,): rows of one label are never
    on both sides of a fold. ``time`` (m,): folds are blocks of time. Not both.
    """

    features: Columns
    target: Target
    weights: Array | None = None
    groups: Array | None = None
    time: Array | None = None

    def take(self, places: Integers, whole: bool) -> Labelled:
        """Return some rows; ``whole``: their weights are said by how often each is there."""
        target = replace(self.target, values=self.target.values[places])
        beside = (self.weights, self.groups, self.time)
        weights, groups, time = (None if one is None else one[places] for one in beside)
        return Labelled(
            self.features.take(places), target, None if whole else weights, groups, time
        )


@dataclass(frozen=True, slots=True)
class Options:
    """How to fit: ingredients to leave out, a seed that fixes every bit, and what changes none.

    ``numbers``: columns that stay numbers, whatever they look like; None for all. ``time_limit``:
    seconds, None for no limit; with one the clock decides some bits. ``progress``: draw a line.
    """

    without: tuple[str, ...] = ()
    members: int = MEMBERS
    seed: int = 0
    numbers: frozenset[str] | None = frozenset()
    threads: int | None = None
    engine: str = "auto"
    time_limit: float | None = None
    progress: bool = False


def fit_model(rows: Labelled, options: Options, say: Say = silent) -> EnsembleModel:
    """Train the best model for a table; its record is left to the caller.

    The order of rows changes nothing. A weight of 0 is no row, and a whole weight k is k rows, in
    so far as ``repeats`` repeats them.
    ``say`` hears of columns that are read in another way, cut or left out.

    Raises ValueError, in one sentence, for rows that cannot be learnt from.
    """
    places = repeats(rows.weights)
    whole = places is not None or rows.weights is None
    if places is None:
        one = np.ones(rows.features.m) if rows.weights is None else rows.weights
        places = np.flatnonzero(one > 0)
    target = Column("", "float", rows.target.values.astype(np.float64))
    varying = [column for column in rows.features.values() if _varies(column, places)]
    hashes = row_hashes([*varying, target], rows.features.m)
    places = places[np.argsort(hashes[places], kind="stable")]
    model = _fit_rows(rows.take(places, whole), options, say)
    return replace(model, out_of_fold=_of_every_row(model, rows, places))


def _of_every_row(model: EnsembleModel, rows: Labelled, places: Integers) -> OutOfFold:
    """Return the out-of-fold outputs of rows, where ``places`` of them were trained on.

    A row that is trained on several times has those of the first; one that never is those of all.
    """
    kept = model.out_of_fold
    outputs = model.outputs(rows.features)[0] if len(np.unique(places)) < rows.features.m else None
    known, first = np.unique(places, return_index=True)
    folds = np.full(rows.features.m, -1)
    folds[known] = kept.folds[first]
    if outputs is None:
        return replace(kept, outputs=kept.outputs[first], folds=folds)
    outputs[known] = kept.outputs[first]
    return replace(kept, outputs=outputs, folds=folds)


def _varies(column: Column, places: Integers) -> bool:
    """Return whether a column has two values or more: one that has not is left out, unnoticed."""
    values = column.values[places]
    first = values[0]
    return not np.all((values == first) | ((values != values) & (first != first)))


def _fit_rows(rows: Labelled, options: Options, say: Say) -> EnsembleModel:
    """Train on rows that all count."""
    features, target, weights = rows.features, rows.target, rows.weights
    every = np.arange(features.m)
    groups = rows.groups
    if groups is None and rows.time is None:
        groups = copies_together(features, say)
    numbers = frozenset(features) if options.numbers is None else options.numbers
    meaning = _meaning(target, weights)
    say_cut(meaning, target.values, say)
    features = judge_codes(features, target, meaning, every, numbers, options.seed, say)
    encoder = Encoder.fit(features, numbers, weights)
    say_notes(encoder, rows.time is None, say)
    targets = targets_of(meaning, target.values, weights)
    folds = folds_of(targets, min(options.members, features.m), options.seed, groups, rows.time)
    _warn_of_folds(target, folds, say)
    words = words_of(features, encoder)
    X, _ = encoder.encode(features, np.float64)
    sizes = tuple(map(len, words.values()))
    table = Table(Rows(X, word_numbers(features, words)), targets, folds, _numbers(encoder), sizes)
    fitted = fit_ensemble(
        table,
        Recipe.of(options.without),
        options.seed,
        threads=options.threads,
        engine=options.engine,
        time_limit=options.time_limit,
        progress=options.progress,
    )
    importances = importances_of(fitted.ensemble, table, _places(encoder, words), options.seed)
    loss = targets.loss(fitted.out_of_fold)
    kept = OutOfFold(fitted.out_of_fold, folds, loss, importances)
    return EnsembleModel(fitted.ensemble, encoder, meaning, words, kept)


def _meaning(target: Target, weights: Array | None) -> TargetEncoder:
    """Return the target's encoder; numbers that are all equal are predicted as they are."""
    values = target.values
    if target.task == "regression" and values.min() == values.max():
        value = float(values[0])
        return TargetEncoder(target.name, "regression", (), value, 1.0, value, value)
    return TargetEncoder.fit(target, np.arange(len(values)), weights)


def _warn_of_folds(target: Target, folds: Integers, say: Say) -> None:
    """Say which classes are in one fold only: what is tested on them has not learnt them."""
    alone = [
        repr(name)
        for place, name in enumerate(target.classes)
        if len(set(folds[target.values == place].tolist())) == 1
    ]
    if alone:
        classes = "class" if len(alone) == 1 else "each of the classes"
        listed = ", ".join(alone[:5]) + (", ..." if len(alone) > 5 else "")
        say(
            f"warning: all rows of {classes} {listed} are in one fold, so out of fold it is never "
            "predicted"
        )


def targets_of(meaning: TargetEncoder, values: Array, weights: Array | None) -> Targets:
    """Return the targets of true values (m,) as the ensemble takes them."""
    m = len(values)
    shares = np.ones(m) if weights is None else np.asarray(weights * (m / weights.sum()))
    if meaning.task == "multiclass":
        return Targets("multiclass", np.eye(len(meaning.classes))[values], shares)
    Y = meaning.encode(meaning.cut(values), np.float64)
    return Targets(meaning.task, Y[:, None], shares)


def words_of(features: Columns, encoder: Encoder) -> Mapping[str, tuple[str, ...]]:
    """Return the words of the columns with more than ``FEW_WORDS`` of them; "" is a gap."""
    many = [f.name for f in encoder.features if f.kind == "category" and len(f.words) > FEW_WORDS]
    texts = {name: {word or "" for word in as_text(features[name]).tolist()} for name in many}
    return {name: tuple(sorted(words)) for name, words in texts.items()}


def _numbers(encoder: Encoder) -> tuple[int, ...]:
    """Return the places of numbers and days in the encoded matrix."""
    kinds = [f.kind for f in encoder.features]
    starts = [columns.start for columns, _ in _places(encoder, {})]
    return tuple(
        start for start, kind in zip(starts, kinds, strict=True) if kind in ("number", "date")
    )


def _places(encoder: Encoder, words: Mapping[str, tuple[str, ...]]) -> list[Places]:
    """Return the places of each column in the encoded matrix, and its number among ``words``."""
    many, place, places = list(words), 0, []
    for feature in encoder.features:
        number = many.index(feature.name) if feature.name in many else None
        places.append((slice(place, place + feature.width), number))
        place += feature.width
    return places
