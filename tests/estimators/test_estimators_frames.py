"""Frames of every kind: read right, or refused in one sentence."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from chainrule.estimators import BackpropClassifier, BackpropRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2))
Y = X[:, 0]
FRAME = pd.DataFrame(X, columns=["a", "b"])
WORDS = FRAME.assign(word=np.where(X[:, 1] > 0, "x", "y"))


def regressor(**settings: Any) -> BackpropRegressor:
    return BackpropRegressor(
        **{"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0, **settings}
    )


def test_columns_of_a_multi_index_are_read_by_their_place() -> None:
    frame = WORDS.copy()
    frame.columns = pd.MultiIndex.from_tuples([("p", "a"), ("p", "b"), ("q", "word")])
    fitted = regressor().fit(frame, Y)
    assert np.array_equal(fitted.predict(frame), regressor().fit(WORDS, Y).predict(WORDS))


def test_sparse_columns_of_pandas_are_read_as_dense_ones() -> None:
    dense = WORDS.assign(b=np.where(X[:, 1] > 0.5, X[:, 1], 0.0))
    sparse = dense.assign(b=dense["b"].astype("Sparse[float]"))
    fitted = regressor().fit(sparse, Y)
    assert np.array_equal(fitted.predict(sparse), regressor().fit(dense, Y).predict(dense))


def test_a_column_of_words_and_numbers_is_read_as_words() -> None:
    mixed = WORDS.assign(word=pd.Series([1, "x", 2.0, "y"] * 10, dtype=object))
    fitted = regressor().fit(mixed, Y)
    assert fitted.encoder_.feature_names[2:] == ["word=1", "word=2", "word=x", "word=y"]


def test_whole_numbers_beyond_64_bits_are_read_as_numbers() -> None:
    big = pd.Series([10**30 * n for n in range(40)], dtype=object)
    fitted = regressor().fit(WORDS.assign(big=big), Y)
    assert fitted.encoder_.features[-1].mean == pytest.approx(19.5e30)
    with pytest.raises(ValueError, match="column 'big' has a number beyond those of float64"):
        regressor().fit(WORDS.assign(big=pd.Series([10**400] * 40, dtype=object)), Y)


def test_named_columns_twice_the_same_are_refused() -> None:
    twice = pd.concat([WORDS, WORDS[["word"]]], axis=1)
    with pytest.raises(ValueError, match=r"unique column names.*\n.*'word'"):
        regressor().fit(twice, Y)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (WORDS.assign(word=pd.Series(["\ud800", "x"] * 20, dtype=object)), "no valid Unicode"),
        (pl.from_pandas(WORDS).lazy(), "X is a lazy frame.*collect"),
        (FRAME["a"], "Expected 2D array, got 1D array instead"),
        (pl.Series("a", X[:, 0]), "Expected 2D array, got 1D array instead"),
        (pa.chunked_array([X[:, 0]]), "Expected 2D array, got 1D array instead"),
        (pd.DataFrame(index=range(40)), "0 feature"),
        (np.full((40, 2), "2020-01-01", "datetime64[ns]"), "array of datetime64"),
        (np.full((40, 2), 5, "timedelta64[s]"), "array of timedelta64"),
        (X + 1j, "Complex data not supported"),
        (WORDS.assign(word=pd.Series([{}, "x"] * 20, dtype=object)), "holds dict beside"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        regressor().fit(given, Y)
    fitted = regressor().fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((ValueError, TypeError)):
            fitted.predict(given)


def test_nan_and_infinity_in_a_matrix_are_named_by_row_and_column() -> None:
    changed = X.copy()
    changed[7, 1] = np.nan
    with pytest.raises(ValueError, match="The first is in row 8, column 2 of X"):
        regressor().fit(changed, Y)


@pytest.mark.parametrize("frame", [WORDS, FRAME], ids=["words", "numbers"])
def test_models_that_lost_their_names_predict_arrays_of_objects(frame: Any) -> None:
    # What shap's KernelExplainer does to a model.
    fitted = regressor().fit(frame, Y)
    expected = fitted.predict(frame)
    fitted.feature_names_in_ = None
    array = frame.to_numpy(object) if frame is WORDS else frame.to_numpy()
    np.testing.assert_allclose(fitted.predict(array), expected, rtol=1e-12)
    assert fitted.input_gradient(array, Y).shape == frame.shape


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([1, "x"] * 20, "y holds words such as 'x' and other labels such as 1"),
        ([None, "x"] * 20, "y has no label in row 1"),
        ([np.nan, "x"] * 20, "y has no label in row 1"),
    ],
)
def test_labels_of_several_types_are_refused(labels: Any, words: str) -> None:
    for y in (np.array(labels, object), labels):
        with pytest.raises(ValueError, match=words):
            BackpropClassifier().fit(X, y)
