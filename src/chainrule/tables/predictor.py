"""The predictor of a table's model: answers for single raw rows, and for batches of raw columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..network import Network
from ..typing import Array
from .column_names import require
from .encode_batch import encode_rows
from .encoder import Encoder
from .row_encoder import RowEncoder
from .target_encoder import TargetEncoder

# Rows encoded and predicted at a time: few enough that they stay in the cache.
ROWS_A_PASS = 4096

Outputs = Callable[[Array], Array]


class Predictor:
    """What ``predictor()`` of a table's model returns: ``f(row)`` for one raw row.

    A row is a mapping of column names to values, or a tuple of values in the order of ``names``:
    numbers, truth values, dates, words, None for a gap. ``f(row)`` is the class or the number that
    ``predict`` gives for a table of that row alone, to the same bits; words never seen and numbers
    beyond the range known count as there, without the warnings. It has the parameters of the moment
    it was made, and may be called from several threads at once.

    ``f.probabilities(row)``: of each of ``classes``. ``f.predict(columns)`` and
    ``f.predict_proba(columns)``: for a mapping of names to arrays, a DataFrame or an Arrow table.
    """

    def __init__(
        self,
        rows: RowEncoder,
        target: TargetEncoder,
        row_outputs: Callable[[Array, Sequence[Any]], Array],
        table_outputs: Callable[[Any], Array],
        probabilities: Outputs,
    ) -> None:
        self.names, self.classes = rows.names, target.classes
        self._rows, self._target = rows, target
        self._row_outputs, self._table_outputs = row_outputs, table_outputs
        self._probabilities = probabilities

    def __call__(self, row: Any) -> Any:
        """Return the class or the number predicted for a row.

        Raises ValueError and TypeError, in one sentence, for a name that is missing or not known
        and for a value that is none of its column's kind.
        """
        outputs, target = self._outputs(row), self._target
        if target.task == "regression":
            number = float(outputs[0, 0]) * target.scale + target.mean
            return min(max(number, target.low), target.high)
        if target.task == "binary":
            return target.classes[bool(outputs[0, 0] > target.threshold)]
        return target.classes[outputs.argmax()]

    def probabilities(self, row: Any) -> tuple[float, ...]:
        """Return the probability of each class for a row; raises as a call does."""
        self._require_classes()
        return tuple(self._probabilities(self._outputs(row))[0].tolist())

    def predict(self, table: Any) -> Array:
        """Return the class or number of each row of raw columns, (m,)."""
        values = self._target.decode(self._table_outputs(arrow_table(table)))
        if self._target.task == "regression":
            return values
        return np.asarray(np.asarray(self.classes)[values])

    def predict_proba(self, table: Any) -> Array:
        """Return the probability of each class for each row of raw columns, (m, k)."""
        self._require_classes()
        return self._probabilities(self._table_outputs(arrow_table(table)))

    def _outputs(self, row: Any) -> Array:
        values = self._rows.values(row)
        return self._row_outputs(self._rows.encode(values), values)

    def _require_classes(self) -> None:
        if self._target.task == "regression":
            raise ValueError("probabilities are for classes: this model predicts numbers")

    def __repr__(self) -> str:
        return f"<Predictor of {self._target.name!r} from {len(self.names)} columns>"


def arrow_table(table: Any) -> Any:
    """Return raw columns as ``pyarrow.Table``: of a mapping to arrays, a DataFrame or Arrow."""
    import pyarrow as pa

    if not isinstance(table, Mapping):
        return pa.table(table)
    return pa.table({name: _arrow(values) for name, values in table.items()})


def _arrow(values: Any) -> Any:
    import pyarrow as pa

    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    # Among objects NaN is a gap; numbers keep theirs, and are not copied.
    numbers = isinstance(values, np.ndarray) and values.dtype.kind in "biuf"
    return pa.array(values, from_pandas=not numbers)


def encoded_outputs(encoder: Encoder, network: Network, table: Any) -> Array:
    """Return a network's outputs (m, n_L) of an Arrow table, some rows at a time."""
    for name in encoder.names:
        require(table.column_names, name)
    outputs = np.empty((table.num_rows, network.sizes[-1]), network.dtype)
    X = np.empty((min(ROWS_A_PASS, table.num_rows), encoder.width), network.dtype)
    predict, start = network.predictor(threads=1), 0
    for batch in table.combine_chunks().to_batches(max_chunksize=ROWS_A_PASS):
        m = batch.num_rows
        encode_rows(encoder, batch, np.arange(m), X[:m])
        predict(X[:m], outputs[start : start + m])
        start += m
    return outputs
