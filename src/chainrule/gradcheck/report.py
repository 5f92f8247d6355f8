"""The report of a check: the verdict on every entry, where it is wrong, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .verdicts import RIGHT, UNCHECKED, UNDECIDABLE, WORDS, WRONG, Checked


class GradientError(AssertionError):
    """A gradient is wrong (or cannot be decided on, where that was not allowed); carries the
    report."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One explanation of what is wrong: the bug, where it is, how well it fits, and the mend.

    ``formula`` is as it should be, in the names of whoever wrote the gradient; ``certain`` says
    that
    a gradient worked out with this bug on purpose equals the one that was checked.
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


@dataclass(slots=True)
class Report:
    """What a check found. ``str(report)`` is its text; a notebook shows it as a page.

    ``tensors``: one ``Checked`` for each array of parameters. ``where``: the first wrong layer
    going
    backwards, "" if none. ``diagnoses``: the most likely first.
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
    directions: Sequence[str] = ()
    # J with one entry of one array moved: (name, flat index, by) -> J.
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

    def raise_if_wrong(self) -> Report:
        """Raise ``GradientError``, whose message is the report, if an entry is wrong."""
        if self.verdict == WORDS[WRONG]:
            raise GradientError(self)
        return self

    def __getitem__(self, name: str) -> Checked:
        found = next((t for t in self.tensors if t.name == name), None)
        if found is None:
            known = ", ".join(t.name for t in self.tensors)
            raise KeyError(f"the report has no {name!r}: it has {known}")
        return found

    def curve(self, name: str, index: int) -> list[tuple[float, float]]:
        """Return (step, central difference) of one entry for steps from 1e-1 to 1e-12.

        Its distance from the right derivative is a V: truncation falls, then rounding rises.
        """
        if self.probe is None:
            return []
        found = []
        for k in range(1, 25):
            h = 10.0 ** (-k / 2)
            above, below = self.probe(name, index, h), self.probe(name, index, -h)
            found.append((h, (above - below) / (2 * h)))
        return found

    def __str__(self) -> str:
        from .render import text

        return text(self)

    def __repr__(self) -> str:
        return f"<Report on {self.subject}: {self.verdict}>"

    def _repr_html_(self) -> str:
        from .html import page

        return page(self)

    def __rich__(self) -> Any:
        from .render import rich_report

        return rich_report(self)

    def print(self) -> None:
        """Print the report, in colour on a terminal if rich is installed."""
        try:
            from rich.console import Console
        except ImportError:
            print(self)
            return
        Console().print(self)

    def save(self, path: Any) -> None:
        """Write the report as an HTML page."""
        from pathlib import Path

        from .html import document

        Path(path).write_text(document(self), encoding="utf-8")

    def to_dict(self, entries: bool = False) -> dict[str, Any]:
        """Return the report as plain JSON values; ``entries``: with both numbers of every entry."""
        return {
            "subject": self.subject,
            "verdict": self.verdict,
            "J": _number(self.J),
            "entries": {WORDS[v]: self.count(v) for v in range(4)},
            "where": self.where,
            "diagnoses": [
                {"bug": d.bug, "place": d.place, "sentence": d.sentence, "formula": d.formula}
                for d in self.diagnoses
            ],
            "layers": [
                {"name": p.name, "verdict": WORDS[p.verdict], "sentence": p.sentence}
                for p in self.parts
            ],
            "tensors": [_tensor(t, entries) for t in self.tensors],
            "kinks": {"met": self.kinks_met, "examples": list(self.kinks)},
            "taylor_order": [_number(order) for order in self.taylor],
            "directions": list(self.directions),
            "noise": _number(self.noise),
            "tolerance": self.tolerance,
            "method": self.method,
            "evaluations": self.evaluations,
            "seconds": round(self.seconds, 4),
            "stopped": self.stopped,
            "notes": list(self.notes),
        }

    def to_json(self, entries: bool = False) -> str:
        """Return the report as JSON text."""
        import json

        return json.dumps(self.to_dict(entries), indent=2, allow_nan=False)


def _number(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None


def _tensor(t: Checked, entries: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": t.name,
        "shape": list(t.shape),
        "entries": {WORDS[v]: t.count(v) for v in range(4)},
        "worst": [
            {
                "index": [int(k) for k in np.unravel_index(i, t.shape)],
                "gradient": _number(t.analytic.flat[i]),
                "numeric": _number(t.numeric.flat[i]),
                "bar": _number(t.bar.flat[i]),
                "verdict": WORDS[t.verdict.flat[i]],
                "reason": t.reasons.get(i, ""),
            }
            for i in t.worst()
        ],
    }
    if entries:
        for name, array in (("gradient", t.analytic), ("numeric", t.numeric), ("bar", t.bar)):
            found[name] = [_number(x) for x in array.ravel()]
        found["verdict"] = [WORDS[v] for v in t.verdict.ravel()]
    return found


__all__ = ["UNCHECKED", "Diagnosis", "GradientError", "Part", "Report"]
