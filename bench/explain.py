"""Time and size of the pages: from a network to a written file, to first paint, and played on.

A network 30-64-32-1 with 100 samples and 50 recorded epochs, and 784-128-10 with 100 and 20. Each
page is made in a new process, whose imports are counted; the median of several is given.
Where playwright and Chromium are installed, the page is opened from disk, its first paint read, and
measured: a frame while training on 32 rows a step, by the compiled kernels and by the page's
script, and an edit of a weight until all numbers stand.

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


PLAYED = """async () => {
    const click = (id) => document.getElementById(id).click();
    const median = (times) => times.sort((p, q) => p - q)[times.length >> 1];
    document.getElementById("batch").value = "32";
    click("show-units");
    click("last");
    click("tab-play");
    const edits = Array.from({ length: 15 }, () => {
        const start = performance.now();
        click("held-more");
        return performance.now() - start;
    });
    const frames = [];
    click("train");
    let last = performance.now();
    for (let k = 0; k < 60; k++) {
        await new Promise(requestAnimationFrame);
        frames.push(performance.now() - last);
        last = performance.now();
    }
    click("train");
    return [median(frames), median(edits)];
}"""


def written(sizes: list[int], output: str, epochs: int, path: Path) -> tuple[float, int]:
    """Make a page in a new process; return its seconds and bytes."""
    arguments = json.dumps([sizes, output, epochs, str(path)])
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, arguments], capture_output=True, text=True, check=True
    )
    seconds, size = json.loads(finished.stdout)
    return seconds, size


def in_browser(path: Path, rounds: int, engine: str) -> tuple[float, float, float] | None:
    """Return milliseconds to first paint, of a frame of training and of an edit; medians.

    ``engine``: what trains, ``"kernels"`` or ``"script"``. None without a browser.
    """
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
    paints, frames, edits = [], [], []
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        for _ in range(rounds):
            tab = browser.new_page()
            if engine == "script":
                tab.add_init_script("delete WebAssembly")
            tab.goto(path.as_uri())
            tab.wait_for_selector(f"body[data-engine={engine}]")
            paints.append(tab.evaluate(ask))
            frame, edit = tab.evaluate(PLAYED)
            frames.append(frame)
            edits.append(edit)
            tab.close()
        browser.close()
    return statistics.median(paints), statistics.median(frames), statistics.median(edits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        for name, (sizes, output, epochs, most_seconds, most_bytes) in CASES.items():
            path = Path(folder) / f"{name}.html"
            runs = [written(sizes, output, epochs, path) for _ in range(rounds)]
            seconds, size = statistics.median(run[0] for run in runs), runs[0][1]
            played = in_browser(path, rounds, "kernels")
            by_script = in_browser(path, rounds, "script")
            words = "no browser"
            if played is not None and by_script is not None:
                words = "first paint {:.0f} ms, a frame {:.1f} ms, an edit {:.1f} ms".format(
                    *played
                )
                words += f", a frame without WebAssembly {by_script[1]:.1f} ms"
            print(
                f"{name}: {seconds:.3f} s (limit {most_seconds:g}), {size / 1e6:.2f} MB "
                f"(limit {most_bytes / 1e6:g}), {words}"
            )


if __name__ == "__main__":
    main()
