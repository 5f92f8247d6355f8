"""``report`` and ``explain`` of an ensemble, against loops over rows and the ensemble's own sum."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

click_testing = pytest.importorskip("click.testing")
pd = pytest.importorskip("pandas")
pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from chainrule.cli.app import app
from chainrule.tabular import EnsembleModel, load_ensemble
from chainrule.tabular.members import member_inputs, member_network
from chainrule.tabular.partial_dependence import partial_dependence

RNG = np.random.default_rng(0)
M = 100
FRAME = pd.DataFrame(
    {
        "size": RNG.normal(size=M).round(3),
        "noise": RNG.normal(size=M).round(3),
        "city": RNG.choice([f"city {i}" for i in range(10)], M),
        "day": pd.date_range("2024-01-01", periods=M).strftime("%Y-%m-%d"),
    }
)
FRAME["pay"] = (2 * FRAME["size"] + 0.1 * RNG.normal(size=M)).round(3)
FRAME["kind"] = np.array(["low", "mid", "top"])[np.searchsorted([-1, 1], FRAME["pay"])]
TARGETS = ("pay", "kind")

Run = Callable[..., Any]


def invoke(*args: str) -> Any:
    return click_testing.CliRunner().invoke(app, args, prog_name="chainrule")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("ensemble")
    for target in TARGETS:
        columns = [name for name in FRAME if name not in TARGETS or name == target]
        FRAME[columns].to_csv(folder / f"{target}.csv", index=False)
        files = (f"{folder}/{target}.csv", "-o", f"{folder}/{target}")
        assert invoke("train", *files, "-t", target).exit_code == 0
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def run(tmp_path: Path, trained: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    for name, data in trained.items():
        (tmp_path / name).write_bytes(data)
    return invoke


@pytest.mark.parametrize("target", TARGETS)
def test_report_scores_the_rows_out_of_fold(target: str, run: Run) -> None:
    done = run("report", target, f"{target}.csv", "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["scores"] == load_ensemble(target).record["scores"]
    assert answer["importance"][0]["column"] == "size"
    html = Path("report.html").read_text()
    assert "each by networks that did not see it" in html
    assert "How predictions depend on the columns worth most" in html


def test_report_of_other_rows_says_that_rows_may_have_been_trained_on(run: Run) -> None:
    FRAME.drop(columns="pay").iloc[:40].to_csv("kind.csv", index=False)
    done = run("report", "kind", "kind.csv", "--json")
    assert done.exit_code == 0, done.output
    model = load_ensemble("kind")
    own = model.evaluate(model.read("kind.csv", with_target=True))[0]
    assert json.loads(done.stdout)["scores"] == own
    assert "rows trained on may be among them" in Path("report.html").read_text()


@pytest.mark.parametrize("name", ["size", "city", "day"])
@pytest.mark.parametrize("target", TARGETS)
def test_partial_dependence_is_the_mean_over_rows(name: str, target: str, run: Run) -> None:
    model = load_ensemble(target)
    found = partial_dependence(model, model.read(f"{target}.csv"), name)
    for value, mean in list(zip(found.values, found.means, strict=True))[::4]:
        changed = FRAME.drop(columns=list(TARGETS))
        day = pd.Timestamp(0) + pd.to_timedelta(value, "D") if name == "day" else value
        changed[name] = day
        changed.to_parquet("changed.parquet")
        answer = model.predict(model.read("changed.parquet"))
        p = answer.values[:, None] if target == "pay" else answer.probabilities
        assert p is not None
        np.testing.assert_allclose(mean, p.mean(axis=0), atol=1e-6)


def test_member_networks_make_up_the_prediction(run: Run) -> None:
    model = load_ensemble("pay")
    rows = model.read("pay.csv")
    total = np.zeros((M, 1))
    for fold in range(1, len(model.ensemble) + 1):
        for design in model.ensemble.designs:
            member = member_network(model, f"{fold}:{design.name}")
            X = member_inputs(model, member, rows)
            assert X.shape == (M, len(member.inputs))
            assert len(set(member.inputs)) == len(member.inputs)
            total += member.share * member.network.predict(X) / len(model.ensemble)
    outputs = np.clip(total, model.ensemble.low, model.ensemble.high)
    np.testing.assert_allclose(outputs, model.outputs(rows)[0], rtol=1e-6, atol=1e-6)


def test_member_by_default_is_the_heaviest_of_the_first_fold(run: Run) -> None:
    model = load_ensemble("kind")
    member = member_network(model)
    assert member.fold == 0
    assert member.share == max(model.ensemble.weights)


def test_explain_shows_one_network_of_an_ensemble(run: Run) -> None:
    model = load_ensemble("kind")
    design = model.ensemble.designs[-1]
    done = run("explain", "kind", "kind.csv", "--member", f"2:{design.name}", "--row", "3")
    assert done.exit_code == 0, done.output
    assert f"the network of fold 2, {design.name}, with" in done.stderr
    html = Path("explain.html").read_text()
    assert f"by one network of an ensemble: fold 2, {design.name}" in html
    assert "mean of low by city" in html
    assert run("explain", "kind", "kind.csv").exit_code == 0
    assert isinstance(model, EnsembleModel)


BAD = {
    "explain kind kind.csv --member 0": "--member 0 names no fold: give 1 to 5",
    "explain kind kind.csv --member 6:bent": "--member 6:bent names no fold",
    "explain kind kind.csv --member x": "--member x names no fold",
    "explain kind kind.csv --member 1:benned": "unknown design 'benned'",
    "explain kind kind.csv --row 101": "--row 101 is not there: kind.csv has the rows 1 to 100",
    "explain one kind.csv --member 1": "--member is of an ensemble, and one holds one network",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_answered_with_one_sentence(line: str, run: Run) -> None:
    if "one kind.csv" in line:
        assert run("train", "kind.csv", "-t", "kind", "--epochs", "1", "-o", "one").exit_code == 0
    done = run(*line.split())
    assert done.exit_code == 2, done.output
    assert BAD[line] in done.stderr
    assert not Path("explain.html").exists()
