"""Rows on the native core: random orders, and numbers of Arrow batches standardised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

native = pytest.importorskip("chainrule.engines.native", reason="the core is not built")
pa = pytest.importorskip("pyarrow")
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chainrule.engines import _core
from chainrule.engines import native_rows as rows
from chainrule.mathematics import random

KEYS = st.integers(0, 2**64 - 1)
EACH_ISA = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(m=st.integers(0, 9000), key=KEYS)
@example(m=2**17 + 1, key=0)
@example(m=2**17 - 1, key=2**64 - 1)
def test_orders_are_those_of_the_mathematics(m: int, key: int) -> None:
    found = rows.permutation(m, key)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, random.permutation(m, key))


@pytest.mark.parametrize("order", [np.empty(3), np.empty(6, np.int64)[::2], np.empty(3, np.int32)])
def test_orders_of_another_kind_are_refused(order: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        _core.permutation(0, order)


NUMBERS: dict[str, Any] = {
    **{f"int{n}": st.integers(-(2 ** (n - 1)), 2 ** (n - 1) - 1) for n in (8, 16, 32, 64)},
    **{f"uint{n}": st.integers(0, 2**n - 1) for n in (8, 16, 32, 64)},
    "float32": st.floats(width=32, allow_infinity=False),
    "float64": st.floats(-1e30, 1e30) | st.just(float("nan")),
}


@st.composite
def batches(draw: Any) -> tuple[Any, list[Any], Any]:
    """A slice of a batch, features of some of its columns, and some of its rows."""
    m = draw(st.sampled_from([1, 5, 40, 300]))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    columns, features, place = [], [], 0
    for number in range(draw(st.integers(1, 20))):
        name = draw(st.sampled_from(sorted(NUMBERS)))
        few = draw(st.lists(NUMBERS[name], min_size=1, max_size=5))
        values = np.array(few, name)[rng.integers(0, len(few), m)]
        gaps = rng.random(m) < draw(st.sampled_from([0, 0, 0.5, 1]))
        columns.append(pa.array(values, name, mask=gaps, from_pandas=False))
        mean, scale = draw(st.floats(-9, 9)), draw(st.floats(0.1, 9))
        features.append((number, place, mean, scale, draw(st.booleans())))
        place += 1 + features[-1][-1] + draw(st.integers(0, 1))
    batch = pa.RecordBatch.from_arrays(columns, [str(n) for n in range(len(columns))])
    start = draw(st.integers(0, m - 1))
    batch = batch.slice(start)
    share = draw(st.sampled_from([0.05, 0.5, 0.97, 1]))
    return batch, features, np.flatnonzero(rng.random(batch.num_rows) < share)


@EACH_ISA
@given(given_=batches(), dtype=st.sampled_from(["float32", "float64"]))
def test_numbers_have_the_bits_of_the_formula(isa: str, given_: Any, dtype: str) -> None:
    batch, features, chosen = given_
    out = np.full((len(chosen), features[-1][1] + 3), 7, dtype)
    wanted = out.copy()
    for number, place, mean, scale, missing in features:
        values = [v.as_py() for v in batch.column(number)]
        x = np.array([np.nan if v is None else float(v) for v in values])[chosen]
        gaps = np.isnan(x)
        with np.errstate(over="ignore"):
            wanted[:, place] = np.where(gaps, 0, ((x - mean) / scale).astype(dtype))
        if missing:
            wanted[:, place + 1] = gaps
    assert rows.standardise(batch, features, chosen, out) == np.isfinite(wanted).all()
    if np.isfinite(wanted).all():
        np.testing.assert_array_equal(out, wanted)


@pytest.mark.parametrize("m", [1, 127, 128, 129, 1000])
@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300])
def test_a_number_that_is_not_finite_is_noticed_in_chosen_rows_alone(
    isa: str, m: int, value: float
) -> None:
    for strange in {0, m // 2, m - 1}:
        x = np.zeros(m)
        x[strange] = value
        batch = pa.RecordBatch.from_pydict({"a": np.zeros(m), "b": x})
        features = [(0, 0, 1.0, 2.0, False), (1, 1, 0.0, 1.0, False)]
        out = np.empty((m, 2), np.float32)
        assert not rows.standardise(batch, features, np.arange(m), out)
        others = np.delete(np.arange(m), strange)
        assert rows.standardise(batch, features, others, out[1:])
        assert (out[1:] == [-0.5, 0]).all()


def arguments(**changed: Any) -> dict[str, Any]:
    given = {
        "batch": pa.RecordBatch.from_pydict({"x": [1.0, 2.0], "w": ["a", "b"], "b": [True, False]}),
        "features": [(0, 0, 0.0, 1.0, False)],
        "rows": np.arange(2),
        "out": np.empty((2, 2)),
    }
    return {**given, **changed}


NARROW = pa.array([1.0, 2.0], pa.float16())
CODED = pa.array(["a", "b"]).dictionary_encode()
WRONG: dict[str, dict[str, Any]] = {
    "no such column": {"features": [(3, 0, 0.0, 1.0, False)]},
    "a column below": {"features": [(-1, 0, 0.0, 1.0, False)]},
    "a column of words": {"features": [(1, 0, 0.0, 1.0, False)]},
    "a column of truths": {"features": [(2, 0, 0.0, 1.0, False)]},
    "halves": {"batch": pa.RecordBatch.from_arrays([NARROW], ["x"])},
    "codes": {"batch": pa.RecordBatch.from_arrays([CODED], ["x"])},
    "a place outside": {"features": [(0, 2, 0.0, 1.0, False)]},
    "a place below": {"features": [(0, -1, 0.0, 1.0, False)]},
    "no place for gaps": {"features": [(0, 1, 0.0, 1.0, True)]},
    "a feature too short": {"features": [(0, 0, 0.0, 1.0)]},
    "a row beyond": {"rows": np.array([0, 2])},
    "a row below": {"rows": np.array([-1, 0])},
    "rows that descend": {"rows": np.array([1, 0])},
    "a row twice": {"rows": np.array([1, 1])},
    "rows of int32": {"rows": np.arange(2, dtype=np.int32)},
    "more rows than out": {"rows": np.arange(2), "out": np.empty((1, 2))},
    "out of whole numbers": {"out": np.empty((2, 2), np.int64)},
    "out in columns": {"out": np.empty((2, 2)).T},
    "out flat": {"out": np.empty(2)},
    "out read only": {"out": np.broadcast_to(0.0, (2, 2))},
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_are_refused(name: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        rows.standardise(**arguments(**WRONG[name]))
    assert rows.standardise(**arguments())


def test_batches_that_are_none_are_refused() -> None:
    batch = arguments()["batch"]
    schema, array = batch.__arrow_c_array__()
    rest = ([(0, 0, 0.0, 1.0, False)], np.arange(2), np.empty((2, 2)))
    for one, two in ((array, schema), (schema, schema), (None, array), (schema, 7)):
        with pytest.raises((TypeError, ValueError)):
            _core.standardised(native.isa(), one, two, *rest)
    pa.RecordBatch._import_from_c_capsule(schema, array)  # which takes it away
    with pytest.raises(ValueError, match="released"):
        _core.standardised(native.isa(), schema, array, *rest)
