"""``chainrule train`` by hand: what it says, writes and refuses, each with its exit code."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

click_testing = pytest.importorskip("click.testing")
pytest.importorskip("pyarrow")

from chainrule.cli.app import app
from chainrule.tables.model import TableModel

ROWS = "".join(f"{i % 7},{i * i % 11},{'yes' if i % 7 > 3 else 'no'}\n" for i in range(60))
TABLE = "a,b,y\n" + ROWS
NUMBERS = "a,b,y\n" + "".join(f"{i % 7},{i * i % 11},{i % 7 * 2.5 + i % 3}\n" for i in range(60))

# Any option of one network trains one, with its default here.
ONE = ("--hidden", "64,32")

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").write_text(TABLE)

    def invoke(*args: str) -> Any:
        return click_testing.CliRunner().invoke(app, args, prog_name="chainrule")

    return invoke


def test_a_table_becomes_a_model_file(run: Run) -> None:
    result = run("train", "table.csv", "--target", "y", *ONE)
    assert result.exit_code == 0, result.stderr
    assert "accuracy" in result.stdout
    assert "always 'no'" in result.stdout
    assert "target 'y': binary, it has two different values in 60 rows" in result.stderr
    assert "42 rows to train on, 6 to choose the epoch, 12 held out to test" in result.stderr
    assert "wrote model.safetensors" in result.stderr
    model = TableModel.load("model.safetensors")
    assert model.target.classes == ("no", "yes")
    assert model.record["rows"] == {"all": 60, "train": 42, "validation": 6, "test": 12}


def test_the_latest_rows_are_held_out_and_it_is_said(run: Run) -> None:
    for given, said in (
        ((), "11 to choose the epoch, 11 held out to test, the last by 'b'"),
        (("--test-share", "0"), "11 to choose the epoch, none to test, the last by 'b'"),
        (("--test-share", "0", "--validation-share", "0"), "60 rows to train on, none to test;"),
    ):
        result = run("train", "table.csv", "-t", "y", "--latest", "b", *given, *ONE)
        assert result.exit_code == 0, result.stderr
        assert said in result.stderr


def test_quiet_says_results_alone(run: Run) -> None:
    result = run("train", "table.csv", "-t", "y", "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "accuracy" in result.stdout


def test_the_same_seed_gives_the_same_bytes_and_another_other_ones(run: Run) -> None:
    for name, seed in (("one", "3"), ("same", "3"), ("other", "4")):
        result = run("train", "table.csv", "-t", "y", "--seed", seed, "-o", name, *ONE)
        assert result.exit_code == 0
    one, same, other = (TableModel.load(name).network.theta for name in ("one", "same", "other"))
    assert one.tobytes() == same.tobytes()
    assert one.tobytes() != other.tobytes()


def test_json_holds_everything(run: Run) -> None:
    result = run("train", "table.csv", "-t", "y", "--json", "--hidden", "5", "--epochs", "7")
    found = json.loads(result.stdout)
    assert (found["task"], found["classes"], found["sizes"]) == ("binary", ["no", "yes"], [2, 5, 1])
    assert found["epochs"] <= 7
    assert found["settings"]["hidden"] == [5]
    assert found["scores"]["rows"] == 12
    assert np.sum(found["scores"]["confusion"]) == 12
    assert set(found["baseline"]) == set(found["scores"])
    assert found["messages"][0].startswith("target 'y'")


def test_settings_reach_the_network(run: Run, tmp_path: Path) -> None:
    (tmp_path / "numbers.csv").write_text(NUMBERS)
    flags = "--hidden 4,3 --activation tanh --epochs 5 --batch-size 10 --learning-rate 0.01 "
    flags += "--optimizer momentum(0.5) --schedule constant --dropout 0.25 --l2 0.5 --patience 3 "
    flags += "--test-share 0.25 --validation-share 0.25 --drop b --seed 9 --dtype float64"
    result = run("train", "numbers.csv", "-t", "y", *flags.split())
    assert result.exit_code == 0, result.stderr
    model = TableModel.load("model.safetensors")
    net, settings = model.network, model.record["settings"]
    assert net.sizes == (1, 4, 3, 1)
    assert [f.name for f in net.activations] == ["tanh", "tanh", "identity"]
    assert (net.seed, net.dtype, net.l2) == (9, np.float64, 0.5)
    assert [layer.rate for layer in net.layers if layer.kind == "dropout"] == [0.25, 0.25]
    assert settings["optimizer"] == "momentum(0.5)"
    assert (settings["batch_size"], settings["learning_rate"]) == (10, 0.01)
    assert model.record["rows"] == {"all": 60, "train": 30, "validation": 15, "test": 15}
    assert model.encoder.names == ["a"]
    assert set(model.record["history"]["learning_rate"]) == {0.01}


def test_without_hidden_layers_and_without_a_test_part(run: Run) -> None:
    result = run("train", "table.csv", "-t", "y", "--hidden", "none", "--test-share", "0")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no row was held out to test, so there are no scores" in result.stderr
    assert TableModel.load("model.safetensors").network.sizes == (2, 1)


def test_a_model_that_learnt_nothing_says_so(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = [f"{x:.3f},{y}" for x, y in zip(rng.normal(size=60), rng.normal(size=60), strict=True)]
    (tmp_path / "noise.csv").write_text("\n".join(["x,y", *rows]))
    result = run("train", "noise.csv", "-t", "y", "--epochs", "1", "--learning-rate", "0.2")
    assert result.exit_code == 0, result.stderr
    assert "no better than always predicting the mean" in result.stderr


FILES = {
    "empty.csv": "",
    "header.csv": "a,b,y\n",
    "constant.csv": "a,y\n1,2\n2,2\n3,2\n",
    "no_value.csv": "b,y\n" + "".join(f",{i % 2}\n" for i in range(20)),
    "nan.csv": "a,y\n1,1\n2,nan\n3,2\n4,1\n",
    "infinite.csv": "a,y\n1,1\n2,inf\n3,2.5\n4,1\n",
    "twice.csv": "a,a,y\n1,2,0\n3,4,1\n",
    "ragged.csv": "a,b,y\n1,2,0\n3,4\n5,6,1\n",
    "latin.csv": b"a,y\nn\xe4h,0\nfern,1\n",
    "labels.csv": "a,y\n1,ann\n2,bob\n3,cid\n",
    "times.csv": "at,y\n" + "".join(f"{i % 9:02}:30,{i % 2}\n" for i in range(1, 21)),
    "days.csv": "day,y\n2024-01-01,1\n2024-01-02,2\n2024-01-04,2\n",
    "grown.csv": "a,y\n" + "".join(f"{i},{'old' if i > 16 else 'new'}\n" for i in range(20)),
    "tiny.csv": "a,y\n1,0\n2,1\n",
}

BAD = {
    "no.csv -t y": "no.csv does not exist",
    "tabel.csv -t y": "tabel.csv does not exist, did you mean table.csv?",
    "empty.csv -t y": "empty.csv is empty: a table needs",
    "header.csv -t y": "header.csv has column names but no rows",
    "table.csv": "--target is missing: name the column of table.csv to learn (a, b, y)",
    "table.csv -t Y": "table.csv has no column 'Y', did you mean 'y'? (columns: a, b, y)",
    "constant.csv -t y": "target 'y' is '2' in every row: there is nothing to learn",
    "no_value.csv -t y": "no column is left to learn from beside the target",
    "nan.csv -t y": "target 'y' has no value (or NaN) in row 2",
    "infinite.csv -t y": "target 'y' is infinite in row 2",
    "twice.csv -t y": "twice.csv has more than one column named 'a'",
    "ragged.csv -t y": "line 3 of ragged.csv has 2 fields where the header has 3",
    "latin.csv -t y": "line 2 of latin.csv is not UTF-8 text (byte 0xe4",
    "labels.csv -t y": "target 'y' has 3 classes in 3 rows, fewer than two rows for each",
    "days.csv -t day": "target 'day' holds dates: turn it into what is to be learnt",
    "table.csv -t y --batch-size 0": "--batch-size must be a whole number, 1 or above, not 0",
    "table.csv -t y --batch-size 43": "--batch-size is 43, but only 42 rows are trained on",
    "table.csv -t y --hidden 0": "--hidden must be sizes of 1 or above, such as 64,32",
    "table.csv -t y --hidden 8,0": "--hidden must be sizes of 1 or above, such as 64,32",
    "table.csv -t y --hidden x": "'x' is not a list of sizes such as 64,32",
    "table.csv -t y --learning-rate -1": "--learning-rate must be a number above 0, not -1",
    "table.csv -t y --learning-rate nan": "--learning-rate must be a number above 0, not nan",
    "table.csv -t y --learning-rate x": "'x' is not a valid float",
    "table.csv -t y --epochs 0": "--epochs must be a whole number, 1 or above, not 0",
    "table.csv -t y --patience 0": "--patience must be a whole number, 1 or above, not 0",
    "table.csv -t y --threads 0": "--threads must be a whole number, 1 or above, not 0",
    "table.csv -t y --dropout 1": "--dropout must be at least 0 and below 1, not 1",
    "table.csv -t y --l2 -1": "--l2 must be a number, 0 or above, not -1",
    "table.csv -t y --seed -1": "--seed must be a whole number from 0 to 2^64 - 1, not -1",
    "table.csv -t y --test-share 1": "--test-share must be at least 0 and below 1, not 1",
    "table.csv -t y --test-share 0.001": "a test share of 0.001 is not one row of 60",
    "table.csv -t y --test-share 0.6 --validation-share 0.4": "leave no row to train on",
    "table.csv -t y --optimizer adma": "unknown optimizer 'adma', did you mean 'adam'?",
    "table.csv -t y --optimizer adam(2)": "beta1 must be at least 0 and below 1, not 2",
    "table.csv -t y --activation rleu": "unknown activation 'rleu', did you mean 'relu'?",
    "table.csv -t y --schedule cosin": "unknown schedule 'cosin', did you mean 'cosine'?",
    "table.csv -t y --dtype float31": "unknown dtype 'float31', did you mean 'float32'?",
    "table.csv -t y --task binry": "unknown task 'binry', did you mean 'binary'?",
    "table.csv -t y --task regression": "holds words ('no' in row 1), but regression needs numbers",
    "table.csv -t y --drop c": "the table has no column 'c'",
    "table.csv -t y --drop y": "the target 'y' is also given to --drop",
    "table.csv -t y --drop a --drop b": "no column is left to learn from beside the target",
    "days.csv -t y --latest dya": "days.csv has no column 'dya', did you mean 'day'?",
    "days.csv -t y --latest y": "--latest is the target 'y' itself",
    "labels.csv -t a --latest y": "wants a column of dates or numbers, and 'y' holds words",
    "grown.csv -t y --latest a --l2 0": "class 'old' of target 'y' is only in the latest rows by",
    "tiny.csv -t y": "target 'y' has 2 classes in 2 rows, fewer than two rows for each",
    "table.csv -t y -o no/model": "no/model cannot be written: there is no folder",
    "table.csv -t y -o .": "is a folder",
    "table.csv -t y -o table.csv": "--output table.csv is one of the files to read",
    "table.csv -t y -o times.csv": "times.csv exists and is no file of chainrule",
    "table.csv -t y --epoch 3": "No such option '--epoch'",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_answered_with_one_sentence_and_exit_code_2(
    line: str, run: Run, tmp_path: Path
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    result = run("train", *line.split())
    assert result.exit_code == 2, result.stderr
    assert BAD[line] in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    last = result.stderr.rstrip("\n").rsplit("\n", 1)[-1]
    assert last.lower().startswith("error: ")
    # Nothing was written, not even in part.
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "line", ["nan.csv -t y", "table.csv -t y --batch-size 43", "table.csv -t Y"]
)
def test_debug_shows_the_traceback_too(line: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "nan.csv").write_text(str(FILES["nan.csv"]))
    result = run("train", *line.split(), "--debug")
    assert result.exit_code == 2
    assert "Traceback" in result.stderr


def test_an_unwritable_output_is_found_before_the_table_is_read(run: Run) -> None:
    result = run("train", "table.csv", "-t", "y", "-o", "no/model")
    assert "target 'y'" not in result.stderr


@pytest.mark.parametrize("flags", ["", "--optimizer gradient_descent", "--hidden 16,16,16"])
def test_an_absurd_learning_rate_diverges_with_exit_code_3(flags: str, run: Run) -> None:
    result = run("train", "table.csv", "-t", "y", "--learning-rate", "1e12", *flags.split())
    assert result.exit_code == 3, result.stderr
    assert "error: training diverged in epoch 1: the cost grew without bound" in result.stderr
    assert "try --learning-rate 0." in result.stderr
    assert not Path("model.safetensors").exists()


def test_an_old_model_is_overwritten_and_any_other_file_only_by_force(run: Run) -> None:
    assert run("train", "table.csv", "-t", "y", *ONE).exit_code == 0
    first = Path("model.safetensors").read_bytes()
    assert run("train", "table.csv", "-t", "y", "--seed", "1", *ONE).exit_code == 0
    assert Path("model.safetensors").read_bytes() != first
    Path("notes.txt").write_text("mine")
    assert run("train", "table.csv", "-t", "y", "-o", "notes.txt", *ONE).exit_code == 2
    assert Path("notes.txt").read_text() == "mine"
    result = run("train", "table.csv", "-t", "y", "-o", "notes.txt", "--force", *ONE)
    assert result.exit_code == 0
    assert TableModel.load("notes.txt")


def test_ctrl_c_keeps_what_was_learnt(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import signal

    from chainrule.training.progress import Progress

    def interrupted(self: Any, history: Any, share: float = 0.0) -> None:
        if history.epochs == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Progress, "show", interrupted)
    result = run("train", "table.csv", "-t", "y", *ONE)
    assert result.exit_code == 130, result.stderr
    assert "interrupted: model.safetensors holds what" in result.stderr
    assert TableModel.load("model.safetensors").record["history"]["stop"]["reason"] == "interrupted"


def test_ctrl_c_before_training_writes_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from chainrule.tables import fit

    def interrupted(*given: Any, **named: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fit, "fit_table", interrupted)
    result = run("train", "table.csv", "-t", "y", *ONE)
    assert result.exit_code == 130
    assert "interrupted: nothing was written" in result.stderr
    assert not Path("model.safetensors").exists()


def test_a_fault_of_ours_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from chainrule.tables import fit

    def broken(*given: Any, **named: Any) -> None:
        raise KeyError("lost")

    monkeypatch.setattr(fit, "fit_table", broken)
    result = run("train", "table.csv", "-t", "y", *ONE)
    assert result.exit_code == 3
    assert (
        "error: internal error (KeyError: 'lost'); rerun with --debug for a traceback"
        in result.stderr
    )
