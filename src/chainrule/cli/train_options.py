"""The options of ``chainrule train``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from .output_files import force_option

F = TypeVar("F", bound=Callable[..., Any])


def _sizes(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Read sizes of hidden layers, as ``64,32``; ``none`` for a linear model."""
    if value is None or value.strip().lower() == "none":
        return None if value is None else ()
    try:
        return tuple(int(word) for word in value.split(","))
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is not a list of sizes such as 64,32, or none", ctx, param
        ) from None


OPTIONS: Final = (
    click.option("--target", "-t", metavar="COLUMN", help="The column to learn."),
    click.option(
        "--task", metavar="TASK", help="binary, multiclass or regression.  [default: by the column]"
    ),
    click.option(
        "--hidden",
        callback=_sizes,
        metavar="SIZES",
        help="Sizes of the hidden layers, or none.  [default: 64,32]",
    ),
    click.option("--activation", metavar="NAME", help="Of the hidden layers.  [default: relu]"),
    click.option(
        "--epochs",
        type=int,
        metavar="N",
        help="Most epochs.  [default: 100, fewer for over 20 000 rows]",
    ),
    click.option(
        "--batch-size", type=int, metavar="N", help="Rows a step.  [default: by their count]"
    ),
    click.option(
        "--learning-rate",
        type=float,
        metavar="R",
        help="Length of the steps.  [default: 0.01 for adam and adamw]",
    ),
    click.option(
        "--optimizer",
        metavar="NAME",
        help="Such as adam, lbfgs or 'momentum(0.9)'.  [default: adamw, its decay by the rows]",
    ),
    click.option(
        "--schedule",
        metavar="NAME",
        help="Of the learning rate, such as constant.  [default: one_cycle]",
    ),
    click.option(
        "--dropout", type=float, metavar="RATE", help="In the hidden layers.  [default: 0]"
    ),
    click.option("--l2", type=float, metavar="S", help="Penalty on weights.  [default: 0]"),
    click.option(
        "--patience",
        type=int,
        metavar="N",
        help="Stop after N epochs without a better validation cost.  [default: 30]",
    ),
    click.option(
        "--test-share", type=float, metavar="S", help="Rows held out to test.  [default: 0.2]"
    ),
    click.option(
        "--validation-share",
        type=float,
        metavar="S",
        help="Rows held out to choose the epoch.  [default: 0.1, of fewer than 50 rows 0]",
    ),
    click.option(
        "--latest",
        metavar="COLUMN",
        help="Hold out the rows with its last dates or greatest numbers, not random ones.",
    ),
    click.option(
        "--drop", multiple=True, metavar="COLUMN", help="Leave a column out (repeatable)."
    ),
    click.option(
        "--category",
        multiple=True,
        metavar="COLUMN",
        help="Read a column as words, such as codes written in digits (repeatable).",
    ),
    click.option(
        "--number",
        multiple=True,
        metavar="COLUMN",
        help="Read a column as numbers, whatever it looks like (repeatable).",
    ),
    click.option(
        "--order",
        multiple=True,
        metavar="COLUMN=WORDS",
        help="Words with an order, as size=small,medium,large (repeatable).",
    ),
    click.option(
        "--missing",
        multiple=True,
        metavar="WORD",
        help="A further word for no value, such as -999 (repeatable).",
    ),
    click.option(
        "--skip-missing", is_flag=True, help="Leave out rows without a value of the target."
    ),
    click.option(
        "--group",
        metavar="COLUMN",
        help="Keep rows with one value of this column, such as a person, in one part.",
    ),
    click.option("--weight", metavar="COLUMN", help="How much each row counts in training."),
    click.option(
        "--class-weight",
        metavar="balanced",
        help="Let rare classes count as much as frequent ones.",
    ),
    click.option(
        "--loss",
        metavar="NAME",
        help="What is minimised, such as absolute_error.  [default: by the task]",
    ),
    click.option("--encoding", metavar="NAME", help="Of a CSV file.  [default: utf-8]"),
    click.option("--seed", type=int, metavar="N", help="Fixes every random choice.  [default: 0]"),
    click.option("--dtype", metavar="NAME", help="float32 or float64.  [default: float32]"),
    click.option("--threads", type=int, metavar="N", help="Most threads to use."),
    click.option(
        "--output",
        "-o",
        default="model.safetensors",
        show_default=True,
        metavar="FILE",
        help="The model file to write.",
    ),
    click.option("--checkpoint", metavar="FOLDER", help="Write checkpoints to this folder."),
    click.option(
        "--checkpoint-every",
        metavar="N",
        help="After every N epochs, or with 10min by the clock.  [default: 1]",
    ),
    click.option("--resume", is_flag=True, help="Go on from the last checkpoint, if there is one."),
    click.option(
        "--memory",
        metavar="SIZE",
        help="Stream a Parquet file, folder, glob or URI within so much memory.  [default: 1GB]",
    ),
    click.option(
        "--spool",
        default="auto",
        metavar="FOLDER",
        help="For the temporary file of a stream's encoded rows, or none.  [default: by TMPDIR]",
    ),
    force_option,
)


def train_options(command: F) -> F:
    """Add the options of ``train`` to a command, in the order in which help shows them."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command
