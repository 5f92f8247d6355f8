"""The report as plain values for JSON: NaN and infinity become null."""

from __future__ import annotations

from typing import Any

import numpy as np

from .report_record import ReportRecord
from .verdicts import WORDS, Checked


def plain_values(report: ReportRecord, entries: bool = False) -> dict[str, Any]:
    """Return the report as plain JSON values; ``entries``: with both numbers of every entry."""
    return {
        "subject": report.subject,
        "verdict": report.verdict,
        "J": _number(report.J),
        "entries": {WORDS[v]: report.count(v) for v in range(4)},
        "where": report.where,
        "diagnoses": [
            {"bug": d.bug, "place": d.place, "sentence": d.sentence, "formula": d.formula}
            for d in report.diagnoses
        ],
        "layers": [
            {"name": p.name, "verdict": WORDS[p.verdict], "sentence": p.sentence}
            for p in report.parts
        ],
        "tensors": [_tensor(t, entries) for t in report.tensors],
        "kinks": {"met": report.kinks_met, "examples": list(report.kinks)},
        "taylor_order": [_number(order) for order in report.taylor],
        "noise": _number(report.noise),
        "tolerance": report.tolerance,
        "method": report.method,
        "evaluations": report.evaluations,
        "seconds": round(report.seconds, 4),
        "stopped": report.stopped,
        "notes": list(report.notes),
    }


def _number(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None


def _tensor(t: Checked, entries: bool) -> dict[str, Any]:
    values: dict[str, Any] = {
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
            values[name] = [_number(x) for x in array.ravel()]
        values["verdict"] = [WORDS[v] for v in t.verdict.ravel()]
    return values
