"""All cases of the gallery: the open ones and those kept apart from the diagnoses' author."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from gallery.record import Case

FIELDS = (
    "attention", "broadcasting", "calls", "field", "gather", "jacobians", "jax_rules",
    "linear_algebra", "losses", "norms", "numbers", "objectives", "probability", "recurrent",
    "spectra", "two_layer",
)  # fmt: skip


def cases_of(package: str, files: Iterator[str]) -> list[Case]:
    """Return the cases of these files; a file whose framework is not installed has none."""
    cases: list[Case] = []
    for name in files:
        try:
            cases += import_module(f"{package}.{name}").gallery.cases
        except pytest.skip.Exception:
            continue
    return cases


def open_cases() -> list[Case]:
    return cases_of("gallery", iter(FIELDS))


def kept_cases() -> list[Case]:
    folder = Path(__file__).parent / "kept"
    files = sorted(path.stem for path in folder.glob("[a-z]*.py"))
    return cases_of("gallery.kept", iter(files))
