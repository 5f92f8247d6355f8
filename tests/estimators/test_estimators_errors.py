"""A call that raises leaves a fitted estimator as it was: predictions keep their bits."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.estimators import BackpropClassifier, BackpropRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = X[:, 0] - X[:, 1]
WORDS = pd.DataFrame(X, columns=list("abc")).assign(word=np.where(X[:, 2] > 0, "x", "y"))
LATER = X * 100 + 1000


class Refused(Exception):
    """Raised by a callback."""


def refuse(net: Any, history: Any) -> None:
    if history.epochs == 2:
        raise Refused


def interrupt(net: Any, history: Any) -> None:
    raise SystemExit(3)


def with_nan(A: Any) -> Any:
    changed = np.array(A, np.float64)
    changed[5, 1] = np.nan
    return changed


def states() -> dict[str, Callable[[], tuple[Any, Any, Any]]]:
    """Return ways to come to an estimator, an X for it, and its y."""
    small: dict[str, Any] = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}

    def classifier(**settings: Any) -> Any:
        return BackpropClassifier(**small | settings)

    def regressor(**settings: Any) -> Any:
        return BackpropRegressor(**small | settings)

    return {
        "classes": lambda: (classifier().fit(X, Y > 0), X, Y > 0),
        "numbers": lambda: (regressor().fit(X, Y), X, Y),
        "float32": lambda: (regressor().fit(X.astype(np.float32), Y), X.astype(np.float32), Y),
        "words": lambda: (regressor().fit(WORDS, Y), WORDS, Y),
        "plain": lambda: (regressor(standardize=False).fit(X, Y), X, Y),
        "warm": lambda: (regressor(warm_start=True).fit(X, Y), X, Y),
        "warm classes": lambda: (classifier(warm_start=True).fit(X, Y > 0), X, Y > 0),
        "stream": lambda: (regressor().partial_fit(X, Y).partial_fit(X, Y), X, Y),
        "stopping": lambda: (regressor(early_stopping=True).partial_fit(X, Y), X, Y),
        "several": lambda: (regressor().fit(X, np.c_[Y, -Y]), X, np.c_[Y, -Y]),
        "pickled": lambda: (pickle.loads(pickle.dumps(regressor().fit(X, Y))), X, Y),  # noqa: S301
    }


FAILURES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "lengths": lambda e, A, y: e.fit(LATER, y[:-1]),
    "columns": lambda e, A, y: e.fit(np.c_[LATER, LATER], y, eval_set=(LATER, y)),
    "NaN": lambda e, A, y: e.fit(with_nan(LATER), y),
    "no target": lambda e, A, y: e.fit(LATER, None),
    "words for y": lambda e, A, y: e.fit(LATER, np.full(len(y), "one")),
    "weights": lambda e, A, y: e.fit(LATER, y, sample_weight=-np.ones(len(y))),
    "eval_set": lambda e, A, y: e.fit(LATER, y, eval_set=(LATER, y[:-1])),
    "one row": lambda e, A, y: e.set_params(early_stopping=True).fit(LATER[:1], y[:1]),
    "activation": lambda e, A, y: e.set_params(activation="rleu").fit(LATER, y),
    "loss": lambda e, A, y: e.set_params(loss="nothing").fit(LATER, y),
    "solver": lambda e, A, y: e.set_params(solver="adamm").fit(LATER, y),
    "schedule": lambda e, A, y: e.set_params(schedule="cosin").fit(LATER, y),
    "another size": lambda e, A, y: e.set_params(
        hidden_layer_sizes=(5,), warm_start=True, random_state=-1
    ).fit(LATER, y),
    "callback": lambda e, A, y: e.set_params(callbacks=[refuse], max_iter=9).fit(LATER, y),
    "exit": lambda e, A, y: e.set_params(callbacks=[interrupt]).fit(LATER, y),
    "scorer": lambda e, A, y: e.set_params(early_stopping=True, scoring="nothing").fit(LATER, y),
    "partial lengths": lambda e, A, y: e.partial_fit(A, y[:-1]),
    "partial NaN": lambda e, A, y: e.partial_fit(with_nan(LATER), y),
    "partial callback": lambda e, A, y: e.set_params(callbacks=[interrupt]).partial_fit(A, y),
    "partial columns": lambda e, A, y: e.partial_fit(LATER[:, :2], y),
    "partial weights": lambda e, A, y: e.partial_fit(A, y, sample_weight=np.zeros(len(y))),
    "parameter": lambda e, A, y: e.set_params(alpha=9.0, standardize=False, nothing=1),
    "predict": lambda e, A, y: e.predict(with_nan(X)[:, :2]),
    "gradients": lambda e, A, y: e.backward(LATER[:, :2], y),
    "weights set": lambda e, A, y: e.__setattr__("coefs_", [np.ones((3, 4)), np.ones((9, 9))]),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_call_that_raises_changes_nothing(failure: str) -> None:
    for name, state in states().items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator, A, y = state()
            before = copy.deepcopy(vars(estimator))
            outputs = estimator.predict(A)
            parameters = estimator.get_params()
            with pytest.raises((ValueError, TypeError, Refused, SystemExit)):
                FAILURES[failure](estimator, A, y)
            assert np.array_equal(estimator.predict(A), outputs), name
            twin = copy.copy(estimator)
            vars(twin).clear()
            vars(twin).update(before)
            # What goes on from here ends in the same bits, but for parameters set on purpose.
            for one in (estimator, twin):
                one.set_params(**parameters)
                one.partial_fit(A, y)
            assert np.array_equal(estimator.predict(A), twin.predict(A)), name
