"""Output: sentences to standard error, results to standard output, as a table or as JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

MOST_CLASSES_SHOWN = 12


def common(command: F) -> F:
    """Add the options that every verb has."""
    for option in (
        click.option("--debug", is_flag=True, help="Show a traceback if something fails."),
        click.option("--quiet", "-q", is_flag=True, help="Say nothing but results and errors."),
        click.option("--json", "as_json", is_flag=True, help="Give the results as JSON."),
    ):
        command = option(command)
    return command


def colour() -> bool | None:
    """Return False where colour is not wanted, None to let the terminal decide."""
    return False if os.environ.get("NO_COLOR") else None


# Longer sentences are cut: they quote a value, or list very many.
MOST_CHARACTERS = 1000


def printable(sentence: str) -> str:
    """Return a sentence for a terminal: cut where it is long, control characters written out.

    >>> printable("red \\x1b[31m")
    'red \\\\x1b[31m'
    """
    if len(sentence) > MOST_CHARACTERS:
        sentence = sentence[:MOST_CHARACTERS] + "..."
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in sentence)


class Voice:
    """Says sentences on standard error, and keeps them for the JSON result."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.messages: list[str] = []

    def __call__(self, sentence: str) -> None:
        """Say a sentence."""
        sentence = printable(sentence)
        self.messages.append(sentence)
        if not self.quiet:
            click.echo(sentence, err=True, color=colour())


def print_json(value: Any) -> None:
    """Print a result as JSON; a number that is not finite becomes null."""
    from ..files.json_values import finite

    click.echo(json.dumps(finite(value), ensure_ascii=False, indent=2, allow_nan=False))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: drawn by rich on a terminal, else in plain columns."""
    if sys.stdout.isatty():
        _draw_table(header, rows)
        return
    lines = [list(header), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        first, *rest = (
            (word.rjust if i else word.ljust)(width)
            for i, (word, width) in enumerate(zip(line, widths, strict=True))
        )
        click.echo("  ".join([first, *rest]).rstrip())


def _draw_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for place, word in enumerate(header):
        table.add_column(Text(word), justify="right" if place else "left", no_wrap=place == 0)
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def spelt(value: float | None) -> str:
    """Write a score with four significant figures, as 0.9650, 56.84 and 32 330.

    >>> spelt(0.965), spelt(56.84), spelt(32329.7)
    ('0.9650', '56.84', '32 330')
    """
    if value is None:
        return "-"
    if abs(value) < 10:
        return f"{value:.4f}"
    if abs(value) >= 1e12:
        return f"{value:.4g}"
    if abs(value) < 10_000:
        return f"{value:#.4g}".rstrip(".")
    return f"{float(f'{value:.4g}'):,.0f}".replace(",", " ")


def spelt_error(error: float) -> str:
    """Write a standard error with two significant figures.

    >>> spelt_error(0.0279), spelt_error(1234.5), spelt_error(56789)
    ('0.028', '1200', '57 000')
    """
    rounded = float(f"{error:.2g}")
    if rounded < 10:
        return f"{rounded:.2g}"
    return f"{rounded:,.0f}".replace(",", " ") if rounded >= 10_000 else f"{rounded:.0f}"


def print_scores(
    scores: dict[str, Any],
    which: str = "",
    baseline: dict[str, Any] | None = None,
    words: str = "",
    errors: Mapping[str, float] | None = None,
) -> None:
    """Print the scores of ``which`` rows, beside those of always saying the same if there are.

    ``errors``: the standard error of each score.
    """
    from ..training.metrics import SCORES

    count = f"{scores['rows']} row{'s' * (scores['rows'] != 1)}"
    header = ["", f"{count} {which}".strip()] + ([words] if baseline else [])
    rows = [
        [score.label, _with_error(scores[name], (errors or {}).get(name))]
        + ([spelt(baseline[name])] if baseline else [])
        for name, score in SCORES.items()
        if name in scores
    ]
    print_table(header, rows)


def _with_error(value: float | None, error: float | None) -> str:
    return spelt(value) if error is None else f"{spelt(value)} ± {spelt_error(error)}"


def print_confusion(classes: Sequence[str], counts: Sequence[Sequence[int]]) -> None:
    """Print how often each class was taken for each, if there are not too many."""
    if len(classes) > MOST_CLASSES_SHOWN:
        return
    click.echo()
    header = ["true \\ predicted", *classes]
    print_table(header, [[name, *map(str, row)] for name, row in zip(classes, counts, strict=True)])
