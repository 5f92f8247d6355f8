"""The native engine against the reference engine: every table entry, dtype, instruction set."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_problems import (
    TOLERANCE,
    distance,
    gradient,
    outputs_of,
    problem,
    reference,
    trained,
)
from oracles.cases import ORDER

from chainrule.mathematics.costs import COSTS
from chainrule.mathematics.optimizers import OPTIMIZERS

native = pytest.importorskip("chainrule.engines.native", reason="the core is not built")

DTYPES = ("float64", "float32")
ISAS = native.available_isas()
DRIFT = {"float64": 1e-10, "float32": 2e-3}  # what 50 steps may make of rounding


@cache
def expected(hidden: str, output: str, cost: str, optimizer: str, dtype: str) -> Any:
    p = problem([5, 7, 4, 3], hidden, output, cost, optimizer, dtype)
    return gradient(reference, p), trained(reference, p, 10, 6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cost", COSTS)
def test_every_activation_cost_and_optimizer(isa: str, dtype: str, cost: str) -> None:
    outputs = outputs_of(cost)
    for number, (hidden, optimizer) in enumerate(itertools.product(ORDER, OPTIMIZERS)):
        output = outputs[number % len(outputs)]
        (J, dtheta), run = expected(hidden, output, cost, optimizer, dtype)
        for threads in (1, 2, 3):
            p = problem([5, 7, 4, 3], hidden, output, cost, optimizer, dtype, threads=threads)
            where = f"{hidden} {output} {cost} {optimizer} {threads}"
            if threads == 1:
                found_J, found = gradient(native, p)
                assert distance(found, dtheta) <= TOLERANCE[dtype], where
                assert found_J == pytest.approx(J, rel=10 * TOLERANCE[dtype]), where
            for name, got, wanted in zip(
                ("J", "squares", "theta", "state"), trained(native, p, 10, 6), run, strict=True
            ):
                assert distance(got, wanted) <= DRIFT[dtype], f"{name} {where}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cost", COSTS)
def test_one_sample_at_a_time(isa: str, dtype: str, cost: str) -> None:
    """Networks of few units and batches of one have a path of their own."""
    outputs = outputs_of(cost)
    for number, (hidden, optimizer) in enumerate(itertools.product(ORDER, OPTIMIZERS)):
        output = outputs[number % len(outputs)]
        sizes = [[2, 2, 2], [5, 3], [9, 4, 2, 2]][number % 3]
        p = problem(sizes, hidden, output, cost, optimizer, dtype, m=9, weights=number % 2 == 0)
        found, wanted = trained(native, p, 1, 20), trained(reference, p, 1, 20)
        for got, want in zip(found, wanted, strict=True):
            assert distance(got, want) <= DRIFT[dtype], f"{sizes} {hidden} {output} {optimizer}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("clip", [{}, {"clip_value": 0.02, "clip_norm": 0.05}, {"clip_norm": 0.1}])
def test_fifty_steps_with_everything(isa: str, dtype: str, optimizer: str, clip: Any) -> None:
    p = problem(
        [6, 40, 33, 3],
        ["softmax", "gelu"],
        "softmax",
        "cross_entropy(0.1)",
        optimizer,
        dtype,
        m=95,
        weights=True,
        dropout=[0.1, 0.2, 0.3],
        l1=1e-3,
        l2=1e-2,
        **clip,
    )
    for got, wanted in zip(trained(native, p, 16, 50), trained(reference, p, 16, 50), strict=True):
        assert distance(got, wanted) <= DRIFT[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 300), min_size=2, max_size=4),
    m=st.integers(1, 300),
    hidden=st.sampled_from(["tanh", "gelu", "silu", "softmax", "sigmoid"]),
    weights=st.booleans(),
    which=st.integers(0, len(ISAS) - 1),
    threads=st.integers(1, 3),
)
def test_gradients_of_any_shape(
    dtype: str, sizes: list[int], m: int, hidden: str, weights: bool, which: int, threads: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAINRULE_ISA", ISAS[which])
        p = problem(sizes, hidden, dtype=dtype, m=m, weights=weights, threads=threads)
        J, dtheta = gradient(reference, p)
        found_J, found = gradient(native, p)
    assert distance(found, dtheta) <= TOLERANCE[dtype]
    assert found_J == pytest.approx(J, rel=TOLERANCE[dtype], abs=1e-30)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 70), min_size=2, max_size=4),
    m=st.integers(1, 80),
    batch=st.integers(1, 90),
    optimizer=st.sampled_from(list(OPTIMIZERS)),
    rate=st.sampled_from([0.0, 0.3]),
)
def test_steps_of_any_shape(
    dtype: str, sizes: list[int], m: int, batch: int, optimizer: str, rate: float
) -> None:
    p = problem(sizes, "gelu", dtype=dtype, m=m, optimizer=optimizer, dropout=rate, threads=2)
    found, wanted = trained(native, p, batch, 4), trained(reference, p, batch, 4)
    for got, want in zip(found[2:], wanted[2:], strict=True):
        assert distance(got, want) <= (1e-9 if dtype == "float64" else 1e-2)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 300), min_size=2, max_size=5),
    batch=st.integers(1, 18),
    hidden=st.lists(st.sampled_from(["tanh", "relu", "gelu", "softmax", "identity"]), min_size=4),
    optimizer=st.sampled_from(list(OPTIMIZERS)),
    rate=st.sampled_from([0.0, 0.3]),
    penalty=st.sampled_from([0.0, 1e-2]),
    which=st.integers(0, len(ISAS) - 1),
    threads=st.integers(1, 4),
)
def test_steps_of_few_samples_through_wide_layers(
    dtype: str,
    sizes: list[int],
    batch: int,
    hidden: list[str],
    optimizer: str,
    rate: float,
    penalty: float,
    which: int,
    threads: int,
) -> None:
    """There backward and update are one pass over W, which must be had before its step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAINRULE_ISA", ISAS[which])
        p = problem(
            sizes,
            hidden[: len(sizes) - 2],
            dtype=dtype,
            m=3 * batch + 1,  # the last batch of an epoch is shorter
            optimizer=optimizer,
            weights=penalty > 0,
            dropout=rate,
            l1=penalty,
            l2=penalty,
            threads=threads,
        )
        found, wanted = trained(native, p, batch, 3), trained(reference, p, batch, 3)
    for got, want in zip(found[2:], wanted[2:], strict=True):
        assert distance(got, want) <= (1e-9 if dtype == "float64" else 1e-2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", [1, 700, 3000])
@pytest.mark.parametrize("sizes", [[3, 1], [4, 32, 16, 4], [40, 300, 260, 2]])
def test_whole_data_at_once(isa: str, dtype: str, m: int, sizes: list[int]) -> None:
    """Several slices, shared by parts or by the team, with a last one that is short."""
    p = problem(sizes, "tanh", dtype=dtype, m=m, weights=True, l2=1e-2, threads=2)
    J, dtheta = gradient(reference, p)
    found_J, found = gradient(native, p)
    assert distance(found, dtheta) <= 3 * TOLERANCE[dtype]
    assert found_J == pytest.approx(J, rel=TOLERANCE[dtype])
    for got, want in zip(trained(native, p, m, 3), trained(reference, p, m, 3), strict=True):
        assert distance(got, want) <= DRIFT[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradient_of_rows(isa: str, dtype: str) -> None:
    p = problem([5, 20, 3], m=50, dtype=dtype)
    rows = np.array([3, 3, 49, 0, 17], np.int64)
    part = problem([5, 20, 3], m=50, dtype=dtype)
    object.__setattr__(part, "X", p.X[rows])
    object.__setattr__(part, "Y", p.Y[rows])
    J, wanted = gradient(reference, part)
    found = np.empty_like(p.network.theta)
    assert native.gradient(p, p.network.theta, found, rows) == pytest.approx(J)
    assert distance(found, wanted) <= TOLERANCE[dtype]
    assert native.gradient(p, p.network.theta, None, rows) == pytest.approx(J)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("last", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("width", [15, 16, 19, 64, 70, 130])
def test_last_layers_of_few_units(isa: str, dtype: str, last: int, width: int) -> None:
    """Their outputs are dot products, some rows to a register: 37 rows leave part of one."""
    for output, cost in (("identity", "squared_error"), ("relu", "absolute_error")):
        p = problem([6, width, last], "relu", output, cost, dtype=dtype, m=37, threads=2)
        wanted_J, wanted = gradient(reference, p)
        J, found = gradient(native, p)
        assert pytest.approx(wanted_J, rel=10 * TOLERANCE[dtype]) == J
        assert distance(found, wanted) <= TOLERANCE[dtype]
        for got, want in zip(trained(native, p, 11, 8), trained(reference, p, 11, 8), strict=True):
            assert distance(got, want) <= DRIFT[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", [13, 40])
def test_weights_that_no_cache_keeps(dtype: str, batch: int) -> None:
    """Long panels by pieces, and few of them at a time on the way back; one thread and three."""
    ends = []
    for engine, threads in ((reference, 1), (native, 1), (native, 3)):
        p = problem([1100, 2100, 1050, 3], dtype=dtype, m=batch, threads=threads)
        ends.append((*gradient(engine, p), *trained(engine, p, batch, 2)))
    for number, (wanted, one, three) in enumerate(zip(*ends, strict=True)):
        bound = TOLERANCE[dtype] if number < 2 else DRIFT[dtype]
        assert distance(np.asarray(one), np.asarray(wanted)) <= bound
        assert np.array_equal(one, three)
