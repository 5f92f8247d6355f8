"""Runs of the native engine: bits that do not depend on threads or calls, masks, weights, stops."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from native_problems import batches, distance, gradient, problem, reference, trained

import chainrule as cr
from chainrule.engines.protocol import Steps

native = pytest.importorskip("chainrule.engines.native", reason="the core is not built")

SHAPES = [
    ([3, 4, 2], 5, 1),  # one sample in registers
    ([5, 7, 3], 37, 10),  # one slice, padded
    ([20, 300, 290, 2], 300, 100),  # one slice, shared rows
    ([4, 32, 16, 4], 3000, 2000),  # parts
    ([20, 300, 290, 70, 2], 30, 7),  # backward and update in one pass
    ([150, 700, 2], 8, 1),  # the same, one sample
    ([50, 8, 1], 5440, 4096),  # few parts, and a short last batch of fewer
    ([64, 64, 64, 3], 500, 250),  # four parts, of which two are added as they arise
    ([40, 300, 260, 2], 2500, 2100),  # several slices of a large network
    ([70, 512, 512, 3], 200, 100),  # rows of W that lie badly, so that panels are packed
]


def equal(first: Any, second: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(("sizes", "m", "batch"), SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("clip", [None, 0.1])
def test_bits_do_not_depend_on_threads(
    isa: str, sizes: list[int], m: int, batch: int, dtype: str, clip: float | None
) -> None:
    def run(threads: int) -> Any:
        p = problem(
            sizes, "gelu", dtype=dtype, m=m, threads=threads, clip_norm=clip, l1=1e-3, dropout=0.2
        )
        return (*trained(native, p, batch, 3), *gradient(native, p))

    one = run(1)
    assert all(equal(one, run(threads)) for threads in (2, 3, 5))


@pytest.mark.parametrize(("sizes", "m", "batch"), SHAPES)
@pytest.mark.parametrize("clip", [None, 0.1])
def test_bits_of_a_run_split_in_two(
    isa: str, sizes: list[int], m: int, batch: int, clip: float | None
) -> None:
    p = problem(sizes, "gelu", dtype="float32", m=m, clip_norm=clip, dropout=0.2)
    order = np.concatenate([batches(m, batch, 5), np.arange(min(3, batch))])
    whole = p.network.theta.copy()
    state = p.optimizer.init(whole)
    rates = np.linspace(1e-2, 1e-3, 6)
    costs, squares = native.run(p, whole, state, Steps(order, batch, rates, 4))
    for cut in (1, 5):
        theta = p.network.theta.copy()
        parts = p.optimizer.init(theta)
        first = native.run(p, theta, parts, Steps(order[: cut * batch], batch, rates[:cut], 4))
        rest = native.run(p, theta, parts, Steps(order[cut * batch :], batch, rates[cut:], 4 + cut))
        assert np.array_equal(theta, whole)
        assert np.array_equal(parts, state)
        assert np.array_equal(np.concatenate([first[0], rest[0]]), costs)
        assert np.array_equal(np.concatenate([first[1], rest[1]]), squares)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [1, 3, 16, 33])
def test_dropout_masks_are_the_reference_ones(isa: str, dtype: str, width: int) -> None:
    """With weights of one and identities, the cost shows every entry of the masks."""
    p = problem([width, width, 1], "identity", dtype=dtype, m=9, dropout=[0.4, 0.7])
    p.network.theta[:] = 1
    _, _, theta, _ = trained(native, p, 4, 6, rate=1e-3)
    _, _, wanted, _ = trained(reference, p, 4, 6, rate=1e-3)
    assert distance(theta, wanted) < (1e-13 if dtype == "float64" else 1e-5)


def test_weights_that_sum_to_nothing(isa: str) -> None:
    p = problem([3, 4, 2], m=8, weights=True, l2=0.1)
    assert p.weights is not None
    p.weights[:] = 0
    for got, want in zip(trained(native, p, 4, 4), trained(reference, p, 4, 4), strict=True):
        assert distance(got, want) < 1e-12
        assert np.isfinite(got).all()


def test_a_weight_of_nothing_leaves_its_sample_out(isa: str) -> None:
    p = problem([3, 4, 2], m=8, weights=True)
    assert p.weights is not None
    p.weights[:] = 1
    p.weights[2] = 0
    p.Y[2] = np.inf
    J, dtheta = gradient(native, p)
    wanted_J, wanted = gradient(reference, p)
    assert np.isfinite(J)
    assert pytest.approx(wanted_J) == J
    if np.isfinite(wanted).all():
        assert distance(dtheta, wanted) < 1e-12


def spoilt(p: Any, row: int, value: float) -> Any:
    p.X[row] = value
    return p


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("clip", [None, 1.0])
@pytest.mark.parametrize("optimizer", ["gradient_descent", "momentum", "adam"])
@pytest.mark.parametrize("value", [np.nan, np.inf, "largest"])
def test_stops_before_a_step_that_is_not_finite(
    isa: str, dtype: str, clip: float | None, optimizer: str, value: Any
) -> None:
    number = np.finfo(dtype).max / 4 if value == "largest" else value
    make = {"optimizer": optimizer, "dtype": dtype, "m": 40, "clip_norm": clip}
    p = spoilt(problem([3, 6, 2], "relu", **make), 23, number)
    order, rates = np.arange(40), np.full(10, 1e-3)
    runs = []
    for engine in (reference, native):
        theta = p.network.theta.copy()
        state = p.optimizer.init(theta)
        runs.append((*engine.run(p, theta, state, Steps(order, 4, rates)), theta, state))
    wanted, got = runs
    assert len(got[0]) == len(wanted[0]) == 6
    assert np.isfinite(got[2]).all()
    assert np.isfinite(got[3]).all()
    assert not (np.isfinite(got[0][-1]) and np.isfinite(got[1][-1]).all())
    assert distance(got[2], wanted[2]) < (1e-12 if dtype == "float64" else 1e-5)
    # Theta is what five steps make of it, bit for bit.
    theta = p.network.theta.copy()
    state = p.optimizer.init(theta)
    native.run(p, theta, state, Steps(order[:20], 4, rates[:5]))
    assert np.array_equal(theta, got[2])
    assert np.array_equal(state, got[3])


def test_a_finite_cost_with_a_gradient_that_is_not(isa: str) -> None:
    """Huber's cost stays finite where a product of the backward pass overflows."""
    p = problem([2, 2, 1], "identity", cost="huber", dtype="float32", m=4, optimizer="momentum")
    p.X[:] = 1e-3
    p.network.theta[:] = 1e-3
    p.network.W[2][...] = 3e38
    p.X[2] = 300
    theta = p.network.theta.copy()
    state = p.optimizer.init(theta)
    costs, squares = native.run(p, theta, state, Steps(np.arange(4), 1, np.full(4, 1e-9)))
    assert not np.isfinite(squares[-1]).all() or not np.isfinite(costs[-1])
    assert np.isfinite(theta).all()
    assert np.isfinite(state).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["gradient_descent", "adam"])
@pytest.mark.parametrize("value", [np.nan, "largest"])
def test_one_sample_at_a_time_stops_too(isa: str, dtype: str, optimizer: str, value: Any) -> None:
    number = np.finfo(dtype).max / 4 if value == "largest" else value
    p = spoilt(problem([3, 2, 2], "relu", optimizer=optimizer, dtype=dtype, m=8), 5, number)
    order, rates = np.arange(8), np.full(8, 1e-3)
    found = []
    for engine in (reference, native):
        theta = p.network.theta.copy()
        state = p.optimizer.init(theta)
        found.append((engine.run(p, theta, state, Steps(order, 1, rates))[0], theta, state))
    assert len(found[0][0]) == len(found[1][0]) == 6
    assert distance(found[1][1], found[0][1]) < 1e-5
    assert distance(found[1][2], found[0][2]) < 1e-5


def test_no_rows_and_no_steps(isa: str) -> None:
    p = problem([3, 4, 2])
    theta = p.network.theta.copy()
    none = Steps(np.empty(0, np.int64), 4, np.empty(0))
    costs, squares = native.run(p, theta, p.optimizer.init(theta), none)
    assert costs.shape == (0,)
    assert squares.shape == (0, 2)
    assert np.array_equal(theta, p.network.theta)


def test_networks_train_side_by_side() -> None:
    """Eight threads of Python, each with problems of its own and shared ones."""
    shared = problem([10, 64, 64, 3], "gelu", m=200, threads=2)
    wanted = trained(native, shared, 50, 20)
    found: list[Any] = [None] * 8

    def work(n: int) -> None:
        own = problem([10, 64, 64, 3], "gelu", m=200, threads=1 + n % 3)
        found[n] = trained(native, shared if n % 2 else own, 50, 20)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(equal(one, wanted) for one in found)


FORK = """
import os, sys
sys.path[:0] = {path!r}
from native_problems import problem, trained
from chainrule.engines import native
import numpy as np
p = problem([10, 64, 64, 3], "gelu", m=200, threads=2)
before = trained(native, p, 50, 5)
child = os.fork()
if child == 0:
    after = trained(native, p, 50, 5)
    os._exit(0 if np.array_equal(before[2], after[2]) else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_fork_gets_a_team_of_its_own() -> None:
    code = FORK.format(path=sys.path)
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_fit_uses_the_native_engine() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 4))
    y = X @ [1.0, 2.0, -1.0, 0.5]
    histories = []
    for engine in ("auto", "reference"):
        net = cr.Network([4, 8, 1], hidden="tanh", seed=1)
        histories.append(net.fit(X, y, epochs=5, engine=engine, progress=False))
    assert [h.engine for h in histories] == ["native", "reference"]
    assert distance(histories[0].cost, histories[1].cost) < 1e-10


@pytest.mark.parametrize("step", [0, 1, 2, 31, 32, 70])
def test_threads_that_are_chosen_change_no_bits_and_stop_where_one_does(step: int) -> None:
    """A call that tries threads on part of its steps is one call for whoever asks."""
    sizes, batch = [20, 64, 64, 2], 512
    for bad in (False, True):
        p = problem(sizes, "relu", dtype="float32", m=batch * 80, threads=1)
        chosen = problem(sizes, "relu", dtype="float32", m=batch * 80, threads=None)
        if bad:
            p.X[step * batch] = chosen.X[step * batch] = np.inf
        found = []
        for each in (p, chosen):
            theta = each.network.theta.copy()
            state = each.optimizer.init(theta)
            costs: list[Any] = []
            for call in range(12):
                order = np.arange(len(each.X))[: batch * (80 - call) - 3]
                rates = np.linspace(1e-2, 1e-3, 80 - call)
                costs += native.run(each, theta, state, Steps(order, batch, rates, call))
            found.append((*costs, theta, state))
        for one, two in zip(*found, strict=True):
            np.testing.assert_array_equal(one, two)
