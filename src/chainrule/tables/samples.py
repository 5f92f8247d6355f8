"""Samples: a table's rows made ready to train on, with the part that each row is in.

Rows without a target are left out or refused, copies and groups stay together, whole numbers that
are codes become words, and a column that gives the answer away is told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..training.defaults import validation_share
from .columns import Column, Columns, require
from .features import quoted
from .recipe import Say
from .row_groups import Hashes, copies_count, copies_of, kept_hashes, row_hashes
from .settings import Choices
from .single_columns import judge_columns
from .splits import Split, split_groups, split_latest, split_rows
from .target import Target, TargetEncoder, read_target

# A column with fewer values than this, in a larger table, cannot help.
FEWEST_VALUES = 5


@dataclass(frozen=True, slots=True)
class Samples:
    """Rows to train on, validate and test: columns, target, parts.

    ``left_out``: names of columns with too few values. ``trained_on``: hashes that stand for the
    rows trained on.
    """

    features: Columns
    labels: Target
    split: Split
    left_out: tuple[str, ...]
    trained_on: list[int]


def prepare(
    rows: Columns,
    target: str,
    choices: Choices,
    say: Say,
    order: Column | None = None,
    group: Column | None = None,
) -> Samples:
    """Make a table's rows ready; see ``fit.fit_columns`` for the arguments.

    Raises ValueError, in one sentence, for a table that cannot be trained with.
    """
    require(rows, target)
    if choices.skip_missing:
        rows, order, group = _with_target(rows, target, order, group, say)
    labels = read_target(rows[target], choices.task)
    say(labels.sentence)
    features, left_out = _with_values(rows.without([target]), choices, say)
    groups = _groups(features, group, order, say)
    split = _split(rows.m, labels, choices, order, groups)
    features = _judged(features, labels, split, choices, say)
    hashes = row_hashes((rows[name] for name in sorted(rows)), rows.m)
    return Samples(features, labels, split, left_out, kept_hashes(hashes[split.train]))


def _with_target(
    rows: Columns, target: str, order: Column | None, group: Column | None, say: Say
) -> tuple[Columns, Column | None, Column | None]:
    """Leave out the rows without a target."""
    present = np.flatnonzero(~rows[target].missing)
    if len(present) == rows.m:
        return rows, order, group
    count = rows.m - len(present)
    say(f"{count} row{'s' * (count > 1)} without a value of target {target!r} left out")
    order, group = (None if one is None else one.take(present) for one in (order, group))
    return rows.take(present), order, group


def _with_values(features: Columns, choices: Choices, say: Say) -> tuple[Columns, tuple[str, ...]]:
    """Leave out columns with so few values that which part they fall into would decide."""
    few = tuple(
        name
        for name, column in features.items()
        if (count := features.m - int(column.missing.sum())) < FEWEST_VALUES
        and count < features.m / 2
    )
    if not few:
        return features, few
    listed = ", ".join(few[:10]) + (", ..." if len(few) > 10 else "")
    say(f"with fewer than {FEWEST_VALUES} values, so left out: {listed}")
    if len(few) == len(features):
        raise ValueError(f"no column is left to learn from beside the target: {listed} have none")
    return features.without(few), few


def _groups(
    features: Columns, group: Column | None, order: Column | None, say: Say
) -> Hashes | None:
    """Return what rows must be in one part: those of one group, or copies of one another."""
    if group is not None:
        return row_hashes([group], features.m)
    groups = copies_of(features.values(), features.m) if order is None else None
    if groups is not None:
        say(f"{copies_count(groups)} rows are copies of others: equal rows are in one part")
    return groups


def _split(
    m: int, labels: Target, choices: Choices, order: Column | None, groups: Hashes | None
) -> Split:
    share = choices.validation_share
    validation = validation_share(m) if share is None else share
    classes = None if labels.task == "regression" else labels.values
    # Of a few rows a fifth may be none: then there is no test part, and the results say so.
    test = choices.test_share if round(m * choices.test_share) or m >= 5 else 0.0
    if order is not None:
        split = split_latest(order, test, validation)
        _check_classes(labels, split, f"the latest rows by {order.name!r}", "--latest")
    elif groups is not None:
        split = split_groups(groups, test, validation, choices.seed, classes)
        _check_classes(labels, split, "the groups held out", "--group")
    else:
        split = split_rows(m, test, validation, choices.seed, classes)
    if len(split.train) < 2:
        raise ValueError(f"of {m} rows {len(split.train)} are left to train on: more are needed")
    return split


def _check_classes(labels: Target, split: Split, where: str, option: str) -> None:
    """Refuse a split that keeps a class from being learnt."""
    if labels.task == "regression":
        return
    learnt = set(labels.values[split.train].tolist())
    absent = [name for place, name in enumerate(labels.classes) if place not in learnt]
    if absent:
        raise ValueError(
            f"class {absent[0]!r} of target {labels.name!r} is only in {where}: make --test-share "
            f"and --validation-share smaller, or leave {option} out"
        )


def _judged(features: Columns, labels: Target, split: Split, choices: Choices, say: Say) -> Columns:
    """Return the columns with codes as words, and say which column gives the answer away."""
    rows = split.train
    meaning = TargetEncoder.fit(labels, rows)
    judged = judge_columns(features.take(rows), labels.values[rows], meaning, choices.seed)
    answers = [one.name for one in judged if one.is_answer]
    if answers:
        say(
            f"warning: column {answers[0]!r} alone tells {labels.name!r} almost without error: if "
            f"it is not known beforehand, leave it out with --drop {quoted(answers[0])}"
        )
    codes = [one for one in judged if one.is_code and one.name not in choices.number]
    codes = [one for one in codes if features[one.name].kind == "integer"]
    for one in codes:
        say(
            f"column {one.name!r} is read as words: alone it explains {one.as_words:.2f} of the "
            f"target's variance as words and {max(one.as_number, 0):.2f} as numbers (--number "
            f"{quoted(one.name)} keeps numbers)"
        )
    return features.converted([one.name for one in codes], ())
