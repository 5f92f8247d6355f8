"""The pictures of README: the illustration of a network, and the page, from a shipped table.

Writes docs/images/passes.svg and docs/images/units.svg, and with playwright and Chromium
docs/images/page.png.

    python examples/illustrations.py
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule.explanation import Names
from chainrule.tables.columns import columns
from chainrule.tables.encoder import Encoder
from chainrule.tables.reading import read_table
from chainrule.tables.target import read_target

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
COLUMNS = ["mean_radius", "mean_texture", "mean_smoothness", "mean_concavity"]


def trained() -> tuple[cr.Network, np.ndarray, np.ndarray, list[str]]:
    """Train 4-5-3-1 on four columns of the breast cancer table."""
    table = columns(read_table(ROOT / "data" / "breast_cancer.csv"))
    target = read_target(table["diagnosis"])
    encoder = Encoder.fit(table.without([name for name in table if name not in COLUMNS]))
    X = encoder.transform(table)
    net = cr.Network([X.shape[1], 5, 3, 1], hidden="tanh", output="sigmoid", seed=0)
    net.fit(
        X,
        target.values,
        epochs=40,
        learning_rate=0.01,
        tolerance=None,
        record="explain",
        progress=False,
    )
    return net, X, target.values, encoder.feature_names


def screenshot(page: Path, picture: Path) -> None:
    """Open the page in Chromium, go to a step of the way back, and keep what is seen."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("no Chromium is installed: docs/images/page.png is left as it is")
        return
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        tab = browser.new_page(viewport={"width": 1280, "height": 1240}, reduced_motion="reduce")
        tab.goto(page.as_uri())
        tab.wait_for_selector("#mean-cost data")
        tab.locator("#layers-picture [data-key='da-2']").click()
        tab.click("#next")
        tab.evaluate("window.scrollTo(0, 0)")
        tab.screenshot(path=picture)
        browser.close()


def main() -> None:
    """Make all three."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    net, X, y, names = trained()
    row = int(np.argmin(np.abs(net.predict(X)[:, 0] - 0.7)))
    cr.illustrate(net).save(IMAGES / "passes.svg")
    shown = Names(tuple(names), ("malignant",))
    cr.illustrate(net, X, y, level="units", row=row, names=shown).save(IMAGES / "units.svg")
    page = cr.explain(
        net,
        X,
        y,
        inputs=names,
        outputs=["malignant"],
        row=row,
        title="How the diagnosis is predicted, and learnt",
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            page.save(Path(folder) / "page.html")
            screenshot(Path(folder) / "page.html", IMAGES / "page.png")
    except ImportError:
        print("playwright is not installed: docs/images/page.png is left as it is")


if __name__ == "__main__":
    main()
