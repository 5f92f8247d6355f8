"""Averaged weights against a plain weighted mean of the thetas on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.engines import Steps
from chainrule.training import Carried
from chainrule.training.averaging import WeightAverage

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(40, 3)), RNG.normal(size=40)
HELD = (RNG.normal(size=(20, 3)), RNG.normal(size=20))
SETTINGS: dict[str, Any] = {"batch_size": 10, "learning_rate": 0.05, "tolerance": None}


def network() -> cr.Network:
    return cr.Network([3, 5, 1], hidden="tanh", seed=2, dropout=0.2)


def weighted_mean(thetas: list[np.ndarray], stride: int, half_life: float) -> np.ndarray:
    """Return the mean of every stride-th theta, each worth half of one a half-life later."""
    samples = thetas[stride - 1 :: stride]
    age = stride * np.arange(len(samples))[::-1]
    return np.average(samples, axis=0, weights=0.5 ** (age / half_life))


def test_average_is_the_weighted_mean_by_hand() -> None:
    # Half-life 1, stride 1: weights 1/4, 1/2, 1 of (1, 4, 2) make (0.25 + 2 + 2) / 1.75.
    average = WeightAverage(np.array([100.0]), 1.0)
    for step, theta in enumerate([1.0, 4.0, 2.0], 1):
        average.observe(np.array([theta]), step)
    assert average.theta[0] == pytest.approx(4.25 / 1.75, rel=1e-15)


def thetas_of_steps(epochs: int, **settings: Any) -> list[np.ndarray]:
    """Return theta after every step: the same run, one batch an epoch at a time by ``carried``."""
    net, thetas, carried = network(), [], Carried()
    from chainrule.engines import reference

    run = reference.run

    def one_by_one(problem: Any, theta: Any, state: Any, steps: Steps) -> Any:
        results = []
        b = steps.batch_size
        for s in range(len(steps.rates)):
            rows, rate = steps.order[s * b : (s + 1) * b], steps.rates[s : s + 1]
            results.append(run(problem, theta, state, Steps(rows, b, rate, steps.first + s)))
            thetas.append(theta.copy())
        return tuple(np.concatenate(parts) for parts in zip(*results, strict=True))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reference, "run", one_by_one)
        net.fit(X, Y, epochs=epochs, carried=carried, engine="reference", **SETTINGS, **settings)
    return thetas


@pytest.mark.parametrize(
    ("averaging", "epochs", "stride"), [(0.125, 4, 1), (1.0, 3, 1), (1.0, 10, 5), (0.9, 16, 7)]
)
def test_fit_ends_with_the_average_of_its_steps(averaging: float, epochs: int, stride: int) -> None:
    thetas = thetas_of_steps(epochs, schedule="cosine")
    assert len(thetas) == 4 * epochs
    net = network()
    net.fit(
        X, Y, epochs=epochs, averaging=averaging, engine="reference", schedule="cosine", **SETTINGS
    )
    expected = weighted_mean(thetas, stride, averaging * 4 * epochs)
    np.testing.assert_allclose(net.theta, expected, rtol=1e-11)


def test_validation_and_callbacks_see_the_average() -> None:
    thetas, seen = thetas_of_steps(5), []
    net = network()
    history = net.fit(
        X, Y, epochs=5, averaging=0.2, engine="reference", validation=HELD, patience=9,
        callbacks=lambda net, history: seen.append(net.theta.copy()), **SETTINGS,
    )  # fmt: skip
    plain = network()
    for epoch in range(5):
        plain.theta = weighted_mean(thetas[: 4 * (epoch + 1)], 1, 4.0)
        np.testing.assert_allclose(seen[epoch], plain.theta, rtol=1e-11)
        assert history.validation_cost[epoch] == pytest.approx(plain.J(*HELD), rel=1e-11)
    best = int(np.argmin(history.validation_cost))
    assert (net.theta == seen[best]).all()


@pytest.mark.parametrize("epochs_before", [1, 2, 4])
def test_a_run_resumed_has_the_same_average(tmp_path: Path, epochs_before: int) -> None:
    class Cut(Exception):
        pass

    def cut(net: cr.Network, history: cr.History) -> None:
        if history.epochs > epochs_before:
            raise Cut

    settings: dict[str, Any] = {**SETTINGS, "epochs": 6, "averaging": 0.7}
    whole, resumed = network(), network()
    whole.fit(X, Y, **settings)
    with pytest.raises(Cut):
        network().fit(X, Y, callbacks=cut, checkpoint=tmp_path, **settings)
    resumed.fit(X, Y, checkpoint=tmp_path, resume=True, **settings)
    assert (resumed.theta == whole.theta).all()


def test_a_checkpoint_predicts_with_the_average(tmp_path: Path) -> None:
    net = network()
    net.fit(X, Y, epochs=3, averaging=0.5, checkpoint=tmp_path, **SETTINGS)
    newest = max(tmp_path.glob("*.safetensors"))
    assert (cr.load(newest).theta == net.theta).all()
    with pytest.raises(ValueError, match=r"its averaging is 0\.5, not 0\.6"):
        network().fit(X, Y, epochs=3, averaging=0.6, checkpoint=tmp_path, resume=True, **SETTINGS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"averaging": 0.0}, "fit: averaging must be above 0 and at most 1"),
        ({"averaging": 1.5}, "fit: averaging must be above 0 and at most 1"),
        ({"averaging": 0.1, "carried": Carried()}, "carried holds no average"),
        ({"averaging": 0.1, "optimizer": "lbfgs"}, "leave out averaging"),
    ],
)
def test_bad_averaging_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cr.Network([3, 1]).fit(X, Y, **arguments)
