"""Reading tables: every format and separator gives the same columns; faults are named exactly."""

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.tables.columns import columns
from chainrule.tables.reading import MISSING, read, read_table

pa = pytest.importorskip("pyarrow")

ROWS = "a,b,c,d\n1,1.5,yes,true\n2,,no,false\n3,2.5,,true\n"


def write(folder: Path, data: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
    return path


def arrow() -> Any:
    return pa.table(
        {
            "a": [1, 2, 3],
            "b": [1.5, None, 2.5],
            "c": ["yes", "no", None],
            "d": [True, False, True],
        }
    )


def parquet() -> bytes:
    import pyarrow.parquet as pq

    pq.write_table(arrow(), stream := io.BytesIO())
    return stream.getvalue()


def ipc(new: Any) -> bytes:
    stream = io.BytesIO()
    with new(stream, arrow().schema) as writer:
        writer.write_table(arrow())
    return stream.getvalue()


FORMATS = {
    "comma": lambda: ROWS.encode(),
    "semicolon": lambda: ROWS.replace(",", ";").encode(),
    "tab": lambda: ROWS.replace(",", "\t").encode(),
    "decimal comma": lambda: ROWS.replace(",", ";").replace(".", ",").encode(),
    "byte order mark": lambda: b"\xef\xbb\xbf" + ROWS.encode(),
    "windows lines": lambda: ROWS.replace("\n", "\r\n").encode(),
    "quotes": lambda: ROWS.replace("yes", '"yes"').encode(),
    "no last newline": lambda: ROWS.rstrip("\n").encode(),
    "gzip": lambda: gzip.compress(ROWS.encode()),
    "gzip in two parts": lambda: (
        gzip.compress(ROWS[:9].encode()) + gzip.compress(ROWS[9:].encode())
    ),
    "parquet": parquet,
    "ipc file": lambda: ipc(pa.ipc.new_file),
    "ipc stream": lambda: ipc(pa.ipc.new_stream),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_columns(kind: str, tmp_path: Path) -> None:
    # The name says nothing: what a file is, its first bytes say.
    found = columns(read_table(write(tmp_path, FORMATS[kind](), "table.data")))
    assert found.m == 3
    assert {name: c.kind for name, c in found.items()} == {
        "a": "integer",
        "b": "float",
        "c": "text",
        "d": "boolean",
    }
    np.testing.assert_array_equal(found["a"].values, [1, 2, 3])
    np.testing.assert_array_equal(found["b"].values, [1.5, np.nan, 2.5])
    assert found["c"].values.tolist() == ["yes", "no", None]
    np.testing.assert_array_equal(found["d"].values, [1, 0, 1])


@pytest.mark.parametrize("word", MISSING)
def test_words_for_missing(word: str, tmp_path: Path) -> None:
    found = columns(read_table(write(tmp_path, f"a,b\n1,x\n{word},{word}\n")))
    assert found["a"].missing.tolist() == [False, True]
    assert found["b"].missing.tolist() == [False, True]


def test_separators_and_newlines_inside_quotes(tmp_path: Path) -> None:
    found = columns(read_table(write(tmp_path, 'a;b\n1;"x;y"\n2;"line\nbreak, it is"\n')))
    assert found["b"].values.tolist() == ["x;y", "line\nbreak, it is"]


def test_one_column_needs_no_separator(tmp_path: Path) -> None:
    assert columns(read_table(write(tmp_path, "a\n1\n2\n")))["a"].values.tolist() == [1, 2]


def test_words_that_look_like_numbers_stay_words_where_asked(tmp_path: Path) -> None:
    path = write(tmp_path, "code,a\n01,1\n1,2\n")
    assert columns(read_table(path, text=["code", "none"]))["code"].values.tolist() == ["01", "1"]


def test_a_word_after_many_numbers_is_a_gap_that_is_named(tmp_path: Path) -> None:
    lines = ["a,b", *(f"{i},{i}" for i in range(200_000)), "word,1"]
    table = read(write(tmp_path, "\n".join(lines)))
    found = columns(table.table)
    assert found["a"].kind == "integer"
    assert found["a"].values[:3].tolist() == [0, 1, 2]
    assert np.flatnonzero(found["a"].missing).tolist() == [200_000]
    assert found["b"].kind == "integer"
    assert "column 'a' holds numbers: 'word' in row 200001 is read as no value" in table.notes[0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "is empty: a table needs a line of column names and rows below it"),
        ("\n\n", "is empty"),
        ("a,b\n", "has column names but no rows"),
        ("a,b,a\n1,2,3\n", "has more than one column named 'a': rename all but one"),
        ("a,b\n1,2\n3,4,5\n", "line 3 of .* has 3 fields where the header has 2"),
        ("a,b\n1,2\n3\n", "line 3 of .* has 1 fields where the header has 2"),
        ('a,b\n"x\ny",2\n3\n', "line 4 of .* has 1 fields where the header has 2"),
        (b"a,b\n1,x\n2,\xe9t\xe9\n", "line 3 of .* is not UTF-8 text \\(byte 0xe9"),
        (
            "a,b\n1,2\n".encode("utf-16"),
            "is UTF-16 text, not UTF-8: read it with --encoding utf-16",
        ),
        (b"PK\x03\x04rest", "is a zip or spreadsheet file|is not a readable workbook"),
        (b"PAR1 and nothing", "is not a readable Parquet file"),
        (b"ARROW1 and nothing", "is not a readable Arrow file"),
        (b"\xff\xff\xff\xff and nothing", "is not a readable Arrow file"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "is a gzip file that is cut off or damaged"),
    ],
)
def test_faulty_files(data: str | bytes, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, data, "faulty.csv")
    with pytest.raises(ValueError, match=message) as error:
        read_table(path)
    assert "faulty.csv" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_offers_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, ROWS, "prices.csv")
    with pytest.raises(ValueError, match=r"price\.csv does not exist, did you mean .*prices\.csv"):
        read_table(tmp_path / "price.csv")
    with pytest.raises(ValueError, match="there is no folder"):
        read_table(tmp_path / "none" / "price.csv")
    with pytest.raises(ValueError, match="is a folder: name a file in it"):
        read_table(tmp_path)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["x", None, "x"], ["x", None, "x"]),
        ([3, None, 4], ["3", None, "4"]),
        ([True, None, False], ["true", None, "false"]),
    ],
)
def test_dictionary_columns_are_words(values: list[Any], expected: list[Any]) -> None:
    found = columns(pa.table({"a": pa.array(values).dictionary_encode()}))["a"]
    assert found.kind == "text"
    assert found.values.tolist() == expected


def test_decimals_and_chunks() -> None:
    from decimal import Decimal

    chunked = pa.chunked_array([[Decimal("1.25")], [None], [Decimal("2.50")]])
    np.testing.assert_array_equal(
        columns(pa.table({"a": chunked}))["a"].values, [1.25, np.nan, 2.5]
    )


@pytest.mark.parametrize(
    "kind",
    [
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
        *(f"float{bits}" for bits in (16, 32, 64)),
    ],
)
def test_numbers_of_every_type_in_slices_and_chunks(kind: str) -> None:
    known = [None if i % 5 == 3 else i % 100 for i in range(1000)]
    one = pa.array(known, getattr(pa, kind)())
    chunked = pa.chunked_array([one[5:5], one[3:17], one[17:], one[:1]])
    expected = [np.nan if v is None else float(v) for v in [*known[3:], known[0]]]
    found = columns(pa.table({"a": chunked}))["a"]
    assert found.kind == ("float" if "float" in kind else "integer")
    np.testing.assert_array_equal(found.values, expected)
    whole = columns(pa.table({"a": one.drop_null()[2:9]}))["a"].values
    np.testing.assert_array_equal(whole, one.drop_null()[2:9].to_pylist())


@pytest.mark.parametrize(
    "array",
    [
        lambda: pa.array([1, 2], pa.time32("s")),
        lambda: pa.array([1, 2], pa.duration("s")),
        lambda: pa.array([[1], [2]]),
        lambda: pa.array([b"a", b"b"]),
    ],
)
def test_times_bytes_and_lists_are_refused_unless_dropped(array: Any) -> None:
    table = pa.table({"when": array(), "a": [1, 2]})
    with pytest.raises(ValueError, match=r"column 'when' holds .*--drop when"):
        columns(table)
    assert list(columns(table, drop=["when"])) == ["a"]
    with pytest.raises(ValueError, match="no column 'wen', did you mean 'when'"):
        columns(table, drop=["wen"])
