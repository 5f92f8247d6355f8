"""A short attack on the readers of files with mutated ones; bench/fuzz.py is the long one."""

import importlib.util
import warnings
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("safetensors")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fuzz() -> Any:
    path = Path(__file__).parent.parent / "bench" / "fuzz.py"
    found = importlib.util.spec_from_file_location("fuzz", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["model", "checkpoint", "parquet", "csv"])
def test_mutated_files_are_refused_or_equal(fuzz: Any, kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counts = fuzz.attack(kind, 300, seed=7)
    assert counts["refused"] > 150
