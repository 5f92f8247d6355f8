"""Time and size of the pages: from a trained network to a written file, and to its first paint.

A network 30-64-32-1 with 100 samples and 50 recorded epochs, and 784-128-10 with 100 and 20. Each
page is made in a new process, whose imports are counted; the median of several is given.
Where playwright and Chromium are installed, the page is opened from disk and its first paint read.

    python bench/explain.py [--rounds 7]
"""

import argparse
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

CASES = {
    "30-64-32-1": ([30, 64, 32, 1], "sigmoid", 50, 1.0, 1_000_000),
    "784-128-10": ([784, 128, 10], "softmax", 20, 3.0, 5_000_000),
}
PROGRAM = """
import sys, time, json
import numpy as np
import chainrule as cr
sizes, output, epochs, path = json.loads(sys.argv[1])
rng = np.random.default_rng(0)
X = rng.normal(size=(100, sizes[0]))
y = rng.integers(2, size=100) if sizes[-1] == 1 else rng.integers(sizes[-1], size=100)
net = cr.Network(sizes, hidden="relu", output=output, seed=0)
history = net.fit(X, y, epochs=epochs, tolerance=None, record="explain", progress=False)
start = time.perf_counter()
page = cr.explain(net, X, y, history=history)
page.save(path)
print(json.dumps([time.perf_counter() - start, len(page.html.encode())]))
"""


def made(sizes: list[int], output: str, epochs: int, path: Path) -> tuple[float, int]:
    """Make a page in a new process; return its seconds and bytes."""
    arguments = json.dumps([sizes, output, epochs, str(path)])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, arguments], capture_output=True, text=True, check=True
    )
    seconds, size = json.loads(done.stdout)
    return seconds, size


def first_paint(path: Path, rounds: int) -> float | None:
    """Return the median of the milliseconds to first contentful paint; None without a browser."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        return None
    ask = (
        "() => performance.getEntriesByType('paint')"
        ".find(e => e.name === 'first-contentful-paint')?.startTime ?? NaN"
    )
    found = []
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        for _ in range(rounds):
            tab = browser.new_page()
            tab.goto(path.as_uri())
            tab.wait_for_selector("body[data-ready=true]")
            found.append(tab.evaluate(ask))
            tab.close()
        browser.close()
    return statistics.median(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        for name, (sizes, output, epochs, most_seconds, most_bytes) in CASES.items():
            path = Path(folder) / f"{name}.html"
            runs = [made(sizes, output, epochs, path) for _ in range(rounds)]
            seconds, size = statistics.median(run[0] for run in runs), runs[0][1]
            paint = first_paint(path, rounds)
            said = "no browser" if paint is None else f"first paint {paint:.0f} ms (limit 1000)"
            print(
                f"{name}: {seconds:.3f} s (limit {most_seconds:g}), {size / 1e6:.2f} MB "
                f"(limit {most_bytes / 1e6:g}), {said}"
            )


if __name__ == "__main__":
    main()
