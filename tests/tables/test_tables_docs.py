"""docs/tables.md says what is written, what it becomes and what is said: a file for each row."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

from chainrule.tables.encoder import Encoder
from chainrule.tables.samples import prepare
from chainrule.tables.settings import Choices
from chainrule.tables.training_table import read_to_train

DOCS = Path(__file__).parents[2] / "docs" / "tables.md"
M = 40
SIZE = [f"{20 + 3 * (i % 13) + i / 100:.2f}" for i in range(M)]
Y = [f"{7 * (i * 17 % 23) + i / 10:.1f}" for i in range(M)]


@dataclass(frozen=True)
class Example:
    """A file, and what becomes of it: kinds of columns, or an error; and words of the lines."""

    text: str | bytes
    kinds: Mapping[str, str] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    error: str = ""
    choices: Choices = Choices()  # noqa: RUF009
    absent: tuple[str, ...] = ()


def table(separator: str = ",", y: list[str] = Y, **columns: list[str]) -> str:
    """Write columns with a target and, unless there is one, a size."""
    columns = {"size": SIZE, **columns, "y": y}
    lines = [separator.join(columns), *map(separator.join, zip(*columns.values(), strict=True))]
    return "\n".join(lines) + "\n"


def only(first: list[str], others: list[str]) -> list[str]:
    """Put values in place of the first ones."""
    return [*first, *others[len(first) :]]


def days(form: str) -> list[str]:
    """Write a day in nine in some form."""
    return [(date(2023, 1, 1) + timedelta(9 * i)).strftime(form) for i in range(M)]


PLAIN = {"size": "number"}
SHOPS = [str(1 + i * 7 % 9) for i in range(200)]
EXAMPLES: dict[str, list[Example]] = {
    "`sep=;` first": [
        Example("sep=;\n" + table(";"), PLAIN),
        *(Example(table(mark), PLAIN) for mark in (",", ";", "\t", "|", " ")),
    ],
    "lines before the header": [
        Example("# a till\n# in mm\n" + table(), PLAIN, ("2 lines of",)),
        Example("Sales\n\n" + table(word=["a", "b"] * 20), PLAIN, ("2 lines of", "names")),
    ],
    "a column without a name": [
        Example(re.sub("^", ",", table().rstrip(), flags=re.M), PLAIN, ("column 1 of", "no name")),
        Example("size,y\n" + "".join(f"r{i},{SIZE[i]},{Y[i]}\n" for i in range(M)), PLAIN,
                ("column 1 of",)),
        Example(re.sub("$", ",", table().rstrip(), flags=re.M), PLAIN, ("column 3 of",)),
    ],
    "blanks around names": [
        Example(table(word=["a ", " b"] * 20), {"word": "category"}, ("40 rows are left out",)),
    ],
    "`1,5` and `1.5`": [
        Example(table(";", a=[v.replace(".", ",") for v in SIZE], b=SIZE),
                {"a": "number", "b": "number"}),
        Example(table(";", a=[f"1.{i + 100},50" for i in range(M)]), {"a": "number"}),
        Example(table(";", a=[f"1'{i * i % 900 + 100}" for i in range(M)]), {"a": "number"}),
    ],
    "`$1,200.50`": [
        Example(table(";", a=[f"$1,{i + 100}.50" for i in range(M)], b=[f"{v} €" for v in SIZE],
                      c=[f"1,{i + 10},456 ₹" for i in range(M)], d=[f"{v}%" for v in SIZE],
                      e=only(["(3.50)"], SIZE)),
                dict.fromkeys("abcde", "number")),
    ],
    "`55.2 cm`": [Example(table(a=[f"{v} cm" for v in SIZE]), {"a": "number"}, ("'cm' after",))],
    "numbers in most rows": [
        Example(table(a=only([f"~{v}" for v in SIZE[:14]], SIZE)), {"a": "words"},
                ("26 of 40 rows hold numbers, but not '~20.00'",)),
    ],
    "numbers and one `n/k`": [
        Example(table(size=only([word], SIZE)), PLAIN, (f"{word!r} in row 1 is read as no value",))
        for word in ("n/k", "-", "#DIV/0!", "unknown", ">80", "Total")
    ],
    "`007`": [
        Example(table(a=[f"{i % 5:03d}" for i in range(M)]), {"a": "category"}, ("--number a",)),
    ],
    "few whole numbers": [
        Example("shop,y\n" + "".join(
            f"{s},{[0, 50, 3, 80, 9, 70, 20, 99, 1][int(s) - 1] + i % 3}.5\n"
            for i, s in enumerate(SHOPS)), {"shop": "category"}, ("as words and", "as numbers")),
    ],
    "words with an order": [
        Example(table(a=["low", "mid", "high", "mid"] * 10), {"a": "number"},
                choices=Choices(order=("a=low,mid,high",))),
        Example(table(a=["low", "mid", "huge", "mid"] * 10), choices=Choices(
            order=("a=low,mid,high",)), error="'huge' in row 3, which its --order does not name"),
    ],
    "whole numbers beyond 2^53": [
        Example(table(y=["9007199254740992", "9007199254740993"] * 20), PLAIN,
                ("9007199254740992 20, 9007199254740993 20",)),
    ],
    "`31.12.2024`": [
        Example(table(a=days(form)), {"a": "date"}, ("'a' holds dates",))
        for form in ("%d.%m.%Y", "%m/%d/%Y", "%d-%b-%Y", "%a %b %d %Y", "%Y%m%d", "%d.%m.%Y %H:%M")
    ] + [Example(table(a=only(days("%Y-%m-%d")[:9], days("%d.%m.%Y"))), {"a": "date"})],
    "`2024-12`": [
        Example(table(a=days(form)), {"a": "date"}, ("'a' holds dates",))
        for form in ("%Y-%m", "%b %Y", "%b-%y", "%m/%Y")
    ] + [Example(table(a=[f"20{10 + i // 4}Q{1 + i % 4}" for i in range(M)]), {"a": "date"})],
    "`1/2/2023`": [
        Example(table(a=[f"{1 + i % 4}/{1 + i % 6}/2023" for i in range(M)]), {"a": "category"},
                ("day and month cannot be told apart",)),
    ],
    "`08:30`": [
        Example(table(a=[f"{i % 24:02d}:{i:02d}" for i in range(M)], b=[f"{i + 99}:30" for i in
                range(M)], c=[f"{1 + i % 12}:{i:02d} PM" for i in range(M)]),
                dict.fromkeys("abc", "number"), ("'a' holds times: read as hours",)),
    ],
    "-999 among ages": [
        Example(table(size=only([word] * 4, SIZE)), PLAIN, (f"{word} in ", "rows of 'size'"))
        for word in ("-999", "-9999.99", "2147483647")
    ],
    "9999-12-31": [
        Example(table(a=only([word] * 4, days("%Y-%m-%d"))), {"a": "date"}, (f"{word} in ",))
        for word in ("9999-12-31", "1900-01-01")
    ],
    "99999999 among ages": [
        Example(table(size=[*SIZE[:-1], "99999999"], y=Y), PLAIN),
        Example(table(size=only(["99999999"] * 2, SIZE)), PLAIN, ("so cut: 99999999 in",)),
    ],
    "-999 in several rows of the target": [
        Example(table(y=only(["-999"] * 4, Y)), error="-999 in rows 1, 2, 3 and 4"),
        Example(table(y=only(["-999"] * 4, Y)), PLAIN, ("read as no value", "4 rows without"),
                choices=Choices(skip_missing=True)),
    ],
    "a row without any value": [Example(table() + ",\n,\n", PLAIN, ("2 rows without any value",))],
    "no value, fewer than five": [
        Example(table(a=[""] * M, b=only(["1", "2"], [""] * M), c=["x"] * M), PLAIN,
                ("fewer than 5 values, so left out: a, b", "same in every row, so left out: c"),
                absent=("a", "b", "c")),
    ],
    "a number of each row": [
        Example(table(a=[str(i) for i in range(M)], order_id=[str(i * 7919) for i in range(M)],
                      b=[f"name {i}" for i in range(M)]), PLAIN,
                ("left out (--number COLUMN keeps one): a, order_id", "'b' is left out"),
                absent=("a", "b", "order_id")),
    ],
    "a column that alone": [
        Example(table(a=[str(2 * float(v)) for v in Y]), PLAIN, ("warning: column 'a' alone",)),
    ],
    "equal rows": [
        Example("\n".join([*table(a=Y).split("\n")[:-1], *table(a=Y).split("\n")[1:]]), PLAIN,
                ("40 rows are copies of others",)),
    ],
    "bytes that are not UTF-8": [
        Example(table(word=["grün", "rot"] * 20).encode("cp1252"),
                error=r"line 2 of .*--encoding cp1252"),
    ],
    "a quoted field that does not end": [
        Example(table() + '"5,1\n', error="line 42 of .* never ends"),
        Example(table() + '"5' + "\n" * 30 + '",1\n', error="line 42 of .* ends 30 lines below"),
    ],
    "lines with more or fewer fields": [Example(table() + "1,2,3\n", error="line 42 of .* 3 fi")],
    "infinity": [Example(table(size=only(["inf"], SIZE)), error="'size' is infinite in row 1")],
}  # fmt: skip


def rows_of_the_docs() -> list[str]:
    """Return the first cell of each row of the table in the docs."""
    text = DOCS.read_text(encoding="utf-8")
    section = text[text.index("| what is written |") :].split("\n\n")[0]
    return [line.split(" | ")[0].removeprefix("| ") for line in section.splitlines()[2:]]


def test_every_row_of_the_docs_has_an_example() -> None:
    rows = rows_of_the_docs()
    for start in EXAMPLES:
        assert sum(row.startswith(start) for row in rows) == 1, start
    assert len(EXAMPLES) == len(rows)


@pytest.mark.parametrize("start", EXAMPLES)
def test_a_file_becomes_what_the_docs_say(start: str, tmp_path: Path) -> None:
    for example in EXAMPLES[start]:
        text = example.text
        (tmp_path / "t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        lines: list[str] = []
        if example.error:
            with pytest.raises(ValueError, match=example.error):
                encoder_of(tmp_path / "t.csv", example.choices, lines)
            continue
        encoder = encoder_of(tmp_path / "t.csv", example.choices, lines)
        kinds = {feature.name: feature.kind for feature in encoder.features}
        for name, kind in example.kinds.items():
            assert kinds.get(name, "words") == kind, (name, text, lines)
        assert not set(example.absent) & set(kinds), lines
        for words in example.said:
            assert words in "\n".join(lines), (words, lines)


def encoder_of(path: Path, choices: Choices, lines: list[str]) -> Encoder:
    """Read a file as training does, and return the encoder of all its rows."""
    read = read_to_train(path, "y", choices, lines.append)
    samples = prepare(read.rows, "y", choices, lines.append)
    encoder = Encoder.fit(samples.features, choices.number)
    lines.extend(encoder.notes)
    return encoder
