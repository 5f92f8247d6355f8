"""A request to stop is never lost, whenever it comes."""

import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import chainrule as cr
from chainrule.engines import reference
from chainrule.training.descent import _agree
from chainrule.training.interrupt import Interrupt


class Pair:
    """A team of two whose other member asks for nothing; a signal comes during the all-reduce."""

    size = 2
    rank = 0

    def __init__(self, number: int | None) -> None:
        self.number = number

    def maximum_(self, array: npt.NDArray[Any]) -> None:
        if self.number is not None:
            os.kill(os.getpid(), self.number)
            self.number = None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_the_all_reduce_stops_the_next_call(number: int) -> None:
    run: Any = SimpleNamespace(team=Pair(number))
    with Interrupt(terminate=True) as interrupt:
        assert _agree(run, interrupt, 7) == (False, 7)
        assert interrupt.requested
        assert interrupt.terminated == (number == signal.SIGTERM)
        assert _agree(run, interrupt, 7) == (True, 7)


def test_what_another_member_hears_is_heard_here() -> None:
    class Asked(Pair):
        def maximum_(self, array: npt.NDArray[Any]) -> None:
            np.maximum(array, [1, 1, 0], out=array)

    run: Any = SimpleNamespace(team=Asked(None))
    with Interrupt(terminate=True) as interrupt:
        assert _agree(run, interrupt, 7) == (True, 7)
        assert interrupt.requested
        assert interrupt.terminated


def signals(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Send a signal when the engine asks, within a step, whether to stop."""

    def question(interrupt: Interrupt) -> Any:
        def asked() -> bool:
            os.kill(os.getpid(), number)
            return interrupt.requested

        return asked

    monkeypatch.setattr(Interrupt, "question", property(question))


@pytest.mark.parametrize("engine", ["reference", "auto"])
def test_ctrl_c_within_a_step_keeps_the_theta_of_the_step_before(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(12_000, 256)), rng.normal(size=(12_000, 256))
    net = cr.Network([256, 512, 256], seed=0)
    theta = net.theta.copy()
    signals(monkeypatch, signal.SIGINT)
    history = net.fit(X, Y, batch_size=None, epochs=3, engine=engine)
    assert history.stop is not None
    assert history.stop.reason == "interrupted"
    assert np.isnan(history.stop.gradient_norm)
    assert history.epochs == 0
    assert np.array_equal(net.theta, theta)


def test_sigterm_within_a_step_writes_a_checkpoint_of_the_step_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = np.random.default_rng(0).normal(size=(400, 3))
    whole, part = (cr.Network([3, 4, 1], seed=0) for _ in range(2))
    settings: dict[str, Any] = {"epochs": 4, "batch_size": 8, "engine": "reference"}
    whole.fit(X, X[:, 0], **settings)
    with monkeypatch.context() as patch:
        signals(patch, signal.SIGTERM)
        with pytest.raises(SystemExit):
            part.fit(X, X[:, 0], **settings, checkpoint=tmp_path)
    part.fit(X, X[:, 0], **settings, checkpoint=tmp_path, resume=True)
    assert np.array_equal(part.theta, whole.theta)


def test_raising_ends_work_that_changes_nothing_at_the_first_signal() -> None:
    with Interrupt(terminate=True) as interrupt:
        with pytest.raises(KeyboardInterrupt), interrupt.raising():
            os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt), interrupt.raising():
            pytest.fail("it began though a stop was requested")


def test_ctrl_c_within_an_evaluation_ends_lbfgs(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).normal(size=(50, 3))
    net = cr.Network([3, 4, 1], seed=0)
    costs = []

    def evaluate(*arguments: Any) -> float:
        costs.append(plain(*arguments))
        if len(costs) == 9:
            os.kill(os.getpid(), signal.SIGINT)
        return costs[-1]

    plain = reference.evaluate
    monkeypatch.setattr(reference, "evaluate", evaluate)
    history = net.fit(X, X[:, 0] ** 2, optimizer="lbfgs", epochs=500, engine="reference")
    assert history.stop is not None
    assert history.stop.reason == "interrupted"
    assert len(costs) == 9
    assert min(costs) < costs[0]
    assert net.J(X, X[:, 0] ** 2) <= costs[0]


def test_ctrl_c_twice_ends_a_search_of_short_fits() -> None:
    def press(net: cr.Network, history: cr.History) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    def fit() -> Any:
        return cr.Network([3, 2, 1], seed=0).fit(np.eye(3), np.arange(3.0), callbacks=press)

    first = fit()
    assert first.stop.reason == "interrupted"
    with pytest.raises(KeyboardInterrupt):
        fit()
