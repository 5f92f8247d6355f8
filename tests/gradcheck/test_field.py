"""Mistakes of the field: found and named, and their right counterparts never accused."""

from __future__ import annotations

import numpy as np
import pytest
from field_cases import CASES
from field_right import CASES as RIGHT
from test_gallery import judged

from chainrule.gradcheck import check_gradients
from chainrule.gradcheck.verdicts import WRONG

SEEDS = range(10)


def check(case, rng, wrong):
    J, broken, right, p = case.make(rng)
    settings = {"progress": False, **case.settings}
    if "X" in p:
        settings["X"] = p["X"]
        p = {name: value for name, value in p.items() if name != "X"}
    report = check_gradients(J, broken if wrong else right, p, **settings)
    truth = {
        name: np.asarray(g, float)
        for name, g in right(p).items()
        if not np.iscomplexobj(g) and np.ndim(g)
    }
    return report, truth


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
@pytest.mark.parametrize("seed", SEEDS)
def test_mistake_of_the_field_is_found_and_named(case, seed):
    report, truth = check(case, np.random.default_rng(seed), wrong=True)
    judged(report, truth)
    assert report.verdict == "wrong", str(report)
    assert report.diagnoses, str(report)
    assert report.diagnoses[0].bug == case.bug, str(report)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
@pytest.mark.parametrize("seed", SEEDS)
def test_right_counterpart_is_right(case, seed):
    report, _ = check(case, np.random.default_rng(seed), wrong=False)
    assert report.count(WRONG) == 0, str(report)
    assert report.ok, str(report)


@pytest.mark.parametrize("case", RIGHT, ids=lambda c: c.id)
@pytest.mark.parametrize("seed", SEEDS)
def test_right_gradient_of_the_field_is_not_accused(case, seed):
    J, gradient, p = case.make(np.random.default_rng(seed))
    report = check_gradients(J, gradient, p, progress=False)
    assert report.count(WRONG) == 0, str(report)
    assert report.verdict != "wrong", str(report)
    assert report.ok or not case.decided, str(report)
    assert case.note in " ".join(report.notes), str(report)
