"""The check of an ONNX export: onnxruntime's results beside our own prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..network import Network
from ..tables.columns import Column, Columns, as_numbers, as_text
from ..tables.word_numbers import word_numbers
from ..tabular import Rows, TableEnsemble
from ..typing import Floats

# Largest difference from our own prediction: relative to the larger of 1, the value and its scale.
TOLERANCE = 1e-5
ROWS_TO_CHECK = 64

Meaning = Literal["classes", "labels", "numbers", "outputs"]
OUTPUT_NAMES: Mapping[Meaning, tuple[str, ...]] = {
    "classes": ("label", "probabilities"),
    "labels": ("label", "probabilities"),
    "numbers": ("variable",),
    "outputs": ("variable",),
}


@dataclass(frozen=True, slots=True)
class Exported:
    """What is exported: a network or an ensemble, how its inputs are encoded, what outputs mean.

    ``words``: the words of each column with target statistics of an ensemble. ``orders``: those of
    each column of ordered words, which are numbered from 1 on before they are encoded.
    """

    model: Network | TableEnsemble
    encoder: Any  # tables.encoder.Encoder, or None
    by_columns: bool
    meaning: Meaning
    classes: Any = None
    mean: Any = 0.0
    scale: Any = 1.0
    ends: tuple[float, float] | None = None  # of the numbers predicted
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    threshold: float = 0.5  # of the probability of the second of two classes
    names: Sequence[str] = ()  # of a matrix's columns, where the encoder may take some of them

    @property
    def network(self) -> Network:
        """Return the network, or one of the ensemble's: all have its outputs and its dtype."""
        model = self.model
        return model if isinstance(model, Network) else model.members[0].networks[0]

    @property
    def columns(self) -> list[str]:
        """Return the names of the graph's inputs where there is one for each column."""
        return self.encoder.names if self.by_columns else []

    @property
    def n_in(self) -> int:
        """Return the number of columns of the matrix that it takes."""
        if self.names:
            return len(self.names)
        return len(self.encoder.features) if self.encoder else self.network.sizes[0]

    def outputs(self, rows: Columns | Floats) -> Floats:
        """Return the model's outputs (m, k) of columns, or of a matrix (m, n)."""
        if self.encoder is None:
            return self.network.predict(np.asarray(rows, self.network.dtype))
        if not isinstance(rows, Columns):
            names = self.names or self.encoder.names
            each = zip(names, np.asarray(rows, np.float64).T, strict=True)
            rows = Columns({n: Column(n, "float", values) for n, values in each}, len(rows))
        if isinstance(self.model, Network):
            return self.model.predict(self.encoder.encode(rows, self.network.dtype)[0])
        encoded = self.encoder.encode(rows, np.float64)[0]
        return self.model.outputs(Rows(encoded, word_numbers(rows, self.words)))


def run(
    data: bytes, rows: Any, orders: Mapping[str, tuple[str, ...]] | None = None
) -> dict[str, Any]:
    """Run an ONNX file on a matrix or on columns with onnxruntime; return outputs by name.

    ``orders``: see ``Exported``; the columns hold the numbers.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()
    if hasattr(rows, "columns"):
        several = {i.name: _in_words(rows[i.name], (orders or {}).get(i.name)) for i in inputs}
        feed = {i.name: _tensor(several[i.name], i.type) for i in inputs}
    else:
        dtype = np.float64 if "double" in inputs[0].type else np.float32
        feed = {inputs[0].name: np.ascontiguousarray(rows, dtype)}
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def _in_words(column: Column, order: tuple[str, ...] | None) -> Column:
    """Return a column of numbered words as words; any other as it is."""
    if order is None:
        return column
    words = np.empty(len(column.values), object)
    words[:] = [None if x != x else order[int(x) - 1] for x in column.values.tolist()]
    return Column(column.name, "text", words)


def _tensor(column: Any, kind: str) -> Any:
    if "string" in kind:
        texts = as_text(column).tolist()
        return np.array(["" if text is None else text for text in texts], object)[:, None]
    if column.kind == "text":
        truths = {None: np.nan, "true": 1.0, "false": 0.0}
        words = [w if w is None else w.strip().lower() for w in column.values.tolist()]
        if set(words) <= set(truths):
            return np.array([truths[w] for w in words])[:, None]
        return as_numbers(column)[:, None]
    return np.asarray(column.values, np.float64)[:, None]


def compare(exported: Exported, data: bytes, rows: Any) -> None:
    """Raise ValueError if onnxruntime's results are not our own. ``rows``: None for random ones."""
    rows = _random_rows(exported) if rows is None else rows
    outputs, predictions = run(data, rows, exported.orders), expected(exported, rows)
    for name, values in predictions.items():
        if name == "label":
            continue
        size = np.maximum(1.0, np.maximum(np.abs(values), np.abs(exported.scale)))
        far = np.abs(outputs[name].astype(np.float64) - values) / size
        if not (far <= TOLERANCE).all():
            raise ValueError(
                f"the ONNX export gives {name} that differ by {far.max():.2g} from our own: it was "
                "not written"
            )
    if "label" in predictions:
        sure = _sure(predictions["probabilities"], exported)
        if not (outputs["label"][sure] == predictions["label"][sure]).all():
            raise ValueError("the ONNX export gives other labels than our own: it was not written")


def _sure(p: Any, exported: Exported) -> Any:
    """Return which labels are no toss-up within the tolerance."""
    if exported.meaning == "labels":
        return np.abs(p - 0.5) > TOLERANCE
    if p.shape[1] == 2:
        return np.abs(p[:, 1] - exported.threshold) > TOLERANCE
    top = np.sort(p, axis=1)
    return top[:, -1] - top[:, -2] > 2 * TOLERANCE


def _random_rows(exported: Exported) -> Any:
    """Return rows in the range trained on, with gaps and words never seen where there may be."""
    rng = np.random.default_rng(0)
    m = ROWS_TO_CHECK
    if exported.encoder is None:
        return rng.standard_normal((m, exported.n_in)).astype(exported.network.dtype)
    columns = [_random_column(f, m, rng, exported) for f in exported.encoder.features]
    if exported.by_columns:
        return Columns({c.name: c for c in columns}, m)
    known = {c.name: c.values for c in columns}
    names = exported.names or list(known)
    return np.column_stack([np.nan_to_num(known.get(name, np.zeros(m))) for name in names])


def _random_column(feature: Any, m: int, rng: Any, exported: Exported) -> Any:
    if feature.kind == "category":
        words, several = np.empty(m, object), exported.words.get(feature.name, feature.words)
        words[:] = rng.choice([*filter(None, several), "\N{SECTION SIGN}unseen"], m)
        words[rng.random(m) < 0.1] = None
        return Column(feature.name, "text", words)
    if feature.name in exported.orders:
        values = rng.integers(1, len(exported.orders[feature.name]) + 1, m).astype(np.float64)
    elif feature.kind == "boolean":
        values = rng.integers(0, 2, m).astype(np.float64)
    else:
        values = feature.mean + feature.scale * rng.standard_normal(m)
    if feature.missing:
        values[rng.random(m) < 0.1] = np.nan
    kinds: Any = {"boolean": "boolean", "date": "date"}
    return Column(feature.name, kinds.get(feature.kind, "float"), values)


def expected(exported: Exported, rows: Any) -> dict[str, Any]:
    """Return our own outputs for a matrix or for columns, by the names of the ONNX outputs."""
    y = exported.outputs(rows)
    if exported.meaning in ("numbers", "outputs"):
        numbers = y.astype(np.float64) * exported.scale + exported.mean
        return {"variable": numbers if exported.ends is None else numbers.clip(*exported.ends)}
    if exported.meaning == "labels":
        return {"label": (y > 0.5).astype(np.int64), "probabilities": y}
    one = y.shape[1] == 1
    p = np.column_stack([1 - y[:, 0], y[:, 0]]) if one else y
    places = (y[:, 0] > exported.threshold).astype(int) if one else np.argmax(y, axis=1)
    return {"label": np.asarray(exported.classes)[places], "probabilities": p}
