"""Words that look like numbers or dates in another spelling: what to say to the user of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from .date_words import styles_of, undecidable

# How many in 10 of a column's different words must look alike, and how many there must be.
_IN_TEN: Final = 9
_FEWEST: Final = 3

_DATE: Final = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}([ T].*)?")
# A sign, a currency, digits with or without marks of thousands, a unit in one sign.
_NUMBER: Final = re.compile(
    r"[-+(]? ?(?:[$€£¥]|USD|EUR|GBP|CHF)? ?[-+]?"
    r"(?:\d{1,3}(?:[,'’ \u00a0_]\d{3})+|\d+)?(?:[.,]\d+)?"
    r" ?(?:[%$€£¥°)]|USD|EUR|GBP|CHF)?"
)


def meant(words: Sequence[str]) -> str:
    """Return the end of a sentence for words that were meant as numbers or dates, else nothing.

    Bare digits are left alone: who gives them as words (codes, say) means words.

    >>> meant(["$1,200.50", "$310.00", "$2,100.00"])
    "; they look like numbers ('$1,200.50'): make them numbers, in CSV 1234.5"
    >>> meant(["31.12.2024", "1.1.2025", "2.1.2025"])
    "; they look like dates ('31.12.2024'): make them dates, in CSV 2024-12-31"
    >>> meant(["Bern", "Basel", "12"]), meant(["8001", "8002", "8003"])
    ('', '')
    """
    if len(words) < _FEWEST:
        return ""
    if _most(_DATE, words):
        if undecidable(styles_of(words)):
            return (
                f"; they look like dates ({words[0]!r}), of which day and month cannot be told "
                "apart: write them as 2024-12-31"
            )
        return f"; they look like dates ({words[0]!r}): make them dates, in CSV 2024-12-31"
    if _most(_NUMBER, words) and not all(map(_is_number, words)):
        return f"; they look like numbers ({words[0]!r}): make them numbers, in CSV 1234.5"
    return ""


def _most(pattern: re.Pattern[str], words: Sequence[str]) -> bool:
    """Say whether most match; a column of a million names is known by its first tenth."""
    others = 0
    for word in words:
        alike = any(map(str.isdigit, word)) and pattern.fullmatch(word.strip())
        others += not alike
        if 10 * others > (10 - _IN_TEN) * len(words):
            return False
    return True


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
