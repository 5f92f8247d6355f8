"""A browser for the tests of pages, and a trained network to open one of."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles.pages import CHROMIUM, FLAGS, Open, sync_api, trained

import chainrule as cr


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=FLAGS, ignore_default_args=["--hide-scrollbars"]
        )
        yield started
        started.close()


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Open a page from disk; afterwards nothing may have been said, failed or asked for."""
    heard: list[str] = []
    contexts = []
    number = itertools.count()

    def opened(
        page: Any, ready: str = "body[data-ready=true]", before: str = "", **settings: Any
    ) -> Any:
        path = tmp_path / f"page{next(number)}.html"
        page.save(path)
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | settings)
        contexts.append(context)
        context.set_default_timeout(8000)
        context.add_init_script(before)
        tab = context.new_page()
        tab.on("console", lambda message: heard.append(f"console: {message.text}"))
        tab.on("pageerror", lambda error: heard.append(f"error: {error}"))
        tab.on("request", lambda request: heard.append(request.url))
        tab.goto(path.as_uri())
        tab.wait_for_selector(ready)
        assert heard.pop(0) == path.as_uri()
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert heard == []


@pytest.fixture(scope="module")
def case() -> tuple[cr.Network, np.ndarray, np.ndarray, cr.History]:
    return trained()
