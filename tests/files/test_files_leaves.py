"""Every leaf of the metadata of tables' files and checkpoints, replaced by hostile values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from oracles.hostile import refusals

import chainrule as cr
from chainrule.estimators import TableClassifier, TableRegressor, table_files
from chainrule.files import network as network_file
from chainrule.files.model import read_model, write_model
from chainrule.tables.fit import fit_table
from chainrule.tables.model import TableModel
from chainrule.tables.settings import Choices
from chainrule.tabular import model as ensemble_file

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
Y = X[:, 0]
WORDS = np.where(Y > 0, "yes", "no")
FRAME = pd.DataFrame(X, columns=list("ab")).assign(word=[f"w{i % 12}" for i in range(60)])
# Few designs, so that a file has few leaves that say the same.
WITHOUT = ("bent", "bent_held", "smooth", "binned_smooth", "additive", "sparsity", "binned_held")


def sound_elsewhere(leaf: tuple[Any, ...], value: Any) -> bool:
    """Return whether a leaf with another value of its kind is a sound file of another model."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if "words" in leaf:
        return isinstance(value, str)
    return number and (
        leaf[:2] == ("encoder", "target")
        or leaf[-1] == "temperature"
        or leaf[:3] == ("record", "estimator", "importances")
    )


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "y"), [(TableRegressor, Y), (TableClassifier, WORDS)])
def test_every_leaf_of_a_table_estimators_file_is_checked(
    kind: Any, y: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"n_members": 2, "random_state": 0, "n_threads": 1}
    kind(**settings, without=WITHOUT, time_limit=1e-3).fit(FRAME, y).save(tmp_path / "m")
    arrays, metadata = read_model(tmp_path / "m")

    def predictions_of(changed: Any) -> Any:
        monkeypatch.setattr(ensemble_file, "read_model", lambda path: (arrays, changed))
        model = table_files.load_table_model("m", kind)
        repr(model)
        return model.predict_proba(FRAME[:9]) if kind is TableClassifier else model.predict(FRAME)

    assert refusals(metadata, predictions_of, sound_elsewhere) > 1000


@pytest.mark.parametrize(
    "array", ["weights", "bin_means", "edges.0", "theta.0.0", "statistics.1.0"]
)
def test_a_number_that_is_not_finite_in_a_table_estimators_file_is_refused(
    array: str, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"n_members": 2, "random_state": 0, "n_threads": 1}
    fitted = TableRegressor(**settings, without=WITHOUT, time_limit=1e-3).fit(FRAME, Y)
    fitted.save(tmp_path / "m")
    arrays, metadata = read_model(tmp_path / "m")
    arrays[f"ensemble.{array}"].flat[0] = np.nan
    write_model(tmp_path / "m", arrays, metadata)
    with pytest.raises(ValueError, match=f"the model's array {array!r} has a number that is not"):
        TableRegressor.load(tmp_path / "m")


@pytest.mark.parametrize("task", ["classes", "numbers"])
def test_every_leaf_of_a_table_models_file_is_checked(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "table.csv"
    days = pd.date_range("2020-01-01", periods=60).astype(str)
    FRAME.assign(day=days, y=WORDS if task == "classes" else Y).to_csv(table, index=False)
    fitted = fit_table([str(table)], "y", Choices(epochs=2), say=lambda line: None, progress=False)
    fitted.model.save(tmp_path / "m")
    arrays, metadata = read_model(tmp_path / "m")
    rows = fitted.model.read(table, with_target=True)

    def predictions_of(changed: Any) -> Any:
        monkeypatch.setattr(network_file, "read_model", lambda path: (dict(arrays), changed))
        model = TableModel.load("m")
        model.share_trained_on(rows)
        model.evaluate(rows)
        found = model.predict(rows)
        return found.values if found.probabilities is None else found.probabilities

    record = metadata.pop("record")
    assert refusals(metadata, predictions_of, sound_elsewhere) > 500
    metadata = {**metadata, "record": record}
    for name in ("styles", "trained_on", "settings"):
        for value in (None, 1, "x", [-1, "x"], {"y": 1}):
            predictions_of({**metadata, "record": {**record, name: value}})
            TableModel.load("m").read(table, with_target=True)


def test_every_leaf_of_a_checkpoint_is_refused_or_leads_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"batch_size": 20, "metrics": "mae", "engine": "reference"}
    cr.Network([2, 2, 1], seed=0).fit(X, Y, epochs=1, **settings, checkpoint=tmp_path)
    whole = cr.Network([2, 2, 1], seed=0)
    whole.fit(X, Y, epochs=2, **settings)
    (path,) = tmp_path.glob("*.safetensors")
    arrays, metadata = read_model(path)

    def theta_of(changed: Any) -> Any:
        monkeypatch.setattr(
            network_file, "read_model", lambda path: ({**arrays}, json.loads(json.dumps(changed)))
        )
        net = cr.Network([2, 2, 1], seed=0)
        net.fit(
            X, Y, epochs=2, **settings,
            checkpoint=tmp_path, checkpoint_every=1000, resume=True,
        )  # fmt: skip
        return net.theta

    assert np.array_equal(theta_of(metadata), whole.theta)
    assert refusals(metadata, theta_of) > 100
