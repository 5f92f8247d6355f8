"""Statistics of a stream: each column's summary over all ranks' training rows, in one pass.

What is usual of a column is judged by the first rows of some row groups, the same on every rank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Final

import numpy as np

from ..training.agreement import agreed
from .column_summary import Summary, merged, summaries, usual_values
from .columns import columns
from .number_words import written
from .outliers import Usual
from .parquet_dataset import Group
from .stream_plan import StreamPlan

# What is usual is judged by so many row groups, and by so many rows in all.
GROUPS_JUDGED: Final = 16
ROWS_JUDGED: Final = 20_000


def stream_statistics(stream: StreamPlan) -> dict[str, Summary]:
    """Return the summary of every column over all ranks' training rows.

    Raises ValueError for infinity, and for a target in which a number stands for no value.
    """
    names = [name for name in stream.data.names if name not in stream.choices.drop]
    part = stream.parts["train"]
    usual = agreed(stream.team, lambda: _usual(stream, names))

    def of_group(group: Group) -> dict[str, Summary]:
        mask, at, pieces = part.mask(group), 0, []
        for rows in stream.data.read(group, names):
            keep = np.flatnonzero(mask[at : at + rows.m])
            at += rows.m
            # One unit for all pieces, so that they can be merged.
            chosen = rows if len(keep) == rows.m else rows.take(keep)
            pieces.append(summaries(chosen, stream.target, unit=1.0, usual=usual))
        return merged(pieces)

    here = agreed(stream.team, lambda: [(group.first, of_group(group)) for group in stream.groups])
    gathered = (pair for rank in stream.team.gather(here) for pair in rank)
    statistics = merged(piece for _, piece in sorted(gathered, key=lambda pair: pair[0]))
    _refuse_stand_ins(statistics[stream.target])
    return statistics


def _usual(stream: StreamPlan, names: Sequence[str]) -> Mapping[str, Usual]:
    """Return what is usual of each column of numbers or dates, by the first rows of some groups."""
    import pyarrow as pa

    groups = stream.data.groups[:: max(1, len(stream.data.groups) // GROUPS_JUDGED)]
    pieces = []
    for group in groups:
        with closing(stream.data.batches(group, names)) as batches:
            batch = next(batches)
        train = np.flatnonzero(stream.parts["train"].mask(group)[: batch.num_rows])
        pieces.append(batch.take(pa.array(train[: ROWS_JUDGED // len(groups) + 1])))
    table = pa.concat_tables([pa.Table.from_batches([piece]) for piece in pieces])
    return usual_values(columns(table.select(list(names))))


def _refuse_stand_ins(target: Summary) -> None:
    if target.gap is not None and target.gaps:
        raise ValueError(
            f"target {target.name!r} is {written(target.gap)} in {target.gaps} rows, far from all "
            "others, as if it had no value: leave these rows out of the files"
        )
