"""``chainrule train``: from a table to a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .output import Voice, common, print_json, print_scores


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


@click.command(short_help="Train a network on a table.")
@click.argument("data")
@click.option("--target", "-t", metavar="COLUMN", help="The column to learn.")
@click.option(
    "--task", metavar="TASK", help="binary, multiclass or regression.  [default: by the column]"
)
@click.option(
    "--hidden",
    callback=_sizes,
    metavar="SIZES",
    help="Sizes of the hidden layers, or none.  [default: 64,32]",
)
@click.option("--activation", metavar="NAME", help="Of the hidden layers.  [default: relu]")
@click.option(
    "--epochs",
    type=int,
    metavar="N",
    help="Most epochs.  [default: 100, fewer for over 20 000 rows]",
)
@click.option("--batch-size", type=int, metavar="N", help="Rows a step.  [default: by their count]")
@click.option(
    "--learning-rate",
    type=float,
    metavar="R",
    help="Length of the steps.  [default: 0.01 for adam and adamw]",
)
@click.option(
    "--optimizer",
    metavar="NAME",
    help="Such as adam, lbfgs or 'momentum(0.9)'.  [default: adamw, its decay by the rows]",
)
@click.option(
    "--schedule",
    metavar="NAME",
    help="Of the learning rate, such as constant.  [default: one_cycle]",
)
@click.option("--dropout", type=float, metavar="RATE", help="In the hidden layers.  [default: 0]")
@click.option("--l2", type=float, metavar="S", help="Penalty on weights.  [default: 0]")
@click.option(
    "--patience",
    type=int,
    metavar="N",
    help="Stop after N epochs without a better validation cost.  [default: 30]",
)
@click.option(
    "--test-share", type=float, metavar="S", help="Rows held out to test.  [default: 0.2]"
)
@click.option(
    "--validation-share",
    type=float,
    metavar="S",
    help="Rows held out to choose the epoch.  [default: 0.1, of fewer than 50 rows 0]",
)
@click.option(
    "--latest",
    metavar="COLUMN",
    help="Hold out the rows with its last dates or greatest numbers, not random ones.",
)
@click.option("--drop", multiple=True, metavar="COLUMN", help="Leave a column out (repeatable).")
@click.option("--seed", type=int, metavar="N", help="Fixes every random choice.  [default: 0]")
@click.option("--dtype", metavar="NAME", help="float32 or float64.  [default: float32]")
@click.option("--threads", type=int, metavar="N", help="Most threads to use.")
@click.option(
    "--output",
    "-o",
    default="model.safetensors",
    show_default=True,
    metavar="FILE",
    help="The model file to write.",
)
@click.option("--checkpoint", metavar="FOLDER", help="Write checkpoints to this folder.")
@click.option(
    "--checkpoint-every",
    metavar="N",
    help="After every N epochs, or with 10min by the clock.  [default: 1]",
)
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint, if there is one.")
@click.option(
    "--memory",
    metavar="SIZE",
    help="Stream a Parquet file, folder, glob or URI within so much memory.  [default: 1GB]",
)
@click.option(
    "--spool",
    default="auto",
    metavar="FOLDER",
    help="For the temporary file of a stream's encoded rows, or none.  [default: by TMPDIR]",
)
@click.option("--force", is_flag=True, help="Overwrite a file that is no model.")
@common
def train(
    data: str,
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
    **given: Any,
) -> None:
    """Train a network on the table DATA (CSV, also gzipped, Parquet or Arrow).

    What is learnt is the column named by --target; whether that is a class or a number is worked
    out from it. Everything else has a default that suits most tables. A part of the rows is held
    out, and the scores on it are the result.

    Parquet data of any size are streamed: a folder, a glob, a URI, or with --memory. Under mpiexec
    or srun all ranks train one network together, each on row groups of its own.

    \b
    Example:
      chainrule train data/breast_cancer.csv --target diagnosis
    """
    from ..engines import unbuilt
    from ..tables.fit import fit_table
    from ..tables.settings import Choices
    from .app import Stopped
    from .progress import Live
    from .stream import Job, checkpoints_asked, is_streamed, train_stream

    choices = Choices(**{name: value for name, value in given.items() if value is not None})
    kept = checkpoints_asked(checkpoint, checkpoint_every, resume)
    voice = Voice(quiet)
    if choices.engine == "auto" and unbuilt():
        voice(unbuilt())
    if target is not None and is_streamed(data, memory):

        def allowed() -> None:
            _check_output(output, data, force)

        job = Job(data, target, choices, output, memory, spool, kept, resume, as_json, allowed)
        train_stream(job, voice)
        return
    if target is None:
        raise ValueError(_no_target(data))
    _check_output(output, data, force)
    with Live(wanted=not quiet) as live:
        fitted = fit_table(
            data, target, choices, say=voice, watch=live.watch, checkpoint=kept, resume=resume
        )
    history = fitted.history
    interrupted = history.stop is not None and history.stop.reason == "interrupted"
    if interrupted and not history.epochs:
        raise Stopped("interrupted before the first epoch was done: nothing was written", 130)
    fitted.model.save(output)
    _tell(fitted, voice)
    if as_json:
        print_json(_result(fitted, data, output, voice.said))
    elif fitted.scores is not None:
        print_scores(fitted.scores, "held out", fitted.baseline, _baseline_words(fitted))
    voice(f"wrote {output}; use it with: chainrule predict {output} DATA")
    if interrupted:
        raise Stopped(f"interrupted: {output} holds what {history.epochs} epochs taught", 130)


def _no_target(data: str) -> str:
    from ..tables.reading import read_table

    names = read_table(data).column_names
    listed = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    return f"--target is missing: name the column of {data} to learn ({listed})"


def _check_output(output: str, data: str, force: bool) -> None:
    """Find out before training whether the model can be written, and would cost no other file."""
    from ..files.atomic import check_writable
    from ..files.model import read_model

    path = Path(output)
    if path.exists() and Path(data).exists() and path.samefile(data):
        raise ValueError(f"--output {output} is the table itself: name another file")
    check_writable(output)
    if path.is_file() and path.stat().st_size and not force:
        try:
            read_model(path)
        except ValueError:
            raise ValueError(
                f"--output {output} exists and is not a sound model file: name another file, or "
                "overwrite it with --force"
            ) from None


def _tell(fitted: Any, voice: Voice) -> None:
    """Say what was trained, why it stopped, and whether it was worth it."""
    split, history, net = fitted.split, fitted.history, fitted.model.network
    parts = [f"{len(split.train)} rows to train on"]
    if len(split.validation):
        parts.append(f"{len(split.validation)} to choose the epoch")
    parts.append(f"{len(split.test)} held out to test" if len(split.test) else "none to test")
    latest = fitted.model.record["settings"]["latest"]
    if latest is not None and (len(split.test) or len(split.validation)):
        parts.append(f"the last by {latest!r}")
    sizes = "-".join(map(str, net.sizes))
    voice(f"{', '.join(parts)}; network {sizes} with {net.theta.size} parameters")
    why = history.stop.message.partition(";")[0]
    kept = f"; epoch {history.stop.best_epoch} was kept" if len(split.validation) else ""
    voice(f"{history.epochs} epochs in {history.seconds[-1]:.2f} s: {why}{kept}")
    if fitted.scores is None:
        voice("no row was held out to test, so there are no scores")
    elif not _better(fitted.scores, fitted.baseline):
        voice(
            f"warning: this is no better than {_baseline_words(fitted)}: the other columns may "
            f"say little about {fitted.model.target.name!r}, or rows are too few"
        )


def _better(scores: dict[str, Any], baseline: dict[str, Any]) -> bool:
    if "rmse" in scores:
        return bool(scores["rmse"] < baseline["rmse"])
    return bool(
        scores["log_loss"] < baseline["log_loss"] or scores["accuracy"] > baseline["accuracy"]
    )


def _baseline_words(fitted: Any) -> str:
    if fitted.scores is None or "rmse" in fitted.scores:
        return "always the mean"
    confusion = fitted.baseline["confusion"]
    counts = [sum(row[place] for row in confusion) for place in range(len(confusion))]
    return f"always {fitted.model.target.classes[counts.index(max(counts))]!r}"


def _result(fitted: Any, data: str, output: str, said: list[str]) -> dict[str, Any]:
    model, record = fitted.model, fitted.model.record
    stop = record["history"]["stop"]
    return {
        "data": data,
        "model": output,
        "target": model.target.name,
        "task": model.target.task,
        "classes": list(model.target.classes),
        "rows": record["rows"],
        "features": model.encoder.feature_names,
        "sizes": list(model.network.sizes),
        "parameters": int(model.network.theta.size),
        "settings": record["settings"],
        "epochs": fitted.history.epochs,
        "best_epoch": stop["best_epoch"],
        "stop": stop["reason"],
        "seconds": fitted.history.seconds[-1],
        "scores": fitted.scores,
        "baseline": fitted.baseline,
        "messages": said,
    }
