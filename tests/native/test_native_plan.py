"""Which way runs and layers go through the core: each pinned for each width of register."""

from __future__ import annotations

from typing import Any

import pytest
from native_problems import problem

native = pytest.importorskip("chainrule.engines.native", reason="the core is not built")

# Bytes of a register, and the registers of a panel of columns.
REGISTERS = {"x86-64-v4": (64, 4), "x86-64-v3": (32, 2), "x86-64-v2": (16, 2), "portable": (16, 2)}
REGISTERS = {isa: REGISTERS[isa] for isa in native.available_isas()}


def plan(
    sizes: list[int], batch: int, threads: int = 1, *, train: bool = True, **kinds: Any
) -> Any:
    """Return the schedule, and (forward, backward, gradient, update) of each layer."""
    p = problem(sizes, m=3, optimizer="gradient_descent", **kinds)
    schedule, *layers = native.plan(p, batch, threads, train=train)
    return schedule.removeprefix("schedule "), [
        tuple(part.split(" ", 1)[1] for part in line.split(": ")[1].split(", ")) for line in layers
    ]


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_plan_of_a_small_network_and_one_sample_stays_in_registers(isa: str, threads: int) -> None:
    schedule, layers = plan([2, 2, 1], 1, threads, output="sigmoid", cost="logistic")
    assert schedule == "single_sample"
    assert layers == [
        ("registers", "none", "registers", "registers"),
        ("registers", "registers", "registers", "registers"),
    ]


@pytest.mark.parametrize(
    "kinds",
    [
        {"l2": 0.1},
        {"dropout": [0.0, 0.5]},
        {"clip_value": 1.0},
        {"clip_norm": 1.0},
        {"hidden": "softmax"},
    ],
    ids=str,
)
def test_plan_of_one_sample_with_more_to_do_is_the_general_one(isa: str, kinds: Any) -> None:
    schedule, layers = plan([2, 2, 1], 1, **kinds)
    clips = "clip_value" in kinds or "clip_norm" in kinds
    assert schedule == ("slices" if clips else "fused")
    assert {layer[3] for layer in layers} == {"whole" if clips else "tile"}


@pytest.mark.parametrize("threads", [1, 2])
def test_plan_of_few_parameters_and_many_rows_goes_by_parts(isa: str, threads: int) -> None:
    schedule, layers = plan([4, 32, 16, 4], 10000, threads)
    assert schedule == "parts"
    width, registers = REGISTERS[isa]
    lanes = width // 8
    wide = 32 > registers * lanes
    assert layers[0] == ("rows", "none", "panels" if wide else "across", "parts")
    assert layers[2][:2] == ("few_units" if lanes >= 4 else "rows", "product")
    if lanes == 8:
        assert layers[1][2] == "across_with_bias"
    assert {layer[1] for layer in layers} == {"none", "product"}  # none wide, none by columns
    assert {layer[3] for layer in layers} == {"parts"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2])
def test_plan_of_the_digits_network(isa: str, dtype: str, threads: int) -> None:
    width, registers = REGISTERS[isa]
    lanes = width // (4 if dtype == "float32" else 8)
    schedule, layers = plan([784, 128, 10], 32, threads, dtype=dtype)
    assert schedule == "fused"
    forward = "rows" if threads == 1 else "panels"  # 128 is wider than any panel
    assert layers[0] == (forward, "none", "panels", "tile")
    wide = registers * lanes < 10
    backward = "wide" if wide else "product"
    gradient = "panels" if wide else "along" if lanes > 10 else "across"
    shared = "" if threads == 1 else "_by_units"
    assert layers[1] == ("rows", backward + shared, gradient, "tile")


@pytest.mark.parametrize(("batch", "schedule"), [(8, "small_batch"), (9, "fused")])
def test_plan_of_wide_layers_and_few_rows_is_one_pass(isa: str, batch: int, schedule: str) -> None:
    hidden = ["relu", "softmax", "tanh"]
    planned, layers = plan([100, 512, 512, 512, 1], batch, 2, hidden=hidden)
    assert planned == schedule
    one_pass = "one_pass" if batch <= 8 else "tile"
    assert layers == [
        ("panels", "none", "panels", "tile"),
        ("rows", "wide_by_units", "panels", one_pass),  # a softmax's z needs whole rows
        ("panels", "wide", "panels", "tile"),  # and so does its dz
        ("few_units", "product_by_units", "along", "tile"),
    ]


def test_plan_of_clipping_waits_for_the_whole_gradient(isa: str) -> None:
    for batch in (4, 2000):
        schedule, layers = plan([100, 512, 512, 10], batch, clip_norm=1.0)
        assert schedule == "slices"
        assert {layer[3] for layer in layers} == {"whole"}
    assert plan([4, 32, 16, 4], 10000, clip_norm=1.0)[0] == "parts"


def test_plan_of_an_evaluation_steps_nothing(isa: str) -> None:
    schedule, layers = plan([100, 512, 10], 50, train=False)
    assert schedule == "slices"
    assert {layer[3] for layer in layers} == {"none"}
    assert layers[1][1] != "none"  # there is a gradient


def test_plan_of_a_step_by_slices_where_parameters_fill_the_cache(isa: str) -> None:
    assert plan([100, 512, 512, 10], 1024)[0] == "fused"
    assert plan([100, 512, 512, 10], 1025)[0] == "slices"


def test_plan_takes_no_batch_of_nothing() -> None:
    p = problem([2, 2, 1], m=3)
    with pytest.raises(ValueError, match="batch size must be at least 1"):
        native.plan(p, 0)
    with pytest.raises(ValueError, match="threads must be from 1 to 1024"):
        native.plan(p, 1, 1025)
