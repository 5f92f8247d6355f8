"""The record of an estimator in a model file: plain JSON values, checked one by one at reading.

The file is that of ``files.network``: parameters, encoder, and this record with the estimator's
parameters and attributes. It names entries of our tables, and holds no functions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from math import inf, isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from ..files.network import save_network
from ..tables.target import TargetEncoder

KINDS = {"b": "bool", "i": "int64", "u": "int64", "f": "float64", "U": "text"}


def write_estimator(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to a model file. Raises ValueError for functions of one's own."""
    state = None
    if estimator.encoder_ is not None:
        described, arrays = estimator.encoder_.state()
        target = target_of(estimator)
        state = (described if target is None else {**described, "target": target}, arrays)
    save_network(path, estimator.network_, state, {"estimator": record_of(estimator)})


def target_of(estimator: Any) -> dict[str, Any] | None:
    """Return what `chainrule predict` needs to know of the outputs, or None for several targets."""
    if hasattr(estimator, "classes_"):
        if estimator.multilabel_:
            return None
        words = tuple(map(str, estimator.classes_.tolist()))
        return TargetEncoder("y", "multiclass" if len(words) > 2 else "binary", words).state()
    if estimator.n_outputs_ != 1 or estimator.out_activation_ != "identity":
        return None
    mean, scale = float(estimator.y_mean_[0]), float(estimator.y_scale_[0])
    return TargetEncoder("y", "regression", (), mean, scale).state()


def record_of(estimator: Any) -> dict[str, Any]:
    """Return an estimator's parameters and attributes as JSON values."""
    parameters = estimator.get_params(deep=False)
    record: dict[str, Any] = {
        "class": type(estimator).__name__,
        "parameters": {name: plain_of(name, value) for name, value in parameters.items()},
        "dtype": estimator.dtype_.name,
        "attributes": {
            name: plain_of(name, read(estimator)) for name, (read, _) in ATTRIBUTES.items()
        },
    }
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        record["feature_names"] = [str(n) for n in names]
    if hasattr(estimator, "classes_"):
        several = estimator.multilabel_
        record["classes"] = {**plain_classes(estimator.classes_), "multilabel": several}
    else:
        record["y"] = {"mean": estimator.y_mean_.tolist(), "scale": estimator.y_scale_.tolist()}
    return record


def plain_classes(classes: npt.NDArray[Any]) -> dict[str, Any]:
    """Return classes as JSON values. Raises ValueError for what is neither words nor numbers."""
    words = classes.dtype.kind in "OU" and all(isinstance(c, str) for c in classes.tolist())
    kind = "text" if words else KINDS.get(classes.dtype.kind)
    if kind is None:
        raise ValueError(f"a model file holds classes of words or numbers, not {classes.dtype}")
    return {"kind": kind, "values": classes.tolist()}


def classes_of(kind: Any, values: Any) -> npt.NDArray[Any]:
    """Return the classes that ``plain_classes`` wrote. Raises ValueError for anything else."""
    types = {"text": str, "bool": bool, "int64": int, "float64": float}
    if not isinstance(kind, str) or kind not in types or not isinstance(values, list):
        raise ValueError(f"its classes are of kind {kind!r:.60}")
    for value in values:
        if type(value) is not types[kind] or (kind == "float64" and not number(value)):
            raise ValueError(f"{value!r:.60} is no class of kind {kind}")
    return np.array(values) if kind == "text" else np.array(values, kind)


def plain_of(name: str, value: Any) -> Any:
    """Return a value as JSON has it; infinity and NaN as words."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, float) and not np.isfinite(value):
        return {"number": repr(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain_of(name, item) for item in value]
    if isinstance(value, Mapping):
        return {"items": [[plain_of(name, k), plain_of(name, v)] for k, v in value.items()]}
    if isinstance(value, np.random.RandomState):
        return None
    raise ValueError(
        f"{name} holds {type(value).__name__} of your own, and a model file names entries of our "
        f"tables only: pickle the estimator, or set {name} to one of those"
    )


def value_of(plain: Any) -> Any:
    """Turn JSON back into what ``plain_of`` was given; lists become tuples."""
    if isinstance(plain, list):
        return tuple(value_of(item) for item in plain)
    if isinstance(plain, dict) and set(plain) == {"number"}:
        return {"inf": inf, "-inf": -inf}.get(plain["number"], float("nan"))
    if isinstance(plain, dict) and set(plain) == {"items"}:
        return {value_of(key): value_of(value) for key, value in plain["items"]}
    if isinstance(plain, dict):
        raise ValueError(f"{plain!r:.60} is no value of a parameter or an attribute")
    return plain


def _flag(x: Any) -> bool:
    return isinstance(x, bool)


def count(x: Any) -> bool:
    """Return whether x is a whole number, 0 or above."""
    return isinstance(x, int) and not isinstance(x, bool) and 0 <= x < 2**63


def number(x: Any) -> bool:
    """Return whether x is a finite number."""
    return isinstance(x, (int, float)) and not isinstance(x, bool) and isfinite(x)


def _measure(x: Any) -> bool:
    return x is None or (isinstance(x, (int, float)) and not isinstance(x, bool))


def _curve(x: Any) -> bool:
    return isinstance(x, tuple) and all(_measure(item) and item is not None for item in x)


# Attribute in the file -> how it is read off the estimator, and what it may be.
ATTRIBUTES: Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], bool]]] = {
    "n_features_in_": (lambda e: e.n_features_in_, count),
    "n_iter_": (lambda e: e.n_iter_, count),
    "t_": (lambda e: e.t_, count),
    "loss_": (lambda e: e.loss_, _measure),
    "best_loss_": (lambda e: e.best_loss_, _measure),
    "best_validation_score_": (lambda e: e.best_validation_score_, _measure),
    "validation_scores_": (lambda e: e.validation_scores_, lambda x: x is None or _curve(x)),
    "n_layers_": (lambda e: e.n_layers_, count),
    "n_outputs_": (lambda e: e.n_outputs_, count),
    "out_activation_": (lambda e: e.out_activation_, lambda x: isinstance(x, str)),
    "_by_columns": (lambda e: e.reads_columns_, _flag),
    "_losses": (lambda e: e.loss_curve_, _curve),
    "_validation": (lambda e: e.validation_loss_curve_ or [], _curve),
}
# Older files have these too, which say nothing of their own.
OBSOLETE = ("_flat",)


def attributes_of(record: Any) -> dict[str, Any]:
    """Return the attributes in a record. Raises ValueError for one that is not what it may be."""
    if not isinstance(record, dict):
        raise ValueError("its attributes are no table")
    values = {}
    for name, plain in record.items():
        if name in OBSOLETE:
            continue
        if name not in ATTRIBUTES:
            raise ValueError(f"it has an attribute {name!r:.60} that no estimator has")
        value = value_of(plain)
        if not ATTRIBUTES[name][1](value):
            raise ValueError(f"its {name} cannot be {value!r:.60}")
        values[name] = value
    return values
