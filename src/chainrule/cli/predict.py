"""``chainrule predict``: what a model says of the rows of a new table."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import click

from .model_options import reading_options, with_threshold
from .output import Voice, common, print_json
from .output_files import (
    LOWER,
    PREDICTION,
    PROBABILITY,
    UPPER,
    check_output,
    force_option,
    is_table,
)


@click.command(short_help="Predict the target of a table's rows.")
@click.argument("model")
@click.argument("data")
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    help="A .csv or .parquet file to write.  [default: CSV on standard output]",
)
@click.option("--probabilities", "-p", is_flag=True, help="Give each class's probability too.")
@click.option(
    "--keep",
    "-k",
    multiple=True,
    metavar="COLUMN",
    help="Put a column of DATA beside, such as a number of each row (repeatable).",
)
@click.option(
    "--interval",
    type=float,
    metavar="SHARE",
    help="Give the bounds too between which this share of new numbers lies, as 0.9.",
)
@reading_options
@force_option
@common
def predict(
    model: str,
    data: str,
    output: str | None,
    probabilities: bool,
    keep: tuple[str, ...],
    interval: float | None,
    threshold: float | None,
    encoding: str | None,
    force: bool,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Predict the target of every row of DATA with the file MODEL that `train` wrote.

    The columns are found by name, in any order; the target's own column need not be there. Each row
    of DATA has its prediction, in order; --keep puts columns of DATA beside.

    \b
    Example:
      chainrule predict model.safetensors data/breast_cancer.csv --probabilities
    """
    from ..files.atomic import write_atomically
    from ..tabular.model import load_model

    kind = _kind(output)
    if output is not None:
        check_output("--output", output, (model, data), is_table, force)
    loaded = with_threshold(load_model(model), threshold)
    if probabilities and not loaded.target.classes:
        raise ValueError(f"{model} predicts a number: there are no --probabilities of classes")
    voice = Voice(quiet)
    predictions = loaded.predict(loaded.read(data, say=voice, encoding=encoding), interval)
    for warning in predictions.warnings:
        voice(f"warning: {warning}")
    columns = _columns(predictions, probabilities)
    columns = {**_beside(data, keep, columns, as_words=kind == ".csv"), **columns}
    if output is not None:
        write_atomically(output, _WRITERS[kind](columns))
        voice(f"wrote {len(predictions.values)} predictions of {loaded.target.name!r} to {output}")
    if as_json:
        print_json(
            {
                "model": model,
                "data": data,
                "target": loaded.target.name,
                "task": loaded.target.task,
                "rows": len(predictions.values),
                "unlike": [int(place) + 1 for place in predictions.unlike.nonzero()[0]],
                **({"output": output} if output else {"columns": columns}),
                "messages": voice.messages,
            }
        )
    elif output is None:
        click.echo(_csv(columns), nl=False)


def _kind(output: str | None) -> str:
    if output is None:
        return ".csv"
    path = Path(output)
    if path.suffix not in _WRITERS:
        known = " or ".join(_WRITERS)
        raise ValueError(f"--output {output} must end in {known}: that says what to write")
    return path.suffix


def _beside(
    data: str, names: tuple[str, ...], predicted: dict[str, Any], as_words: bool
) -> dict[str, Any]:
    """Read the columns to put beside predictions; those of a CSV file as they are written there."""
    from ..tables.columns import require, spelled
    from ..tables.reading import read_table

    if not names:
        return {}
    for name in names:
        if name in predicted:
            raise ValueError(f"--keep {name} has the name of a column of predictions: rename it")
    table = read_table(data, names)
    columns = {name: table.column(require(table.column_names, name, data)) for name in names}
    if not as_words:
        return columns
    return {name: spelled(column.to_pylist()) for name, column in columns.items()}


def _columns(predictions: Any, probabilities: bool) -> dict[str, list[Any]]:
    columns = {PREDICTION: predictions.words}
    if probabilities:
        for place, name in enumerate(predictions.target.classes):
            columns[PROBABILITY + name] = predictions.probabilities[:, place].tolist()
    if predictions.bounds is not None:
        lower, upper = predictions.bounds.T.tolist()
        columns |= {LOWER: lower, UPPER: upper}
    return columns


def _csv(columns: dict[str, list[Any]]) -> bytes:
    import csv

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    # Nine figures are all that float32, in which tables are trained, can tell apart.
    spelt = [
        [f"{value:.9g}" if isinstance(value, float) else value for value in values]
        for values in columns.values()
    ]
    writer.writerows(zip(*spelt, strict=True))
    return text.getvalue().encode("utf-8")


def _parquet(columns: dict[str, list[Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


_WRITERS = {".csv": _csv, ".parquet": _parquet}
