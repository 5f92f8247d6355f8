"""The native engine as a part of a team: sums over rows of a batch, and a step from a gradient."""

from __future__ import annotations

import numpy as np
import pytest
from native_problems import (
    TOLERANCE,
    batches,
    distance,
    outputs_of,
    problem,
    reference,
    trained,
)

from chainrule.mathematics.costs import COSTS
from chainrule.mathematics.optimizers import OPTIMIZERS

native = pytest.importorskip("chainrule.engines.native", reason="the core is not built")


DTYPES = ["float64", "float32"]
SHAPES = [
    ("relu", [3, 1]),
    ("softmax", [6, 19, 3]),
    ("gelu", [40, 300, 260, 2]),
    ("relu", [40, 300, 260, 2]),
]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("hidden", "sizes"), SHAPES)
@pytest.mark.parametrize("step", [None, 77])
def test_sums_are_those_of_the_reference(
    isa: str, hidden: str, sizes: list[int], dtype: str, threads: int, step: int | None
) -> None:
    """Any rows, some twice, at any places of a batch: dropout's masks are of the place."""
    p = problem(
        sizes, hidden, dtype=dtype, m=900, weights=True, dropout=[0.2] + [0.4] * (len(sizes) - 2),
        l1=0.3, l2=0.4, threads=threads,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    for count in (1, 17, 800):
        rows = rng.integers(0, 900, count)
        places = rng.permutation(10**6)[:count]
        found, wanted = (np.full_like(p.network.theta, np.nan) for _ in range(2))
        J = reference.sums(p, p.network.theta, rows, places, step, wanted)
        found_J = native.sums(p, p.network.theta, rows, places, step, found)
        assert found_J == pytest.approx(J, rel=3 * TOLERANCE[dtype])
        assert distance(found, wanted) <= 3 * TOLERANCE[dtype]


@pytest.mark.parametrize("cost", [*COSTS])
def test_sums_of_every_cost(isa: str, cost: str) -> None:
    for output in outputs_of(cost):
        p = problem([4, 9, 3], "tanh", output, cost, m=50)
        rows = np.arange(3, 40)
        found, wanted = (np.empty_like(p.network.theta) for _ in range(2))
        J = reference.sums(p, p.network.theta, rows, rows, None, wanted)
        assert native.sums(p, p.network.theta, rows, rows, None, found) == pytest.approx(J)
        assert distance(found, wanted) <= 3e-12


def test_sums_of_parts_add_up_to_the_whole(isa: str) -> None:
    p = problem([6, 19, 3], dropout=0.3, m=200, weights=True)
    order, whole, part = np.arange(200), *(np.empty_like(problem([6, 19, 3]).network.theta),) * 2
    J = native.sums(p, p.network.theta, order, order, 5, whole)
    whole, added, total = whole.copy(), 0, 0.0
    for rows in np.array_split(np.random.default_rng(0).permutation(200), 7):
        total += native.sums(p, p.network.theta, rows, rows, 5, part)
        added = added + part
    assert total == pytest.approx(J, rel=1e-13)
    assert distance(added, whole) <= 1e-13


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", [*OPTIMIZERS])
@pytest.mark.parametrize("clip", [(None, None), (0.05, 0.3)])
def test_a_step_from_a_gradient_is_that_of_the_reference(
    isa: str, optimizer: str, dtype: str, threads: int, clip: tuple[float | None, float | None]
) -> None:
    p = problem(
        [6, 40, 3], optimizer=optimizer, dtype=dtype, l1=1e-2, l2=1e-1, threads=threads,
        clip_value=clip[0], clip_norm=clip[1],
    )  # fmt: skip
    rng = np.random.default_rng(2)
    ends = []
    for engine in (reference, native):
        theta, squares = p.network.theta.copy(), []
        state = p.optimizer.init(theta)
        rng = np.random.default_rng(2)
        for number in range(5):
            g = rng.normal(size=theta.size).astype(dtype)
            squares.append(engine.step(p, theta, state, g, 1e-2, number))
        ends.append((theta, state, squares))
    for wanted, found in zip(*ends, strict=True):
        assert distance(found, wanted) <= 5 * TOLERANCE[dtype]
    assert distance(ends[1][0], p.network.theta) > 1e-4


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS])
def test_sums_and_steps_are_a_run(isa: str, optimizer: str) -> None:
    p = problem([6, 19, 3], optimizer=optimizer, dropout=0.2, l2=0.1, m=50, weights=True)
    _, squares, theta, state = trained(reference, p, 50, 4)
    mine, slots = p.network.theta.copy(), p.optimizer.init(theta)
    order = batches(50, 50, 4)
    for s in range(4):
        rows, g = order[50 * s : 50 * s + 50], np.empty_like(mine)
        native.sums(p, mine, rows, np.arange(50), s, g)
        g /= p.weights[rows].sum()
        found = native.step(p, mine, slots, g, 1e-2 / (1 + 0.01 * s), s)
        assert distance(found, squares[s]) <= 1e-11
    assert distance(mine, theta) <= 1e-11
    assert distance(slots, state) <= 1e-11


@pytest.mark.parametrize("engine", [reference, native])
def test_a_step_from_a_gradient_that_is_not_finite_changes_nothing(engine: object) -> None:
    p = problem([6, 19, 3])
    theta, g = p.network.theta.copy(), np.zeros_like(p.network.theta)
    state = p.optimizer.init(theta)
    g[-1] = np.inf
    squares = engine.step(p, theta, state, g, 1e-2, 0)  # type: ignore[attr-defined]
    assert np.isfinite(squares).tolist() == [True, False]
    assert (theta == p.network.theta).all()
    assert not state.any()


def test_wrong_arguments() -> None:
    p = problem([3, 4, 2], m=9)
    theta, g, rows = p.network.theta, np.empty_like(p.network.theta), np.arange(4)
    with pytest.raises(ValueError, match="places must have 4 entries, not 3"):
        native.sums(p, theta, rows, rows[:3].copy(), 0, g)
    with pytest.raises(ValueError, match="0 or above"):
        native.sums(p, theta, rows, -rows, 0, g)
    with pytest.raises(ValueError, match=r"order\[3\] = 9"):
        native.sums(p, theta, rows * 3, rows, 0, g)
    with pytest.raises(ValueError, match="dtheta must have"):
        native.sums(p, theta, rows, rows, 0, g[1:])
    with pytest.raises(ValueError, match="gradient must have"):
        native.step(p, theta.copy(), p.optimizer.init(theta), g[1:].copy(), 0.1, 0)
    with pytest.raises(ValueError, match="state must have"):
        native.step(p, theta.copy(), p.optimizer.init(theta)[1:], g, 0.1, 0)
    with pytest.raises(ValueError, match="step must be 0"):
        native.step(p, theta.copy(), p.optimizer.init(theta), g, 0.1, -1)
