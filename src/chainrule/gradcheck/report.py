"""The report of a check: the verdict on every entry, where it is wrong, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .html import document, page
from .render import rich_report, text
from .render_json import plain_values
from .report_record import Diagnosis, Part, ReportRecord
from .verdicts import WORDS, WRONG


class GradientError(AssertionError):
    """A gradient is wrong, or undecidable where that is not allowed; ``report`` says more."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


class Report(ReportRecord):
    """The report of a check. ``str(report)`` is its text; a notebook shows it as a page.

    ``ok``, ``verdict`` and ``exit_code`` judge the whole; ``report["W1"]`` is one array with both
    numbers, bars and verdicts; ``where`` and ``diagnoses`` say where it is wrong and why.
    """

    __slots__ = ()

    def raise_if_wrong(self) -> Report:
        """Raise ``GradientError``, whose message is the report, if an entry is wrong."""
        if self.verdict == WORDS[WRONG]:
            raise GradientError(self)
        return self

    def __str__(self) -> str:
        return text(self)

    def __repr__(self) -> str:
        return f"<Report on {self.subject}: {self.verdict}>"

    def _repr_html_(self) -> str:
        return page(self)

    def __rich__(self) -> Any:
        return rich_report(self)

    def print(self) -> None:
        """Print the report, in colour on a terminal if rich is installed."""
        try:
            from rich.console import Console
        except ImportError:
            print(self)
            return
        Console().print(self)

    def save(self, path: str | Path) -> None:
        """Write the report as an HTML page."""
        Path(path).write_text(document(self), encoding="utf-8")

    def to_dict(self, entries: bool = False) -> dict[str, Any]:
        """Return the report as plain JSON values; ``entries``: with both numbers of every entry."""
        return plain_values(self, entries)

    def to_json(self, entries: bool = False) -> str:
        """Return the report as JSON text."""
        return json.dumps(self.to_dict(entries), indent=2, allow_nan=False)


__all__ = ["Diagnosis", "GradientError", "Part", "Report"]
