"""``predictor()`` of the table estimators: the bits of ``predict``, row by row."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.estimators import TableClassifier, TableRegressor

# Two designs, with and without bins and hidden layers.
QUICK: dict[str, Any] = {
    "n_members": 2,
    "random_state": 0,
    "n_threads": 1,
    "without": ("bent_held", "smooth", "sparsity", "binned", "binned_smooth", "binned_held"),
}


def frame(m: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "pay": rng.lognormal(8, 1, m),
            "constant": 1.0,
            "city": rng.choice([f"city {i}" for i in range(15)], m),
            "since": pd.Timestamp("2021-05-01") + pd.to_timedelta(rng.integers(0, 900, m), "D"),
            "member": rng.random(m) < 0.5,
        }
    )
    X.loc[rng.random(m) < 0.1, "pay"] = np.nan
    X.loc[rng.random(m) < 0.1, "city"] = None
    X.loc[rng.random(m) < 0.1, "since"] = pd.NaT
    return X


@pytest.fixture(scope="module", params=["number", "two", "three"])
def fitted(request: pytest.FixtureRequest) -> Any:
    X = frame(200, 0)
    score = X["member"] + X["city"].fillna("").str.len() % 3
    if request.param == "number":
        return TableRegressor(**QUICK).fit(X, score + X["pay"].fillna(0) / 1e4)
    return TableClassifier(**QUICK).fit(X, np.minimum(score, 1 if request.param == "two" else 2))


def test_row_as_mapping_and_tuple_has_the_bits_of_predict(fitted: Any) -> None:
    predict, new = fitted.predictor(), frame(30, 1)
    new.loc[0, ["pay", "city"]] = [1e12, "never seen"]
    assert predict.names == tuple(new.columns)
    for i, row in enumerate(new.to_dict("records")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            one = new.iloc[[i]]
            own = fitted.predict(one)[0]
            p = fitted.predict_proba(one)[0].tolist() if hasattr(fitted, "classes_") else None
        assert predict(row) == own
        assert predict(tuple(row.values())) == own
        assert p is None or list(predict.probabilities(row)) == p


def test_batch_is_predicted_as_a_frame(fitted: Any) -> None:
    predict, new = fitted.predictor(), frame(100, 2)
    np.testing.assert_array_equal(predict.predict(new), fitted.predict(new))
    if hasattr(fitted, "classes_"):
        np.testing.assert_array_equal(predict.predict_proba(new), fitted.predict_proba(new))


def test_row_of_a_matrix_takes_numbers_alone() -> None:
    X = np.random.default_rng(0).normal(5, [1, 100, 1e-3], (120, 3))
    model = TableClassifier(**QUICK).fit(X, np.where(X[:, 0] > 5, "high", "low"))
    predict = model.predictor()
    for row in X[:20]:
        own = model.predict_proba(row[None])[0].tolist()
        assert list(predict.probabilities(row.tolist())) == own
        assert predict(dict(zip(predict.names, row, strict=True))) == model.predict(row[None])[0]
    with pytest.raises(ValueError, match="'x1' has no value in the row, and gaps were not trained"):
        predict((1.0, None, 2.0))
    with pytest.raises(TypeError, match="'x0' holds numbers, and the row has 'a'"):
        predict(("a", 1.0, 2.0))


def test_predictor_of_what_is_not_fitted_is_refused() -> None:
    with pytest.raises(ValueError, match="not fitted yet"):
        TableRegressor().predictor()
