"""Fitting a data set that may be larger than memory, on one process or on many ranks.

As ``fit.fit_table`` does for a table: statistics in one streaming pass, then training on a stream.
Rows are held out for validation and test by a random number of their own, whatever reads them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np

from ..engines.communicator import ALONE, Team, stacked
from ..engines.data_parallel import DataParallel, stream_split, threads_each
from ..network import Network
from ..training.agreement import agreed, engine_of
from ..training.checkpointer import FolderCheckpointer, signature_of
from ..training.checkpoints import Checkpoints
from ..training.data import Data
from ..training.fitting import conduct, problem_of
from ..training.plan import Plan, plan_of
from ..training.progress import Progress
from ..training.run import Run
from ..training.settings import Settings
from ..typing import Array
from .encoder import Encoder
from .model import TableModel, score
from .recipe import (
    Callback,
    Fitted,
    Say,
    arguments_of,
    encoder_state,
    network_of,
    record_of,
    silent,
    trained,
)
from .row_cache import AUTO, spool_for
from .settings import Choices
from .snapshots import count_for, thinned
from .stream_plan import StreamPlan, plan_stream
from .stream_reader import Reader, read_once
from .stream_samples import Stream
from .stream_statistics import stream_statistics
from .target import TargetEncoder, fit_target
from .testing import Tested

# A buffer of more rows shuffles no better.
MOST_BUFFERED = 1 << 20
# Memory that Python, NumPy and Arrow take before the first row, and Arrow's own buffers.
BASE = 250 << 20
# Blocks in memory: one that is trained on, one that is filled.
BLOCKS = 2
# In stochastic descent, blocks of fewer rows cost more in calls than they save.
FEWEST_BUFFERED = 1024


def fit_data_set(
    data: str | os.PathLike[str],
    target: str,
    choices: Choices | None = None,
    *,
    memory: int = 1 << 30,
    team: Team = ALONE,
    checkpoint: Checkpoints | None = None,
    resume: bool = False,
    check_ranks: bool = False,
    spool: str | None = AUTO,
    say: Say = silent,
    callbacks: Sequence[Callback] = (),
) -> Fitted:
    """Train a network on a Parquet data set of any size within about ``memory`` bytes a process.

    Each rank of the team reads row groups of its own. ``check_ranks``: compare parameters over all
    ranks after every step. ``spool``: the folder for a temporary file of encoded rows, None for no
    such file; rows are then decoded in every epoch. The choices of the fit of a table apply, but
    for L-BFGS.

    Raises ValueError, in one sentence and on all ranks alike, for what cannot be trained with, and
    Diverged.
    """
    stream = plan_stream(data, target, choices or Choices(), memory, team)
    encoder, meaning = _encoders(stream, say)
    net = network_of(encoder.width, meaning, stream.choices)
    plan = _training_plan(stream, net, meaning.task, callbacks)
    reader = _reader(stream, net, encoder, meaning, plan)
    with closing(_samples(stream, reader, plan, spool, say)) as samples:
        slots = samples.slots()
        held = agreed(team, lambda: read_once(reader, stream, samples.spool, slots))
        run = _run(stream, net, plan, samples, held, check_ranks)
        if checkpoint is not None:
            run.checkpointer = _checkpointer(stream, run, samples, checkpoint, resume)
        history = trained(lambda: conduct(run), stream.choices)
    scores = _scores(meaning, *held["test"], net, team) if stream.counts["test"] else None
    source = os.path.basename(stream.data.name.rstrip("/"))  # noqa: PTH119
    record = record_of(source, stream.counts, stream.choices, history, scores)
    snapshots = thinned(history.snapshots, count_for(net))
    model = TableModel(net, encoder, meaning, record, snapshots)
    return Fitted(model, history, dict(stream.counts), Tested(scores))


def _encoders(stream: StreamPlan, say: Say) -> tuple[Encoder, TargetEncoder]:
    """Fit both encoders on the statistics of all ranks' training rows."""
    statistics = stream_statistics(stream)
    target, sentence = fit_target(statistics.pop(stream.target), stream.choices.task)
    encoder = Encoder.of_summaries(statistics, stream.choices.drop)
    for line in (sentence, *encoder.notes):
        say(line)
    return encoder, target


def _training_plan(
    stream: StreamPlan, net: Network, task: str, callbacks: Sequence[Callback]
) -> Plan:
    """Return the checked settings of training; a batch is shared out evenly over the ranks."""
    m, size = stream.counts["train"], stream.team.size
    batch_size = ceil((stream.choices.batch_size or 32) / size) * size
    if batch_size > m:
        raise ValueError(f"a batch of {batch_size} rows is more than the {m} to train on")
    arguments = arguments_of(stream.choices, task) | {
        "batch_size": batch_size,
        "record": "explain" if count_for(net) else None,
    }
    validated = stream.counts["validation"] > 0
    if not validated:
        arguments["metrics"] = []
    plan = plan_of(Settings(**arguments, callbacks=callbacks), net, m, validated)
    if size > 1 and plan.threads is None:
        plan = replace(plan, threads=threads_each(stream.team))
    return plan


def _reader(
    stream: StreamPlan, net: Network, encoder: Encoder, target: TargetEncoder, plan: Plan
) -> Reader:
    X, Y = (np.empty((0, n), net.dtype) for n in (net.sizes[0], net.sizes[-1]))
    return Reader(stream.data, encoder, target, problem_of(net, Data(X, Y, None), plan))


def _samples(
    stream: StreamPlan, reader: Reader, plan: Plan, folder: str | None, say: Say
) -> Stream:
    """Return the stream of training samples within the memory that the plan allows."""
    net, team = reader.problem.architecture, stream.team
    batch_size = plan.batch_size // team.size
    steps = np.array([ceil(sum(stream.rows["train"]) / batch_size)])
    rows = _block_rows(stream, net, batch_size)
    team.maximum_(steps)
    widths = net.sizes[0], net.sizes[-1]
    samples = Stream(
        reader,
        stream.groups,
        stream.rows["train"],
        stream.parts["train"],
        rows,
        batch_size,
        int(steps[0]),
        True,
        team,
        plan.epochs,
    )
    spool = agreed(team, lambda: spool_for(folder, samples.counts, widths, net.dtype, say))
    native = engine_of(team, plan.engine, reader.problem).name == "native"
    return replace(samples, ahead=native and threads_each(team) > 1, spool=spool)


def _block_rows(stream: StreamPlan, net: Any, batch_size: int) -> int:
    """Return the rows of a block, whole batches; raises ValueError for too little memory."""
    bytes_a_row = (net.sizes[0] + net.sizes[-1]) * net.dtype.itemsize + 16
    held = BASE + bytes_a_row * sum(sum(stream.rows[name]) for name in ("validation", "test"))
    rows = min((stream.memory - held) // (BLOCKS * bytes_a_row), MOST_BUFFERED)
    if rows < max(batch_size, FEWEST_BUFFERED):
        least = held + BLOCKS * bytes_a_row * max(batch_size, FEWEST_BUFFERED)
        raise ValueError(
            f"--memory {stream.memory >> 20}MB is too little: give at least {(least >> 20) + 1}MB, "
            "or a smaller batch"
        )
    return int(rows) // batch_size * batch_size


def _run(
    stream: StreamPlan,
    net: Network,
    plan: Plan,
    samples: Stream,
    held: Mapping[str, tuple[Array, Array]],
    check_ranks: bool,
) -> Run:
    team, problem = stream.team, samples.reader.problem
    engine = engine_of(team, plan.engine, problem)
    if team.size > 1:
        split = stream_split(team, samples.batch_size)
        engine = DataParallel(team, engine, split, stream.counts["train"], check=check_ranks)
    validation = Data(*held["validation"], None) if stream.counts["validation"] else None
    progress = Progress(plan.epochs, False)
    return Run(net, None, validation, plan, engine, samples, progress, team)


def _checkpointer(
    stream: StreamPlan, run: Run, samples: Stream, checkpoint: Checkpoints, resume: bool
) -> FolderCheckpointer:
    reader = samples.reader
    policy = replace(checkpoint, encoder=encoder_state(reader.encoder, reader.target))
    facts = [stream.data.m, stream.data.digest]
    signature = signature_of(run, facts, stream.parts["validation"].high)
    signature |= {"ranks": stream.team.size, "rows in a block": samples.rows}
    return agreed(stream.team, lambda: FolderCheckpointer(policy, signature, resume, stream.team))


def _scores(target: TargetEncoder, X: Array, Y: Array, net: Network, team: Team) -> dict[str, Any]:
    y_hat, Y = (stacked(team, rows) for rows in (net.predict(X), Y))
    true = target.original(Y) if target.task == "regression" else target.decode(Y)
    return score(target, true, y_hat)
