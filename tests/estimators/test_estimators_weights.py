"""Sample weights reach everything: whatever holds the table, weight 0 is no row and k is k rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from chainrule.estimators import BackpropClassifier, BackpropRegressor

RNG = np.random.default_rng(0)
M = 120
X = RNG.normal(size=(M, 3)) * [1, 10, 0.1] + [0, 5, 3]
Y = X[:, 0] + X[:, 1] / 10 + 0.1 * RNG.normal(size=M)
NUMBERS = pd.DataFrame(X, columns=list("abc"))
MIXED = NUMBERS.assign(
    word=RNG.choice(["red", "green", "blue"], M),
    gap=np.where(RNG.random(M) < 0.3, np.nan, RNG.normal(size=M)),
    day=pd.date_range("2020-01-01", periods=M, freq="9D"),
    truth=RNG.random(M) < 0.5,
)
REAL = RNG.random(M) * 3
WHOLE = RNG.integers(0, 4, M)
SOME = np.arange(M) % 3 > 0


def make(task: str, **settings: Any) -> Any:
    kind = BackpropClassifier if task == "classes" else BackpropRegressor
    return kind(**{"hidden_layer_sizes": (6,), "random_state": 0, **settings})


def target(task: str, y: Any = Y) -> Any:
    return np.where(y > 0.5, "high", "low") if task == "classes" else y


def outputs(model: Any, X: Any) -> Any:
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def containers(frame: Any) -> dict[str, Any]:
    table = pa.table({n: pa.array(frame[n], from_pandas=True) for n in frame})
    return {
        "pandas": frame,
        "polars": pl.from_arrow(table),
        "arrow": table,
        "chunks": pa.concat_tables([table.slice(0, 50), table.slice(50)]),
        "useless word": frame.assign(useless="same"),
    }


@pytest.mark.parametrize("task", ["classes", "numbers"])
@pytest.mark.parametrize("weights", [None, REAL, WHOLE], ids=["none", "real", "whole"])
def test_equal_tables_give_equal_predictions_whatever_holds_them(task: str, weights: Any) -> None:
    for frame in (NUMBERS, MIXED):
        found = {}
        for name, held in containers(frame).items():
            model = make(task, max_iter=20).fit(held, target(task), sample_weight=weights)
            found[name] = outputs(model, held)
        # A useless word is one more input, and so another network.
        found.pop("useless word")
        if frame is NUMBERS:
            found["array"] = outputs(
                make(task, max_iter=20).fit(X, target(task), sample_weight=weights), X
            )
        for name, values in found.items():
            np.testing.assert_allclose(values, found["pandas"], rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("task", ["classes", "numbers"])
@pytest.mark.parametrize("frame", ["array", "numbers", "mixed", "useless word"])
def test_rows_of_weight_zero_change_nothing(task: str, frame: str) -> None:
    table = {"numbers": NUMBERS, "mixed": MIXED, "useless word": NUMBERS.assign(w="u")}
    rows: Any = table.get(frame, X)
    y = target(task)
    kept = rows[SOME]
    expected = outputs(make(task).fit(kept, y[SOME]), kept)
    absurd: Any = rows.copy()
    if frame == "array":
        absurd[~SOME] = 1e6
    else:
        absurd.loc[~SOME, list("abc")] = 1e6
        if frame == "mixed":
            absurd.loc[~SOME, "gap"] = np.nan
            absurd.loc[~SOME, "word"] = "never"
            absurd.loc[~SOME, "day"] = pd.Timestamp("1900-01-01")
    numbers = np.where(SOME, Y, 1e6)
    weighted = make(task).fit(
        absurd, y if task == "classes" else numbers, sample_weight=SOME.astype(float)
    )
    assert np.array_equal(outputs(weighted, kept), expected)


@pytest.mark.parametrize("task", ["classes", "numbers"])
@pytest.mark.parametrize("frame", ["array", "mixed"])
def test_whole_weights_are_repeated_rows(task: str, frame: str) -> None:
    rows: Any = X if frame == "array" else MIXED
    repeat = np.repeat(np.arange(M), WHOLE)
    again = rows[repeat] if frame == "array" else rows.iloc[repeat].reset_index(drop=True)
    weighted = make(task).fit(rows, target(task), sample_weight=WHOLE)
    repeated = make(task).fit(again, target(task)[repeat])
    np.testing.assert_allclose(outputs(weighted, rows), outputs(repeated, rows), rtol=1e-6)


def test_real_weights_reach_the_scales_of_every_kind_of_column() -> None:
    fitted = make("numbers", max_iter=1).fit(MIXED, Y, sample_weight=REAL)
    features = {f.name: f for f in fitted.encoder_.features}
    share = REAL / REAL.sum()
    mean = share @ X[:, 1]
    assert features["b"].mean == pytest.approx(mean)
    assert features["b"].scale == pytest.approx(np.sqrt(share @ (X[:, 1] - mean) ** 2))
    gap = MIXED["gap"].to_numpy()
    there = ~np.isnan(gap)
    assert features["gap"].mean == pytest.approx(np.average(gap[there], weights=REAL[there]))
    assert features["truth"].mean == pytest.approx(share @ MIXED["truth"].to_numpy(float))
    words = {w: share @ (MIXED["word"] == w).to_numpy(float) for w in features["word"].words}
    assert features["word"].shares == pytest.approx(tuple(words.values()))
    days = MIXED["day"].to_numpy().astype("datetime64[D]").astype(float)
    assert features["day"].mean == pytest.approx(share @ days)
    assert fitted.y_mean_[0] == pytest.approx(share @ Y)


def test_partial_fit_ignores_rows_of_weight_zero() -> None:
    models = [make("numbers"), make("numbers")]
    for start in range(0, M, 30):
        part = slice(start, start + 30)
        kept = SOME[part]
        absurd = np.where(kept[:, None], X[part], 1e6)
        models[0].partial_fit(absurd, Y[part], sample_weight=kept.astype(float))
        models[1].partial_fit(X[part][kept], Y[part][kept])
    assert np.array_equal(models[0].predict(X), models[1].predict(X))


def test_balanced_classes_count_by_weight() -> None:
    y = target("classes")
    repeat = np.repeat(np.arange(M), WHOLE)
    weighted = make("classes", class_weight="balanced").fit(X, y, sample_weight=WHOLE)
    repeated = make("classes", class_weight="balanced").fit(X[repeat], y[repeat])
    np.testing.assert_allclose(
        weighted.encode_samples(X, y, WHOLE).weights[WHOLE[WHOLE > 0].cumsum() - 1 < 0].sum(), 0
    )
    assert weighted.score(X, y) == pytest.approx(repeated.score(X, y), abs=0.05)
