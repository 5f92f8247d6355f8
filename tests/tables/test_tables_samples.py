"""Samples: copies and groups stay together, codes become words, and answers are told."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.tables.columns import Column, Columns
from chainrule.tables.encoder import Encoder
from chainrule.tables.fit import fit_columns, fit_table
from chainrule.tables.model import TableModel
from chainrule.tables.outliers import gap_of, usual_of
from chainrule.tables.row_groups import copies_of, kept_hashes, row_hashes, share_known
from chainrule.tables.samples import prepare
from chainrule.tables.score_errors import standard_errors
from chainrule.tables.scores import class_scores, number_scores
from chainrule.tables.settings import Choices
from chainrule.tables.splits import split_groups
from chainrule.tables.target import read_target
from chainrule.tabular.recipe import Labelled, Options, fit_model


def column(name: str, values: Any) -> Column:
    array = np.asarray(values)
    if array.dtype.kind in "OU":
        return Column(name, "text", np.array(values, object))
    kind: Any = "integer" if array.dtype.kind == "i" else "float"
    return Column(name, kind, array.astype(np.float64))


def table(**values: Any) -> Columns:
    columns = {name: column(name, v) for name, v in values.items()}
    return Columns(columns, len(next(iter(values.values()))))


def prepared(rows: Columns, choices: Choices | None = None, **others: Any) -> tuple[Any, list[str]]:
    said: list[str] = []
    return prepare(rows, "y", choices or Choices(), said.append, **others), said


def test_copies_of_rows_are_in_one_part() -> None:
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=60), 4)
    samples, said = prepared(
        table(x=x, z=np.repeat(rng.normal(size=60), 4), y=rng.normal(size=240))
    )
    parts = (samples.split.train, samples.split.validation, samples.split.test)
    seen = [set(x[rows]) for rows in parts]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]
    assert sum(map(len, parts)) == 240
    assert 40 <= len(parts[2]) <= 56
    assert any("180 rows are copies of others" in line for line in said)


def test_equal_rows_of_few_values_are_no_copies() -> None:
    rng = np.random.default_rng(0)
    rows = table(a=rng.integers(0, 3, 300), b=rng.integers(0, 4, 300))
    assert copies_of(rows.values(), 300) is None


@pytest.mark.parametrize("classes", [None, np.arange(120) % 3])
def test_split_groups_keeps_groups_whole_and_shares_near(classes: Any) -> None:
    groups = np.arange(120) // 3
    split = split_groups(groups, 0.25, 0.25, 5, classes)
    parts = (split.train, split.validation, split.test)
    assert sorted(np.concatenate(parts).tolist()) == list(range(120))
    assert sum(len(set(groups[rows])) for rows in parts) == 40
    assert abs(len(split.test) - 30) <= 6
    assert abs(len(split.validation) - 30) <= 6


def test_whole_numbers_that_are_codes_become_words() -> None:
    rng = np.random.default_rng(1)
    shop = rng.integers(0, 8, 400)
    effect = np.array([5.0, -7, 2, 9, -4, 0, 7, -9])
    y = effect[shop] + rng.normal(size=400) * 0.1
    rows = table(shop=shop, size=np.arange(400) % 90, y=y)
    samples, said = prepared(rows)
    assert samples.features["shop"].kind == "text"
    assert any("column 'shop' is read as words" in line for line in said)
    kept, _ = prepared(rows, Choices(number=("shop",)))
    assert kept.features["shop"].kind == "integer"
    # A quantity with few values stays one, also where it works as a step.
    ages = rng.integers(0, 8, 400)
    samples, _ = prepared(table(age=ages, y=np.where(ages > 3, 5.0, 1.0) + rng.normal(size=400)))
    assert samples.features["age"].kind == "integer"


def test_a_column_that_gives_the_answer_away_is_named() -> None:
    rng = np.random.default_rng(2)
    y = rng.normal(size=200)
    _, said = prepared(table(a=rng.normal(size=200), price_in_cents=y * 100, y=y))
    assert any("'price_in_cents' alone tells 'y' almost without error" in line for line in said)
    _, said = prepared(table(a=y + rng.normal(size=200) * 0.3, y=y))
    assert not any("alone tells" in line for line in said)


def test_columns_with_too_few_values_never_decide() -> None:
    rng = np.random.default_rng(3)
    few = np.full(100, np.nan)
    few[[3, 50]] = 1.0, 2.0
    for seed in range(4):
        samples, said = prepared(
            table(x=rng.normal(size=100), few=few, y=rng.normal(size=100)), Choices(seed=seed)
        )
        assert list(samples.features) == ["x"]
        assert any("fewer than 5 values, so left out: few" in line for line in said)


def test_rows_without_a_target_are_left_out_by_a_flag() -> None:
    y = np.arange(60.0) % 7 + 0.5
    y[[2, 5]] = np.nan
    rows = table(x=np.arange(60) % 11, y=y)
    with pytest.raises(ValueError, match=r"rows 3 and 6.*--skip-missing"):
        prepared(rows)
    samples, said = prepared(rows, Choices(skip_missing=True))
    assert samples.features.m == 58
    assert said[0] == "2 rows without a value of target 'y' left out"


def test_weights_of_zero_are_as_if_rows_were_not_there() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=200)
    y = 3 * x + rng.normal(size=200) * 0.1
    wrong = np.arange(200) % 4 == 0
    spoilt = np.where(wrong, -y, y)
    weight = column("w", np.where(wrong, 0.0, 1.0))
    fitted = fit_columns(table(x=x, y=spoilt), "y", Choices(test_share=0), weight=weight)
    predicted = fitted.model.predict(table(x=x)).values
    assert np.abs(predicted - y)[~wrong].mean() < 0.5
    with pytest.raises(ValueError, match="--weight 'w' has no number of 0 or above in 50 rows"):
        fit_columns(table(x=x, y=y), "y", weight=column("w", np.where(wrong, -1.0, 1.0)))


def test_balanced_class_weights_find_a_rare_class() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=1500)
    y = np.where(x + rng.normal(size=1500) > 2.4, "rare", "usual")
    found = {}
    for choice in (None, "balanced"):
        fitted = fit_columns(table(x=x, y=y), "y", Choices(class_weight=choice, epochs=20))
        assert fitted.scores is not None
        found[choice] = fitted.scores["confusion"][0][0]
    assert found["balanced"] > found[None]


def test_hashes_know_the_rows_trained_on() -> None:
    rng = np.random.default_rng(6)
    rows = table(a=rng.normal(size=3000), b=rng.choice(["u", "v"], 3000))
    hashes = row_hashes(rows.values(), 3000)
    assert len(np.unique(hashes)) == 3000
    kept = kept_hashes(hashes[:1500])
    assert share_known(hashes[:1500], kept) == 1.0
    assert share_known(hashes[1500:], kept) == 0.0
    assert 0.35 < share_known(hashes, kept) < 0.65


def test_gap_of_takes_nines_far_from_all_others_alone() -> None:
    ages = 20.0 + np.arange(100) % 50
    assert gap_of(np.r_[ages, [-999.0] * 5]) == -999
    assert gap_of(np.r_[ages, [9999.0] * 5]) == 9999
    assert gap_of(np.r_[ages, [-999.0] * 2]) is None
    assert gap_of(np.r_[ages, [-998.0] * 5]) is None
    assert gap_of(np.r_[ages, [99.0] * 5]) is None
    assert gap_of(np.r_[ages, [-9999.99] * 3]) == -9999.99
    assert gap_of(np.r_[ages, [-32768.0] * 3]) == -32768
    assert gap_of(np.r_[ages, [-np.finfo(np.float64).max] * 3]) == -np.finfo(np.float64).max


def test_gap_of_days_takes_dates_that_stand_for_none() -> None:
    days = 19_000.0 + np.arange(100)
    never = float((datetime(9999, 12, 31) - datetime(1970, 1, 1)).days)
    assert gap_of(np.r_[days, [never] * 3], days=True) == never
    assert gap_of(np.r_[days, [0.0] * 3], days=True) == 0
    assert gap_of(np.r_[days, [never - 5] * 3], days=True) is None
    assert gap_of(np.r_[days, [0.0] * 3]) is None


def test_fences_know_outliers_of_a_tenth_of_the_rows() -> None:
    x = np.random.default_rng(7).normal(size=300)
    for far in ([-998.0] * 30, list(1e6 + np.arange(30.0)), [1e5, 1e9]):
        usual = usual_of(np.r_[x, far])
        assert sorted(usual.far(np.r_[x, far])) == sorted(far)
        assert x.min() > usual.fences[0] > -50
        assert x.max() < usual.fences[1] < 50


def test_fences_leave_heavy_tails_alone() -> None:
    rng = np.random.default_rng(7)
    for x in (np.exp(rng.normal(size=2000)), rng.poisson(0.1, 2000).astype(float)):
        assert not usual_of(x).far(x).size


def test_target_with_a_number_for_no_value_is_refused_or_left_out() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=100)
    y = np.where(np.arange(100) % 10 == 0, -999.0, 50 + x)
    rows = Columns({"x": Column("x", "float", x), "y": Column("y", "float", y)}, 100)
    with pytest.raises(ValueError, match=r"'y' is -999 in 10 rows \(1, 11, .* --skip-missing"):
        prepare(rows, "y", Choices(), print)
    lines: list[str] = []
    samples = prepare(rows, "y", Choices(skip_missing=True), lines.append)
    assert samples.features.m == 90
    assert samples.labels.values.min() > 0
    assert "read as no value" in lines[0]
    assert prepare(rows, "y", Choices(number=("y",)), lines.append).labels.values.min() == -999


def test_dates_that_stand_for_none_are_gaps_and_outliers_are_cut() -> None:
    days = 19_000.0 + np.arange(60) * 7 % 41
    days[:4] = float((datetime(9999, 12, 31) - datetime(1970, 1, 1)).days)
    days[4] = 90_000.0
    encoder = Encoder.fit(Columns({"when": Column("when", "date", days)}, 60))
    X, warnings = encoder.encode(Columns({"when": Column("when", "date", days)}, 60))
    assert np.abs(X).max() < 10
    assert X[:, -1].tolist() == [1.0] * 4 + [0.0] * 56
    assert any("9999-12-31 in 4 rows of 'when'" in note for note in encoder.notes)
    assert "row 5 is unlike all rows trained on (when 2216-05-31 beyond" in warnings[-1]


@pytest.mark.parametrize("name", ["id", "customer_id", "orderId", "Invoice No."])
def test_whole_numbers_called_a_number_of_each_row_are_left_out(name: str) -> None:
    values = np.random.default_rng(0).permutation(10**6)[:50].astype(np.float64)
    columns = {n: Column(n, "integer", values) for n in (name, "income", "valid")}
    assert Encoder.fit(Columns(columns, 50)).names == ["income", "valid"]


def test_fences_leave_a_normal_sample_alone() -> None:
    rng = np.random.default_rng(7)
    for m in (30, 1000):
        x = rng.normal(size=m)
        low, high = usual_of(x).fences
        assert low < x.min()
        assert x.max() < high
    x = np.r_[x, 1e300]
    assert usual_of(x).far(x).tolist() == [1e300]


def test_standard_errors_are_those_of_repeated_samples() -> None:
    rng = np.random.default_rng(8)
    numbers: list[Any] = []
    shares: list[Any] = []
    for _ in range(400):
        true = rng.normal(size=300)
        predicted = true + rng.normal(size=300) * 0.5
        scores = number_scores(true, predicted)
        numbers.append((scores, standard_errors("regression", scores, true, predicted, predicted)))
        y = (rng.random(300) < 0.4).astype(np.int64)
        p = 1 / (1 + np.exp(-(rng.normal(size=300) + 2 * y - 1)))[:, None]
        said = (p[:, 0] > 0.5).astype(np.int64)
        found = class_scores("binary", y, said, p)
        shares.append((found, standard_errors("binary", found, y, said, p)))
    for runs in (numbers, shares):
        for name in runs[0][1]:
            spread = np.std([scores[name] for scores, _ in runs])
            told = np.mean([errors[name] for _, errors in runs])
            assert told == pytest.approx(spread, rel=0.15), name


def test_detection_scores_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(9)
    y = (rng.random(200) < 0.3).astype(np.int64)
    p = np.round(rng.random(200) * 0.5 + y * 0.3, 2)[:, None]
    said = (p[:, 0] > 0.5).astype(np.int64)
    scores = class_scores("binary", y, said, p)
    assert scores["precision"] == pytest.approx(metrics.precision_score(y, said))
    assert scores["recall"] == pytest.approx(metrics.recall_score(y, said))
    assert scores["f1"] == pytest.approx(metrics.f1_score(y, said))
    expected = metrics.average_precision_score(y, p[:, 0])
    assert scores["average_precision"] == pytest.approx(expected)


def test_ordered_words_are_numbers_in_training_and_later(tmp_path: Path) -> None:
    words = ["small", "medium", "large"]
    rows = "".join(f"{words[i % 3]},{i % 3 * 10 + i % 2}.5\n" for i in range(90))
    (tmp_path / "t.csv").write_text("size,y\n" + rows)
    choices = Choices(order=("size=small,medium,large",), epochs=40)
    model = fit_table(tmp_path / "t.csv", "y", choices).model
    assert [f.kind for f in model.encoder.features] == ["number"]
    model.save(tmp_path / "model")
    again = TableModel.load(tmp_path / "model")
    (tmp_path / "new.csv").write_text("size\nsmall\nmedium\nlarge\n")
    values = again.predict(again.read(tmp_path / "new.csv")).values
    assert values[0] < values[1] < values[2]
    (tmp_path / "new.csv").write_text("size\nsmall\nhuge\n")
    with pytest.raises(ValueError, match=r"'size' is 'huge' in row 2, which its --order does not"):
        again.read(tmp_path / "new.csv")
    with pytest.raises(ValueError, match="--order 'size' must be a column and its words"):
        fit_table(tmp_path / "t.csv", "y", Choices(order=("size",)))


def test_standard_errors_of_copies_are_those_of_the_rows_copied() -> None:
    rng = np.random.default_rng(9)
    y = (rng.random(200) < 0.4).astype(np.int64)
    p = 1 / (1 + np.exp(-(rng.normal(size=200) + 2 * y - 1)))[:, None]
    said, four = (p[:, 0] > 0.5).astype(np.int64), np.repeat(np.arange(200), 4)
    scores = class_scores("binary", y, said, p)
    once = standard_errors("binary", scores, y, said, p)
    copied = standard_errors("binary", scores, y[four], said[four], p[four], four)
    assert copied == pytest.approx(once, rel=1e-12)
    x = rng.normal(size=200)
    scores = number_scores(x, x / 2)
    once = standard_errors("regression", scores, x, x / 2, p)
    copied = standard_errors("regression", scores, x[four], x[four] / 2, p[four], four)
    assert copied == pytest.approx(once, rel=1e-12)


def test_standard_errors_of_perfect_scores_are_not_zero() -> None:
    y = np.arange(20) % 2
    p = np.where(y == 1, 0.9, 0.1)[:, None]
    errors = standard_errors("binary", class_scores("binary", y, y, p), y, y, p)
    # One miss in 22 rows would be a share of 1/22, whose error is sqrt(21) / 22 / sqrt(20).
    assert errors["accuracy"] == pytest.approx(np.sqrt(21 / 20) / 22)
    assert 0.01 < errors["roc_auc"] < 0.1
    assert errors["balanced_accuracy"] > errors["accuracy"]


KINDS_OF_WHOLE_NUMBERS = {
    "shops": (True, (1, 13), lambda x, e: e[x]),
    "many shops": (True, (1, 61), lambda x, e: e[x]),
    "zip-like codes": (True, (80, 99), lambda x, e: e[x]),
    "months": (False, (1, 13), lambda x, e: 20 * np.cos(np.pi * (x - 7) / 6)),
    "rooms": (False, (1, 9), lambda x, e: 30.0 * x),
    "rooms that matter less and less": (False, (1, 9), lambda x, e: 100 * (1 - np.exp(-x / 2))),
    "ages": (False, (18, 90), lambda x, e: -((x - 45.0) ** 2) / 20),
    "years": (False, (2000, 2024), lambda x, e: 2.0 * (x - 2000)),
    "noise": (False, (1, 30), lambda x, e: 0 * e[x]),
}


@pytest.mark.parametrize("kind", KINDS_OF_WHOLE_NUMBERS)
@pytest.mark.parametrize("m", [250, 2000])
def test_whole_numbers_are_codes_or_quantities_by_what_they_explain(kind: str, m: int) -> None:
    code, ends, effect = KINDS_OF_WHOLE_NUMBERS[kind]
    rng = np.random.default_rng(11)
    x = rng.integers(*ends, m)
    y = effect(x, 20 * rng.normal(size=3000)) + rng.normal(size=m) * 3
    samples, said = prepared(table(x=x, z=rng.normal(size=m), y=y))
    assert (samples.features["x"].kind == "text") == code
    assert any("'x' is read as words: alone it explains" in line for line in said) == code


def test_one_huge_target_is_cut_and_told_by_an_ensemble_too() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=60)
    y = 5 * x + rng.normal(size=60)
    y[7] = 1e9
    target = read_target(Column("y", "float", y))
    said: list[str] = []
    quick = Options(members=2, without=("smooth", "binned_smooth", "binned_held", "sparsity"))
    model = fit_model(Labelled(table(x=x), target), quick, said.append)
    assert np.abs(model.predict(table(x=x)).values).max() < 100
    assert any(
        line.startswith("target 'y': 1000000000 in one row is far from all") for line in said
    )
