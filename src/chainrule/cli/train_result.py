"""What ``chainrule train`` says and prints at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .output import Voice, print_json, print_scores
from .train_job import Job

if TYPE_CHECKING:
    from ..tables.recipe import Fitted


def print_result(job: Job, fitted: Fitted, voice: Voice, ranks: int = 0) -> None:
    """Say what was trained and why it stopped, and print the scores; ``ranks``: of a stream."""
    _describe(fitted, voice, ranks)
    if job.as_json:
        print_json(_record(job, fitted, voice.messages, ranks))
    elif fitted.scores is not None:
        print_scores(fitted.scores, "held out", fitted.baseline, _baseline_words(fitted))
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
    elif fitted.baseline is not None and not _better(fitted.scores, fitted.baseline):
        voice(
            f"warning: no better than {_baseline_words(fitted)}: the other columns may "
            f"say little about {fitted.model.target.name!r}, or rows are too few"
        )


def _better(scores: dict[str, Any], baseline: dict[str, Any]) -> bool:
    if "rmse" in scores:
        return bool(scores["rmse"] < baseline["rmse"])
    return bool(
        scores["log_loss"] < baseline["log_loss"] or scores["accuracy"] > baseline["accuracy"]
    )


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
        "baseline": fitted.baseline,
        "messages": messages,
    }
