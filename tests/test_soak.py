"""A few seconds of the soak; bench/soak.py is the long one."""

import importlib.util
import warnings
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = module.soak(5.0, 2)
    # On a machine that stood still meanwhile too few rounds were done to compare.
    assert [fault for fault in result["wrong"] if "too short" not in fault] == []
    assert result["rounds"] > 0
    assert result["forks"] > 0
