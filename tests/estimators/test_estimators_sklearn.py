"""The estimators in scikit-learn's world: its own checks, pipelines, searches, the MLP itself."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import StackingClassifier, StackingRegressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from chainrule.estimators import BackpropClassifier, BackpropRegressor
from chainrule.interop.sklearn import from_sklearn, to_sklearn

IRIS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
BOTH = pytest.mark.parametrize(
    ("make", "data"), [(BackpropClassifier, IRIS), (BackpropRegressor, DIABETES)]
)


@parametrize_with_checks([BackpropClassifier(), BackpropRegressor()])
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


@pytest.mark.parametrize(
    ("own", "theirs"), [(BackpropClassifier, MLPClassifier), (BackpropRegressor, MLPRegressor)]
)
def test_every_parameter_of_the_mlp_is_here_with_its_default(own: Any, theirs: Any) -> None:
    found = own().get_params()
    for name, default in theirs().get_params().items():
        assert found[name] == default, name


@BOTH
def test_attributes_have_the_mlps_shapes(make: Any, data: Any) -> None:
    mlp = MLPClassifier if make is BackpropClassifier else MLPRegressor
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs = mlp(hidden_layer_sizes=(7, 5), max_iter=3, random_state=0).fit(*data)
    ours = make(hidden_layer_sizes=(7, 5), max_iter=3, random_state=0).fit(*data)
    assert [W.shape for W in ours.coefs_] == [W.shape for W in theirs.coefs_]
    assert [b.shape for b in ours.intercepts_] == [b.shape for b in theirs.intercepts_]
    for name in ("n_iter_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_", "t_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert len(ours.loss_curve_) == 3
    assert ours.best_loss_ == min(ours.loss_curve_)
    assert ours.predict(data[0]).shape == theirs.predict(data[0]).shape


@pytest.mark.parametrize("nesterovs", [True, False])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("alpha", [0.5, 1e-4])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_equal_start_order_and_solver_give_the_mlps_loss_curve(
    task: str, solver: str, alpha: float, nesterovs: bool
) -> None:
    X, y = {"binary": CANCER, "multiclass": IRIS, "regression": DIABETES}[task]
    X = StandardScaler().fit_transform(X)
    m = len(X) // 50 * 50
    X, y = X[:m], (y / 100 if task == "regression" else y)[:m]
    mlp = (MLPRegressor if task == "regression" else MLPClassifier)(
        hidden_layer_sizes=(20, 10),
        solver=solver,
        alpha=alpha,
        batch_size=50,
        max_iter=1,
        warm_start=True,
        shuffle=False,
        random_state=0,
        n_iter_no_change=100,
        nesterovs_momentum=nesterovs,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours = from_sklearn(mlp.fit(X, y))
        assert ours.alpha == alpha / 50
        mlp.set_params(max_iter=20).fit(X, y)
        ours.set_params(max_iter=20).fit(X, y)
    apart = np.abs(np.array(ours.loss_curve_) - mlp.loss_curve_).max()
    assert apart < 1e-9


def test_a_round_trip_through_the_mlp_keeps_every_prediction() -> None:
    X, y = CANCER
    ours = BackpropClassifier((9,), activation="tanh", max_iter=5, random_state=0).fit(X, y)
    theirs = to_sklearn(ours)
    np.testing.assert_allclose(theirs.predict_proba(X), ours.predict_proba(X), atol=1e-9)
    np.testing.assert_allclose(
        from_sklearn(theirs).predict_proba(X), ours.predict_proba(X), atol=1e-9
    )
    X, y = DIABETES
    reg = BackpropRegressor(hidden_layer_sizes=(9,), max_iter=5, random_state=0).fit(X, y)
    np.testing.assert_allclose(to_sklearn(reg).predict(X), reg.predict(X), rtol=1e-9)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"activation": "gelu"}, "does not know the activation 'gelu'"),
        ({"hidden_layer_sizes": (3, 3), "activation": ["relu", "tanh"]}, "one activation for all"),
    ],
)
def test_what_the_mlp_cannot_say_is_refused(settings: Any, words: str) -> None:
    fitted = BackpropClassifier(max_iter=1, **settings).fit(*IRIS)
    with pytest.raises(ValueError, match=words):
        to_sklearn(fitted)
    with pytest.raises(TypeError, match="takes an MLPClassifier or MLPRegressor"):
        from_sklearn(fitted)
    with pytest.raises(ValueError, match="call fit first"):
        from_sklearn(MLPClassifier())


@BOTH
def test_pipeline_search_and_cross_validation(make: Any, data: Any) -> None:
    small = make(hidden_layer_sizes=(8,), max_iter=5, random_state=0)
    pipe = make_pipeline(StandardScaler(), small).set_output(transform="pandas")
    assert np.isfinite(cross_val_score(pipe, *data, cv=2, n_jobs=2)).all()
    last = pipe.steps[-1][0]
    search = GridSearchCV(pipe, {f"{last}__alpha": [1e-4, 1.0]}, cv=2, n_jobs=2).fit(*data)
    assert search.best_estimator_.steps[-1][1].n_iter_ == 5
    assert list(pipe.fit(*data).steps[-1][1].feature_names_in_) == [
        f"x{j}" for j in range(data[0].shape[1])
    ]


def test_calibration_stacking_and_permutation_importance() -> None:
    X, y = CANCER
    small = BackpropClassifier((8,), max_iter=10, random_state=0)
    calibrated = CalibratedClassifierCV(small, cv=2).fit(X, y)
    assert calibrated.score(X, y) > 0.9
    stack = StackingClassifier(
        [("net", small), ("net2", clone(small))], LogisticRegression(), cv=2
    ).fit(X, y)
    assert stack.score(X, y) > 0.9
    reg = BackpropRegressor(hidden_layer_sizes=(8,), max_iter=10, random_state=0)
    assert StackingRegressor([("net", reg)], cv=2).fit(*DIABETES).score(*DIABETES) > 0
    rng = np.random.RandomState(0)
    X = rng.randn(300, 3)
    reg.set_params(max_iter=50).fit(X, 3 * X[:, 1])
    found = permutation_importance(reg, X, 3 * X[:, 1], n_repeats=3, random_state=0)
    assert found.importances_mean.argmax() == 1


@BOTH
def test_clone_params_pickle_and_routing(make: Any, data: Any) -> None:
    import chainrule as cr

    own = cr.Activation("cube", f=lambda z: z**3, df=lambda z, a: 3 * z**2)
    one = make(activation=["tanh", own], hidden_layer_sizes=(3, 2), callbacks=[print])
    assert clone(one).get_params()["activation"][0] == "tanh"
    two = make().set_params(hidden_layer_sizes=(4,), max_iter=2, random_state=0).fit(*data)
    again = pickle.loads(pickle.dumps(two))  # noqa: S301
    assert np.array_equal(again.predict(data[0]), two.predict(data[0]))
    assert again.stop_ == two.stop_
    routing = make().set_fit_request if hasattr(make(), "set_fit_request") else None
    import sklearn

    with sklearn.config_context(enable_metadata_routing=True):
        asked = make().set_fit_request(sample_weight=True, eval_set=True).get_metadata_routing()
        assert asked.fit.requests == {"sample_weight": True, "eval_set": True}
    assert routing is None or callable(routing)
    with pytest.raises(NotFittedError):
        make().predict(data[0])
    assert not hasattr(make(), "coefs_")
