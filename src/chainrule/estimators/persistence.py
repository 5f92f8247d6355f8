"""Loading an estimator from a model file, with every value of its record checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.preprocessing import LabelBinarizer

from ..files.network import Loaded, load_network
from ..network import Network
from ..tables.encoder import Encoder
from .classifier import BackpropClassifier
from .constraints import checked
from .fitting import TrainingState
from .record import attributes_of, classes_of, number, target_of, value_of
from .regressor import BackpropRegressor

CLASSES: Mapping[str, type[Any]] = {
    one.__name__: one for one in (BackpropClassifier, BackpropRegressor)
}
FIELDS = {"class", "parameters", "dtype", "attributes", "feature_names", "classes", "y"}


def load_estimator(path: str | os.PathLike[str]) -> Any:
    """Read an estimator that ``save`` wrote.

    Raises ValueError, in one sentence, for any other file and for a damaged one.
    """
    loaded = load_network(path)
    record = loaded.record.get("estimator") if isinstance(loaded.record, dict) else None
    if record is None:
        raise ValueError(
            f"{os.fspath(path)} holds no estimator: chainrule.load reads its network, and "
            "chainrule.tables.model.TableModel.load what `chainrule train` wrote"
        )
    try:
        return _built(record, loaded)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"{os.fspath(path)} is not a sound estimator's file: {reason}") from None


def _built(record: Any, loaded: Loaded) -> Any:
    if not isinstance(record, dict) or not set(record) <= FIELDS:
        raise ValueError(f"its record must have the fields {', '.join(sorted(FIELDS))}")
    estimator = _unfitted(record)
    net = Network.from_architecture(loaded.architecture, loaded.theta)
    if record["dtype"] != net.dtype.name:
        raise ValueError(f"its dtype is {record['dtype']!r:.60}, and the network's {net.dtype}")
    attributes = attributes_of(record["attributes"])
    estimator.dtype_, estimator.encoder_ = net.dtype, _encoder(loaded, net)
    estimator._hold(net)
    if isinstance(estimator, BackpropClassifier):
        _set_classes(estimator, record["classes"])
    else:
        _set_scale(estimator, record["y"])
    _check_target(estimator, loaded)
    _set_columns(estimator, record.get("feature_names"), attributes)
    for name in ("n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        actual = getattr(estimator, name)
        if type(attributes[name]) is not type(actual) or attributes[name] != actual:
            raise ValueError(
                f"its {name} is {attributes[name]!r:.60}, and the network's {actual!r}"
            )
    _set_curves(estimator, attributes)
    return estimator


def _unfitted(record: Mapping[str, Any]) -> Any:
    if not isinstance(record["class"], str) or record["class"] not in CLASSES:
        raise ValueError(f"{record['class']!r:.60} is no estimator")
    kind = CLASSES[record["class"]]
    parameters = record["parameters"]
    if not isinstance(parameters, dict) or set(parameters) != set(kind().get_params()):
        raise ValueError(f"its parameters are not those of {record['class']}")
    estimator = kind(**{name: value_of(value) for name, value in parameters.items()})
    checked(record["class"], estimator.get_params(deep=False))
    return estimator


def _encoder(loaded: Loaded, net: Network) -> Encoder | None:
    if loaded.encoder is None:
        if loaded.encoder_arrays:
            raise ValueError("it has arrays of an encoder, and no encoder")
        return None
    if not isinstance(loaded.encoder, dict):
        raise ValueError("its encoder is no table")
    state = {key: value for key, value in loaded.encoder.items() if key != "target"}
    encoder = Encoder.from_state(state, loaded.encoder_arrays)
    if encoder.width != net.sizes[0]:
        raise ValueError(
            f"its encoder makes {encoder.width} columns, and the network takes {net.sizes[0]}"
        )
    return encoder


def _set_classes(estimator: Any, record: Any) -> None:
    array = _classes_of(record)
    outputs = estimator.n_outputs_
    binary = len(array) == 2 and not record["multilabel"]
    if len(array) < 2 or outputs != (1 if binary else len(array)):
        raise ValueError(f"it has {len(array)} classes, and a network of {outputs} outputs")
    example = np.eye(len(array), dtype=int) if record["multilabel"] else array
    estimator.label_binarizer_ = LabelBinarizer().fit(example)
    estimator.classes_ = estimator.label_binarizer_.classes_
    if not np.array_equal(estimator.classes_, array):
        raise ValueError("its classes are not different ones in order")


def _classes_of(record: Any) -> npt.NDArray[Any]:
    if not isinstance(record, dict) or set(record) != {"kind", "values", "multilabel"}:
        raise ValueError("its classes must have kind, values and multilabel")
    if not isinstance(record["multilabel"], bool):
        raise ValueError(f"its multilabel is {record['multilabel']!r:.60}")
    return classes_of(record["kind"], record["values"])


def _set_scale(estimator: Any, record: Any) -> None:
    if not isinstance(record, dict) or set(record) != {"mean", "scale"}:
        raise ValueError("its y must have mean and scale")
    for name, numbers in record.items():
        if not isinstance(numbers, list) or len(numbers) != estimator.n_outputs_:
            raise ValueError(f"its y has no {name} for each of {estimator.n_outputs_} outputs")
        if not all(number(x) and (name == "mean" or x > 0) for x in numbers):
            raise ValueError(f"its y has a {name} out of range")
    estimator.y_mean_ = np.array(record["mean"], np.float64)
    estimator.y_scale_ = np.array(record["scale"], np.float64)


def _check_target(estimator: Any, loaded: Loaded) -> None:
    """Raise ValueError where what `chainrule predict` is told of y is another y."""
    if loaded.encoder is None or "target" not in loaded.encoder:
        return
    expected = target_of(estimator)
    if expected is None or loaded.encoder["target"] != expected:
        raise ValueError("its record and its encoder speak of different targets")


def _set_columns(estimator: Any, names: Any, attributes: Mapping[str, Any]) -> None:
    encoder = estimator.encoder_
    by_columns = estimator.reads_columns_ = attributes["_by_columns"]
    if by_columns and encoder is None:
        raise ValueError("it reads columns, and has no encoder of them")
    if (
        encoder is not None
        and not by_columns
        and any(f.kind != "number" or f.missing for f in encoder.features)
    ):
        raise ValueError("its encoder is one of columns, and it reads a matrix")
    known = [f"x{j}" for j in range(estimator.network_.sizes[0])]
    if encoder is not None:
        known = [*encoder.names, *encoder.left_out]
    estimator.n_features_in_ = len(known)
    estimator.columns_ = known
    if names is None:
        if by_columns and encoder is not None and encoder.left_out:
            estimator.columns_ = sorted(known, key=lambda name: int(name.removeprefix("x")))
        return
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("its feature_names are no list of names")
    if len(names) != len(known) or (encoder is not None and sorted(names) != sorted(known)):
        raise ValueError("its feature_names are not those of its encoder")
    if encoder is not None and not by_columns and names != known:
        raise ValueError("its feature_names are in another order than its encoder's")
    estimator.feature_names_in_ = np.array(names, object)
    estimator.columns_ = list(names)


def _set_curves(estimator: Any, attributes: Mapping[str, Any]) -> None:
    for name in ("n_iter_", "t_", "loss_", "best_loss_", "best_validation_score_"):
        setattr(estimator, name, attributes[name])
    scores = attributes["validation_scores_"]
    estimator.validation_scores_ = None if scores is None else list(scores)
    losses, validation = list(attributes["_losses"]), list(attributes["_validation"])
    estimator._training = TrainingState(losses=losses, validation=validation)
    estimator.loss_curve_, estimator.validation_loss_curve_ = losses, validation or None
