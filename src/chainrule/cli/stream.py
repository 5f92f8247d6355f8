"""``chainrule train`` on data sets larger than memory, and on many ranks: Parquet, streamed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from .output import Voice
from .output_files import check_output, is_model
from .train_job import Job
from .train_result import print_result

if TYPE_CHECKING:
    from ..tables.recipe import Fitted

ENOUGH = "1GB"


def is_streamed(data: str, memory: str | None) -> bool:
    """Tell whether to stream: asked for, a folder, glob or URI, or on many ranks."""
    from ..distributed import launched
    from ..tables.parquet_dataset import is_data_set

    ranks = launched()
    web = data.startswith(("http://", "https://"))
    return memory is not None or (is_data_set(data) and not web) or bool(ranks and ranks[1] > 1)


def train_stream(job: Job, voice: Voice) -> None:
    """Train on a stream, on all ranks; rank 0 alone speaks and writes the model."""
    from .. import distributed

    rank, size = distributed.launched() or (0, 1)
    if size == 1:
        _work(job, voice, distributed.ALONE)
        return
    voice.quiet = voice.quiet or rank != 0

    def work() -> None:
        team = distributed.world(600.0)
        team.watch()
        _work(job, voice, team)

    distributed.guarded(work)


def _work(job: Job, voice: Voice, team: Any) -> None:
    """Train as one rank of a team, write the model and print its scores."""
    from ..tables.recipe import Diverged
    from ..training.agreement import agreed

    first = team.rank == 0
    try:
        fitted = _fitted(job, voice, team)
    except Diverged as error:
        _leave(team, f"error: {error}", 3)
    history = fitted.history
    interrupted = history.stop is not None and history.stop.reason == "interrupted"
    if interrupted and not history.epochs:
        _leave(team, "interrupted before the first epoch was done: no model was written", 130)
    agreed(team, lambda: fitted.model.save(job.output) if first else None)
    if first:
        print_result(job, fitted, voice, team.size)
    if interrupted:
        words = f"interrupted: {job.output} holds what {history.epochs} epochs taught"
        _leave(team, words, 130)


def _fitted(job: Job, voice: Voice, team: Any) -> Fitted:
    from ..tables.fit_stream import fit_data_set
    from ..tables.memory_size import size_of
    from ..training.agreement import agreed

    if len(job.data) > 1:
        raise ValueError("a stream is one file, folder, glob or URI: name one")
    memory = agreed(team, lambda: size_of(job.memory or ENOUGH))
    agreed(
        team,
        lambda: (
            check_output("--output", job.output, job.data, is_model, job.force)
            if team.rank == 0
            else None
        ),
    )
    return fit_data_set(
        job.data[0],
        job.target,
        job.choices,
        memory=memory,
        team=team,
        checkpoint=job.checkpoint,
        resume=job.resume,
        spool=None if job.spool == "none" else job.spool,
        say=voice,
    )


def _leave(team: Any, sentence: str, code: int) -> NoReturn:
    """End all ranks with a sentence from the first."""
    if team.rank == 0:
        click.echo(sentence, err=True)
    sys.stdout.flush()
    raise SystemExit(code)
