"""Options of the verbs that use a model on a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ..tables.model import EncodedModel

F = TypeVar("F", bound=Callable[..., Any])


def reading_options(command: F) -> F:
    """Add how a table is read, and from which probability on a row is of the second class."""
    for option in (
        click.option("--encoding", metavar="NAME", help="Of a CSV file.  [default: utf-8]"),
        click.option(
            "--threshold",
            type=float,
            metavar="P",
            help="Say the second of two classes above this probability.  [default: 0.5]",
        ),
    ):
        command = option(command)
    return command


def with_threshold(model: EncodedModel, threshold: float | None) -> EncodedModel:
    """Return a model with another threshold; raises ValueError where there are not two classes."""
    if threshold is None:
        return model
    if model.target.task != "binary":
        raise ValueError(f"--threshold needs two classes, and this is {model.target.task}")
    if not 0 < threshold < 1:
        raise ValueError(f"--threshold must be above 0 and below 1, not {threshold:g}")
    return model.with_target(replace(model.target, threshold=threshold))
