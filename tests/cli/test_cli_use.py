"""``chainrule predict`` and ``evaluate``: tables in any shape, every kind of broken model file."""

import gzip
import json
from collections.abc import Callable
from csv import reader
from pathlib import Path
from typing import Any

import numpy as np
import pytest

click_testing = pytest.importorskip("click.testing")
pa = pytest.importorskip("pyarrow")
pytest.importorskip("pyarrow.csv")

from chainrule.cli.app import app

HEADER = ["a", "city", "flag", "y"]
CITIES = ["Bern", "Chur", "Genf"]
LINES = [
    [str(i * 7 % 10), CITIES[i % 3], "true" if i % 2 else "false", "yes" if i % 3 else "no"]
    for i in range(60)
]

Run = Callable[..., Any]


def csv(header: list[str], lines: list[list[str]]) -> str:
    return "\n".join([",".join(header), *(",".join(line) for line in lines)]) + "\n"


def invoke(*args: str) -> Any:
    return click_testing.CliRunner().invoke(app, args, prog_name="chainrule")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "table.csv").write_text(csv(HEADER, LINES))
    numbers = [[line[0], line[1], str(i * 7 % 10 * 3.5 + i % 3)] for i, line in enumerate(LINES)]
    (folder / "numbers.csv").write_text(csv(["a", "city", "y"], numbers))
    for table, model in (("table", "model"), ("numbers", "regression")):
        files = (f"{folder}/{table}.csv", "-o", f"{folder}/{model}")
        result = invoke("train", *files, "-t", "y", "--hidden", "64,32")
        assert result.exit_code == 0, result.stderr
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def run(tmp_path: Path, trained: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    for name, data in trained.items():
        (tmp_path / name).write_bytes(data)
    return invoke


def test_predictions_go_to_standard_output_as_csv(run: Run) -> None:
    result = run("predict", "model", "table.csv")
    assert (result.exit_code, result.stderr) == (0, "")
    header, *lines = result.stdout.splitlines()
    assert header == "prediction"
    assert len(lines) == 60
    right = sum(found == line[3] for found, line in zip(lines, LINES, strict=True))
    assert right >= 55  # the city decides


def test_probabilities_sum_to_one_and_agree_with_the_class(run: Run) -> None:
    header, *lines = run("predict", "model", "table.csv", "-p").stdout.splitlines()
    assert header == "prediction,probability_no,probability_yes"
    for line in lines:
        word, no, yes = line.split(",")
        assert float(no) + float(yes) == pytest.approx(1, abs=1e-7)
        assert word == ("yes" if float(yes) > 0.5 else "no")


def shapes() -> dict[str, bytes]:
    order = [2, 3, 0, 1]
    shuffled = csv([HEADER[i] for i in order], [[line[i] for i in order] for line in LINES])
    plain = csv(HEADER[:3], [line[:3] for line in LINES])
    further = csv([*HEADER, "more"], [[*line, "1"] for line in LINES])
    table = pa.table(
        {
            "flag": [line[2] == "true" for line in LINES],
            "city": pa.array([line[1] for line in LINES]).dictionary_encode(),
            "a": [int(line[0]) for line in LINES],
        }
    )
    import io

    import pyarrow.parquet as pq

    pq.write_table(table, parquet := io.BytesIO())
    ipc = io.BytesIO()
    with pa.ipc.new_file(ipc, table.schema) as writer:
        writer.write_table(table)
    return {
        "shuffled": shuffled.encode(),
        "without target": plain.encode(),
        "further column": further.encode(),
        "semicolons": csv(HEADER, LINES).replace(",", ";").encode(),
        "gzip": gzip.compress(plain.encode()),
        "parquet": parquet.getvalue(),
        "ipc": ipc.getvalue(),
    }


@pytest.mark.parametrize("shape", shapes())
def test_the_same_rows_in_any_file_have_the_same_predictions(shape: str, run: Run) -> None:
    Path("new").write_bytes(shapes()[shape])
    found = run("predict", "model", "new", "-p")
    assert found.exit_code == 0, found.stderr
    assert found.stdout == run("predict", "model", "table.csv", "-p").stdout
    noted = "not used, since the model was not trained with them: more" in found.stderr
    assert noted == (shape == "further column")


def test_predictions_are_written_as_csv_and_parquet(run: Run) -> None:
    import pyarrow.parquet as pq

    printed = run("predict", "model", "table.csv", "-p").stdout
    assert run("predict", "model", "table.csv", "-p", "-o", "out.csv").stdout == ""
    assert Path("out.csv").read_text() == printed
    assert run("predict", "model", "table.csv", "-p", "-o", "out.parquet").exit_code == 0
    table = pq.read_table("out.parquet")
    assert table.column_names == printed.splitlines()[0].split(",")
    assert table["prediction"].to_pylist() == [r.split(",")[0] for r in printed.splitlines()[1:]]


def test_columns_are_kept_beside_as_they_are_written(run: Run) -> None:
    import pyarrow.parquet as pq

    names = ["007", "1e3", "0.10", "", 'a "b", c']
    quoted = [f'"{n.replace(chr(34), chr(34) * 2)}"' for n in names]
    lines = [[*LINES[i], quoted[i % 5]] for i in range(60)]
    Path("new.csv").write_text(csv([*HEADER, "id"], lines))
    found = run("predict", "model", "new.csv", "-k", "id", "--keep", "a")
    assert found.exit_code == 0, found.stderr
    header, *rows = list(reader(found.stdout.splitlines()))
    assert header == ["id", "a", "prediction"]
    assert [row[0] for row in rows] == [names[i % 5] for i in range(60)]
    assert [row[1] for row in rows] == [line[0] for line in LINES]
    alone = run("predict", "model", "table.csv").stdout.splitlines()[1:]
    assert [row[2] for row in rows] == alone
    days = pa.array([10_000 + i for i in range(60)], pa.date32())
    table = pa.csv.read_csv("table.csv").append_column("day", days)
    pq.write_table(table.append_column("x", pa.array([i / 3 for i in range(60)])), "new.parquet")
    for given in (("-o", "out.parquet"), ("-o", "out.csv"), ("--json",)):
        done = run("predict", "model", "new.parquet", "-k", "day", "-k", "x", *given)
        assert done.exit_code == 0, done.stderr
    assert pq.read_table("out.parquet")["day"].to_pylist() == days.to_pylist()
    _, *rows = list(reader(Path("out.csv").read_text().splitlines()))
    assert [row[0] for row in rows] == [str(day) for day in days.to_pylist()]
    assert [float(row[1]) for row in rows] == [i / 3 for i in range(60)]
    assert json.loads(done.stdout)["columns"]["day"][0] == "1997-05-19"


def test_json_predictions(run: Run) -> None:
    found = json.loads(run("predict", "model", "table.csv", "-p", "--json").stdout)
    assert (found["target"], found["task"], found["rows"]) == ("y", "binary", 60)
    assert list(found["columns"]) == ["prediction", "probability_no", "probability_yes"]
    assert len(found["columns"]["prediction"]) == 60


def test_a_regression_answers_in_the_targets_own_units(run: Run) -> None:
    lines = run("predict", "regression", "numbers.csv").stdout.splitlines()[1:]
    predicted = np.array(lines, float)
    true = np.array([i * 7 % 10 * 3.5 + i % 3 for i in range(60)])
    assert np.abs(predicted - true).mean() < 3
    assert np.corrcoef(predicted, true)[0, 1] > 0.95
    refused = run("predict", "regression", "numbers.csv", "-p")
    assert refused.exit_code == 2
    assert "there are no --probabilities of classes" in refused.stderr


def test_evaluate_agrees_with_scikit_learn_on_the_predictions(run: Run) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    found = json.loads(run("evaluate", "model", "table.csv", "--json").stdout)["scores"]
    lines = [r.split(",") for r in run("predict", "model", "table.csv", "-p").stdout.splitlines()]
    true = [line[3] for line in LINES]
    words = [line[0] for line in lines[1:]]
    p = [float(line[2]) for line in lines[1:]]
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(true, words))
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(true, p))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(true, p), rel=1e-6)
    assert found["confusion"] == metrics.confusion_matrix(true, words).tolist()
    numbers = json.loads(run("evaluate", "regression", "numbers.csv", "--json").stdout)["scores"]
    predicted = np.array(run("predict", "regression", "numbers.csv").stdout.split()[1:], float)
    known = [i * 7 % 10 * 3.5 + i % 3 for i in range(60)]
    assert numbers["r2"] == pytest.approx(metrics.r2_score(known, predicted), rel=1e-6)


def test_evaluate_prints_scores_and_what_was_taken_for_what(run: Run) -> None:
    result = run("evaluate", "model", "table.csv")
    assert result.exit_code == 0
    assert "of these rows were trained on, so the scores flatter the model" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "accuracy" in result.stdout
    assert "true \\ predicted" in result.stdout


TABLES = {
    "text.csv": "a,city,flag,y\n1,Bern,true,yes\nmany,Chur,false,no\n",
    "few.csv": "a,flag,y\n1,true,yes\n",
    "near.csv": "A,city,flag,y\n1,Bern,true,yes\n",
    "infinite.csv": "a,city,flag,y\ninf,Bern,true,yes\n",
    "far.csv": "a,city,flag,y\n1e300,Bern,true,yes\n",
    "header.csv": "a,city,flag,y\n",
    "classes.csv": "a,city,flag,y\n1,Bern,true,yes\n1,Bern,true,maybe\n",
    "gap.csv": "a,city,flag,y\n1,Bern,true,yes\n1,Bern,true,\n",
    "named.csv": "a,city,flag,prediction\n1,Bern,true,1\n",
    "no_target.csv": "a,city,flag\n1,Bern,true\n",
}

BAD = {
    "predict model none.csv": "none.csv does not exist",
    "predict model text.csv": "column 'a' holds numbers, but row 2 has 'many'",
    "predict model few.csv": "few.csv has no column 'city'",
    "predict model near.csv": "near.csv has no column 'a', did you mean 'A'?",
    "predict model infinite.csv": "column 'a' is infinite in row 1",
    "predict model header.csv": "header.csv has column names but no rows",
    "predict model table.csv -o out.txt": "--output out.txt must end in .csv or .parquet",
    "predict model table.csv -o no/out.csv": "no/out.csv cannot be written",
    "predict model table.csv -o table.csv": "--output table.csv is one of the files to read",
    "predict model table.csv -k cty": "table.csv has no column 'cty', did you mean 'city'?",
    "predict model named.csv -k prediction": "--keep prediction has the name of a column of pred",
    "predict none table.csv": "none",
    "predict table.csv model": "table.csv",
    "predict model": "Missing argument 'DATA'",
    "evaluate model classes.csv": "target 'y' is 'maybe' in row 2, a class the model does not know",
    "evaluate model gap.csv": "target 'y' has no value (or NaN) in row 2",
    "evaluate model no_target.csv": "no_target.csv has no column 'y'",
    "evaluate model text.csv": "column 'a' holds numbers, but row 2 has 'many'",
    "evalute model text.csv": "no such verb: 'evalute', did you mean 'evaluate'?",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_answered_with_one_sentence_and_exit_code_2(line: str, run: Run) -> None:
    for name, text in TABLES.items():
        Path(name).write_text(text)
    before = sorted(Path().iterdir())
    result = run(*line.split())
    assert result.exit_code == 2, result.stderr
    assert BAD[line] in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert sorted(Path().iterdir()) == before


def test_a_row_unlike_all_rows_is_bounded_and_told(run: Run) -> None:
    Path("far.csv").write_text("a,city\n3,Bern\n1e300,Bern\n")
    result = run("predict", "regression", "far.csv", "--json")
    assert result.exit_code == 0, result.stderr
    assert "warning: row 2 is unlike all rows trained on (a 1e+300 beyond" in result.stderr
    found = json.loads(result.stdout)
    assert found["unlike"] == [2]
    known = [i * 7 % 10 * 3.5 + i % 3 for i in range(60)]
    margin = 0.05 * (max(known) - min(known))
    assert max(found["columns"]["prediction"]) <= max(known) + margin


def test_an_unseen_category_and_new_gaps_are_survived_with_a_warning(run: Run) -> None:
    Path("new.csv").write_text("a,city,flag\n1,Zug,true\n,Bern,\n")
    result = run("predict", "model", "new.csv")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 3
    assert "warning: column 'city' has 'Zug' in row 1, never seen in training" in result.stderr
    assert "warning: column 'a' is missing in row 2, which it never was" in result.stderr
    assert "warning: column 'flag' is missing in row 2" in result.stderr


def changed(data: bytes, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> bytes:
    """Rewrite a model file with sound digests but other contents."""
    from chainrule.files.model import read_model, write_model

    Path("work").write_bytes(data)
    arrays, metadata = read_model("work")
    change(arrays, metadata)
    write_model("work", arrays, metadata)
    return Path("work").read_bytes()


def newer(data: bytes) -> bytes:
    return data.replace(b'"format_version":"2"', b'"format_version":"9"', 1)


def terabytes(data: bytes) -> bytes:
    return (1 << 40).to_bytes(8, "little") + data[8:]


def flipped(data: bytes) -> bytes:
    return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


def with_shape(arrays: dict[str, Any], metadata: dict[str, Any]) -> None:
    arrays["W1"] = arrays["W1"][:-1]


def with_other_inputs(arrays: dict[str, Any], metadata: dict[str, Any]) -> None:
    metadata["encoder"]["features"].pop(0)
    for name in ("encoder.mean", "encoder.scale", "encoder.low", "encoder.high", "encoder.gap"):
        arrays[name] = arrays[name][1:]


def without_encoder(arrays: dict[str, Any], metadata: dict[str, Any]) -> None:
    metadata["encoder"] = None
    for name in [name for name in arrays if name.startswith("encoder.")]:
        del arrays[name]


def with_three_classes(arrays: dict[str, Any], metadata: dict[str, Any]) -> None:
    metadata["encoder"]["target"] |= {"task": "multiclass", "classes": ["a", "b", "c"]}


def with_another_task(arrays: dict[str, Any], metadata: dict[str, Any]) -> None:
    metadata["encoder"]["target"] |= {"task": "regression", "classes": []}


def with_a_function(arrays: dict[str, Any], metadata: dict[str, Any]) -> None:
    metadata["network"]["layers"][-1]["f"] = "os.system"


MODELS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "text": (lambda data: b"not a model, but text", "is not"),
    "empty": (lambda data: b"", "empty"),
    "half": (lambda data: data[: len(data) // 2], ""),
    "one byte short": (lambda data: data[:-1], ""),
    "newer": (newer, "newer"),
    "terabytes": (terabytes, ""),
    "one bit": (flipped, "damaged"),
    "shape": (lambda data: changed(data, with_shape), "'W1' has the shape"),
    "other inputs": (lambda data: changed(data, with_other_inputs), "inputs"),
    "no encoder": (lambda data: changed(data, without_encoder), "without an encoder for tables"),
    "three classes": (lambda data: changed(data, with_three_classes), "outputs"),
    "another task": (lambda data: changed(data, with_another_task), "output is sigmoid"),
    "function": (lambda data: changed(data, with_a_function), "'os.system' is not a name"),
}


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
@pytest.mark.parametrize("kind", MODELS)
def test_a_broken_model_file_is_refused_with_exit_code_2(
    kind: str, verb: str, run: Run, trained: dict[str, bytes]
) -> None:
    breaking, message = MODELS[kind]
    Path("broken").write_bytes(breaking(trained["model"]))
    result = run(verb, "broken", "table.csv")
    assert result.exit_code == 2, result.stderr
    assert result.stderr.startswith("error: broken ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
