"""Forks again and again while threads train, predict and check gradients; each child does the same.

    python tests/native/forking.py [forks] [threads]

Every other child trains on the problem that a thread of its parent was training on just then, from
two threads at once. All let go of it while they train on one of their own, do the rest, and end as
any interpreter does. One that takes longer than a minute says where it is, each minute, and is
waited for, since a busy machine is no fault. Exits with 1 where a child did anything but end well
with the bits of the first time.
"""

import faulthandler
import gc
import os
import sys
import threading
import warnings
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # see bench/soak.py

import numpy as np
from native_problems import problem, trained

import chainrule as cr
from chainrule.engines import native
from chainrule.engines.protocol import Problem

SECONDS = 60
warnings.simplefilter("ignore")  # Python's own about forks of a process with threads

rng = np.random.default_rng(0)
X = rng.normal(size=(600, 6))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
MANY = rng.normal(size=(20_000, 6))  # rows that helpers are called for
NET = cr.Network([6, 96, 96, 1], output="sigmoid", seed=4)
PREDICTOR = NET.predictor(threads=3)


def large() -> Problem:
    return problem([10, 64, 64, 3], "gelu", m=2000, threads=2)


shared = [large()]


def train(one: Problem | None = None) -> bytes:
    """Train on the problem that all threads share, one run after the other, or on another."""
    return bytes(trained(native, one or shared[0], 1000, 6)[2].tobytes())


def fit() -> bytes:
    net = cr.Network([6, 96, 96, 1], output="sigmoid", seed=4)
    net.fit(X, Y, epochs=2, batch_size=300, tolerance=None, progress=False, threads=2)
    return bytes(net.theta.tobytes())


def predict() -> bytes:
    return bytes(PREDICTOR(MANY).tobytes())


def check() -> bytes:
    report = cr.check_gradients(NET, X[:40], Y[:40])
    return str((report.verdict, report.ok)).encode()


KINDS = [train, fit, predict, check]


def in_child(expected: dict[Any, bytes], inherit: bool) -> None:
    """Do everything once, and end as any interpreter does."""
    faulthandler.dump_traceback_later(SECONDS, repeat=True)
    found: list[bytes] = []
    if inherit:
        other = threading.Thread(target=lambda: found.append(train()))
        other.start()
        found.append(train())
        other.join()
    own = large()
    found.append(train(own))
    shared.clear()  # the parent's threads may share their names with those of `own`
    gc.collect()
    found.append(train(own))
    del own
    wrong = [] if set(found) == {expected[train]} else ["train"]
    wrong += [one.__name__ for one in KINDS[1:] if one() != expected[one]]
    sys.exit(f"a fork found other bits: {wrong}" if wrong else 0)


def main(forks: int, threads: int) -> str | None:
    expected = {one: one() for one in KINDS}
    wrong: list[str] = []
    over = threading.Event()

    def work(first: int) -> None:
        turn = first
        while not over.is_set():
            one = KINDS[turn % len(KINDS)]
            if one() != expected[one]:
                wrong.append(f"a thread found other bits: {one.__name__}")
            turn += 1

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for number in range(forks):  # no watchdog here: a fork's own would wait for it (Python 3.11)
        child = os.fork()
        if child == 0:
            in_child(expected, number % 2 == 0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != 0:
            wrong.append(f"child {number} ended with {code}")
            break
    over.set()
    for worker in workers:
        worker.join()
    return "; ".join(wrong) or None


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*(given + [300, 3][len(given) :])))
