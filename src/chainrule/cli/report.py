"""``chainrule report``: a page on a trained model, on how it learnt and how good it is."""

from __future__ import annotations

from pathlib import Path

import click

from .output import Voice, common, print_json
from .output_files import check_output, force_option, is_page


@click.command(short_help="Write a page on how a model learnt and how good it is.")
@click.argument("model")
@click.argument("data")
@click.option("--output", "-o", default="report.html", show_default=True, help="The page to write.")
@force_option
@common
def report(
    model: str,
    data: str,
    output: str,
    force: bool,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Report on the file MODEL that `train` wrote, on the table DATA with the target's column.

    If DATA is the table that the model was trained on, the rows held out then are scored.

    \b
    Example:
      chainrule report model.safetensors data/breast_cancer.csv
    """
    from ..explanation.model_report import report as report_on
    from ..tabular.model import load_model

    check_output("--output", output, (model, data), is_page, force)
    loaded = load_model(model)
    voice = Voice(quiet)
    rows = loaded.read(data, with_target=True, say=voice)
    try:
        page = report_on(loaded, rows, Path(data).name, lambda line: voice(f"warning: {line}"))
    except ImportError as missing:
        raise click.UsageError(str(missing)) from None
    page.save(output)
    if as_json:
        order = [{"column": one.name, "rise": one.mean} for one in page.importance]
        print_json(
            {
                "page": output,
                "scores": page.scores,
                "importance": order,
                "messages": voice.messages,
            }
        )
        return
    voice(f"wrote {output}; open it in a browser")
