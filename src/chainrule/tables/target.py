"""The target: which task a column asks for, its classes, and its values as a network needs them.

Words, truth values and two different values make a binary or multi-class task; so do few
different whole numbers, each in several rows; every other number is for regression. Classes are
in sorted order (numbers by size, words by their letters) and are named as a CSV file spells them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from ..mathematics.names import unknown
from .column_summary import MOST_NUMBERS_COUNTED, Summary, summarise
from .columns import Column, as_text, rows_text, spelled_as
from .lookalikes import meant

Task = Literal["binary", "multiclass", "regression"]
TASKS: Final = get_args(Task)

STANDARD_Y: Final = "y and ŷ are standardised too: J is not in the units of y."

# Whole numbers are taken for classes if there are at most this many different ones ...
MOST_NUMBERED_CLASSES: Final = 20
# ... and on average at least this many rows of each.
ROWS_PER_NUMBERED_CLASS: Final = 5


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
    return Column(column.name, "float", _numbers(column))


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
            raise _words_for_regression(summary.name, repr(min(summary.values or "")))
        encoder = TargetEncoder(summary.name, "regression", (), summary.mean, summary.deviation)
        return encoder, sentence
    _check_classes(summary, chosen)
    values = sorted(summary.values or ())
    classes = tuple(spelled_as(summary.kind, values))
    counts = [(summary.values or {})[value] for value in values]
    listed = ", ".join(f"{c} {n}" for c, n in list(zip(classes, counts, strict=True))[:12])
    if len(classes) > 12:
        listed += ", ..."
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
        raise _no_value(name, f"{summary.missing} rows")
    if _different(summary) == 1:
        (value,) = spelled_as(summary.kind, list(summary.values or ()))
        raise ValueError(
            f"target {name!r} is {value!r} in every row: there is nothing to learn, "
            "name another column with --target"
        )


def _different(summary: Summary) -> int:
    """Return how many different values there are; of more than are counted, one more."""
    return MOST_NUMBERS_COUNTED + 1 if summary.values is None else len(summary.values)


def _no_value(name: str, where: str) -> ValueError:
    return ValueError(
        f"target {name!r} has no value (or NaN) in {where}: give the true value or remove the rows"
    )


def check_present(column: Column) -> None:
    """Refuse a target with missing or infinite values, naming the rows."""
    empty = np.flatnonzero(column.missing)
    if empty.size:
        raise _no_value(column.name, rows_text(empty))
    if column.kind != "text":
        infinite = np.flatnonzero(np.isinf(column.values))
        if infinite.size:
            raise ValueError(
                f"target {column.name!r} is infinite in {rows_text(infinite)}: "
                "give the true value or remove the rows"
            )


def class_places(column: Column, classes: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Return for each row the place of its class in ``classes``. Shape (m,).

    Raises ValueError that names the row for a missing value and for a class that is not there.
    """
    check_present(column)
    place: Mapping[str, int] = {name: i for i, name in enumerate(classes)}
    places = np.array([place.get(word, -1) for word in as_text(column).tolist()], np.int64)
    strange = np.flatnonzero(places < 0)
    if strange.size:
        value = as_text(column)[strange[0]]
        listed = ", ".join(classes[:20]) + (", ..." if len(classes) > 20 else "")
        raise ValueError(
            f"target {column.name!r} is {value!r} in row {strange[0] + 1}, a class the model does "
            f"not know (classes: {listed})"
        )
    return places


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
        return "multiclass", f"it has only {number} different whole numbers in {m} rows"
    return "regression", f"it has {number} different whole numbers in {m} rows"


def _numbers(column: Column) -> npt.NDArray[np.float64]:
    if column.kind not in ("text", "boolean", "date"):
        return np.asarray(column.values, np.float64)
    words = as_text(column).tolist()
    for row, word in enumerate(words, 1):
        if not _is_number(word):
            raise _words_for_regression(column.name, f"{word!r} in row {row}")
    return np.array(words, np.float64)


def _words_for_regression(name: str, example: str) -> ValueError:
    return ValueError(
        f"target {name!r} holds words ({example}), but regression needs numbers: give numbers, or "
        "leave out --task"
    )


def _is_number(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False


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


@dataclass(frozen=True, slots=True)
class TargetEncoder:
    """What a network's output means: classes, or how numbers were standardised.

    In training y = (value - mean) / scale; ``decode`` turns it back. Both are 0 and 1 for classes.
    """

    name: str
    task: Task
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    scale: float = 1.0

    @classmethod
    def fit(cls, target: Target, rows: npt.NDArray[np.int64]) -> TargetEncoder:
        """Take mean and deviation from the rows trained on; raises ValueError if constant there."""
        if target.task != "regression":
            return cls(target.name, target.task, target.classes)
        summary = summarise(Column(target.name, "float", target.values[rows]))
        if summary.low == summary.high:
            raise ValueError(
                f"target {target.name!r} is {summary.low:g} in every row of the training part: "
                "more rows are needed, or another column"
            )
        return cls(target.name, target.task, (), summary.mean, summary.deviation)

    @property
    def n_out(self) -> int:
        """Return the number of outputs of a network for this target."""
        return len(self.classes) if self.task == "multiclass" else 1

    def encode(self, values: npt.NDArray[Any], dtype: Any) -> npt.NDArray[Any]:
        """Return what a network is trained on: places of classes, 0 and 1, or standard numbers."""
        if self.task == "multiclass":
            return np.asarray(values, np.int64)
        return np.asarray((values - self.mean) / self.scale, dtype)

    def decode(self, outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Turn outputs (m, n_out) into places of classes (int64) or numbers in own units. (m,)."""
        if self.task == "regression":
            numbers: npt.NDArray[np.float64] = outputs[:, 0].astype(np.float64)
            return numbers * self.scale + self.mean
        if self.task == "binary":
            return (outputs[:, 0] > 0.5).astype(np.int64)
        return np.asarray(np.argmax(outputs, axis=1), np.int64)

    def values_of(self, column: Column) -> npt.NDArray[Any]:
        """Read a column of true values: places of classes (int64) or numbers (float64). (m,).

        Raises ValueError for missing and infinite values, unknown classes and words for numbers.
        """
        if self.task != "regression":
            return class_places(column, self.classes)
        check_present(column)
        return _numbers(column)

    def state(self) -> dict[str, Any]:
        """Return the record as JSON has it."""
        return {
            "name": self.name,
            "task": self.task,
            "classes": list(self.classes),
            "mean": self.mean,
            "scale": self.scale,
        }

    @classmethod
    def from_state(cls, state: Any) -> TargetEncoder:
        """Build the record from JSON; raises ValueError for anything ``state`` cannot have written.

        A model file may be damaged or made by hand, so every field is checked.
        """
        fields = {"name": str, "task": str, "classes": list, "mean": float, "scale": float}
        if not isinstance(state, dict) or set(state) != set(fields):
            raise ValueError(f"the model's target must have the fields {', '.join(fields)}")
        for field, kind in fields.items():
            if type(state[field]) is not kind:
                raise ValueError(f"the model's target has {field} = {state[field]!r:.60}")
        classes, task = state["classes"], state["task"]
        right = {"binary": len(classes) == 2, "multiclass": len(classes) >= 2}
        if task not in TASKS or not right.get(task, not classes):
            raise ValueError(f"the model's target has {len(classes)} classes and task {task!r:.60}")
        if not all(type(c) is str for c in classes) or len(set(classes)) != len(classes):
            raise ValueError("the model's target has classes that are not different words")
        mean, scale = state["mean"], state["scale"]
        if not (np.isfinite(mean) and np.isfinite(scale) and scale > 0):
            raise ValueError(f"the model's target has mean {mean!r} and scale {scale!r}")
        return cls(state["name"], task, tuple(classes), mean, scale)
