"""One model file for a table estimator: its ensemble, its encoder, and its parameters as JSON."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..files.model import read_model, write_model
from ..tables.encoder import Encoder
from ..tabular.files import from_state, state_of
from .record import KINDS, plain_of, value_of

ENCODER, ENSEMBLE, KEPT = "encoder.", "ensemble.", "kept."
# Fitted attributes that are arrays, and those that are plain values.
ARRAYS = ("out_of_fold_predictions_", "feature_importances_", "fold_of_row_")
VALUES = ("n_features_in_", "out_of_fold_loss_", "_by_columns", "_scale")


def save_table_model(path: str | os.PathLike[str], estimator: Any) -> None:
    """Write a fitted ``TableClassifier`` or ``TableRegressor`` to a model file.

    Raises ValueError for classes that are neither words nor numbers, and if ``path`` cannot be
    written to.
    """
    encoder, encoder_arrays = estimator.encoder_.state()
    ensemble, ensemble_arrays = state_of(estimator.ensemble_)
    record: dict[str, Any] = {
        "class": type(estimator).__name__,
        "parameters": {n: plain_of(n, v) for n, v in estimator.get_params(deep=False).items()},
        "attributes": {name: plain_of(name, getattr(estimator, name)) for name in VALUES},
        "words": [[name, list(words)] for name, words in estimator._words.items()],
        "feature_names": None,
        "classes": None,
    }
    if hasattr(estimator, "feature_names_in_"):
        record["feature_names"] = [str(name) for name in estimator.feature_names_in_]
    if hasattr(estimator, "classes_"):
        record["classes"] = _classes(estimator.classes_)
    arrays = {
        **{ENCODER + name: array for name, array in encoder_arrays.items()},
        **{ENSEMBLE + name: array for name, array in ensemble_arrays.items()},
        **{KEPT + name: getattr(estimator, name) for name in ARRAYS},
    }
    write_model(path, arrays, {"table": record, "encoder": encoder, "ensemble": ensemble})


def load_table_model(path: str | os.PathLike[str], kind: Any) -> Any:
    """Read an estimator of class ``kind``, a table estimator, from a model file.

    Raises ValueError, in one sentence, for any other file and for a damaged one.
    """
    arrays, metadata = read_model(path)
    record = metadata.get("table")
    if not isinstance(record, dict) or record.get("class") != kind.__name__:
        raise ValueError(f"{os.fspath(path)} holds no {kind.__name__}")
    try:
        return _built(record, metadata, arrays, kind)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{os.fspath(path)} is not a sound estimator's file: {error}") from None


def _built(record: Any, metadata: Any, arrays: Any, kind: Any) -> Any:
    estimator = kind(**{name: value_of(value) for name, value in record["parameters"].items()})
    for name in VALUES:
        setattr(estimator, name, value_of(record["attributes"][name]))
    for name in ARRAYS:
        setattr(estimator, name, arrays[KEPT + name])
    estimator._words = {name: tuple(words) for name, words in record["words"]}
    estimator.encoder_ = Encoder.from_state(metadata["encoder"], _part(arrays, ENCODER))
    estimator.ensemble_ = from_state(metadata["ensemble"], _part(arrays, ENSEMBLE))
    if record["feature_names"] is not None:
        estimator.feature_names_in_ = np.array(record["feature_names"], object)
    if record["classes"] is not None:
        values, of = record["classes"]["values"], record["classes"]["kind"]
        estimator.classes_ = np.array(values) if of == "text" else np.array(values, of)
    return estimator


def _part(arrays: Any, prefix: str) -> dict[str, Any]:
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}


def _classes(classes: Any) -> dict[str, Any]:
    words = classes.dtype.kind in "OU" and all(isinstance(c, str) for c in classes.tolist())
    kind = "text" if words else KINDS.get(classes.dtype.kind)
    if kind is None:
        raise ValueError(f"a model file holds classes of words or numbers, not {classes.dtype}")
    return {"kind": kind, "values": classes.tolist()}
