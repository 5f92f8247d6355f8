"""Triton kernels under its interpreter on the CPU: right, and with one mistake each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("triton", reason="Triton is not installed: its kernels are not checked")

KERNELS = ("rms_norm", "softmax", "swiglu")


@pytest.fixture(scope="module")
def verdicts() -> dict[str, str]:
    """Check every kernel in a process of its own, where Triton is told to interpret."""
    program = Path(__file__).with_name("triton_kernels.py")
    run = subprocess.run(
        [sys.executable, str(program)],
        env={**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return dict(line.split(maxsplit=1) for line in run.stdout.splitlines())


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_right_triton_kernel_is_right(verdicts, name, dtype):
    assert verdicts[f"{name}-{dtype}-right"].split()[0] == "right", verdicts


@pytest.mark.parametrize(("name", "place"), [("rms_norm", "x"), ("softmax", "x"), ("swiglu", "a")])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_wrong_triton_kernel_is_wrong_at_its_place(verdicts, name, place, dtype):
    assert verdicts[f"{name}-{dtype}-wrong"].split() == ["wrong", place], verdicts
