"""``chainrule explain`` and ``report``, and what notebooks show: from a table to both pages."""

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr

click_testing = pytest.importorskip("click.testing")
pytest.importorskip("pyarrow")
pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from chainrule.cli.app import app
from chainrule.drawing import plots
from chainrule.drawing.picture import clean
from chainrule.explanation.assets import template
from chainrule.explanation.model_report import history_of, report
from chainrule.explanation.scoring import rows_held_out
from chainrule.tables.model import TableModel

Run = Callable[..., Any]
EVIL = "<script>window.broken=1</script>"
HEADER = ["a", EVIL, "b $x_1$", "y"]
# y hangs on a alone; the other columns are noise.
LINES = [
    [str(i * 7 % 10), ["Bern", "Chur", '"&<b>'][i * i % 3], str(i * 13 % 17), ""] for i in range(90)
]
for line in LINES:
    line[3] = EVIL if int(line[0]) > 4 else "no & <i>no</i>"


def written(header: list[str], lines: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([header, *lines])
    return out.getvalue()


def invoke(*args: str) -> Any:
    return click_testing.CliRunner().invoke(app, args, prog_name="chainrule")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "table.csv").write_text(written(HEADER, LINES))
    numbers = [[a, c, b, str(float(a) * 3.5 + int(b) % 3)] for a, c, b, _ in LINES]
    (folder / "numbers.csv").write_text(written(HEADER, numbers))
    three = [[a, c, b, "xyz"[int(a) % 3]] for a, c, b, _ in LINES]
    (folder / "three.csv").write_text(written(HEADER, three))
    for table in ("table", "numbers", "three"):
        files = (f"{folder}/{table}.csv", "-o", f"{folder}/{table}.model")
        result = invoke("train", *files, "-t", "y", "-q", "--hidden", "64,32")
        assert result.exit_code == 0, result.stderr
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def run(tmp_path: Path, trained: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    for name, data in trained.items():
        (tmp_path / name).write_bytes(data)
    return invoke


class Reader(HTMLParser):
    """Reads a page as a browser would: its tags, and its text outside scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") or name == "src" for name, _ in attributes)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.mark.parametrize("table", ["table", "numbers", "three"])
def test_a_report_has_every_part(run: Run, table: str) -> None:
    result = run("report", f"{table}.model", f"{table}.csv", "-o", "out.html")
    assert result.exit_code == 0, result.stderr
    assert "wrote out.html" in result.stderr
    page = Reader(Path("out.html").read_text(encoding="utf-8"))
    text = page.text
    for part in (
        "Data and architecture",
        "How good it is",
        "How it learnt",
        "Stop certificate",
        "What each column is worth",
        "Gradient check",
        "held out in training",
        "rows a second",
        "RIGHT",
    ):
        assert part in text, part
    always = "always the mean" if table == "numbers" else "always the most frequent class"
    recorded = TableModel.load(f"{table}.model").record["baseline"]
    measure = "rmse" if table == "numbers" else "accuracy"
    assert f"({always}: {recorded[measure]:.4g})" in text
    plots_drawn = page.tags.count("svg")
    assert plots_drawn == 1 + {"numbers": 2}.get(table, 2) + 2 + 1
    assert "script" not in page.tags
    assert ("Confusion matrix" in text) == (table != "numbers")
    if table == "table":
        assert EVIL in text
        assert "no & <i>no</i>" in text


def test_a_report_in_json_ranks_the_columns(run: Run) -> None:
    result = run("report", "table.model", "table.csv", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["page"] == "report.html"
    assert found["importance"][0]["column"] == "a"
    rises = [one["rise"] for one in found["importance"]]
    assert rises == sorted(rises, reverse=True)
    assert rises[0] > 10 * max(abs(rises[1]), abs(rises[2]))
    assert found["scores"]["rows"] == 18


def test_only_the_rows_held_out_are_scored(run: Run) -> None:
    model = TableModel.load("table.model")
    rows = model.read("table.csv", with_target=True)
    held = rows_held_out(model, rows, "table.csv")
    assert held is not None
    assert len(held) == model.record["rows"]["test"]
    assert rows_held_out(model, rows, "other.csv") is None
    changed = rows.take(np.arange(rows.m)[::-1])
    assert rows_held_out(model, changed, "table.csv") is None
    assert f"all 90 rows of {EVIL}" in Reader(report(model, changed, EVIL).html).text
    made = report(model, rows, "table.csv")
    for name, value in model.record["scores"].items():
        if isinstance(value, float):
            assert made.scores[name] == pytest.approx(value, rel=1e-6)
    # The right name and other rows: nobody knows which of them were trained on.
    same_name = report(model, changed, "table.csv")
    assert same_name.scores["rows"] == 90
    warning = "rows trained on may be among them"
    assert warning in Reader(same_name.html).text
    assert warning not in Reader(report(model, changed, "other.csv").html).text
    assert warning not in Reader(made.html).text


def test_a_model_without_a_history_has_a_report(run: Run) -> None:
    whole = TableModel.load("table.model")
    rows = whole.read("table.csv", with_target=True)
    for record in (None, {}, {"history": {"cost": []}}, {"rows": 3, "settings": "x"}):
        bare = TableModel(whole.network, whole.encoder, whole.target, record)
        assert "no history" in report(bare, rows).html
    assert history_of(None) is None
    restored = history_of(whole.record)
    assert restored is not None
    assert restored.stop is not None
    assert restored.cost == whole.record["history"]["cost"]


@pytest.mark.parametrize("table", ["table", "numbers", "three"])
def test_explain_writes_a_page(run: Run, table: str) -> None:
    result = run("explain", f"{table}.model", f"{table}.csv", "--row", "3", "-o", "out.html")
    assert result.exit_code == 0, result.stderr
    page = Path("out.html").read_text(encoding="utf-8")
    found = re.search(r'id="data">(.*?)</script>', page, re.S)
    assert found
    data = json.loads(found[1])
    assert data["rows"][data["start"]] == 3
    encoder = TableModel.load(f"{table}.model").encoder
    assert data["inputs"] == [clean(name) for name in encoder.feature_names]
    assert any(name.startswith(f"{EVIL}=") for name in data["inputs"])
    names = {"table": ["y = no & <i>no</i>"], "numbers": ["y"], "three": ["x", "y", "z"]}
    assert data["outputs"] == names[table]
    assert EVIL not in page.replace(found[1], "")
    as_json = run("explain", f"{table}.model", f"{table}.csv", "--json")
    assert json.loads(as_json.stdout)["page"] == "explain.html"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["explain", "table.model", "table.csv", "--row", "91"], "rows 1 to 90"),
        (["explain", "table.model", "table.csv", "--row", "0"], "rows 1 to 90"),
        (["explain", "table.model", "table.csv", "-o", "no/where.html"], "no"),
        (["report", "table.model", "table.csv", "-o", "no/where.html"], "no"),
        (["explain", "missing.model", "table.csv"], "missing.model"),
        (["report", "table.model", "missing.csv"], "missing.csv"),
        (["report", "table.csv", "table.csv"], "table.csv"),
    ],
)
def test_faults_are_one_sentence(run: Run, arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2, result.stderr
    assert words in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("verb", ["explain", "report"])
def test_a_missing_extra_is_named(run: Run, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    template.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    result = run(verb, "table.model", "table.csv")
    assert result.exit_code == 2
    assert "pip install 'chainrule[explain]'" in result.stderr


def test_a_curve_of_receiver_operation_by_hand() -> None:
    # Scores 0.9 (1), 0.8 (0) and 0.8 (1) tied, 0.1 (0): one tied step of a hit and a miss.
    x, y = plots.roc_curve(np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.8, 0.1]))
    assert x.tolist() == [0.0, 0.0, 0.5, 1.0]
    assert y.tolist() == [0.0, 0.5, 1.0, 1.0]


def test_notebooks_show_networks_and_histories() -> None:
    net = cr.Network([2, 3, 1], hidden="tanh", output="sigmoid", dropout=0.2)
    text = Reader(net._repr_html_()).text
    for word in ("affine", "activation", "dropout", "rate 0.2", "tanh", "W 3 × 2, b 3", "f¹"):
        assert word in text
    history = net.fit([[0.0, 1.0], [1.0, 0.0]], [0, 1], epochs=3, tolerance=None, progress=False)
    shown = history._repr_html_()
    assert "first epoch" in shown
    assert "<svg" in shown
    figure = history.plot()
    (line,) = (line for line in figure.axes[0].lines if line.get_label() == "training")
    np.testing.assert_array_equal(line.get_ydata(), history.cost)
    assert "0 epochs" in cr.History()._repr_html_()


def test_a_report_from_python_takes_names_of_files_and_says_what_else_it_takes(run: Run) -> None:
    made = cr.report("table.model", Path("table.csv"))
    assert made.scores["rows"] == 18
    assert "the 18 rows of table.csv that were held out" in Reader(made.html).text
    with pytest.raises(ValueError, match=r"missing\.model does not exist"):
        cr.report("missing.model", "table.csv")
    with pytest.raises(TypeError, match=r"model must be a model file that .* not Network"):
        cr.report(cr.Network([2, 1]), "table.csv")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"rows must be the name of a table's file.* not ndarray"):
        cr.report("table.model", np.zeros((2, 3)))  # type: ignore[arg-type]


def test_what_a_report_leaves_out_and_what_its_marks_mean_is_said(run: Run) -> None:
    text = Reader(cr.report("three.model", "three.csv").html).text
    kinds = [feature.kind for feature in TableModel.load("three.model").encoder.features]
    numbers, words = kinds.count("number"), kinds.count("category")
    assert f"{numbers} number" in text
    assert f"{words} categor" in text
    assert numbers + words == 3
    assert "ROC curves, each class against the rest; the dotted line is guessing" in text
    assert "a number beside a point counts its rows" in text
    assert "its line their standard deviation" in text
    assert "numerical derivative, on the scored rows." in text
    # J of the check is that of fewer rows than are scored: it says so.
    many = written(HEADER, [*LINES[:40], *LINES[:40]])
    Path("many.csv").write_text(many)
    text = Reader(cr.report("table.model", "many.csv").html).text
    assert "on the first 32 of the scored rows; J below is that of these rows alone" in text
    assert "ROC curve of " in Reader(cr.report("table.model", "table.csv").html).text


def drawn(draw: Callable[[Any], None]) -> Any:
    return plots.figure(draw).axes[0]


def test_curves_name_all_classes_and_cut_names_show_it() -> None:
    true, scores = np.arange(20) % 10, np.random.default_rng(0).uniform(size=(20, 10))
    axes = drawn(plots.roc(true, scores, [f"a long name of class number {k}" for k in range(10)]))
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert len(labels) == 10
    assert labels[0] == "a long name of class nu…"
    axes = drawn(plots.importance(["x" * 40], np.ones(1), np.zeros(1), "cost J"))
    assert axes.get_yticklabels()[0].get_text() == "x" * 31 + "…"


@pytest.mark.parametrize("wide", [False, True])
def test_an_axis_of_norms_has_numbers_beside_it(wide: bool) -> None:
    norms = [[0.2, 0.3], [0.4, 0.0], [0.6, 20.0 if wide else 0.9]]
    history = cr.History(cost=[3.0, 2.0, 1.0], layer_gradient_norms=norms)
    made = plots.figure(plots.gradient_norms(history))
    made.canvas.draw()
    (axes,) = made.axes
    low, high = axes.get_ylim()
    ticks = zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
    said = [label.get_text() for at, label in ticks if low <= at <= high]
    assert len([word for word in said if word]) >= 2
    assert axes.get_yscale() == ("log" if wide else "linear")


def test_an_axis_of_epochs_has_whole_numbers() -> None:
    for draw in (plots.costs, plots.gradient_norms):
        history = cr.History(cost=[3.0, 2.0, 1.0], layer_gradient_norms=[[1.0], [2.0], [3.0]])
        made = plots.figure(draw(history))
        made.canvas.draw()
        assert all(float(tick).is_integer() for tick in made.axes[0].get_xticks())


def test_classes_left_out_are_counted(run: Run) -> None:
    lines = [[str(i), "Bern", str(i % 7), f"class {i % 32}"] for i in range(320)]
    Path("many.csv").write_text(written(HEADER, lines))
    trained = run("train", "many.csv", "-t", "y", "-o", "many.model", "--epochs", "1", "-q")
    assert trained.exit_code == 0, trained.stderr
    text = Reader(cr.report("many.model", "many.csv").html).text
    assert "With 32 classes it is too large for a page" in text
    assert "the first 12 of 32 classes" in text
    assert ", … 12 more" in text


def test_a_report_on_one_row_or_one_class_says_what_cannot_be_drawn(run: Run) -> None:
    Path("one.csv").write_text(written(HEADER, LINES[:1]))
    made = cr.report("table.model", "one.csv")
    text = Reader(made.html).text
    assert "the only row of one.csv" in text
    assert "All rows are 'no & <i>no</i>': a ROC curve needs rows of another class too." in text
    assert "A single row has nothing to be shuffled with" in text
    assert made.importance == ()
    assert "A single row" not in Reader(cr.report("table.model", "table.csv").html).text


def test_what_a_prompt_shows_is_one_line() -> None:
    net = cr.Network([2, 3, 1], hidden="tanh", output="sigmoid")
    for shown in (cr.illustrate(net), cr.expand(net, [[1.0, 2.0]], [1]), net, cr.History()):
        assert len(repr(shown)) < 160
        assert "\n" not in repr(shown)
    one = cr.expand(net, [[1.0, 2.0]], [1], "dW", 2, (0, 1))
    assert repr(one).startswith(
        f"<Expansion ∂J/∂W²[0,1] = {float(one.value):.6g}".replace("-", "−")
    )
    assert "they agree" in repr(one)
    assert "∂J/∂W¹, 3 × 2, 5 factors" in repr(cr.expand(net, [[1.0, 2.0]], [1], numerical=False))


def test_explain_without_arguments_writes_the_page_of_the_notes(run: Run) -> None:
    result = run("explain", "-o", "notes.html")
    assert result.exit_code == 0, result.stderr
    page = Path("notes.html").read_text(encoding="utf-8")
    assert "<title>Backpropagation: the notes, alive</title>" in page
    assert '"sizes":[2,2,1]' in page
    result = run("explain", "table.model")
    assert result.exit_code == 2
    assert "DATA is missing" in result.stderr


@pytest.mark.parametrize("table", ["table", "numbers", "three"])
def test_a_tables_page_has_own_values_units_and_the_models_training(run: Run, table: str) -> None:
    result = run("explain", f"{table}.model", f"{table}.csv", "-o", "own.html")
    assert result.exit_code == 0, result.stderr
    found = re.search(
        r'id="data">(.*?)</script>', Path("own.html").read_text(encoding="utf-8"), re.S
    )
    assert found
    data = json.loads(found[1])
    assert len(data["own"]) == len(data["rows"])
    assert len(data["own"][0]) == data["sizes"][0]
    assert data["training"]["optimizer"]
    assert len(data["history"]["cost"]) > 1


def test_the_rows_predicted_worst_are_those_of_the_largest_cost() -> None:
    from chainrule.explanation.scoring import worst_rows
    from chainrule.tables.encoder import Encoder
    from chainrule.tables.target import TargetEncoder

    net = cr.Network([1, 1], output="sigmoid", dtype="float64")
    net.theta = [1.0, 0.0]
    target = TargetEncoder("y", "binary", ("no", "<b>yes</b>"))
    X, true = np.array([[2.0], [-3.0], [0.5], [-1.0]]), np.array([0, 0, 1, 1])
    model = TableModel(net, Encoder(()), target, {})
    rows = worst_rows(model, X, true, np.array([10, 20, 30, 40]), most=2)
    # J by hand: log(1 + e^2), log(1 + e^-3), log(1 + e^-0.5), log(1 + e^1).
    assert [(row.number, row.true, row.predicted) for row in rows] == [
        (11, "no", "<b>yes</b>"),
        (41, "<b>yes</b>", "no"),
    ]
    np.testing.assert_allclose([row.J for row in rows], np.log1p(np.exp([2.0, 1.0])), rtol=1e-14)


@pytest.mark.parametrize(
    ("counts", "least", "groups"),
    [
        ([40, 1, 1, 2, 3, 3, 4, 8, 2, 50], 10, [0, 1, 1, 1, 1, 1, 2, 2, 3, 3]),
        ([3, 0, 0, 0, 0, 0, 0, 0, 0, 2], 10, [0] * 10),
        ([10, 10, 1, 0, 0, 0, 0, 0, 0, 0], 10, [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
    ],
)
def test_tenths_of_few_rows_are_one_point_of_the_calibration(
    counts: list[int], least: int, groups: list[int]
) -> None:
    found = plots._merged(np.array(counts), least).tolist()
    sums = np.bincount(found, counts)
    assert (sums >= least).all() or len(sums) == 1
    assert sums.sum() == sum(counts)
    assert found == sorted(found)
    assert found == groups


@pytest.mark.slow
def test_report_of_a_large_table_fits_in_memory(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [
        ",".join([*map(str, row), word, answer])
        for row, word, answer in zip(
            rng.normal(size=(24_000, 20)).round(3).tolist(),
            rng.choice(list("abcdefgh"), 24_000).tolist(),
            rng.choice(["yes", "no"], 24_000).tolist(),
            strict=True,
        )
    ]
    header = ",".join([*(f"x{i}" for i in range(20)), "c", "y"])
    files = {"small.csv": (1, 0.3e9), "large.csv": (11, 1e9)}
    for name, (copies, _) in files.items():
        (tmp_path / name).write_text("\n".join([header, *lines * copies]) + "\n")
    program = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)"
    )
    model = str(tmp_path / "m.safetensors")
    chainrule = [sys.executable, "-m", "chainrule"]
    train = [*chainrule, "train", str(tmp_path / "small.csv"), "-t", "y", "-o", model]
    subprocess.run([*train, "--epochs", "1", "-q"], check=True)
    for name, (_, most) in files.items():
        report = [*chainrule, "report", model, str(tmp_path / name), "-o", f"{tmp_path}/r.html"]
        run = subprocess.run(
            [sys.executable, "-c", program, *report, "--force"],
            check=True,
            capture_output=True,
            text=True,
        )
        assert int(run.stdout.split()[-1]) < most, name
