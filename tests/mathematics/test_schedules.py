"""Learning-rate schedules against torch where it has the same one, and numbers worked by hand."""

import math
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.mathematics.schedules import (
    SCHEDULES,
    Schedule,
    cosine,
    coslog4,
    exponential,
    flat_cosine,
    one_cycle,
    plateau,
    resolve_schedule,
    step,
    warm_up,
)

every = pytest.mark.parametrize("name", SCHEDULES)


def course(schedule: Schedule, steps: int) -> list[float]:
    state = schedule.init()
    return [schedule.factor(i, steps, state) for i in range(steps)]


def close(values: list[float]) -> Any:
    return pytest.approx(values, rel=1e-12, abs=1e-15)


def test_by_hand() -> None:
    assert course(SCHEDULES["constant"](), 3) == [1, 1, 1]
    assert course(step(0.5, 0.5), 6) == [1, 1, 1, 0.5, 0.5, 0.5]
    # 1/3 of 7 is 2.33, rounded up to 3
    assert course(step(), 7) == close([1, 1, 1, 0.1, 0.1, 0.1, 0.01])
    assert course(exponential(1 / 16), 4) == close([1, 1 / 2, 1 / 4, 1 / 8])
    half = math.sqrt(0.5)
    assert course(cosine(), 4) == close([1, (1 + half) / 2, 0.5, (1 - half) / 2])
    assert course(cosine(0.5), 2) == close([1, 0.75])
    assert course(warm_up(0.5), 8) == close([0.25, 0.5, 0.75, 1, 1, 1, 1, 1])
    # peak at 0.5 * 6 - 1 = 2, end at 5: thirds of a half cosine are 1, 3/4, 1/4, 0
    assert course(one_cycle(0.5, 0.2, 0.0), 6) == close([0.2, 0.6, 1, 0.75, 0.25, 0])


def test_flat_cosine_by_hand() -> None:
    # 1 up to the middle; then thirds of a half cosine are 1, 3/4, 1/4.
    assert course(flat_cosine(), 6) == close([1, 1, 1, 1, 0.75, 0.25])
    assert course(flat_cosine(0.25, 0.5), 4) == close([1, 1, 0.875, 0.625])
    assert course(flat_cosine(0.0), 4) == course(cosine(), 4)
    assert flat_cosine().factor(6, 6, ()) == pytest.approx(0.0, abs=1e-15)


def test_coslog4_by_hand() -> None:
    # log2(1 + 15 t) is 0, 1, 2, 3, 4 at t = 0, 1/15, 3/15, 7/15, 15/15: the factor is 0 there.
    factor = coslog4().factor
    for step_, value in ((0, 0), (1, 0), (3, 0), (7, 0), (15, 0), (99, 0)):
        assert factor(step_, 15, ()) == pytest.approx(value, abs=1e-12)
    # A quarter of a cycle: log2(1 + 15 t) = k + 1/4 or k + 3/4 has 1/2, and k + 1/2 has 1.
    for k in range(4):
        for part, value in ((0.25, 0.5), (0.5, 1.0), (0.75, 0.5)):
            share = (2 ** (k + part) - 1) / 15
            assert factor(round(share * 10**12), 10**12, ()) == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 30, 70, 100, 300, 1000])
def test_steps_fall_at_equal_shares(steps: int) -> None:
    for parts in (1, 2, 3, 5, 10):
        values = course(step(1 / parts, 0.1), steps)
        period = -(-steps // parts)
        assert values == close([0.1 ** (i // period) for i in range(steps)])
        assert values[-1] >= 0.1 ** (parts - 1) * (1 - 1e-12)


def against(name: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
    return name, arguments


@pytest.mark.parametrize("steps", [2, 10, 37, 200])
def test_as_in_torch(steps: int) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    rising = math.ceil(0.25 * steps)
    cases = [
        (step(0.25, 0.3), against("StepLR", step_size=rising, gamma=0.3)),
        (exponential(0.02), against("ExponentialLR", gamma=0.02 ** (1 / steps))),
        (cosine(), against("CosineAnnealingLR", T_max=steps)),
        (cosine(0.1), against("CosineAnnealingLR", T_max=steps, eta_min=0.1)),
    ]
    if rising > 1:
        linear = against("LinearLR", start_factor=1 / rising, total_iters=rising - 1)
        cases.append((warm_up(0.25), linear))
    if 0.3 * steps > 1:
        cycle = against("OneCycleLR", max_lr=1.0, total_steps=steps, final_div_factor=400.0)
        cases.append((one_cycle(), cycle))
    for ours, (theirs, arguments) in cases:
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0, momentum=0.9)
        oracle = getattr(torch.optim.lr_scheduler, theirs)(optimizer, **arguments)
        expected = []
        for _ in range(steps):
            expected.append(oracle.get_last_lr()[0])
            optimizer.step()
            oracle.step() if len(expected) < steps else None
        assert course(ours, steps) == pytest.approx(expected, rel=1e-10, abs=1e-15), theirs


@every
@given(steps=st.integers(0, 400), at=st.integers(0, 500))
def test_every_factor_is_a_float_from_0_to_1(name: str, steps: int, at: int) -> None:
    schedule = resolve_schedule(name)
    factor = schedule.factor(at, steps, schedule.init())
    assert type(factor) is float
    assert 0 <= factor <= 1


@given(st.integers(1, 300), st.floats(0.01, 1), st.floats(0.01, 1))
def test_those_that_fall_never_rise(steps: int, share: float, final: float) -> None:
    for schedule in (step(share, final), exponential(final), cosine(final)):
        values = [schedule.factor(i, steps, ()) for i in range(steps + 5)]
        assert values[0] == pytest.approx(1, rel=1e-15)
        assert all(a >= b for a, b in pairwise(values))


@given(st.integers(1, 300), st.floats(0, 1))
def test_warm_up_rises_to_one_in_its_share_of_the_run(steps: int, share: float) -> None:
    values = course(warm_up(share), steps)
    assert all(a <= b for a, b in pairwise(values))
    assert values[0] > 0
    assert values[-1] == 1
    assert sum(value < 1 for value in values) <= share * steps


@given(st.integers(1, 300), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_one_cycle_is_one_hill(steps: int, share: float, start: float, final: float) -> None:
    values = course(one_cycle(share, start, final), steps)
    top = max(range(steps), key=values.__getitem__)
    slack = 1e-12
    assert all(a <= b + slack for a, b in pairwise(values[: top + 1]))
    assert all(a + slack >= b for a, b in pairwise(values[top:]))
    assert min(start, final) - slack <= min(values)
    assert max(values) <= 1 + slack


@pytest.mark.parametrize("steps", [4, 50, 1000])
def test_ends(steps: int) -> None:
    for final in (0.01, 0.5):
        # The plan's end is one step after the last, so that no step is lost to a factor of 0.
        for schedule in (exponential(final), cosine(final)):
            assert schedule.factor(steps, steps, ()) == pytest.approx(final, rel=1e-12)
            assert schedule.factor(3 * steps, steps, ()) == pytest.approx(final, rel=1e-12)
        cycle = course(one_cycle(0.5, 0.04, final), steps)
        assert cycle[0] == pytest.approx(0.04, rel=1e-12)
        assert cycle[-1] == pytest.approx(final, rel=1e-12)
        assert cycle[steps // 2 - 1] == pytest.approx(1, rel=1e-12)
    assert cosine().factor(steps - 1, steps, ()) > 0


def run(schedule: Schedule, costs: list[float]) -> list[float]:
    state, factors = schedule.init(), []
    for cost in costs:
        state = schedule.observe(state, cost)
        factors.append(schedule.factor(0, 1, state))
    return factors


def test_plateau_by_hand() -> None:
    # patience 2: the third epoch in a row without a new best halves; the count then starts again
    costs = [5, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3]
    factors = [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]
    assert run(plateau(0.5, 2), costs) == factors
    # patience 0: at once
    assert run(plateau(0.1, 0), [1, 1, 0.5, 0.5]) == close([1, 0.1, 0.1, 0.01])
    # threshold 0.1: 0.95 is no new best after 1, 0.89 is
    assert run(plateau(0.5, 0, 0.1), [1, 0.95, 0.89]) == [1, 0.5, 0.5]
    # a negative cost has to fall by the threshold too: -1.05 is no new best after -1, -1.2 is
    assert run(plateau(0.5, 0, 0.1), [-1, -1.05, -1.2]) == [1, 0.5, 0.5]
    # what is not a number is not a new best
    assert run(plateau(0.5, 0), [math.nan, 1, math.inf]) == [0.5, 0.5, 0.25]


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=60),
    st.integers(0, 5),
    st.sampled_from([0.0, 1e-4, 0.2]),
)
def test_plateau_as_in_torch(costs: list[float], patience: int, threshold: float) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    oracle = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=patience, threshold=threshold, eps=0.0
    )
    expected = []
    for cost in costs:
        oracle.step(cost)
        expected.append(optimizer.param_groups[0]["lr"])
    assert run(plateau(0.5, patience, threshold), costs) == expected


@every
def test_only_plateau_remembers(name: str) -> None:
    schedule = resolve_schedule(name)
    state = schedule.init()
    assert isinstance(state, tuple)
    if name == "plateau":
        assert state == (math.inf, 0.0, 1.0)
        assert schedule.observe(state, 3.0) == (3.0, 0.0, 1.0)
    else:
        assert state == ()
        assert schedule.observe(state, 3.0) == ()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("step(0)", "step: every must be above 0 and at most 1, not 0.0"),
        ("step(0.5, 2)", "step: factor must be above 0 and at most 1, not 2.0"),
        ("exponential(0)", "exponential: final must be above 0 and at most 1, not 0.0"),
        ("cosine(-0.1)", "cosine: final must be from 0 to 1, not -0.1"),
        ("warm_up(1.1)", "warm_up: fraction must be from 0 to 1, not 1.1"),
        ("one_cycle(2)", "one_cycle: warm_up must be from 0 to 1, not 2.0"),
        ("one_cycle(0.3, -1)", "one_cycle: start must be from 0 to 1, not -1.0"),
        ("one_cycle(0.3, 0.1, 7)", "one_cycle: final must be from 0 to 1, not 7.0"),
        ("plateau(1)", "plateau: factor must be above 0 and below 1, not 1.0"),
        ("plateau(0.5, 1.5)", "plateau: patience must be a whole number, 0 or above, not 1.5"),
        ("plateau(0.5, -1)", "plateau: patience must be a whole number, 0 or above, not -1.0"),
        ("plateau(0.5, 1, 1)", "plateau: threshold must be at least 0 and below 1, not 1.0"),
        ("constant(1)", "schedule 'constant' takes no numbers, but 'constant(1)' gives 1"),
        ("cosin", "unknown schedule 'cosin', did you mean 'cosine'?"),
    ],
)
def test_a_bad_setting_is_one_sentence(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        resolve_schedule(spec)


def test_resolve_reads_numbers_and_keeps_records() -> None:
    own = cosine(0.2)
    assert resolve_schedule(own) is own
    assert resolve_schedule("plateau(0.1, 3)").settings == {
        "factor": 0.1,
        "patience": 3.0,
        "threshold": 1e-4,
    }


@every
def test_the_record_is_complete(name: str) -> None:
    schedule = resolve_schedule(name)
    assert schedule.name == name
    assert schedule.formula
    assert schedule.source or name == "constant"
    assert SCHEDULES[name](**schedule.settings).settings == schedule.settings
