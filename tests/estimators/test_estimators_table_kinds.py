"""The kinds of fault that plain uses of scikit-learn meet, tried on the table estimators."""

from __future__ import annotations

import copy
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_info, threadpool_limits

from chainrule.estimators import TableClassifier, TableRegressor

RNG = np.random.default_rng(0)
M = 60
X = RNG.normal(size=(M, 3)) * [1, 10, 0.1] + [0, 5, 3]
Y = X[:, 0] + X[:, 1] / 10 + 0.1 * RNG.normal(size=M)
WORDS = np.where(Y > 0.5, "high", "low")
NUMBERS = pd.DataFrame(X, columns=list("abc"))
MIXED = NUMBERS.assign(
    word=RNG.choice([f"w{i}" for i in range(12)], M),
    day=pd.date_range("2020-01-01", periods=M, freq="9D"),
)
SOME = np.arange(M) % 3 > 0
WITHOUT = ("bent", "smooth", "bent_held", "binned_smooth", "additive", "sparsity", "binned_held")
ENGINES = ["auto", "reference"]


def make(task: str, **settings: Any) -> Any:
    kind = TableClassifier if task == "classes" else TableRegressor
    # One epoch a network: its quality is not what is tested.
    small = {"n_members": 2, "n_threads": 1, "random_state": 0, "time_limit": 1e-3}
    return kind(**small | {"without": WITHOUT} | settings)


def target(task: str) -> Any:
    return WORDS if task == "classes" else Y


def outputs(model: Any, rows: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of words that training never saw
        return model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows)


BOTH = pytest.mark.parametrize("task", ["classes", "numbers"])
KINDS = {
    bool: [np.bool_],
    int: [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint64],
    float: [np.float16, np.float32, np.float64, np.longdouble],
}
VALUES: dict[str, Any] = {
    "n_members": 3,
    "n_threads": 2,
    "random_state": 1,
    "time_limit": 0.0009765625,
    "verbose": False,
}
CASES = [(name, kind) for name, value in VALUES.items() for kind in KINDS[type(value)]]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_numpy_scalar_gives_the_bits_of_a_python_number(name: str, kind: Any) -> None:
    plain, numpy = (
        make("numbers", **{name: value}).fit(X, Y).predict(X)
        for value in (VALUES[name], kind(VALUES[name]))
    )
    assert np.array_equal(plain, numpy)


def test_grid_search_over_numpy_values() -> None:
    grid = {"n_members": np.array([2, 3]), "random_state": np.arange(2)}
    search = GridSearchCV(make("classes"), grid, cv=2, error_score="raise").fit(X, WORDS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    weights = {np.str_("high"): np.float32(2), np.str_("low"): np.int64(1)}
    one = make("classes", class_weight=weights).fit(X, WORDS)
    two = make("classes", class_weight={"high": 2.0, "low": 1.0}).fit(X, WORDS)
    assert np.array_equal(outputs(one, X), outputs(two, X))


def with_nan(rows: Any) -> Any:
    changed = np.array(rows, np.float64)
    changed[5, 1] = np.inf
    return changed


LATER = X * 100 + 1000
FAILURES: dict[str, Callable[[Any, Any], Any]] = {
    "lengths": lambda e, y: e.fit(LATER, y[:-1]),
    "infinity": lambda e, y: e.fit(with_nan(LATER), y),
    "no target": lambda e, y: e.fit(LATER, None),
    "one value": lambda e, y: e.fit(LATER[:1], y[:1]),
    "one class": lambda e, y: e.fit(LATER, np.full(M, np.nan)),
    "weights": lambda e, y: e.fit(LATER, y, sample_weight=-np.ones(M)),
    "weights of none": lambda e, y: e.fit(LATER, y, sample_weight=np.zeros(M)),
    "groups": lambda e, y: e.fit(LATER, y, groups=np.zeros(M)),
    "groups and time": lambda e, y: e.fit(LATER, y, groups=np.arange(M), time=np.arange(M)),
    "time": lambda e, y: e.fit(LATER, y, time=np.zeros(3)),
    "ingredient": lambda e, y: e.set_params(without="bin").fit(LATER, y),
    "members": lambda e, y: e.set_params(n_members=1).fit(LATER, y),
    "threads": lambda e, y: e.set_params(n_threads=0).fit(LATER, y),
    "columns named": lambda e, y: e.set_params(categorical_features=[99]).fit(LATER, y),
    "parameter": lambda e, y: e.set_params(n_members=3, nothing=1),
    "columns": lambda e, y: e.predict(LATER[:, :2]),
    "complex": lambda e, y: e.fit(LATER * 1j, y),
}


@pytest.mark.filterwarnings("ignore")  # of words, names and columns that training did not have
@BOTH
@pytest.mark.parametrize("failure", FAILURES)
def test_a_call_that_raises_changes_nothing(failure: str, task: str) -> None:
    y = target(task)
    for rows in (X, MIXED):
        estimator = FITTED[task, rows is X]
        before, parameters = outputs(estimator, rows), estimator.get_params()
        kept = copy.copy(vars(estimator))
        with pytest.raises((ValueError, TypeError)):
            FAILURES[failure](estimator, y)
        estimator.set_params(**parameters)
        assert np.array_equal(outputs(estimator, rows), before)
        assert vars(estimator).keys() == kept.keys()
        assert all(vars(estimator)[name] is kept[name] for name in kept if name.endswith("_"))


FITTED = {
    (task, matrix): make(task).fit(X if matrix else MIXED, target(task))
    for task in ("classes", "numbers")
    for matrix in (True, False)
}


@BOTH
@pytest.mark.parametrize("weights", [None, RNG.random(M)], ids=["none", "weights"])
def test_equal_tables_give_equal_predictions_whatever_holds_them(task: str, weights: Any) -> None:
    for frame in (NUMBERS, MIXED):
        table = pa.table({n: pa.array(frame[n], from_pandas=True) for n in frame})
        holders: dict[str, Any] = {
            "pandas": frame,
            "polars": pl.from_arrow(table),
            "arrow": table,
            "chunks": pa.concat_tables([table.slice(0, 20), table.slice(20)]),
        }
        results = {
            name: outputs(make(task).fit(held, target(task), sample_weight=weights), held)
            for name, held in holders.items()
        }
        for name, values in results.items():
            np.testing.assert_allclose(values, results["pandas"], rtol=1e-9, err_msg=name)


@BOTH
def test_an_array_is_its_frame(task: str) -> None:
    array, frame = (make(task).fit(rows, target(task)) for rows in (X, NUMBERS))
    np.testing.assert_allclose(outputs(array, X), outputs(frame, NUMBERS), rtol=1e-9)


@BOTH
def test_a_useless_word_changes_nothing(task: str) -> None:
    more = make(task).fit(NUMBERS.assign(useless="same"), target(task))
    plain = make(task).fit(NUMBERS, target(task))
    assert np.array_equal(outputs(more, NUMBERS.assign(useless="same")), outputs(plain, NUMBERS))


@BOTH
@pytest.mark.parametrize("frame", ["array", "numbers", "mixed"])
def test_rows_of_weight_zero_change_nothing(task: str, frame: str) -> None:
    y = target(task)
    tables: dict[str, Any] = {"array": X, "numbers": NUMBERS, "mixed": MIXED}
    rows = tables[frame]
    kept = rows[SOME]
    expected = outputs(make(task).fit(kept, y[SOME]), kept)
    absurd = rows.copy()
    if frame == "array":
        absurd[~SOME] = 1e6
    else:
        absurd.loc[~SOME, list("abc")] = 1e6
    if frame == "mixed":
        absurd.loc[~SOME, "word"] = "never"
        absurd.loc[~SOME, "day"] = pd.Timestamp("1900-01-01")
    numbers = y if task == "classes" else np.where(SOME, Y, 1e6)
    weighted = make(task).fit(absurd, numbers, sample_weight=SOME.astype(float))
    np.testing.assert_array_equal(outputs(weighted, kept), expected)


def threads_of_blas() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_fits_leave_the_threads_of_blas_as_they_were() -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        before = threads_of_blas()
        fits = [threading.Thread(target=make("numbers").fit, args=(X, Y)) for _ in range(3)]
        for fit in fits:
            fit.start()
        for fit in fits:
            fit.join()
        with pytest.raises(ValueError, match="groups or time"):
            make("numbers").fit(X, Y, groups=np.arange(M), time=np.arange(M))
        assert threads_of_blas() == before


@BOTH
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_finite_numbers_of_every_size_give_finite_predictions_or_one_sentence(
    task: str, engine: str, dtype: Any
) -> None:
    rng = np.random.default_rng(1)
    limit = np.log10(np.finfo(dtype).max) - 1
    for _ in range(4):
        scale = 10 ** rng.uniform(-limit, limit, size=3)
        A = (rng.normal(size=(M, 3)) * scale).astype(dtype)
        y = target(task) if task == "classes" else A[:, 0]
        for rows in (A, A[::-1] * dtype(0.1)):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = outputs(make(task, engine=engine).fit(A, y), rows)
            except ValueError:
                continue
            assert np.isfinite(found).all(), scale


@pytest.mark.parametrize("other", [None, 1])
def test_labels_of_two_kinds_are_refused_in_one_sentence(other: Any) -> None:
    with pytest.raises(ValueError, match=r"y (has no label in row 2|holds words such as)"):
        make("classes").fit(X, np.array(["a", other] * (M // 2), object))
