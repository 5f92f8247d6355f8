"""Distributed training: P ranks of B/P samples are one of B, and no fault leaves a job hanging.

Every job runs under a time limit. A single machine stands in for many: on shared memory, and once
over TCP on the loopback interface.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.files.network import load_network
from chainrule.training.checkpoints import written

pytest.importorskip("mpi4py")

pytestmark = pytest.mark.slow
MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
if MPIEXEC is None:
    pytest.skip("no mpiexec is installed", allow_module_level=True)

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import mpi_program as program

# More ranks than cores: give way instead of spinning.
POLITE = {
    "MPIR_CVAR_POLLS_BEFORE_YIELD": "1",
    "MPIR_CVAR_CH4_PROGRESS_THROTTLE": "true",
    "MPIR_CVAR_CH4_PROGRESS_THROTTLE_NO_PROGRESS_COUNT": "1",
}
TCP = {
    "MPIR_CVAR_NOLOCAL": "1",
    "MPIR_CVAR_CH4_NETMOD": "ofi",
    "FI_PROVIDER": "tcp",
    "FI_TCP_IFACE": "lo",
}
CUTS = {
    1: [0, 1],
    2: [0, 0.3, 1],
    3: [0, 0, 0.6, 1],
    4: [0, 0.1, 0.1, 0.9, 1],
}


def mpi(ranks: int, job: dict[str, Any], folder: Path, limit: float = 60, **variables: str) -> Any:
    path = folder / "job.json"
    path.write_text(json.dumps(job))
    environment = {
        **os.environ,
        **POLITE,
        **variables,
        "PYTHONPATH": str(Path(cr.__path__[0]).parent),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [str(MPIEXEC), "-n", str(ranks), sys.executable, str(HERE / "mpi_program.py"), str(path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )


def cases() -> Iterator[tuple[str, dict[str, Any]]]:
    plain = {"epochs": 10, "batch_size": 48, "tolerance": None}  # 11 steps an epoch
    for number, optimizer in enumerate(cr.OPTIMIZERS):
        yield (
            optimizer,
            {
                "rows": ("own", "all")[number % 2],
                "fit": {
                    **plain,
                    "optimizer": optimizer,
                    "engine": ("auto", "reference")[number // 2 % 2],
                },
            },
        )
    everything = {
        "network": {"dropout": [0.1, 0.2, 0.3], "l1": 1e-4, "l2": 1e-3},
        "weights": True,
        "fit": {
            **plain,
            "clip_norm": 0.3,
            "clip_value": 0.2,
            "validation": 0.2,
            "metrics": ["accuracy", "r2"],
            "class_weight": "balanced",
            "schedule": "warm_up",
            "accumulate": 3,
        },
    }
    for rows, engine in (("own", "auto"), ("all", "reference"), ("all", "auto")):
        case = {**everything, "fit": {**everything["fit"], "engine": engine}}
        yield f"everything {rows} {engine}", {"rows": rows, **case}
    lbfgs = {"optimizer": "lbfgs", "batch_size": None, "epochs": 5}
    yield "lbfgs", {"rows": "own", "fit": {**plain, **lbfgs}}
    yield "given", {"rows": "own", "fit": {**plain, "validation": "own", "shuffle": False}}
    own = {"validation": "own", "shuffle": False, "class_weight": "balanced"}
    yield "given weighed", {"rows": "own", "fit": {**plain, **own}}
    yield "whole", {"rows": "own", "fit": {**plain, "batch_size": None, "epochs": 20}}
    yield "lone", {"rows": "own", "fit": {**plain, "batch_size": 2, "epochs": 1}}
    yield "single", {"rows": "own", "network": {"dtype": "float32"}, "fit": plain}


def alone(case: dict[str, Any]) -> tuple[cr.Network, cr.History]:
    """What one process does with all samples."""
    X, y, w = program.samples()
    net = program.network(**case.get("network", {}))
    settings = {name: value for name, value in case["fit"].items() if name != "accumulate"}
    if case.get("weights"):
        settings["sample_weight"] = w
    if settings.get("validation") == "own":
        held = [np.arange(503)[program.mine(case["cuts"], r, 503)][::7] for r in range(4)]
        rows = np.concatenate(held)
        settings["validation"] = (X[rows], y[rows])
    return net, net.fit(X, y, progress=False, **settings)


@pytest.mark.parametrize(
    ("ranks", "variables"), [(1, {}), (2, {}), (3, {}), (4, {}), (2, TCP)], ids=str
)
def test_any_number_of_ranks_is_one_up_to_rounding(
    tmp_path: Path, ranks: int, variables: dict[str, str]
) -> None:
    """The ranks compare a hash of their parameters after every step themselves."""
    cuts = (CUTS[ranks] + [1] * 4)[:5]
    job = {"out": str(tmp_path / "out.npz"), "cases": {n: {**c, "cuts": cuts} for n, c in cases()}}
    done = mpi(ranks, job, tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "out.npz")
    for name, case in job["cases"].items():
        net, history = alone(case)
        # Steps in float32, and line searches, which divide by differences, carry rounding further.
        rtol = {"single": 2e-4, "lbfgs": 1e-8}.get(name, 1e-12)
        np.testing.assert_allclose(
            found[name], net.theta, rtol=rtol, atol=rtol * abs(net.theta).max(), err_msg=name
        )
        np.testing.assert_allclose(found[name + " cost"], history.cost, rtol=rtol)
        np.testing.assert_allclose(found[name + " validation"], history.validation_cost, rtol=rtol)
        kind = "reference" if case["fit"].get("engine") == "reference" else net_engine()
        assert found[name + " engine"] == f"{kind} on {ranks} ranks"


def net_engine() -> str:
    """The engine that is taken where none is named."""
    net = program.network()
    return net.fit(*program.samples()[:2], epochs=1, progress=False).engine


BAD: list[tuple[str, str]] = [
    ("rate", "the ranks disagree: arguments is .*'learning_rate'.* on rank 1"),
    ("argument", "the ranks disagree: arguments is .*'l3'.* on rank 1"),
    ("version", "the ranks disagree: version is '9.9' on rank 1, and '.*' on rank 0"),
    ("network", "the ranks disagree: seed is 9 on rank 1, and 3 on rank 0"),
    ("columns", r"rank 1: X must have the shape \(m, 5\), one row a sample, not \(.*, 4\)"),
    ("nan", r"rank 1: X\[\d+, 2\] of X is nan: every input must be finite"),
    ("weights", "the ranks disagree: arguments is .*'sample_weight'.* on rank 1"),
    ("all empty", "no rank has any samples: is the data set empty?"),
]


@pytest.mark.parametrize(("bad", "words"), BAD)
def test_bad_input_is_one_sentence_and_ends_every_rank(
    tmp_path: Path, bad: str, words: str
) -> None:
    done = mpi(2, {"bad": bad, "cuts": CUTS[2]}, tmp_path)
    assert done.returncode == 2, done.stderr
    told = [line for line in done.stderr.splitlines() if line.strip()]
    own = [line for line in told if not line.startswith("=") and "TERMINA" not in line]
    assert re.search(words, told[0]), done.stderr
    assert len([line for line in own if re.search(words, line)]) == 1
    assert "Traceback" not in done.stderr
    assert "theta" not in done.stdout


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"fit": {"optimizer": "momentum"}}, "its optimizer is 'adam.*', not 'momentum"),
    ({"fit": {"learning_rate": 0.5}}, "its learning rate is"),
    ({"m": 400}, "was written while training on other samples"),
    ({"network": {"hidden": "relu"}}, "its network is"),
]


def test_a_checkpoint_of_another_run_is_one_sentence_on_any_rank(tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    fit = {"epochs": 2, "checkpoint": run, "resume": True}
    resumed(tmp_path, tmp_path / "run", 2, epochs=2)
    for other, words in OTHERS:
        job = {"cuts": CUTS[2], **other, "fit": {**fit, **other.get("fit", {})}}
        one_sentence(mpi(2, job, tmp_path), words)


def one_sentence(done: Any, words: str) -> None:
    """Every rank ended with 2, and rank 0 alone said why."""
    assert done.returncode == 2, done.stderr
    own = [line for line in done.stderr.splitlines() if re.search(words, line)]
    assert len(own) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "theta" not in done.stdout


def test_ranks_that_drift_apart_are_found_when_asked_for(tmp_path: Path) -> None:
    """One rank's parameters are moved after the third epoch; the next step's check says so."""
    done = mpi(2, {"bad": "bits", "cuts": CUTS[2], "fit": {"check": True}}, tmp_path)
    assert done.returncode != 0
    assert "the ranks' parameters are no longer the same bits after step 40" in done.stderr


@pytest.mark.parametrize("ranks", [1, 3])
def test_seeds_and_folds_over_ranks(tmp_path: Path, ranks: int) -> None:
    done = mpi(ranks, {"many": True}, tmp_path)
    assert done.stdout.split() == ["many", str(ranks)], done.stderr


def test_a_rank_that_raises_ends_the_job_and_says_which(tmp_path: Path) -> None:
    done = mpi(3, {"bad": "raise", "rank": 2, "cuts": CUTS[3]}, tmp_path, limit=30)
    assert done.returncode != 0
    assert "rank 2 of 3 stopped" in done.stderr
    assert "ZeroDivisionError" in done.stderr


def test_a_rank_that_stops_working_ends_the_job_in_the_stated_time(tmp_path: Path) -> None:
    job = {"bad": "stop", "cuts": CUTS[3], "timeout": 2}
    done = mpi(3, job, tmp_path, limit=30)
    assert done.returncode != 0
    assert "s for the other ranks (timeout=2): rank 1 (process" in done.stderr
    assert ") is stopped; the job ends" in done.stderr


def resumed(folder: Path, run: Path, ranks: int, rows: str = "own", **settings: Any) -> str:
    fit = {"checkpoint": str(run), "resume": True, **settings}
    job = {"fit": {**fit, "rows": rows}} | ({"cuts": CUTS[ranks]} if rows == "own" else {})
    done = mpi(ranks, job, folder)
    assert done.returncode == 0, done.stderr
    return str(done.stdout.split()[-1])


def test_killed_ranks_and_resumed_runs(tmp_path: Path) -> None:
    """One of three ranks is killed twenty times; all end, and the run resumes to the same bits."""
    moments = random.Random(3)
    whole = resumed(tmp_path, tmp_path / "whole", 3)
    run, killed = tmp_path / "run", 0
    while killed < 20:
        job = {
            "bad": "kill",
            "rank": moments.randrange(3),
            "after": moments.uniform(0.0, 0.25),
            "cuts": CUTS[3],
            "fit": {"checkpoint": str(run), "resume": True},
        }
        done = mpi(3, job, tmp_path, limit=30)
        if done.returncode == 0:
            assert done.stdout.split()[-1] == whole
            shutil.rmtree(run)
            continue
        killed += 1
        assert "theta" not in done.stdout
        assert re.search(
            rf"rank {job['rank']} of 3 \(process \d+\) was killed by SIGKILL; the job ends",
            done.stderr,
        )
        for path in written(run) if run.exists() else ():
            assert load_network(path).checkpoint is not None
    assert resumed(tmp_path, run, 3) == whole
    half = written(run)[0]  # of the three that are kept
    for later in written(run)[1:]:
        later.unlink()
    assert half.exists()
    other = float.fromhex(resumed(tmp_path, run, 2, "all"))
    assert other == pytest.approx(float.fromhex(whole), rel=1e-12)


def test_sigterm_to_the_launcher_writes_a_checkpoint(tmp_path: Path) -> None:
    run, ready = tmp_path / "run", tmp_path / "ready"
    every = {"checkpoint": str(run), "checkpoint_every": 10**6}
    job = {"cuts": CUTS[2], "ready": str(ready), "fit": {**every, "epochs": 10**6}}
    (tmp_path / "job.json").write_text(json.dumps(job))
    process = subprocess.Popen(
        [str(MPIEXEC), "-n", "2", sys.executable, str(HERE / "mpi_program.py"), "job.json"],
        cwd=tmp_path,
        env={**os.environ, **POLITE, "PYTHONPATH": str(Path(cr.__path__[0]).parent)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not ready.exists() and process.poll() is None:
            pass
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert ready.exists(), err
    assert process.returncode != 0
    assert "Traceback" not in err
    (path,) = written(run)
    assert load_network(path).checkpoint is not None


def test_without_an_mpi_library(tmp_path: Path) -> None:
    """mpi4py's wheel has no MPI of its own: where none is found, that is one sentence too."""
    (tmp_path / "job.json").write_text("{}")
    done = subprocess.run(
        [sys.executable, str(HERE / "mpi_program.py"), "job.json"],
        cwd=tmp_path,
        env={**os.environ, "MPI4PY_LIBMPI": "/no/such.so"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert (
        "needs MPI and mpi4py, and here is none (cannot load MPI library): install chainrule[mpi]"
        in done.stderr
    )


def test_without_mpi4py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ImportError, match=r"needs MPI and mpi4py.*install chainrule\[mpi\]"):
        cr.distributed.fit(program.network(), *program.samples()[:2])
