"""``chainrule explain``: a page that shows both passes of a trained model, number by number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .output import Voice, common, print_json
from .output_files import check_output, force_option, is_page

if TYPE_CHECKING:
    from ..explanation import Page


@click.command(short_help="Write a page that shows forward and backward propagation.")
@click.argument("model", required=False)
@click.argument("data", required=False)
@click.option("--row", type=int, help="Row of DATA shown first [default: one of a median cost].")
@click.option(
    "--member",
    metavar="FOLD[:DESIGN]",
    help="Which network of an ensemble, as 2:binned.  [default: fold 1, the heaviest design]",
)
@click.option(
    "--output", "-o", default="explain.html", show_default=True, help="The page to write."
)
@click.option(
    "--language",
    type=click.Choice(["en", "de"]),
    default="en",
    show_default=True,
    help="The language of the page.",
)
@force_option
@common
def explain(
    model: str | None,
    data: str | None,
    row: int | None,
    member: str | None,
    language: str,
    output: str,
    force: bool,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Show both passes of the file MODEL on rows of the table DATA, which has the target's column.

    Without MODEL and DATA it is the page of the notes: a 2-2-1 network that learns XOR.
    The page holds everything it needs: open it in a browser, from disk.

    \b
    Example:
      chainrule explain model.safetensors data/breast_cancer.csv --row 3
    """
    from ..explanation import notes_page

    inputs = [source for source in (model, data) if source is not None]
    check_output("--output", output, inputs, is_page, force)
    voice = Voice(quiet)
    try:
        if model is None:
            page = notes_page(language=language)
        elif data is None:
            raise click.UsageError("DATA is missing: give the table whose rows are shown")
        else:
            page = _page_of_table(model, data, row, member, language, voice)
    except ImportError as missing:
        raise click.UsageError(str(missing)) from None
    page.save(output)
    if as_json:
        size = len(page.html.encode())
        print_json({"page": output, "bytes": size, "row": row, "messages": voice.messages})
        return
    voice(f"wrote {output}; open it in a browser")


def _page_of_table(
    model: str, data: str, row: int | None, member: str | None, language: str, voice: Voice
) -> Page:
    from ..explanation.table_page import member_page, table_page
    from ..tables.model import TableModel
    from ..tabular.members import member_network
    from ..tabular.model import EnsembleModel, load_model

    loaded = load_model(model)
    rows = loaded.read(data, with_target=True, say=voice)
    if row is not None and not 1 <= row <= rows.m:
        raise click.UsageError(f"--row {row} is not there: {data} has the rows 1 to {rows.m}")
    place = None if row is None else row - 1
    if isinstance(loaded, EnsembleModel):
        chosen = member_network(loaded, member)
        for warning in loaded.encoded(rows)[1]:
            voice(f"warning: {warning}")
        voice(
            f"the network of fold {chosen.fold + 1}, {chosen.design.name}, with {chosen.share:.0%} "
            "of the ensemble's prediction; --member FOLD:DESIGN shows another"
        )
        return member_page(loaded, chosen, rows, place, language)
    assert isinstance(loaded, TableModel)
    if member is not None:
        raise ValueError(f"--member is of an ensemble, and {model} holds one network")
    X, warnings = loaded.encoder.encode(rows, loaded.network.dtype)
    for warning in warnings:
        voice(f"warning: {warning}")
    return table_page(loaded, rows, X, place, language)
