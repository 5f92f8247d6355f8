"""The target's encoder: what a network's outputs mean, and the target's values as it needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from .column_summary import Summary, summarise
from .columns import Column, as_text
from .outliers import usual_of

if TYPE_CHECKING:
    from .target import Target

Task = Literal["binary", "multiclass", "regression"]
TASKS: Final = get_args(Task)

STANDARD_Y: Final = "y and ŷ are standardised too: J is not in the units of y."

# Predicted numbers may lie beyond those trained on by this share of their range.
MARGIN: Final = 0.05

# What a record has in JSON, and what one for regression has beside it since version 2.
_FIELDS: Final = {"name": str, "task": str, "classes": list, "mean": float, "scale": float}
_BOUNDS: Final = {"low": float, "high": float}


def no_value(name: str, where: str) -> ValueError:
    """Return the error for a target without a value in some rows."""
    return ValueError(
        f"target {name!r} has no value (or NaN) in {where}: give the true value, or leave the rows "
        "out with --skip-missing"
    )


def check_present(column: Column) -> None:
    """Refuse a target with missing or infinite values, naming the rows."""
    empty = np.flatnonzero(column.missing)
    if empty.size:
        raise no_value(column.name, column.where(empty))
    if column.kind != "text":
        infinite = np.flatnonzero(np.isinf(column.values))
        if infinite.size:
            raise ValueError(
                f"target {column.name!r} is infinite in {column.where(infinite)}: "
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
            f"target {column.name!r} is {value!r} in {column.where(strange[:1])}, a class the "
            f"model does not know (classes: {listed})"
        )
    return places


def numbers_of(column: Column) -> npt.NDArray[np.float64]:
    """Return a column for regression as numbers; raises ValueError for words that are none."""
    if column.kind not in ("text", "boolean", "date"):
        return np.asarray(column.values, np.float64)
    words = as_text(column).tolist()
    for place, word in enumerate(words):
        if not _is_number(word):
            raise words_for_regression(column.name, f"{word!r:.60} in {column.where(place)}")
    return np.array(words, np.float64)


def words_for_regression(name: str, example: str) -> ValueError:
    """Return the error for a target of words where regression is asked for."""
    return ValueError(
        f"target {name!r} holds words ({example}), but regression needs numbers: give numbers, or "
        "leave out --task"
    )


def _is_number(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class TargetEncoder:
    """What a network's output means: classes, or how numbers were standardised.

    In training y = (value - mean) / scale; ``decode`` turns it back. Both are 0 and 1 for classes.
    Numbers are kept from ``low`` to ``high``, the range trained on and ``MARGIN`` of it beyond.
    ``threshold``: the probability above which a row is of the second of two classes.
    """

    name: str
    task: Task
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    scale: float = 1.0
    low: float = -inf
    high: float = inf
    threshold: float = 0.5

    @classmethod
    def fit(
        cls,
        target: Target,
        rows: npt.NDArray[np.int64],
        weights: npt.NDArray[np.float64] | None = None,
    ) -> TargetEncoder:
        """Take mean and deviation from the rows trained on; raises ValueError if constant there.

        ``weights``: of these rows, above 0.
        """
        if target.task != "regression":
            return cls(target.name, target.task, target.classes)
        column = Column(target.name, "float", target.values[rows])
        usual = usual_of(column.values, gaps=False)
        return cls.of_summary(summarise(column, True, weights, usual=usual))

    @classmethod
    def of_summary(cls, summary: Summary) -> TargetEncoder:
        """Return the encoder of a target for regression; raises ValueError if it is constant."""
        if summary.low == summary.high:
            raise ValueError(
                f"target {summary.name!r} is {summary.low:g} in every row of the training part: "
                "more rows are needed, or another column"
            )
        low, high = _bounds(summary.low, summary.high)
        return cls(summary.name, "regression", (), summary.mean, summary.deviation, low, high)

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
            return self.cut(self.original(outputs))
        if self.task == "binary":
            return (outputs[:, 0] > self.threshold).astype(np.int64)
        return np.asarray(np.argmax(outputs, axis=1), np.int64)

    def original(self, outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Turn standard numbers (m, 1) into numbers in the target's own units. (m,)."""
        numbers: npt.NDArray[np.float64] = outputs[:, 0].astype(np.float64)
        return numbers * self.scale + self.mean

    def cut(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return numbers in own units, those beyond the range of predictions at its ends."""
        return np.clip(values, self.low, self.high) if self.task == "regression" else values

    def values_of(self, column: Column) -> npt.NDArray[Any]:
        """Read a column of true values: places of classes (int64) or numbers (float64). (m,).

        Raises ValueError for missing and infinite values, unknown classes and words for numbers.
        """
        if self.task != "regression":
            return class_places(column, self.classes)
        check_present(column)
        return numbers_of(column)

    def state(self) -> dict[str, Any]:
        """Return the record as JSON has it."""
        state = {
            "name": self.name,
            "task": self.task,
            "classes": list(self.classes),
            "mean": self.mean,
            "scale": self.scale,
        }
        bounded = isfinite(self.low) and isfinite(self.high)
        return {**state, "low": self.low, "high": self.high} if bounded else state

    @classmethod
    def from_state(cls, state: Any) -> TargetEncoder:
        """Build the record from JSON; raises ValueError for anything ``state`` cannot have written.

        A model file may be damaged or made by hand, so every field is checked.
        """
        fields = _FIELDS | (_BOUNDS if isinstance(state, dict) and "low" in state else {})
        if not isinstance(state, dict) or set(state) != set(fields):
            raise ValueError(f"the model's target must have the fields {', '.join(_FIELDS)}")
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
        if not (isfinite(mean) and isfinite(scale) and scale > 0):
            raise ValueError(f"the model's target has mean {mean!r} and scale {scale!r}")
        ends = [state[name] for name in _BOUNDS if name in state]
        if ends and not (isfinite(ends[0]) and isfinite(ends[1]) and ends[0] <= ends[1]):
            raise ValueError(f"the model's target has low {ends[0]!r} and high {ends[1]!r}")
        return cls(state["name"], task, tuple(classes), mean, scale, *ends)


def _bounds(low: float, high: float) -> tuple[float, float]:
    """Return the range of predictions: that of the values trained on with a margin.

    Where no value trained on is below 0, no prediction is; nor above where none is above.
    """
    margin = MARGIN * (high - low)
    least, greatest = low - margin, high + margin
    if not (isfinite(least) and isfinite(greatest)):
        return low, high
    return max(least, 0.0) if low >= 0 else least, min(greatest, 0.0) if high <= 0 else greatest
