"""``TableClassifier`` and ``TableRegressor``: promises of folds, bits, files, bounds."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.metrics import log_loss, r2_score
from sklearn.model_selection import train_test_split
from sklearn.utils.estimator_checks import parametrize_with_checks

from chainrule.estimators import TableClassifier, TableRegressor, load

IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
# Fast settings, where the quality of the fit is not what is tested.
QUICK: dict[str, Any] = {"n_members": 2, "random_state": 0, "n_threads": 1}
BOTH = pytest.mark.parametrize(
    ("make", "data"), [(TableClassifier, IRIS), (TableRegressor, DIABETES)]
)


def frame(m: int = 240, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    city = rng.choice([f"city {i}" for i in range(12)], m)
    effect = {f"city {i}": i % 4 for i in range(12)}
    X = pd.DataFrame(
        {
            "city": city,
            "age": rng.uniform(0, 1, m),
            "useless": rng.normal(size=m),
            "member": rng.random(m) < 0.5,
            "since": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 900, m), "D"),
        }
    )
    y = np.array([effect[c] for c in city]) + 3 * (X["age"] > 0.5) + 0.1 * rng.normal(size=m)
    X.loc[::9, "age"] = np.nan
    X.loc[::11, "city"] = None
    return X, y.to_numpy()


@parametrize_with_checks(
    [
        make(
            n_members=2, n_threads=1, without=("smooth", "binned_smooth", "binned_held", "sparsity")
        )
        for make in (TableClassifier, TableRegressor)
    ]
)
def test_table_model_scikit_learns_own_checks_pass(estimator: Any, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


@BOTH
def test_fit_any_number_of_threads_gives_equal_bits(make: Any, data: Any) -> None:
    X, y = data
    alone = make(**QUICK).fit(X, y)
    several = make(**{**QUICK, "n_threads": 3}).fit(X, y)
    np.testing.assert_array_equal(alone.predict(X), several.predict(X))
    np.testing.assert_array_equal(alone.out_of_fold_predictions_, several.out_of_fold_predictions_)
    np.testing.assert_array_equal(alone.feature_importances_, several.feature_importances_)


@BOTH
def test_save_and_load_keep_every_bit(make: Any, data: Any, tmp_path: Path) -> None:
    X, y = data
    fitted = make(**QUICK).fit(X, y)
    fitted.save(tmp_path / "model")
    for again in (make.load(tmp_path / "model"), load(tmp_path / "model")):
        assert type(again) is make
        assert again.get_params() == fitted.get_params()
        np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
        np.testing.assert_array_equal(again.feature_importances_, fitted.feature_importances_)
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


def test_save_a_frame_with_words_gaps_and_dates_comes_back(tmp_path: Path) -> None:
    X, y = frame()
    fitted = TableRegressor(**QUICK).fit(X, y)
    fitted.save(tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    for one, other in zip(
        again.predict(X, interval=0.8), fitted.predict(X, interval=0.8), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_load_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    TableRegressor(**QUICK).fit(*DIABETES).save(tmp_path / "model")
    with pytest.raises(ValueError, match="holds no TableClassifier"):
        TableClassifier.load(tmp_path / "model")
    (tmp_path / "model").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not a model file"):
        load(tmp_path / "model")


def test_out_of_fold_predictions_are_of_the_member_that_left_the_row_out() -> None:
    X, y = IRIS
    fitted = TableClassifier(**QUICK, without=["blend", "temperature"]).fit(X, y)
    for number, member in enumerate(fitted.ensemble_.members):
        out = fitted.fold_of_row_ == number
        rows = fitted._model.encoded(fitted._read(X[out], reset=False))[0]
        own = member.outputs(fitted.ensemble_.designs, rows, fitted.ensemble_.bins)
        np.testing.assert_allclose(
            fitted.out_of_fold_predictions_[out], sum(own) / len(own), rtol=1e-6
        )
    assert log_loss(y, fitted.out_of_fold_predictions_) == pytest.approx(fitted.out_of_fold_loss_)


def test_out_of_fold_predictions_of_pure_noise_are_no_better_than_chance() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"word": rng.choice([f"w{i}" for i in range(60)], 300)})
    X["number"] = rng.normal(size=300)
    y = rng.normal(size=300)
    fitted = TableRegressor(**QUICK).fit(X, y)
    assert r2_score(y, fitted.out_of_fold_predictions_) < 0.05  # a leak would be far above


def test_every_row_is_trained_on_by_all_members_but_one() -> None:
    fitted = TableClassifier(n_members=3, random_state=0, n_threads=1).fit(*IRIS)
    assert np.bincount(fitted.fold_of_row_).tolist() == [50, 50, 50]
    counts = [np.bincount(IRIS[1][fitted.fold_of_row_ == k]) for k in range(3)]
    assert np.abs(np.diff(np.array(counts), axis=0)).max() <= 1  # stratified


def test_groups_stay_on_one_side_of_each_fold() -> None:
    groups = np.arange(150) % 11
    fitted = TableClassifier(**QUICK).fit(*IRIS, groups=groups)
    for group in range(11):
        assert len(set(fitted.fold_of_row_[groups == group].tolist())) == 1


def test_time_gives_folds_that_are_blocks() -> None:
    time = np.random.default_rng(0).permutation(442) // 2
    fitted = TableRegressor(n_members=4, random_state=0, n_threads=1).fit(*DIABETES, time=time)
    in_order = fitted.fold_of_row_[np.argsort(time, kind="stable")]
    assert (np.diff(in_order) >= 0).all()
    assert set(in_order.tolist()) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"groups": np.zeros(150)}, "two groups or more"),
        ({"time": np.zeros(150)}, "two moments or more"),
        ({"groups": np.zeros(3)}, "one entry for each of 150 rows"),
        ({"groups": np.arange(150), "time": np.arange(150)}, "groups or time, not both"),
        ({"sample_weight": np.zeros(150)}, "weights of all samples are zero"),
        ({"sample_weight": -np.ones(150)}, "sample_weight"),
    ],
)
def test_fit_impossible_arguments_are_refused(more: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TableClassifier(**QUICK).fit(*IRIS, **more)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_members": 1}, "'n_members' parameter of TableClassifier must be"),
        ({"time_limit": 0}, "'time_limit' parameter"),
        ({"without": ["bin"]}, "bins"),
        ({"without": ["bent", "sparse", "bins"]}, "leaves no design"),
        ({"class_weight": "even"}, "class_weight must be None"),
        ({"class_weight": {7: 1.0}}, "class 7"),
        ({"class_weight": {0: -1.0}}, "0 or above"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TableClassifier(**{**QUICK, **settings}).fit(*IRIS)


def test_interval_covers_new_rows() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (1500, 3))
    y = np.sin(3 * X[:, 0]) + X[:, 1] + 0.3 * rng.normal(size=1500)
    fitted = TableRegressor(random_state=0, n_threads=1).fit(X[:500], y[:500])
    y_hat, bounds = fitted.predict(X[500:], interval=0.9)
    covered = (bounds[:, 0] <= y[500:]) & (y[500:] <= bounds[:, 1])
    assert 0.86 < covered.mean() < 0.94
    assert (bounds[:, 0] < y_hat).all()
    assert (y_hat < bounds[:, 1]).all()
    narrow = fitted.predict(X[500:], interval=0.5)[1]
    assert np.ptp(narrow, axis=1).max() < np.ptp(bounds, axis=1).min()
    with pytest.raises(ValueError, match="interval"):
        fitted.predict(X, interval=1.0)


def test_predictions_stay_in_the_range_seen() -> None:
    X, y = DIABETES
    fitted = TableRegressor(**QUICK).fit(X, y)
    far = fitted.predict(100 * X)
    assert fitted.unlike(100 * X).mean() > 0.9
    assert not fitted.unlike(X).any()
    assert far.min() >= y.min() - 1e-9
    assert far.max() <= y.max() + 1e-9


def test_importances_name_the_columns_that_matter() -> None:
    X, y = frame()
    fitted = TableRegressor(random_state=0, n_threads=1).fit(X, y)
    rank = dict(zip(X.columns, fitted.feature_importances_, strict=True))
    assert min(rank["city"], rank["age"]) > 0.05
    assert max(abs(rank[name]) for name in ("useless", "member", "since")) < 0.02


def test_frame_new_words_and_gaps_are_predicted() -> None:
    X, y = frame()
    fitted = TableRegressor(**QUICK).fit(X, y)
    strange = X.iloc[:4].assign(city=["city 1", "nowhere", None, "city 2"])
    with pytest.warns(UserWarning, match="nowhere"):
        predicted = fitted.predict(strange)
    assert np.isfinite(predicted).all()


def test_class_weight_is_felt_by_probabilities() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    rng = np.random.default_rng(0)
    y = (y + (rng.random(len(y)) < 0.2)) % 2
    plain = TableClassifier(**QUICK).fit(X, y)
    heavy = TableClassifier(**QUICK, class_weight={0: 5.0}).fit(X, y)
    weighted = TableClassifier(**QUICK).fit(X, y, sample_weight=np.where(y == 0, 5.0, 1.0))
    assert heavy.predict_proba(X)[:, 0].mean() > plain.predict_proba(X)[:, 0].mean() + 0.1
    np.testing.assert_array_equal(heavy.predict_proba(X), weighted.predict_proba(X))


def test_time_limit_is_kept() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 10))
    fitted = TableRegressor(random_state=0, n_threads=1, time_limit=1e-3).fit(X, X[:, 0])
    networks = [net for m in fitted.ensemble_.members for net in m.networks]
    assert all(net.history.epochs == 1 for net in networks)


def test_quality_is_not_below_that_of_simple_tables() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X, X_new, y, y_new = train_test_split(X, y, random_state=0, stratify=y)
    fitted = TableClassifier(random_state=0, n_threads=1).fit(X, y)
    assert fitted.score(X_new, y_new) > 0.95
    assert log_loss(y_new, fitted.predict_proba(X_new)) < 0.12


def test_clone_and_words_as_classes() -> None:
    X, y = IRIS
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    fitted = clone(TableClassifier(**QUICK)).fit(X, names)
    assert fitted.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert (fitted.predict(X) == names).mean() > 0.9
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1)
