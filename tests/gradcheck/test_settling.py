"""How one entry is settled: which steps are tried, and what two estimates tell together."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.gradcheck.differences import Estimate
from chainrule.gradcheck.strategies.settling import combined, further


def estimate(value: float, bar: float, kinked: bool = False) -> Estimate:
    return Estimate(np.array([value]), np.array([bar]), np.array([kinked]), np.array([bar]))


def test_further_without_a_kink_tries_short_steps_and_then_long_ones() -> None:
    steps = [k for k, _ in further(lambda k: estimate(1.0, 1.0), False)]
    short = [k for k in steps if k < 1]
    assert steps[: len(short)] == sorted(short, reverse=True)
    assert [k for k in steps if k > 1] == steps[len(short) :]
    assert steps[-1] > 1


@pytest.mark.parametrize("kinked_at", [1.0, 2.0**-12])
def test_further_after_a_kink_leaves_out_long_steps(kinked_at: float) -> None:
    """A kink met by the first step (1) or on the way rules out longer steps."""
    estimates = further(lambda k: estimate(1.0, 1.0, k == kinked_at), kinked_at == 1.0)
    assert all(k < 1 for k, _ in estimates)


def test_combined_where_bars_meet_takes_the_shorter_bar() -> None:
    assert combined(estimate(1.0, 0.5), estimate(1.2, 0.1), shorter=False).value[0] == 1.2
    assert combined(estimate(1.0, 0.1), estimate(1.2, 0.5), shorter=True).value[0] == 1.0


def test_combined_where_bars_are_apart_takes_the_shorter_step() -> None:
    old, new = estimate(1.0, 0.1), estimate(2.0, 0.5)
    assert combined(old, new, shorter=True).value[0] == 2.0
    assert combined(old, new, shorter=False).value[0] == 1.0
