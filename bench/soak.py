"""A soak: fit, predict, save and load again and again, in threads and in forked workers.

    python bench/soak.py [--minutes 30] [--threads 2]

Every result must be the bits of the first; memory and open files must stay where they were after
the first tenth. Ends with a line of JSON, and exits with 1 if a promise was broken.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr

LEAST = 8  # MB of growth that the allocators may show
WARM = 0.1  # share of the time in which memory may still grow


def once(folder: Path, number: int) -> bytes:
    """Fit, checkpoint, save, load and predict; return the bits of the predictions."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    net = cr.Network([6, 24, 1], output="sigmoid", seed=4, dropout=0.1)
    net.fit(X, y, epochs=3, tolerance=None, progress=False, checkpoint=folder / f"run-{number}")
    for path in (folder / f"run-{number}").iterdir():
        path.unlink()
    path = folder / f"model-{number}"
    net.save(path)
    found: bytes = cr.load(path).predict(X).tobytes()
    return found


def resident() -> float:
    """Return the memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def forked(folder: Path, number: int, expected: bytes) -> bool:
    """Do it in a forked worker; tell whether it found the same."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if once(folder, number) == expected else 2
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def soak(seconds: float, threads: int) -> dict[str, Any]:
    """Repeat for so many seconds; return counts, growth of memory and of open files."""
    wrong: list[str] = []
    counts = {"threads": 0, "forks": 0}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        expected = once(folder, 0)
        began = time.monotonic()

        def work(number: int) -> None:
            while time.monotonic() - began < seconds and not wrong:
                try:
                    if once(folder, number) != expected:
                        wrong.append(f"thread {number} found other bits")
                except Exception as error:
                    wrong.append(f"thread {number}: {error!r}")
                counts["threads"] += 1

        workers = [threading.Thread(target=work, args=(n,)) for n in range(1, threads + 1)]
        for worker in workers:
            worker.start()
        first = None
        while any(worker.is_alive() for worker in workers):
            if not forked(folder, 99, expected):
                wrong.append("a forked worker failed or found other bits")
            counts["forks"] += 1
            if first is None and time.monotonic() - began > WARM * seconds:
                first = resident(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        for worker in workers:
            worker.join()
        last = resident(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    growth = last[0] - (first or last)[0]
    # While threads work, files are open; when they are done there can only be fewer.
    files = last[1] - (first or last)[1]
    if growth > LEAST:
        wrong.append(f"memory grew by {growth:.1f} MB")
    if files > 0:
        wrong.append(f"{files} files were left open")
    return {**counts, "growth_mb": round(growth, 2), "files": files, "wrong": wrong}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    found = soak(60 * given.minutes, given.threads)
    print(json.dumps(found))
    sys.exit(1 if found["wrong"] else 0)


if __name__ == "__main__":
    main()
