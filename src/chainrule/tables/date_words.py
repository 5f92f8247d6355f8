"""Dates and times as people write them: 31.12.2024, 12/31/2024, 08-Oct-2023, 2024Q4, 8:30 PM."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar",
            "feb february februar",
            "mar march märz mrz",
            "apr april",
            "may mai",
            "jun june juni",
            "jul july juli",
            "aug august",
            "sep sept september",
            "oct october okt oktober",
            "nov november",
            "dec december dez dezember",
        ),
        1,
    )
    for name in names.split()
}
_TIME: Final = (
    r"(?P<hour>\d{1,4}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?\s?(?P<half>[AaPp][Mm])?"
)
_WITH_TIME: Final = rf"(?:[ T]{_TIME})?"


@dataclass(frozen=True, slots=True)
class DateStyle:
    """A way of writing dates; ``name`` is what a model file keeps."""

    name: str
    pattern: re.Pattern[str]

    def value(self, word: str) -> datetime | None:
        """Return the date that a word without blanks around it means, None if it means none."""
        match = self.pattern.fullmatch(word)
        if match is None:
            return None
        fields = match.groupdict()
        month = fields.get("month") or str(3 * int(fields["quarter"]) - 2)
        number = _MONTHS.get(month.lower().rstrip("."), 0) if month.isalpha() else int(month)
        try:
            day = int(fields.get("day") or 1)
            return datetime(_year(fields["year"]), number, day, *_clock(fields))
        except ValueError:
            return None


# Parts of the patterns below.
_D, _M, _N = r"(?P<day>\d{1,2})", r"(?P<month>\d{1,2})", r"(?P<month>[^\W\d_]{3,9})\.?"
_Y4, _Y = r"(?P<year>\d{4})", r"(?P<year>\d{4}|\d{2})"
_Q = r"Q(?P<quarter>[1-4])"
_WEEKDAY = r"(?:[^\W\d_]{2,10}\.?,? )?"

_PATTERNS: Final = {
    "2024-12-31": rf"{_Y4}-{_M}-{_D}",
    "2024/12/31": rf"{_Y4}[/.]{_M}[/.]{_D}",
    "31.12.2024": rf"{_D}\.{_M}\.{_Y}",
    "31 Dec 2024": rf"{_WEEKDAY}{_D}[ -]?{_N}[ -]?{_Y}",
    "Dec 31, 2024": rf"{_WEEKDAY}{_N} {_D},? {_Y}",
    "31/12/2024": rf"{_D}(?P<mark>[/-]){_M}(?P=mark){_Y}",
    "12/31/2024": rf"{_M}(?P<mark>[/-]){_D}(?P=mark){_Y}",
    # Two digits after a blank would be a day.
    "Dec 2024": rf"{_N}(?! \d\d\b)[ -]{_Y}",
    "2024-12": rf"{_Y4}[-/]{_M}",
    "12/2024": rf"{_M}[-/]{_Y4}",
    "2024Q4": rf"{_Y4}[- ]?{_Q}",
    "Q4 2024": rf"{_Q}[- /]?{_Y4}",
    "20241231": r"(?P<year>19\d\d|20\d\d)(?P<month>\d\d)(?P<day>\d\d)",
}
STYLES: Final = {
    name: DateStyle(name, re.compile(pattern + _WITH_TIME)) for name, pattern in _PATTERNS.items()
}

TIME_OF_DAY: Final = re.compile(_TIME)


def hours_of(word: str) -> float | None:
    """Return a time of day, or a duration, in hours; None for other words.

    >>> hours_of("08:30"), hours_of("8:30 PM"), hours_of("124:15"), hours_of("8:60")
    (8.5, 20.5, 124.25, None)
    """
    match = TIME_OF_DAY.fullmatch(word)
    if match is None:
        return None
    hour, minute, second = _clock(match.groupdict())
    return hour + minute / 60 + second / 3600 if minute < 60 and second < 60 else None


def styles_of(words: Sequence[str]) -> list[DateStyle]:
    """Return the styles in which most words are dates; of no words there is none."""
    counts = {
        name: sum(style.value(word) is not None for word in words) for name, style in STYLES.items()
    }
    most = max(counts.values())
    return [STYLES[name] for name, count in counts.items() if count == most and most > 0]


def undecidable(styles: Sequence[DateStyle]) -> bool:
    """Say whether day and month cannot be told apart: neither number is ever above 12."""
    return {style.name for style in styles} >= {"31/12/2024", "12/31/2024"}


def _clock(fields: dict[str, str | None]) -> tuple[int, int, int]:
    hour, minute, second = (int(fields[name] or 0) for name in ("hour", "minute", "second"))
    half = (fields["half"] or "").lower()
    if half and 1 <= hour <= 12:
        hour = hour % 12 + 12 * (half == "pm")
    return hour, minute, second


def _year(word: str) -> int:
    """Return a year; of two digits, as POSIX has it: 69 to 99 are of the last century."""
    year = int(word)
    return year if len(word) == 4 else year + (1900 if year >= 69 else 2000)
