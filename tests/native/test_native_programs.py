"""The core without Python: against plain loops by every compiler here and on AArch64; accuracy."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

fcntl = pytest.importorskip("fcntl", reason="these programs are built on Linux and macOS")

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build"
NEEDS = {
    "g++": ["cmake", "ninja", "g++"],
    "clang++": ["cmake", "ninja", "clang++"],
    "aarch64-linux-gnu-g++": ["cmake", "ninja", "aarch64-linux-gnu-g++", "qemu-aarch64"],
}
# Beside portable code; the tests of the engine take every level of the module.
LEVELS = {"g++": "v3", "clang++": "v4"}


def program(script: str, *arguments: str, compiler: str = "g++") -> str:
    """Run one of the scripts beside this file; what it prints. One at a time for each compiler."""
    missing = [name for name in NEEDS[compiler] if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    BUILD.mkdir(exist_ok=True)
    with (BUILD / f"programs-{compiler}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [HERE / script, *arguments],
            env={**os.environ, "CXX": compiler, "LEVELS": LEVELS.get(compiler, "")},
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("compiler", NEEDS)
def test_the_core_against_plain_loops(compiler: str) -> None:
    printed = program("portable", compiler, compiler=compiler)
    assert " 0 failed" in printed


def test_the_vector_functions_on_a_sample_of_all_floats() -> None:
    """Every 331st float32; `tests/native/accuracy` takes all of them."""
    printed = program("accuracy", "331")
    assert printed.count("ULP") >= 2 * 7
