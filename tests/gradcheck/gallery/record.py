"""A case of the gallery, the register of a field, and the judgement of a report on a case."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import numpy as np

from chainrule.gradcheck.verdicts import WRONG

Make = Callable[[np.random.Generator], Any]


@dataclass(frozen=True)
class Case:
    """One gradient after a public thread: ``make(rng)`` checks it and returns the report.

    ``place``: what the report must name, separated by commas: arrays, which must then be the only
    wrong ones unless a + follows, or lines and layers. ``says``: a pattern that the explanation
    must hold.
    ``decided``: whether a right one must be called right, and not only not wrong.
    """

    name: str
    field: str
    link: str
    right: bool
    make: Make
    place: str = ""
    says: str = ""
    decided: bool = True

    def run(self, seed: int) -> Any:
        # A stream of its own for each case: the checks draw from the stream of the bare seed.
        return self.make(np.random.default_rng([seed, crc32(self.name.encode())]))


@dataclass(frozen=True)
class Gallery:
    """The register of one field: ``wrong`` and ``right`` decorate the functions that check."""

    field: str
    cases: list[Case] = field(default_factory=list)

    def wrong(self, link: str, place: str, says: str) -> Callable[[Make], Make]:
        def register(make: Make) -> Make:
            self.add(Case(make.__name__, self.field, link, False, make, place, says))
            return make

        return register

    def right(self, link: str, says: str = "", decided: bool = True) -> Callable[[Make], Make]:
        def register(make: Make) -> Make:
            self.add(Case(make.__name__, self.field, link, True, make, "", says, decided))
            return make

        return register

    def add(self, case: Case) -> None:
        assert case.name not in {c.name for c in self.cases}, case.name
        self.cases.append(case)


@dataclass(frozen=True)
class Judgement:
    """What a report says of a case, and whether place and mistake are those of the case."""

    verdict: str
    place: bool
    named: bool
    sentences: tuple[str, ...]


def sentences_of(report: Any) -> tuple[str, ...]:
    """Return the explanations that a report gives: the diagnoses, then the lines that failed."""
    failed = [f"{p.name}: {p.sentence}" for p in report.parts if p.verdict == WRONG]
    return (*(d.sentence for d in report.diagnoses), *failed)


def judge(case: Case, report: Any) -> Judgement:
    """Judge a report by what the case says of itself."""
    said = sentences_of(report)
    wrong = {t.name for t in report.tensors if t.count(WRONG)}
    arrays = {t.name for t in report.tensors}
    text = "\n".join((report.where, *said, *sorted(wrong)))
    wanted = [p.strip() for p in case.place.removesuffix("+").split(",") if p.strip()]
    place = all(p in wrong if p in arrays else p in text for p in wanted)
    if wanted and set(wanted) <= arrays and not case.place.endswith("+"):
        place = place and wrong == set(wanted)
    explained = "\n".join((*said, *report.notes))
    named = re.search(case.says, explained, re.IGNORECASE) is not None
    return Judgement(report.verdict, place, named, said)
