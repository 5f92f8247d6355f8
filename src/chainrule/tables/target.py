"""The target: which task a column asks for, its classes, and its values as a network needs them.

Words, truth values and two different values make a binary or multi-class task; so do few
different whole numbers, each in several rows; every other number is for regression. Classes are
in sorted order (numbers by size, words by their letters) and are named as a CSV file spells them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy.typing as npt

from ..mathematics.names import unknown
from .column_summary import MOST_NUMBERS_COUNTED, Summary, summarise
from .columns import Column, spelled_as
from .lookalikes import meant
from .target_encoder import (
    STANDARD_Y,
    TASKS,
    TargetEncoder,
    Task,
    check_present,
    no_value,
    numbers_of,
    words_for_regression,
)

__all__ = ["STANDARD_Y", "TASKS", "Target", "TargetEncoder", "Task", "fit_target", "read_target"]

# Whole numbers are taken for classes if there are at most this many different ones ...
MOST_NUMBERED_CLASSES: Final = 20
# ... and on average at least this many rows of each.
ROWS_PER_NUMBERED_CLASS: Final = 5
# A sentence lists this many classes.
MOST_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Target:
    """A target column of m rows.

    ``values`` (m,) holds the place of each row's class in ``classes`` (int64), or for regression
    the numbers themselves (float64; ``classes`` is empty). ``sentence`` says which task it is
    and why.
    """

    name: str
    task: Task
    classes: tuple[str, ...]
    values: npt.NDArray[Any]
    sentence: str


def read_target(column: Column, task: str | None = None) -> Target:
    """Work out from a target column what is to be learnt; ``task`` overrides.

    Raises ValueError as ``fit_target``, and for rows without a value or with an infinite one.
    """
    if column.kind != "date":
        check_present(column)
    encoder, sentence = fit_target(summarise(_measured(column, task), target=True), task)
    return Target(column.name, encoder.task, encoder.classes, encoder.values_of(column), sentence)


def _measured(column: Column, task: str | None) -> Column:
    """Return a column for regression as numbers, where it holds words that are numbers."""
    if task != "regression" or column.kind != "text":
        return column
    return Column(column.name, "float", numbers_of(column))


def fit_target(summary: Summary, task: str | None = None) -> tuple[TargetEncoder, str]:
    """Make the target's encoder from its summary; return it with a sentence on the task and why.

    Raises ValueError for an unknown task, for dates, for missing values, for a constant column, for
    more classes than rows allow (fewer than two rows for each on average), for words where
    regression is asked for, and for more or less than two classes where a binary task is.
    """
    if task is not None and task not in TASKS:
        raise unknown("task", task, TASKS)
    _refuse_unlearnable(summary)
    proposed, why = _judge(summary)
    if task is not None and task != proposed:
        why = f"as --task says (alone it would be {proposed}: {why})"
    chosen: Any = task or proposed
    sentence = f"target {summary.name!r}: {chosen}, {why}"
    if chosen == "regression":
        if summary.kind == "text":
            raise words_for_regression(summary.name, repr(min(summary.values or "")))
        return TargetEncoder.of_summary(summary), sentence
    _check_classes(summary, chosen)
    values = sorted(summary.values or ())
    classes = tuple(spelled_as(summary.kind, values))
    counts = [(summary.values or {})[value] for value in values]
    shown = list(zip(classes, counts, strict=True))[:MOST_SHOWN]
    listed = ", ".join(f"{c} {n}" for c, n in shown) + ", ..." * (len(classes) > MOST_SHOWN)
    return TargetEncoder(summary.name, chosen, classes), f"{sentence} ({listed})"


def _refuse_unlearnable(summary: Summary) -> None:
    """Refuse a target of dates, with missing values, or without two different values."""
    name = summary.name
    if summary.kind == "date":
        raise ValueError(
            f"target {name!r} holds dates: turn it into what is to be learnt (days from another "
            "date, say), or name another column with --target"
        )
    if summary.missing:
        raise no_value(name, f"{summary.missing} rows")
    if _different(summary) == 1:
        (value,) = spelled_as(summary.kind, list(summary.values or ()))
        raise ValueError(
            f"target {name!r} is {value!r} in every row: there is nothing to learn, "
            "name another column with --target"
        )


def _different(summary: Summary) -> int:
    """Return how many different values there are; of more than are counted, one more."""
    return MOST_NUMBERS_COUNTED + 1 if summary.values is None else len(summary.values)


def _judge(summary: Summary) -> tuple[Task, str]:
    """Return the task that a column of at least two different values asks for, and why."""
    m, count = round(summary.rows), _different(summary)
    number = str(count) if summary.values is not None else f"more than {MOST_NUMBERS_COUNTED}"
    if count == 2:
        return "binary", f"it has two different values in {m} rows"
    if summary.kind == "text":
        return "multiclass", f"it has {number} different words in {m} rows"
    if not summary.whole:
        return "regression", f"it has {number} different values in {m} rows, not all whole numbers"
    if count <= MOST_NUMBERED_CLASSES and m >= ROWS_PER_NUMBERED_CLASS * count:
        counts = " they look like counts, and" if _are_counts(summary) else ""
        return "multiclass", (
            f"it has only {number} different whole numbers in {m} rows;{counts} --task regression "
            "takes them for numbers"
        )
    few = "; --task multiclass takes them for classes" if count <= 2 * MOST_NUMBERED_CLASSES else ""
    return "regression", f"it has {number} different whole numbers in {m} rows{few}"


def _are_counts(summary: Summary) -> bool:
    """Say whether classes look like counts: from 0 or 1 up, the greatest by far the rarest."""
    values: Mapping[float, float] = summary.values or {}
    few = max(values.values()) / 10
    return summary.low in (0, 1) and len(values) > 4 and values[summary.high] < few


def _check_classes(summary: Summary, task: str) -> None:
    m, count = round(summary.rows), _different(summary)
    if task == "binary" and count != 2:
        raise ValueError(
            f"target {summary.name!r} has {count} different values, but a binary task has two: "
            "leave out --task, or use --task multiclass"
        )
    if 2 * count > m or summary.values is None:
        words = summary.kind == "text"
        advice = (
            "name another column with --target (is this one a label of each row?)"
            if words
            else "use --task regression, or name another column with --target"
        )
        alike = meant(sorted(summary.values or ())) if words else ""
        raise ValueError(
            f"target {summary.name!r} has {count} classes in {m} rows, fewer than two rows for "
            f"each: {advice}{alike}"
        )
