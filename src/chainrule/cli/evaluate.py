"""``chainrule evaluate``: how good a model is on a table whose target is known."""

from __future__ import annotations

import click

from .model_options import reading_options, with_threshold
from .output import Voice, common, print_confusion, print_json, print_scores
from .train_result import class_lines


@click.command(short_help="Score a model on a table whose target is known.")
@click.argument("model")
@click.argument("data")
@reading_options
@common
def evaluate(
    model: str,
    data: str,
    threshold: float | None,
    encoding: str | None,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Score the file MODEL that `train` wrote on the table DATA, which has the target's column.

    Rows that the model was trained on flatter it: use others.

    \b
    Example:
      chainrule evaluate model.safetensors data/breast_cancer.csv
    """
    from ..tabular.model import load_model

    loaded = with_threshold(load_model(model), threshold)
    voice = Voice(quiet)
    rows = loaded.read(data, with_target=True, say=voice, encoding=encoding)
    scores, warnings = loaded.evaluate(rows)
    known = loaded.share_trained_on(rows)
    if known > 0.01:
        warnings.append(
            f"about {known:.0%} of these rows were trained on, so the scores flatter the model"
        )
    for warning in warnings:
        voice(f"warning: {warning}")
    target = loaded.target
    if as_json:
        head = {"model": model, "data": data, "target": target.name, "task": target.task}
        classes = {"classes": list(target.classes)}
        print_json(head | classes | {"scores": scores, "messages": voice.messages})
        return
    print_scores(scores)
    for line in class_lines(target.classes, scores):
        click.echo(line)
    if target.classes:
        print_confusion(target.classes, scores["confusion"])
