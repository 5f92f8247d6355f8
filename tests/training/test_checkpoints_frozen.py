"""A checkpoint written by version 0.1.0 in the middle of an epoch is continued to the same end.

``frozen/checkpoint_0_1_0.safetensors`` is that of the run below after step 13 of 40, on the
reference engine. An older file that is no longer understood would lose hours of training.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.mathematics.random import key, uniform
from chainrule.training.checkpoints import NAME

FROZEN = Path(__file__).parent / "frozen" / "checkpoint_0_1_0.safetensors"
X = uniform(key(2026), 90 * 3).reshape(90, 3) - 0.5
Y = (X @ [1.0, -2.0, 0.5] > 0).astype(int)
SETTINGS: dict[str, Any] = {
    "epochs": 8,
    "tolerance": None,
    "patience": 100,
    "batch_size": 16,
    "optimizer": "adam",
    "schedule": "plateau(0.5, 1)",
    "learning_rate": 0.02,
    "validation": 0.2,
    "metrics": ["accuracy"],
    "record": "explain",
    "clip_norm": 1.0,
    "engine": "reference",
    "progress": False,
}


def network() -> cr.Network:
    return cr.Network([3, 6, 1], hidden="tanh", output="sigmoid", seed=4, dropout=0.2, l2=0.01)


def test_checkpoint_of_version_0_1_0_continues_to_the_same_end(tmp_path: Path) -> None:
    whole, resumed = network(), network()
    through = whole.fit(X, Y, **SETTINGS)
    shutil.copy(FROZEN, tmp_path / NAME.format(13))
    history = resumed.fit(X, Y, checkpoint=tmp_path, resume=True, **SETTINGS)
    assert history.epochs == 8
    # Another machine's BLAS may sum in another order; on the one that wrote it all bits are equal.
    np.testing.assert_allclose(resumed.theta, whole.theta, rtol=1e-10)
    np.testing.assert_allclose(history.cost, through.cost, rtol=1e-10)
    np.testing.assert_allclose(history.validation_cost, through.validation_cost, rtol=1e-10)
    assert [epoch for epoch, _ in history.snapshots] == list(range(9))


def test_checkpoint_of_version_0_1_0_refuses_another_run(tmp_path: Path) -> None:
    shutil.copy(FROZEN, tmp_path / NAME.format(13))
    with pytest.raises(ValueError, match=r"its learning rate is 0\.02, not 0\.5"):
        network().fit(X, Y, checkpoint=tmp_path, resume=True, **{**SETTINGS, "learning_rate": 0.5})
