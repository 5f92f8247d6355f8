"""Dates: read and written against datetime, encoded by hand-worked numbers, learnt and saved."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pa = pytest.importorskip("pyarrow")

from chainrule.tables import dates
from chainrule.tables.columns import Column, Columns, as_days, columns
from chainrule.tables.encoder import Encoder
from chainrule.tables.lookalikes import meant

EPOCH = datetime(1970, 1, 1)
ZONES = st.none() | st.builds(
    lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-1439, 1439)
)


def days(*values: Any) -> Columns:
    known = [np.nan if v is None else v for v in values]
    return Columns({"d": Column("d", "date", np.array(known, float))}, len(known))


@given(st.datetimes(datetime(1000, 1, 1), datetime(9000, 1, 1)), ZONES)
def test_words_are_read_as_datetime_reads_them(when: datetime, zone: Any) -> None:
    given_at = when.replace(tzinfo=zone)
    utc = when if zone is None else given_at.astimezone(UTC).replace(tzinfo=None)
    assert dates.day_of(str(given_at)) == (utc - EPOCH) / timedelta(days=1)


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 1, 1)))
def test_written_is_read_again_to_the_second(when: datetime) -> None:
    day = (when - EPOCH) / timedelta(days=1)
    assert dates.day_of(dates.written(day)) == pytest.approx(day, abs=0.6 / 86_400)
    assert dates.written(float(round(day))) == str(EPOCH.date() + timedelta(days=round(day)))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@given(st.lists(st.none() | st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)), min_size=1))
def test_arrow_times_of_every_unit(unit: str, values: list[datetime | None]) -> None:
    known = [None if v is None else v.replace(microsecond=0) for v in values]
    expected = [np.nan if v is None else (v - EPOCH) / timedelta(days=1) for v in known]
    for zone in (None, "UTC"):
        array = pa.array(known, pa.timestamp(unit, zone))
        found = columns(pa.table({"d": pa.chunked_array([array[1:], array[:1]])}))["d"]
        assert found.kind == "date"
        np.testing.assert_allclose(found.values, [*expected[1:], expected[0]], rtol=1e-15)


@pytest.mark.parametrize("kind", ["date32", "date64"])
def test_arrow_days(kind: str) -> None:
    array = pa.array([date(1970, 1, 2), None, date(1969, 12, 31)], getattr(pa, kind)())
    found = columns(pa.table({"d": array}))["d"]
    assert found.kind == "date"
    np.testing.assert_array_equal(found.values, [1.0, np.nan, -1.0])


def test_a_week_by_hand() -> None:
    encoder = Encoder.fit(days(0, 7, 14, 10))
    assert encoder.feature_names == ["d (days)", "d (week, sin)", "d (week, cos)"]
    mean, scale = 31 / 4, float(np.std([0, 7, 14, 10]))
    x = encoder.transform(days(0, 1.75, 3.5, 700))
    # A quarter of a week on, sin is 1 and cos 0; half a week on, 0 and -1.
    np.testing.assert_allclose(x[:, 0], (np.array([0, 1.75, 3.5, 700]) - mean) / scale, rtol=1e-14)
    np.testing.assert_allclose(x[:, 1:], [[0, 1], [1, 0], [0, -1], [0, 1]], atol=1e-12)


@pytest.mark.parametrize(
    ("values", "cycles"),
    [
        ([0, 1, 2, 3], []),  # less than a week
        ([0, 7, 14, 21], []),  # always the same day of the week
        ([0, 1, 7], ["week"]),
        ([0, 0.25, 0.5, 1], ["day"]),
        ([0, 100, 364], ["week"]),
        ([0, 100, 366], ["year", "week"]),
        ([0.5, 100.25, 3660], ["year", "week", "day"]),
    ],
)
def test_cycles_are_those_that_the_dates_go_through(values: list[float], cycles: list[str]) -> None:
    (feature,) = Encoder.fit(days(*values)).features
    assert list(feature.words) == cycles
    assert feature.width == len(feature.names) == 1 + 2 * len(cycles)


def test_gaps_are_marked_or_take_the_mean_with_a_warning() -> None:
    x = Encoder.fit(days(0, 8, None)).transform(days(None, 4))
    assert x[:, [0, 3]].tolist() == [[0.0, 1.0], [0.0, 0.0]]
    assert x[0, 1:3].tolist() == [0.0, 0.0]
    x, (warning,) = Encoder.fit(days(0, 8)).encode(days(None, 8))
    assert x[0].tolist() == [0.0, 0.0, 0.0]
    assert "its mean there, 1970-01-05, is used" in warning


def test_the_same_day_everywhere_says_nothing() -> None:
    with pytest.raises(ValueError, match="every column beside the target is constant"):
        Encoder.fit(days(5, 5, 5))


@given(st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=9, unique=True))
def test_the_saved_state_encodes_alike(values: list[int]) -> None:
    encoder = Encoder.fit(days(*values))
    state, arrays = encoder.state()
    again = Encoder.from_state(json.loads(json.dumps(state)), arrays)
    assert again == encoder
    assert np.array_equal(again.transform(days(*values)), encoder.transform(days(*values)))
    state["features"][0]["words"] = ["month"]
    with pytest.raises(ValueError, match="has cycles that no date has"):
        Encoder.from_state(state, arrays)


def test_what_is_no_date_is_one_sentence() -> None:
    encoder = Encoder.fit(days(0, 8))
    for values, kind, said in (
        (np.array(["1970-01-02", "soon"], object), "text", "holds dates, but row 2 has 'soon'"),
        (np.array([np.nan, 3.5]), "float", "holds dates, but row 2 has '3.5'"),
    ):
        with pytest.raises(ValueError, match=said):
            encoder.transform(Columns({"d": Column("d", kind, values)}, 2))  # type: ignore[arg-type]
    words = Column("d", "text", np.array(["1970-01-02", None, "1970-01-03 12:00"], object))
    np.testing.assert_array_equal(as_days(words), [1.0, np.nan, 2.5])
    numbers = Encoder.fit(Columns({"d": Column("d", "float", np.array([0.0, 8.0]))}, 2))
    with pytest.raises(ValueError, match="column 'd' holds numbers, but row 1 has '1970-01-02'"):
        numbers.transform(days(1, 2))


def test_an_estimators_gradient_by_the_day() -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    from chainrule.estimators import BackpropRegressor

    rng = np.random.default_rng(0)
    at = rng.random(200) * 1500
    y = np.sin(2 * np.pi * at / 7) + at / 1000

    def frame(days: Any) -> Any:
        return pd.DataFrame({"a": rng.normal(size=200), "when": pd.to_datetime(days, unit="D")})

    fitted = BackpropRegressor(activation="tanh", max_iter=30, dtype="float64", random_state=0)
    fitted.fit(frame(at), y)
    assert fitted.score(frame(at), y) > 0.8
    h, still = 1e-4, rng.normal(size=200)

    def cost(days: Any) -> Any:
        given = frame(days).assign(a=still)
        return ((fitted.predict(given) - y) / fitted.y_scale_) ** 2 / 2

    found = fitted.input_gradient(frame(at).assign(a=still), y)[:, 1]
    numeric = (cost(at + h) - cost(at - h)) / (2 * h)
    np.testing.assert_allclose(found, numeric, rtol=1e-3, atol=1e-5)


def test_a_season_is_learnt_from_a_csv_file(tmp_path: Path) -> None:
    pytest.importorskip("click")
    from click.testing import CliRunner

    from chainrule.cli.app import app

    rng = np.random.default_rng(0)
    at = rng.integers(0, 1400, 600)
    sold = 10 + 5 * np.sin(2 * np.pi * at / 365.2425) + 3 * (at % 7 == 2)
    lines = [
        f"{EPOCH.date() + timedelta(days=int(d))},{s:.3f}" for d, s in zip(at, sold, strict=True)
    ]
    (tmp_path / "a.csv").write_text("day,sold\n" + "\n".join(lines) + "\n")
    model = tmp_path / "m.safetensors"
    words = ["train", str(tmp_path / "a.csv"), "-t", "sold", "-o", str(model), "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["scores"]["r2"] > 0.9
    (tmp_path / "new.csv").write_text("day\n1974-01-02 00:00:00\n")
    done = CliRunner().invoke(app, ["predict", str(model), str(tmp_path / "new.csv")])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("drop", [(), ("day",)])
def test_the_latest_days_are_held_out_and_found_again(drop: Any, tmp_path: Path) -> None:
    from chainrule.explanation.scoring import rows_held_out
    from chainrule.tables.fit import fit_table
    from chainrule.tables.model import TableModel
    from chainrule.tables.settings import Choices

    rng = np.random.default_rng(0)
    at, x = rng.permutation(100), rng.normal(size=100)
    lines = [f"{dates.written(float(d))},{v:.6f},{2 * v:.6f}" for d, v in zip(at, x, strict=True)]
    (tmp_path / "a.csv").write_text("day,x,y\n" + "\n".join(lines) + "\n")
    said: list[str] = []
    fitted = fit_table(
        tmp_path / "a.csv", "y", Choices(latest="day", drop=drop, epochs=5), say=said.append
    )
    assert sorted(at[fitted.split.test].tolist()) == list(range(80, 100))
    assert sorted(at[fitted.split.validation].tolist()) == list(range(70, 80))
    assert not any("at random" in sentence for sentence in said)
    fitted.model.save(tmp_path / "m")
    model = TableModel.load(tmp_path / "m")
    held = rows_held_out(model, model.read(tmp_path / "a.csv", with_target=True), "a.csv")
    assert held is not None
    assert held.tolist() == fitted.split.test.tolist()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["12%", "3.5%", "100%"], "look like numbers ('12%')"),
        (["1'000", "22", "3'000.5"], "look like numbers"),
        (["CHF 3", "CHF 4", "CHF 7.50"], "look like numbers"),
        (["(3.00)", "4.10", "9"], "look like numbers"),
        (["1/2/24", "3/12/24", "5/5/24"], "look like dates ('1/2/24')"),
        (["2024-01-01", "2024-01-02", "2024-01-03"], "look like dates"),
        (["1", "2", "3"], ""),
        (["A1", "B2", "C3"], ""),
        (["10-20", "20-30", "30-40"], ""),
        (["%", "$", "-"], ""),
        (["12%", "3%"], ""),
        (["12%", "many", "few"], ""),
    ],
)
def test_words_that_were_meant_as_numbers_or_dates(words: list[str], said: str) -> None:
    assert said in meant(words)
    assert bool(said) == bool(meant(words))
