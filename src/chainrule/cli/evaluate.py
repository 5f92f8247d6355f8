"""``chainrule evaluate``: how good a model is on a table whose target is known."""

from __future__ import annotations

import click

from .output import Voice, common, print_confusion, print_json, print_scores


@click.command(short_help="Score a model on a table whose target is known.")
@click.argument("model")
@click.argument("data")
@common
def evaluate(model: str, data: str, as_json: bool, quiet: bool, debug: bool) -> None:
    """Score the file MODEL that `train` wrote on the table DATA, which has the target's column.

    Rows that the model was trained on flatter it: use others.

    \b
    Example:
      chainrule evaluate model.safetensors data/breast_cancer.csv
    """
    from ..tables.model import TableModel

    loaded = TableModel.load(model)
    voice = Voice(quiet)
    scores, warnings = loaded.evaluate(loaded.read(data, with_target=True, say=voice))
    for warning in warnings:
        voice(f"warning: {warning}")
    target = loaded.target
    if as_json:
        head = {"model": model, "data": data, "target": target.name, "task": target.task}
        classes = {"classes": list(target.classes)}
        print_json(head | classes | {"scores": scores, "messages": voice.messages})
        return
    print_scores(scores)
    if target.classes:
        print_confusion(target.classes, scores["confusion"])
