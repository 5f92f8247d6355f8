"""The page of a table's model: columns by name, values as the table has them, ŷ in its unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .model_report import history_of
from .page import Page, explain

if TYPE_CHECKING:
    from ..tables.columns import Columns
    from ..tables.model import TableModel
    from ..tables.target import TargetEncoder


def table_page(
    model: TableModel, rows: Columns, X: npt.NDArray[np.floating], row: int | None = None
) -> Page:
    """Return the page of a model on rows with their target; X (m, n_0) are the rows encoded.

    Raises as ``explain`` does.
    """
    from ..tables.target import STANDARD_Y

    net, target = model.network, model.target
    regression = target.task == "regression"
    settings = model.record.get("settings") if isinstance(model.record, dict) else None
    history = history_of(model.record)
    if history is not None:
        history.snapshots[:] = model.snapshots
    return explain(
        net,
        X,
        target.encode(target.values_of(rows[target.name]), net.dtype),
        history=history,
        inputs=model.encoder.feature_names,
        outputs=target.classes if target.task == "multiclass" else [output_name(target)],
        row=row,
        first_row=1,
        title=f"How {target.name} is predicted, and learnt",
        notes=model.encoder.sentences + [STANDARD_Y] * regression,
        own=own_values(model, rows),
        target=(target.mean, target.scale) if regression else None,
        training=training_of(settings),
    )


def output_name(target: TargetEncoder) -> str:
    """Return the name of a single output: the class whose probability it is, or the target."""
    return f"{target.name} = {target.classes[1]}" if target.task == "binary" else target.name


def own_values(model: TableModel, rows: Columns) -> list[list[str]]:
    """Return the table's own value behind every input (m, n_0), as text."""
    from ..tables.columns import as_text

    columns = [
        ["" if value is None else str(value) for value in as_text(rows[feature.name]).tolist()]
        for feature in model.encoder.features
        for _ in feature.names
    ]
    return [list(line) for line in zip(*columns, strict=True)]


def training_of(settings: object) -> dict[str, object]:
    """Return optimizer, learning rate and batch size of a model file's record, where it has them.

    What a page cannot train with is left out: another optimizer than those of the table.
    """
    from ..mathematics.optimizers import OPTIMIZERS

    known = settings if isinstance(settings, dict) else {}
    name = str(known.get("optimizer") or "")
    if name.split("(")[0] not in OPTIMIZERS:
        return {}
    return {key: known.get(key) for key in ("optimizer", "learning_rate", "batch_size")}
