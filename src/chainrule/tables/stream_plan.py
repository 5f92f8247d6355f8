"""The plan of a stream: which rows are read, by which rank, for which part."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..engines.communicator import Team
from ..training.agreement import agree_on, agreed
from .columns import require
from .parquet_dataset import DataSet, Group, open_data_set, shared_out
from .settings import Choices, check, complete
from .stream_parts import Part, rows_of

# The most rows held out for validation, and for the test: they are in memory.
MOST_HELD = 100_000
# What a stream is not read by.
IN_MEMORY = ("category", "number", "order", "missing", "group", "weight", "skip_missing")


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What is read, by whom, for what.

    ``groups``: this rank's row groups. ``rows``: how many rows of each are in each part.
    ``counts``: rows of each part over all ranks.
    """

    data: DataSet
    target: str
    choices: Choices
    memory: int
    team: Team
    groups: Sequence[Group]
    parts: Mapping[str, Part]
    rows: Mapping[str, Sequence[int]]
    counts: Mapping[str, int]


def plan_stream(
    data: str | os.PathLike[str], target: str, choices: Choices, memory: int, team: Team
) -> StreamPlan:
    """Open the data set, and share out its rows over ranks and parts."""
    dataset = agreed(team, lambda: _opened(data, target, choices))
    facts = {"memory": memory, "target": target, "columns": dataset.names, "choices": choices}
    agree_on(team, facts)
    groups = agreed(team, lambda: shared_out(dataset.groups, team.size))[team.rank]
    parts = _parts(dataset.m, choices)
    rows = rows_of(parts, groups)
    totals = np.array([sum(one) for one in rows.values()])
    team.sum_(totals)
    counts = dict(zip(rows, totals.tolist(), strict=True))
    choices = complete(choices, counts["train"])
    if choices.optimizer == "lbfgs":
        raise ValueError("lbfgs needs all rows at once, and a stream has a part: use adam, say")
    return StreamPlan(dataset, target, choices, memory, team, groups, parts, rows, counts)


def _opened(data: str | os.PathLike[str], target: str, choices: Choices) -> DataSet:
    check(choices)
    dataset = open_data_set(data)
    for name in (target, *choices.drop):
        require(dataset.names, name, dataset.name)
    if choices.latest is not None:
        raise ValueError(
            "--latest needs the table in memory: a stream's rows are held out at random"
        )
    for option in IN_MEMORY:
        if getattr(choices, option):
            raise ValueError(
                f"--{option.replace('_', '-')} needs the table in memory, and this one is streamed"
            )
    if target in choices.drop:
        raise ValueError(f"the target {target!r} is also given to --drop: leave one of them out")
    return dataset


def _parts(m: int, choices: Choices) -> dict[str, Part]:
    """Return which rows are for validation, test and training: by ranges of their random number."""
    validation = 0.1 if choices.validation_share is None else choices.validation_share
    v, t = (min(share, MOST_HELD / m) for share in (validation, choices.test_share))
    ranges = {"validation": (0.0, v), "test": (v, v + t), "train": (v + t, 1.0)}
    return {name: Part(choices.seed, *ends) for name, ends in ranges.items()}
