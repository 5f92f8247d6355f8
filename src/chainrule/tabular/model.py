"""The ensemble as a model of a table: with its encoder and target, in one file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..files.model import read_model, write_model
from ..tables.columns import Columns, columns
from ..tables.encoder import Encoder
from ..tables.model import EncodedModel, TableModel
from ..tables.predictor import Predictor
from ..tables.row_encoder import RowEncoder
from ..tables.scores import probabilities_of
from ..tables.target import TargetEncoder
from ..tables.word_numbers import word_numbers
from ..tables.word_orders import with_orders
from ..typing import Array, Floats
from .ensemble import TableEnsemble
from .files import from_state, state_of
from .inputs import Integers, Rows
from .row_outputs import row_outputs

# Arrays of a model file that are the encoder's, the ensemble's, and of the rows trained on.
ENCODER, ENSEMBLE, KEPT = "encoder.", "ensemble.", "kept."


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What the members say of the rows trained on.

    ``outputs`` (m, k): of the member that did not see the row. ``folds`` (m,): its number, -1 where
    no member saw it. ``importances`` (n,): the rise of the loss as a column is shuffled.
    """

    outputs: Floats
    folds: Integers
    importances: Floats


@dataclass(frozen=True, slots=True)
class EnsembleModel(EncodedModel):
    """A trained ensemble with its encoders.

    ``words``: of each column of many words the list of its words, "" being a gap.
    """

    ensemble: TableEnsemble
    encoder: Encoder
    target: TargetEncoder
    words: Mapping[str, tuple[str, ...]]
    out_of_fold: OutOfFold
    record: Any = None

    def encoded(self, rows: Columns) -> tuple[Rows, list[str]]:
        """Return rows as the ensemble takes them, and the encoder's warnings."""
        X, warnings = self.encoder.encode(rows, np.float64)
        return Rows(X, word_numbers(rows, self.words)), warnings

    def outputs(self, rows: Columns) -> tuple[Array, list[str]]:
        """Return probabilities (m, k) or standardised numbers (m, 1), and the warnings."""
        encoded, warnings = self.encoded(rows)
        return self.ensemble.outputs(encoded), warnings

    def bounds(self, outputs: Array, share: float) -> Array:
        """Return the bounds (m, 2) within which ``share`` of new numbers lie, in own units.

        Raises ValueError for classes, and for a share that is not between 0 and 1.
        """
        if self.target.task != "regression":
            raise ValueError(f"--interval is for numbers, and this is {self.target.task}")
        if not 0 < share < 1:
            raise ValueError(f"--interval must be above 0 and below 1, not {share:g}")
        bounds = self.ensemble.interval(outputs, share)
        return np.asarray(bounds * self.target.scale + self.target.mean)

    def with_target(self, target: TargetEncoder) -> EnsembleModel:
        """Return the model with another meaning of its outputs."""
        return replace(self, target=target)

    def predictor(self) -> Predictor:
        """Return ``f(row)``, which predicts a raw row without a table; see ``Predictor``."""
        orders = self._orders
        rows = RowEncoder(self.encoder, np.float64, orders=orders, others=(self.target.name,))

        def table_outputs(table: Any) -> Array:
            several = columns(table.select(list(rows.taken)))
            return self.outputs(with_orders(several, orders))[0]

        return Predictor(
            rows,
            self.target,
            row_outputs(self.ensemble, rows.taken, self.words),
            table_outputs,
            partial(probabilities_of, self.target.task),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a model file; raises ValueError if ``path`` cannot be written to."""
        encoder, encoder_arrays = self.encoder.state()
        ensemble, ensemble_arrays = state_of(self.ensemble)
        kept = self.out_of_fold
        arrays = {
            **{ENCODER + name: array for name, array in encoder_arrays.items()},
            **{ENSEMBLE + name: array for name, array in ensemble_arrays.items()},
            KEPT + "outputs": kept.outputs,
            KEPT + "folds": kept.folds,
            KEPT + "importances": kept.importances,
        }
        metadata = {
            "encoder": {**encoder, "target": self.target.state()},
            "ensemble": ensemble,
            "words": [[name, list(words)] for name, words in self.words.items()],
            "record": self.record,
        }
        write_model(path, arrays, metadata)


def load_model(path: str | os.PathLike[str]) -> EncodedModel:
    """Read the model of a table from a file: an ensemble or one network.

    Raises ValueError, in one sentence, for any other file and for a damaged one.
    """
    arrays, metadata = read_model(path)
    if "ensemble" not in metadata:
        return TableModel.load(path)
    try:
        return _ensemble_model(arrays, metadata)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{os.fspath(path)} is not a sound model file: {error}") from None


def load_ensemble(path: str | os.PathLike[str]) -> EnsembleModel:
    """Read an ensemble; raises ValueError as ``load_model`` does, and for one network."""
    model = load_model(path)
    if not isinstance(model, EnsembleModel):
        raise ValueError(f"{os.fspath(path)} holds one network and no ensemble")
    return model


def _ensemble_model(arrays: Mapping[str, Array], metadata: Mapping[str, Any]) -> EnsembleModel:
    state = dict(metadata["encoder"])
    target = TargetEncoder.from_state(state.pop("target"))
    encoder = Encoder.from_state(state, _part(arrays, ENCODER))
    ensemble = from_state(metadata["ensemble"], _part(arrays, ENSEMBLE))
    if ensemble.task != target.task:
        raise ValueError(f"its ensemble is for {ensemble.task}, and its target for {target.task}")
    words = {str(name): tuple(map(str, several)) for name, several in metadata["words"]}
    kept = OutOfFold(*(arrays[KEPT + name] for name in ("outputs", "folds", "importances")))
    return EnsembleModel(ensemble, encoder, target, words, kept, metadata["record"])


def _part(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
