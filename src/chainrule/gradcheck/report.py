"""The report of a check: the verdict on every entry, where it is wrong, and why."""

from __future__ import annotations

import json
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class ReportPage:
    """A report as HTML: an element for a notebook, and a whole document."""

    element: str
    document: str

    def _repr_html_(self) -> str:
        return self.element

    def __str__(self) -> str:
        return self.document

    def save(self, path: str | Path) -> None:
        """Write the document."""
        Path(path).write_text(self.document, encoding="utf-8")


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

    def page(self) -> ReportPage:
        """Return the report as a page: gradient, numerical value and ours side by side.

        Wrong entries are marked; the diagnosis stands above, the curve of the error over the step
        below. A notebook displays it; ``page().save("report.html")`` writes it.
        """
        return ReportPage(page(self), document(self))

    def save(self, path: str | Path) -> None:
        """Write the report as an HTML page."""
        self.page().save(path)

    def to_dict(self, entries: bool = False) -> dict[str, Any]:
        """Return the report as plain JSON values; ``entries``: with both numbers of every entry."""
        return plain_values(self, entries)

    def to_json(self, entries: bool = False) -> str:
        """Return the report as JSON text."""
        return json.dumps(self.to_dict(entries), indent=2, allow_nan=False)


__all__ = ["Diagnosis", "GradientError", "Part", "Report"]
