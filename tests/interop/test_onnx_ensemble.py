"""ONNX of a table's ensemble: onnxruntime on raw columns gives what the estimators predict."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.estimators import TableClassifier, TableRegressor
from chainrule.interop.onnx import to_onnx
from chainrule.tables.columns import Column, Columns

pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

# Two designs, with and without hidden layers.
QUICK: dict[str, Any] = {
    "n_members": 2,
    "random_state": 0,
    "n_threads": 1,
    "without": ("bent", "bent_held", "smooth", "sparsity", "binned_smooth", "binned_held"),
}


def frame(m: int, seed: int) -> pd.DataFrame:
    """Numbers far from 0 and of few values, many and few words, dates, truth values, gaps."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "pay": rng.lognormal(8, 1, m),
            "rooms": rng.integers(1, 5, m).astype(float),
            "city": rng.choice([f"city {i}" for i in range(15)], m),
            "size": rng.choice(["small", "big", "Größe"], m),
            "since": pd.Timestamp("2021-05-01") + pd.to_timedelta(rng.integers(0, 900, m), "D"),
            "member": rng.random(m) < 0.5,
        }
    )
    X.loc[rng.random(m) < 0.1, "pay"] = np.nan
    X.loc[rng.random(m) < 0.1, "city"] = None
    X.loc[rng.random(m) < 0.1, "since"] = pd.NaT
    return X


def feed(session: Any, X: pd.DataFrame) -> dict[str, Any]:
    """Raw columns as a caller of onnxruntime would give them, without any code of ours."""
    columns = {}
    for one in session.get_inputs():
        column = X[one.name]
        if "string" in one.type:
            columns[one.name] = np.array(column.fillna("").tolist(), object)[:, None]
        elif column.dtype.kind == "M":
            days = (column - pd.Timestamp(1970, 1, 1)) / pd.Timedelta(days=1)
            columns[one.name] = days.to_numpy()[:, None]
        else:
            columns[one.name] = column.to_numpy(float)[:, None]
    return columns


def outputs(data: bytes, X: Any) -> dict[str, Any]:
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    given = {"X": np.asarray(X, float)} if isinstance(X, np.ndarray) else feed(session, X)
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, given), strict=True))


def targets(X: pd.DataFrame, kind: str) -> np.ndarray:
    score = X["rooms"] + 2 * X["member"] + X["city"].fillna("").str.len() % 3
    classes = {"two": score > 3, "three": np.minimum(score, 5) // 2, "words": score > 3}
    if kind == "numbers":
        return np.asarray(1e5 + 1e3 * score + X["pay"].fillna(0), float)
    labels = np.asarray(classes[kind])
    return np.where(labels, "yes", "no") if kind == "words" else labels


@pytest.fixture(scope="module", params=["numbers", "two", "three", "words"])
def fitted(request: pytest.FixtureRequest) -> tuple[Any, pd.DataFrame, np.ndarray]:
    X = frame(200, 0)
    y = targets(X, request.param)
    kind = TableRegressor if request.param == "numbers" else TableClassifier
    return kind(**QUICK).fit(X, y), X, y


def compare(model: Any, outcome: dict[str, Any], rows: Any, size: float) -> None:
    """Compare what onnxruntime gave with predictions: to 2e-6 of probabilities and of ``size``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = model.predict(rows)
        p = model.predict_proba(rows) if hasattr(model, "classes_") else None
    if p is None:
        np.testing.assert_allclose(outcome["variable"][:, 0], own, rtol=1e-6, atol=2e-6 * size)
        return
    np.testing.assert_allclose(outcome["probabilities"], p, atol=2e-6)
    np.testing.assert_array_equal(outcome["label"], own)


def test_ensemble_of_every_kind_of_column_onnxruntime_predicts_the_same(fitted: Any) -> None:
    model, X, y = fitted
    ensemble = model.ensemble_
    assert ensemble.bins.width
    assert len(ensemble.designs) > 1
    assert ensemble.members[0].statistics is not None
    new = frame(200, 1)
    new.loc[:5, "city"] = "never seen"
    new.loc[6:9, "pay"] = [1e9, -1e9, 0.0, 1e-9]  # beyond the range known
    size = float(y.std()) if y.dtype.kind == "f" else 1.0
    compare(model, outputs(to_onnx(model, X=X), new), new, size)
    one = new.head(1)
    compare(model, outputs(to_onnx(model), one), one, size)


@pytest.mark.parametrize("temperature", [1.0, 0.4, 2.5])
@pytest.mark.parametrize("ends", [(-np.inf, np.inf), (-0.3, 0.2)])
def test_ensemble_of_random_parts_onnxruntime_predicts_the_same(
    fitted: Any, temperature: float, ends: tuple[float, float]
) -> None:
    model, X, y = fitted
    changed = copy.copy(model)
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(len(model.ensemble_.designs)))
    changed.ensemble_ = replace(
        model.ensemble_, weights=weights, temperature=temperature, low=ends[0], high=ends[1]
    )
    compare(changed, outputs(to_onnx(changed), X), X, float(y.std()) if y.dtype == float else 1.0)


def test_ensemble_without_bins_and_statistics_onnxruntime_predicts_the_same() -> None:
    X = frame(150, 2)
    without = ("bins", "target_statistics", "bent")
    model = TableClassifier(**{**QUICK, "without": without}).fit(X, targets(X, "three"))
    assert model.ensemble_.members[0].statistics is None
    compare(model, outputs(to_onnx(model), X), X, 1.0)


@pytest.fixture(scope="module")
def of_matrix() -> tuple[Any, np.ndarray]:
    X = np.random.default_rng(3).normal(1e6, [1.0, 1e-2, 1e3], (200, 3))
    return TableClassifier(**QUICK).fit(X, (X[:, 0] > 1e6).astype(int)), X


def test_ensemble_of_a_matrix_one_row_and_many_and_the_file(of_matrix: Any, tmp_path: Path) -> None:
    model, X = of_matrix
    data = to_onnx(model, tmp_path / "model.onnx", X)
    assert (tmp_path / "model.onnx").read_bytes() == data
    for rows in (X[:1], X):
        compare(model, outputs(data, rows), rows, 1.0)


def test_bin_narrower_than_a_rounding_error_onnxruntime_predicts_the_same(of_matrix: Any) -> None:
    # Quantiles may be neighbours among float64; the last bit of the encoder then is a whole place.
    model, X = of_matrix
    bins = model.ensemble_.bins
    values = np.sort(model.encoder_.transform(columns_of(X))[:, 0])[10::12]
    edges = np.repeat(values, 2)[: len(bins.edges[0])]
    edges[1::2] = np.nextafter(edges[1::2], np.inf)
    changed = copy.copy(model)
    narrow = replace(bins, edges=(edges, *bins.edges[1:]))
    changed.ensemble_ = replace(model.ensemble_, bins=narrow)
    assert not np.array_equal(changed.predict_proba(X), model.predict_proba(X))
    compare(changed, outputs(to_onnx(changed, X=X), X), X, 1.0)


def columns_of(X: np.ndarray) -> Columns:
    return Columns({f"x{j}": Column(f"x{j}", "float", x) for j, x in enumerate(X.T)}, len(X))


def test_what_is_not_fitted_is_refused() -> None:
    with pytest.raises(TypeError, match="takes a fitted estimator"):
        to_onnx(TableClassifier())
