"""Model files of every format version that was written load to the same networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr

FOLDER = Path(__file__).parent / "version_1"
EXPECTED: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
NETWORKS = ["counts", "settings", "softmax", "xor"]


@pytest.mark.parametrize("name", NETWORKS)
def test_network_of_version_1_gives_the_outputs_it_gave(name: str) -> None:
    net = cr.load(FOLDER / f"{name}.safetensors")
    expected = EXPECTED[name]
    X = np.array(expected["X"], net.dtype)
    assert repr(net) == expected["repr"]
    np.testing.assert_allclose(net.forward(X).y_hat, expected["outputs"], rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", NETWORKS)
def test_network_of_version_1_written_again_has_the_same_bits(name: str, tmp_path: Path) -> None:
    net = cr.load(FOLDER / f"{name}.safetensors")
    net.save(tmp_path / "again.safetensors")
    again = cr.load(tmp_path / "again.safetensors")
    assert again.theta.tobytes() == net.theta.tobytes()
    assert again.config() == net.config()


def test_table_model_of_version_1_predicts_as_it_did() -> None:
    pytest.importorskip("pyarrow")
    from chainrule.tables.columns import columns
    from chainrule.tables.model import TableModel
    from chainrule.tables.reading import read_table

    model = TableModel.load(FOLDER / "table.safetensors")
    lines = (FOLDER / "table_predictions.csv").read_text(encoding="utf-8").split()
    rows = columns(read_table(FOLDER / "table.csv"))
    assert model.predict(rows).words == lines[1:]


def test_estimators_of_version_1_predict_as_they_did() -> None:
    pytest.importorskip("sklearn")
    pd = pytest.importorskip("pandas")
    from chainrule.estimators import load

    table = pd.read_csv(FOLDER / "table.csv", parse_dates=["d"])
    classifier = load(FOLDER / "classifier.safetensors")
    chances = classifier.predict_proba(table[["a", "w", "d"]])
    np.testing.assert_allclose(chances, EXPECTED["classifier"], rtol=1e-5)
    regressor = load(FOLDER / "regressor.safetensors")
    numbers = regressor.predict(table[["a"]].fillna(0))
    np.testing.assert_allclose(numbers, EXPECTED["regressor"], rtol=1e-5)
