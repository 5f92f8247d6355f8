"""Frozen model files of tables: those of earlier versions load, and predict what they predicted."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")

from chainrule.tables.model import TableModel

FROZEN = Path(__file__).parent / "frozen"


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_model_of_encoder_version_1_predicts_the_same(task: str, tmp_path: Path) -> None:
    model = TableModel.load(FROZEN / f"table_{task}_1.safetensors")
    known = np.load(FROZEN / f"table_{task}_1.npy")
    predictions = model.predict(model.read(FROZEN / "table.csv"))
    values = predictions.values if task == "regression" else predictions.probabilities
    assert values is not None
    np.testing.assert_allclose(values, known, rtol=2e-6, atol=1e-7)
    # It is written in the new version, and predicts the same still.
    model.save(tmp_path / "again")
    again = TableModel.load(tmp_path / "again")
    assert again.encoder == model.encoder
    assert again.target == model.target
    later = again.predict(again.read(FROZEN / "table.csv")).values
    assert later.tobytes() == predictions.values.tobytes()
