"""The record of a check: what its renderers read, and the verdict on the whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..architecture import Architecture
from .verdicts import RIGHT, UNCHECKED, UNDECIDABLE, WORDS, WRONG, Checked


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One explanation of what is wrong: the bug, where it is, how well it fits, and the mend.

    ``formula`` is the right one, in the names of the code that was checked. ``certain``: a gradient
    computed with this mistake made on purpose equals the one that was checked.
    """

    bug: str
    place: str
    sentence: str
    formula: str
    certain: bool = True
    layer: int | None = None

    def __str__(self) -> str:
        return f"{self.sentence} {self.formula}".strip()


@dataclass(frozen=True, slots=True)
class Part:
    """One layer's backward by itself, given the right dJ/da of its output."""

    name: str
    verdict: int
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of layers that was found in what was checked, and the names of each W and b there."""

    architecture: Architecture
    names: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class ReportRecord:
    """The results of a check: arrays with their verdicts, the place, the diagnoses, the method.

    ``tensors``: one ``Checked`` for each array of parameters. ``where``: the first wrong layer
    going backwards, "" if none. ``diagnoses``: the most likely first. ``chain``: the layers, where
    something is wrong and they are known.
    """

    subject: str
    J: float
    tensors: Sequence[Checked]
    parts: Sequence[Part] = ()
    where: str = ""
    diagnoses: Sequence[Diagnosis] = ()
    kinks: Sequence[str] = ()
    kinks_met: int = 0
    taylor: tuple[float, ...] = ()
    noise: float = 0.0
    tolerance: float = 1e-5
    method: str = "central differences"
    evaluations: int = 0
    seconds: float = 0.0
    stopped: str = ""
    notes: Sequence[str] = ()
    chain: Chain | None = None
    # J with one entry of one array moved by a step: (name, flat index, step) -> J.
    probe: Callable[[str, int, float], float] | None = field(default=None, repr=False)

    def count(self, verdict: int) -> int:
        """How many entries have this verdict."""
        return sum(t.count(verdict) for t in self.tensors)

    @property
    def verdict(self) -> str:
        """``"right"``, ``"wrong"`` or ``"undecidable"``: of the whole."""
        if self.count(WRONG) or any(part.verdict == WRONG for part in self.parts):
            return WORDS[WRONG]
        partial = bool(self.stopped) and self.count(UNCHECKED) > 0
        if self.count(UNDECIDABLE) or partial or not self.count(RIGHT):
            return WORDS[UNDECIDABLE]
        return WORDS[RIGHT]

    @property
    def ok(self) -> bool:
        """Whether every entry that was checked is right."""
        return self.verdict == WORDS[RIGHT]

    @property
    def exit_code(self) -> int:
        """0 right, 1 wrong, 4 undecidable: that of ``chainrule check``."""
        return {WORDS[RIGHT]: 0, WORDS[WRONG]: 1}.get(self.verdict, 4)

    def __getitem__(self, name: str) -> Checked:
        for t in self.tensors:
            if t.name == name:
                return t
        names = ", ".join(t.name for t in self.tensors)
        raise KeyError(f"the report has no {name!r}: it has {names}")

    def curve(self, name: str, index: int) -> list[tuple[float, float]]:
        """Return (step, central difference) of one entry for steps from 1e-1 to 1e-12.

        Its distance from the right derivative is a V: truncation falls, then rounding rises.
        """
        if self.probe is None:
            return []
        steps = [10.0 ** (-k / 2) for k in range(1, 25)]
        return [
            (h, (self.probe(name, index, h) - self.probe(name, index, -h)) / (2 * h)) for h in steps
        ]
