"""Training through faults: killed, terminated and interrupted at random moments, a full disk.

A run is stopped again and again by a signal from outside, resumed each time, and must end in the
same bits as a run that was left alone.
"""

import random
import resource
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.files.atomic import TEMPORARY
from chainrule.files.network import load_network
from chainrule.training.checkpoints import written

pytestmark = pytest.mark.slow

SOURCES = str(Path(cr.__path__[0]).parent)
TIMES = 20

# A network of some size, so that writing takes its share of the time.
PROGRAM = """
import sys, numpy as np, chainrule as cr
folder, model = sys.argv[1:]
rng = np.random.default_rng(5)
X = rng.normal(size=(400, 20))
y = (X[:, 0] * X[:, 1] > 0).astype(int)
net = cr.Network([20, 300, 300, 1], output="sigmoid", seed=2, dropout=0.1)
print("ready", flush=True)
history = net.fit(X, y, epochs=40, batch_size=50, tolerance=None, progress=False,
                  checkpoint=folder, resume=True)
if history.stop.reason == "epochs":
    for _ in range(10):
        net.save(model)
    print("done", net.theta.tobytes().hex()[:64], net.theta.sum().hex(), flush=True)
else:
    sys.exit(130)
"""


def start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    return subprocess.Popen(
        [*command, str(folder / "run"), str(folder / "model")],
        env={"PYTHONPATH": SOURCES, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def through(folder: Path) -> str:
    """Run to the end, and return the last line: the parameters in short."""
    process = start(folder)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.splitlines()[-1]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> str:
    return through(tmp_path_factory.mktemp("whole"))


CODES = {
    signal.SIGKILL: {-signal.SIGKILL},
    # Before training has begun the system's own way of ending is all there is.
    signal.SIGTERM: {143, -signal.SIGTERM},
    signal.SIGINT: {130, -signal.SIGINT},
}


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_stopped_at_random_moments_and_resumed(
    tmp_path: Path, uninterrupted: str, number: signal.Signals
) -> None:
    moments = random.Random(int(number))
    stopped = finished = 0
    folder = tmp_path / "0"
    folder.mkdir()
    while stopped < TIMES:
        process = start(folder)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            out, err = process.communicate(timeout=moments.uniform(0.0, 0.35))
        except subprocess.TimeoutExpired:
            before = [path.name for path in written(folder / "run")]
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        if process.returncode == 0:
            assert out.splitlines()[-1] == uninterrupted
            finished += 1
            folder = tmp_path / str(finished)
            folder.mkdir()
            continue
        stopped += 1
        assert process.returncode in CODES[number], err
        assert "Traceback" not in err or process.returncode == -signal.SIGINT
        sound(folder, before, number)
    assert through(folder) == uninterrupted
    assert not list((folder / "run").glob(f"{TEMPORARY}*"))


def sound(folder: Path, before: list[str], number: signal.Signals) -> None:
    """Every file there loads; what is left of a file being written is not taken for one."""
    for path in written(folder / "run"):
        assert load_network(path).checkpoint is not None
    if before:
        assert written(folder / "run")
    if (folder / "model").exists():
        cr.load(folder / "model")
    for path in (folder / "run").iterdir() if (folder / "run").exists() else ():
        kept = path in written(folder / "run")
        assert kept or (path.name.startswith(TEMPORARY) and number == signal.SIGKILL)


def test_sigterm_writes_a_checkpoint_of_the_step_in_hand(tmp_path: Path) -> None:
    program = PROGRAM.replace("checkpoint=folder", "checkpoint=cr.Checkpoints(folder, epochs=999)")
    program = program.replace("epochs=40", "epochs=10**6").replace(
        "tolerance=None", "tolerance=None, callbacks=lambda n, h: print(h.epochs, flush=True)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "run"), str(tmp_path / "model")],
        env={"PYTHONPATH": SOURCES},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(3)] == ["ready\n", "1\n", "2\n"]
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (143, "")
    (path,) = written(tmp_path / "run")
    assert int(path.name[5:-12]) >= 16


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


rng = np.random.default_rng(0)
X = rng.normal(size=(100, 5))
Y = X[:, 0] * X[:, 1]
COMMON: dict[str, Any] = {"epochs": 6, "tolerance": None, "progress": False, "batch_size": 16}


def network() -> cr.Network:
    return cr.Network([5, 12, 1], seed=3)


def test_a_disk_that_is_full_costs_checkpoints_but_not_the_run(tmp_path: Path) -> None:
    whole = network()
    whole.fit(X, Y, **COMMON)
    network().fit(X, Y, checkpoint=tmp_path / "sizes", **COMMON)
    sizes = [path.stat().st_size for path in written(tmp_path / "sizes")]
    limits = random.Random(0).choices(range(max(sizes) + 100), k=TIMES)
    for i, limit in enumerate([*limits, 0, sizes[0], sizes[0] - 1]):
        folder, net, again = tmp_path / str(i), network(), network()
        with no_file_longer_than(limit), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            net.fit(X, Y, checkpoint=folder, **COMMON)
        assert (net.theta == whole.theta).all()
        failed = [str(warning.message) for warning in caught]
        assert all("no checkpoint: " in text and "training goes on" in text for text in failed)
        assert len(failed) + len(written(folder)) >= 3
        assert sorted(folder.iterdir()) == sorted(written(folder))
        again.fit(X, Y, checkpoint=folder, resume=True, **COMMON)
        assert (again.theta == whole.theta).all()
