"""Numbers as people write them: decimal comma, marks of thousands, currency and per cent signs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

# Signs of money and of parts; a column is read as numbers if at most one kind of them is in it.
_SIGNS: Final = r"[$€£¥%]|USD|EUR|GBP|CHF"
_MARKS: Final = "'’ \u00a0\u202f_"
_EXPONENT: Final = r"(?:[eE][-+]?\d+)?"

_PLAIN: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How numbers of a column are written: ``decimal`` mark, and the other mark of thousands.

    ``name`` is what a model file keeps, so that later tables are read alike.
    """

    name: str
    decimal: str
    thousands: str

    def value(self, word: str) -> float | None:
        """Return the number that a word without blanks around it means, None if it means none."""
        plain = word if self.decimal == "." else word.replace(",", ".") if "." not in word else ""
        if _PLAIN.fullmatch(plain):
            return float(plain)
        match = _pattern(self.decimal, self.thousands).fullmatch(word)
        if match is None:
            return None
        digits = match["digits"]
        for mark in self.thousands + _MARKS:
            digits = digits.replace(mark, "")
        negative = (match["sign"] or match["inner"]) == "-" or match["open"] is not None
        return (-1.0 if negative else 1.0) * float(digits.replace(self.decimal, "."))


POINT: Final = NumberStyle("point", ".", ",")
COMMA: Final = NumberStyle("comma", ",", ".")
STYLES: Final = {style.name: style for style in (POINT, COMMA)}


@cache
def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    d, marks = re.escape(decimal), f"[{re.escape(thousands)}{_MARKS}]"
    plain = rf"(?:\d+(?:{d}\d*)?|{d}\d+){_EXPONENT}"
    grouped = rf"\d{{1,3}}(?P<mark>{marks})\d{{3}}(?:(?P=mark)\d{{3}})*(?:{d}\d+)?"
    return re.compile(
        rf"(?P<open>\()?\s?(?P<sign>[-+−])?\s?(?P<before>{_SIGNS})?\s?(?P<inner>[-+−])?"
        rf"(?P<digits>{grouped}|{plain})\s?(?P<after>{_SIGNS})?\s?(?(open)\))"
    )


def sign_of(word: str) -> str:
    """Return the sign of money or of parts in a number word, "" if there is none.

    >>> sign_of("$1,200.50"), sign_of("12 %"), sign_of("7")
    ('$', '%', '')
    """
    match = None if _PLAIN.fullmatch(word) else re.search(_SIGNS, word)
    return match.group() if match else ""


def style_of(words: Sequence[str], prefer: NumberStyle = POINT) -> NumberStyle:
    """Return the style in which most words are numbers; ``prefer`` where that does not decide.

    >>> style_of(["1.786,60", "2.145"]).name, style_of(["1,786.60", "2,145"]).name
    ('comma', 'point')
    """
    other = COMMA if prefer is POINT else POINT
    counts = [sum(style.value(word) is not None for word in words) for style in (prefer, other)]
    return other if counts[1] > counts[0] else prefer


def is_code(word: str) -> bool:
    """Say whether digits are a code and no quantity: they begin with a zero.

    >>> is_code("007"), is_code("0"), is_code("0.5")
    (True, False, False)
    """
    return len(word) > 1 and word[0] == "0" and word.isdigit()
