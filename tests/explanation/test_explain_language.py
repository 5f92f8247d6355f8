"""The page in another language: every word of it is in the table, and shown."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles.pages import NEEDS_CHROMIUM, Open

import chainrule as cr
from chainrule import explanation
from chainrule.drawing.picture import MEANINGS, entries
from chainrule.explanation import notes_page
from chainrule.explanation.assets import asset, words
from chainrule.explanation.page import SCRIPTS
from chainrule.explanation.pagedata import FAULTS
from chainrule.explanation.table_page import MEMBER_TITLE, TITLE

pytest.importorskip("jinja2")
PLACEHOLDER = re.compile(r"\{\w+\}")


def tagged(script: str) -> list[str]:
    """The keys of t`…` in a script: what stands in the braces is {0}, {1} and so on."""
    keys = []
    for start in re.finditer(r"(?<![\w.])t`", script):
        key, at, count = "", start.end(), 0
        while script[at] != "`":
            if script[at : at + 2] == "${":
                key += f"{{{count}}}"
                at, count = past_braces(script, at + 2), count + 1
            else:
                key += script[at]
                at += 1
        keys.append(key)
    return keys


def past_braces(script: str, at: int) -> int:
    """The place behind the brace that ends a ${…}, with templates and braces in it."""
    depth, inside = 1, 0
    while depth:
        if script[at] == "`":
            inside ^= 1
        depth += {"{": 1, "}": -1}.get(script[at], 0)
        at += 1
    return at


def used() -> set[str]:
    keys = {key for name in SCRIPTS for key in tagged(asset(name))}
    html = asset("page.html")
    keys |= {
        single or double for single, double in re.findall(r"_\((?:'([^']+)'|\"([^\"]+)\")\)", html)
    }
    keys |= {entry.meaning for entry in entries(tuple(MEANINGS), weights=True)}
    keys |= {words for fault in FAULTS.values() for words in fault.values()}
    keys |= {TITLE, MEMBER_TITLE}
    return {key for key in keys if re.search("[A-Za-z]{2}", key)}


def test_every_tagged_word_of_the_page_is_in_the_table() -> None:
    table = words("de")
    assert sorted(used() - set(table)) == []


def test_the_table_has_no_word_that_the_page_has_not() -> None:
    modules = ("page.py", "notes_page.py", "table_page.py")
    sources = [asset(name) for name in SCRIPTS]
    sources += [(Path(explanation.__file__).parent / name).read_text() for name in modules]
    # Words that are passed on: heads of tables, what is counted, sentences written in Python.
    passed_on = "".join(sources) + notes_page().html.replace(">", '"').replace("<", '"')
    rest = set(words("de")) - used()
    assert [key for key in rest if f'"{key.removesuffix("s")}' not in passed_on] == []


def test_translations_keep_every_placeholder() -> None:
    for english, german in words("de").items():
        assert sorted(PLACEHOLDER.findall(english)) == sorted(PLACEHOLDER.findall(german)), english


def test_another_language_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="known: de, en"):
        notes_page(language="du")


@pytest.mark.slow
@NEEDS_CHROMIUM
def test_no_english_sentence_is_left_on_a_german_page(show: Open) -> None:
    X = np.random.default_rng(0).normal(size=(12, 2))
    net = cr.Network([2, 3, 1], hidden="tanh", output="sigmoid", seed=0)
    tab = show(cr.explain(net, X, np.arange(12) % 2, language="de"))
    assert tab.evaluate("document.documentElement.lang") == "de"
    seen = visited(tab)
    english = re.findall(r"\b(?:the|and|of|with|where|this|is|by|to|from|for)\b[^\n]*", seen)
    assert english == []
    assert "Rückwärts, Schicht 2: dz²" in seen


def visited(tab: Any) -> str:
    """Every word in sight, step by step and in each mode, with a fault, an edit and a step."""
    texts = []

    def read() -> None:
        texts.append(tab.evaluate("document.body.innerText"))

    tab.click("#show-units")
    for _ in range(16):
        read()
        tab.click("#next") if tab.is_enabled("#last") else None
    for _ in range(10):
        tab.click("#chapter-next")
        tab.click("#tab-read")
        tab.click("#chapter-words summary")
        read()
    tab.click("#tab-play")
    tab.click("#held-more")
    tab.click("#held-check")
    tab.fill("#rate", "0.1")
    tab.click("#descend")
    read()
    tab.click("#tab-debug")
    tab.select_option("#fault", "sign")
    tab.wait_for_selector("#health-list li.good, #health-list li.warning")
    read()
    tab.click(".info summary")
    tab.wait_for_selector("body[data-engine]")
    read()
    return "\n".join(texts)
