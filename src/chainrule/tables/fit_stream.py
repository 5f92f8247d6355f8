"""Fitting a data set that may be larger than memory, on one process or on many ranks.

As ``fit.fit_table`` does for a table: statistics in one streaming pass, then training on a stream.
Rows are held out for validation and test by a random number of their own, whatever reads them.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engines.communicator import ALONE, Team, stacked
from ..engines.data_parallel import DataParallel, stream_split, threads_each
from ..mathematics.names import unknown
from ..network import Network
from ..training import History, Settings
from ..training.agreement import agree_on, agreed, engine_of
from ..training.checkpoints import Checkpoints, FolderCheckpointer, signature_of
from ..training.data import Data
from ..training.fit import conduct, problem_of
from ..training.plan import Plan, plan_of
from ..training.progress import Progress
from ..training.run import Run
from .column_summary import Summary, encoder_of, merged, summaries, target_of
from .columns import require
from .fit import Diverged, finite
from .model import OUTPUTS, TableModel, score
from .parquet_dataset import DataSet, Group, open_data_set, shared_out
from .row_cache import AUTO, spool_for
from .settings import Choices, as_json, check, complete, smaller_rate
from .stream_reader import Part, Reader, read_once, rows_of
from .stream_samples import Stream
from .target import TargetEncoder

Array = npt.NDArray[Any]
Say = Callable[[str], None]

# Rows held out for validation, and for the test, are at most so many: they are in memory.
MOST_HELD = 100_000
# A buffer of more rows shuffles no better.
MOST_BUFFERED = 1 << 20
# Memory that Python, NumPy and Arrow take before the first row, and Arrow's own buffers.
BASE = 250 << 20
# Blocks in memory: one that is trained on, one that is filled.
BLOCKS = 2
# In stochastic descent, blocks of fewer rows cost more in calls than they save.
FEWEST_BUFFERED = 1024


@dataclass(frozen=True, slots=True)
class Streamed:
    """A model, how its training went, its scores on the test part (None without one), rows."""

    model: TableModel
    history: History
    scores: dict[str, Any] | None
    rows: dict[str, int]


def _silent(sentence: str) -> None:
    pass


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
    say: Say = _silent,
    callbacks: Sequence[Callable[[Network, History], Any]] = (),
) -> Streamed:
    """Train a network on a Parquet data set of any size within about ``memory`` bytes a process.

    Each rank of the team reads row groups of its own. ``check_ranks``: compare parameters over all
    ranks after every step. ``spool``: the folder for a temporary file of encoded rows, None for no
    such file; rows are then decoded in every epoch. The choices of the fit of a table apply, but
    for L-BFGS.

    Raises ValueError, in one sentence and on all ranks alike, for what cannot be trained with, and
    Diverged.
    """
    asked = choices or Choices()
    found = agreed(team, lambda: _opened(data, target, asked))
    choices = asked
    agree_on(team, {"memory": memory, "target": target, "columns": found.names, "choices": choices})
    own = agreed(team, lambda: shared_out(found.groups, team.size))[team.rank]
    parts = _parts(found.m, choices)
    names = [name for name in found.names if name not in choices.drop]
    told = _statistics(found, own, parts["train"], names, target, team)
    meaning, sentence = target_of(told.pop(target), choices.task)
    encoder = encoder_of(told, choices.drop)
    for line in (sentence, *encoder.notes):
        say(line)
    here = rows_of(parts, own)
    counts = _counts(here, team)
    choices = complete(choices, counts["train"])
    if choices.optimizer == "lbfgs":
        raise ValueError("lbfgs needs all rows at once, and a stream has a part: use adam, say")
    net = Network(
        [encoder.width, *choices.hidden, meaning.n_out],
        hidden=choices.activation,
        output=OUTPUTS[meaning.task],
        seed=choices.seed,
        dtype=choices.dtype,
        dropout=choices.dropout,
        l2=choices.l2,
    )
    X, Y = (np.empty((0, n), net.dtype) for n in (net.sizes[0], net.sizes[-1]))
    settings = _settings(choices, meaning.task, counts, team.size, callbacks)
    plan = plan_of(settings, net, counts["train"], counts["validation"] > 0)
    processors = threads_each(team)
    if team.size > 1 and plan.threads is None:
        plan = replace(plan, threads=processors)
    reader = Reader(found, encoder, meaning, problem_of(net, Data(X, Y, None), plan))
    samples = _samples(reader, own, parts["train"], here, plan, memory, team)
    engine = engine_of(team, plan.engine, reader.problem)
    ahead = engine.name == "native" and processors > 1
    widths = net.sizes[0], net.sizes[-1]
    encoded = agreed(team, lambda: spool_for(spool, samples.counts, widths, net.dtype, say))
    samples = replace(samples, ahead=ahead, spool=encoded)
    if team.size > 1:
        split = stream_split(team, samples.batch_size)
        engine = DataParallel(team, engine, split, counts["train"], check=check_ranks)
    try:
        held = agreed(team, lambda: read_once(reader, own, parts, here, encoded, samples.slots()))
        validation = Data(*held["validation"], None) if counts["validation"] else None
        progress = Progress(plan.epochs, False)
        run = Run(net, None, validation, plan, engine, samples, progress, team)
        if checkpoint is not None:
            kept = replace(checkpoint, encoder=_state(reader))
            signature = signature_of(run, [found.m, found.digest], parts["validation"].high)
            signature |= {"ranks": team.size, "rows in a block": samples.rows}
            run.checkpointer = agreed(
                team, lambda: FolderCheckpointer(kept, signature, resume, team)
            )
        history = _train(run, choices)
    finally:
        samples.close()
    scores = _scores(meaning, *held["test"], net, team) if counts["test"] else None
    record = _record(found, counts, choices, history, scores)
    return Streamed(TableModel(net, encoder, meaning, record), history, scores, counts)


def _opened(data: str | os.PathLike[str], target: str, choices: Choices) -> DataSet:
    check(choices)
    found = open_data_set(data)
    for name in (target, *choices.drop):
        require(found.names, name, found.name)
    if choices.latest is not None:
        raise ValueError(
            "--latest needs the table in memory: a stream's rows are held out at random"
        )
    if target in choices.drop:
        raise ValueError(f"the target {target!r} is also given to --drop: leave one of them out")
    return found


def _parts(m: int, choices: Choices) -> dict[str, Part]:
    """Return which rows are for validation, test and training: by ranges of their random number."""
    validation = 0.1 if choices.validation_share is None else choices.validation_share
    v, t = (min(share, MOST_HELD / m) for share in (validation, choices.test_share))
    ranges = {"validation": (0.0, v), "test": (v, v + t), "train": (v + t, 1.0)}
    return {name: Part(choices.seed, *ends) for name, ends in ranges.items()}


def _counts(here: dict[str, list[int]], team: Team) -> dict[str, int]:
    found = np.array([sum(rows) for rows in here.values()])
    team.sum_(found)
    return dict(zip(here, found.tolist(), strict=True))


def _statistics(
    data: DataSet, own: Sequence[Group], part: Part, names: list[str], target: str, team: Team
) -> dict[str, Summary]:
    """Return what is known of every column over all ranks' training rows."""

    def of_group(group: Group) -> dict[str, Summary]:
        mask, at, found = part.mask(group), 0, []
        for rows in data.read(group, names):
            keep = np.flatnonzero(mask[at : at + rows.m])
            at += rows.m
            found.append(summaries(rows if len(keep) == rows.m else rows.take(keep), target))
        return merged(found)

    here = agreed(team, lambda: [(group.first, of_group(group)) for group in own])
    every = sorted((pair for rank in team.gather(here) for pair in rank), key=lambda pair: pair[0])
    return merged(found for _, found in every)


def _settings(
    choices: Choices, task: str, counts: dict[str, int], ranks: int, callbacks: Sequence[Any]
) -> Settings:
    """Return the settings of training that the choices mean."""
    batch_size = ceil((choices.batch_size or 32) / ranks) * ranks
    m = counts["train"]
    if batch_size > m:
        raise ValueError(f"a batch of {batch_size} rows is more than the {m} to train on")
    names = ("optimizer", "learning_rate", "epochs", "schedule", "threads", "engine")
    return Settings(
        **{name: getattr(choices, name) for name in names},
        batch_size=batch_size,
        tolerance=None,
        callbacks=callbacks,
        metrics=["r2" if task == "regression" else "accuracy"] if counts["validation"] else [],
        patience=choices.patience or choices.epochs,
    )


def _samples(
    reader: Reader,
    own: Sequence[Group],
    part: Part,
    counts: dict[str, list[int]],
    plan: Plan,
    memory: int,
    team: Team,
) -> Stream:
    net = reader.problem.architecture
    batch_size = plan.batch_size // team.size
    bytes_a_row = (net.sizes[0] + net.sizes[-1]) * net.dtype.itemsize + 16
    taken = BASE + bytes_a_row * sum(sum(counts[n]) for n in ("validation", "test"))
    rows = min((memory - taken) // (BLOCKS * bytes_a_row), MOST_BUFFERED)
    if rows < max(batch_size, FEWEST_BUFFERED):
        least = taken + BLOCKS * bytes_a_row * max(batch_size, FEWEST_BUFFERED)
        raise ValueError(
            f"--memory {memory >> 20}MB is too little: give at least {(least >> 20) + 1}MB, or a "
            "smaller batch"
        )
    steps = np.array([ceil(sum(counts["train"]) / batch_size)])
    team.maximum_(steps)
    rows = int(rows) // batch_size * batch_size
    return Stream(
        reader,
        own,
        counts["train"],
        part,
        rows,
        batch_size,
        int(steps[0]),
        True,
        team,
        plan.epochs,
    )


def _train(run: Run, choices: Choices) -> History:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="diverged", category=RuntimeWarning)
        history = conduct(run)
    if history.stop is not None and history.stop.reason == "diverged":
        raise Diverged(
            f"training diverged in epoch {history.epochs + 1}: the cost grew without bound; no "
            f"model was written; try --learning-rate {smaller_rate(choices):g}"
        )
    return history


def _scores(target: TargetEncoder, X: Array, Y: Array, net: Network, team: Team) -> dict[str, Any]:
    y_hat, Y = (stacked(team, rows) for rows in (net.predict(X), Y))
    return score(target, target.decode(Y), y_hat)


def _state(reader: Reader) -> tuple[Any, dict[str, npt.NDArray[Any]]]:
    state, arrays = reader.encoder.state()
    return {**state, "target": reader.target.state()}, arrays


def _record(
    data: DataSet, counts: dict[str, int], choices: Choices, history: History, scores: Any
) -> dict[str, Any]:
    return {
        "data": os.path.basename(data.name.rstrip("/")),  # noqa: PTH119
        "rows": {"all": data.m, **counts},
        "settings": as_json(choices),
        "history": finite(history.record()),
        "scores": scores,
    }


_SIZES = {"KB": 10, "MB": 20, "GB": 30, "TB": 40}


def size_of(text: str) -> int:
    """Read an amount of memory.

    >>> size_of("2GB")
    2147483648
    """
    number, unit = text.strip()[:-2].strip(), text.strip()[-2:].upper()
    if unit not in _SIZES:
        raise unknown("unit of memory", unit, _SIZES)
    try:
        amount = float(number)
    except ValueError:
        amount = 0.0
    if not 0 < amount < 1e6:
        raise ValueError(f"an amount of memory is written as 500MB or 2GB, not {text!r}")
    return int(amount * 2 ** _SIZES[unit])
