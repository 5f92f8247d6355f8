"""The gallery: every broken backward is found, placed, explained; no right one is ever accused."""

from __future__ import annotations

import numpy as np
import pytest
from awkward import AWKWARD
from broken import BROKEN
from broken_norms import BROKEN_NORMS, RIGHT_NORMS, back, normal
from broken_terms import BROKEN_TERMS, RIGHT_TERMS

from chainrule.gradcheck.patterns.entries import from_patterns
from chainrule.gradcheck.patterns.evidence import Evidence
from chainrule.gradcheck.verdicts import RIGHT, WRONG, Checked

try:
    from broken_torch import BROKEN_TORCH
except ImportError:
    BROKEN_TORCH = []

SEEDS = range(20)
ALL = [*BROKEN, *BROKEN_NORMS, *BROKEN_TERMS, *BROKEN_TORCH]


def test_the_gallery_is_as_large_as_promised():
    pytest.importorskip("torch", reason="the torch part of the gallery needs torch")
    assert len(ALL) >= 60
    assert len(AWKWARD) >= 60
    assert {case.form for case in ALL} == {"layer", "notes", "nielsen", "terms", "torch"}


def judged(report, truths):
    """No right entry is called wrong, and no wrong one right; judged by the right gradient."""
    for name, truth in truths.items():
        t = report[name]
        size = np.maximum(np.abs(truth), np.abs(t.analytic))
        scale = np.maximum(size, 1e-3 * size.max()) + 1e-300
        off = np.abs(t.analytic - truth) / scale
        assert not np.any((off < 1e-9) & (t.verdict == WRONG)), name
        assert not np.any((off > 1e-4) & (t.verdict == RIGHT)), name


def vacuous(truths, report):
    """Whether the mistake makes no difference here, as where all units of a layer are dead."""
    return bool(truths) and all(
        np.allclose(report[name].analytic, truth, rtol=1e-12, atol=1e-15)
        for name, truth in truths.items()
    )


@pytest.mark.parametrize("case", ALL, ids=lambda c: c.id)
def test_broken(case):
    explained = tried = 0
    for seed in SEEDS:
        report, truths = case.run(seed)
        judged(report, truths)
        if vacuous(truths, report):
            continue
        tried += 1
        assert report.verdict == "wrong", (seed, str(report))
        assert (case.where or f"layer {case.layer}") in report.where, (seed, str(report))
        explained += bool(report.diagnoses) and report.diagnoses[0].bug == case.bug
    # The issue asks for 90 % over the whole gallery; each case by itself must reach it here.
    assert explained >= 0.9 * tried
    assert tried >= 10


@pytest.mark.parametrize("case", [*AWKWARD, *RIGHT_NORMS, *RIGHT_TERMS], ids=lambda c: c.id)
def test_right_but_awkward(case):
    awkward(case)


@pytest.mark.parametrize(
    "case", [c for c in AWKWARD if c.id.startswith("net-")], ids=lambda c: c.id
)
@pytest.mark.parametrize("way", ["numpy"], indirect=True)
def test_right_but_awkward_networks_without_the_core(case, way):
    awkward(case)


def awkward(case):
    decided = 0
    for seed in SEEDS:
        report = case.run(seed)
        assert report.count(WRONG) == 0, (seed, str(report))
        assert report.verdict != "wrong", (seed, str(report))
        decided += report.ok
    if case.decided:
        assert decided >= 0.9 * len(SEEDS)


@pytest.mark.parametrize("case", [*BROKEN, *BROKEN_TORCH], ids=lambda c: c.id)
def test_patterns_without_the_network_name_no_other_mistake(case):
    """The patterns for normalisations, slopes, masks and rows fit no other mistake by chance."""
    theirs = {c.bug for c in (*BROKEN_NORMS, *BROKEN_TERMS)} - {case.bug}
    # With squared errors and a sigmoid the two are one: a - y is da, without f'.
    theirs -= {"f' missing"} if case.bug.startswith("a - y") else set()
    for seed in range(5):
        report, _ = case.run(seed, find_network=lambda subject: None)
        assert not any(d.certain for d in report.diagnoses)
        named = {d.bug for d in report.diagnoses} & theirs
        assert not named, (seed, str(report))


@pytest.mark.parametrize(
    "case", [c for c in BROKEN_NORMS if c.bug.startswith("normalisation")], ids=lambda c: c.id
)
def test_a_normalisation_is_placed_where_it_stands(case):
    """The error of W tells of z, with the axis; that of the argument of itself."""
    said = case.run(3)[0].diagnoses[0].sentence
    layer = "layer" in case.note
    if case.where == "W1":
        assert f"z = X W1 is normalised over the {'units' if layer else 'samples'}" in said
    elif case.note != "rms":
        assert "x is normalised" in said
        assert ("layer norm" in said) == (layer or "vector" in case.note)
    assert "missing from" in said


@pytest.mark.parametrize("shape", [(3, 2), (4, 4), (8, 3), (3, 8), (6,), (12,), (2, 3, 4)])
@pytest.mark.parametrize("axis", [0, -1])
def test_noise_is_no_pattern(shape, axis):
    """A normalisation's right gradient with noise on it: no formula is made responsible."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        x, dxh = rng.normal(size=shape), rng.normal(size=shape)
        xh, sigma = normal(x, axis)
        n = back(dxh, xh, sigma, axis)
        size = float(rng.choice([1e-3, 0.1, 1, 10]))
        a = n + size * rng.normal(size=shape) * rng.integers(0, 2, shape)
        verdict = np.where(np.abs(a - n) > 1e-9, WRONG, RIGHT).astype(np.int8)
        t = Checked("x", a, n, np.full(shape, 1e-12), verdict, parameter=x)
        # Whole rows that happen to be right are a fact; all else would be a claim.
        X = rng.normal(size=(5, shape[0]))
        found = [d for d in from_patterns(Evidence([t], 5, X)) if d.bug != "whole rows"]
        assert not found or verdict.sum() < 2, found
