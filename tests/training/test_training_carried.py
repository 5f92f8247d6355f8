"""Carried: two calls of fit that end where one would have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.training import Carried

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(50, 3)), RNG.normal(size=50)


def network(**settings: Any) -> cr.Network:
    return cr.Network([3, 5, 1], seed=2, **settings)


@pytest.mark.parametrize("optimizer", ["adam", "momentum", "gradient_descent", "adamw"])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_calls_of_fit_go_on_to_the_last_bit(optimizer: str, dropout: float) -> None:
    settings: Any = {"optimizer": optimizer, "batch_size": 7, "tolerance": None}
    whole = network(dropout=dropout)
    whole.fit(X, Y, epochs=6, **settings)
    parts, carried = network(dropout=dropout), Carried()
    for epochs in (1, 3, 2):
        parts.fit(X, Y, epochs=epochs, carried=carried, **settings)
    assert np.array_equal(parts.theta, whole.theta)
    assert (carried.steps, carried.epochs) == (6 * 8, 6)


def test_a_state_of_another_optimizer_or_network_is_refused(tmp_path: Any) -> None:
    carried = Carried()
    network().fit(X, Y, epochs=1, carried=carried)
    with pytest.raises(ValueError, match=r"momentum needs \(1, 26\) of float64"):
        network().fit(X, Y, epochs=1, optimizer="momentum", carried=carried)
    with pytest.raises(ValueError, match=r"needs \(2, 26\) of float32"):
        network(dtype="float32").fit(X, Y, epochs=1, carried=carried)
    with pytest.raises(ValueError, match="carried and checkpoint do not go together"):
        network().fit(X, Y, epochs=1, carried=carried, checkpoint=tmp_path)


def test_the_certificate_and_its_pass_can_be_left_out() -> None:
    history = network().fit(X, Y, epochs=1, certificate=False)
    assert history.stop is not None
    assert np.isnan(history.stop.gradient_norm)


def test_evaluations_limit_lbfgs() -> None:
    history = network(hidden="tanh").fit(X, Y, optimizer="lbfgs", evaluations=5, tolerance=None)
    assert history.epochs <= 5
    assert history.stop is not None
    assert history.stop.reason == "epochs"
