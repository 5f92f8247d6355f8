"""``chainrule train`` on data sets larger than memory, and on many ranks: Parquet, streamed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import click

from .output import Voice, print_json, print_scores

ENOUGH = "1GB"


def checkpoints_asked(folder: str | None, every: str | None, resume: bool) -> Any:
    """Return what the options of checkpoints mean, or None; raises ValueError for a lone one."""
    from ..training.checkpoints import checkpoints_of

    if folder is None:
        for name, given in (("--checkpoint-every", every), ("--resume", resume)):
            if given:
                raise ValueError(f"{name} needs the folder of the checkpoints: give --checkpoint")
        return None
    return checkpoints_of(folder, every)


def is_streamed(data: str, memory: str | None) -> bool:
    """Tell whether to stream: asked for, a folder, glob or URI, or on many ranks."""
    from ..distributed import launched
    from ..tables.parquet_dataset import is_data_set

    ranks = launched()
    return memory is not None or is_data_set(data) or bool(ranks and ranks[1] > 1)


@dataclass(frozen=True, slots=True)
class Job:
    """What the command line asked for: the arguments of ``train`` that streams need."""

    data: str
    target: str
    choices: Any
    output: str
    memory: str | None
    spool: str
    kept: Any
    resume: bool
    as_json: bool
    check: Callable[[], None]


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
    from ..tables.fit import Diverged
    from ..tables.fit_stream import fit_data_set, size_of
    from ..training.agreement import agreed

    first = team.rank == 0
    memory = agreed(team, lambda: size_of(job.memory or ENOUGH))
    agreed(team, lambda: job.check() if first else None)
    try:
        done = fit_data_set(
            job.data,
            job.target,
            job.choices,
            memory=memory,
            team=team,
            checkpoint=job.kept,
            resume=job.resume,
            spool=None if job.spool == "none" else job.spool,
            say=voice,
        )
    except Diverged as error:
        _leave(team, f"error: {error}", 3)
    history = done.history
    interrupted = history.stop is not None and history.stop.reason == "interrupted"
    if interrupted and not history.epochs:
        _leave(team, "interrupted before the first epoch was done: no model was written", 130)
    agreed(team, lambda: done.model.save(job.output) if first else None)
    if first:
        _tell(job, done, voice, team.size)
    if interrupted:
        words = f"interrupted: {job.output} holds what {history.epochs} epochs taught"
        _leave(team, words, 130)


def _leave(team: Any, sentence: str, code: int) -> NoReturn:
    """End all ranks with a sentence from the first."""
    if team.rank == 0:
        click.echo(sentence, err=True)
    sys.stdout.flush()
    raise SystemExit(code)


def _tell(job: Job, done: Any, voice: Voice, ranks: int) -> None:
    from ..tables.parquet_dataset import without_secrets

    history, rows = done.history, done.rows
    voice(
        f"{rows['train']} rows to train on, {rows['validation']} to choose the epoch, "
        f"{rows['test']} held out to test; {ranks} rank{'s' * (ranks > 1)}"
    )
    voice(f"{history.epochs} epochs in {history.seconds[-1]:.2f} s: {history.stop.message}")
    if job.as_json:
        print_json(
            {
                "data": without_secrets(job.data),
                "model": job.output,
                "target": done.model.target.name,
                "task": done.model.target.task,
                "rows": rows,
                "ranks": ranks,
                "epochs": history.epochs,
                "stop": history.stop.reason,
                "settings": done.model.record["settings"],
                "scores": done.scores,
                "messages": voice.said,
            }
        )
    elif done.scores is not None:
        print_scores(done.scores, "held out")
    voice(f"wrote {job.output}; use it with: chainrule predict {job.output} DATA")
