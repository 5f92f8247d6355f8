"""One model file for a table estimator: its ensemble, its encoder, and its parameters as JSON."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.base import is_regressor

from ..files.model import read_model, write_model
from ..tables.encoder import Encoder
from ..tabular.files import from_state, state_of
from .constraints import check
from .record import classes_of, count, number, plain_classes, plain_of, value_of

ENCODER, ENSEMBLE, KEPT = "encoder.", "ensemble.", "kept."
# Fitted attributes that are arrays, and those that are plain values, with what each may be.
ARRAYS = ("out_of_fold_predictions_", "feature_importances_", "fold_of_row_")
VALUES: Mapping[str, Callable[[Any], bool]] = {
    "n_features_in_": count,
    "out_of_fold_loss_": number,
    "_by_columns": lambda x: isinstance(x, bool),
    "_scale": lambda x: isinstance(x, tuple) and len(x) == 2 and all(map(number, x)) and x[1] > 0,
}
FIELDS = {"class", "parameters", "attributes", "words", "feature_names", "classes"}


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
        record["classes"] = plain_classes(estimator.classes_)
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
    except (KeyError, TypeError, AttributeError, OverflowError, ValueError) as error:
        raise ValueError(f"{os.fspath(path)} is not a sound estimator's file: {error}") from None


def _built(record: Any, metadata: Any, arrays: Any, kind: Any) -> Any:
    if set(record) != FIELDS:
        raise ValueError(f"its record must have the fields {', '.join(sorted(FIELDS))}")
    parameters = record["parameters"]
    if not isinstance(parameters, dict) or set(parameters) != set(kind().get_params()):
        raise ValueError(f"its parameters are not those of {kind.__name__}")
    estimator = kind(**{name: value_of(value) for name, value in parameters.items()})
    check(kind.__name__, estimator.get_params(deep=False))
    encoder = estimator.encoder_ = Encoder.from_state(metadata["encoder"], _part(arrays, ENCODER))
    estimator.ensemble_ = from_state(metadata["ensemble"], _part(arrays, ENSEMBLE))
    if is_regressor(estimator) != (estimator.ensemble_.task == "regression"):
        raise ValueError(f"its ensemble is for {estimator.ensemble_.task!r}")
    known = [*encoder.names, *encoder.left_out]
    _set_attributes(estimator, record["attributes"], len(known))
    _set_arrays(estimator, arrays, len(known))
    estimator._words = _words_of(record["words"], encoder)
    _check_statistics(estimator)
    _set_names(estimator, record["feature_names"], known)
    _set_classes(estimator, record["classes"])
    return estimator


def _set_attributes(estimator: Any, record: Any, n_features: int) -> None:
    if not isinstance(record, dict) or set(record) != set(VALUES):
        raise ValueError(f"its attributes must be {', '.join(VALUES)}")
    for name in VALUES:
        value = value_of(record[name])
        if not VALUES[name](value):
            raise ValueError(f"its {name} cannot be {value!r:.60}")
        setattr(estimator, name, value)
    if estimator.n_features_in_ != n_features:
        raise ValueError(
            f"it has {estimator.n_features_in_} features, and its encoder {n_features}"
        )


def _set_arrays(estimator: Any, arrays: Any, n_features: int) -> None:
    """Set what is known of the training rows, and of the columns."""
    predictions, importances, folds = (arrays[KEPT + name] for name in ARRAYS)
    m = len(folds)
    if folds.shape != (m,) or folds.dtype.kind != "i" or len(predictions) != m:
        raise ValueError("it has no fold and no prediction for each row")
    if importances.shape != (n_features,):
        raise ValueError(f"it has importances of {len(importances)} columns, not {n_features}")
    if not np.isfinite(predictions).all() or not np.isfinite(importances).all():
        raise ValueError("it has a prediction or an importance that is not finite")
    for name in ARRAYS:
        setattr(estimator, name, arrays[KEPT + name])


def _words_of(record: Any, encoder: Encoder) -> dict[str, tuple[str, ...]]:
    """Return the words of some columns of words, in order."""
    columns = {f.name for f in encoder.features if f.kind == "category"}
    if not isinstance(record, list) or not all(isinstance(e, list) and len(e) == 2 for e in record):
        raise ValueError("its words are no list of columns with theirs")
    for name, words in record:
        if not isinstance(name, str) or name not in columns or not isinstance(words, list):
            raise ValueError(f"it has words of {name!r:.60}, which is no column of words")
        if not all(isinstance(w, str) for w in words) or sorted(set(words)) != words:
            raise ValueError(
                f"the words of its column {name!r:.60} are not different ones in order"
            )
    return {name: tuple(words) for name, words in record}


def _check_statistics(estimator: Any) -> None:
    sizes = [len(words) + 1 for words in estimator._words.values()]  # one place for other words
    for member in estimator.ensemble_.members:
        if member.statistics and [len(table) for table in member.statistics.tables] != sizes:
            raise ValueError("its words and its target statistics are of different sizes")


def _set_names(estimator: Any, names: Any, known: list[str]) -> None:
    if names is None:
        return
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("its feature_names are no list of names")
    if sorted(names) != sorted(known):
        raise ValueError("its feature_names are not those of its encoder")
    estimator.feature_names_in_ = np.array(names, object)


def _set_classes(estimator: Any, record: Any) -> None:
    outputs = estimator.ensemble_.members[0].networks[0].sizes[-1]
    if estimator.ensemble_.task == "regression":
        if record is not None or outputs != 1:
            raise ValueError(f"it predicts numbers, and has {outputs} outputs or classes")
        return
    if not isinstance(record, dict) or set(record) != {"kind", "values"}:
        raise ValueError("its classes must have kind and values")
    classes = classes_of(record["kind"], record["values"])
    if len(classes) < 2 or outputs != (1 if len(classes) == 2 else len(classes)):
        raise ValueError(f"it has {len(classes)} classes, and networks of {outputs} outputs")
    if not np.array_equal(np.unique(classes), classes):
        raise ValueError("its classes are not different ones in order")
    estimator.classes_ = classes


def _part(arrays: Any, prefix: str) -> dict[str, Any]:
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
