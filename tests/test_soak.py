"""A few seconds of the soak; bench/soak.py is the long one."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("safetensors")


def test_memory_files_and_results_stay_the_same() -> None:
    path = Path(__file__).parent.parent / "bench" / "soak.py"
    found = importlib.util.spec_from_file_location("soak", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    result = module.soak(4.0, 2)
    assert result["wrong"] == []
    assert result["threads"] > 2
    assert result["forks"] > 0
