"""``chainrule export MODEL --to onnx``, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_iris

import chainrule as cr
from chainrule.cli.app import app
from chainrule.estimators import BackpropClassifier

pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

DATA = Path(__file__).parents[2] / "data"


def call(*words: Any) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize(
    ("table", "target"), [("synthetic_churn.csv", "churned"), ("diabetes.csv", "progression")]
)
def test_what_train_wrote_runs_in_onnxruntime(table: str, target: str, tmp_path: Path) -> None:
    head = (DATA / table).read_text().splitlines()[0].split(",")
    target = target if target in head else head[-1]
    model = tmp_path / "model.safetensors"
    trained = call("train", DATA / table, "--target", target, "--epochs", 2, "-o", model)
    assert trained.exit_code == 0, trained.output
    done = call("export", model, "--to", "onnx", "--data", DATA / table, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["file"] == str(tmp_path / "model.onnx")
    assert said["bytes"] == (tmp_path / "model.onnx").stat().st_size
    names = {i.name for i in ort.InferenceSession(said["file"]).get_inputs()}
    assert target not in names
    assert names <= set(head)


def test_an_estimators_file(tmp_path: Path) -> None:
    X, y = load_iris(return_X_y=True)
    fitted = BackpropClassifier(max_iter=2, random_state=0).fit(X, y)
    fitted.save(tmp_path / "iris.safetensors")
    done = call("export", tmp_path / "iris.safetensors", "-o", tmp_path / "iris.onnx")
    assert done.exit_code == 0, done.output
    assert "predicts what we predict" in done.stderr
    found = ort.InferenceSession(tmp_path / "iris.onnx").run(None, {"X": X})
    np.testing.assert_allclose(found[1], fitted.predict_proba(X), atol=1e-5)


def test_what_cannot_be_exported_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    net = tmp_path / "net.safetensors"
    cr.Network([2, 1]).save(net)
    for words, said in (
        ((tmp_path / "nothing",), "nothing"),
        ((net,), "without an encoder for tables"),
        ((net, "--to", "pickle"), "'pickle' is not 'onnx'"),
        ((net, "-o", net), "is one of the files to read"),
    ):
        done = call("export", *words)
        assert done.exit_code == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr
