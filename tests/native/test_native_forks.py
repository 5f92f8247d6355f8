"""Forks of a process whose threads work on the core, and the ends of forks and of interpreters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

native = pytest.importorskip("chainrule.engines.native", reason="the core is not built")

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
by_name = pytest.mark.skipif(
    "tsan" in os.environ.get("LD_PRELOAD", ""),
    reason="ThreadSanitizer does not know that a fork's threads may have its parent's names",
)
by_lock = pytest.mark.skipif(
    "asan" in os.environ.get("LD_PRELOAD", ""),
    reason="AddressSanitizer's allocator does not let go of its locks in a fork (GCC 12)",
)


def ends_well(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs_fork
@by_name
@by_lock
def test_forks_while_threads_train_predict_and_check() -> None:
    """A short form of ``forking.py``, which was run for thousands of forks by hand."""
    ends_well(str(HERE / "forking.py"), "6")


TEAMS = """
import gc, os, sys, warnings
from native_problems import problem, trained
from chainrule.engines import native
warnings.simplefilter("ignore")
def new():
    return problem([10, 64, 64, 3], "gelu", m=200, threads=2)
old = new()
wanted = trained(native, old, 50, 5)[2]
child = os.fork()
if child == 0:
    own = new()
    trained(native, own, 50, 5)  # its team has the name, in this process, of the one of `old`
    del old
    gc.collect()
    assert (trained(native, own, 50, 5)[2] == wanted).all()
    del own
    gc.collect()
    sys.exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@needs_fork
@by_name
def test_a_fork_lets_go_of_its_parents_team() -> None:
    ends_well("-c", TEAMS)


DAEMON = """
import sys, threading
import numpy as np
import chainrule as cr
X = np.random.default_rng(0).normal(size=(2000, 64))
Y = (X[:, 0] > 0).astype(int)
net = cr.Network([64, 256, 1], output="sigmoid", seed=1)
predict = net.predictor(threads=2)
calls = threading.Semaphore(0)
def work():
    while True:
        {call}
        calls.release()
threading.Thread(target=work, daemon=True).start()
for _ in range(3):
    calls.acquire()
"""


@pytest.mark.parametrize(
    "call",
    [
        "net.fit(X, Y, epochs=3, tolerance=None, progress=False, threads=2, batch_size=1000)",
        "predict(X)",
    ],
)
def test_a_daemon_thread_at_work_when_the_interpreter_ends(call: str) -> None:
    """Python ends such a thread in a way that aborts a process of C++ unless it is caught."""
    ends_well("-c", DAEMON.format(call=call))
