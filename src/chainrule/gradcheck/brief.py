"""A failed check in ten lines: the worst entry, both numbers, the bar, why, and the seed."""

from __future__ import annotations

import numpy as np

from .report import Report
from .verdicts import RIGHT, UNDECIDABLE, WRONG

LINES = 10


def brief(report: Report, seed: int | None = None) -> str:
    """Return at most ten lines on a report: the verdict first, the numbers, one sentence why."""
    lines = [str(report).splitlines()[0]]
    if report.where:
        lines.append(f"where   {report.where}")
    lines += _worst(report)
    if report.diagnoses:
        lines.append(f"why     {report.diagnoses[0]}")
    bad = [part for part in report.parts if part.verdict == WRONG]
    lines += [f"failed  {part.name}: {part.sentence}".rstrip(": ") for part in bad[:3]]
    if len(bad) > 3:
        lines.append(f"        and {len(bad) - 3} more lines failed")
    passed = sum(part.verdict == RIGHT for part in report.parts)
    if report.parts:
        lines.append(f"passed  {passed} of {len(report.parts)} lines")
    lines += [f"note    {note}" for note in report.notes]
    lines = lines[: LINES - (seed is not None)]
    if seed is not None:
        lines.append(f"seed    {seed}")
    return "\n".join(lines)


def _worst(report: Report) -> list[str]:
    """The worst entry of the worst array, both numbers and the bar."""
    for verdict in (WRONG, UNDECIDABLE):
        for t in report.tensors:
            if not t.count(verdict):
                continue
            i = t.worst(1)[0]
            place = [int(k) for k in np.unravel_index(i, t.shape)]
            line = (
                f"worst   {t.name}{place}: gradient {t.analytic.flat[i]:.8g}, "
                f"should be {t.numeric.flat[i]:.8g} ± {t.bar.flat[i]:.0e}"
            )
            known = np.isfinite(t.numeric.flat[i])
            reason = t.reasons.get(i, t.reasons.get(0, ""))
            return [line if known else f"worst   {t.name}: {reason}"]
    return []


def annotation(path: str, line: int, text: str) -> str:
    """Return an error as GitHub's workflow command, which shows it beside the line.

    >>> annotation("test_ops.py", 3, "wrong\\nby 50 %")
    '::error file=test_ops.py,line=3,title=gradcheck::wrong%0Aby 50 %25'
    """
    message = text.replace("%", "%25").replace("\r", "").replace("\n", "%0A")
    return f"::error file={path},line={line},title=gradcheck::{message}"
