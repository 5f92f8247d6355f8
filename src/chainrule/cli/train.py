"""``chainrule train``: from a table to a model file."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import Any

import click

from .output import Voice, common
from .output_files import check_output, is_model
from .train_job import Job, checkpoints_of
from .train_options import network_options, train_options
from .train_result import print_ensemble, print_result


@click.command(short_help="Train a model on a table.")
@click.argument("data", nargs=-1, required=True)
@train_options
@common
def train(
    data: tuple[str, ...],
    target: str | None,
    output: str,
    force: bool,
    checkpoint: str | None,
    checkpoint_every: str | None,
    resume: bool,
    memory: str | None,
    spool: str,
    as_json: bool,
    quiet: bool,
    debug: bool,
    **choices: Any,
) -> None:
    """Train a model on the table DATA (CSV, also gzipped, Parquet, Arrow or Excel).

    Several files with the same columns are one table; - is standard input.

    What is learnt is the column named by --target; whether that is a class or a number is worked
    out from it. Everything else has a default that suits most tables. The model is an ensemble of
    networks; the scores are those of each row by networks that did not see it.

    Options marked * are of one network. With any of them one network is trained, and scored on a
    part of the rows that is held out.

    Parquet data of any size are streamed: a folder, a glob, a URI, or with --memory. Under mpiexec
    or srun all ranks train one network together, each on row groups of its own.

    \b
    Example:
      chainrule train data/breast_cancer.csv --target diagnosis
    """
    from ..tables.settings import Choices
    from .stream import is_streamed, train_stream

    if target is None:
        raise ValueError(_no_target(data[0]))
    chosen = {name: value for name, value in choices.items() if value is not None}
    policy = checkpoints_of(checkpoint, checkpoint_every, resume)
    keeping = {"checkpoint": checkpoint, "checkpoint_every": checkpoint_every, "resume": resume}
    job = Job(
        data,
        target,
        Choices(**chosen),
        output,
        force,
        policy,
        resume,
        memory,
        spool,
        as_json,
        tuple(network_options({**choices, **keeping})),
    )
    voice = Voice(quiet)
    job = _for_engine(job, voice)
    if is_streamed(data[0], memory):
        _refuse_time_limit(job, "a stream trains")
        train_stream(job, voice)
    elif job.network:
        _refuse_time_limit(job, f"{job.network[0]} asks for")
        _train_network(job, voice)
    else:
        _train_ensemble(job, voice)


def _refuse_time_limit(job: Job, why: str) -> None:
    if job.choices.time_limit is not None:
        raise ValueError(
            f"--time-limit is for an ensemble, and {why} one network: leave one of them out"
        )


def _for_engine(job: Job, voice: Voice) -> Job:
    """Say why there is no native engine, where one is wanted and there is none."""
    from ..engines import unbuilt

    if job.choices.engine != "auto" or not unbuilt():
        return job
    voice(unbuilt())
    return replace(job, choices=replace(job.choices, engine="reference"))


def _train_ensemble(job: Job, voice: Voice) -> None:
    """Train an ensemble on a table in memory, write the model and print its scores."""
    from ..tabular.table_fit import fit_table

    check_output("--output", job.output, job.data, is_model, job.force)
    start = monotonic()
    fitted = fit_table(job.data, job.target, job.choices, voice, progress=not voice.quiet)
    _say_replaced(job, voice)
    fitted.model.save(job.output)
    print_ensemble(job, fitted, voice, monotonic() - start)


def _train_network(job: Job, voice: Voice) -> None:
    """Train one network on a table in memory, write the model and print its scores."""
    from ..tables.fit import fit_table
    from .app import Stopped

    check_output("--output", job.output, job.data, is_model, job.force)
    fitted = fit_table(
        job.data,
        job.target,
        job.choices,
        say=voice,
        checkpoint=job.checkpoint,
        resume=job.resume,
        progress=not voice.quiet,
    )
    history = fitted.history
    interrupted = history.stop is not None and history.stop.reason == "interrupted"
    if interrupted and not history.epochs:
        raise Stopped("interrupted before the first epoch was done: nothing was written", 130)
    _say_replaced(job, voice)
    fitted.model.save(job.output)
    print_result(job, fitted, voice)
    if interrupted:
        raise Stopped(f"interrupted: {job.output} holds what {history.epochs} epochs taught", 130)


def _say_replaced(job: Job, voice: Voice) -> None:
    """Say that a model of another target is replaced."""
    from ..tabular.model import load_model

    try:
        target = load_model(job.output).target.name
    except (ValueError, OSError):
        return
    if target != job.target:
        voice(f"{job.output} held a model of {target!r}: it is replaced")


def _no_target(data: str) -> str:
    from ..tables.reading import read_table

    names = read_table(data).column_names
    listed = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    return f"--target is missing: name the column of {data} to learn ({listed})"
