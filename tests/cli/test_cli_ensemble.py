"""``chainrule train`` without an option of one network: the ensemble, from file to predictions."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

click_testing = pytest.importorskip("click.testing")
pa = pytest.importorskip("pyarrow")
pytest.importorskip("pyarrow.csv")
pd = pytest.importorskip("pandas")
metrics = pytest.importorskip("sklearn.metrics")

from chainrule.cli.app import app
from chainrule.tables.model import TableModel
from chainrule.tabular.model import EnsembleModel, load_ensemble, load_model

RNG = np.random.default_rng(0)
M = 120
FRAME = pd.DataFrame(
    {
        "size": RNG.normal(size=M).round(3),
        "city": RNG.choice(["Bern", "Chur", "Zug"], M),
        "day": pd.date_range("2024-01-01", periods=M).strftime("%Y-%m-%d"),
        "person": np.arange(M) // 4,
        "weight": RNG.integers(0, 3, M),
    }
)
FRAME["pay"] = (FRAME["size"] + 2 * (FRAME["city"] == "Zug") + RNG.normal(0, 0.2, M)).round(3)
FRAME["rich"] = np.where(FRAME["pay"] + RNG.normal(0, 0.3, M) > 0.7, "yes", "no")

Run = Callable[..., Any]


def invoke(*args: str) -> Any:
    return click_testing.CliRunner().invoke(app, args, prog_name="chainrule")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("ensemble")
    FRAME.drop(columns=["person", "weight", "rich"]).to_csv(folder / "numbers.csv", index=False)
    FRAME.drop(columns=["person", "weight", "pay"]).to_csv(folder / "words.csv", index=False)
    FRAME.to_csv(folder / "all.csv", index=False)
    for table, target in (("numbers", "pay"), ("words", "rich")):
        result = invoke("train", f"{folder}/{table}.csv", "-t", target, "-o", f"{folder}/{table}")
        assert result.exit_code == 0, result.stderr
        (folder / f"{table}.out").write_text(result.output)
    return folder


@pytest.fixture
def run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    return invoke


def test_train_says_what_was_trained_and_scores_every_row(run: Run) -> None:
    for name in ("numbers", "words"):
        output = Path(f"{name}.out").read_text()
        assert "an ensemble, as no option asks for one network: 10 networks" in output
        assert "on 5 folds of 120 rows" in output
        assert "120 rows out of fold" in output
        assert "what columns are worth" in output
        assert len(output.splitlines()) <= 12
        model = load_ensemble(name)
        assert np.bincount(model.out_of_fold.folds).tolist() == [24] * 5
        assert model.record["rows"] == {"all": 120, "scored": 120}


def test_train_scores_are_those_of_out_of_fold_predictions(run: Run) -> None:
    model = load_ensemble("words")
    p = model.out_of_fold.outputs[:, 0]
    true = FRAME["rich"] == "yes"
    scores = model.record["scores"]
    assert scores["log_loss"] == pytest.approx(metrics.log_loss(true, p))
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(true, p > 0.5))
    assert scores["roc_auc"] == pytest.approx(metrics.roc_auc_score(true, p))
    numbers = load_ensemble("numbers")
    y_hat = numbers.target.original(numbers.out_of_fold.outputs)
    assert numbers.record["scores"]["r2"] == pytest.approx(metrics.r2_score(FRAME["pay"], y_hat))


def test_predict_and_evaluate_take_an_ensemble(run: Run) -> None:
    header, *lines = run("predict", "words", "words.csv", "-p").stdout.splitlines()
    assert header == "prediction,probability_no,probability_yes"
    right = [line.split(",")[0] for line in lines] == FRAME["rich"]
    found = json.loads(run("evaluate", "words", "words.csv", "--json").stdout)
    assert found["scores"]["accuracy"] == pytest.approx(right.mean())
    assert "about 100% of these rows were trained on" in found["messages"][-1]
    threshold = run("predict", "words", "words.csv", "-p", "--threshold", "0.9").stdout
    for line in threshold.splitlines()[1:]:
        word, _, yes = line.split(",")
        assert word == ("yes" if float(yes) > 0.9 else "no")


def test_predict_interval_gives_bounds_in_the_targets_units(run: Run) -> None:
    header, *lines = run("predict", "numbers", "numbers.csv", "--interval", "0.8").stdout.split()
    assert header == "prediction,lower,upper"
    predicted, lower, upper = np.array([line.split(",") for line in lines], float).T
    assert (lower < predicted).all()
    assert (predicted < upper).all()
    inside = (lower <= FRAME["pay"]) & (FRAME["pay"] <= upper)
    assert inside.mean() > 0.7


def test_train_the_same_seed_writes_the_same_file_by_any_threads(run: Run) -> None:
    for name, more in (("same", ()), ("three", ("--threads", "3")), ("other", ("--seed", "1"))):
        assert run("train", "words.csv", "-t", "rich", "-o", name, *more).exit_code == 0
    first = Path("words").read_bytes()
    assert Path("same").read_bytes() == first
    assert Path("three").read_bytes() == first
    assert Path("other").read_bytes() != first


@pytest.mark.parametrize("line", ["--l2 0", "--hidden none", "--test-share 0", "--dtype float64"])
def test_train_any_option_of_one_network_trains_one(line: str, run: Run) -> None:
    result = run("train", "words.csv", "-t", "rich", "-o", "one", "--drop", "day", *line.split())
    assert result.exit_code == 0, result.stderr
    assert f"one network, as {line.split()[0]} asks for" in result.stderr
    assert isinstance(load_model("one"), TableModel)


def test_load_model_gives_an_ensemble_or_one_network(run: Run) -> None:
    assert isinstance(load_model("words"), EnsembleModel)
    result = run("train", "words.csv", "-t", "rich", "--epochs", "2", "-o", "one")
    assert result.exit_code == 0
    assert "one network, as --epochs asks for" in result.stderr
    assert isinstance(load_model("one"), TableModel)
    with pytest.raises(ValueError, match="one network and no ensemble"):
        load_ensemble("one")


BAD = {
    "train words.csv -t rich --time-limit 0": "--time-limit must be a number of seconds above 0",
    "train words.csv -t rich --time-limit x": "'x' is not a valid float",
    "train words.csv -t rich --time-limit 9 --epochs 2": "--epochs asks for one network",
    "train all.csv -t rich --group person --latest day": "give --group or --latest, not both",
    "train numbers.csv -t pay --class-weight balanced": "--class-weight needs a target of classes",
    "train words.csv -t rich --latest city": "--latest wants a column of dates or numbers",
    "predict words words.csv --interval 0.9": "--interval is for numbers, and this is binary",
    "predict numbers numbers.csv --interval 1": "--interval must be above 0 and below 1, not 1",
    "predict numbers numbers.csv --interval x": "'x' is not a valid float",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_answered_with_one_sentence_and_exit_code_2(line: str, run: Run) -> None:
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    result = run(*line.split())
    assert result.exit_code == 2, result.stderr
    assert BAD[line] in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before


@pytest.mark.parametrize("name", ["numbers", "words"])
def test_export_of_an_ensemble_runs_in_onnxruntime_on_the_columns(name: str, run: Run) -> None:
    ort = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    done = run("export", name, "-o", "model.onnx", "--data", f"{name}.csv")
    assert done.exit_code == 0, done.stderr
    days = (pd.to_datetime(FRAME["day"]) - pd.Timestamp(0)) / pd.Timedelta(days=1)
    feed = {
        "size": FRAME[["size"]].to_numpy(),
        "city": FRAME[["city"]].to_numpy(object),
        "day": days.to_numpy()[:, None],
    }
    model = load_model(name)
    own = model.predict(model.read(f"{name}.csv"))
    first, *rest = ort.InferenceSession("model.onnx").run(None, feed)
    if own.probabilities is None:
        np.testing.assert_allclose(first[:, 0], own.values, atol=1e-5)
        return
    np.testing.assert_allclose(rest[0], own.probabilities, atol=2e-6)
    assert first.tolist() == own.words


@pytest.mark.parametrize("name", ["numbers", "words"])
def test_predictor_of_an_ensemble_has_the_bits_of_predict(name: str, run: Run) -> None:
    model = load_model(name)
    rows, predict = model.read(f"{name}.csv"), model.predictor()
    for i, row in enumerate(FRAME[["size", "city", "day"]].to_dict("records")[:40]):
        one = model.predict(rows.take(np.array([i])))
        assert predict(row) == one.words[0]
        if one.probabilities is not None:
            assert predict.probabilities(row) == tuple(one.probabilities[0].tolist())
    columns = pa.table({n: rows[n].values for n in ("size", "city")} | {"day": FRAME["day"]})
    assert np.asarray(predict.predict(columns)).tolist() == model.predict(rows).words


def test_ctrl_c_while_an_ensemble_trains_writes_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import signal

    from chainrule.tabular.progress import Clock

    record = Clock.record

    def interrupted(self: Clock, number: int, name: str, epoch: int) -> None:
        record(self, number, name, epoch)
        if number == 2 and epoch == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Clock, "record", interrupted)
    result = run("train", "words.csv", "-t", "rich", "-o", "new")
    assert result.exit_code == 130, result.output
    assert result.stderr.endswith("interrupted: nothing was written\n")
    assert not Path("new").exists()
