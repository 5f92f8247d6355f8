"""``chainrule explain``: a page that shows both passes of a trained model, number by number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .output import Voice, common, print_json

if TYPE_CHECKING:
    from ..tables.target import TargetEncoder


@click.command(short_help="Write a page that shows forward and backward propagation.")
@click.argument("model")
@click.argument("data")
@click.option("--row", type=int, default=1, show_default=True, help="Row of DATA shown first.")
@click.option(
    "--output", "-o", default="explain.html", show_default=True, help="The page to write."
)
@common
def explain(
    model: str, data: str, row: int, output: str, as_json: bool, quiet: bool, debug: bool
) -> None:
    """Show both passes of the file MODEL on rows of the table DATA, which has the target's column.

    The page holds everything it needs: open it in a browser, from disk.

    \b
    Example:
      chainrule explain model.safetensors data/breast_cancer.csv --row 3
    """
    from ..explanation import explain as page_of
    from ..files.atomic import check_writable
    from ..tables.model import TableModel
    from ..tables.target import STANDARD_Y

    check_writable(output)
    loaded = TableModel.load(model)
    voice = Voice(quiet)
    rows = loaded.read(data, with_target=True, say=voice)
    X, warnings = loaded.encoder.encode(rows, loaded.network.dtype)
    for warning in warnings:
        voice(f"warning: {warning}")
    if not 1 <= row <= len(X):
        raise click.UsageError(f"--row {row} is not there: {data} has the rows 1 to {len(X)}")
    target = loaded.target
    y = target.encode(target.values_of(rows[target.name]), loaded.network.dtype)
    outputs = target.classes if target.task == "multiclass" else [output_name(target)]
    try:
        page = page_of(
            loaded.network,
            X,
            y,
            inputs=loaded.encoder.feature_names,
            outputs=outputs,
            row=row - 1,
            first_row=1,
            title=f"How {target.name} is predicted, and learnt",
            notes=loaded.encoder.sentences + [STANDARD_Y] * (target.task == "regression"),
        )
    except ImportError as missing:
        raise click.UsageError(str(missing)) from None
    page.save(output)
    if as_json:
        size = len(page.html.encode())
        print_json({"page": output, "bytes": size, "row": row, "messages": voice.messages})
        return
    voice(f"wrote {output}; open it in a browser")


def output_name(target: TargetEncoder) -> str:
    """Return the name of a single output: the class whose probability it is, or the target."""
    return f"{target.name} = {target.classes[1]}" if target.task == "binary" else target.name
