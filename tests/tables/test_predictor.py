"""The predictor: a raw row gives the bits of ``predict`` on a table of that row, or a sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Thread
from typing import Any

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.tables.columns import columns
from chainrule.tables.encoder import Encoder
from chainrule.tables.model import TableModel
from chainrule.tables.target_encoder import TargetEncoder

# Column -> its type, and values of a row, among them some that training never saw.
TYPES: dict[str, tuple[Any, Any]] = {
    "number": (pa.float64(), st.floats(-1e200, 1e200) | st.floats(-3, 3) | st.just(-999.0)),
    "whole": (pa.int64(), st.integers(-(2**62), 2**62) | st.integers(-3, 3)),
    "price": (pa.decimal128(9, 2), st.decimals(-999, 999, places=2, allow_nan=False)),
    "truth": (pa.bool_(), st.booleans()),
    "day": (pa.date32(), st.dates() | st.just(date(1900, 1, 1))),
    "when": (pa.timestamp("us"), st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))),
    "zoned": (
        pa.timestamp("us", "Europe/Zurich"),
        st.datetimes().map(lambda t: t.replace(tzinfo=UTC)),
    ),
    "word": (pa.string(), st.sampled_from(["a", "b", "c", "", "ü", "never seen"])),
    "rare": (pa.string(), st.sampled_from([f"w{i}" for i in range(30)])),
}
TASKS = {
    "binary": TargetEncoder("y", "binary", ("no", "yes"), threshold=0.3),
    "multiclass": TargetEncoder("y", "multiclass", ("x", "y", "z")),
    "regression": TargetEncoder("y", "regression", (), 1e5, 3e3, 9.8e4, 1.03e5),
}


def training_table(gaps: bool) -> Any:
    rng = np.random.default_rng(3)
    m, start = 300, datetime(2020, 1, 1)
    values: dict[str, list[Any]] = {
        "number": rng.normal(0, 1, m).tolist(),
        "whole": rng.integers(-9, 9, m).tolist(),
        "price": [Decimal(int(cents)) / 100 for cents in rng.integers(-999, 999, m)],
        "truth": (rng.random(m) < 0.4).tolist(),
        "day": [date(2021, 1, 1) + timedelta(int(d)) for d in rng.integers(0, 900, m)],
        "when": [start + timedelta(hours=float(h)) for h in rng.uniform(0, 1e4, m)],
        "zoned": [start.replace(tzinfo=UTC) + timedelta(int(d)) for d in rng.integers(0, 6, m)],
        "word": rng.choice(["a", "b", "c", ""], m).tolist(),
        "rare": [*(f"w{i}" for i in range(9)), *rng.choice(["w1", "w2"], m - 9).tolist()],
    }
    if gaps:
        # A number and a date that stand for a gap.
        values["number"][5:20] = [-999.0] * 15
        values["day"][5:20] = [date(1900, 1, 1)] * 15
        values["when"][0] = datetime(2199, 1, 1)  # so far that dates are cut
        for several in values.values():
            for i in rng.integers(20, m, 20).tolist():
                several[i] = None
    return pa.table({name: pa.array(values[name], TYPES[name][0]) for name in TYPES})


def model_of(task: str, gaps: bool, dtype: str) -> TableModel:
    encoder = Encoder.fit(columns(training_table(gaps)))
    target = TASKS[task]
    output = {"binary": "sigmoid", "multiclass": "softmax", "regression": "identity"}[task]
    sizes = [encoder.width, 8, target.n_out]
    return TableModel(cr.Network(sizes, output=output, dtype=dtype, seed=1), encoder, target)


MODELS = {
    (task, gaps, dtype): model_of(task, gaps, dtype)
    for task, gaps, dtype in (
        ("binary", True, "float32"),
        ("multiclass", False, "float64"),
        ("regression", True, "float64"),
        ("regression", False, "float32"),
    )
}
BOTH = pytest.mark.parametrize("key", MODELS, ids=str)


def test_models_have_what_a_value_can_meet() -> None:
    features = {f.name: f for f in MODELS["binary", True, "float32"].encoder.features}
    assert (features["number"].gap, features["day"].gap) == (-999.0, -25567.0)
    assert features["number"].bounded
    assert features["when"].bounded
    assert features["when"].cycles
    assert features["rare"].other
    assert all(feature.missing for feature in features.values())
    assert not any(f.missing for f in MODELS["multiclass", False, "float64"].encoder.features)


def table_of(row: Mapping[str, Any]) -> Any:
    return pa.table({name: pa.array([row[name]], TYPES[name][0]) for name in row})


ROWS = st.fixed_dictionaries({n: values | st.none() for n, (_, values) in TYPES.items()})


@given(ROWS, st.sampled_from(sorted(MODELS, key=str)))
def test_row_as_mapping_and_tuple_has_the_bits_of_predict(row: dict[str, Any], key: Any) -> None:
    model = MODELS[key]
    predict = model.predictor()
    own = model.predict(columns(table_of(row)))
    assert predict(row) == own.words[0]
    assert predict(tuple(row[name] for name in predict.names)) == own.words[0]
    if own.probabilities is not None:
        assert predict.probabilities(row) == tuple(own.probabilities[0].tolist())


@BOTH
@given(st.data())
def test_each_kind_of_column_is_encoded_to_the_last_bit(key: Any, data: st.DataObject) -> None:
    # Alone, as a network mixes columns and so hides single bits.
    model = MODELS[key]
    name = data.draw(st.sampled_from(sorted(model.encoder.names)))
    row = dict.fromkeys(model.encoder.names) | {name: data.draw(TYPES[name][1])}
    rows = model.predictor()._rows
    own = model.encoder.transform(columns(table_of(row)), model.network.dtype)
    assert rows.encode(rows.values(row)).tobytes() == own.tobytes()


@BOTH
def test_batch_of_raw_columns_is_predicted_as_a_table(key: Any) -> None:
    model = MODELS[key]
    table = pa.concat_tables([training_table(True)] * 15)  # more than one pass, in chunks
    own, predict = model.predict(columns(table)), model.predictor()
    arrays = {
        name: table[name].to_numpy() if table[name].null_count == 0 else table[name]
        for name in table.column_names
    }
    for given_as in (table, arrays):
        assert predict.predict(given_as).tolist() == own.words
        if own.probabilities is not None:
            assert np.array_equal(predict.predict_proba(given_as), own.probabilities)


def test_dates_of_every_type_are_the_same_day() -> None:
    import pandas as pd

    predict = MODELS["regression", False, "float32"].predictor()
    row = dict.fromkeys(predict.names)
    several = [
        date(2022, 3, 4),
        datetime(2022, 3, 4),
        "2022-03-04",
        np.datetime64("2022-03-04"),
        pd.Timestamp("2022-03-04"),
        pd.Timestamp("2022-03-04 01:00", tz="Europe/Zurich"),
        datetime(2022, 3, 4, tzinfo=UTC),
    ]
    assert len({predict(row | {"day": moment}) for moment in several}) == 1
    assert predict(row | {"day": pd.NaT}) == predict(row)


def test_numbers_of_numpy_and_truth_values_count_as_pythons() -> None:
    predict = MODELS["regression", True, "float64"].predictor()
    row = dict.fromkeys(predict.names) | {"number": 1.0, "truth": True, "word": "a"}
    same = [{"number": 1}, {"number": np.float32(1)}, {"number": np.int8(1)}, {"truth": 1}]
    assert {predict(row | one) for one in same} == {predict(row)}
    assert predict(row | {"number": float("nan")}) == predict(row | {"number": None})
    assert predict(row | {"number": -999.0}) == predict(row | {"number": None})
    assert predict(row | {"word": np.str_("a")}) == predict(row)


@pytest.mark.parametrize(
    ("change", "kind", "sentence"),
    [
        ({"number": "3"}, TypeError, "'number' holds numbers, and the row has '3'"),
        ({"whole": date(2020, 1, 1)}, TypeError, "'whole' holds numbers, and the row has datetime"),
        ({"number": float("inf")}, ValueError, "'number' is infinite in the row"),
        ({"whole": 10**400}, ValueError, "'whole' is infinite in the row"),
        ({"truth": "yes"}, TypeError, "'truth' holds true or false, and the row has 'yes'"),
        ({"truth": 2}, TypeError, "'truth' holds true or false, and the row has 2"),
        ({"day": 20241231}, TypeError, "'day' holds dates, and the row has 20241231"),
        ({"day": "tomorrow"}, TypeError, "'day' holds dates, and the row has 'tomorrow'"),
        ({"word": ["a"]}, TypeError, r"'word' holds words, and the row has \['a'\]"),
        ({"numbr": 1.0}, ValueError, "no column 'numbr', did you mean 'number'"),
    ],
)
def test_wrong_value_or_name_is_one_sentence(change: Any, kind: Any, sentence: str) -> None:
    predict = MODELS["binary", True, "float32"].predictor()
    with pytest.raises(kind, match=sentence) as refusal:
        predict(dict.fromkeys(predict.names) | change)
    assert "\n" not in str(refusal.value)


def test_missing_name_and_wrong_row_are_one_sentence() -> None:
    predict = MODELS["binary", True, "float32"].predictor()
    row = dict.fromkeys(predict.names)
    del row["day"]
    with pytest.raises(ValueError, match="the row has no column 'day'"):
        predict(row)
    with pytest.raises(ValueError, match="a row has 9 values, in the order of `names`, not 2"):
        predict((1.0, 2.0))
    for strange in ("a row", 3, {"a"}):
        with pytest.raises(TypeError, match=r"a row must be a mapping .* or a tuple of values"):
            predict(strange)
    with pytest.raises(ValueError, match="no column 'number'"):
        predict.predict({"whole": np.arange(3)})
    with pytest.raises(ValueError, match="probabilities are for classes"):
        MODELS["regression", True, "float64"].predictor().probabilities(row)


def test_columns_left_out_in_training_may_be_in_a_mapping() -> None:
    table = training_table(False).append_column("name", pa.array([f"n{i}" for i in range(300)]))
    encoder = Encoder.fit(columns(table))
    assert encoder.left_out == ("name",)
    network = cr.Network([encoder.width, 1], output="sigmoid")
    predict = TableModel(network, encoder, TASKS["binary"]).predictor()
    row = {name: table[name][0].as_py() for name in predict.names}
    assert predict(row | {"name": "n0"}) == predict(row)


def test_ordered_words_are_their_places() -> None:
    table = pa.table({"size": ["S", "M", "L", None] * 9, "x": np.arange(36.0)})
    from chainrule.tables.word_orders import with_orders

    orders = {"size": ("S", "M", "L")}
    encoder = Encoder.fit(with_orders(columns(table), orders))
    network = cr.Network([encoder.width, 1], output="sigmoid", seed=2)
    record = {"settings": {"order": ["size=S,M,L"]}}
    model = TableModel(network, encoder, TASKS["binary"], record)
    predict = model.predictor()
    own = model.predict(with_orders(columns(table), orders))
    for row, p in zip(table.to_pylist(), own.probabilities, strict=True):
        assert predict.probabilities(row) == tuple(p.tolist())
    assert np.array_equal(predict.predict_proba(table), own.probabilities)
    with pytest.raises(ValueError, match="'size' is 'XL' in the row, which its --order does not"):
        predict({"size": "XL", "x": 1.0})


def test_several_threads_share_a_predictor() -> None:
    model = MODELS["regression", False, "float32"]
    predict = model.predictor()
    rows = [{n: training_table(False)[n][i].as_py() for n in predict.names} for i in range(40)]
    expected = [predict(row) for row in rows]
    answers: list[list[Any]] = []
    threads = [
        Thread(target=lambda: answers.append([predict(row) for row in rows * 20])) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected * 20] * 4


def test_parameters_are_those_of_the_moment_it_was_made() -> None:
    model = model_of("regression", False, "float32")
    predict = model.predictor()
    row = dict.fromkeys(predict.names)
    before = predict(row)
    model.network.theta[...] = 0
    assert predict(row) == before
    assert re.match("<Predictor of 'y' from 9 columns>", repr(predict))
