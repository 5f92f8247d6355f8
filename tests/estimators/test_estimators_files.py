"""Estimators' files: every leaf of the record replaced by hostile values, and old files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from oracles.hostile import refusals

from chainrule.estimators import BackpropClassifier, BackpropRegressor, load, persistence
from chainrule.files.model import read_model, write_model
from chainrule.files.network import load_network

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X[:, 0] + X[:, 1]
FRAME = pd.DataFrame(X, columns=list("abc")).assign(word=np.where(X[:, 2] > 0, "x", "y"))


def estimators() -> dict[str, tuple[Any, Any]]:
    small: dict[str, Any] = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0}
    words = np.where(Y > 0, "yes", "no")
    return {
        "classes": (BackpropClassifier(**small).fit(X, words), X),
        "three": (BackpropClassifier(**small).fit(X, np.digitize(Y, [-0.5, 0.5])), X),
        "labels": (BackpropClassifier(**small).fit(X, np.c_[Y > 0, Y < 1].astype(int)), X),
        "numbers": (BackpropRegressor(early_stopping=True, **small).fit(X, Y), X),
        "frame": (BackpropRegressor(**small).fit(FRAME, Y), FRAME),
        "plain": (BackpropClassifier(standardize=False, **small).fit(X, Y > 0), X),
    }


@pytest.mark.parametrize("name", ["classes", "three", "labels", "numbers", "frame", "plain"])
def test_every_leaf_of_a_record_is_checked_at_load(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted, rows = estimators()[name]
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    loaded = load_network(path)
    metadata = {"record": loaded.record, "encoder": loaded.encoder}

    def predictions_of(changed: Any) -> Any:
        file = replace(loaded, **changed)
        monkeypatch.setattr(persistence, "load_network", lambda path: file)
        again = persistence.load_estimator(path)
        repr(again)
        return again.predict(rows)

    def sound(leaf: tuple[Any, ...], value: Any) -> bool:
        """Return whether it is a sound file of another model: it has another word."""
        return "words" in leaf and isinstance(value, str)

    assert refusals(metadata, predictions_of, sound) > 300


@pytest.mark.parametrize("array", ["W1", "b2"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(array: str, value: float, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    BackpropRegressor(hidden_layer_sizes=(3,), max_iter=2).fit(X, Y).save(path)
    arrays, metadata = read_model(path)
    arrays[array].flat[0] = value
    write_model(path, arrays, metadata)
    with pytest.raises(ValueError, match=f"the array '{array}' has a number that is not finite"):
        load(path)


def test_a_loaded_estimator_goes_on_to_learn(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    fitted = BackpropRegressor(random_state=0).fit(FRAME, Y)
    fitted.save(path)
    again = load(path)
    for _ in range(20):
        again.partial_fit(FRAME, Y)
    assert again.score(FRAME, Y) > 0.9
    assert list(again.feature_names_in_) == list(FRAME)
