"""Reading a table to train on: its rows, and the columns that stand beside them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .columns import Column, Columns, columns, require
from .reading import Read, ReadOptions, read_all
from .recipe import Say
from .settings import Choices
from .word_orders import orders_of, with_orders


@dataclass(frozen=True, slots=True)
class TrainingTable:
    """The rows of a file, with the target among them, and the columns that options name.

    ``order``: of ``--latest``; ``group`` and ``weight``: of these options, and not among ``rows``.
    ``styles``: in which columns are written in the file, for later tables.
    """

    rows: Columns
    source: str
    order: Column | None
    group: Column | None
    weight: Column | None
    styles: Mapping[str, str]


def read_to_train(
    path: str | os.PathLike[str] | Sequence[str], target: str, choices: Choices, say: Say
) -> TrainingTable:
    """Read one file, or several with the same columns, to train on.

    Raises ValueError, in one sentence, for a file that cannot be read and a column that is not
    there.
    """
    paths = [os.fspath(one) for one in ([path] if isinstance(path, str | os.PathLike) else path)]
    table = read_all(paths, read_options(choices))
    for note in table.notes:
        say(note)
    names = table.table.column_names
    for name in (target, *choices.category, *choices.number):
        require(names, name, paths[0])
    if target in choices.drop:
        raise ValueError(f"the target {target!r} is also given to --drop: leave one of them out")
    aside = {name for name in (choices.group, choices.weight) if name and name != target}
    rows = columns(table.table, choices.drop, table.rows).converted(
        choices.category, choices.number
    )
    rows = with_orders(rows, orders_of(choices.order))
    return TrainingTable(
        rows.without(name for name in aside if name in rows),
        Path(paths[0]).name,
        _other(table, target, choices.latest, "--latest", paths[0]),
        _other(table, target, choices.group, "--group", paths[0]),
        _other(table, target, choices.weight, "--weight", paths[0]),
        table.styles,
    )


def read_options(choices: Choices) -> ReadOptions:
    """Return how choices want a file to be read."""
    words = (*choices.category, *orders_of(choices.order))
    kinds = dict.fromkeys(words, "text") | dict.fromkeys(choices.number, "number")
    return ReadOptions(kinds=kinds, missing=choices.missing, encoding=choices.encoding)


def _other(table: Read, target: str, name: str | None, option: str, path: str) -> Column | None:
    """Return the column that an option names beside the target, if it names one."""
    if name is None:
        return None
    require(table.table.column_names, name, path)
    if name == target:
        raise ValueError(f"{option} is the target {target!r} itself: name another column")
    return columns(table.table.select([name]), rows=table.rows)[name]
