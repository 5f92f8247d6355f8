"""The command line through faults and on many ranks: checkpoints, streams, exit codes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")
pa = pytest.importorskip("pyarrow")

import chainrule as cr
from chainrule.tables.reading import read_table
from chainrule.training.checkpoints import written

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[2] / "data" / "breast_cancer.csv"
SOURCES = str(Path(cr.__path__[0]).parent)
TRAIN = [sys.executable, "-m", "chainrule", "train"]


def run(folder: Path, *arguments: str, before: tuple[str, ...] = ()) -> Any:
    return subprocess.run(
        [*before, *TRAIN, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": SOURCES, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def theta(path: Path) -> bytes:
    return bytes(cr.load(path).theta.tobytes())


def test_sigterm_writes_a_checkpoint_and_resume_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    # No patience, so that it trains long enough to be met while it does.
    common = [str(DATA), "-t", "diagnosis", "--epochs", "1000", "--patience", "1000"]
    whole = run(tmp_path, *common, "-o", "whole")
    assert whole.returncode == 0, whole.stderr
    process = subprocess.Popen(
        [*TRAIN, *common, "-o", "part", "--checkpoint", "run", "--checkpoint-every", "100"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": SOURCES},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not written(tmp_path / "run") and process.poll() is None:
        pass
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert not (tmp_path / "part").exists()
    rest = ("-o", "part", "--checkpoint", "run", "--checkpoint-every", "100", "--resume")
    resumed = run(tmp_path, *common, *rest)
    assert resumed.returncode == 0, resumed.stderr
    assert theta(tmp_path / "part") == theta(tmp_path / "whole")
    again = run(tmp_path, *common, "-o", "again", "--checkpoint", "run")
    assert again.returncode == 2
    assert "holds checkpoints of an earlier run" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--resume"], "--resume needs the folder of the checkpoints: give --checkpoint"),
        (["--checkpoint-every", "3"], "--checkpoint-every needs the folder"),
        (["--checkpoint", "run", "--checkpoint-every", "often"], "every 10 (epochs) or '10min'"),
        (["--memory", "much"], "unknown unit of memory"),
        (["--memory", "1GB"], "is not a readable Parquet file"),
    ],
)
def test_bad_options_are_one_sentence(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = run(tmp_path, str(DATA), "-t", "diagnosis", *arguments)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_streams_a_folder_on_one_process_and_on_ranks(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    table = read_table(DATA)
    (tmp_path / "data").mkdir()
    pq.write_table(table, tmp_path / "data" / "a.parquet", row_group_size=100)
    common = ["data", "-t", "diagnosis", "--epochs", "20", "--batch-size", "16", "--json"]
    alone = run(tmp_path, *common, "-o", "model")
    assert alone.returncode == 0, alone.stderr
    found = json.loads(alone.stdout)
    assert found["scores"]["accuracy"] > 0.9
    assert sum(found["rows"].values()) == len(table)
    test = pytest.importorskip("test_distributed")
    two = run(tmp_path, *common, "-o", "both", before=(str(test.MPIEXEC), "-n", "2"))
    assert two.returncode == 0, two.stderr
    ranks = json.loads(two.stdout)
    assert ranks["ranks"] == 2
    assert ranks["rows"] == found["rows"]
    assert ranks["scores"]["accuracy"] > 0.9
    assert two.stderr.count("wrote both") == 1
    wrong = run(tmp_path, "data", "-t", "no", before=(str(test.MPIEXEC), "-n", "2"))
    assert wrong.returncode == 2
    assert wrong.stderr.count("data has no column 'no'") == 1
    assert "Traceback" not in wrong.stderr


# The peak that wait4 tells is the parent's where that was larger; VmHWM begins with the program.
PEAK = """
import atexit, sys
def tell():
    with open("/proc/self/status") as status:
        print(next(line for line in status if line.startswith("VmHWM")).split()[1], file=sys.stderr)
atexit.register(tell)
from chainrule.cli import main
main()
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="VmHWM is Linux's")
def test_memory_is_kept(tmp_path: Path) -> None:
    """The peak of the resident set, on a table whose numbers alone are more than is allowed."""
    import numpy as np
    import pyarrow.parquet as pq

    limit, m, n = 300, 800_000, 50
    assert m * n * 8 > limit << 20
    rng = np.random.default_rng(0)
    table = pa.table({f"x{i}": rng.integers(0, 100, m, np.int8) for i in range(n)})
    y = pa.array(table["x0"].to_numpy() > table["x1"].to_numpy())
    pq.write_table(table.append_column("y", y), tmp_path / "a.parquet", row_group_size=100_000)
    settings = ["--memory", f"{limit}MB", "--epochs", "2", "--batch-size", "4096", "--hidden", "8"]
    done = subprocess.run(
        [sys.executable, "-c", PEAK, "train", "a.parquet", "-t", "y", "-o", "model", *settings],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": SOURCES, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stderr.split()[-1]) >> 10 < limit
