"""What ``TableClassifier`` and ``TableRegressor`` share: reading, folds, training, importances."""

from __future__ import annotations

import os
import warnings
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..mathematics.random import key, permutation
from ..tables.columns import Columns, as_text
from ..tables.encoder import Encoder
from ..tables.predictor import Predictor
from ..tables.row_encoder import RowEncoder
from ..tables.target_encoder import TargetEncoder
from ..tables.word_numbers import word_numbers
from ..tabular import Fitted, Rows, Table, TableEnsemble, Targets, Task, fit_ensemble
from ..tabular.designs import Recipe
from ..tabular.folds import folds_of
from ..tabular.row_outputs import row_outputs
from ..typing import Floats
from .constraints import check
from .encoding import encode, fit_columns, fit_matrix
from .inputs import as_categories, read_columns, read_matrix, wants_columns
from .sample_weights import read_weights
from .table_files import load_table_model, save_table_model

# A column with more words than this has target statistics beside the places of its words.
FEW_WORDS = 8
# Members by default, and rows by which the importance of columns is measured.
MEMBERS, MOST_ROWS = 5, 2000
SHUFFLES = 37  # the purpose of the random numbers by which columns are shuffled


class TableModel(BaseEstimator):  # type: ignore[misc]
    """The base of ``TableClassifier`` and ``TableRegressor``; not for direct use."""

    _task: Task

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None, time: Any = None
    ) -> Self:
        """Train on X (m, n_features) and y (m,); return the estimator.

        ``X``: array, sparse matrix or DataFrame (pandas, polars, Arrow) with numbers, words, truth
        values, dates and gaps. ``sample_weight``: (m,). ``groups``: (m,) labels; rows of one group
        are never on both sides of a fold. ``time``: (m,) moments; folds are blocks of time.

        Raises ValueError or TypeError naming what cannot be learnt from.
        """
        check(type(self).__name__, self.get_params(deep=False))
        recipe = Recipe.of(_names(self.without))
        if groups is not None and time is not None:
            raise ValueError("give groups or time, not both: folds follow one of them")
        inputs, encoded = self._read_anew(X, y)
        m = len(encoded)
        if m < 2:
            raise ValueError("n_samples=1, and members on folds need 2 rows or more")
        targets, scale = self._targets(y, _weights(sample_weight, m), m)
        members = MEMBERS if self.n_members is None else int(self.n_members)
        seed = _seed(self.random_state)
        folds = folds_of(
            targets,
            min(members, m),
            seed,
            None if groups is None else _labels("groups", groups, m),
            None if time is None else _labels("time", time, m),
        )
        rows = Rows(encoded, self._word_numbers(inputs))
        table = Table(rows, targets, folds, _numbers(self.encoder_), self._sizes())
        fitted = fit_ensemble(
            table,
            recipe,
            seed,
            threads=self.n_threads,
            engine=self.engine,
            time_limit=self.time_limit,
            progress=bool(self.verbose),
        )
        self._scale = scale
        self._keep(fitted, table, seed)
        return self

    def _read_anew(self, X: Any, y: Any) -> tuple[Columns | Floats, Floats]:
        """Learn how the inputs are encoded, and encode them."""
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None"
            )
        self._by_columns = wants_columns(X, self.categorical_features)
        found = self._read(X, reset=True)
        if isinstance(found, Columns):
            self.encoder_ = fit_columns(found, standardize=True)
        else:
            names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(found.shape[1])])
            self.encoder_ = fit_matrix(found, names, None)
        self._words = _words_of(found, self.encoder_)
        return found, self._encoded(found, quiet=True)

    def read_inputs(self, X: Any) -> Columns | Floats:
        """Return X by named columns or as a matrix (m, n), as the encoder takes it."""
        check_is_fitted(self, "ensemble_")
        return self._read(X, reset=False)

    def _read(self, X: Any, reset: bool) -> Columns | Floats:
        if self._by_columns and reset:
            return as_categories(read_columns(self, X, None), self.categorical_features)
        if self._by_columns:
            return read_columns(self, X, self._column_names())
        return read_matrix(self, X, reset, np.float64)

    def _encoded(self, found: Columns | Floats, quiet: bool = False) -> Floats:
        if not isinstance(found, Columns):
            return encode(found, self.encoder_, np.float64)
        X, notes = self.encoder_.encode(found, np.float64)
        for note in notes if not quiet else ():
            warnings.warn(note, UserWarning, stacklevel=4)
        return X

    def _sizes(self) -> tuple[int, ...]:
        """Return how many words each column of many words has."""
        return tuple(len(words) for words in self._words.values())

    def _word_numbers(self, inputs: Columns | Floats) -> npt.NDArray[np.int64]:
        """Return the numbers of the words in columns of many words, (m, c); -1 for a new word."""
        if not isinstance(inputs, Columns):
            return np.empty((len(inputs), 0), np.int64)
        return word_numbers(inputs, self._words)

    def _rows(self, X: Any) -> Rows:
        """Return new rows as the ensemble takes them."""
        inputs = self.read_inputs(X)
        return Rows(self._encoded(inputs), self._word_numbers(inputs))

    def _targets(self, y: Any, weights: Floats, m: int) -> tuple[Targets, tuple[float, float]]:
        raise NotImplementedError

    def _predictions(self, outputs: Floats) -> Floats:
        raise NotImplementedError

    def _keep(self, fitted: Fitted, table: Table, seed: int) -> None:
        """Write the attributes of a fit."""
        self.ensemble_ = fitted.ensemble
        self.fold_of_row_ = table.folds
        self.out_of_fold_predictions_ = self._predictions(fitted.out_of_fold)
        self.out_of_fold_loss_ = table.targets.loss(fitted.out_of_fold)
        self.feature_importances_ = _importances(
            fitted.ensemble, table, self._places(), self.out_of_fold_loss_, seed
        )

    def _places(self) -> list[tuple[slice, int | None]]:
        """Return for each column of X its places in the encoded matrix, and among words."""
        many = list(self._words)
        place, places = 0, {}
        for feature in self.encoder_.features:
            number = many.index(feature.name) if feature.name in many else None
            places[feature.name] = (slice(place, place + feature.width), number)
            place += feature.width
        return [places.get(name, (slice(0, 0), None)) for name in self._column_names()]

    def _column_names(self) -> list[str]:
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = [f"x{j}" for j in range(self.n_features_in_)]
        return [str(name) for name in names]

    def predictor(self) -> Predictor:
        """Return ``f(row)``, which predicts a raw row, a mapping of names or a tuple of values.

        It gives the bits of ``predict`` without a DataFrame in between, and no warning of words or
        gaps that training never saw; see ``chainrule.tables.predictor.Predictor``.
        """
        check_is_fitted(self, "ensemble_")
        rows = RowEncoder(
            self.encoder_, np.float64, names=self._column_names(), gaps=self._by_columns
        )
        classes = tuple(self.classes_.tolist()) if hasattr(self, "classes_") else ()
        return Predictor(
            rows,
            TargetEncoder("y", self.ensemble_.task, classes, *self._scale),
            row_outputs(self.ensemble_, rows.taken, self._words),
            self._table_outputs,
            self._predictions,
        )

    def _table_outputs(self, table: Any) -> Floats:
        """Return the ensemble's outputs of an Arrow table with the columns of X."""
        inputs = self._read(table.select(self._column_names()), reset=False)
        X = self._encoded(inputs, quiet=True)
        return self.ensemble_.outputs(Rows(X, self._word_numbers(inputs)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one model file, which ``load`` reads.

        Raises ValueError if ``path`` cannot be written to.
        """
        check_is_fitted(self, "ensemble_")
        save_table_model(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read an estimator that ``save`` wrote; raises ValueError for any other file."""
        estimator: Self = load_table_model(path, cls)
        return estimator

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _names(without: Any) -> tuple[str, ...]:
    return (without,) if isinstance(without, str) else tuple(without)


def _seed(random_state: Any) -> int:
    if isinstance(random_state, (int, np.integer)) and random_state >= 0:
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def _weights(sample_weight: Any, m: int) -> Floats:
    """Return weights of the rows that sum to m; raises ValueError as ``read_weights`` does."""
    weights = read_weights(sample_weight, m)
    if weights is None:
        return np.ones(m)
    return np.asarray(weights * (m / weights.sum()))


def _labels(name: str, given: Any, m: int) -> npt.NDArray[Any]:
    labels = np.asarray(given)
    if labels.shape != (m,):
        raise ValueError(f"{name} must have one entry for each of {m} rows, not {labels.shape}")
    return labels


def _words_of(found: Columns | Floats, encoder: Encoder) -> dict[str, tuple[str, ...]]:
    """Return the words of the columns with more than ``FEW_WORDS`` of them; "" is a gap."""
    if not isinstance(found, Columns):
        return {}
    many = [f.name for f in encoder.features if f.kind == "category" and len(f.words) > FEW_WORDS]
    texts = {name: {word or "" for word in as_text(found[name]).tolist()} for name in many}
    return {name: tuple(sorted(words)) for name, words in texts.items()}


def _numbers(encoder: Encoder) -> tuple[int, ...]:
    """Return the places of numbers and days in the encoded matrix."""
    places, place = [], 0
    for feature in encoder.features:
        if feature.kind in ("number", "date"):
            places.append(place)
        place += feature.width
    return tuple(places)


def _importances(
    ensemble: TableEnsemble,
    table: Table,
    places: list[tuple[slice, int | None]],
    loss: float,
    seed: int,
) -> Floats:
    """Return how much the out-of-fold loss rises when a column is shuffled, (n_features,).

    Source: Breiman, "Random forests", Machine Learning 45, 2001, section 10.
    """
    m = len(table.rows)
    sample = np.sort(permutation(m, key(seed, SHUFFLES))[:MOST_ROWS])
    rows, targets = table.rows.take(sample), table.targets.take(sample)
    folds = table.folds[sample]
    base = targets.loss(_held_out(ensemble, rows, folds))
    order = permutation(len(sample), key(seed, SHUFFLES, 1))
    found = np.zeros(len(places))
    for j, (columns, number) in enumerate(places):
        X, words = rows.X.copy(), rows.words.copy()
        X[:, columns] = X[order, columns]
        if number is not None:
            words[:, number] = words[order, number]
        if columns.stop > columns.start:
            shuffled = _held_out(ensemble, Rows(X, words), folds)
            found[j] = targets.loss(shuffled) - base
    return found


def _held_out(ensemble: TableEnsemble, rows: Rows, folds: npt.NDArray[np.int64]) -> Floats:
    """Return the outputs of each row by the member that held it out, (m, k)."""
    outputs = np.empty((len(rows), ensemble.members[0].networks[0].sizes[-1]))
    for number, member in enumerate(ensemble.members):
        out = np.flatnonzero(folds == number)
        if len(out):
            own = member.outputs(ensemble.designs, rows.take(out), ensemble.bins)
            outputs[out] = ensemble.finished(own)
    return outputs
