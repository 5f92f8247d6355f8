"""Pages in a real browser: how tests open them, read their numbers and move through them."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr

try:
    from playwright import sync_api
except ImportError:
    sync_api = None

ROOT = Path(__file__).parent.parent.parent
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
NEEDS_CHROMIUM = pytest.mark.skipif(
    not CHROMIUM or sync_api is None, reason="skipped: no Chromium, or no playwright, is installed"
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = Path(os.environ.get("CHAINRULE_AXE", ROOT / "node_modules" / "axe-core" / "axe.min.js"))
SHOTS = os.environ.get("CHAINRULE_SCREENSHOTS")

Open = Callable[..., Any]


def trained(**settings: Any) -> tuple[cr.Network, np.ndarray, np.ndarray, cr.History]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    net = cr.Network([2, 3, 2, 1], hidden="tanh", output="sigmoid", seed=3, **settings)
    history = net.fit(
        X,
        y,
        epochs=30,
        learning_rate=0.05,
        tolerance=None,
        record="explain",
        progress=False,
    )
    return net, X, y, history


def value_of(tab: Any, selector: str) -> float:
    return float(tab.locator(f"{selector} data").first.get_attribute("value"))


def matrix_of(tab: Any, selector: str = "#step-numbers") -> dict[tuple[int, int], float]:
    """The entries of a matrix that is shown as one: (i, j) -> its number, with all digits."""
    entries = tab.evaluate(
        "s => [...document.querySelectorAll(s + ' [data-at]')].map(d => [d.dataset.at, d.value])",
        selector,
    )
    return {tuple(map(int, at.split(","))): float(value) for at, value in entries}


def table_of(tab: Any, selector: str = "#step-numbers") -> dict[str, list[float]]:
    """The rows of a table: name -> its numbers, with all digits."""
    rows = tab.evaluate(
        "s => [...document.querySelectorAll(s + ' tbody tr')].map(r => "
        "[r.querySelector('th').innerText, ...[...r.querySelectorAll('data')].map(d => d.value)])",
        selector,
    )
    return {name: [float(v) for v in values] for name, *values in rows}


def go_to(tab: Any, title: str) -> None:
    there = tab.evaluate(
        """title => {
            document.getElementById("tab-read").click();
            const [first, next] = ["first", "next"].map((id) => document.getElementById(id));
            const there = () => document.getElementById("step-title").innerText.startsWith(title);
            const last = document.getElementById("last");
            for (first.click(); !there() && !last.disabled; ) next.click();
            return there();
        }""",
        title,
    )
    assert there, f"no step {title}"


def pick(tab: Any, quantity: str, layer: int, unit: int, source: int | None = None) -> None:
    tab.click("#tab-debug")
    tab.select_option("#pick-quantity", quantity)
    tab.select_option("#pick-layer", str(layer))
    tab.select_option("#pick-unit", str(unit))
    if source is not None:
        tab.select_option("#pick-input", str(source))


def serious(tab: Any) -> list[Any]:
    """What axe-core finds seriously wrong for people who cannot see, point or tell colours."""
    # The page's own rule forbids foreign scripts; the debugger may bring one.
    tab.evaluate(AXE.read_text(encoding="utf-8"))
    result = tab.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        (v["id"], [n["html"][:120] for n in v["nodes"]][:3])
        for v in result["violations"]
        if v["impact"] in ("serious", "critical")
    ]


def shot(tab: Any, name: str) -> None:
    """Keep what the page looks like, where CHAINRULE_SCREENSHOTS names a folder for it."""
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        tab.screenshot(path=Path(SHOTS) / f"explain-{name}.png")
