"""The gallery of public bugs: never a wrong one called right, nor a right one wrong; the place."""

from __future__ import annotations

from collections import Counter

import pytest
from gallery.catalogue import kept_cases, open_cases
from gallery.record import judge

pytestmark = pytest.mark.filterwarnings("ignore")
OPEN, KEPT = open_cases(), kept_cases()
ALL = [*OPEN, *KEPT]


def check(cases, seeds, undecidable=0.03):
    """Judge the cases; return how many wrong ones were checked, and how many were named."""
    faults, counts = [], Counter()
    for case in cases:
        for seed in seeds:
            found = judge(case, case.run(seed))
            counts["checks"] += 1
            counts["undecidable"] += found.verdict == "undecidable" and (
                case.decided or not case.right
            )
            bad = found.verdict == ("wrong" if case.right else "right")
            if bad or (found.verdict == "wrong" and not found.place):
                faults.append((case.name, seed, found.verdict))
            if not case.right:
                counts["wrong"] += 1
                counts["named"] += found.named
    assert faults == []
    assert counts["undecidable"] <= undecidable * counts["checks"] + 1
    return counts


def test_gallery_is_as_large_as_promised():
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    assert sum(not case.right for case in ALL) >= 150
    assert sum(case.right for case in ALL) >= 100
    assert all("#" in case.link and "/" in case.link for case in ALL)
    assert len({case.name for case in ALL}) == len(ALL)


@pytest.mark.parametrize("field", sorted({case.field for case in ALL}))
def test_field_of_the_gallery_is_judged_rightly(field):
    """Every fourth case, with one seed."""
    check([case for case in ALL if case.field == field][::4], [0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cases", "named", "undecidable"), [(OPEN, 0.8, 0.03), (KEPT, 0.5, 0.1)], ids=["open", "kept"]
)
def test_whole_gallery_is_judged_rightly_and_named(cases, named, undecidable):
    counts = check(cases, [1], undecidable)
    assert counts["named"] >= named * counts["wrong"]
