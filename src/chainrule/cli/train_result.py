"""What ``chainrule train`` says and prints at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from .output import MOST_CLASSES_SHOWN, Voice, print_json, print_scores, spelt
from .train_job import Job

if TYPE_CHECKING:
    from ..tables.model import EncodedModel
    from ..tables.recipe import Fitted
    from ..tables.target import TargetEncoder
    from ..tables.testing import Tested
    from ..tabular.model import EnsembleModel
    from ..tabular.table_fit import FittedTable


# Scores of a class as they are called in a sentence.
_CALLED = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "average_precision": "average precision",
}


# The columns that are worth most are said, so many of them.
COLUMNS_SAID = 5


def print_result(job: Job, fitted: Fitted, voice: Voice, ranks: int = 0) -> None:
    """Say what was trained and why it stopped, and print the scores; ``ranks``: of a stream."""
    _describe(job, fitted, voice, ranks)
    _warn(fitted.tested, fitted.model.target, voice)
    if job.as_json:
        print_json(_record(job, fitted, voice.messages, ranks))
    else:
        _print_tested(fitted.tested, fitted.model.target, "held out")
    voice(f"wrote {job.output}; use it with: chainrule predict {job.output} DATA")


def print_ensemble(job: Job, fitted: FittedTable, voice: Voice, seconds: float) -> None:
    """Say what an ensemble is made of and what its columns are worth, and print the scores."""
    model, count = fitted.model, fitted.rows["scored"]
    ensemble = model.ensemble
    networks = len(ensemble) * len(ensemble.designs)
    voice(
        f"an ensemble, as no option asks for one network: {networks} networks on "
        f"{len(ensemble)} folds of {fitted.rows['all']} rows, in {seconds:.2f} s"
    )
    _warn(fitted.tested, model.target, voice)
    if job.as_json:
        print_json(_ensemble_record(job, fitted, voice.messages, seconds))
    else:
        which = (
            "out of fold" if count == fitted.rows["all"] else f"the last by {job.choices.latest!r}"
        )
        _print_tested(fitted.tested, model.target, which)
        click.echo(worth_line(model))
    voice(f"wrote {job.output}; use it with: chainrule predict {job.output} DATA")


def worth_line(model: EnsembleModel) -> str:
    """Return what the columns that matter most are worth: the rise of the out-of-fold loss."""
    rises = model.out_of_fold.importances
    loss = "squared error by variance" if model.target.task == "regression" else "log loss"
    order = np.argsort(-rises, kind="stable")[:COLUMNS_SAID]
    parts = [f"{model.encoder.names[j]} {rises[j]:.3f}" for j in order.tolist()]
    more = len(rises) - len(parts)
    rest = f", {more} more" if more else ""
    return f"what columns are worth (rise of the {loss} when shuffled): {', '.join(parts)}{rest}"


def _print_tested(tested: Tested, target: TargetEncoder, which: str) -> None:
    """Print the scores of some rows, and of each class."""
    if tested.scores is None:
        return
    words = _baseline_words(tested.baseline, target)
    print_scores(tested.scores, which, tested.baseline, words, tested.errors)
    for line in class_lines(target.classes, tested.scores):
        click.echo(line)


def _warn(tested: Tested, target: TargetEncoder, voice: Voice) -> None:
    """Say whether a model was worth it."""
    if tested.scores is None:
        voice("no row was held out to test, so there are no scores")
        return
    worse = _worse(tested.scores, tested.baseline or {})
    if worse:
        voice(
            f"warning: by {' and '.join(worse)} no better than "
            f"{_baseline_words(tested.baseline, target)}: the other columns may say little about "
            f"{target.name!r}, or rows are too few"
        )


def _describe(job: Job, fitted: Fitted, voice: Voice, ranks: int) -> None:
    """Say what was trained, and why it stopped."""
    rows, history, net = fitted.rows, fitted.history, fitted.model.network
    assert history.stop is not None
    parts = [f"{rows['train']} rows to train on"]
    if rows["validation"]:
        parts.append(f"{rows['validation']} to choose the epoch")
    parts.append(f"{rows['test']} held out to test" if rows["test"] else "none to test")
    latest = fitted.model.record["settings"]["latest"]
    if latest is not None and (rows["test"] or rows["validation"]):
        parts.append(f"the last by {latest!r}")
    sizes = "-".join(map(str, net.sizes))
    spread = f" on {ranks} rank{'s' * (ranks > 1)}" if ranks else ""
    why = _why_one(job)
    voice(
        f"{', '.join(parts)}; one network, {why}: {sizes} with {net.theta.size} parameters{spread}"
    )
    why = history.stop.message.partition(";")[0]
    best = f"; epoch {history.stop.best_epoch} was kept" if rows["validation"] else ""
    voice(f"{history.epochs} epochs in {history.seconds[-1]:.2f} s: {why}{best}")


def _why_one(job: Job) -> str:
    """Return why one network is trained and no ensemble."""
    if job.network:
        return f"as {job.network[0]} asks for"
    return "as an ensemble takes tables in memory alone"


def _worse(scores: dict[str, Any], baseline: dict[str, Any]) -> list[str]:
    """Return the scores by which the model is no better than the constant guess."""
    from ..training.metrics import SCORES

    worse = []
    for name, score in SCORES.items():
        value, guess = scores.get(name), baseline.get(name)
        if value is None or guess is None:
            continue
        gain = value - guess if score.greater_is_better else guess - value
        # As accurate as the constant guess is no fault where the other scores are better.
        if gain < 0 or (gain == 0 and name != "accuracy"):
            worse.append(score.label)
    return worse


def class_lines(classes: Sequence[str], scores: dict[str, Any]) -> list[str]:
    """Return what is printed of classes, at most one line: how many of their rows are found."""
    if not classes:
        return []
    counts = np.array(scores["confusion"])
    rows, right = counts.sum(axis=1), np.diag(counts)
    lines = []
    if len(classes) == 2:
        names = ("precision", "recall", "f1", "average_precision")
        parts = [f"{_CALLED[name]} {spelt(scores.get(name))}" for name in names]
        lines.append(
            f"{classes[1]!r}: {', '.join(parts)}; {right[1]} of {rows[1]} found, "
            f"{counts[0][1]} of {rows[0]} {classes[0]!r} taken for it"
        )
    elif len(classes) <= MOST_CLASSES_SHOWN:
        parts = [f"{c!r} {r} of {n}" for c, r, n in zip(classes, right, rows, strict=True)]
        lines.append(f"found: {', '.join(parts)}")
    never = [c for c, r, n in zip(classes, right, rows, strict=True) if n and not r]
    if never:
        listed = ", ".join(map(repr, never[:5])) + (", ..." if len(never) > 5 else "")
        lines.append(f"never found: {listed} (--class-weight balanced may help)")
    return ["; ".join(lines)] if lines else []


def _baseline_words(baseline: Mapping[str, Any] | None, target: TargetEncoder) -> str:
    """Return what the baseline always predicts."""
    if baseline is None or "rmse" in baseline:
        return "always predicting the mean"
    confusion = baseline["confusion"]
    counts = [sum(row[place] for row in confusion) for place in range(len(confusion))]
    return f"always {target.classes[counts.index(max(counts))]!r}"


def _ensemble_record(
    job: Job, fitted: FittedTable, messages: list[str], seconds: float
) -> dict[str, Any]:
    model = fitted.model
    ensemble, rises = model.ensemble, model.out_of_fold.importances.tolist()
    return _head(job, model) | {
        "rows": fitted.rows,
        "members": len(ensemble),
        "designs": {
            design.name: float(weight)
            for design, weight in zip(ensemble.designs, ensemble.weights, strict=True)
        },
        "settings": model.record["settings"],
        "seconds": seconds,
        "importances": dict(zip(model.encoder.names, rises, strict=True)),
        **_scores(fitted.tested),
        "messages": messages,
    }


def _head(job: Job, model: EncodedModel) -> dict[str, Any]:
    from ..tables.parquet_dataset import without_secrets

    return {
        "data": " ".join(map(without_secrets, job.data)),
        "model": job.output,
        "target": model.target.name,
        "task": model.target.task,
        "classes": list(model.target.classes),
        "features": model.encoder.feature_names,
    }


def _scores(tested: Tested) -> dict[str, Any]:
    return {"scores": tested.scores, "errors": tested.errors, "baseline": tested.baseline}


def _record(job: Job, fitted: Fitted, messages: list[str], ranks: int) -> dict[str, Any]:
    model, history = fitted.model, fitted.history
    assert history.stop is not None
    return _head(job, model) | {
        "rows": fitted.rows if ranks else model.record["rows"],
        **({"ranks": ranks} if ranks else {}),
        "sizes": list(model.network.sizes),
        "parameters": int(model.network.theta.size),
        "settings": model.record["settings"],
        "epochs": history.epochs,
        "best_epoch": history.stop.best_epoch,
        "stop": history.stop.reason,
        "seconds": history.seconds[-1],
        **_scores(fitted.tested),
        "messages": messages,
    }
