"""Seeing both passes: the chain rule expanded, the illustration, the page.

The package has another name than its function ``explain``, so that ``cr.explain`` is always
the function.
"""

from __future__ import annotations

from .expansion import Expansion, expand
from .factors import Factor
from .gradient_flow import Finding, findings
from .illustration import Illustration, illustrate
from .notes_page import notes_page
from .page import Page, explain
from .unit_layout import Names

__all__ = [
    "Expansion",
    "Factor",
    "Finding",
    "Illustration",
    "Names",
    "Page",
    "expand",
    "explain",
    "findings",
    "illustrate",
    "notes_page",
]
