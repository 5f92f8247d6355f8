"""The files that verbs write: none that they read, and no other one without --force."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

click_testing = pytest.importorskip("click.testing")
pytest.importorskip("pyarrow")
pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("onnxruntime")

from chainrule.cli.app import app

ROWS = "a,b,y\n" + "".join(f"{i % 7}.5,{i * i % 11},{i % 7 * 2.5 + i % 3}\n" for i in range(60))
VERBS = {
    "train": ("train {data} -t y -o {out}", ""),
    "predict": ("predict {model} {data} -o {out}", ".csv"),
    "explain": ("explain {model} {data} -o {out}", ""),
    "report": ("report {model} {data} -o {out}", ""),
    "check": ("check {model} {data} --html {out}", ""),
    "export": ("export {model} --data {data} -o {out}", ""),
}

Run = Callable[[str], Any]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "table.csv").write_text(ROWS)
    result = click_testing.CliRunner().invoke(
        app, ["train", f"{folder}/table.csv", "-t", "y", "-o", f"{folder}/model", "--epochs", "3"]
    )
    assert result.exit_code == 0, result.stderr
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("table.csv", "model"):
        shutil.copy(trained / name, tmp_path / name)
    shutil.copy(tmp_path / "model", tmp_path / "model.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(verb: str, out: str, data: str = "table.csv", model: str = "model", more: str = "") -> Any:
    line = VERBS[verb][0].format(data=data, model=model, out=out)
    return click_testing.CliRunner().invoke(app, [*line.split(), *more.split()])


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("link", ["", "symbolic", "hard"])
@pytest.mark.parametrize("which", ["table.csv", "model.csv"])
def test_output_that_is_read_is_refused_even_with_force(
    verb: str, link: str, which: str, folder: Path
) -> None:
    if verb == "train" and which == "model.csv":
        pytest.skip("train reads no model")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    out = which
    if link:
        out = "link.csv"
        make = (folder / out).symlink_to if link == "symbolic" else (folder / out).hardlink_to
        make(folder / which)
    for force in ("", "--force"):
        result = run(verb, out, model="model.csv", more=force)
        assert result.exit_code == 2, result.output
        assert "is one of the files to read" in result.stderr
    assert {name: (folder / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("verb", VERBS)
def test_output_of_ours_is_replaced_and_any_other_only_by_force(verb: str, folder: Path) -> None:
    out = f"out{VERBS[verb][1]}"
    (folder / out).write_text("mine,too\n1,2\n")
    result = run(verb, out)
    assert result.exit_code == 2, result.output
    assert "is no file of chainrule's" in result.stderr
    assert (folder / out).read_text() == "mine,too\n1,2\n"
    for more in ("--force", ""):
        result = run(verb, out, more=more)
        assert result.exit_code == 0, result.output
    assert b"mine,too" not in (folder / out).read_bytes()
