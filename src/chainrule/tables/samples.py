"""Samples: a table's rows made ready to train on, with the part that each row is in.

Rows without a target are left out or refused, copies and groups stay together, whole numbers that
are codes become words, and a column that gives the answer away is told.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..training.defaults import validation_share
from ..typing import Array, Rows
from .columns import Column, Columns, as_numbers, require
from .encoder import Encoder
from .features import quoted
from .number_words import written
from .outliers import gap_of
from .recipe import Say
from .row_groups import Hashes, copies_count, copies_of, row_hashes
from .settings import Choices
from .single_columns import judge_columns
from .splits import Split, split_groups, split_latest, split_rows
from .target import Target, TargetEncoder, read_target

# A column with fewer values than this, in a larger table, cannot help.
FEWEST_VALUES = 5


Mask = npt.NDArray[np.bool_]
# The columns of --latest, --group and --weight, and a table's rows with them.
Others = tuple[Column | None, Column | None, Column | None]
Selection = tuple[Columns, Column | None, Column | None, Column | None]


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """A table's rows with their target, before they are split.

    ``column``: the target's own. ``left_out``: names of columns with too few values. ``order``: by
    which the latest rows are held out. ``groups``: rows of one value stay together. ``weights``
    (m,): of rows, None for equal ones.
    """

    features: Columns
    labels: Target
    column: Column
    left_out: tuple[str, ...] = ()
    order: Column | None = None
    groups: Hashes | None = None
    weights: Array | None = None


@dataclass(frozen=True, slots=True)
class Samples:
    """Rows to train on, validate and test: columns, target, parts; see ``LabelledRows``."""

    features: Columns
    labels: Target
    column: Column
    split: Split
    left_out: tuple[str, ...]
    weights: Array | None = None
    groups: Hashes | None = None


def prepare(
    rows: Columns,
    target: str,
    choices: Choices,
    say: Say,
    order: Column | None = None,
    group: Column | None = None,
    weight: Column | None = None,
) -> Samples:
    """Make a table's rows ready; see ``fit.fit_columns`` for the arguments.

    Raises ValueError, in one sentence, for a table that cannot be trained with.
    """
    known = label_rows(rows, target, choices, say, order, group, weight)
    groups = known.groups
    if groups is None and order is None:
        groups = copies_together(known.features, say)
    split = _split(known.labels, choices, known.order, groups)
    meaning = TargetEncoder.fit(known.labels, split.train)
    features = judge_codes(
        known.features, known.labels, meaning, split.train, choices.number, choices.seed, say
    )
    return Samples(
        features, known.labels, known.column, split, known.left_out, known.weights, groups
    )


def label_rows(
    rows: Columns,
    target: str,
    choices: Choices,
    say: Say,
    order: Column | None = None,
    group: Column | None = None,
    weight: Column | None = None,
) -> LabelledRows:
    """Read a table's target, and leave out rows and columns that say nothing; see ``prepare``."""
    require(rows, target)
    rows, order, group, weight = _without_empty(rows, (order, group, weight), say)
    rows = _without_stand_ins(rows, target, choices, say)
    if choices.skip_missing:
        rows, order, group, weight = _with_target(rows, target, (order, group, weight), say)
    labels = read_target(rows[target], choices.task)
    say(labels.sentence)
    _say_rare(labels, say)
    features, left_out = _with_values(rows.without([target]), choices, say)
    groups = None if group is None else row_hashes([group], rows.m)
    return LabelledRows(features, labels, rows[target], left_out, order, groups, _weights(weight))


def _say_rare(labels: Target, say: Say) -> None:
    """Say which classes are in so few rows that they are neither learnt nor tested."""
    if labels.task == "regression":
        return
    counts = np.bincount(labels.values, minlength=len(labels.classes))
    rare = [name for name, n in zip(labels.classes, counts, strict=True) if n < FEWEST_VALUES]
    if rare and labels.values.size >= 2 * FEWEST_VALUES * len(labels.classes):
        listed = ", ".join(map(repr, rare[:5])) + (", ..." if len(rare) > 5 else "")
        say(f"in fewer than {FEWEST_VALUES} rows, too few to learn or to test: {listed}")


def _weights(column: Column | None) -> Array | None:
    """Return the weights of rows; raises ValueError for gaps and for numbers below 0."""
    if column is None:
        return None
    weights = as_numbers(column)
    wrong = np.flatnonzero(~(weights >= 0))
    if wrong.size:
        raise ValueError(
            f"--weight {column.name!r} has no number of 0 or above in {column.where(wrong)}"
        )
    if not weights.any():
        raise ValueError(f"--weight {column.name!r} is 0 in every row")
    return weights


def _without_stand_ins(rows: Columns, target: str, choices: Choices, say: Say) -> Columns:
    """Refuse a target in which a number stands for no value, or make gaps of it where asked."""
    column = rows[target]
    numbers = column.values if column.kind in ("integer", "float") else np.empty(0)
    present = numbers[~np.isnan(numbers)]
    gap = gap_of(present) if len(present) and target not in choices.number else None
    if gap is None:
        return rows
    where = f"{written(gap)} in {column.where(np.flatnonzero(numbers == gap))}, far from all others"
    if not choices.skip_missing:
        raise ValueError(
            f"target {target!r} is {where}, as if it had no value: leave these rows out with "
            f"--skip-missing, or keep them with --number {quoted(target)}"
        )
    say(f"target {target!r} is {where}: read as no value")
    values = np.where(numbers == gap, np.nan, numbers)
    return Columns({**rows.columns, target: replace(column, values=values, exact=None)}, rows.m)


def _without_empty(rows: Columns, others: Others, say: Say) -> Selection:
    """Leave out the rows without any value, as between the parts of a sheet."""
    present = np.zeros(rows.m, np.bool_)
    for column in rows.values():
        present |= ~column.missing
    return _at(present, "without any value", rows, others, say)


def _with_target(rows: Columns, target: str, others: Others, say: Say) -> Selection:
    """Leave out the rows without a target."""
    return _at(~rows[target].missing, f"without a value of target {target!r}", rows, others, say)


def _at(present: Mask, why_not: str, rows: Columns, others: Others, say: Say) -> Selection:
    """Return the rows of a mask, of the table and of other columns."""
    count = rows.m - int(present.sum())
    if not count:
        return rows, *others
    say(f"{count} row{'s' * (count > 1)} {why_not} left out")
    order, group, weight = (None if one is None else one.take(present) for one in others)
    return rows.take(np.flatnonzero(present)), order, group, weight


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


def copies_together(features: Columns, say: Say) -> Hashes | None:
    """Return a hash of each row where many rows are copies, which must be in one part."""
    groups = copies_of(features.values(), features.m)
    if groups is not None:
        say(f"{copies_count(groups)} rows are copies of others: equal rows are in one part")
    return groups


def _split(labels: Target, choices: Choices, order: Column | None, groups: Hashes | None) -> Split:
    m = len(labels.values)
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


def say_notes(encoder: Encoder, at_random: bool, say: Say) -> None:
    """Say the encoder's notes, and of dates how their last rows are tested ``at_random`` else."""
    dated = [feature.name for feature in encoder.features if feature.kind == "date"]
    for note in encoder.notes:
        if at_random and dated and note.startswith(f"column {dated[0]!r} holds dates"):
            latest = f"--latest {quoted(dated[0])} takes the last ones"
            note = f"{note}; rows to test are drawn at random, {latest}"
        say(note)


def say_cut(meaning: TargetEncoder, values: Array, say: Say) -> None:
    """Say which values of a target to train on are cut, being far from all others."""
    far = values[meaning.cut(values) != values]
    if len(far):
        rows = f"{len(far)} rows" if len(far) > 1 else "one row"
        say(
            f"target {meaning.name!r}: {written(float(far[0]))} in {rows} is far from all others, "
            f"so predictions go from {written(meaning.low)} to {written(meaning.high)}"
        )


def judge_codes(
    features: Columns,
    labels: Target,
    meaning: TargetEncoder,
    rows: Rows,
    numbers: Collection[str],
    seed: int,
    say: Say,
) -> Columns:
    """Return the columns with codes as words, and say which column gives the answer away.

    They are judged on ``rows``. Those of ``numbers`` stay numbers.
    """
    judged = judge_columns(features.take(rows), labels.values[rows], meaning, seed)
    answers = [one.name for one in judged if one.is_answer]
    if answers:
        say(
            f"warning: column {answers[0]!r} alone tells {labels.name!r} almost without error: if "
            f"it is not known beforehand, leave it out with --drop {quoted(answers[0])}"
        )
    codes = [one for one in judged if one.is_code and one.name not in numbers]
    codes = [one for one in codes if features[one.name].kind == "integer"]
    for one in codes:
        say(
            f"column {one.name!r} is read as words: alone it explains {one.as_words:.2f} of the "
            f"target's variance as words and {max(one.as_number, 0):.2f} as numbers (--number "
            f"{quoted(one.name)} keeps numbers)"
        )
    return features.converted([one.name for one in codes], ())
