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
from .held_out import held_out
from .inputs import Integers, Rows
from .row_outputs import row_outputs

# Arrays of a model file that are the encoder's, the ensemble's, and of the rows trained on.
ENCODER, ENSEMBLE, KEPT = "encoder.", "ensemble.", "kept."


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What the members say of the rows trained on.

    ``outputs`` (m, k): of the member that did not see the row. ``folds`` (m,): its number, -1 where
    no member saw it. ``loss``: theirs. ``importances`` (n,): its rise as a column is shuffled.
    """

    outputs: Floats
    folds: Integers
    loss: float
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

    def encoded(self, rows: Columns, unlike: bool = True) -> tuple[Rows, list[str]]:
        """Return rows as the ensemble takes them, and the warnings; see ``Encoder.encode``."""
        X, warnings = self.encoder.encode(rows, np.float64, unlike)
        return Rows(X, word_numbers(rows, self.words)), warnings

    def outputs(self, rows: Columns) -> tuple[Array, list[str]]:
        """Return probabilities (m, k) or standardised numbers (m, 1), and the warnings."""
        encoded, warnings = self.encoded(rows)
        return self.ensemble.outputs(encoded), warnings

    def held_out(self, rows: Columns) -> Array | None:
        """Return the outputs of each row by the members that did not see it.

        None where ``rows`` are not all the rows trained on, in their order.
        """
        kept = self.out_of_fold
        if rows.m != len(kept.folds):
            return None
        outputs = held_out(self.ensemble, self.encoded(rows)[0], kept.folds)
        same = np.allclose(outputs, kept.outputs, rtol=1e-6, atol=1e-9)
        return kept.outputs if same else None

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
        orders = self.orders
        rows = RowEncoder(self.encoder, np.float64, orders=orders, others=(self.target.name,))

        def table_outputs(table: Any) -> Array:
            several = columns(table.select(list(rows.columns)))
            return self.outputs(with_orders(several, orders))[0]

        return Predictor(
            rows,
            self.target,
            row_outputs(self.ensemble, rows.columns, self.words),
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
            KEPT + "loss": np.array(kept.loss),
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
    except (KeyError, TypeError, AttributeError, OverflowError, ValueError) as error:
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
    n_out = ensemble.members[0].networks[0].sizes[-1]
    if n_out != target.n_out:
        raise ValueError(f"it has {n_out} outputs, and its target wants {target.n_out}")
    words = _words_of(metadata["words"], encoder)
    sizes = [len(several) + 1 for several in words.values()]  # one place for other words
    for member in ensemble.members:
        if member.statistics and [len(table) for table in member.statistics.tables] != sizes:
            raise ValueError("its words and its target statistics are of different sizes")
    kept = _out_of_fold(_part(arrays, KEPT), n_out, len(encoder.features))
    return EnsembleModel(ensemble, encoder, target, words, kept, metadata["record"])


def _words_of(record: Any, encoder: Encoder) -> dict[str, tuple[str, ...]]:
    """Return the words of some columns of words, in order."""
    columns = encoder.categories
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


def _out_of_fold(arrays: Mapping[str, Array], n_out: int, columns: int) -> OutOfFold:
    outputs, folds, loss, importances = (
        arrays[name] for name in ("outputs", "folds", "loss", "importances")
    )
    m = len(folds)
    shapes = {(m, n_out): outputs, (): loss, (columns,): importances}
    for shape, array in shapes.items():
        if array.shape != shape or array.dtype.kind != "f" or not np.isfinite(array).all():
            raise ValueError(f"what it keeps of the rows trained on is not of the shape {shape}")
    if folds.shape != (m,) or folds.dtype.kind != "i":
        raise ValueError("it has no fold for each row")
    return OutOfFold(outputs, folds, float(loss), importances)


def _part(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
