"""``chainrule export``: a model as a file that other programs run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .output import Voice, common, print_json


@click.command(short_help="Write a model as ONNX, for other programs to run.")
@click.argument("model")
@click.option(
    "--to", "format_name", type=click.Choice(["onnx"]), default="onnx", show_default=True,
    help="What to write.",
)  # fmt: skip
@click.option(
    "--output", "-o", metavar="FILE", help="The file to write.  [default: MODEL with .onnx]"
)
@click.option("--data", metavar="FILE", help="A table on which to compare it with our predictions.")
@common
def export(
    model: str,
    format_name: str,
    output: str | None,
    data: str | None,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Write the file MODEL, encoder included, in the format that onnxruntime runs on raw columns.

    What is written is first run and compared with our own predictions.

    \b
    Example:
      chainrule export model.safetensors --to onnx
    """
    from ..files.atomic import check_writable
    from ..interop.onnx import to_onnx

    path = str(Path(model).with_suffix(".onnx")) if output is None else output
    if Path(path).resolve() in {Path(p).resolve() for p in (model, data) if p is not None}:
        raise ValueError(f"{path} is what is read: name another file with --output")
    loaded, rows = _loaded(model, data)
    check_writable(path)
    try:
        size = len(to_onnx(loaded, path, rows))
    except ImportError as error:
        raise ValueError(str(error)) from None
    if as_json:
        print_json({"model": model, "format": format_name, "file": path, "bytes": size})
        return
    Voice(quiet)(f"{path}: {size} bytes, opset 17; onnxruntime predicts what we predict")


def _loaded(model: str, data: str | None) -> tuple[Any, Any]:
    """Return the model in a file, of a table or an estimator, and the rows to compare it on."""
    from ..files.network import load_network

    record = load_network(model).record
    if isinstance(record, dict) and "estimator" in record:
        try:
            from ..estimators import load
        except ImportError as error:
            raise ValueError(str(error)) from None
        from ..tables.reading import read_table

        rows = None if data is None else read_table(data)
        loaded = load(model)
        if rows is not None:
            names = list(getattr(loaded, "feature_names_in_", rows.column_names))
            rows = rows.select(names).to_pandas()
        return loaded, rows
    from ..tables.model import TableModel

    table_model = TableModel.load(model)
    return table_model, None if data is None else table_model.read(data)
