"""Splits: every row once, classes in proportion, a seed that fixes all, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.tables.columns import Column
from chainrule.tables.splits import split_latest, split_rows


@given(
    m=st.integers(10, 300),
    test=st.floats(0.1, 0.45),
    validation=st.floats(0.1, 0.45),
    seed=st.integers(0, 2**64 - 1),
)
def test_every_row_is_in_one_part(m: int, test: float, validation: float, seed: int) -> None:
    parts = split_rows(m, test, validation, seed)
    rows = np.concatenate([parts.train, parts.validation, parts.test])
    assert np.array_equal(np.sort(rows), np.arange(m))
    assert len(parts.test) == round(m * test)
    assert len(parts.validation) == round(m * validation)
    for part in (parts.train, parts.validation, parts.test):
        assert np.all(np.diff(part) > 0)


@given(
    sizes=st.lists(st.integers(1, 60), min_size=2, max_size=8),
    test=st.floats(0.1, 0.4),
    seed=st.integers(0, 1000),
)
def test_classes_keep_their_proportion(sizes: list[int], test: float, seed: int) -> None:
    classes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    if round(len(classes) * test) == 0:
        return
    parts = split_rows(len(classes), test, 0, seed, classes)
    held = np.bincount(classes[parts.test], minlength=len(sizes))
    for size, count in zip(sizes, held.tolist(), strict=True):
        assert count <= size - 1
        if size > 3:
            assert abs(count - size * test) < 1 + len(sizes) * test
    assert len(parts.test) <= round(len(classes) * test)
    assert set(classes[parts.train].tolist()) == set(range(len(sizes)))


def test_proportions_worked_by_hand() -> None:
    # 60, 30 and 10 rows, a fifth held out: 12, 6 and 2.
    classes = np.repeat([0, 1, 2], [60, 30, 10])
    parts = split_rows(100, 0.2, 0.1, 5, classes)
    assert np.bincount(classes[parts.test]).tolist() == [12, 6, 2]
    assert np.bincount(classes[parts.validation]).tolist() == [6, 3, 1]


def test_a_seed_fixes_the_parts_and_another_changes_them() -> None:
    one, same, other = (split_rows(100, 0.2, 0.1, seed) for seed in (3, 3, 4))
    assert np.array_equal(one.test, same.test)
    assert np.array_equal(one.validation, same.validation)
    assert not np.array_equal(one.test, other.test)


def test_the_test_part_does_not_depend_on_the_validation_part() -> None:
    assert np.array_equal(split_rows(90, 0.2, 0.1, 0).test, split_rows(90, 0.2, 0.3, 0).test)


def test_every_row_is_as_likely_to_be_held_out() -> None:
    counts = np.zeros(20)
    for seed in range(400):
        counts[split_rows(20, 0.25, 0, seed).test] += 1
    # 400 draws of p = 1/4: mean 100, deviation sqrt(400 * 3/16) = 8.7; six of them are 52.
    assert counts.min() > 48
    assert counts.max() < 152


@pytest.mark.parametrize(
    ("test", "validation", "message"),
    [
        (1.0, 0.1, "test share must be at least 0 and below 1, not 1"),
        (-0.1, 0.1, "test share must be"),
        (0.2, float("nan"), "validation share must be"),
        (0.6, 0.4, "leave no row to train on"),
        (0.001, 0.1, "a test share of 0.001 is not one row of 100"),
        (0.1, 0.001, "a validation share of 0.001 is not one row of 100"),
    ],
)
def test_shares_that_cannot_be(test: float, validation: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        split_rows(100, test, validation, 0)


@given(
    values=st.lists(st.integers(0, 30), min_size=2, max_size=60).filter(lambda v: len(set(v)) > 2),
    test=st.floats(0.1, 0.45),
    validation=st.floats(0.1, 0.45),
)
def test_the_latest_rows_are_held_out(values: list[int], test: float, validation: float) -> None:
    known = np.array(values, float)
    m = len(known)
    if round(m * test) == 0 or round(m * validation) == 0:
        return
    try:
        parts = split_latest(Column("when", "date", known), test, validation)
    except ValueError as error:
        # All that is left beside the test part is of one value.
        assert "too few different values" in str(error)  # noqa: PT017
        return
    rows = np.concatenate([parts.train, parts.validation, parts.test])
    assert np.array_equal(np.sort(rows), np.arange(m))
    assert known[parts.train].max() < known[parts.validation].min()
    assert known[parts.validation].max() < known[parts.test].min()
    # No other cut between two values is nearer to the share.
    sizes = [int((known >= value).sum()) for value in sorted(set(values))[1:]]
    nearest = min(abs(size - round(m * test)) for size in sizes)
    assert abs(len(parts.test) - round(m * test)) == nearest
    without = split_latest(Column("when", "float", known), test, 0)
    assert np.array_equal(parts.test, without.test)


def test_the_latest_rows_by_hand() -> None:
    column = Column("n", "integer", np.array([5.0, 1, 4, 2, 3, 9, 7, 8, 6, 0]))
    parts = split_latest(column, 0.2, 0.1)
    assert [part.tolist() for part in (parts.train, parts.validation, parts.test)] == [
        [0, 1, 2, 3, 4, 8, 9],
        [6],
        [5, 7],
    ]
    parts = split_latest(column, 0.2, 0)
    assert parts.validation.size == 0
    assert parts.test.tolist() == [5, 7]


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        ([1.0, np.nan, 2], "float", "column 'n' has no value in row 2: which rows are the latest"),
        ([3.0, 3, 3], "float", "column 'n' has too few different values"),
        ([1.0, 2, 2], "float", "or use --validation-share 0"),
        (["1.2.24", "3.2.24", "4.2.24"], "text", "'n' holds words; they look like dates"),
    ],
)
def test_no_latest_rows(values: list, kind: str, said: str) -> None:
    column = Column("n", kind, np.array(values, object if kind == "text" else float))
    with pytest.raises(ValueError, match=said):
        split_latest(column, 0.4, 0.4)
