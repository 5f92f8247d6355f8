"""Cells: what people write in tables, and what it is read as; expectations are written by hand."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow")

from chainrule.tables.cells import Hints, read_cells
from chainrule.tables.columns import columns
from chainrule.tables.fit import fit_table
from chainrule.tables.lookalikes import meant
from chainrule.tables.reading import ReadOptions, read, read_all

NUMBERS = [str(i) for i in range(20)]


def values_of(words: list[str], hints: Hints = Hints()) -> tuple[str, list[Any], Any]:  # noqa: B008
    reading = read_cells("c", Counter(words), hints)
    return reading.kind, [reading.values[word] for word in words], reading


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["1.786,60", "2,5", "15.472"], [1786.6, 2.5, 15472.0]),
        (["1,786.60", "2.5", "15,472"], [1786.6, 2.5, 15472.0]),
        (["1'786.60", "12'000"], [1786.6, 12000.0]),
        (["1 786,60", "12\u202f000,5"], [1786.6, 12000.5]),
        (["$1,200.50", "$ 3", "-$4.25"], [1200.5, 3.0, -4.25]),
        (["12 €", "1.000,5 €"], [12.0, 1000.5]),
        (["12%", "3.5 %"], [12.0, 3.5]),
        (["(1,234.5)", "7"], [-1234.5, 7.0]),
        (["1e3", "-2.5E-2", ".5"], [1000.0, -0.025, 0.5]),
        (["08:30", "9:15 PM", "23:59:30"], [8.5, 21.25, 23 + 59.5 / 60]),
        (["124:30", "0:45"], [124.5, 0.75]),
        (["1,23,456", "12,34,567.5"], [123456.0, 1234567.5]),
        (["₹1,200", "₹ 3"], [1200.0, 3.0]),
        (["1 200 kr", "3,5 kr"], [1200.0, 3.5]),
        (["−5", "7"], [-5.0, 7.0]),
        ([*(f"{i}.5 cm" for i in range(12)), "7"], [*(i + 0.5 for i in range(12)), 7.0]),
        ([f"{i} m²" for i in range(12)], [float(i) for i in range(12)]),
    ],
)
def test_read_cells_numbers_in_peoples_spelling(words: list[str], expected: list[float]) -> None:
    kind, values, _ = values_of(words)
    assert kind == "number"
    assert values == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["31.12.2024", "1.2.25"], [(2024, 12, 31), (2025, 2, 1)]),
        (["13/02/2024", "01/02/2024"], [(2024, 2, 13), (2024, 2, 1)]),
        (["02/13/2024", "01/02/2024"], [(2024, 2, 13), (2024, 1, 2)]),
        (["08-Oct-2023", "1 March 2024"], [(2023, 10, 8), (2024, 3, 1)]),
        (["Oct 8, 2023", "December 31 1999"], [(2023, 10, 8), (1999, 12, 31)]),
        (["2024/12/31", "2024/1/2"], [(2024, 12, 31), (2024, 1, 2)]),
        (["20231008", "20240229", "19991231"], [(2023, 10, 8), (2024, 2, 29), (1999, 12, 31)]),
        (["2024-12", "2023-01"], [(2024, 12, 1), (2023, 1, 1)]),
        (["Dec 2024", "Jan-23"], [(2024, 12, 1), (2023, 1, 1)]),
        (["12/2024", "1/2023"], [(2024, 12, 1), (2023, 1, 1)]),
        (["2024Q4", "2023 Q1"], [(2024, 10, 1), (2023, 1, 1)]),
        (["Mon, 07 Oct 2024", "Friday, 1 March 2024"], [(2024, 10, 7), (2024, 3, 1)]),
        (["08OCT2023", "1MAR2024"], [(2023, 10, 8), (2024, 3, 1)]),
        (["31.12.2024", "1.2.2025", "2025-02-03"], [(2024, 12, 31), (2025, 2, 1), (2025, 2, 3)]),
        (["31.12.2024 08:30", "1.2.2025 23:59"], [(2024, 12, 31, 8, 30), (2025, 2, 1, 23, 59)]),
    ],
)  # fmt: skip
def test_read_cells_dates_in_peoples_spelling(words: list[str], expected: list[Any]) -> None:
    kind, values, _ = values_of(words)
    assert kind == "date"
    assert values == [datetime(*fields) for fields in expected]


@pytest.mark.parametrize(
    "words",
    [
        ["007", "12", "500"],
        ["1.2.3", "1.3.0"],
        ["$5", "€7"],
        ["a", "b"],
        ["2024-13-45", "2024-00-00"],
        ["12a", "13b", "7"],
        ["3", "K", "1", "2", "K", "K"],
        ["192.168.0.1", "10.0.0.1"],
        ["1 star", "2 stars", "5 stars"],
        [f"A{i}" for i in range(20)],
        [f"{i} PM" for i in range(1, 12)],
    ],
)
def test_read_cells_what_is_no_quantity_stays_words(words: list[str]) -> None:
    kind, values, _ = values_of(words)
    assert (kind, values) == ("text", words)


def test_read_cells_dates_that_cannot_be_decided_are_told() -> None:
    words = ["1/2/2023", "2/3/2023", "12/11/2022"]
    assert values_of(words)[0] == "text"
    assert "day and month cannot be told apart" in meant(words)


@pytest.mark.parametrize(
    "stray", ["n/k", "-", "N.A.", "#DIV/0!", "unknown", ">80", "Total", "see notes", "  "]
)
def test_read_cells_one_stray_word_is_a_gap(stray: str) -> None:
    kind, values, reading = values_of([*NUMBERS, stray])
    assert kind == "number"
    assert values == [*map(float, NUMBERS), None]
    assert reading.strays == ([stray] if stray.strip() else [])


def test_read_cells_a_unit_is_told_and_kept_for_later_tables() -> None:
    kind, _, reading = values_of([f"{i},5 km/h" for i in range(12)])
    assert (kind, reading.style) == ("number", "comma km/h")
    assert reading.notes == ["column 'c': 'km/h' after its numbers is left out"]
    assert values_of(["7,25 km/h"], Hints("number", reading.style))[1] == [7.25]
    assert values_of(["7,25 mph"], Hints("number", reading.style))[0] == "text"


def test_read_cells_numbers_among_too_many_words_are_told() -> None:
    words = [str(i) for i in range(30)] + [f"~{i}" for i in range(15)]
    kind, _, reading = values_of(words)
    assert kind == "text"
    assert "read as words: 30 of 45 rows hold numbers, but not '~0'" in reading.notes[0]


def test_read_cells_what_is_known_of_a_column_decides() -> None:
    assert values_of(["007", "12"], Hints(kind="number"))[1] == [7.0, 12.0]
    assert values_of(["1", "2"], Hints(kind="text"))[1] == ["1", "2"]
    assert values_of(["1,234"], Hints(style="comma"))[1] == [1.234]
    assert values_of(["1,234"])[1] == [1234.0]
    assert values_of(["2/3/2023"], Hints(kind="date", style="31/12/2024"))[1] == [
        datetime(2023, 3, 2)
    ]


def write(folder: Path, text: str, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    return path


FRAMES = {
    "a title": ("Sales of 2024\n\na,b,c\n1,x,\n2,y,\n", 1),
    "a padded title": ("Sales, all of them;;\n;;\na;b;c\n1;x;\n2;y;\n", 1),
    "old Macintosh lines": ("a,b\r1,x\r2,y\r", 0),
    "comments": ("# from a till\n# unit: mm\na,b\n1,x\n2,y\n", 1),
    "sep line": ("sep=;\na;b\n1;x\n2;y\n", 0),
    "bars": ("a|b\n1|x\n2|y\n", 0),
    "tabs": ("a\tb\n1\tx\n2\ty\n", 0),
    "row names": ('a,b\n"r1",1,x\n"r2",2,y\n', 1),
    "unnamed first": (",a,b\n0,1,x\n1,2,y\n", 1),
    "trailing separator": ("a,b\n1,x,\n2,y,\n", 1),
    "named trailing separator": ("a,b,\n1,x,\n2,y,\n", 1),
    "padded names": (" a , b \n1,x\n2,y\n", 1),
    "padded words": ("a,b\n1, x\n2,y \n", 1),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_read_any_frame_gives_the_same_columns(kind: str, tmp_path: Path) -> None:
    text, notes = FRAMES[kind]
    table = read(write(tmp_path, text))
    assert table.table.select(["a", "b"]).to_pydict() == {"a": [1, 2], "b": ["x", "y"]}
    assert len(table.notes) == notes


def test_read_blanks_between_numbers_separate_them(tmp_path: Path) -> None:
    table = read(write(tmp_path, "x  y z\n1.5   2  a\n 3.5 4 b\n")).table
    assert table.to_pydict() == {"x": [1.5, 3.5], "y": [2, 4], "z": ["a", "b"]}


def test_read_codes_keep_zeros_and_whole_numbers_every_digit(tmp_path: Path) -> None:
    text = "zip,big,huge\n01234,9007199254740993,18446744073709551615\n"
    text += "20001,9007199254740992,2\n"
    table = read(write(tmp_path, text))
    rows = columns(table.table)
    assert rows["zip"].values.tolist() == ["01234", "20001"]
    assert table.table["big"].to_pylist() == [9007199254740993, 9007199254740992]
    assert table.table["huge"].to_pylist() == [18446744073709551615, 2]
    assert rows["big"].exact is not None
    assert rows["big"].exact.tolist() == ["9007199254740993", "9007199254740992"]
    numbers = read(write(tmp_path, text), ReadOptions(kinds={"zip": "number"}))
    assert numbers.table["zip"].to_pylist() == [1234, 20001]


def test_read_styles_are_kept_for_later_tables(tmp_path: Path) -> None:
    first = read(write(tmp_path, "when;v\n13/02/2024;1.000,5\n01/02/2024;2,25\n"))
    assert first.styles == {"when": "31/12/2024", "v": "comma"}
    later = read(
        write(tmp_path, 'when,v\n03/02/2024,"1,5"\n'), ReadOptions(styles=first.styles)
    ).table.to_pylist()
    assert later == [{"when": datetime(2024, 2, 3), "v": 1.5}]


def test_read_encoding_and_further_words_for_missing(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("Größe,b\n1,x\n-999,y\n".encode("cp1252"))
    with pytest.raises(ValueError, match="read it with --encoding cp1252"):
        read(path)
    table = read(path, ReadOptions(encoding="cp1252", missing=("-999",))).table
    assert table.to_pydict() == {"Größe": [1, None], "b": ["x", "y"]}
    with pytest.raises(ValueError, match="--encoding klingon is unknown"):
        read(path, ReadOptions(encoding="klingon"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a,b\n1,"x\n2,y\n3,z\n', r"line 2 of .* begins a quoted field .* that never ends"),
        ('a,b\n1,"x"y\n2,z\n', r"line 2 of .* has text after the end of a quoted field"),
        (
            'a,b\n1,"x\n' + "2,y\n" * 30 + '3,z"\n',
            r"line 2 of .* that ends 31 lines below: is a quote missing",
        ),
    ],
)
def test_read_stray_quotes_are_refused_with_their_line(
    text: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=words):
        read(write(tmp_path, text))


def test_read_all_puts_files_with_the_same_columns_together(tmp_path: Path) -> None:
    one = write(tmp_path, "a,b\n1,x\n", "1.csv")
    two = write(tmp_path, "b,a\ny,2.5\n", "2.csv")
    table = read_all([one, two]).table
    assert table.to_pydict() == {"a": [1.0, 2.5], "b": ["x", "y"]}
    other = write(tmp_path, "a,c\n1,x\n", "3.csv")
    with pytest.raises(ValueError, match=r"do not have the same columns \(b, c\)"):
        read_all([one, other])


def test_rows_are_named_as_in_the_file(tmp_path: Path) -> None:
    rows = columns(read(write(tmp_path, "a,y\n" + "1.5,2\n" * 6 + "inf,3\n1,2\n")).table)
    from chainrule.tables.columns import as_numbers

    with pytest.raises(ValueError, match="'a' is infinite in row 7"):
        as_numbers(rows["a"].take(np.array([7, 6, 0])))


def test_rows_are_named_with_their_line_where_newlines_shift_it(tmp_path: Path) -> None:
    text = '# a till\n"a\nb",y\n"one\ntwo",1\n\nthree,2\n"four ""\n4",x\n'
    text += "".join(f"five,{i}.5\n" for i in range(12))
    table = read(write(tmp_path, text))
    assert table.rows is not None
    assert table.rows.lines is not None
    assert table.rows.lines.tolist() == [4, 7, 8, *range(10, 22)]
    assert "'x' in row 3 (line 8) is read as no value" in table.notes[1]
    with pytest.raises(ValueError, match=r"'y' has no value \(or NaN\) in row 3 \(line 8\)"):
        fit_table(tmp_path / "t.csv", "y")


def test_rows_of_plain_files_need_no_lines(tmp_path: Path) -> None:
    assert read(write(tmp_path, 'a,b\n1,"x"\n2,y\n')).rows is None
    assert read(write(tmp_path, "a,b\r\n1,x\r\n2,y")).rows is None


def test_rows_of_several_files_are_named_with_their_file(tmp_path: Path) -> None:
    numbers = "".join(f"{i},{i}.5\n" for i in range(12))
    one = write(tmp_path, "a,y\n" + numbers, "1.csv")
    two = write(tmp_path, "a,y\n" + numbers + "inf,1\n", "2.csv")
    with pytest.raises(ValueError, match=r"'a' is infinite in row 13 of 2\.csv"):
        fit_table([str(one), str(two)], "y")
