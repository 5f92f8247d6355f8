"""The encoder's state: its features as JSON and arrays, and back, every field checked.

Version 2 has the ends beyond which numbers are cut, and the number that stands for a gap; a state
without a version is of version 1, which has neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, get_args

import numpy as np

from ..typing import Array
from .dates import CYCLES
from .features import Feature, Kind

Arrays = Mapping[str, Array]

VERSION: Final = 2
# What a feature's record has in JSON; numbers are in the arrays, which keep every bit.
_FIELDS: Final = {"name": str, "kind": str, "missing": bool, "words": list, "other": bool}
# The arrays of a number for each feature, by version; ``shares`` is beside them.
_NUMBERS: Final = {1: ("mean", "scale"), 2: ("mean", "scale", "low", "high", "gap")}


def state_of(
    features: Sequence[Feature], left_out: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return features as JSON and arrays, all float64."""
    records = [
        {key: getattr(f, key) if key != "words" else list(f.words) for key in _FIELDS}
        for f in features
    ]
    arrays = {
        name: np.array([getattr(f, name) for f in features], np.float64)
        for name in _NUMBERS[VERSION]
    }
    arrays["shares"] = np.array([s for f in features for s in f.shares], np.float64)
    return {"version": VERSION, "features": records, "left_out": list(left_out)}, arrays


def features_of(state: Any, arrays: Arrays) -> tuple[tuple[Feature, ...], tuple[str, ...]]:
    """Return the features, and the names left out, of what ``state_of`` returned.

    A model file may be damaged or made by hand: every type, length and number is checked, and
    ValueError says in one sentence what is wrong.
    """
    version = _version_of(state)
    records = state["features"]
    if not isinstance(records, list) or not records:
        raise ValueError("the model's encoder has no list of features")
    for record in records:
        _check_record(record)
    wide = [_tail(r) + len(r["words"]) if r["kind"] == "category" else 0 for r in records]
    lengths = dict.fromkeys(_NUMBERS[version], len(records)) | {"shares": sum(wide)}
    _check_arrays(arrays, lengths)
    _check_names([r["name"] for r in records], state["left_out"])
    cuts = np.cumsum([0, *wide]).tolist()
    features = tuple(
        Feature(
            name=record["name"],
            kind=record["kind"],
            missing=record["missing"],
            words=tuple(record["words"]),
            other=record["other"],
            shares=tuple(arrays["shares"][cuts[i] : cuts[i + 1]].tolist()),
            **_numbers_of(arrays, _NUMBERS[version], i),
        )
        for i, record in enumerate(records)
    )
    return features, tuple(state["left_out"])


def _numbers_of(arrays: Arrays, names: Sequence[str], i: int) -> dict[str, Any]:
    """Return a feature's numbers; NaN stands for no ``gap``."""
    numbers: dict[str, Any] = {name: float(arrays[name][i]) for name in names}
    if np.isnan(numbers.get("gap", 0)):
        numbers["gap"] = None
    return numbers


def _version_of(state: Any) -> int:
    fields = {"features", "left_out"}
    if isinstance(state, dict) and set(state) == fields:
        return 1
    if not isinstance(state, dict) or set(state) != {*fields, "version"}:
        raise ValueError("the model's encoder must have the fields features and left_out")
    version = state["version"]
    if type(version) is not int or version != VERSION:
        raise ValueError(f"the model's encoder is of version {version!r:.60}, which is not known")
    return version


def _tail(record: Mapping[str, Any]) -> int:
    return int(record["other"]) + int(record["missing"])


def _check_record(record: Any) -> None:
    if not isinstance(record, dict) or set(record) != set(_FIELDS):
        raise ValueError(f"a feature of the model's encoder must have {', '.join(_FIELDS)}")
    for key, kind in _FIELDS.items():
        if type(record[key]) is not kind:
            raise ValueError(f"a feature of the model's encoder has {key} = {record[key]!r:.60}")
    name, words = record["name"], record["words"]
    if record["kind"] not in get_args(Kind):
        raise ValueError(f"feature {name!r:.60} of the model is of kind {record['kind']!r:.60}")
    if not all(type(word) is str for word in words) or len(set(words)) != len(words):
        raise ValueError(f"the words of feature {name!r:.60} of the model are not different words")
    if record["kind"] == "date":
        if record["other"] or not set(words) <= set(CYCLES):
            raise ValueError(f"feature {name!r:.60} of the model has cycles that no date has")
    elif bool(words) != (record["kind"] == "category"):
        raise ValueError(f"feature {name!r:.60} of the model has {len(words)} words")
    if record["other"] and not words:
        raise ValueError(f"feature {name!r:.60} of the model has a place for words but none of its")


def _check_arrays(arrays: Arrays, lengths: Mapping[str, int]) -> None:
    if set(arrays) != set(lengths):
        raise ValueError(f"the model's encoder must have the arrays {', '.join(lengths)}")
    for key, length in lengths.items():
        array = arrays[key]
        if array.shape != (length,) or array.dtype != np.float64:
            raise ValueError(
                f"the encoder's {key} in the model must be {length} numbers of float64, "
                f"not of shape {array.shape} and {array.dtype}"
            )
        if not _IN_RANGE.get(key, _not_negative)(array):
            raise ValueError(f"the encoder's {key} in the model has a number out of range")
    if "low" in lengths and (arrays["low"] > arrays["high"]).any():
        raise ValueError("the encoder's low in the model is above its high")


def _not_negative(array: Array) -> bool:
    return bool((np.isfinite(array) & (array >= 0)).all())


_IN_RANGE: Final[Mapping[str, Callable[[Array], Any]]] = {
    "mean": lambda array: np.isfinite(array).all(),
    "low": lambda array: not np.isnan(array).any() and (array < np.inf).all(),
    "high": lambda array: not np.isnan(array).any() and (array > -np.inf).all(),
    "gap": lambda array: not np.isinf(array).any(),
}


def _check_names(names: list[str], left_out: Any) -> None:
    if not isinstance(left_out, list) or not all(type(name) is str for name in left_out):
        raise ValueError("the columns left out, in the model's encoder, must be a list of names")
    if len({*names, *left_out}) != len(names) + len(left_out):
        raise ValueError("a column is named twice in the model's encoder")
