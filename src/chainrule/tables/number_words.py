"""Numbers as people write them: decimal comma, marks of thousands, signs of money, units."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

# Signs of money and of parts; a column is read as numbers if at most one kind of them is in it.
_SIGNS: Final = (
    r"(?:US|R|A|C|HK|NZ)?\$|[€£¥%‰₹₽₩₺₪฿₫₴₦₱]|Rs\.?|kr\.?|Fr\.?|zł|Kč|Ft|USD|EUR|GBP|CHF|JPY|CNY|INR|"
    "AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RUB|TRY|BRL|MXN|ZAR|KRW|SGD|HKD"
)
_MARKS: Final = "'’ \u00a0\u202f_"
_EXPONENT: Final = r"(?:[eE][-+]?\d+)?"

_PLAIN: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
# A number with its unit: 55.2 cm, 1248 cm3, 40 m².
_MEASURE: Final = re.compile(
    r"[-+−]?[\d.,'’\u00a0\u202f ]*\d\s?(?P<unit>[^\d\s.,+()-][^\d,()]{0,11}[23]?)"
)
_HALVES_OF_DAY: Final = frozenset({"am", "pm"})
# What follows fewer different numbers may belong to names, as in 3 stars.
FEWEST_MEASURES: Final = 10


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How numbers of a column are written: ``decimal`` mark, the other mark of thousands, unit.

    ``name`` is what a model file keeps, so that later tables are read alike.
    """

    name: str
    decimal: str
    thousands: str
    unit: str = ""

    def value(self, word: str) -> float | None:
        """Return the number that a word without blanks around it means, None if it means none."""
        if self.unit:
            word = word.removesuffix(self.unit).rstrip()
        plain = word if self.decimal == "." else word.replace(",", ".") if "." not in word else ""
        if _PLAIN.fullmatch(plain):
            return float(plain)
        match = _pattern(self.decimal, self.thousands).fullmatch(word)
        if match is None:
            return None
        digits = match["digits"]
        for mark in self.thousands + _MARKS:
            digits = digits.replace(mark, "")
        negative = (match["sign"] or match["inner"]) in ("-", "−") or match["open"] is not None
        return (-1.0 if negative else 1.0) * float(digits.replace(self.decimal, "."))


POINT: Final = NumberStyle("point", ".", ",")
COMMA: Final = NumberStyle("comma", ",", ".")
STYLES: Final = {style.name: style for style in (POINT, COMMA)}


@cache
def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    d, marks = re.escape(decimal), f"[{re.escape(thousands)}{_MARKS}]"
    plain = rf"(?:\d+(?:{d}\d*)?|{d}\d+){_EXPONENT}"
    thousands_of = rf"\d{{1,3}}(?P<mark>{marks})\d{{3}}(?:(?P=mark)\d{{3}})*"
    lakhs = r"|\d{1,2}(?:,\d{2})+,\d{3}" if thousands == "," else ""
    grouped = rf"(?:{thousands_of}{lakhs})(?:{d}\d+)?"
    return re.compile(
        rf"(?P<open>\()?\s?(?P<sign>[-+−])?\s?(?P<before>{_SIGNS})?\s?(?P<inner>[-+−])?"
        rf"(?P<digits>{grouped}|{plain})\s?(?P<after>{_SIGNS})?\s?(?(open)\))"
    )


def written(value: float) -> str:
    """Write a number as people do: a whole one in full, others with six figures.

    >>> written(9999999.0), written(-9999.99), written(1e308)
    ('9999999', '-9999.99', '1e+308')
    """
    whole = abs(value) < 1e15 and value.is_integer()
    return f"{value:.0f}" if whole else f"{value:.6g}"


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
    unit = unit_of(words)
    styles = [with_unit(style, unit) for style in (prefer, COMMA if prefer is POINT else POINT)]
    counts = [sum(style.value(word) is not None for word in words) for style in styles]
    return styles[counts[1] > counts[0]]


def unit_of(words: Sequence[str]) -> str:
    """Return the unit that stands after at least half of the numbers, "" if there is none.

    >>> unit_of([f"{i}.5 cm" for i in range(12)]), unit_of(["12a", "13b"])
    ('cm', '')
    """
    units: Counter[str] = Counter()
    for word in words:
        match = None if _PLAIN.fullmatch(word) else _MEASURE.fullmatch(word)
        if match and match["unit"].lower() not in _HALVES_OF_DAY:
            units[match["unit"]] += 1
    for unit, count in units.most_common(1):
        if 2 * count >= len(words) >= FEWEST_MEASURES and not re.fullmatch(_SIGNS, unit):
            return unit
    return ""


def with_unit(style: NumberStyle, unit: str) -> NumberStyle:
    """Return a style of numbers that have a unit."""
    return replace(style, name=f"{style.name} {unit}", unit=unit) if unit else style


def style_named(name: str) -> NumberStyle | None:
    """Return the style that a model file names, None if there is none of that name.

    >>> style_named("comma km/h").value("12,5 km/h"), style_named("roman")
    (12.5, None)
    """
    base, _, unit = name.partition(" ")
    return with_unit(STYLES[base], unit) if base in STYLES else None


def is_code(word: str) -> bool:
    """Say whether digits are a code and no quantity: they begin with a zero.

    >>> is_code("007"), is_code("0"), is_code("0.5")
    (True, False, False)
    """
    return len(word) > 1 and word[0] == "0" and word.isdigit()
