"""Packing: our records as plain values, so that pickles and skops files hold estimators alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ..network import Network
from ..tables.encoder import Encoder
from ..training.continuation import Carried
from ..training.history import History, Stop
from ..training.stopping import EarlyStopping
from .early_stopping import Observer
from .fitting import TrainingState
from .holdout import Samples
from .moments import Moments

# The attributes that hold records, and the key that a packed one is known by.
ATTRIBUTES = ("network_", "encoder_", "history_", "stop_", "_training")
KIND = "chainrule"
RECORDS: Mapping[str, type[Any]] = {
    kind.__name__: kind
    for kind in (Carried, EarlyStopping, History, Moments, Observer, Samples, Stop, TrainingState)
}


def packed(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return an estimator's attributes with plain values for records."""
    return {n: _packed(v) if n in ATTRIBUTES else v for n, v in state.items()}


def unpacked(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return an estimator's attributes as they were before ``packed``."""
    return {n: _unpacked(v) if n in ATTRIBUTES else v for n, v in state.items()}


def _packed(value: Any) -> Any:
    if isinstance(value, Network):
        try:
            return {KIND: "Network", "config": value.config(), "theta": value.theta.copy()}
        except ValueError:
            return value  # one's own records: pickled as they are, if they can be
    if isinstance(value, Encoder):
        state, arrays = value.state()
        return {KIND: "Encoder", "state": state, "arrays": arrays}
    name = type(value).__name__
    if RECORDS.get(name) is not type(value):
        return value
    return {KIND: name, **{f.name: _packed(getattr(value, f.name)) for f in fields(value)}}


def _unpacked(value: Any) -> Any:
    if not isinstance(value, dict) or KIND not in value:
        return value
    values = {name: _unpacked(part) for name, part in value.items() if name != KIND}
    if value[KIND] == "Network":
        return Network.from_config(values["config"], values["theta"])
    if value[KIND] == "Encoder":
        return Encoder.from_state(values["state"], values["arrays"])
    return RECORDS[value[KIND]](**values)
