"""Splits: every row once, classes in proportion, a seed that fixes all, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.tables.splits import split_rows


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
