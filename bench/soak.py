"""A soak: fit, predict, save and load again and again, in threads and in forked workers.

    python bench/soak.py [--minutes 30] [--threads 2]

Three kinds of work take turns: a small network with checkpoints, a larger one whose steps are
shared by two threads of the native engine, and a scikit-learn estimator. Every result must be the
bits of the first. Memory and open files are sampled all the time: the middle of the last tenth's
samples must be where that of the second tenth's was; a forked worker that works several times
must not grow either. Ends with a line of JSON, and exits with 1 if a promise was broken.

Workers are forked while threads work, which OpenBLAS with several threads does not bear: a product
of matrices under way in another thread holds its level3_lock in the fork for ever. So it gets one.
"""

import argparse
import faulthandler
import gc
import json
import os
import sys
import tempfile
import threading
import time
import warnings
from array import array
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is loaded

import numpy as np

import chainrule as cr

LEAST = 8  # MB of growth that the allocators may show
TIMES = 5  # rounds of a forked worker
SECONDS = 240  # a piece of work in a fork that takes longer hangs: it says where, and ends
HUNG, WRONG_BITS, GREW, LEFT_OPEN, RAISED = 1, 2, 3, 4, 5
SAYS = {
    HUNG: f"hung for {SECONDS} s",
    WRONG_BITS: "found other bits",
    GREW: "grew",
    LEFT_OPEN: "left files open",
    RAISED: "raised an exception",
}

rng = np.random.default_rng(0)
X = rng.normal(size=(600, 6))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def small(folder: Path, name: str) -> bytes:
    """A network with dropout, checkpointed, resumed when it is done, saved and loaded."""
    run, path = folder / f"run-{name}", folder / f"model-{name}"
    for resume in (False, True):
        net = cr.Network([6, 24, 1], output="sigmoid", seed=4, dropout=0.1)
        settings = {"epochs": 3, "tolerance": None, "progress": False, "checkpoint": run}
        net.fit(X[:300], Y[:300], resume=resume, **settings)
    for one in run.iterdir():
        one.unlink()
    net.save(path)
    return bytes(cr.load(path).predict(X).tobytes())


def shared(folder: Path, name: str) -> bytes:
    """A network whose steps two threads of the native engine share."""
    net = cr.Network([6, 96, 96, 1], output="sigmoid", seed=4)
    net.fit(X, Y, epochs=3, batch_size=300, tolerance=None, progress=False, threads=2)
    path = folder / f"shared-{name}"
    net.save(path)
    return bytes(cr.load(path).predict(X).tobytes())


def estimator(folder: Path, name: str) -> bytes:
    """A scikit-learn classifier: standardises, holds out, stops by itself, saves and loads."""
    from chainrule.estimators import BackpropClassifier, load

    path = folder / f"estimator-{name}"
    BackpropClassifier(max_iter=5, random_state=1).fit(X, Y).save(path)
    return bytes(load(path).predict_proba(X).tobytes())


def kinds() -> list[Callable[[Path, str], bytes]]:
    """Return the kinds of work; the estimator only where scikit-learn is."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        return [small, shared]
    return [small, shared, estimator]


def standing() -> tuple[float, int]:
    """Return the memory of this process in MB, and how many files it has open."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(list(Path("/proc/self/fd").iterdir()))


def work_in_fork(folder: Path, expected: dict[Any, bytes]) -> int:
    """Work several times; return an exit code that says what was wrong."""
    first = None
    for _ in range(TIMES):
        for one, found in expected.items():
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            if one(folder, f"fork-{os.getpid()}") != found:
                return WRONG_BITS
        gc.collect()
        first = first or standing()
    last = standing()
    if last[0] - (first or last)[0] > LEAST:
        return GREW
    return LEFT_OPEN if last[1] > (first or last)[1] else 0


def forked(folder: Path, expected: dict[Any, bytes]) -> str | None:
    """Do all kinds of work in a forked worker; say what went wrong there, or None."""
    child = os.fork()
    if child == 0:
        code = RAISED
        try:
            code = work_in_fork(folder, expected)
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    for path in folder.glob(f"*fork-{child}"):
        path.rmdir() if path.is_dir() else path.unlink()
    code = os.waitstatus_to_exitcode(status)
    return None if code == 0 else f"a forked worker {SAYS.get(code, f'ended with {code}')}"


class Samples:
    """Memory and open files in each tenth of the time, in arrays: a list would be what grows."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.memory = [array("d") for _ in range(10)]
        self.files = [array("q") for _ in range(10)]

    def add(self, at: float, memory: float, files: int) -> None:
        tenth = min(int(10 * at / self.seconds), 9)
        self.memory[tenth].append(memory)
        self.files[tenth].append(files)

    def judged(self, wrong: list[str]) -> dict[str, Any]:
        """Compare the last tenth's samples with the second's; add to ``wrong`` what grew."""
        memory = [round(median(tenth), 1) for tenth in self.memory if tenth]
        files = [min(tenth) for tenth in self.files if tenth]
        if len(memory) < 3:
            wrong.append("too short a time to judge by")
        elif memory[-1] - memory[1] > LEAST:
            wrong.append(f"memory grew by {memory[-1] - memory[1]:.1f} MB")
        # Working threads have files open now and then; the fewest seen is what none of them holds.
        if files and files[-1] > files[0]:
            wrong.append(f"{files[-1] - files[0]} files were left open")
        return {"memory_mb": memory, "files": files}


def soak(seconds: float, threads: int) -> dict[str, Any]:
    """Repeat for so many seconds; return counts, growth of memory and of open files."""
    wrong: list[str] = []
    counts = {"rounds": 0, "forks": 0}
    samples = Samples(seconds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        expected = {one: one(folder, "first") for one in kinds()}
        began = time.monotonic()

        def work(number: int) -> None:
            while time.monotonic() - began < seconds and not wrong:
                for one, found in expected.items():
                    try:
                        if one(folder, str(number)) != found:
                            wrong.append(f"{one.__name__} in thread {number} found other bits")
                    except Exception as error:
                        wrong.append(f"{one.__name__} in thread {number}: {error!r}")
                counts["rounds"] += 1
                samples.add(time.monotonic() - began, *standing())

        workers = [threading.Thread(target=work, args=(n,)) for n in range(1, threads + 1)]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            fault = forked(folder, expected)
            wrong += [] if fault is None else [fault]
            counts["forks"] += 1
    return {**counts, **samples.judged(wrong), "wrong": wrong}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # Python's own about forks of a process with threads
    found = soak(60 * given.minutes, given.threads)
    print(json.dumps(found))
    sys.exit(1 if found["wrong"] else 0)


if __name__ == "__main__":
    main()
