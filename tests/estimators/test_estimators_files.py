"""Estimators' files: every leaf of the record replaced by hostile values, and old files."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.estimators import BackpropClassifier, BackpropRegressor, load, persistence
from chainrule.files.model import read_model, write_model
from chainrule.files.network import load_network

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X[:, 0] + X[:, 1]
FRAME = pd.DataFrame(X, columns=list("abc")).assign(word=np.where(X[:, 2] > 0, "x", "y"))
HOSTILE: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2**31,
    2**63,
    -(2**70),
    0.5,
    -0.0,
    1e308,
    -1e-308,
    "",
    "x",
    "nan",
    "../../etc/passwd",
    "\x1b[31m",
    "__class__",
    [],
    [[]],
    [None, "a", 1],
    {},
    {"number": "nan"},
    {"items": [[1, 2]]},
]


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


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside, those that hold others included."""
    yield path
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    changed = copy.deepcopy(value)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return changed


@pytest.mark.parametrize("name", ["classes", "three", "labels", "numbers", "frame", "plain"])
def test_every_leaf_of_a_record_is_checked_at_load(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted, rows = estimators()[name]
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    loaded = load_network(path)
    metadata = {"record": loaded.record, "encoder": loaded.encoder}
    outputs = fitted.predict(rows)
    refused = 0
    for leaf in leaves(metadata):
        # A curve has many entries, all alike.
        if len(leaf) < 2 or (isinstance(leaf[-1], int) and leaf[-1] > 2):
            continue
        for hostile in HOSTILE:
            if "words" in leaf and isinstance(hostile, str):
                continue  # another word is a sound file of another model
            changed = replaced(metadata, leaf, hostile)
            if json.dumps(changed) == json.dumps(metadata):
                continue
            file = replace(loaded, **changed)
            monkeypatch.setattr(persistence, "load_network", lambda path, file=file: file)
            try:
                again = persistence.load_estimator(path)
            except ValueError:
                refused += 1
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a frame's names, where none are known
                assert np.array_equal(again.predict(rows), outputs), (leaf, hostile)
            repr(again)
    assert refused > 300


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
