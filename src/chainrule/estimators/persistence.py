"""Saving: the model file; and what pickle and skops need.

The file is that of ``files.network``: parameters, encoder, and a record with the estimator's
parameters and attributes as JSON. It names entries of our tables, and holds no functions. Pickles
and skops files hold the network as its config and theta.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from math import inf
from typing import Any

import numpy as np

from ..files.network import load_network, save_network
from ..network import Network
from ..tables.encoder import Encoder
from ..tables.target import TargetEncoder
from ..training import Carried, History, Stop
from .early_stopping import Watch
from .holdout import Samples

# Fitted attributes that are plain values.
PLAIN = (
    "n_features_in_",
    "n_iter_",
    "t_",
    "loss_",
    "best_loss_",
    "best_validation_score_",
    "validation_scores_",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
    "_by_columns",
    "_losses",
    "_validation",
    "_flat",
)
KINDS = {"b": "bool", "i": "int64", "u": "int64", "f": "float64", "U": "text"}


class Saved:
    """What an estimator needs to be written and read back."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to a model file; ``chainrule.estimators.load`` reads it.

        The optimizer's state is left out, so ``partial_fit`` starts anew with it after loading.
        Raises ValueError for functions of your own (records, callbacks, scorers), and if ``path``
        cannot be written to.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self, "network_")
        encoder = getattr(self, "encoder_", None)
        state = None
        if encoder is not None:
            described, arrays = encoder.state()
            target = _target(self)
            state = (described if target is None else {**described, "target": target}, arrays)
        record = {"estimator": _record(self)}
        save_network(path, self.network_, state, record)  # type: ignore[attr-defined]

    def __getstate__(self) -> dict[str, Any]:
        given: Any = super().__getstate__()
        state: dict[str, Any] = dict(given)
        for name, (kind, pack, _) in PACKED.items():
            if isinstance(state.get(name), kind):
                state[name] = pack(state[name])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        found = {
            name: PACKED[name][2](value)
            if name in PACKED and isinstance(value, dict) and PACK in value
            else value
            for name, value in state.items()
        }
        super().__setstate__(found)  # type: ignore[misc]


# What a packed attribute is known by.
PACK = "chainrule"


def _pack_network(net: Network) -> Any:
    try:
        return {PACK: "network", "config": net.config(), "theta": net.theta.copy()}
    except ValueError:
        return net  # one's own records: pickled as they are, if they can be


def _pack_fields(record: Any) -> dict[str, Any]:
    return {PACK: "fields", **{f.name: getattr(record, f.name) for f in fields(record)}}


def _unpack_fields(kind: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda packed: kind(**{n: v for n, v in packed.items() if n != PACK})


def _pack_history(history: History) -> dict[str, Any]:
    packed = _pack_fields(history)
    return {**packed, "stop": None if history.stop is None else _pack_fields(history.stop)}


def _unpack_history(packed: dict[str, Any]) -> History:
    stop = packed["stop"]
    made: History = _unpack_fields(History)({**packed, "stop": None})
    made.stop = None if stop is None else _unpack_fields(Stop)(stop)
    return made


def _pack_encoder(encoder: Encoder) -> dict[str, Any]:
    state, arrays = encoder.state()
    return {PACK: "encoder", "state": state, "arrays": arrays}


# Attribute -> its class, how it becomes plain values and arrays, and how those become it again:
# pickles and skops files then hold no class of ours but the estimators'.
PACKED: Mapping[str, tuple[Any, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "network_": (
        Network,
        _pack_network,
        lambda packed: Network.from_config(packed["config"], packed["theta"]),
    ),
    "encoder_": (
        Encoder,
        _pack_encoder,
        lambda packed: Encoder.from_state(packed["state"], packed["arrays"]),
    ),
    "_carried": (Carried, _pack_fields, _unpack_fields(Carried)),
    "stop_": (Stop, _pack_fields, _unpack_fields(Stop)),
    "history_": (History, _pack_history, _unpack_history),
    "_watch": (Watch, _pack_fields, _unpack_fields(Watch)),
    "_held": (Samples, _pack_fields, _unpack_fields(Samples)),
}


def _target(estimator: Any) -> dict[str, Any] | None:
    """Return what `chainrule predict` needs to know of the outputs, or None for several targets."""
    if hasattr(estimator, "classes_"):
        if estimator._label_binarizer.y_type_.startswith("multilabel"):
            return None
        words = tuple(map(str, estimator.classes_.tolist()))
        return TargetEncoder("y", "multiclass" if len(words) > 2 else "binary", words).state()
    if estimator.n_outputs_ != 1 or estimator.out_activation_ != "identity":
        return None
    mean, scale = float(estimator.y_mean_[0]), float(estimator.y_scale_[0])
    return TargetEncoder("y", "regression", (), mean, scale).state()


def _record(estimator: Any) -> dict[str, Any]:
    own = {name: _plain(name, value) for name, value in estimator.get_params(deep=False).items()}
    found: dict[str, Any] = {
        "class": type(estimator).__name__,
        "parameters": own,
        "dtype": estimator.dtype_.name,
        "attributes": {n: _plain(n, getattr(estimator, n)) for n in PLAIN if hasattr(estimator, n)},
    }
    if hasattr(estimator, "feature_names_in_"):
        found["feature_names"] = [str(n) for n in estimator.feature_names_in_]
    if hasattr(estimator, "classes_"):
        classes = np.asarray(estimator.classes_)
        words = classes.dtype.kind in "OU" and all(isinstance(c, str) for c in classes.tolist())
        kind = "text" if words else KINDS.get(classes.dtype.kind)
        if kind is None:
            raise ValueError(f"a model file holds classes of words or numbers, not {classes.dtype}")
        several = estimator._label_binarizer.y_type_.startswith("multilabel")
        found["classes"] = {"kind": kind, "values": classes.tolist(), "multilabel": several}
    else:
        found["y"] = {"mean": estimator.y_mean_.tolist(), "scale": estimator.y_scale_.tolist()}
    return found


def _plain(name: str, value: Any) -> Any:
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
        return [_plain(name, item) for item in value]
    if isinstance(value, Mapping):
        return {"items": [[_plain(name, k), _plain(name, v)] for k, v in value.items()]}
    if isinstance(value, np.random.RandomState):
        return None
    raise ValueError(
        f"{name} holds {type(value).__name__} of your own, and a model file names entries of our "
        f"tables only: pickle the estimator, or set {name} to one of those"
    )


def _value(given: Any) -> Any:
    """Turn JSON back into what ``_plain`` was given; lists become tuples."""
    if isinstance(given, list):
        return tuple(_value(item) for item in given)
    if isinstance(given, dict) and set(given) == {"number"}:
        return {"inf": inf, "-inf": -inf}.get(given["number"], float("nan"))
    if isinstance(given, dict) and set(given) == {"items"}:
        return {_value(k): _value(v) for k, v in given["items"]}
    return given


def load(path: str | os.PathLike[str]) -> Any:
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
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{os.fspath(path)} is not a sound estimator's file: {error}") from None


def _built(record: Any, loaded: Any) -> Any:
    from . import BackpropClassifier, BackpropRegressor

    known: Mapping[str, Any] = {c.__name__: c for c in (BackpropClassifier, BackpropRegressor)}
    made = known[record["class"]](**{n: _value(v) for n, v in record["parameters"].items()})
    for name, value in record["attributes"].items():
        if name not in PLAIN:
            raise KeyError(name)
        found = _value(value)
        setattr(made, name, list(found) if isinstance(found, tuple) else found)
    made.network_ = Network.from_architecture(loaded.architecture, loaded.theta)
    made.dtype_ = np.dtype(record["dtype"])
    made.encoder_ = None
    if loaded.encoder is not None:
        state = {key: value for key, value in loaded.encoder.items() if key != "target"}
        made.encoder_ = Encoder.from_state(state, loaded.encoder_arrays)
    if "feature_names" in record:
        made.feature_names_in_ = np.array(record["feature_names"], object)
    if "classes" in record:
        _set_classes(made, record["classes"])
    else:
        made.y_mean_ = np.array(record["y"]["mean"], np.float64)
        made.y_scale_ = np.array(record["y"]["scale"], np.float64)
    made._carried, made._watch, made._held = Carried(), None, None
    made.loss_curve_ = made._losses
    made.validation_loss_curve_ = made._validation or None
    return made


def _set_classes(made: Any, classes: Any) -> None:
    from sklearn.preprocessing import LabelBinarizer

    kind, values = classes["kind"], classes["values"]
    array = np.array(values) if kind == "text" else np.array(values, kind)
    example = np.eye(len(array), dtype=int) if classes["multilabel"] else array
    made._label_binarizer = LabelBinarizer().fit(example)
    made.classes_ = made._label_binarizer.classes_
