"""A few seconds of the soak; bench/soak.py is the long one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("safetensors")

pytestmark = pytest.mark.slow


def test_memory_files_and_results_stay_the_same() -> None:
    path = Path(__file__).parent.parent / "bench" / "soak.py"
    done = subprocess.run(
        [sys.executable, str(path), "--minutes", "0.1"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    result = json.loads(done.stdout or "{}")
    # On a machine that stood still meanwhile too few rounds were done to compare.
    faults = [fault for fault in result.get("wrong", [done.stderr]) if "too short" not in fault]
    assert faults == [], done.stderr
    assert result["rounds"] > 0
    assert result["forks"] > 0
