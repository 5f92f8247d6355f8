"""The model file of a table estimator: that of its ensemble, with its parameters as JSON."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import is_regressor

from ..tabular.model import EnsembleModel, load_ensemble
from .constraints import check
from .record import classes_of, number, plain_classes, plain_of, value_of

FIELDS = {"class", "parameters", "columns", "named", "by_columns", "importances", "classes"}


def save_table_model(path: str | os.PathLike[str], estimator: Any, model: EnsembleModel) -> None:
    """Write a fitted ``TableClassifier`` or ``TableRegressor`` to a model file.

    Raises ValueError for classes that are neither words nor numbers, and if ``path`` cannot be
    written to.
    """
    classes = getattr(estimator, "classes_", None)
    record = {
        "class": type(estimator).__name__,
        "parameters": {n: plain_of(n, v) for n, v in estimator.get_params(deep=False).items()},
        "columns": estimator._column_names(),
        "named": hasattr(estimator, "feature_names_in_"),
        "by_columns": estimator._by_columns,
        "importances": estimator.feature_importances_.tolist(),
        "classes": None if classes is None else plain_classes(classes),
    }
    replace(model, record={"estimator": record}).save(path)


def load_table_model(path: str | os.PathLike[str], kind: Any) -> Any:
    """Read an estimator of class ``kind``, a table estimator, from a model file.

    Raises ValueError, in one sentence, for any other file and for a damaged one.
    """
    model = load_ensemble(path)
    record = model.record.get("estimator") if isinstance(model.record, dict) else None
    if not isinstance(record, dict) or record.get("class") != kind.__name__:
        raise ValueError(f"{os.fspath(path)} holds no {kind.__name__}")
    try:
        return _built(record, model, kind)
    except (KeyError, TypeError, AttributeError, OverflowError, ValueError) as error:
        raise ValueError(f"{os.fspath(path)} is not a sound estimator's file: {error}") from None


def _built(record: Any, model: EnsembleModel, kind: Any) -> Any:
    if set(record) != FIELDS:
        raise ValueError(f"its record must have the fields {', '.join(sorted(FIELDS))}")
    parameters = record["parameters"]
    if not isinstance(parameters, dict) or set(parameters) != set(kind().get_params()):
        raise ValueError(f"its parameters are not those of {kind.__name__}")
    estimator = kind(**{name: value_of(value) for name, value in parameters.items()})
    check(kind.__name__, estimator.get_params(deep=False))
    if is_regressor(estimator) != (model.target.task == "regression"):
        raise ValueError(f"its ensemble is for {model.target.task!r}")
    _set_columns(estimator, record, model)
    _set_classes(estimator, record["classes"], len(model.target.classes))
    estimator._set(model)
    return estimator


def _set_columns(estimator: Any, record: Any, model: EnsembleModel) -> None:
    columns, worth = record["columns"], record["importances"]
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise ValueError("its columns are no list of names")
    if sorted(columns) != sorted([*model.encoder.names, *model.encoder.left_out]):
        raise ValueError("its columns are not those of its encoder")
    for name in ("named", "by_columns"):
        if not isinstance(record[name], bool):
            raise ValueError(f"its {name} cannot be {record[name]!r:.60}")
    if not isinstance(worth, list) or len(worth) != len(columns) or not all(map(number, worth)):
        raise ValueError(f"its importances are no number for each of {len(columns)} columns")
    estimator.n_features_in_ = len(columns)
    estimator._by_columns = record["by_columns"]
    estimator.feature_importances_ = np.array(worth, np.float64)
    if record["named"]:
        estimator.feature_names_in_ = np.array(columns, object)
    elif columns != estimator._column_names():
        raise ValueError("its columns have names, and it was trained without")


def _set_classes(estimator: Any, record: Any, count: int) -> None:
    if is_regressor(estimator):
        if record is not None:
            raise ValueError("it predicts numbers, and has classes")
        return
    if not isinstance(record, dict) or set(record) != {"kind", "values"}:
        raise ValueError("its classes must have kind and values")
    classes = classes_of(record["kind"], record["values"])
    if len(classes) != count or not np.array_equal(np.unique(classes), classes):
        raise ValueError(f"its classes are not {count} different ones in order")
    estimator.classes_ = classes
