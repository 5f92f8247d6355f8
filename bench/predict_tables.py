"""The time of serving a table's model: a raw row, and raw columns; ``predict.py`` prints it.

The model is one network of 64-32 behind an encoder. The shortest of many timings counts, as
another program on the machine only ever makes one longer.
"""

from __future__ import annotations

from collections.abc import Callable
from timeit import repeat
from typing import Any

import numpy as np
import pyarrow as pa

import chainrule as cr
from chainrule.tables.columns import columns
from chainrule.tables.encoder import Encoder
from chainrule.tables.model import TableModel
from chainrule.tables.target_encoder import TargetEncoder

ROWS = 4096
Counts = tuple[int, int, int, int]  # columns of numbers, words, dates and truth values


def arrays(numbers: int, words: int, dates: int, truths: int) -> dict[str, Any]:
    """Return random raw columns (ROWS,), some with gaps."""
    rng = np.random.default_rng(0)
    raw: dict[str, Any] = {f"number {j}": rng.normal(5, 3, ROWS) for j in range(numbers)}
    for name in list(raw)[::3]:
        raw[name][rng.random(ROWS) < 0.05] = np.nan
    for j in range(words):
        raw[f"word {j}"] = np.array([f"word {i}" for i in range(6)], object)[
            rng.integers(0, 6, ROWS)
        ]
        raw[f"word {j}"][rng.random(ROWS) < 0.05] = None
    start = np.datetime64("2022-01-01", "us")
    for j in range(dates):
        raw[f"date {j}"] = start + rng.integers(0, 900, ROWS) * np.timedelta64(86_400_000_000)
    return raw | {f"truth {j}": rng.random(ROWS) < 0.5 for j in range(truths)}


def model_of(table: Any) -> TableModel:
    encoder = Encoder.fit(columns(table))
    net = cr.Network([encoder.width, 64, 32, 1], "relu", "sigmoid", dtype="float32", seed=0)
    return TableModel(net, encoder, TargetEncoder("y", "binary", ("no", "yes")))


def shortest(call: Callable[[], Any], calls: int, timings: int = 200) -> float:
    """Return the seconds of a call."""
    return min(repeat(call, number=calls, repeat=timings)) / calls


def of_a_row(counts: Counts) -> dict[str, float]:
    """Return the seconds for a raw row by the predictor, and through a DataFrame."""
    table = pa.table(arrays(*counts))
    model = model_of(table)
    predict, row = model.predictor(), table.slice(0, 1).to_pylist()[0]
    frame = table.slice(0, 1).to_pandas()

    def through_a_frame() -> Any:
        return model.predict(columns(pa.table(frame))).words[0]

    assert predict(row) == through_a_frame()
    return {
        "predictor": shortest(lambda: predict(row), 50),
        "through a DataFrame": shortest(through_a_frame, 2, 50),
    }


def of_columns(counts: Counts) -> dict[str, float]:
    """Return the seconds a row for raw columns of NumPy and of Arrow."""
    raw = arrays(*counts)
    table = pa.table(raw)
    predict = model_of(table).predictor()
    return {
        "NumPy": shortest(lambda: predict.predict_proba(raw), 1, 1000) / ROWS,
        "Arrow": shortest(lambda: predict.predict_proba(table), 1, 1000) / ROWS,
    }


def main() -> dict[str, float]:
    """Measure and print; return seconds a row by what was done."""
    seconds: dict[str, float] = {}
    print("\na raw row of 20 columns, 64-32, float32")
    for counts in ((14, 5, 0, 1), (12, 5, 2, 1)):
        for name, time in of_a_row(counts).items():
            seconds[f"row, {listed(counts)}, {name}"] = time
            print(f"  {listed(counts)}: {time * 1e6:8.1f} µs, {name}")
    print("\nraw columns, 10 of them, 64-32, float32, one thread")
    for counts in ((10, 0, 0, 0), (7, 3, 0, 0)):
        for name, time in of_columns(counts).items():
            seconds[f"columns, {listed(counts)}, {name}"] = time
            print(f"  {listed(counts)}: {1e-6 / time:6.2f} million rows a second, {name}")
    return seconds


def listed(counts: Counts) -> str:
    kinds = ("numbers", "words", "dates", "truth values")
    return ", ".join(f"{n} {kind}" for n, kind in zip(counts, kinds, strict=True) if n)


if __name__ == "__main__":
    main()
