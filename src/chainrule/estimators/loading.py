"""Loading: from a model file to the estimator that wrote it."""

from __future__ import annotations

import os
from typing import Any

from ..files.model import read_model
from .persistence import load_estimator
from .table_classifier import TableClassifier
from .table_files import load_table_model
from .table_regressor import TableRegressor

TABLE_MODELS = {kind.__name__: kind for kind in (TableClassifier, TableRegressor)}


def load(path: str | os.PathLike[str]) -> Any:
    """Read an estimator that ``save`` wrote.

    Raises ValueError, in one sentence, for any other file and for a damaged one.
    """
    metadata = read_model(path)[1]
    record = metadata.get("record")
    described = record.get("estimator") if isinstance(record, dict) else None
    if "ensemble" in metadata and isinstance(described, dict):
        kind = TABLE_MODELS.get(str(described.get("class")))
        if kind is not None:
            return load_table_model(path, kind)
    return load_estimator(path)
