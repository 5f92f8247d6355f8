"""The pictures of the docs: the illustration of a network, and the page, from a shipped table.

Writes docs/images/passes.svg and units.svg, and with playwright, Pillow and Chromium page*.png.

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


# A picture's name, the state of the page as its address has it, and the size of the screen.
SCREENS = (
    ("page", "step=11&level=layers", (1366, 768)),
    ("page_hold", "step=15&level=units&mode=play&pick=db.1.2", (1366, 768)),
    ("page_debug", "step=19&level=units&mode=debug&fault=slope.2&pick=dW.1.0.1", (1366, 768)),
    ("page_phone", "step=9&level=layers", (390, 844)),
)


def screenshots(page: Path) -> None:
    """Open the page in Chromium at several states, and keep what is seen in few colours."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("no Chromium is installed: the pictures of the page are left as they are")
        return
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        for name, state, (width, height) in SCREENS:
            size = {"width": width, "height": height}
            tab = browser.new_page(viewport=size, reduced_motion="reduce")
            tab.goto(f"{page.as_uri()}#{state}")
            tab.wait_for_selector("#mean-cost data")
            if "hold" in name:
                for _ in range(20):
                    tab.click("#held-more")
            tab.screenshot(path=IMAGES / f"{name}.png")
            tab.close()
            with Image.open(IMAGES / f"{name}.png") as picture:
                picture.convert("RGB").quantize(128).save(IMAGES / f"{name}.png", optimize=True)
        browser.close()


def main() -> None:
    """Make all pictures."""
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
            screenshots(Path(folder) / "page.html")
    except ImportError as missing:
        print(f"{missing.name} is not installed: the pictures of the page are left as they are")


if __name__ == "__main__":
    main()
