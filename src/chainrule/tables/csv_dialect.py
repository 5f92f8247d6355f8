"""How a CSV file is written: its encoding, separator, header and quotes.

Lines before the header that begin with #, or that are a title, are left out, and a line ``sep=;``
says the separator. A column without a name is left out: of row names (a header that is one name
short), or after a separator at the end of each line.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile
from typing import Final

import numpy as np

from ..typing import Rows

SEPARATORS: Final = (",", ";", "\t", "|")
_SAMPLE: Final = 1 << 16
_NUMBER: Final = {
    mark: re.compile(rf"[-+]?\d*{re.escape(mark)}\d+([eE][-+]?\d+)?") for mark in ",."
}
# A quoted field of more lines than this is likely to be one that nobody closed.
MOST_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV file is written.

    ``body``: the bytes below the header. ``names``: of the columns, "" for one without a name.
    ``first_line``: the number of the body's first line in the file. ``comma``: whether it has
    decimal commas. ``notes``: messages for the user.
    """

    body: bytes
    names: list[str]
    separator: str
    comma: bool
    first_line: int
    notes: list[str]

    def lines(self, m: int) -> Rows | None:
        """Return the line of the file where each of m rows begins. (m,).

        None where no field holds a newline and no line is empty, or quotes are used otherwise.
        """
        if not m:
            return None
        data = np.frombuffer(self.body, np.uint8)
        ends = np.flatnonzero(data == ord("\n"))
        quotes = np.flatnonzero(data == ord('"'))
        outside = np.searchsorted(quotes, ends) % 2 == 0
        starts: Rows = np.concatenate([[0], ends[outside] + 1])
        widths = np.diff(np.r_[starts, len(data) + 1])
        bare = (widths == 1) | ((widths == 2) & (data[starts.clip(max=len(data) - 1)] == ord("\r")))
        if outside.all() and not bare[:-1].any():
            return None
        starts = starts[~bare]
        lines: Rows = np.searchsorted(ends, starts) + np.int64(self.first_line)
        return lines if len(lines) == m else None


def dialect_of(name: str, data: bytes) -> Dialect:
    """Find out how a CSV file is written; raises ValueError for quotes that do not match."""
    notes: list[str] = []
    data, skipped, separator = _without_preamble(name, data, notes)
    if separator is None:
        separator = _separator(_sample(data))
    if separator == " ":
        data = b"\n".join(b" ".join(line.split()) for line in data.splitlines()) + b"\n"
    data, titles = _without_title(name, data, separator, notes)
    skipped += titles
    check_quotes(name, data, separator, skipped)
    header, end, lines = _header(data, separator)
    body = data[end:]
    rows = list(csv.reader(_sample(body), delimiter=separator))
    names = [one.strip() for one in header]
    if names != header:
        notes.append("blanks around the names of columns are left out")
    if rows and all(len(row) == len(names) + 1 for row in rows):
        names = [*names, ""] if all(row[-1] == "" for row in rows) else ["", *names]
    comma = separator != "," and _decimal_comma(rows)
    return Dialect(body, names, separator, comma, skipped + lines + 1, notes)


def decoded(name: str, data: bytes, encoding: str | None) -> bytes:
    """Return a file's text as UTF-8 without a byte order mark; raises ValueError, with advice."""
    if encoding is None and data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ValueError(f"{name} is UTF-16 text, not UTF-8: read it with --encoding utf-16")
    try:
        if encoding is not None:
            data = data.decode(encoding).encode("utf-8")
        data.decode("utf-8")
    except LookupError:
        raise ValueError(f"--encoding {encoding} is unknown: name one such as cp1252") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        where = f"byte 0x{data[error.start]:02x} at place {error.start}"
        advice = "save the file as UTF-8, or read it with --encoding cp1252"
        if encoding is not None:
            advice = "name another encoding, or leave --encoding out"
        kind = "UTF-8" if encoding is None else encoding
        raise ValueError(f"line {line} of {name} is not {kind} text ({where}): {advice}") from None
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    return data.removeprefix(b"\xef\xbb\xbf")


def _without_preamble(name: str, data: bytes, notes: list[str]) -> tuple[bytes, int, str | None]:
    """Leave out what stands before the header; return the rest, lines left out, the separator."""
    separator, skipped, comments = None, 0, 0
    while True:
        line, newline, rest = data.partition(b"\n")
        bare = line.strip()
        declared = re.fullmatch(rb'"?sep=(.)"?', bare, re.IGNORECASE | re.DOTALL)
        if declared and newline:
            separator = declared[1].decode("utf-8", errors="replace")
        elif bare.startswith(b"#") and newline:
            comments += 1
        elif bare or not newline:
            break
        data, skipped = rest, skipped + 1
    if comments:
        lines = f"{comments} lines" if comments > 1 else "one line"
        notes.append(f"{lines} of {name} before the header, which begin with #, are left out")
    return data, skipped, separator


def _without_title(name: str, data: bytes, separator: str, notes: list[str]) -> tuple[bytes, int]:
    """Leave out lines with one field or none above a header of three or more, as reports have."""
    lines = data[:_SAMPLE].split(b"\n")[:20]
    fields = (
        next(csv.reader([line.decode("utf-8", errors="replace").strip()], delimiter=separator), [])
        for line in lines
    )
    filled = [sum(bool(field.strip()) for field in row) for row in fields]
    if max(filled) < 3 or filled[0] > 1:
        return data, 0
    count = next(place for place, number in enumerate(filled) if number > 1)
    notes.append(
        f"{count} lines of {name} above the names of the columns are left out"
        if count > 1
        else f"the first line of {name}, above the names of the columns, is left out"
    )
    return data[sum(len(line) + 1 for line in lines[:count]) :], count


def _sample(data: bytes) -> list[str]:
    """Return the first lines, at most 20, whole ones where there are any."""
    lines = data[:_SAMPLE].decode("utf-8", errors="ignore").splitlines()
    if len(data) > _SAMPLE and len(lines) > 1:
        lines.pop()
    return [line for line in lines if line][:20]


def _separator(lines: Sequence[str]) -> str:
    """Find the separator: the one that cuts the lines into equally many fields, and into most."""

    def score(separator: str) -> tuple[bool, int, int]:
        lengths = [len(fields) for fields in csv.reader(lines, delimiter=separator)] or [0]
        # A title above a header of three or more has one field.
        below = list(dropwhile(lambda length: length == 1, lengths))
        header, *counts = below = below if len(below) > 2 and below[0] > 2 else lengths
        number = counts[0] if counts else header
        # Where rows have names, or end in a separator, the header is one name short.
        fits = 2 if header == number else 1 if header + 1 == number else 0
        fits *= len(below) == len(lengths)
        return set(counts or [header]) == {number} and number > 1, fits, number

    best = max(SEPARATORS, key=score)
    return " " if not score(best)[0] and _blank_separated(lines) else best


def _blank_separated(lines: Sequence[str]) -> bool:
    """Say whether blanks separate fields: equally many on each line, most of them numbers."""
    rows = [line.split() for line in lines[1:]]
    counts = Counter(map(len, rows))
    fields = [field for row in rows for field in row]
    numbers = sum(field.replace(".", "").lstrip("-+").isdigit() for field in fields)
    return len(counts) == 1 and min(counts) > 1 and 2 * numbers > len(fields)


def _header(data: bytes, separator: str) -> tuple[list[str], int, int]:
    """Return the names in the header, where it ends, and how many lines it has."""
    lines = data.split(b"\n", 100)
    text = (line.decode("utf-8", errors="replace") + "\n" for line in lines[:100])
    reader = csv.reader(text, delimiter=separator)
    fields = next(reader, [])
    end = sum(len(line) + 1 for line in lines[: reader.line_num])
    return [field.rstrip("\r") for field in fields], min(end, len(data)), reader.line_num


def _decimal_comma(rows: Sequence[Sequence[str]]) -> bool:
    """Say whether more numbers are written 1,5 than 1.5."""
    fields = [field.strip() for row in rows for field in row]
    comma, point = (sum(map(bool, map(_NUMBER[mark].fullmatch, fields))) for mark in ",.")
    return comma > point


def check_quotes(name: str, data: bytes, separator: str, before: int = 0) -> None:
    """Refuse quoted fields that do not end, or after whose end more text follows.

    ``before``: lines of the file before ``data``.
    """
    if b'"' not in data:
        return
    mark = re.escape(separator.encode())
    fields = re.compile(
        rb"(?:(?<=[\n\r])|(?<=" + mark + rb')|\A)"((?:[^"]|"")*+)("?)([^\r\n' + mark + rb"]?)"
    )
    for match in fields.finditer(data):
        lines = match[1].count(b"\n")
        if match[2] and not match[3] and lines <= MOST_LINES:
            continue
        line = data.count(b"\n", 0, match.start()) + 1 + before
        text = match[1][:30].decode("utf-8", errors="replace")
        if not match[2]:
            raise ValueError(
                f"line {line} of {name} begins a quoted field ({text!r}...) that never ends: write "
                "the missing quote, or two quotes for one"
            )
        if match[3]:
            raise ValueError(
                f"line {line} of {name} has text after the end of a quoted field ({text!r}...): "
                "write two quotes for one inside a field"
            )
        raise ValueError(
            f"line {line} of {name} begins a quoted field ({text!r}...) that ends {lines} lines "
            "below: is a quote missing?"
        )
