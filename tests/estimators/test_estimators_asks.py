"""What users of scikit-learn's MLP have asked for, one test for each ask (docs/estimators.md)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_iris, make_multilabel_classification
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, mean_absolute_error

import chainrule as cr
from chainrule.estimators import BackpropClassifier, BackpropRegressor, load

IRIS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)
RNG = np.random.RandomState(0)
X300 = RNG.randn(300, 4)
Y300 = X300[:, 0] - 2 * X300[:, 1] * X300[:, 2] + 0.1 * RNG.randn(300)


def classifier(**settings: Any) -> BackpropClassifier:
    return BackpropClassifier(**{"hidden_layer_sizes": (8,), "random_state": 0, **settings})


def regressor(**settings: Any) -> BackpropRegressor:
    return BackpropRegressor(**{"hidden_layer_sizes": (8,), "random_state": 0, **settings})


def test_class_weight_is_a_sample_weight_of_the_class() -> None:
    X, y = CANCER
    by_class = classifier(class_weight={0: 5.0, 1: 1.0}, max_iter=5).fit(X, y)
    # Standardisation follows sample weights, so both are without it.
    plain = {"max_iter": 5, "standardize": False}
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    by_class = classifier(class_weight={0: 5.0, 1: 1.0}, **plain).fit(X, y)
    by_sample = classifier(**plain).fit(X, y, sample_weight=np.where(y == 0, 5.0, 1.0))
    np.testing.assert_allclose(by_class.predict_proba(X), by_sample.predict_proba(X), atol=1e-12)
    rare = np.r_[np.flatnonzero(y == 1), np.flatnonzero(y == 0)[:20]]
    balanced = classifier(class_weight="balanced", max_iter=5).fit(X[rare], y[rare])
    unbalanced = classifier(max_iter=5).fit(X[rare], y[rare])
    assert (balanced.predict(X) == 0).sum() > (unbalanced.predict(X) == 0).sum()


@pytest.mark.parametrize("class_weight", ["balanced", {0: 5.0, 1: 1.0}])
def test_classes_weigh_in_eval_set_what_they_weigh_in_training(class_weight: Any) -> None:
    X, y = CANCER
    train, held = np.arange(400), np.arange(400, len(y))
    ill = (y[train] == 0).mean()
    by_class = [0.5 / ill, 0.5 / (1 - ill)] if class_weight == "balanced" else [5.0, 1.0]
    given = classifier(class_weight=class_weight, max_iter=4)
    curves = [
        given.fit(X[train], y[train], eval_set=(X[held], y[held], *weight)).validation_loss_curve_
        for weight in ((), (np.array(by_class)[y[held]],), (np.ones(len(held)),))
    ]
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-12)
    assert abs(np.array(curves[0]) - curves[2]).max() > 1e-6


def test_whole_sample_weights_are_repetitions() -> None:
    w = RNG.randint(0, 4, 60)
    settings = {"batch_size": 1000, "max_iter": 30}
    with pytest.warns(UserWarning, match="one batch"):
        weighted = regressor(**settings).fit(X300[:60], Y300[:60], sample_weight=w)
    with pytest.warns(UserWarning, match="one batch"):
        repeated = regressor(**settings).fit(np.repeat(X300[:60], w, 0), np.repeat(Y300[:60], w))
    np.testing.assert_allclose(weighted.predict(X300), repeated.predict(X300), rtol=1e-6)


@pytest.mark.parametrize("loss", ["absolute_error", "huber(0.5)", "quantile(0.9)", "squared_error"])
def test_other_losses_reach_their_own_optimum(loss: str) -> None:
    # Without inputs that say anything, the optimum is the median, the quantile, the mean.
    y = np.r_[RNG.exponential(3.0, 999), 50.0]
    constant = regressor(loss=loss, prior=1e4, max_iter=300).fit(RNG.randn(1000, 1), y)
    found = constant.predict(np.zeros((1, 1)))[0]
    q = {"absolute_error": np.median(y), "quantile(0.9)": np.quantile(y, 0.9)}
    assert found == pytest.approx(q.get(loss, y.mean()), rel=0.35 if "huber" in loss else 0.1)


def test_poisson_predicts_counts() -> None:
    counts = RNG.poisson(np.exp(1 + X300[:, 0] / 2))
    fitted = regressor(loss="poisson").fit(X300, counts)
    assert (fitted.predict(X300) > 0).all()
    assert fitted.out_activation_ == "exp"
    assert fitted.predict(X300).mean() == pytest.approx(counts.mean(), rel=0.1)


def test_own_loss_and_own_activation() -> None:
    quartic = cr.Cost(
        "quartic", J=lambda a, y: ((a - y) ** 4).sum(axis=1), da=lambda a, y: 4 * (a - y) ** 3
    )
    cube = cr.Activation("cube", f=lambda z: z**3, df=lambda z, a: 3 * z**2)
    fitted = regressor(loss=quartic, activation=[cube], max_iter=20).fit(X300, Y300)
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0]
    assert fitted.check_gradients(X300[:20], Y300[:20], progress=False).ok


def test_an_activation_for_each_layer() -> None:
    fitted = classifier(
        hidden_layer_sizes=(5, 4, 3), activation=["gelu", "leaky_relu(0.2)", "logistic"], max_iter=3
    ).fit(*IRIS)
    names = [f.spec for f in fitted.network_.activations]
    assert names == ["gelu", "leaky_relu(0.2)", "sigmoid", "softmax"]


def test_dropout_is_for_training_only() -> None:
    fitted = classifier(dropout=0.5, max_iter=5).fit(*IRIS)
    assert np.array_equal(fitted.predict_proba(IRIS[0]), fitted.predict_proba(IRIS[0]))
    assert "dropout" in {layer.kind for layer in fitted.network_.layers}


def test_own_validation_set_and_its_curve() -> None:
    fitted = regressor(max_iter=7).fit(X300[:200], Y300[:200], eval_set=(X300[200:], Y300[200:]))
    assert len(fitted.validation_loss_curve_) == fitted.n_iter_ == 7
    error = (fitted.predict(X300[200:]) - Y300[200:]) / fitted.y_scale_
    assert fitted.validation_loss_curve_[-1] == pytest.approx((error**2).mean() / 2)
    assert regressor(max_iter=2).fit(X300, Y300).validation_loss_curve_ is None


@pytest.mark.parametrize(
    "scoring", [None, "loss", "neg_mean_absolute_error", make_scorer(mean_absolute_error)]
)
def test_early_stopping_restores_the_best_epoch_by_any_score(scoring: Any) -> None:
    held = (X300[200:], Y300[200:])
    thetas = []
    fitted = regressor(
        early_stopping=True,
        scoring=scoring,
        n_iter_no_change=3,
        learning_rate_init=0.05,
        callbacks=lambda net, history: thetas.append(net.theta.copy()),
        schedule=None,
    ).fit(X300[:200], Y300[:200], eval_set=held)
    best = int(np.argmax(fitted.validation_scores_))
    assert np.array_equal(fitted.network_.theta, thetas[best])
    assert fitted.best_validation_score_ == max(fitted.validation_scores_)
    assert fitted.stop_.best_epoch == best + 1
    if scoring is None:
        assert fitted.best_validation_score_ == pytest.approx(fitted.score(*held))


def test_early_stopping_with_partial_fit_goes_back_to_the_best_call() -> None:
    fitted = regressor(early_stopping=True, learning_rate_init=0.05, n_iter_no_change=2)
    thetas = []
    for _ in range(200):
        fitted.partial_fit(X300[:200], Y300[:200], eval_set=(X300[200:], Y300[200:]))
        thetas.append(fitted.network_.theta.copy())
        if "did not improve" in fitted.stop_.message:
            break
    best = int(np.argmax(fitted.validation_scores_))
    assert len(thetas) < 200
    assert np.array_equal(fitted.network_.theta, thetas[best])
    with pytest.warns(match="partial_fit changes nothing any more"):
        fitted.partial_fit(X300[:200], Y300[:200], eval_set=(X300[200:], Y300[200:]))
    assert np.array_equal(fitted.network_.theta, thetas[best])


def test_partial_fit_is_fit_epoch_by_epoch() -> None:
    whole = regressor(schedule=None, prior=0.0, max_iter=6, n_iter_no_change=100)
    with pytest.warns(match="Maximum iterations"):
        whole.fit(X300, Y300)
    parts = regressor(schedule=None, prior=0.0)
    for _ in range(6):
        parts.partial_fit(X300, Y300)
    assert np.array_equal(parts.network_.theta, whole.network_.theta)
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.t_ == whole.t_ == 1800


def test_partial_fit_knows_all_classes_from_the_first_call() -> None:
    X, y = IRIS
    fitted = classifier().partial_fit(X[:60], y[:60], classes=[0, 1, 2])
    assert fitted.predict_proba(X).shape == (150, 3)
    with pytest.raises(ValueError, match="classes not in"):
        fitted.partial_fit(X[:2], [0, 7])


def test_warm_start_goes_on_and_refuses_another_shape() -> None:
    fitted = regressor(warm_start=True, max_iter=3).fit(X300, Y300)
    before = fitted.loss_curve_[-1]
    fitted.fit(X300, Y300)
    assert len(fitted.loss_curve_) == 6
    assert fitted.loss_curve_[3] < before
    with pytest.raises(ValueError, match="use warm_start=False"):
        fitted.set_params(hidden_layer_sizes=(9,)).fit(X300, Y300)


@pytest.mark.parametrize("batch", [60, 300])
def test_alpha_does_not_depend_on_the_batch_size(batch: int) -> None:
    # Without hidden layers the optimum is ridge regression's, known in closed form.
    linear = regressor(
        hidden_layer_sizes=(), alpha=0.3, prior=0.0, batch_size=batch, schedule="cosine"
    )
    linear.set_params(standardize=False, learning_rate_init=0.02, max_iter=800).fit(X300, Y300)
    ridge = Ridge(alpha=0.3 * 300).fit(X300, Y300)
    np.testing.assert_allclose(linear.coefs_[0][:, 0], ridge.coef_, atol=2e-3)


@pytest.mark.parametrize("rule", ["cosine(0.01)", "one_cycle", "plateau", "invscaling", "adaptive"])
def test_schedules_of_the_learning_rate(rule: str) -> None:
    solver = "sgd"
    fitted = regressor(learning_rate=rule, solver=solver, learning_rate_init=0.01, max_iter=40)
    rates = _quiet(fitted).history_.learning_rate
    if rule in ("cosine(0.01)", "invscaling"):
        assert rates[-1] < rates[0]
    if rule == "invscaling":
        assert rates[1] == pytest.approx(0.01 / (300 + 1) ** 0.5)


def test_adaptive_divides_by_five_and_stops_at_last() -> None:
    fitted = regressor(
        learning_rate="adaptive", solver="sgd", tol=1e9, n_iter_no_change=1, max_iter=100
    )
    rates = np.array(_quiet(fitted).history_.learning_rate)
    assert set(np.round(rates[:-1] / rates[1:], 6)) == {1.0, 5.0}
    assert fitted.n_iter_ < 100
    assert rates[-1] <= 1e-6


def _quiet(estimator: Any) -> Any:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(X300, Y300)


def test_initial_weights_and_clipping_can_be_chosen() -> None:
    fitted = regressor(init="zeros", max_iter=1, clip_norm=0.1, clip_value=0.05).fit(X300, Y300)
    assert np.all(fitted.coefs_[0] == 0)


def test_all_z_a_and_gradients_can_be_seen() -> None:
    X, y = IRIS
    fitted = classifier(max_iter=3).fit(X, y)
    trace = fitted.forward(X)
    assert [a.shape for a in trace.a] == [(150, 4), (150, 8), (150, 3)]
    np.testing.assert_allclose(
        trace.z[1], trace.a[0] @ fitted.coefs_[0] + fitted.intercepts_[0], atol=1e-12
    )
    grads = fitted.backward(X, y)
    each = fitted.backward(X, y, per_sample=True)
    assert each.dW[1].shape == (150, 8, 4)
    penalty = fitted.network_.l2 * fitted.network_.W[1]
    np.testing.assert_allclose(each.dW[1].mean(axis=0) + penalty, grads.dW[1], atol=1e-12)
    assert fitted.check_gradients(X, y, progress=False).ok


def test_the_gradient_by_the_inputs_is_in_their_own_units() -> None:
    X = X300 * [1.0, 10.0, 0.1, 3.0] + 5
    fitted = regressor(max_iter=20, activation="tanh").fit(X, Y300)
    found = fitted.input_gradient(X, Y300)
    h = 1e-5

    def cost(moved: Any) -> Any:
        return ((fitted.predict(moved) - Y300) / fitted.y_scale_) ** 2 / 2

    for j in range(4):
        step = np.eye(4)[j] * h
        numeric = (cost(X + step) - cost(X - step)) / (2 * h)
        np.testing.assert_allclose(found[:, j], numeric, rtol=1e-4, atol=1e-7)


def test_threads_can_be_limited_and_change_no_bit() -> None:
    one, two = (regressor(n_threads=n, max_iter=5).fit(X300, Y300).predict(X300) for n in (1, 2))
    assert np.array_equal(one, two)


def test_scikit_learns_callbacks_see_every_epoch_and_can_stop() -> None:
    callback = pytest.importorskip("sklearn.callback")
    monitor = callback.ScoringMonitor(scoring="r2")
    fitted = regressor(max_iter=4).set_callbacks(monitor).fit(X300, Y300)
    scores = [row["r2"] for row in monitor.get_logs().data if "r2" in row]
    assert len(scores) >= 4
    assert scores[-1] == pytest.approx(fitted.score(X300, Y300))

    class Stopper:
        ended = 0

        def setup(self, estimator: Any, context: Any) -> None: ...
        def teardown(self, estimator: Any, context: Any) -> None: ...
        def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...
        def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
            Stopper.ended += 1
            return Stopper.ended >= 3

    assert regressor(max_iter=50).set_callbacks(Stopper()).fit(X300, Y300).n_iter_ == 3


def test_own_callbacks_see_the_network_and_stop() -> None:
    fitted = regressor(callbacks=lambda net, history: history.epochs == 2).fit(X300, Y300)
    assert fitted.n_iter_ == 2


FRAME = pd.DataFrame(
    {
        "age": [20.0, np.nan, 40.0, 50.0] * 50,
        "city": ["Bern", "Basel", None, "Bern"] * 50,
        "member": [True, False, True, True] * 50,
    }
)
TARGET = np.array([0.0, 1.0, 2.0, 3.0] * 50)


def frames() -> list[Any]:
    table = pa.table({name: pa.array(FRAME[name], from_pandas=True) for name in FRAME})
    category = FRAME.assign(city=FRAME["city"].astype("category"))
    return [FRAME, category, pl.from_arrow(table), table]


@pytest.mark.parametrize("frame", frames(), ids=["pandas", "category", "polars", "arrow"])
def test_categorical_and_missing_columns_from_any_frame(frame: Any) -> None:
    reference = regressor(max_iter=100).fit(FRAME, TARGET).predict(FRAME)
    fitted = regressor(max_iter=100).fit(frame, TARGET)
    assert list(fitted.feature_names_in_) == ["age", "city", "member"]
    np.testing.assert_allclose(fitted.predict(frame), reference, atol=1e-9)
    np.testing.assert_allclose(reference, TARGET, atol=0.3)
    names = ["age", "age=(missing)", "city=Basel", "city=Bern", "city=(missing)", "member"]
    assert fitted.encoder_.feature_names == names


def test_numbers_called_categorical_in_an_array() -> None:
    X = np.column_stack([RNG.randint(0, 3, 300), RNG.randn(300)])
    y = np.where(X[:, 0] == 1, 5.0, 0.0)
    fitted = regressor(categorical_features=[0]).fit(X, y)
    assert fitted.encoder_.feature_names == ["x0=0", "x0=1", "x0=2", "x1"]
    assert fitted.score(X, y) > 0.99


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_sparse_rows_give_what_dense_ones_give(kind: Any) -> None:
    X = np.where(RNG.rand(100, 6) < 0.7, 0.0, 1.0)
    y = X[:, 0] + X[:, 1]
    dense = regressor(max_iter=10).fit(X, y)
    np.testing.assert_allclose(
        regressor(max_iter=10).fit(kind(X), y).predict(kind(X)), dense.predict(X), atol=1e-12
    )


def test_float32_stays_float32() -> None:
    X = X300.astype(np.float32)
    assert regressor(max_iter=2).fit(X, Y300).predict(X).dtype == np.float32
    assert regressor(max_iter=2, dtype="float32").fit(X300, Y300).coefs_[0].dtype == np.float32
    assert regressor(max_iter=2).fit(X300, Y300).predict(X300).dtype == np.float64


def test_several_labels_and_several_numbers() -> None:
    X, Y = make_multilabel_classification(200, random_state=0)
    labels = classifier(max_iter=50).fit(X, Y)
    assert labels.predict(X).shape == Y.shape
    assert labels.predict_proba(X).shape == Y.shape
    two = np.column_stack([Y300, 1000 * X300[:, 0]])
    assert regressor().fit(X300, two).score(X300, two) > 0.8


def test_log_probabilities_are_finite_where_probabilities_are_not_above_zero() -> None:
    X = np.array([[-1.0], [1.0]] * 20)
    fitted = classifier().fit(X, X[:, 0] > 0)
    far = np.array([[1e5]])
    assert fitted.predict_proba(far)[0, 0] == 0
    assert np.isfinite(fitted.predict_log_proba(far)).all()
    np.testing.assert_allclose(np.exp(fitted.predict_log_proba(X)), fitted.predict_proba(X))


def test_the_html_repr_shows_the_layers() -> None:
    fitted = classifier(max_iter=2, activation="tanh").fit(*IRIS)
    page = fitted._repr_mimebundle_()["text/html"]
    for word in ("a1", "tanh", "softmax", "67 parameters"):
        assert word in page


def test_the_model_file_pickle_and_skops_give_the_same_predictions(tmp_path: Any) -> None:
    skops = pytest.importorskip("skops.io")
    path = tmp_path / "model.safetensors"
    for fitted, data in (
        (regressor(max_iter=5).fit(FRAME, TARGET), FRAME),
        (classifier(max_iter=5).fit(IRIS[0], np.array(["a", "b", "c"])[IRIS[1]]), IRIS[0]),
        (regressor(max_iter=5, loss="poisson", standardize=False).fit(X300, Y300**2), X300),
    ):
        fitted.save(path)
        again = load(path)
        assert np.array_equal(again.predict(data), fitted.predict(data))
        assert again.get_params() == fitted.get_params()
        assert again.loss_curve_ == fitted.loss_curve_
        packed = skops.dumps(fitted)
        kinds = skops.get_untrusted_types(data=packed)
        assert all("chainrule.estimators" in k or k == "numpy.dtype" for k in kinds)
        assert np.array_equal(
            skops.loads(packed, trusted=kinds).predict(data), fitted.predict(data)
        )
    with pytest.raises(ValueError, match="your own"):
        classifier(max_iter=1, callbacks=[print]).fit(*IRIS).save(path)
    fitted.network_.save(path)
    with pytest.raises(ValueError, match="holds no estimator"):
        load(path)


def test_stop_says_why() -> None:
    assert regressor(max_iter=2).fit(X300, Y300).stop_.message
    smooth = regressor(solver="lbfgs", activation="tanh", max_iter=5000, tol=1e-3, alpha=0.1)
    lbfgs = smooth.fit(X300, Y300)
    assert lbfgs.stop_.reason == "gradient"
    assert lbfgs.stop_.gradient_norm <= 1e-3


@pytest.mark.parametrize("scoring", [None, "roc_auc_ovr", "loss"])
def test_a_classifier_holds_out_a_part_to_stop_early(scoring: Any) -> None:
    fitted = classifier(early_stopping=True, scoring=scoring, max_iter=15).fit(*IRIS)
    assert len(fitted.validation_scores_) == fitted.n_iter_
    assert fitted.best_validation_score_ == max(fitted.validation_scores_)
    assert fitted.t_ == 135 * fitted.n_iter_
