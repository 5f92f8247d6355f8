"""The first ten costs of two runs, frozen.

They are frozen from our own output and show only that nothing has changed unawares: the initial
parameters, the order of samples, the masks, the optimizers. That they are right is shown by the
tests against torch. The tolerance allows for another BLAS's order of summation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.mathematics.random import key, uniform


def table() -> tuple[np.ndarray, np.ndarray]:
    X = uniform(key(2026), 40 * 3).reshape(40, 3) - 0.5
    return X, (X @ [1.0, -2.0, 0.5] > 0).astype(int)


RUNS: list[tuple[dict[str, Any], dict[str, Any], list[float]]] = [
    (
        {"hidden": "relu", "output": "sigmoid"},
        {"optimizer": "adam"},
        [
            0.6735094774591713,
            0.6585190029445541,
            0.6439750122098639,
            0.6299445595078249,
            0.6178262241160801,
            0.6041979373502621,
            0.5919929697209481,
            0.5792971657350318,
            0.5671231891300182,
            0.5556862428053884,
        ],
    ),
    (
        {"hidden": "tanh", "output": "sigmoid", "dropout": 0.2, "l2": 0.01},
        {"optimizer": "nesterov", "schedule": "cosine", "batch_size": 7},
        [
            0.6660276119375247,
            0.6841247217275351,
            0.6752750311012069,
            0.6597194316154121,
            0.6300885360713144,
            0.624664876820615,
            0.613248527321791,
            0.6176630277640709,
            0.6246439663181202,
            0.6258458544764759,
        ],
    ),
]


@pytest.mark.parametrize(("network", "settings", "costs"), RUNS, ids=["adam", "nesterov"])
def test_first_ten_costs(
    network: dict[str, Any], settings: dict[str, Any], costs: list[float]
) -> None:
    X, y = table()
    net = cr.Network([3, 5, 1], seed=3, **network)
    history = net.fit(
        X, y, epochs=10, learning_rate=0.01, tolerance=None, engine="reference", **settings
    )
    assert history.cost == pytest.approx(costs, rel=1e-10)
