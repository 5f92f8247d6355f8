"""The files that a verb writes: none that is read, and no other one without --force."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

# The column of predictions; each class's probability is in a column named PROBABILITY + class.
PREDICTION, PROBABILITY = "prediction", "probability_"
# The columns of the bounds of an interval.
LOWER, UPPER = "lower", "upper"

F = TypeVar("F", bound=Callable[..., Any])

force_option: Final[Callable[[F], F]] = click.option(
    "--force", is_flag=True, help="Overwrite a file that is not of chainrule."
)


def check_output(
    option: str, output: str, inputs: Iterable[str], ours: Callable[[Path], bool], force: bool
) -> None:
    """Find out before any work whether a file can be written, and would cost no other.

    ``ours`` says of an existing file whether chainrule wrote it. Raises ValueError, naming the
    ``option``, for a file that is read, for an existing one that is not ours without ``force``,
    and for a folder that cannot be written to.
    """
    from ..files.atomic import check_writable

    path = Path(output)
    for source in inputs:
        if same_file(path, Path(source)):
            raise ValueError(f"{option} {output} is one of the files to read: name another file")
    check_writable(output)
    if path.is_file() and path.stat().st_size and not force and not ours(path):
        raise ValueError(
            f"{option} {output} exists and is no file of chainrule's: name another file, or "
            "overwrite it with --force"
        )


def same_file(one: Path, other: Path) -> bool:
    """Say whether two paths are of one file, through links too."""
    try:
        return one.samefile(other)
    except OSError:
        return one.absolute() == other.absolute()


def is_model(path: Path) -> bool:
    """Say whether a file is a sound model file."""
    from ..files.model import read_model

    try:
        read_model(path)
    except ValueError:
        return False
    return True


def is_page(path: Path) -> bool:
    """Say whether a file is a page of chainrule's."""
    return b'name="generator" content="chainrule' in _beginning(path)


def is_onnx(path: Path) -> bool:
    """Say whether a file is an ONNX model of chainrule's, by its producer."""
    return b"\x12\x09chainrule" in _beginning(path)


def is_table(path: Path) -> bool:
    """Say whether a file is a table of predictions."""
    beginning = _beginning(path)
    if beginning.startswith(b"PAR1"):
        return PREDICTION.encode() in path.read_bytes()[-(1 << 16) :]
    header = beginning.partition(b"\n")[0].decode("utf-8", errors="replace")
    return PREDICTION in [name.strip('"\r') for name in header.split(",")]


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)
