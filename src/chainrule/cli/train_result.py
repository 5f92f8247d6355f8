"""What ``chainrule train`` says and prints at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from .output import MOST_CLASSES_SHOWN, Voice, print_json, print_scores, spelt
from .train_job import Job

if TYPE_CHECKING:
    from ..tables.recipe import Fitted


# Scores of a class as they are called in a sentence.
_CALLED = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "average_precision": "average precision",
}


def print_result(job: Job, fitted: Fitted, voice: Voice, ranks: int = 0) -> None:
    """Say what was trained and why it stopped, and print the scores; ``ranks``: of a stream."""
    _describe(fitted, voice, ranks)
    if job.as_json:
        print_json(_record(job, fitted, voice.messages, ranks))
    elif fitted.scores is not None:
        words = _baseline_words(fitted)
        print_scores(fitted.scores, "held out", fitted.baseline, words, fitted.errors)
        for line in class_lines(fitted.model.target.classes, fitted.scores):
            click.echo(line)
    voice(f"wrote {job.output}; use it with: chainrule predict {job.output} DATA")


def _describe(fitted: Fitted, voice: Voice, ranks: int) -> None:
    """Say what was trained, why it stopped, and whether it was worth it."""
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
    voice(f"{', '.join(parts)}; network {sizes} with {net.theta.size} parameters{spread}")
    why = history.stop.message.partition(";")[0]
    best = f"; epoch {history.stop.best_epoch} was kept" if rows["validation"] else ""
    voice(f"{history.epochs} epochs in {history.seconds[-1]:.2f} s: {why}{best}")
    if fitted.scores is None:
        voice("no row was held out to test, so there are no scores")
    elif fitted.baseline is not None:
        worse = _worse(fitted.scores, fitted.baseline)
        if worse:
            voice(
                f"warning: by {' and '.join(worse)} no better than {_baseline_words(fitted)}: the "
                f"other columns may say little about {fitted.model.target.name!r}, or rows are "
                "too few"
            )


def _worse(scores: dict[str, Any], baseline: dict[str, Any]) -> list[str]:
    """Return the scores by which the model is no better than the constant guess."""
    from ..tables.scores import LABELS, SMALLER_IS_BETTER

    worse = []
    for name, label in LABELS.items():
        value, guess = scores.get(name), baseline.get(name)
        if value is None or guess is None:
            continue
        gain = guess - value if name in SMALLER_IS_BETTER else value - guess
        # As accurate as the constant guess is no fault where the other scores are better.
        if gain < 0 or (gain == 0 and name != "accuracy"):
            worse.append(label)
    return worse


def class_lines(classes: Sequence[str], scores: dict[str, Any]) -> list[str]:
    """Return what is printed of each class: how many of its rows are found."""
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
    return lines


def _baseline_words(fitted: Fitted) -> str:
    """Return what the baseline always predicts."""
    if fitted.baseline is None or "rmse" in fitted.baseline:
        return "always predicting the mean"
    confusion = fitted.baseline["confusion"]
    counts = [sum(row[place] for row in confusion) for place in range(len(confusion))]
    return f"always {fitted.model.target.classes[counts.index(max(counts))]!r}"


def _record(job: Job, fitted: Fitted, messages: list[str], ranks: int) -> dict[str, Any]:
    from ..tables.parquet_dataset import without_secrets

    model, history = fitted.model, fitted.history
    assert history.stop is not None
    return {
        "data": " ".join(map(without_secrets, job.data)),
        "model": job.output,
        "target": model.target.name,
        "task": model.target.task,
        "classes": list(model.target.classes),
        "rows": fitted.rows if ranks else model.record["rows"],
        **({"ranks": ranks} if ranks else {}),
        "features": model.encoder.feature_names,
        "sizes": list(model.network.sizes),
        "parameters": int(model.network.theta.size),
        "settings": model.record["settings"],
        "epochs": history.epochs,
        "best_epoch": history.stop.best_epoch,
        "stop": history.stop.reason,
        "seconds": history.seconds[-1],
        "scores": fitted.scores,
        "errors": fitted.errors,
        "baseline": fitted.baseline,
        "messages": messages,
    }
