"""The options of ``chainrule train``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Option:
    """An option: its flags, the settings of ``click.option``, and whether it names one network."""

    flags: tuple[str, ...]
    settings: Mapping[str, Any]
    network: bool


def _option(*flags: str, **settings: Any) -> Option:
    return Option(flags, settings, network=False)


def _one_network(*flags: str, **settings: Any) -> Option:
    return Option(flags, {**settings, "help": f"* {settings['help']}"}, network=True)


OPTIONS: Final = (
    _option("--target", "-t", metavar="COLUMN", help="The column to learn."),
    _option(
        "--task", metavar="TASK", help="binary, multiclass or regression.  [default: by the column]"
    ),
    _one_network(
        "--hidden",
        callback=_sizes,
        metavar="SIZES",
        help="Sizes of the hidden layers, or none.  [default: 64,32]",
    ),
    _one_network("--activation", metavar="NAME", help="Of the hidden layers.  [default: relu]"),
    _one_network(
        "--epochs",
        type=int,
        metavar="N",
        help="Most epochs.  [default: 100, fewer for over 20 000 rows]",
    ),
    _one_network(
        "--batch-size", type=int, metavar="N", help="Rows a step.  [default: by their count]"
    ),
    _one_network(
        "--learning-rate",
        type=float,
        metavar="R",
        help="Length of the steps.  [default: 0.01 for adam and adamw]",
    ),
    _one_network(
        "--optimizer",
        metavar="NAME",
        help="Such as adam, lbfgs or 'momentum(0.9)'.  [default: adamw, its decay by the rows]",
    ),
    _one_network(
        "--schedule",
        metavar="NAME",
        help="Of the learning rate, such as constant.  [default: one_cycle]",
    ),
    _one_network(
        "--dropout", type=float, metavar="RATE", help="In the hidden layers.  [default: 0]"
    ),
    _one_network("--l2", type=float, metavar="S", help="Penalty on weights.  [default: 0]"),
    _one_network(
        "--patience",
        type=int,
        metavar="N",
        help="Stop after N epochs without a better validation cost.  [default: 30]",
    ),
    _one_network(
        "--test-share", type=float, metavar="S", help="Rows held out to test.  [default: 0.2]"
    ),
    _one_network(
        "--validation-share",
        type=float,
        metavar="S",
        help="Rows held out to choose the epoch.  [default: 0.1, of fewer than 50 rows 0]",
    ),
    _option(
        "--latest",
        metavar="COLUMN",
        help="Hold out the rows with its last dates or greatest numbers, not random ones.",
    ),
    _option("--drop", multiple=True, metavar="COLUMN", help="Leave a column out (repeatable)."),
    _option(
        "--category",
        multiple=True,
        metavar="COLUMN",
        help="Read a column as words, such as codes written in digits (repeatable).",
    ),
    _option(
        "--number",
        multiple=True,
        metavar="COLUMN",
        help="Read a column as numbers, whatever it looks like (repeatable).",
    ),
    _option(
        "--order",
        multiple=True,
        metavar="COLUMN=WORDS",
        help="Words with an order, as size=small,medium,large (repeatable).",
    ),
    _option(
        "--missing",
        multiple=True,
        metavar="WORD",
        help="A further word for no value, such as -999 (repeatable).",
    ),
    _option("--skip-missing", is_flag=True, help="Leave out rows without a value of the target."),
    _option(
        "--group",
        metavar="COLUMN",
        help="Keep rows with one value of this column, such as a person, in one part.",
    ),
    _option("--weight", metavar="COLUMN", help="How much each row counts in training."),
    _option(
        "--class-weight",
        metavar="balanced",
        help="Let rare classes count as much as frequent ones.",
    ),
    _one_network(
        "--loss",
        metavar="NAME",
        help="What is minimised, such as absolute_error.  [default: by the task]",
    ),
    _option("--encoding", metavar="NAME", help="Of a CSV file.  [default: utf-8]"),
    _option(
        "--time-limit",
        type=float,
        metavar="SECONDS",
        help="End an ensemble's training after so long.  [default: none]",
    ),
    _option("--seed", type=int, metavar="N", help="Fixes every random choice.  [default: 0]"),
    _one_network("--dtype", metavar="NAME", help="float32 or float64.  [default: float32]"),
    _option("--threads", type=int, metavar="N", help="Most threads to use."),
    _option(
        "--output",
        "-o",
        default="model.safetensors",
        show_default=True,
        metavar="FILE",
        help="The model file to write.",
    ),
    _one_network("--checkpoint", metavar="FOLDER", help="Write checkpoints to this folder."),
    _one_network(
        "--checkpoint-every",
        metavar="N",
        help="After every N epochs, or with 10min by the clock.  [default: 1]",
    ),
    _one_network("--resume", is_flag=True, help="Go on from the last checkpoint, if there is one."),
    _option(
        "--memory",
        metavar="SIZE",
        help="Stream a Parquet file, folder, glob or URI within so much memory.  [default: 1GB]",
    ),
    _option(
        "--spool",
        default="auto",
        metavar="FOLDER",
        help="For the temporary file of a stream's encoded rows, or none.  [default: by TMPDIR]",
    ),
)


def train_options(command: F) -> F:
    """Add the options of ``train`` to a command, in the order in which help shows them."""
    command = force_option(command)
    for option in reversed(OPTIONS):
        command = click.option(*option.flags, **option.settings)(command)
    return command


def network_options(choices: Mapping[str, Any]) -> list[str]:
    """Return the options among those chosen that name one network, as ``--hidden``."""
    flags = [option.flags[0] for option in OPTIONS if option.network]
    values = {flag: choices.get(flag[2:].replace("-", "_")) for flag in flags}
    return [flag for flag, value in values.items() if value is not None and value is not False]
