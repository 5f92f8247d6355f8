"""The report in words: plain text, and with rich on a terminal."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from .report_record import ReportRecord
from .verdicts import RIGHT, UNCHECKED, UNDECIDABLE, WORDS, WRONG, Checked

MARKS = ("ok", "WRONG", "?", "-")


def headline(report: ReportRecord) -> str:
    """Return the verdict in one sentence."""
    counts = {v: report.count(v) for v in range(4)}
    total = sum(counts[v] for v in (RIGHT, WRONG, UNDECIDABLE))
    sentence = {
        "right": f"RIGHT: all {total} entries checked are right",
        "wrong": f"WRONG: {counts[WRONG]} of {total} entries",
        "undecidable": f"UNDECIDABLE: {counts[UNDECIDABLE]} of {total} entries"
        if total
        else "UNDECIDABLE: no entry was checked",
    }[report.verdict]
    if report.stopped and not counts[UNDECIDABLE] and report.verdict == "undecidable":
        sentence = f"UNDECIDED: {counts[RIGHT]} entries are right, and the check did not end"
    if report.verdict == "wrong" and counts[UNDECIDABLE]:
        sentence += f"; {counts[UNDECIDABLE]} undecidable"
    if counts[UNCHECKED] and total:
        sentence += f" ({counts[UNCHECKED]} not checked)"
    return sentence


def lines_before(report: ReportRecord) -> list[str]:
    """Return what stands above the table: verdict, where, why, how to mend it."""
    lines = [f"{report.subject}: {headline(report)}"]
    if report.stopped:
        lines.append(f"stopped {report.stopped}: the report is partial")
    if report.where:
        lines.append(f"where   {report.where}")
    for rank, d in enumerate(report.diagnoses[:3]):
        word = "why" if rank == 0 else "or"
        lines.append(f"{word:<7} {d.sentence}")
        if d.formula:
            lines.append(f"{'':<7} as it should be: {d.formula}")
    if report.verdict == "wrong" and not report.diagnoses:
        lines.append("why     no known mistake explains it: compare the numbers below")
    return lines


def lines_after(report: ReportRecord) -> list[str]:
    """Return what stands below the table: layers, kinks, second opinion, how it was done."""
    lines = [
        f"{part.name}: {WORDS[part.verdict]}{'; ' + part.sentence if part.sentence else ''}"
        for part in report.parts
    ]
    if report.kinks_met:
        lines.append(f"kinks   {report.kinks_met} met, and passed by where that was possible:")
        lines += [f"        {kink}" for kink in report.kinks]
    orders = ", ".join("-" if np.isnan(order) else f"{order:.2f}" for order in report.taylor)
    if orders:
        lines.append(f"Taylor  order {orders} (2 if the gradient is right, 1 if it is wrong)")
    lines += [f"note    {note}" for note in report.notes]
    lines.append(
        f"J = {report.J:.6g}, {report.method}, {report.evaluations} evaluations, "
        f"{report.seconds:.2f} s, tolerance {report.tolerance:.1g}"
    )
    return lines


def row(t: Checked) -> tuple[str, ...]:
    """Return one array's row: name, shape, counts, worst error and its entry."""
    counts = [str(t.count(v)) if t.count(v) else "" for v in (RIGHT, WRONG, UNDECIDABLE)]
    worst = t.worst(1)
    if not worst:
        return (t.name, _shape(t), *counts, "", "", "", "")
    i = worst[0]
    place = "" if t.analytic.ndim == 0 else str([int(k) for k in np.unravel_index(i, t.shape)])
    return (
        t.name,
        _shape(t),
        *counts,
        f"{t.error.flat[i]:.1e}",
        place,
        f"{t.analytic.flat[i]:.8g}",
        f"{t.numeric.flat[i]:.8g} ± {t.bar.flat[i]:.0e}",
    )


def _shape(t: Checked) -> str:
    return "×".join(map(str, t.shape)) or "1"


HEAD = ("", "shape", "right", "wrong", "?", "worst error", "at", "gradient", "numerical")


def reasons(report: ReportRecord) -> list[str]:
    """Return why entries are undecidable, the first few."""
    lines = []
    for t in report.tensors:
        for i, reason in sorted(t.reasons.items())[:3]:
            if t.verdict.flat[i] == UNDECIDABLE:
                place = [int(k) for k in np.unravel_index(i, t.shape)]
                lines.append(f"{t.name}{place} undecidable: {reason}")
    return lines[:6]


def text(report: ReportRecord) -> str:
    """Return the report as plain text."""
    rows = [HEAD, *(row(t) for t in report.tensors)]
    widths = [max(len(r[k]) for r in rows) for k in range(len(HEAD))]
    table = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows]
    return "\n".join(
        [*lines_before(report), "", *table, "", *reasons(report), *lines_after(report)]
    )


STYLES = {"right": "bold green", "wrong": "bold red", "undecidable": "bold yellow"}


def rich_report(report: ReportRecord) -> Any:
    """Return the report for rich's console."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    before = lines_before(report)
    table = Table(*HEAD, box=None, pad_edge=False, header_style="dim")
    for t in report.tensors:
        style = "red" if t.count(WRONG) else "yellow" if t.count(UNDECIDABLE) else ""
        table.add_row(*row(t), style=style)
    return Group(
        Text(before[0], style=STYLES[report.verdict]),
        *(Text(line) for line in before[1:]),
        Text(""),
        table,
        Text(""),
        *(Text(line, style="yellow") for line in reasons(report)),
        *(Text(line, style="dim") for line in lines_after(report)),
    )


def printed(report: ReportRecord, colour: bool) -> str:
    """Return the report as rich prints it, or plainly."""
    if not colour:
        return text(report)
    from rich.console import Console

    stream = io.StringIO()
    Console(file=stream, force_terminal=True, width=120).print(rich_report(report))
    return stream.getvalue()
