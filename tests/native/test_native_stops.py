"""A long run asks between its parts whether to end, and leaves theta that of a whole step."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import numpy as np
import pytest
from native_problems import problem

from chainrule.engines.protocol import Steps

native = pytest.importorskip("chainrule.engines.native", reason="the core is not built")

# A batch in slices, and one in parts; each takes far longer than the twentieth of a second after
# which the core asks first.
LARGE = [([256, 512, 256], 12_000), ([60, 40, 1], 300_000)]


@pytest.mark.parametrize(("sizes", "m"), LARGE)
@pytest.mark.parametrize("threads", [1, 2])
def test_stop_within_a_step_leaves_theta_and_state_and_the_run_goes_on(
    sizes: list[int], m: int, threads: int
) -> None:
    p = problem(sizes, m=m, threads=threads)
    theta = p.network.theta.copy()
    state = p.optimizer.init(theta)
    steps: dict[str, Any] = {"order": np.arange(m), "batch_size": m, "rates": np.array([0.01])}
    costs, squares = native.run(p, theta, state, Steps(**steps, stop=lambda: True))
    assert (len(costs), len(squares)) == (0, 0)
    assert np.array_equal(theta, p.network.theta)
    assert not state.any()
    whole, its_state = theta.copy(), state.copy()
    native.run(p, whole, its_state, Steps(**steps))
    native.run(p, theta, state, Steps(**steps, stop=lambda: False))
    assert np.array_equal(theta, whole)
    assert np.array_equal(state, its_state)


def test_stop_between_steps_ends_with_those_taken() -> None:
    m, batch, count = 8000, 2000, 40
    p = problem([256, 512, 256], m=m, threads=2)
    theta = p.network.theta.copy()
    state = p.optimizer.init(theta)
    order, rates = np.tile(np.arange(m), count * batch // m), np.full(count, 0.01)
    costs, _ = native.run(p, theta, state, Steps(order, batch, rates, stop=lambda: True))
    done = len(costs)
    assert done < count
    again = p.network.theta.copy()
    rest = Steps(order[: done * batch], batch, rates[:done])
    repeated, _ = native.run(p, again, p.optimizer.init(again), rest)
    assert np.array_equal(theta, again)
    assert np.array_equal(costs, repeated)


@pytest.mark.parametrize(("sizes", "m"), LARGE)
def test_what_the_question_raises_is_raised_once_the_run_has_ended(
    sizes: list[int], m: int
) -> None:
    def stop() -> bool:
        raise LookupError("asked")

    p = problem(sizes, m=m)
    theta = p.network.theta.copy()
    state = p.optimizer.init(theta)
    with pytest.raises(LookupError, match="asked"):
        native.run(p, theta, state, Steps(np.arange(m), m, np.array([0.01]), stop=stop))
    assert np.array_equal(theta, p.network.theta)


def passes(p: Any) -> None:
    """Evaluate J and its gradient again and again; once takes longer than a signal needs."""
    while True:
        native.evaluate(p, p.network.theta, np.empty_like(p.network.theta))


def test_ctrl_c_ends_a_pass_over_all_rows() -> None:
    p = problem([256, 512, 256], m=40_000)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        passes(p)
    timer.join()


def test_a_pass_in_another_thread_hears_nothing() -> None:
    p = problem([256, 512, 256], m=12_000)
    costs: list[float] = []
    thread = threading.Thread(target=lambda: costs.append(native.evaluate(p, p.network.theta)))
    thread.start()
    thread.join()
    assert costs == [native.evaluate(p, p.network.theta)]
