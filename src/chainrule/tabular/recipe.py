"""The recipe: from a table's rows with their target to its best model.

``chainrule train`` and the estimators for tables both call ``fit_model``, so that the same rows,
seed and choices give the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..tables.columns import Columns, as_text
from ..tables.encoder import Encoder
from ..tables.recipe import Say, silent
from ..tables.samples import copies_together, judge_codes
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

    ``weights`` (m,), above 0: None for equal ones. ``groups`` (m,): rows of one label are never on
    both sides of a fold. ``time`` (m,): folds are blocks of time. Not both.
    """

    features: Columns
    target: Target
    weights: Array | None = None
    groups: Array | None = None
    time: Array | None = None


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

    ``say`` hears of columns that are read in another way, cut or left out.

    Raises ValueError, in one sentence, for rows that cannot be learnt from.
    """
    features, target = rows.features, rows.target
    every = np.arange(features.m)
    groups = rows.groups
    if groups is None and rows.time is None:
        groups = copies_together(features, say)
    numbers = frozenset(features) if options.numbers is None else options.numbers
    features = judge_codes(features, target, every, numbers, options.seed, say)
    encoder = Encoder.fit(features, numbers)
    for note in encoder.notes:
        say(note)
    meaning = TargetEncoder.fit(target, every)
    targets = targets_of(target, meaning, rows.weights)
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
    kept = OutOfFold(fitted.out_of_fold, folds, importances)
    return EnsembleModel(fitted.ensemble, encoder, meaning, words, kept)


def _warn_of_folds(target: Target, folds: Integers, say: Say) -> None:
    """Say which class is in one fold only: whoever is tested on it has not learnt it."""
    for place, name in enumerate(target.classes):
        if np.ptp(folds[target.values == place]) == 0:
            say(
                f"warning: all rows of class {name!r} are in one fold, so out of fold it is never "
                "predicted"
            )


def targets_of(target: Target, meaning: TargetEncoder, weights: Array | None) -> Targets:
    """Return the targets as the ensemble takes them."""
    m = len(target.values)
    shares = np.ones(m) if weights is None else np.asarray(weights * (m / weights.sum()))
    if target.task == "multiclass":
        return Targets("multiclass", np.eye(len(target.classes))[target.values], shares)
    Y = meaning.encode(meaning.cut(target.values), np.float64)
    return Targets(target.task, Y[:, None], shares)


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
