"""The gallery: every broken backward is found, placed and explained; no right one is ever accused."""

from __future__ import annotations

import numpy as np
import pytest
from broken import BROKEN

from chainrule.gradcheck.verdicts import RIGHT, WRONG

SEEDS = range(20)


def judged(report, truths):
    """No entry that is right is called wrong, and none that is wrong right; by the right gradient."""
    for name, truth in truths.items():
        t = report[name]
        scale = np.maximum(np.maximum(np.abs(truth), np.abs(t.analytic)), 1e-3 * np.abs(truth).max())
        off = np.abs(t.analytic - truth) / scale
        assert not np.any((off < 1e-9) & (t.verdict == WRONG)), name
        assert not np.any((off > 1e-4) & (t.verdict == RIGHT)), name


@pytest.mark.parametrize("case", BROKEN, ids=lambda c: c.id)
def test_broken(case):
    missed = []
    for seed in SEEDS:
        report, truths = case.run(seed)
        assert report.verdict == "wrong", (seed, str(report))
        judged(report, truths)
        first = report.diagnoses[0] if report.diagnoses else None
        if first is None or first.bug != case.bug:
            missed.append((seed, first.bug if first else None))
        assert f"layer {case.layer}" in report.where, (seed, report.where, str(report))
    assert not missed, missed
