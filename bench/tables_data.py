"""The tables of bench/tables.py: reading them, their folds, and which of them constants may see.

A folder holds Parquet files and a ``tables.json``: a list of records with ``name``, ``file``,
``target``, ``task`` ("classes" or "regression") and ``time_column``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, StratifiedKFold

# Tables on which constants of the recipe may be chosen. Every other table is only reported.
CHOSEN_ON = (
    *("ames", "concrete", "deliveries", "car_prices", "wage", "computers", "nox", "quakes"),
    *("wagepan", "hsb82", "weather", "movielens"),
    *("attrition", "credit", "mlc_churn", "cells", "taxi", "hpc", "oj", "hmda", "email"),
    *("spam7", "flchain", "chile"),
)
# For daily work: half of them, of every kind.
GAUGE = (
    *("ames", "concrete", "computers", "weather", "quakes", "movielens"),
    *("mlc_churn", "cells", "hpc", "hmda", "email", "chile"),
)
MOST_ROWS = 10_000  # of a table; more are drawn from at random, the same for every learner
FOLDS, REPEATS, SMALL = 3, 2, 3000  # below SMALL rows the folds are drawn REPEATS times


@dataclass(frozen=True)
class Table:
    """A table: its inputs as they come, its target, and the rows of each test fold."""

    name: str
    task: str
    X: pd.DataFrame
    y: np.ndarray
    folds: tuple[tuple[np.ndarray, np.ndarray], ...]


def records(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the records of a folder's tables by name."""
    return {one["name"]: one for one in json.loads((folder / "tables.json").read_text())}


def load(folder: Path, name: str) -> Table:
    """Read a table, at most ``MOST_ROWS`` rows of it; its time column becomes dates."""
    record = records(folder)[name]
    frame = pd.read_parquet(folder / record["file"])
    if len(frame) > MOST_ROWS:
        rows = np.random.default_rng(0).choice(len(frame), MOST_ROWS, replace=False)
        frame = frame.iloc[np.sort(rows)].reset_index(drop=True)
    if record["time_column"]:
        moments = pd.to_datetime(frame[record["time_column"]], utc=True)
        frame[record["time_column"]] = moments.dt.tz_localize(None)
    y = frame.pop(record["target"]).to_numpy()
    y = y.astype(float) if record["task"] == "regression" else y.astype(str)
    kind = KFold if record["task"] == "regression" else StratifiedKFold
    folds = tuple(
        fold
        for seed in range(REPEATS if len(frame) < SMALL else 1)
        for fold in kind(FOLDS, shuffle=True, random_state=seed).split(frame, y)
    )
    return Table(name, record["task"], frame, y, folds)


def error(table: Table, test: np.ndarray, predicted: np.ndarray, classes: Any = None) -> float:
    """Return the log loss of probabilities (m, k), or sqrt(1 - R²) of numbers (m,)."""
    from sklearn.metrics import log_loss, r2_score

    if table.task == "regression":
        return float(np.sqrt(1 - r2_score(table.y[test], predicted)))
    return float(log_loss(table.y[test], predicted, labels=classes))
