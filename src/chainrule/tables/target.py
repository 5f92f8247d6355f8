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
from .columns import Column, as_text, rows_text
from .lookalikes import meant

Task = Literal["binary", "multiclass", "regression"]
TASKS: Final = get_args(Task)

STANDARD_Y: Final = "y and ŷ are standardised too: J is not in the units of y."

# Whole numbers are taken for classes if there are at most so many different ones ...
MOST_NUMBERED_CLASSES: Final = 20
# ... and on average at least so many rows of each.
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

    Raises ValueError for an unknown task, for rows without a value or with an infinite one, for a
    constant column, for more classes than rows allow (fewer than two rows for each on average),
    for words where regression is asked for, and for more or less than two classes where a binary
    task is.
    """
    if task is not None and task not in TASKS:
        raise unknown("task", task, TASKS)
    if column.kind == "date":
        raise no_date(column.name)
    _check_present(column)
    names = class_names(column)
    if len(names) == 1:
        raise ValueError(
            f"target {column.name!r} is {names[0]!r} in every row: there is nothing to learn, "
            "name another column with --target"
        )
    found, why = _judge(column, names)
    chosen = task or found
    if task is not None and task != found:
        why = f"as --task says (alone it would be {found}: {why})"
    if chosen == "regression":
        return Target(column.name, "regression", (), _numbers(column), _say(column, chosen, why))
    _check_classes(column, names, chosen)
    places = class_places(column, names)
    counted = np.bincount(places, minlength=len(names)).tolist()
    listed = ", ".join(f"{n} {c}" for n, c in list(zip(names, counted, strict=True))[:12])
    if len(names) > 12:
        listed += ", ..."
    sentence = f"{_say(column, chosen, why)} ({listed})"
    return Target(column.name, chosen, names, places, sentence)  # type: ignore[arg-type]


def no_date(name: str) -> ValueError:
    """Return the error for a target of dates."""
    return ValueError(
        f"target {name!r} holds dates: turn it into what is to be learnt (days from another date, "
        "say), or name another column with --target"
    )


def _say(column: Column, task: str, why: str) -> str:
    return f"target {column.name!r}: {task}, {why}"


def _check_present(column: Column) -> None:
    empty = np.flatnonzero(column.missing)
    if empty.size:
        raise ValueError(
            f"target {column.name!r} has no value (or NaN) in {rows_text(empty)}: "
            "give the true value or remove the rows"
        )
    if column.kind != "text":
        infinite = np.flatnonzero(np.isinf(column.values))
        if infinite.size:
            raise ValueError(
                f"target {column.name!r} is infinite in {rows_text(infinite)}: "
                "give the true value or remove the rows"
            )


def class_names(column: Column) -> tuple[str, ...]:
    """Return the different values of a column without missing ones, sorted, as words."""
    if column.kind == "text":
        return tuple(sorted(set(column.values.tolist())))
    values = np.unique(column.values)
    return tuple(as_text(Column(column.name, column.kind, values)).tolist())


def class_places(column: Column, classes: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Return for each row the place of its class in ``classes``. Shape (m,).

    Raises ValueError that names the row for a missing value and for a class that is not there.
    """
    _check_present(column)
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


def _judge(column: Column, names: tuple[str, ...]) -> tuple[Task, str]:
    """Say which task a column of at least two different values asks for, and why."""
    m, count = len(column.values), len(names)
    if count == 2:
        return "binary", f"it has two different values in {m} rows"
    if column.kind == "text":
        return "multiclass", f"it has {count} different words in {m} rows"
    whole = bool((column.values == np.floor(column.values)).all())
    if not whole:
        return "regression", f"it has {count} different values in {m} rows, not all whole numbers"
    if count <= MOST_NUMBERED_CLASSES and m >= ROWS_PER_NUMBERED_CLASS * count:
        return "multiclass", f"it has only {count} different whole numbers in {m} rows"
    return "regression", f"it has {count} different whole numbers in {m} rows"


def _numbers(column: Column) -> npt.NDArray[np.float64]:
    if column.kind not in ("text", "boolean", "date"):
        return np.asarray(column.values, np.float64)
    words = as_text(column).tolist()
    for row, word in enumerate(words, 1):
        if not _is_number(word):
            raise ValueError(
                f"target {column.name!r} holds words ({word!r} in row {row}), but regression needs "
                "numbers: give numbers, or leave out --task"
            )
    return np.array(words, np.float64)


def _is_number(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False


def _check_classes(column: Column, names: tuple[str, ...], task: str) -> None:
    m, count = len(column.values), len(names)
    if task == "binary" and count != 2:
        raise ValueError(
            f"target {column.name!r} has {count} different values, but a binary task has two: "
            "leave out --task, or use --task multiclass"
        )
    if 2 * count > m:
        advice = (
            "name another column with --target (is this one a label of each row?)"
            if column.kind == "text"
            else "use --task regression, or name another column with --target"
        )
        raise ValueError(
            f"target {column.name!r} has {count} classes in {m} rows, fewer than two rows for "
            f"each: {advice}{meant(names) if column.kind == 'text' else ''}"
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
        values = target.values[rows]
        if values.min() == values.max():
            raise ValueError(
                f"target {target.name!r} is {values[0]:g} in every row of the training part: "
                "more rows are needed, or another column"
            )
        mean, scale = moments(values)
        return cls(target.name, target.task, (), mean, scale)

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
        _check_present(column)
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


def moments(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return mean and standard deviation (1/m) of finite values, without overflow.

    The values are divided by the largest of them first, so that squares stay below 1.
    """
    top = float(np.abs(values).max())
    if top == 0:
        return 0.0, 0.0
    unit = values / top
    mean = float(unit.mean())
    return mean * top, float(np.sqrt(((unit - mean) ** 2).mean())) * top
