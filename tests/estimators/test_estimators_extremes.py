"""Finite numbers in, finite numbers out or one sentence: from 1e-308 to 1e308."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.estimators import BackpropClassifier, BackpropRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X[:, 0] + X[:, 1]
FRAME = pd.DataFrame(X, columns=list("abc")).assign(word=np.where(X[:, 2] > 0, "x", "y"))
SMALL: dict[str, Any] = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}


def models() -> dict[str, Any]:
    return {
        "classes": BackpropClassifier(**SMALL).fit(X, Y > 0),
        "three": BackpropClassifier(**SMALL).fit(X, np.digitize(Y, [-0.5, 0.5])),
        "labels": BackpropClassifier(**SMALL).fit(X, np.c_[Y > 0, X[:, 2] > 0].astype(int)),
        "numbers": BackpropRegressor(**SMALL).fit(X, Y),
        "counts": BackpropRegressor(loss="poisson", **SMALL).fit(X, np.round(np.exp(Y))),
        "float32": BackpropClassifier(dtype="float32", **SMALL).fit(X, np.digitize(Y, [0.0, 1.0])),
        "plain float32": BackpropClassifier(dtype="float32", standardize=False, **SMALL).fit(
            X, np.digitize(Y, [0.0, 1.0])
        ),
        "plain": BackpropRegressor(standardize=False, **SMALL).fit(X, Y),
        "frame": BackpropRegressor(**SMALL).fit(FRAME, Y),
        "stream": BackpropRegressor(**SMALL).partial_fit(X, Y),
    }


MODELS = models()
METHODS = ("predict", "predict_proba", "predict_log_proba")
WORDS = r"too far|too large|infinit|overflow|not finite|too large for dtype"
SIGNED = st.builds(
    lambda sign, digits, power: sign * digits * 10.0**power,
    st.sampled_from([-1.0, 1.0]),
    st.floats(1.0, 9.0),
    st.integers(-308, 307),
)


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=15, deadline=None)
@given(row=st.lists(SIGNED, min_size=3, max_size=3))
def test_predictions_of_finite_rows_are_finite_or_refused(name: str, row: list[float]) -> None:
    model, rows = MODELS[name], np.array([row, [0.0, 0.0, 0.0]])
    given_rows: Any = rows
    if name == "frame":
        given_rows = pd.DataFrame(rows, columns=list("abc")).assign(word=["x", "y"])
    for method in METHODS:
        if not hasattr(model, method):
            continue
        outputs, sentence = None, ""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                outputs = getattr(model, method)(given_rows)
            except ValueError as error:
                sentence = str(error)
        assert outputs is not None or re.search(WORDS, sentence), sentence
        if outputs is None:
            continue
        assert outputs.dtype == bool or np.isfinite(outputs).all()


@settings(max_examples=15, deadline=None)
@given(scale=SIGNED, shift=SIGNED, y_scale=SIGNED, standardize=st.booleans())
def test_training_on_finite_numbers_gives_finite_predictions_or_is_refused(
    scale: float, shift: float, y_scale: float, standardize: bool
) -> None:
    with np.errstate(all="ignore"):
        rows, y = X * scale + shift, Y * y_scale
    if not (np.isfinite(rows).all() and np.isfinite(y).all()):
        return
    for make, targets in ((BackpropRegressor, y), (BackpropClassifier, Y > 0)):
        for train in ("fit", "partial_fit"):
            model = make(standardize=standardize, **SMALL)
            known = (
                {"classes": [False, True]}
                if (make, train)
                == (
                    BackpropClassifier,
                    "partial_fit",
                )
                else {}
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    getattr(model, train)(rows, targets, **known)
                    outputs = model.predict(rows)
                except ValueError:
                    continue
            assert np.isfinite(np.asarray(outputs, float)).all()


def test_target_far_from_zero_keeps_its_digits() -> None:
    y = 1.7e9 + 10 * Y
    fitted = BackpropRegressor(random_state=0).fit(X.astype(np.float32), y)
    predictions = fitted.predict(X.astype(np.float32))
    assert predictions.dtype == np.float64
    assert len(np.unique(predictions)) > 30
    assert np.corrcoef(predictions, y)[0, 1] > 0.9
    assert fitted.score(X.astype(np.float32), y) > 0.8
