"""``chainrule export``: a model as a file that other programs run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .output import Voice, common, print_json
from .output_files import check_output, force_option, is_onnx


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
@force_option
@common
def export(
    model: str,
    format_name: str,
    output: str | None,
    data: str | None,
    force: bool,
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
    from ..interop.onnx import to_onnx

    path = str(Path(model).with_suffix(".onnx")) if output is None else output
    inputs = [source for source in (model, data) if source is not None]
    check_output("--output", path, inputs, is_onnx, force)
    loaded, rows = _loaded(model, data)
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
    if not _is_estimator(model):
        from ..tabular.model import load_model

        table_model = load_model(model)
        return table_model, None if data is None else table_model.read(data)
    try:
        from ..estimators import load
    except ImportError as error:
        raise ValueError(str(error)) from None
    from ..tables.reading import read_table

    loaded, rows = load(model), None if data is None else read_table(data)
    if rows is not None:
        names = list(getattr(loaded, "feature_names_in_", rows.column_names))
        rows = rows.select(names).to_pandas()
    return loaded, rows


def _is_estimator(model: str) -> bool:
    """Return whether a model file is of an estimator of ``chainrule.estimators``."""
    from ..files.model import read_model
    from ..files.network import load_network

    metadata = read_model(model)[1]
    record = metadata.get("record") if "ensemble" in metadata else load_network(model).record
    return isinstance(record, dict) and "estimator" in record
