"""``chainrule check``: is the gradient that trained a model right?"""

from __future__ import annotations

import click

from .output import Voice, colour, common, print_json
from .output_files import check_output, force_option, is_page

ROWS = 256


@click.command(short_help="Check a model's gradient numerically: right, wrong, where and why.")
@click.argument("model")
@click.argument("data")
@click.option(
    "--rows", type=click.IntRange(1), default=ROWS, show_default=True,
    help="Use at most so many rows, taken evenly.",
)  # fmt: skip
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="Stop after this time.")
@click.option("--html", type=click.Path(dir_okay=False), help="Also write the report as a page.")
@force_option
@common
def check(
    model: str,
    data: str,
    rows: int,
    seconds: float | None,
    html: str | None,
    force: bool,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Check the gradient of every parameter of MODEL on the table DATA, which has the target.

    Exit code: 0 every entry is right, 1 one is wrong, 4 it cannot be decided.

    \b
    Example:
      chainrule check model.safetensors data/breast_cancer.csv
    """
    import numpy as np

    from ..gradcheck import check_network
    from ..gradcheck.render import printed
    from ..tables.columns import require
    from ..tables.model import TableModel

    if html is not None:
        check_output("--html", html, (model, data), is_page, force)
    loaded = TableModel.load(model)
    voice = Voice(quiet)
    table = loaded.read(data, with_target=True, say=voice)
    X, warnings = loaded.encoder.encode(table, loaded.network.dtype)
    y = loaded.target.values_of(table[require(table, loaded.target.name)])
    for warning in warnings:
        voice(f"warning: {warning}")
    if len(X) > rows:
        voice(f"checked on {rows} of {len(X)} rows: --rows takes more")
        chosen = np.linspace(0, len(X) - 1, rows).astype(int)
        X, y = X[chosen], y[chosen]
    report = check_network(
        loaded.network, X, loaded.target.encode(y, "float64"), seconds=seconds, progress=not quiet
    )
    if html is not None:
        from ..files.atomic import write_atomically
        from ..gradcheck.html import document

        write_atomically(html, document(report).encode())
    if as_json:
        print_json({"model": model, "data": data, **report.to_dict(), "messages": voice.messages})
    else:
        import sys

        click.echo(printed(report, colour() is None and sys.stdout.isatty()).rstrip("\n"))
    if report.exit_code:
        click.get_current_context().exit(report.exit_code)
