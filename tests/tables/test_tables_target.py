"""The target: which task a column asks for, its classes, what is refused, and its saved record."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.tables.column_summary import summarise
from chainrule.tables.columns import Column
from chainrule.tables.recipe import network_of
from chainrule.tables.settings import Choices
from chainrule.tables.target import TargetEncoder, read_target


def numbers(values: list[float], kind: str = "integer") -> Column:
    return Column("y", kind, np.array(values, np.float64))  # type: ignore[arg-type]


def words(values: list[str | None]) -> Column:
    array = np.empty(len(values), object)
    array[:] = values
    return Column("y", "text", array)


@pytest.mark.parametrize(
    ("column", "task", "classes"),
    [
        (words(["no", "yes", "yes", "no"]), "binary", ("no", "yes")),
        (words(["b", "a", "c"] * 3), "multiclass", ("a", "b", "c")),
        (numbers([0, 1, 1, 0]), "binary", ("0", "1")),
        (numbers([10, 9] * 3), "binary", ("9", "10")),
        (numbers([0.5, 1.5] * 2, "float"), "binary", ("0.5", "1.5")),
        (numbers([1, 0, 1, 0], "boolean"), "binary", ("false", "true")),
        (numbers([*range(10)] * 5), "multiclass", tuple("0123456789")),
        (numbers([*range(10)] * 4), "regression", ()),
        (numbers([*range(21)] * 50), "regression", ()),
        (numbers([0.5, 1.5, 2.5] * 9, "float"), "regression", ()),
    ],
)
def test_the_task_follows_from_the_column(
    column: Column, task: str, classes: tuple[str, ...]
) -> None:
    target = read_target(column)
    assert (target.task, target.classes) == (task, classes)
    assert task in target.sentence
    assert str(len(column.values)) in target.sentence


def test_places_of_classes_follow_the_sorted_order() -> None:
    target = read_target(numbers([10, 9, 10, 2, 2, 9] * 3))
    assert target.classes == ("2", "9", "10")
    assert target.values.tolist() == [2, 1, 2, 0, 0, 1] * 3


def test_the_sentence_counts_the_classes_and_says_why() -> None:
    sentence = read_target(words(["yes", "no", "yes", "yes"])).sentence
    assert sentence == ("target 'y': binary, it has two different values in 4 rows (no 1, yes 3)")


def test_a_task_that_is_asked_for_overrides() -> None:
    values = [*range(10)] * 5
    target = read_target(numbers(values), "regression")
    assert (target.task, target.classes) == ("regression", ())
    assert target.values.tolist() == values
    assert "alone it would be multiclass" in target.sentence
    assert read_target(numbers([*range(21)] * 3), "multiclass").task == "multiclass"


def test_words_that_are_numbers_can_be_regressed() -> None:
    assert read_target(words(["1.5", "2"]), "regression").values.tolist() == [1.5, 2.0]


@pytest.mark.parametrize(
    ("column", "task", "message"),
    [
        (numbers([3, 3, 3]), None, "'y' is '3' in every row: there is nothing to learn"),
        (words(["a", "a"]), None, "'y' is 'a' in every row"),
        (numbers([1, np.nan, 2, np.nan]), None, "'y' has no value .or NaN. in rows 2 and 4"),
        (words(["a", None, "b"]), None, "'y' has no value .or NaN. in row 2"),
        (numbers([1, 2, -np.inf], "float"), None, "'y' is infinite in row 3"),
        (words(["a", "b", "c"]), None, "'y' has 3 classes in 3 rows, fewer than two rows for each"),
        (numbers([1, 2, 3]), "multiclass", "3 classes in 3 rows.*--task regression"),
        (words(["low", "2"]), "regression", r"'y' holds words \('low' in row 1\)"),
        (words(["1", "inf"]), "regression", r"'y' holds words \('inf' in row 2\)"),
        (words(["a", "b", "c"] * 4), "binary", "'y' has 3 different values, but a binary task has"),
        (numbers([1, 2] * 3), "binry", "unknown task 'binry', did you mean 'binary'"),
    ],
)
def test_what_cannot_be_learnt_is_refused(column: Column, task: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        read_target(column, task)
    assert "\n" not in str(error.value)


def test_regression_is_standardised_by_the_rows_trained_on() -> None:
    target = read_target(numbers([1, 3, 100.5, 7, 9], "float"))
    encoder = TargetEncoder.fit(target, np.array([0, 1, 3, 4]))
    # mean (1 + 3 + 7 + 9) / 4 = 5, deviation sqrt((16 + 4 + 4 + 16) / 4) = sqrt(10)
    assert encoder.mean == pytest.approx(5, rel=1e-15)
    assert encoder.scale == pytest.approx(10**0.5, rel=1e-15)
    y = encoder.encode(target.values, np.float64)
    assert y[0] == pytest.approx(-4 / 10**0.5)
    np.testing.assert_allclose(encoder.original(y[:, None]), target.values, rtol=1e-14)
    # The range trained on is 1 to 9; predictions go 5 % of it beyond, 0.4.
    np.testing.assert_allclose(encoder.decode(y[:, None]), [1, 3, 9.4, 7, 9], rtol=1e-14)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [([1.0, 3.0, 11.0], 0.5, 11.5), ([0.1, 10.1], 0.0, 10.6), ([-9.0, -1.0], -9.4, -0.6)],
)
def test_predictions_stay_near_the_range_trained_on(
    values: list[float], low: float, high: float
) -> None:
    target = read_target(numbers([*values, values[0]], "float"), "regression")
    encoder = TargetEncoder.fit(target, np.arange(len(values)))
    far = encoder.decode(np.array([[-1e6], [1e6]]))
    assert far.tolist() == pytest.approx([low, high])


def test_one_outlier_of_a_target_is_cut_and_the_others_stay() -> None:
    values = [float(20 + i % 30) for i in range(100)]
    target = read_target(numbers([*values, 1e9], "float"))
    encoder = TargetEncoder.fit(target, np.arange(101))
    assert encoder.mean < 60
    assert encoder.high < 200
    assert encoder.cut(np.array([25.0, 1e9])).tolist() == [25.0, encoder.high]


def test_a_target_constant_in_the_training_part_is_refused() -> None:
    target = read_target(numbers([1.5, 1.5, 1.5, 2.5, 3.5], "float"))
    with pytest.raises(ValueError, match=r"'y' is 1\.5 in every row of the training part"):
        TargetEncoder.fit(target, np.array([0, 1, 2]))


def test_outputs_become_classes() -> None:
    binary = TargetEncoder("y", "binary", ("no", "yes"))
    assert binary.n_out == 1
    assert binary.decode(np.array([[0.4], [0.5], [0.6]])).tolist() == [0, 0, 1]
    several = TargetEncoder("y", "multiclass", ("a", "b", "c"))
    assert several.n_out == 3
    assert several.decode(np.array([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]])).tolist() == [2, 0]


def test_true_values_are_read_by_the_models_classes() -> None:
    encoder = TargetEncoder("y", "binary", ("1", "2"))
    assert encoder.values_of(words(["2", "1"])).tolist() == [1, 0]
    assert encoder.values_of(numbers([2.0, 2.0], "float")).tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"'y' is '3' in row 2, a class the model does not know"):
        encoder.values_of(numbers([1, 3]))


GOOD = {"name": "y", "task": "binary", "classes": ["a", "b"], "mean": 0.0, "scale": 1.0}


@pytest.mark.parametrize(
    "encoder",
    [
        TargetEncoder("y", "binary", ("a", "b")),
        TargetEncoder("y", "multiclass", ("a", "b", "c")),
        TargetEncoder("y", "regression", (), 0.1 + 0.2, 1e-300),
        TargetEncoder("y", "regression", (), 0.1, 2.0, -0.1, 7.0),
    ],
)
def test_the_record_comes_back_equal(encoder: TargetEncoder) -> None:
    import json

    assert TargetEncoder.from_state(json.loads(json.dumps(encoder.state()))) == encoder


@pytest.mark.parametrize(
    "change",
    [
        {"name": 3},
        {"task": "ranking"},
        {"task": []},
        {"task": "multiclass", "classes": ["a"]},
        {"task": "regression"},
        {"classes": ["a", "a"]},
        {"classes": ["a", 1]},
        {"classes": ["a", "b", "c"]},
        {"classes": "ab"},
        {"mean": float("nan")},
        {"mean": True},
        {"scale": 0.0},
        {"scale": -1.0},
        {"scale": float("inf")},
        {"further": 1},
        {"low": 0.0},
        {"low": 1.0, "high": 0.0},
        {"low": 0.0, "high": float("inf")},
    ],
)
def test_a_damaged_record_is_refused_in_one_sentence(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="the model's target") as error:
        TargetEncoder.from_state(GOOD | change)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("state", [None, [], {}, "binary", {"name": "y"}])
def test_what_is_no_record_is_refused(state: object) -> None:
    with pytest.raises(ValueError, match="must have the fields"):
        TargetEncoder.from_state(state)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=30))
def test_moments_are_those_of_exact_arithmetic(values: list[float]) -> None:
    from fractions import Fraction

    exact = [Fraction(v) for v in values]
    mean = sum(exact) / len(exact)
    square = sum((v - mean) ** 2 for v in exact) / len(exact)
    top = max(map(abs, values))
    summary = summarise(Column("x", "float", np.array(values)))
    found_mean, found_scale = summary.mean, summary.deviation
    assert abs(found_mean - float(mean)) <= 1e-14 * top
    assert abs(Fraction(found_scale) ** 2 - square) <= Fraction(1e-14) * Fraction(top) ** 2 + (
        Fraction(5e-324) ** 2
    )


def test_counts_are_told_to_look_like_counts() -> None:
    goals = np.random.default_rng(0).poisson(1.5, 600).clip(0, 9).astype(float)
    words = "look like counts, and --task regression takes them for numbers"
    assert words in read_target(Column("goals", "integer", goals)).sentence
    grades = np.arange(600) % 5 + 1.0
    assert "counts" not in read_target(Column("grade", "integer", grades)).sentence


def test_loss_that_does_not_suit_the_task_is_refused_in_its_own_words() -> None:
    target = TargetEncoder("y", "regression")
    with pytest.raises(ValueError, match="--loss poisson does not suit regression: leave it out"):
        network_of(3, target, Choices(loss="poisson"))
