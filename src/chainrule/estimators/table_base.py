"""What ``TableClassifier`` and ``TableRegressor`` share: reading, the recipe, attributes, files."""

from __future__ import annotations

import os
import warnings
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..tables.columns import Column, Columns
from ..tables.predictor import Predictor
from ..tables.row_encoder import RowEncoder
from ..tables.target import Target, TargetEncoder
from ..tabular import EnsembleModel, Labelled, Options, OutOfFold, fit_model
from ..tabular.designs import Recipe
from ..tabular.recipe import MEMBERS
from ..tabular.row_outputs import row_outputs
from ..typing import Floats
from .constraints import check, plain
from .fitting import unchanged_by_errors
from .frames import is_frame
from .inputs import as_categories, read_columns, read_matrix, wants_columns
from .sample_weights import Weights, read_weights
from .table_files import load_table_model, save_table_model


class TableModel(BaseEstimator):  # type: ignore[misc]
    """The base of ``TableClassifier`` and ``TableRegressor``; not for direct use."""

    _meaning: TargetEncoder
    _out_of_fold: OutOfFold

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None, time: Any = None
    ) -> Self:
        """Train on X (m, n_features) and y (m,); return the estimator.

        ``X``: array, sparse matrix or DataFrame (pandas, polars, Arrow) with numbers, words, truth
        values, dates and gaps. ``sample_weight``: (m,). ``groups``: (m,) labels; rows of one group
        are never on both sides of a fold. ``time``: (m,) moments; folds are blocks of time.

        Raises ValueError or TypeError naming what cannot be learnt from; the estimator is then as
        it was before.
        """
        with unchanged_by_errors(self):
            self._fit(X, y, sample_weight, groups, time)
        return self

    def set_params(self, **params: Any) -> Self:
        """Set parameters by their names: all, or none if one raises ValueError."""
        with unchanged_by_errors(self):
            super().set_params(**params)
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any, groups: Any, time: Any) -> None:
        check(type(self).__name__, self.get_params(deep=False))
        without = (self.without,) if isinstance(self.without, str) else tuple(self.without)
        Recipe.of(without)
        if groups is not None and time is not None:
            raise ValueError("give groups or time, not both: folds follow one of them")
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None"
            )
        self._by_columns = is_frame(X) or wants_columns(X, self.categorical_features)
        features = self._read(X, reset=True)
        m = features.m
        if m < 2:
            raise ValueError("n_samples=1, and members on folds need 2 rows or more")
        target, weights = self._target(y, read_weights(sample_weight, m), m)
        rows = Labelled(
            features, target, weights, _labels("groups", groups, m), _labels("time", time, m)
        )
        options = Options(
            without,
            MEMBERS if self.n_members is None else int(self.n_members),
            _seed(self.random_state),
            self._numbers(features),
            plain(self.n_threads),
            self.engine,
            plain(self.time_limit),
            bool(self.verbose),
        )
        self._keep(fit_model(rows, options), features)

    def _numbers(self, features: Columns) -> frozenset[str] | None:
        """Return the columns that stay numbers: all of a matrix, or where words are named."""
        named = not isinstance(self.categorical_features, str)
        return None if named or not self._by_columns else frozenset()

    def _read(self, X: Any, reset: bool) -> Columns:
        """Return X as columns. Those of an array are all numbers."""
        if self._by_columns:
            rows = read_columns(self, X, None if reset else self._column_names())
            return as_categories(rows, self.categorical_features) if reset else rows
        matrix = read_matrix(self, X, reset, np.float64)
        columns = zip(self._column_names(), matrix.T, strict=True)
        return Columns({n: Column(n, "float", x) for n, x in columns}, len(matrix))

    def _target(self, y: Any, weights: Weights, m: int) -> tuple[Target, Weights]:
        """Return the target, and the weights of rows with those of their classes."""
        raise NotImplementedError

    def _keep(self, model: EnsembleModel, features: Columns) -> None:
        """Write the attributes of a fit; warn of columns left out that are not constant."""
        self._set(model)
        worth = dict(zip(model.encoder.names, model.out_of_fold.importances, strict=True))
        self.feature_importances_ = np.array([worth.get(name, 0.0) for name in features])
        left_out = [name for name in model.encoder.left_out if not _constant(features[name])]
        if left_out:
            listed = ", ".join(map(repr, left_out[:10]))
            warnings.warn(
                f"columns of X that cannot help are left out: {listed}", UserWarning, stacklevel=3
            )

    def _set(self, model: EnsembleModel) -> None:
        self.ensemble_, self.encoder_ = model.ensemble, model.encoder
        self._words, self._meaning = model.words, model.target
        self._out_of_fold = model.out_of_fold
        self.fold_of_row_ = model.out_of_fold.folds
        self.out_of_fold_predictions_ = self._predictions(model.out_of_fold.outputs)
        self.out_of_fold_loss_ = model.out_of_fold.loss

    @property
    def _model(self) -> EnsembleModel:
        check_is_fitted(self, "ensemble_")
        parts = (self.ensemble_, self.encoder_, self._meaning, self._words, self._out_of_fold)
        return EnsembleModel(*parts)

    @property
    def _scale(self) -> tuple[float, float]:
        """The mean and the scale of the target."""
        return self._meaning.mean, self._meaning.scale

    def read_inputs(self, X: Any) -> Columns | Floats:
        """Return X by named columns, or as a matrix (m, n) where it was fitted with one."""
        check_is_fitted(self, "ensemble_")
        if self._by_columns:
            return self._read(X, reset=False)
        return read_matrix(self, X, False, np.float64)

    def predictor(self) -> Predictor:
        """Return ``f(row)``, which predicts a raw row, a mapping of names or a tuple of values.

        It gives the bits of ``predict`` without a DataFrame in between, and no warning of words or
        gaps that training never saw; see ``chainrule.tables.predictor.Predictor``.
        """
        model = self._model
        rows = RowEncoder(
            self.encoder_, np.float64, names=self._column_names(), gaps=self._by_columns
        )
        classes = tuple(self.classes_.tolist()) if hasattr(self, "classes_") else ()
        return Predictor(
            rows,
            TargetEncoder("y", model.target.task, classes, *self._scale),
            row_outputs(self.ensemble_, rows.columns, self._words),
            self._table_outputs,
            self._predictions,
        )

    def _table_outputs(self, table: Any) -> Floats:
        """Return the ensemble's outputs of an Arrow table with the columns of X."""
        columns = self._read(table.select(self._column_names()), reset=False)
        return self.ensemble_.outputs(self._model.encoded(columns)[0])

    def _outputs(self, X: Any) -> Floats:
        """Return the ensemble's outputs (m, k) of new rows; warns of what it does not know."""
        rows, notes = self._model.encoded(self._read(X, reset=False), unlike=False)
        for note in notes:
            warnings.warn(note, UserWarning, stacklevel=3)
        return self.ensemble_.outputs(rows)

    def unlike(self, X: Any) -> npt.NDArray[np.bool_]:
        """Say for each row whether a number in it is beyond all those trained on, (m,).

        It is cut to the range known, and the prediction is a guess.
        """
        return self._model.encoder.unlike(self._read(X, reset=False))

    def _predictions(self, outputs: Floats) -> Floats:
        raise NotImplementedError

    def _column_names(self) -> list[str]:
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = [f"x{j}" for j in range(self.n_features_in_)]
        return [str(name) for name in names]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one model file, which ``load`` reads.

        It is what ``chainrule train`` writes, and the verbs of the command line take it.

        Raises ValueError if ``path`` cannot be written to.
        """
        save_table_model(path, self, self._model)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read an estimator that ``save`` wrote; raises ValueError for any other file."""
        estimator: Self = load_table_model(path, cls)
        return estimator

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _seed(random_state: Any) -> int:
    if isinstance(random_state, (int, np.integer)) and random_state >= 0:
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def _constant(column: Column) -> bool:
    return len(set(column.values[~column.missing].tolist())) == 1


def _labels(name: str, values: Any, m: int) -> npt.NDArray[Any] | None:
    if values is None:
        return None
    labels = np.asarray(values)
    if labels.shape != (m,):
        raise ValueError(f"{name} must have one entry for each of {m} rows, not {labels.shape}")
    return labels
