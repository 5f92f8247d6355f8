"""check_objective: right and wrong objectives, which LightGBM and XGBoost run without a word."""

import numpy as np
import pytest
from objective_gallery import RIGHT, SCORES, WRONG, Y, logistic

import chainrule as cr


def check(case):
    return cr.check_objective(case.fobj, case.y, case.raw, case.loss, case.weight, case.convention)


@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case.name)
def test_right_objective_is_right(case):
    report = check(case)
    assert report.verdict == "right", str(report)


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name)
def test_wrong_objective_is_wrong_and_named(case):
    report = check(case)
    assert report.verdict == "wrong"
    assert case.says in str(report), str(report)


def labels(case):
    return np.asarray(case.y, float)


@pytest.mark.parametrize("case", [*RIGHT, *WRONG], ids=lambda case: case.name)
def test_library_runs_it_without_a_word(case):
    X = np.column_stack([case.y, np.arange(len(case.y)) % 7])
    classes = 1 if np.ndim(case.raw) == 1 else 3
    by_arrays = case.name in ("poisson", "quantile", "squared, weighted")
    if case.convention == "lightgbm":
        lgb = pytest.importorskip("lightgbm")
        data = lgb.Dataset(X, labels(case), weight=case.weight)
        fobj = (lambda p, d: case.fobj(d.get_label(), p)) if by_arrays else case.fobj
        settings = {"objective": fobj, "num_class": classes, "verbose": -1, "num_threads": 1}
        model = lgb.train(settings, data, 3)
        scores = model.predict(X)
    elif case.convention == "xgboost":
        xgb = pytest.importorskip("xgboost")
        data = xgb.DMatrix(X, labels(case), weight=case.weight)
        fobj = (lambda p, d: case.fobj(d.get_label(), p)) if by_arrays else case.fobj
        settings = {"num_class": classes, "nthread": 1} if classes > 1 else {"nthread": 1}
        model = xgb.train({**settings, "base_score": 0.0}, data, 3, obj=fobj)
        scores = model.predict(data, output_margin=True)
    else:
        pytest.skip("catboost is not among the libraries of the tests")
    assert np.isfinite(scores).all()
    if case.loss is not None and case in RIGHT:
        start = np.mean(case.loss(case.y, np.zeros_like(scores, float)))
        assert np.mean(case.loss(case.y, np.asarray(scores, float))) < start


def test_right_logistic_is_lightgbms_own():
    lgb = pytest.importorskip("lightgbm")
    X = np.column_stack([SCORES, np.arange(len(Y)) % 7])
    settings = {"verbose": -1, "num_threads": 1, "boost_from_average": False}
    scores = [
        lgb.train({**settings, "objective": o}, lgb.Dataset(X, Y), 5).predict(X, raw_score=True)
        for o in (logistic, "binary")
    ]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("fobj", "settings", "words"),
    [
        (lambda preds, data: None, {}, "returned nothing"),
        (lambda preds, data: preds, {}, "must return two arrays"),
        (lambda preds, data: (preds.sum(), preds), {}, "not their sum"),
        (lambda preds, data: (preds, preds.T[:3]), {}, "hess has 3 entries"),
        (lambda preds, data: 1 / 0, {}, "ZeroDivisionError"),
        (lambda preds, data: data.nothing, {}, "AttributeError"),
        (3, {}, "must be a function"),
        (logistic, {"convention": "lightbgm"}, "lightgbm"),
        (logistic, {"convention": "catboost"}, "calc_ders_range"),
        (logistic, {"weight": [1.0]}, "weight has the shape"),
        (logistic, {"loss": lambda y, z: z[:2]}, "the loss must be one number or one a row"),
    ],
)
def test_bad_input_is_one_sentence(fobj, settings, words):
    with pytest.raises((TypeError, ValueError), match=words) as caught:
        cr.check_objective(fobj, Y, SCORES, **settings)
    assert "\n" not in str(caught.value)


def test_loss_that_is_one_number_is_moved_score_by_score():
    report = cr.check_objective(
        logistic, Y, SCORES, lambda y, z: np.sum(np.logaddexp(0, z) - y * z)
    )
    assert report.ok
    mean = cr.check_objective(logistic, Y, SCORES, lambda y, z: np.mean(np.logaddexp(0, z) - y * z))
    assert "m = 60 times" in mean.diagnoses[0].sentence


def test_bound_on_purpose_is_let_pass():
    def doubled(preds, data):
        grad, hess = logistic(preds, data)
        return grad, 3 * hess

    assert cr.check_objective(doubled, Y, SCORES).verdict == "wrong"
    assert cr.check_objective(doubled, Y, SCORES, bound=True).ok
