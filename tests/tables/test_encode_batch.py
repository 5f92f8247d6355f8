"""Batches encoded from Arrow's buffers are what the encoder makes of tables, bit by bit."""

import re
from typing import Any

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")
from hypothesis import given
from hypothesis import strategies as st

from chainrule.engines import native_rows as rows
from chainrule.tables import encode_batch as module
from chainrule.tables.columns import columns
from chainrule.tables.encode_batch import encode_batch
from chainrule.tables.encoder import Encoder

WORDS = st.sampled_from(["a", "b", "c", "", "ü", "true", "7"])
TYPES: dict[str, tuple[Any, Any]] = {
    "i8": (pa.int8(), st.integers(-128, 127)),
    "u64": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "f32": (pa.float32(), st.floats(width=32, allow_infinity=False)),
    "f64": (pa.float64(), st.floats(-1e200, 1e200) | st.just(float("nan"))),
    "big": (pa.float64(), st.floats(1e307, 1.7e308) | st.floats(-1.7e308, -1e307)),
    "bool": (pa.bool_(), st.booleans()),
    "word": (pa.string(), WORDS),
    "long": (pa.large_string(), WORDS),
    "coded": (pa.dictionary(pa.int8(), pa.string()), WORDS),
    "numbered": (pa.dictionary(pa.int32(), pa.float64()), st.sampled_from([1.0, 2.5])),
    "decimal": (pa.decimal128(9, 2), st.decimals(-999, 999, places=2, allow_nan=False)),
    "day": (pa.date32(), st.integers(-(2**31), 2**31 - 1)),
    "when": (pa.timestamp("ms", "Europe/Zurich"), st.integers(-(2**60), 2**60)),
    "same": (pa.int16(), st.just(5)),
}


@st.composite
def tables(draw: Any) -> tuple[Any, Any]:
    """A table to fit the encoder on, and a batch that is part of another one."""
    names = draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, unique=True))
    found = []
    for gaps in draw(st.tuples(st.booleans(), st.booleans())):
        m = draw(st.integers(4, 12))
        arrays = []
        for name in names:
            kind, values = TYPES[name]
            one = values | st.none() if gaps else values
            arrays.append(pa.array(draw(st.lists(one, min_size=m, max_size=m)), kind))
        found.append(pa.RecordBatch.from_arrays(arrays, names))
    start = draw(st.integers(0, 3))
    return pa.Table.from_batches([found[0]]), found[1].slice(start)


@given(tables(), st.sampled_from(["float32", "float64"]))
def test_bits_are_those_of_the_encoder(tables: tuple[Any, Any], dtype: str) -> None:
    table, batch = tables
    try:
        encoder = Encoder.fit(columns(table))
    except ValueError:
        return  # nothing to learn from
    rest = columns(pa.Table.from_batches([batch]))
    try:
        wanted = encoder.transform(rest, dtype)
    except ValueError as error:
        with pytest.raises(ValueError, match=re.escape(str(error))):
            encode_batch(encoder, batch, dtype)
        return
    found = encode_batch(encoder, batch, dtype)
    assert found.flags.c_contiguous
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, wanted)


@given(tables(), st.data())
def test_some_rows_are_those_of_all_with_and_without_the_core(
    tables: tuple[Any, Any], data: Any
) -> None:
    table, batch = tables
    try:
        encoder = Encoder.fit(columns(table))
        wanted = encode_batch(encoder, batch, np.float32)
    except ValueError:
        return
    chosen = np.flatnonzero(data.draw(st.lists(st.booleans(), max_size=batch.num_rows)))
    found = np.full((len(chosen), wanted.shape[1]), 7, np.float32)
    with pytest.MonkeyPatch.context() as patched:
        if data.draw(st.booleans()):
            patched.setattr(rows, "built", lambda: None)
        module.encode_rows(encoder, batch, chosen, found)
    np.testing.assert_array_equal(found, wanted[chosen])


@pytest.mark.skipif(rows.built() is None, reason="the core is not built")
def test_usual_columns_do_not_take_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = pa.RecordBatch.from_pydict(
        {
            "x": pa.array([0.5, None, 2.0, 3.0], pa.float32()),
            "k": pa.array([1, 2, 3, 5], pa.int16()),
            "w": ["a", "b", None, "a"],
            "c": pa.array(["a", "b", "b", "a"]).dictionary_encode(),
        }
    )
    encoder = Encoder.fit(columns(pa.Table.from_batches([batch])))
    wanted = encoder.transform(columns(pa.Table.from_batches([batch])))
    monkeypatch.setattr(module, "_as_a_table", None)
    assert (encode_batch(encoder, batch, np.float64) == wanted).all()


def test_infinity_is_refused_and_a_number_far_beyond_is_cut() -> None:
    encoder = Encoder.fit(columns(pa.table({"x": [1.0, 2.0, 4.0]})))
    batch = pa.RecordBatch.from_pydict({"x": [1.0, float("inf")]})
    with pytest.raises(ValueError, match=r"column 'x'.*row 2"):
        encode_batch(encoder, batch, np.float32)
    far = pa.RecordBatch.from_pydict({"x": [1.0, 1e300, 4.3]})
    x = encode_batch(encoder, far, np.float32)
    assert x[1, 0] == x[2, 0]
