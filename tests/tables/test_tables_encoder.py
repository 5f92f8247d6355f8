"""The encoder: values by hand, properties of any table, its saved state, and damaged states."""

import copy
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.tables.columns import Column, Columns
from chainrule.tables.encoder import Encoder


def column(name: str, values: list[Any]) -> Column:
    if all(v is None or isinstance(v, bool) for v in values) and any(v is not None for v in values):
        return Column(
            name, "boolean", np.array([np.nan if v is None else v for v in values], float)
        )
    if any(isinstance(v, str) for v in values):
        array = np.empty(len(values), object)
        array[:] = values
        return Column(name, "text", array)
    present = [v for v in values if v is not None]
    kind = "integer" if all(isinstance(v, int) for v in present) else "float"
    numbers = np.array([np.nan if v is None else v for v in values], float)
    return Column(name, kind if present else "empty", numbers)


def table(**values: list[Any]) -> Columns:
    (m,) = {len(v) for v in values.values()}
    return Columns({name: column(name, v) for name, v in values.items()}, m)


def test_numbers_are_standardised() -> None:
    x = Encoder.fit(table(a=[1.5, 2.5, 3.5, 4.5])).transform(table(a=[3.0, 4.0]))
    # mean 3, deviation sqrt((2.25 + 0.25) / 2) = sqrt(1.25)
    np.testing.assert_allclose(x, [[0.0], [1.25**-0.5]], rtol=1e-15)


def test_missing_numbers_become_the_mean_with_an_indicator() -> None:
    encoder = Encoder.fit(table(a=[1.0, None, 3.0], b=[4.0, 6.0, 5.0]))
    assert encoder.feature_names == ["a", "a=(missing)", "b"]
    x = encoder.transform(table(a=[None, 2.0, 3.0], b=[5.0, 5.0, 5.0]))
    assert x.tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]


def test_a_gap_where_training_had_none_is_imputed_with_a_warning() -> None:
    encoder = Encoder.fit(table(a=[1.0, 3.0] * 2, t=[True, False] * 2, c=["u", "u", "v", "v"]))
    x, warnings = encoder.encode(table(a=[None, 3.0], t=[None, True], c=[None, "u"]))
    assert x.tolist() == [[0.0, 0.5, 0.5, 0.5], [1.0, 1.0, 1.0, 0.0]]
    assert [w.split(" is missing in row 1, which it never was")[0] for w in warnings] == [
        "column 'a'",
        "column 't'",
        "column 'c'",
    ]


def test_categories_have_a_place_each_and_one_for_rare_and_unseen_ones() -> None:
    encoder = Encoder.fit(table(c=["b", "a", "b", "a", "z", None]))
    assert encoder.feature_names == ["c=a", "c=b", "c=(other)", "c=(missing)"]
    x, warnings = encoder.encode(table(c=["a", "z", "new", None]))
    assert x.tolist() == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert warnings == [
        "column 'c' has 'new', 'z' in rows 2 and 3, rarely or never seen in training: "
        "encoded as the rare ones were"
    ]


def test_without_rare_ones_an_unseen_category_is_the_average_row() -> None:
    encoder = Encoder.fit(table(c=["a", "a", "a", "b", "b"]))
    x, warnings = encoder.encode(table(c=["b", "new"]))
    assert x.tolist() == [[0, 1], [0.6, 0.4]]
    assert warnings == [
        "column 'c' has 'new' in row 2, never seen in training: "
        "encoded as the average of the known ones"
    ]


def test_an_identifier_is_left_out_and_said_so() -> None:
    encoder = Encoder.fit(table(name=["ann", "bob", "cid"], a=[1.0, 2.0, 4.0]))
    assert encoder.feature_names == ["a"]
    assert encoder.left_out == ("name",)
    assert "column 'name' is left out: each of its 3 words occurs only once" in encoder.notes[0]
    assert encoder.extra(table(name=["x"], a=[1.0], more=[2.0])) == ["more"]


def test_of_very_many_words_the_most_frequent_have_a_place() -> None:
    words = [f"w{i:03}" for i in range(150) for _ in range(2)] + ["w149"] * 5
    encoder = Encoder.fit(table(c=words))
    assert len(encoder.feature_names) == 101
    assert "c=w149" in encoder.feature_names
    assert "150 different words: the 100 most frequent" in encoder.notes[0]


def test_a_constant_column_is_left_out_with_a_note() -> None:
    encoder = Encoder.fit(table(a=[0.1, 0.1, 0.1], b=[1.0, 2.0, 3.0]))
    assert encoder.notes == ("the same in every row, so left out: a",)
    assert encoder.left_out == ("a",)
    assert encoder.transform(table(a=[0.1, 7.0], b=[2.0, 2.0])).tolist() == [[0], [0]]


def test_a_running_number_is_left_out_unless_it_is_called_a_number() -> None:
    rows = table(id=list(range(1, 31)), a=[0.5, 1.5] * 15)
    encoder = Encoder.fit(rows)
    assert encoder.names == ["a"]
    assert encoder.notes == ("a number of each row, so left out (--number COLUMN keeps one): id",)
    assert Encoder.fit(rows, numbers=["id"]).names == ["id", "a"]
    assert Encoder.fit(table(id=list(range(1, 31)))).names == ["id"]


def test_columns_without_a_value_are_left_out_in_one_line() -> None:
    encoder = Encoder.fit(table(a=[None, None], b=[1.0, 2.0], c=[None, None]))
    assert encoder.names == ["b"]
    assert encoder.left_out == ("a", "c")
    assert encoder.notes == ("without a value, so left out: a, c",)


def test_a_value_of_nines_far_from_all_others_is_a_gap() -> None:
    ages = [20.0 + i % 50 for i in range(180)]
    encoder = Encoder.fit(table(age=[*ages, *[-999.0] * 20]))
    plain = Encoder.fit(table(age=[*ages, *[None] * 20]))
    assert encoder.notes == (
        "read as no value, being far from all others: -999 in 20 rows of 'age'",
    )
    expected = plain.transform(table(age=[None, 30.0]))
    assert encoder.transform(table(age=[-999.0, 30.0])).tolist() == expected.tolist()
    state, arrays = encoder.state()
    again = Encoder.from_state(json.loads(json.dumps(state)), arrays)
    assert again.transform(table(age=[-999.0, 30.0])).tolist() == expected.tolist()


@pytest.mark.parametrize("far", [99999999.0, 1e308, -1e308])
def test_an_outlier_neither_kills_its_column_nor_goes_unsaid(far: float) -> None:
    values = [10.0 + i % 40 for i in range(199)]
    encoder = Encoder.fit(table(a=[*values, far]))
    assert len(encoder.notes) == 1
    assert "far from all other values, so cut" in encoder.notes[0]
    written = "99999999" if far == 99999999 else f"{far:g}"
    assert f"{written} in one row of 'a'" in encoder.notes[0]
    x = encoder.transform(table(a=values))
    assert 0.5 < x.std() < 1.5
    assert np.abs(encoder.transform(table(a=[far]), np.float32)).max() < 20


def test_numbers_far_beyond_those_trained_on_are_cut_with_one_warning() -> None:
    encoder = Encoder.fit(table(a=[0.0, 10.0] * 10, b=[1.0, 2.0] * 10))
    new = table(a=[5.0, 1e9, -3.0, 11.0], b=[1.5, 1.5, 7.0, 2.0])
    x, warnings = encoder.encode(new)
    # The range of a is 0 to 10, and 10 % of it more: -1 to 11; mean 5, deviation 5.
    np.testing.assert_allclose(x[:, 0], [0, 1.2, -1.2, 1.2], rtol=1e-12)
    assert encoder.unlike(new).tolist() == [False, True, True, False]
    assert len(warnings) == 1
    words = "rows 2 and 3 are unlike all rows trained on (a 1000000000 beyond 11"
    assert warnings[0].startswith(words)


def test_truth_values_are_read_from_numbers_and_words() -> None:
    encoder = Encoder.fit(table(t=[True, False, True]))
    assert encoder.transform(table(t=[True, False])).tolist() == [[1], [0]]
    assert encoder.transform(table(t=["True", "false"])).tolist() == [[1], [0]]
    assert encoder.transform(table(t=[1, 0])).tolist() == [[1], [0]]


@pytest.mark.parametrize(
    ("trained", "given_", "message"),
    [
        ({"a": [1.0, 2.0]}, {"a": ["1", "two"]}, "'a' holds numbers, but row 2 has 'two'"),
        ({"a": [1.0, 2.0]}, {"a": [1.0, float("inf")]}, "'a' is infinite in row 2"),
        ({"a": [True, False]}, {"a": [0, 2]}, "'a' holds true or false, but row 2 has '2'"),
        ({"a": [True, False]}, {"a": ["yes", "true"]}, "'a' holds true or false, but row 1"),
        ({"age": [1.0, 2.0]}, {"Age": [1.0]}, "no column 'age', did you mean 'Age'"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    trained: dict[str, list[Any]], given_: dict[str, list[Any]], message: str
) -> None:
    encoder = Encoder.fit(table(**trained))
    with pytest.raises(ValueError, match=message) as error:
        encoder.transform(table(**given_), np.float32)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("trained", "message"),
    [
        ({"a b": [None, None]}, "no column is left .* without a value, so left out: a b"),
        ({"a": [1.0, float("inf")]}, "'a' is infinite in row 2"),
        ({"a": ["x", "y"]}, "no column is left to learn from"),
        ({"a": [1.0, 1.0]}, "every column beside the target is constant"),
    ],
)
def test_a_table_that_cannot_be_learnt_from_is_refused(
    trained: dict[str, list[Any]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Encoder.fit(table(**trained))


numbers = st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(-100, 100))
truths = st.one_of(st.none(), st.booleans())
words = st.one_of(st.none(), st.sampled_from(["", "a", "b", "ü", "a b", "1", "true"]))


@st.composite
def tables(draw: st.DrawFn) -> Columns:
    m = draw(st.integers(2, 20))
    kinds = draw(st.lists(st.sampled_from([numbers, truths, words]), min_size=1, max_size=5))
    columns = {
        f"x{i}": draw(st.lists(kind, min_size=m, max_size=m)) for i, kind in enumerate(kinds)
    }
    return table(one=[0.5, *[1.5] * (m - 1)], **columns)


def fitted(columns: Columns) -> Encoder:
    return Encoder.fit(columns)


@given(tables())
def test_any_table_becomes_finite_numbers_of_small_size(columns: Columns) -> None:
    encoder = fitted(columns)
    for dtype in (np.float32, np.float64):
        x, warnings = encoder.encode(columns, dtype)
        assert x.dtype == dtype
        assert x.flags.c_contiguous
        assert x.shape == (columns.m, len(encoder.feature_names))
        assert np.isfinite(x).all()
        # Of m numbers with deviation 1 none is further from the mean than sqrt(m - 1).
        assert np.abs(x).max() <= np.sqrt(columns.m) * (1 + 1e-6)
        assert all("rarely" in warning or "are cut" in warning for warning in warnings)
    assert len(set(encoder.feature_names)) == len(encoder.feature_names)


@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_columns_and_further_ones_change_nothing(
    columns: Columns, random: Any
) -> None:
    encoder = fitted(columns)
    names = list(columns)
    random.shuffle(names)
    shuffled = {name: columns[name] for name in names}
    shuffled["further"] = Column("further", "float", np.zeros(columns.m))
    found = encoder.transform(Columns(shuffled, columns.m))
    assert np.array_equal(found, encoder.transform(columns))


@given(tables(), st.data())
def test_rows_are_encoded_each_for_itself(columns: Columns, data: st.DataObject) -> None:
    encoder = fitted(columns)
    rows = np.array(data.draw(st.lists(st.integers(0, columns.m - 1), min_size=1)), np.int64)
    assert np.array_equal(encoder.transform(columns.take(rows)), encoder.transform(columns)[rows])


@given(tables())
def test_the_state_comes_back_bit_for_bit(columns: Columns) -> None:
    encoder = fitted(columns)
    state, arrays = encoder.state()
    again = Encoder.from_state(json.loads(json.dumps(state)), arrays)
    assert again == encoder
    assert again.transform(columns).tobytes() == encoder.transform(columns).tobytes()


def good() -> tuple[dict[str, Any], dict[str, Any]]:
    encoder = Encoder.fit(table(a=[1.0, None, 3.0], c=["u", "v", "u"], t=[True, False, True]))
    return copy.deepcopy(encoder.state())  # type: ignore[return-value]


def set_field(place: int, key: str, value: Any) -> Any:
    return lambda state, arrays: state["features"][place].__setitem__(key, value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda state, arrays: state.pop("left_out"),
        lambda state, arrays: state.update(further=1),
        lambda state, arrays: state.update(features=[]),
        lambda state, arrays: state.update(features={}),
        lambda state, arrays: state.update(features=[None]),
        lambda state, arrays: state.update(left_out="a"),
        lambda state, arrays: state.update(left_out=[1]),
        lambda state, arrays: state.update(left_out=["a"]),
        lambda state, arrays: state["features"].pop(),
        lambda state, arrays: state["features"].append(state["features"][0]),
        lambda state, arrays: state["features"][0].pop("kind"),
        set_field(0, "kind", "image"),
        set_field(0, "kind", "category"),
        set_field(0, "kind", ["number"]),
        set_field(0, "name", 1),
        set_field(0, "name", "c"),
        set_field(0, "missing", 1),
        set_field(0, "words", ["x"]),
        set_field(0, "other", True),
        set_field(1, "words", []),
        set_field(1, "words", ["u", "u"]),
        set_field(1, "words", ["u", None]),
        set_field(1, "words", ["u", "v", "w", "x"]),
        set_field(1, "other", False),
        lambda state, arrays: arrays.pop("mean"),
        lambda state, arrays: arrays.update(more=np.zeros(1)),
        lambda state, arrays: arrays.update(mean=np.zeros(2)),
        lambda state, arrays: arrays.update(mean=np.zeros((3, 1))),
        lambda state, arrays: arrays.update(mean=np.zeros(3, np.float32)),
        lambda state, arrays: arrays.update(mean=np.array([0, np.nan, 0])),
        lambda state, arrays: arrays.update(scale=np.array([1, np.inf, 1])),
        lambda state, arrays: arrays.update(scale=np.array([-1.0, 1, 1])),
        lambda state, arrays: arrays.update(shares=np.zeros(9)),
        lambda state, arrays: state.update(version=3),
        lambda state, arrays: state.update(version=True),
        lambda state, arrays: arrays.pop("low"),
        lambda state, arrays: arrays.update(low=np.array([0, np.nan, 0])),
        lambda state, arrays: arrays.update(low=np.full(3, 9.0), high=np.full(3, 8.0)),
        lambda state, arrays: arrays.update(gap=np.array([0, np.inf, 0])),
    ],
)
def test_a_damaged_state_is_refused_in_one_sentence(damage: Any) -> None:
    state, arrays = good()
    assert Encoder.from_state(state, arrays)
    damage(state, arrays)
    with pytest.raises(ValueError, match="model") as error:
        Encoder.from_state(state, arrays)
    assert "\n" not in str(error.value)


def test_constant_columns_of_any_kind_are_listed_together() -> None:
    encoder = Encoder.fit(
        table(a=[0.1] * 4, b=[True] * 4, c=["u"] * 4, d=[1.0, None, 1.0, 1.0], e=[1, 2, 3, 4])
    )
    assert encoder.notes == ("the same in every row, so left out: a, b, c",)


def test_a_table_of_constants_is_refused_whatever_their_kind() -> None:
    with pytest.raises(ValueError, match="every column beside the target is constant"):
        Encoder.fit(table(a=[False, False], c=["u", "u"]))
