"""Models of tables: what they share, and the one that is a network with its encoders."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

import numpy as np

from ..files.network import load_network, save_network
from ..network import Network
from ..typing import Array
from .columns import Columns, columns, require
from .encoder import Encoder
from .predictor import Predictor, encoded_outputs
from .reading import ReadOptions, read
from .row_encoder import RowEncoder
from .row_groups import row_hashes, share_known
from .scores import class_scores, confusion, number_scores, probabilities_of
from .snapshots import Snapshots
from .target import TargetEncoder
from .word_orders import orders_of, with_orders

OUTPUTS: Mapping[str, str] = {
    "binary": "sigmoid",
    "multiclass": "softmax",
    "regression": "identity",
}

# How a feature's column is read.
_KINDS: Mapping[str, str] = {"number": "number", "date": "date", "category": "text"}


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model says of m rows.

    ``values`` (m,): places of classes (int64), or numbers in the target's own units (float64).
    ``probabilities`` (m, number of classes), or None for regression. ``unlike`` (m,): whether a
    row has a number beyond all those trained on. ``bounds`` (m, 2): the interval of each number, in
    its own units, where one was asked for.
    """

    target: TargetEncoder
    values: Array
    probabilities: Array | None
    warnings: list[str] = field(default_factory=list)
    unlike: Array = field(default_factory=lambda: np.empty(0, np.bool_))
    bounds: Array | None = None

    @property
    def words(self) -> list[Any]:
        """Return the predictions as names of classes, or as numbers."""
        if self.probabilities is None:
            return list(self.values.tolist())
        return [self.target.classes[place] for place in self.values.tolist()]


class EncodedModel(ABC):
    """A model of a table: whatever predicts, with the encoder of its inputs and its target.

    ``record``: how it was trained, as JSON values. The verbs of the command line take any.
    """

    __slots__ = ()
    encoder: Encoder
    target: TargetEncoder
    record: Any

    @abstractmethod
    def outputs(self, rows: Columns) -> tuple[Array, list[str]]:
        """Return the outputs (m, n_L), as ``TargetEncoder`` reads them, and the warnings."""

    @abstractmethod
    def with_target(self, target: TargetEncoder) -> Self:
        """Return the model with another meaning of its outputs, such as another threshold."""

    @abstractmethod
    def predictor(self) -> Predictor:
        """Return ``f(row)``, which predicts a raw row in microseconds; see ``Predictor``."""

    @abstractmethod
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a model file; raises ValueError if ``path`` cannot be written to."""

    def bounds(self, outputs: Array, share: float) -> Array:
        """Return the bounds (m, 2) within which ``share`` of new numbers lie, in own units.

        Raises ValueError for a model that knows of no out-of-fold errors, and for classes.
        """
        raise ValueError("--interval needs an ensemble, and this model is one network")

    def read(
        self,
        path: str | os.PathLike[str],
        with_target: bool = False,
        say: Callable[[str], None] | None = None,
        encoding: str | None = None,
    ) -> Columns:
        """Read from a file the columns that the model takes, and the target if asked.

        With the target comes the column by which rows were held out, where there is one.
        ``say`` hears which columns are not used. Raises ValueError for a column that is not
        there, and as ``read_table`` does.
        """
        name = os.fspath(path)
        known = read(name, self._read_options(encoding))
        present = known.table.column_names
        wanted = [*self.encoder.names, *([self.target.name] if with_target else [])]
        latest = self._held_out_by()
        if with_target and latest in present and latest not in wanted:
            wanted.append(latest)
        _require_all(wanted, present, name)
        extra = self.encoder.extra(present, self.target.name)
        if say is not None:
            for note in known.notes:
                say(note)
            if extra:
                listed = ", ".join(extra[:10]) + (", ..." if len(extra) > 10 else "")
                say(f"not used, since the model was not trained with them: {listed}")
        rows = columns(known.table.select(wanted), rows=known.rows)
        rows = rows.converted(self.encoder.categories, ())
        return with_orders(rows, self.orders)

    @property
    def orders(self) -> dict[str, tuple[str, ...]]:
        """The orders of words with which it was trained, of the columns that it takes."""
        settings = self.record.get("settings") if isinstance(self.record, dict) else None
        options = settings.get("order") if isinstance(settings, dict) else None
        if not isinstance(options, list):
            return {}
        orders = orders_of(map(str, options))
        return {name: words for name, words in orders.items() if name in self.encoder.names}

    def _read_options(self, encoding: str | None) -> ReadOptions:
        """Return how the table is read that the model was trained on, for later ones."""
        kinds = {f.name: _KINDS.get(f.kind, "") for f in self.encoder.features}
        kinds |= dict.fromkeys(self.orders, "text")
        if self.target.classes:
            kinds[self.target.name] = "text"
        record = self.record if isinstance(self.record, dict) else {}
        styles, settings = record.get("styles"), record.get("settings")
        missing = settings.get("missing") if isinstance(settings, dict) else None
        return ReadOptions(
            kinds=kinds,
            styles={name: style for name, style in styles.items() if isinstance(style, str)}
            if isinstance(styles, dict)
            else {},
            missing=tuple(map(str, missing)) if isinstance(missing, list) else (),
            encoding=encoding,
        )

    def _held_out_by(self) -> Any:
        settings = self.record.get("settings") if isinstance(self.record, dict) else None
        return settings.get("latest") if isinstance(settings, dict) else None

    def predict(self, rows: Columns, interval: float | None = None) -> Predictions:
        """Predict the target of every row; raises ValueError as ``Encoder.encode`` does.

        ``interval``: see ``bounds``.
        """
        outputs, warnings = self.outputs(rows)
        task = self.target.task
        probabilities = None if task == "regression" else probabilities_of(task, outputs)
        values, unlike = self.target.decode(outputs), self.encoder.unlike(rows)
        bounds = None if interval is None else self.bounds(outputs, interval)
        return Predictions(self.target, values, probabilities, warnings, unlike, bounds)

    def share_trained_on(self, rows: Columns) -> float:
        """Return the share of rows, with their target, that the model was trained on."""
        kept = self.record.get("trained_on") if isinstance(self.record, dict) else None
        if not isinstance(kept, list) or not all(_is_hash(one) for one in kept):
            return 0.0
        columns = [rows[name] for name in (*self.encoder.names, self.target.name)]
        return share_known(row_hashes(columns, rows.m), kept)

    def evaluate(self, rows: Columns) -> tuple[dict[str, Any], list[str]]:
        """Compare predictions with the target's column; return the scores and warnings.

        Beside the scores there are ``rows``, and for classes ``confusion``: how many rows of a true
        class (row) have a predicted one (column). Raises ValueError for an unreadable target.
        """
        true = self.target.values_of(rows[require(rows, self.target.name)])
        outputs, warnings = self.outputs(rows)
        return score(self.target, true, outputs), warnings


@dataclass(frozen=True, slots=True)
class TableModel(EncodedModel):
    """A trained network with its encoders, and snapshots of it in training where they are kept."""

    network: Network
    encoder: Encoder
    target: TargetEncoder
    record: Any = None
    snapshots: Snapshots = ()

    def outputs(self, rows: Columns) -> tuple[Array, list[str]]:
        """Return the network's outputs (m, n_L) and the encoder's warnings."""
        X, warnings = self.encoder.encode(rows, self.network.dtype)
        return self.network.predict(X), warnings

    def with_target(self, target: TargetEncoder) -> TableModel:
        """Return the model with another meaning of its outputs."""
        return replace(self, target=target)

    def predictor(self) -> Predictor:
        """Return ``f(row)``, which predicts a raw row in microseconds; see ``Predictor``."""
        network, dtype, orders = self.network.predictor(threads=1), self.network.dtype, self.orders

        def table_outputs(table: Any) -> Array:
            if orders:
                return self.outputs(with_orders(columns(table), orders))[0]
            return encoded_outputs(self.encoder, self.network, table)

        return Predictor(
            RowEncoder(self.encoder, dtype, orders=orders, others=(self.target.name,)),
            self.target,
            lambda row, values: network(row),
            table_outputs,
            partial(probabilities_of, self.target.task),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a model file; raises ValueError if ``path`` cannot be written to."""
        state, arrays = self.encoder.state()
        state["target"] = self.target.state()
        encoders = state, arrays
        save_network(path, self.network, encoders, self.record, snapshots=self.snapshots)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TableModel:
        """Read a model file that ``save`` wrote; raises ValueError for any other, saying why."""
        loaded = load_network(path)
        if loaded.encoder is None:
            raise ValueError(
                f"{os.fspath(path)} holds a network without an encoder for tables: "
                "use one that `chainrule train` wrote"
            )
        try:
            network = Network.from_architecture(loaded.architecture, loaded.theta)
            return cls(network, *_encoders(loaded), loaded.record, loaded.snapshots)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)} is not a sound model file: {error}") from None


def _is_hash(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**64


def _require_all(wanted: Sequence[str], present: Sequence[str], where: str) -> None:
    """Raise ValueError for columns that are not there, all at once."""
    absent = [name for name in wanted if name not in present]
    if len(absent) > 1:
        listed = ", ".join(map(repr, absent[:20])) + (", ..." if len(absent) > 20 else "")
        there = ", ".join(present[:10]) + (", ..." if len(present) > 10 else "")
        raise ValueError(f"{where} has no columns {listed} (columns: {there})")
    for name in absent:
        require(present, name, where)


def _encoders(loaded: Any) -> tuple[Encoder, TargetEncoder]:
    """Build both encoders, and check that they fit the network."""
    state, network = loaded.encoder, loaded.architecture
    if not isinstance(state, dict) or "target" not in state:
        raise ValueError("its encoder has no target")
    rest = {key: value for key, value in state.items() if key != "target"}
    encoder = Encoder.from_state(rest, loaded.encoder_arrays)
    target = TargetEncoder.from_state(state["target"])
    sizes = (len(encoder.feature_names), target.n_out)
    if (network.sizes[0], network.sizes[-1]) != sizes:
        raise ValueError(
            f"its encoder makes {sizes[0]} inputs and wants {sizes[1]} outputs, but its network "
            f"has {network.sizes[0]} and {network.sizes[-1]}"
        )
    output = network.activations[-1].name
    if output != OUTPUTS[target.task]:
        raise ValueError(f"its network's output is {output}, and its task is {target.task}")
    return encoder, target


def score(target: TargetEncoder, true: Array, outputs: Array) -> dict[str, Any]:
    """Return the scores of a network's outputs (m, n_L) against true values (m,)."""
    predicted = target.decode(outputs)
    if target.task == "regression":
        return {"rows": len(true), **number_scores(true, predicted)}
    return {
        "rows": len(true),
        **class_scores(target.task, true, predicted, outputs),
        "confusion": confusion(true, predicted, len(target.classes)).tolist(),
    }
