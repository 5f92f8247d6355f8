"""Where tables come from: standard input, an address, a workbook, several files; gaps in each."""

import io
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pa = pytest.importorskip("pyarrow")

from click.testing import CliRunner
from pyarrow import feather, parquet

from chainrule.cli.app import app
from chainrule.tables.columns import Columns, columns
from chainrule.tables.reading import ReadOptions, read
from chainrule.tables.samples import prepare
from chainrule.tables.settings import Choices

TEXT = "size,colour\n" + "".join(f"{i}.5,{'red' if i % 3 else 'blue'}\n" for i in range(12))
VALUES = {
    "size": [i + 0.5 for i in range(12)],
    "colour": ["red" if i % 3 else "blue" for i in range(12)],
}


def test_read_takes_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(TEXT.encode())))
    assert read("-").table.to_pydict() == VALUES
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"")))
    with pytest.raises(ValueError, match="standard input is empty"):
        read("-")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Serve a folder with a table on a port of this machine."""
    (tmp_path / "t.csv").write_text(TEXT)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_read_takes_an_address(address: str) -> None:
    pytest.importorskip("aiohttp")
    assert read(f"{address}/t.csv").table.to_pydict() == VALUES
    with pytest.raises(ValueError, match=r"http.*none\.csv cannot be read: "):
        read(f"{address}/none.csv")


def workbook(rows: list[list[Any]], sheets: int = 1) -> bytes:
    """Write a workbook as ECMA-376 has it, by hand: numbers, and words inline."""
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"

    def cell(place: str, value: Any) -> str:
        if isinstance(value, str):
            return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'
        return "" if value is None else f'<c r="{place}"><v>{value}</v></c>'

    body = "".join(
        f'<row r="{i}">' + "".join(cell(f"{'ABC'[j]}{i}", v) for j, v in enumerate(row)) + "</row>"
        for i, row in enumerate(rows, 1)
    )
    numbers = range(1, sheets + 1)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{office}"><sheets>'
        + "".join(f'<sheet name="S{n}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        + "".join(
            f'<Relationship Id="rId{n}" Type="{office}/worksheet" Target="worksheets/s{n}.xml"/>'
            for n in numbers
        )
        + "</Relationships>",
    }
    for n in numbers:
        filled = body if n == 1 else ""
        parts[f"xl/worksheets/s{n}.xml"] = (
            f"<worksheet {main}><sheetData>{filled}</sheetData></worksheet>"
        )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return data.getvalue()


def test_read_takes_a_workbook_with_a_title_and_a_stray_word(tmp_path: Path) -> None:
    pytest.importorskip("python_calamine")
    rows = [["Sales of 2024", None, None], [], ["size", "colour", "code"]]
    rows += [[i + 0.5, f"c{i % 2}", f"0{i:02d}"] for i in range(12)]
    rows.append(["#DIV/0!", "c1", "012"])
    path = tmp_path / "t.xlsx"
    path.write_bytes(workbook(rows, sheets=2))
    table = read(path)
    assert table.table.column_names == ["size", "colour", "code"]
    assert table.table["size"].to_pylist() == [*(i + 0.5 for i in range(12)), None]
    assert table.table["code"].to_pylist() == [f"0{i:02d}" for i in range(13)]
    notes = " | ".join(table.notes)
    for words in ("2 lines", "'#DIV/0!' in row 13", "'code' has leading zeros", "first sheet"):
        assert words in notes
    assert len(table.notes) == 4


WRITERS = {
    "csv": lambda table, path: path.write_text(
        "n,w\n" + "".join(f"{n},{w}\n" for n, w in zip(*table.to_pydict().values(), strict=True))
    ),
    "parquet": parquet.write_table,
    "feather": feather.write_feather,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_further_words_for_no_value_count_in_every_format(kind: str, tmp_path: Path) -> None:
    table = pa.table({"n": [1, -999, 3], "w": ["x", "y", "oops"]})
    path = tmp_path / f"t.{kind}"
    WRITERS[kind](table, path)
    gaps = read(path, ReadOptions(missing=("-999", "oops"))).table.to_pydict()
    assert gaps == {"n": [1, None, 3], "w": ["x", "y", None]}


def test_rows_without_any_value_are_left_out_in_training(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    lines = [f"{i},{i}.5" for i in range(40)]
    path.write_text("a,y\n" + "\n".join([*lines[:20], ",", ",", *lines[20:], "5,oops"]) + "\n")
    table = read(path)
    rows = columns(table.table)
    lines.clear()
    with pytest.raises(ValueError, match=r"'y' has no value \(or NaN\) in row 43:"):
        prepare(rows, "y", Choices(), lines.append)
    assert lines == ["2 rows without any value left out"]
    samples = prepare(rows, "y", Choices(skip_missing=True), lines.append)
    assert isinstance(samples.features, Columns)
    assert samples.features["a"].values.tolist() == list(range(40))


def test_train_takes_several_files_and_predict_standard_input(tmp_path: Path) -> None:
    paths = [tmp_path / "1.csv", tmp_path / "2.csv"]
    for path in paths:
        path.write_text("a,y\n" + "".join(f"{i},{2 * i}.25\n" for i in range(40)))
    model = str(tmp_path / "m.safetensors")
    run = CliRunner().invoke(
        app, ["train", *map(str, paths), "-t", "y", "-o", model, "--epochs", "2"]
    )
    assert run.exit_code == 0
    assert "different values in 80 rows" in run.stderr
    run = CliRunner().invoke(app, ["predict", model, "-"], input="a\n1\n2\n3\n")
    assert run.exit_code == 0
    assert len(run.stdout.splitlines()) == 4
