"""Training ends for each of its reasons, with the certificate and the parameters it promises."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.training import METRICS


def blobs(m: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, m)
    return rng.standard_normal((m, 3)) + y[:, None], y


def classifier(**network: Any) -> cr.Network:
    given: dict[str, Any] = {"hidden": "tanh", "output": "sigmoid", "cost": "logistic", "seed": 1}
    return cr.Network([3, 4, 1], **(given | network))


def full_norm(net: cr.Network, X: Any, y: Any, w: Any = None) -> float:
    return float(np.linalg.norm(net.gradients(X, y, w).dtheta))


def test_gradient_within_tolerance() -> None:
    X, y = blobs()
    net = classifier(l2=0.1)
    history = net.fit(
        X, y, tolerance=1e-3, batch_size=None, learning_rate=0.05, epochs=2000, patience=2000
    )
    stop = history.stop
    assert stop.reason == "gradient"
    assert stop.gradient_norm <= 1e-3
    assert stop.gradient_norm == pytest.approx(full_norm(net, X, y), rel=1e-12)
    assert stop.best_epoch == history.epochs < 2000
    before, last = history.cost[-2:]
    assert stop.last_decrease == pytest.approx((before - last) / abs(before))
    assert "stationary point" in stop.message


def test_a_small_batch_gradient_is_not_a_small_gradient() -> None:
    # Each sample is fitted on its own turn: the gradient over all samples decides, not a batch's.
    X, y = blobs(8)
    net = classifier()
    history = net.fit(X, y, tolerance=1e-2, batch_size=1, learning_rate=0.02, epochs=300)
    if history.stop.reason == "gradient":
        assert full_norm(net, X, y) <= 1e-2


def test_cost_no_longer_decreasing() -> None:
    X, y = blobs()
    net = classifier()
    history = net.fit(
        X, y, optimizer="gradient_descent", learning_rate=1e-9, tolerance=1e-6, patience=4
    )
    # The first epoch sets the mark, four more do not better it.
    assert (history.stop.reason, history.epochs) == ("cost", 5)
    assert history.stop.gradient_norm == pytest.approx(full_norm(net, X, y), rel=1e-12)


def test_epochs_are_the_limit_and_none_lifts_the_tolerance() -> None:
    X, y = blobs()
    for tolerance in (None, 0.0):
        history = classifier().fit(X, y, epochs=7, tolerance=tolerance)
        assert (history.stop.reason, history.epochs, history.stop.best_epoch) == ("epochs", 7, 7)
    net = classifier()
    history = net.fit(
        X, y, optimizer="gradient_descent", learning_rate=1e-9, epochs=30, tolerance=None
    )
    assert (history.stop.reason, history.epochs) == ("epochs", 30)


@pytest.mark.parametrize("monitor", ["cost", "accuracy", "mae"])
def test_validation_restores_the_best_epoch(monitor: str) -> None:
    X, y = blobs(24)
    own = blobs(40, seed=5)
    kept: list[np.ndarray] = []
    net = classifier()

    def keep(net: cr.Network, history: cr.History) -> None:
        kept.append(net.theta.copy())

    history = net.fit(
        X, 1 - y, validation=own, patience=5, learning_rate=0.01, callbacks=keep, batch_size=8,
        metrics=["accuracy", "mae"], monitor=monitor,
    )  # fmt: skip
    assert history.stop.reason == "validation"
    values = {
        "cost": np.array(history.validation_cost),
        "accuracy": -np.array(history.validation_metrics["accuracy"]),
        "mae": np.array(history.validation_metrics["mae"]),
    }[monitor]
    best = int(np.argmin(values))
    assert history.stop.best_epoch == best + 1
    assert (net.theta == kept[best]).all()
    assert history.epochs == best + 1 + 5
    assert net.J(*own) == pytest.approx(history.validation_cost[best], rel=1e-12)
    assert history.stop.gradient_norm == pytest.approx(full_norm(net, X, 1 - y), rel=1e-12)


def test_the_best_epoch_is_restored_whatever_the_reason() -> None:
    X, y = blobs(24)
    own = blobs(40, seed=5)
    net = classifier()
    history = net.fit(X, 1 - y, validation=own, epochs=6, learning_rate=0.05, batch_size=4)
    assert history.stop.reason == "epochs"
    assert history.stop.best_epoch == 1 + int(np.argmin(history.validation_cost)) < 6
    assert net.J(*own) == pytest.approx(min(history.validation_cost), rel=1e-12)


@pytest.mark.parametrize("answer", [True, np.True_, np.float64(2) > 1])
def test_a_callback_stops(answer: Any) -> None:
    X, y = blobs()
    seen: list[int] = []

    def callback(net: cr.Network, history: cr.History) -> Any:
        seen.append(history.epochs)
        return answer if history.epochs == 3 else None

    second: list[int] = []
    history = classifier().fit(
        X, y, callbacks=[callback, lambda net, history: second.append(history.epochs)]
    )
    assert (history.stop.reason, seen, second) == ("callback", [1, 2, 3], [1, 2, 3])


@pytest.mark.parametrize("answer", [False, None, 1, "yes", np.False_])
def test_only_true_stops(answer: Any) -> None:
    X, y = blobs()
    history = classifier().fit(X, y, epochs=3, tolerance=None, callbacks=lambda n, h: answer)
    assert (history.stop.reason, history.epochs) == ("epochs", 3)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_ctrl_c_in_a_callback_keeps_what_was_learnt(optimizer: str) -> None:
    X, y = blobs()

    def callback(net: cr.Network, history: cr.History) -> None:
        if history.epochs == 4:
            raise KeyboardInterrupt

    net = classifier()
    history = net.fit(X, y, optimizer=optimizer, callbacks=callback)
    assert (history.stop.reason, history.epochs) == ("interrupted", 4)
    four = classifier()
    four.fit(X, y, optimizer=optimizer, epochs=4, tolerance=None)
    if optimizer == "adam":
        assert (net.theta == four.theta).all()
    assert net.J(X, y) < classifier().J(X, y)


def test_another_error_in_a_callback_comes_out() -> None:
    X, y = blobs()

    def callback(net: cr.Network, history: cr.History) -> None:
        raise ZeroDivisionError("mine")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError, match="mine"):
        classifier().fit(X, y, callbacks=callback)
    assert signal.getsignal(signal.SIGINT) is before


SIGNALLED = """
import os, signal, sys
import numpy as np
import chainrule as cr
times = int(sys.argv[1])
rng = np.random.default_rng(0)
X, y = rng.standard_normal((64, 3)), rng.integers(0, 2, 64)
net = cr.Network([3, 4, 1], "tanh", "sigmoid", seed=1)
def callback(net, history):
    if history.epochs == 3:
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
history = net.fit(X, y, batch_size=8, epochs=10**6, tolerance=None, callbacks=callback)
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
print(history.stop.reason, history.epochs, net.J(X, y) < 0.75, history.stop.message)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("times", [1, 2])
def test_a_real_ctrl_c(times: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED, str(times)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    reason, epochs, learnt, message = done.stdout.strip().split(" ", 3)
    assert (reason, int(epochs), learnt) == ("interrupted", 3, "True")
    assert "what was learnt is kept" in message


def with_cost(net: cr.Network, own: cr.Cost) -> cr.Network:
    """Return the network with a cost that a constructor may refuse."""
    net.architecture = replace(net.architecture, cost=own)
    return net


DIVERGING = {"optimizer": "gradient_descent", "batch_size": None, "tolerance": None}


@pytest.mark.parametrize("rate", [10.0, 1e3, 1e80, 1e200, 1e300])
def test_divergence_keeps_parameters_no_worse_than_the_first(rate: float) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 3)), rng.standard_normal(20)
    net = cr.Network([3, 4, 1], hidden="relu", seed=1)
    J, start = net.J(X, y), net.theta.copy()
    with pytest.warns(RuntimeWarning, match="diverged in epoch") as caught:
        history = net.fit(X, y, learning_rate=rate, epochs=60, **DIVERGING)
    stop = history.stop
    assert stop.reason == "diverged"
    assert np.isfinite(net.theta).all()
    assert net.J(X, y) <= J
    assert np.isfinite(stop.gradient_norm)
    assert f"learning_rate={rate / 10:g}" in stop.message
    assert str(caught[0].message) == stop.message
    assert caught[0].filename == __file__
    assert (stop.best_epoch == 0) == bool((net.theta == start).all())
    assert ("initial parameters" in stop.message) == (stop.best_epoch == 0)


def test_divergence_late_keeps_the_best_epoch() -> None:
    # A schedule of one's own lets the learning rate explode after ten good epochs.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 3))
    y = X @ [1.0, 2.0, 3.0]
    explode = cr.Schedule("explode", lambda step, steps, state: 1.0 if step < 10 else 1e9)
    net = cr.Network([3, 1], seed=1)
    with pytest.warns(RuntimeWarning, match="the parameters of epoch 10 were kept"):
        history = net.fit(X, y, learning_rate=0.1, schedule=explode, epochs=60, **DIVERGING)
    good = cr.Network([3, 1], seed=1)
    good.fit(X, y, learning_rate=0.1, epochs=10, **DIVERGING)
    assert history.stop.best_epoch == 10
    assert (net.theta == good.theta).all()


def test_divergence_with_validation_keeps_the_best_epoch() -> None:
    X, y = np.random.default_rng(0).standard_normal((20, 3)), np.arange(20.0)
    net = cr.Network([3, 1], seed=1)
    with pytest.warns(RuntimeWarning, match="diverged"):
        history = net.fit(X, y, validation=(X, y), learning_rate=3.0, epochs=90, **DIVERGING)
    best = history.stop.best_epoch
    assert best == 1 + int(np.argmin(history.validation_cost))
    assert net.J(X, y) == pytest.approx(history.validation_cost[best - 1], rel=1e-12)


def test_divergence_in_the_first_step_keeps_the_initial_parameters() -> None:
    own = cr.Cost("nan", J=lambda a, y: a[:, 0] * np.nan, da=lambda a, y: a)
    net = with_cost(cr.Network([3, 1]), own)
    start = net.theta.copy()
    with pytest.warns(RuntimeWarning, match="diverged in epoch 1.*initial parameters"):
        history = net.fit(np.ones((4, 3)), np.ones(4))
    assert (net.theta == start).all()
    assert history.epochs == 0
    assert history.stop.last_decrease is None
    assert repr(history) == "<History of 0 epochs>"


def test_a_gradient_that_is_not_finite_is_divergence_though_the_cost_is() -> None:
    own = cr.Cost("steep", J=lambda a, y: a[:, 0] * 0, da=lambda a, y: a * np.inf)
    net = with_cost(cr.Network([3, 1], seed=2), own)
    start = net.theta.copy()
    with pytest.warns(RuntimeWarning, match="diverged"):
        net.fit(np.ones((4, 3)), np.ones(4))
    assert (net.theta == start).all()


def test_lbfgs_diverging_says_so() -> None:
    own = cr.Cost("nan", J=lambda a, y: a[:, 0] * np.nan, da=lambda a, y: a)
    net = with_cost(cr.Network([3, 1]), own)
    start = net.theta.copy()
    with pytest.warns(RuntimeWarning, match="diverged"):
        history = net.fit(np.ones((4, 3)), np.ones(4), optimizer="lbfgs")
    assert history.stop.reason == "diverged"
    assert (net.theta == start).all()


def test_lbfgs_reasons() -> None:
    X, y = blobs()
    assert classifier(l2=0.1).fit(X, y, optimizer="lbfgs").stop.reason == "gradient"
    limit = classifier(l2=0.1).fit(X, y, optimizer="lbfgs", epochs=3, tolerance=None)
    assert (limit.stop.reason, limit.epochs) == ("epochs", 3)
    stop = classifier().fit(X, y, optimizer="lbfgs", callbacks=lambda n, h: h.epochs == 2).stop
    assert stop.reason == "callback"
    own = blobs(40, seed=5)
    net = classifier()
    history = net.fit(X, 1 - y, optimizer="lbfgs", validation=own, patience=3)
    assert history.stop.reason == "validation"
    assert net.J(*own) == pytest.approx(min(history.validation_cost), rel=1e-12)


def test_lbfgs_at_a_minimum_already() -> None:
    X, y = np.zeros((5, 3)), np.zeros(5)
    net = cr.Network([3, 1], init="zeros")
    history = net.fit(X, y, optimizer="lbfgs")
    assert history.stop.reason in ("gradient", "cost")
    assert history.stop.gradient_norm == 0
    assert (net.theta == 0).all()


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_runs_of_every_kind_give_no_warning(optimizer: str, dtype: str) -> None:
    X, y = blobs()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = classifier(dtype=dtype).fit(X, y, optimizer=optimizer, metrics="accuracy")
    assert history.stop.reason in ("gradient", "cost", "epochs")
    assert history.metrics["accuracy"][-1] > 0.7


def test_monitors_that_cannot_be() -> None:
    X, y = blobs()
    with pytest.raises(ValueError, match="needs a validation set"):
        classifier().fit(X, y, metrics="accuracy", monitor="accuracy")
    with pytest.raises(ValueError, match=re.escape("unknown monitor 'accurac'")):
        classifier().fit(X, y, metrics="accuracy", monitor="accurac", validation=0.2)
    assert set(METRICS) == {"accuracy", "r2", "rmse", "mae"}
