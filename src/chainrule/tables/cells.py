"""What the cells of a CSV file mean: a column of words read as numbers, dates, times or words.

A column is read as numbers or dates where nearly all of its words are; the few others are gaps, and
a line names them with their rows. Everything is decided for each column by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from . import date_words, number_words

# Words for "no value" that are gaps in a column of numbers or dates, and words elsewhere.
_GAP_WORDS: Final = (
    "-|--|---|.|..|*|n/k|n.k.|n.a.|n.a|n/d|n.d.|nd|nv|k.a.|unknown|missing|unspecified|none|nil|"
    "tbd|tba|blank|empty|error|#div/0!|#value!|#ref!|#name?|#num!|#n/a|#null!|#error!|(blank)|"
    "(empty)|(null)|(none)|not available|not applicable|not known|no data|keine angabe"
)
GAPS: Final = frozenset(_GAP_WORDS.split("|"))
# Other words in a column of numbers are gaps where they are in at most this share of its rows ...
MOST_STRAYS: Final = 0.1
# ... and are at most this many different ones.
MOST_STRAY_WORDS: Final = 10
# Fewer different whole numbers than this beside other words look like names of classes.
FEWEST_NUMBERS: Final = 10
# Of fewer different numbers of eight digits it is not clear that they are dates.
FEWEST_DAYS: Final = 3
# What a column is not, this many of its different words show.
SAMPLE: Final = 500


@dataclass(frozen=True, slots=True)
class Reading:
    """What the words of a column are read as.

    ``values``: the number, ``datetime`` or word that each word means, None for a gap. ``kind``:
    number, date or text. ``style``: what a model file keeps of how it is written. ``what``: what
    the column holds, in words. ``strays``: words that are no such thing, and so gaps. ``notes``:
    messages for the user.
    """

    kind: str
    values: Mapping[str, Any]
    style: str = ""
    what: str = "words"
    strays: Sequence[str] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of a column before it is read.

    ``kind``: number, date or text where the user or the model says so, else "". ``style``: in which
    it was written where the model was trained. ``comma``: whether the file has decimal commas.
    """

    kind: str = ""
    style: str = ""
    comma: bool = False


NO_HINTS: Final = Hints()


def read_cells(name: str, counts: Mapping[str, int], hints: Hints = NO_HINTS) -> Reading:
    """Read a column from the number of rows of each of its different words; see the module."""
    stripped = {word: word.strip() for word in counts}
    totals: Counter[str] = Counter()
    for word, bare in stripped.items():
        if bare:
            totals[bare] += counts[word]
    reading = _as_words(name, totals, hints)
    if hints.kind != "text" and totals:
        for read in _WAYS.get(hints.kind, (_as_numbers, _as_dates, _as_times)):
            reading = read(name, totals, hints) or reading
            if reading.kind != "text":
                break
    notes = [*reading.notes, *_mostly_numbers(name, totals, hints, reading)]
    padded = sum(counts[word] for word, bare in stripped.items() if bare != word)
    if padded and reading.kind == "text":
        rows = f"{padded} rows" if padded > 1 else "one row"
        notes.append(f"column {name!r}: blanks around the words of {rows} are left out")
    values = {word: reading.values.get(bare) for word, bare in stripped.items()}
    strays = [word for word, bare in stripped.items() if bare in reading.strays]
    return Reading(reading.kind, values, reading.style, reading.what, strays, notes)


def _as_words(name: str, counts: Counter[str], hints: Hints) -> Reading:
    """Read words as they are, and say where they look like numbers or dates."""
    words, notes = list(counts), []
    if hints.kind != "text" and _are_codes(words):
        notes.append(
            f"column {name!r} has leading zeros: read as words (--number {quoted(name)} for "
            "numbers)"
        )
    return Reading("text", dict(zip(words, words, strict=True)), notes=notes)


def _are_codes(words: Sequence[str]) -> bool:
    return all(map(str.isdigit, words)) and any(map(number_words.is_code, words))


def _as_numbers(name: str, counts: Counter[str], hints: Hints) -> Reading | None:
    words = list(counts)
    if not hints.kind and (any(map(number_words.is_code, words)) or _are_days(words)):
        return None
    prefer = number_words.COMMA if hints.comma else number_words.POINT
    known = number_words.style_named(hints.style)
    style = known or number_words.style_of(words[:SAMPLE], prefer)
    if not _likely(style.value, words):
        return None
    values = {word: style.value(word) for word in words}
    numbers = [word for word in words if values[word] is not None]
    if len({number_words.sign_of(word) for word in numbers} - {""}) > 1:
        return None
    if not _nearly_all(values, counts, hints, _class_names(numbers)):
        return None
    notes = [f"column {name!r}: {style.unit!r} after its numbers is left out"] if style.unit else []
    return Reading("number", values, style.name, "numbers", _without(values), notes)


def _mostly_numbers(
    name: str, counts: Counter[str], hints: Hints, reading: Reading
) -> Sequence[str]:
    """Say where most rows hold numbers, and too many others words for these to be gaps."""
    words = list(counts)
    if reading.kind != "text" or hints.kind or any(map(number_words.is_code, words[:SAMPLE])):
        return ()
    style = number_words.style_of(words[:SAMPLE])
    if not _likely(style.value, words):
        return ()
    others = [word for word in words if style.value(word) is None]
    rows = counts.total() - sum(counts[word] for word in others)
    if 2 * rows < counts.total() or len(words) - len(others) < FEWEST_NUMBERS:
        return ()
    listed = ", ".join(map(shown, others[:3])) + ", ..." * (len(others) > 3)
    return [
        f"column {name!r} is read as words: {rows} of {counts.total()} rows hold numbers, but not "
        f"{listed}"
    ]


def _likely(value: Callable[[str], Any], words: Sequence[str]) -> bool:
    """Say whether any of the first words has a value, and of many at least half."""
    sample = words[:SAMPLE]
    hits = sum(value(word) is not None for word in sample)
    return hits > 0 and (len(sample) < SAMPLE or 2 * hits >= len(sample))


def _are_days(words: Sequence[str]) -> bool:
    """Say whether numbers of eight digits are dates, as 20241231."""
    style = date_words.STYLES["20241231"]
    return len(words) >= FEWEST_DAYS and all(style.value(word) is not None for word in words)


def _without(values: Mapping[str, Any]) -> list[str]:
    """Return the words that have no value."""
    return [word for word, value in values.items() if value is None]


def _class_names(numbers: Sequence[str]) -> bool:
    """Say whether numbers are few and whole, so that words beside them are classes as they are."""
    return len(numbers) < FEWEST_NUMBERS and all(word.lstrip("-+").isdigit() for word in numbers)


def _nearly_all(
    values: Mapping[str, Any], counts: Counter[str], hints: Hints, class_names: bool = False
) -> bool:
    """Say whether so few words have no value that they are gaps."""
    m, strays = counts.total(), _without(values)
    rows = sum(counts[word] for word in strays)
    others = [word for word in strays if word.casefold() not in GAPS]
    if rows == m or (class_names and others and not hints.kind):
        return False
    if hints.kind and not others:
        return True
    few = sum(counts[word] for word in others) <= MOST_STRAYS * m
    return few and len(others) <= MOST_STRAY_WORDS and rows <= m / 2


def shown(word: str, most: int = 40) -> str:
    """Return a word in quotes for a message, cut where it is long, without control characters.

    >>> shown("a\\x1b[31m"), shown("x" * 50)[-6:]
    ("'a\\\\x1b[31m'", "xx'...")
    """
    cut = repr(word[:most])
    return cut + "..." if len(word) > most else cut


def quoted(name: str) -> str:
    """Return a column's name as a shell wants it."""
    return f"'{name}'" if " " in name else name


def _as_dates(name: str, counts: Counter[str], hints: Hints) -> Reading | None:
    words = list(counts)
    chosen = date_words.STYLES.get(hints.style)
    styles = date_words.styles_of(words[:SAMPLE]) if chosen is None else [chosen]
    if len(words) > SAMPLE and date_words.undecidable(styles):
        styles = date_words.styles_of(words)
    if not styles or not _likely(styles[0].value, words) or date_words.undecidable(styles):
        return None
    values = {word: styles[0].value(word) for word in words}
    second = date_words.styles_of(_without(values)[:SAMPLE])
    if second and not date_words.undecidable(second):
        values = {word: day or second[0].value(word) for word, day in values.items()}
    if not _nearly_all(values, counts, hints):
        return None
    return Reading("date", values, styles[0].name, "dates", _without(values))


def _as_times(name: str, counts: Counter[str], hints: Hints) -> Reading | None:
    if not _likely(date_words.hours_of, list(counts)):
        return None
    values = {word: date_words.hours_of(word) for word in counts}
    if not _nearly_all(values, counts, hints):
        return None
    note = f"column {name!r} holds times: read as hours"
    return Reading("number", values, "", "times", _without(values), [note])


# How a column is read where it is known what it holds.
_WAYS: Final[Mapping[str, Sequence[Callable[..., Reading | None]]]] = {
    "number": (_as_numbers, _as_times),
    "date": (_as_dates,),
}
