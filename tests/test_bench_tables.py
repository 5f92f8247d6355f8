"""What bench/tables.py counts: calibration by hand, ablations that go on where they were."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCH = Path(__file__).parent.parent / "bench"


@pytest.fixture(scope="module")
def bench() -> Iterator[Any]:
    sys.path.insert(0, str(BENCH))
    try:
        yield importlib.import_module
    finally:
        sys.path.remove(str(BENCH))


def test_expected_calibration_error_of_hand_worked_rows(bench: Any) -> None:
    # Confidences 0.95 twice (one right) and 0.61 (right): bins 14 and 9 of 15.
    p = np.array([[0.95, 0.05], [0.05, 0.95], [0.61, 0.39]])
    y = np.array(["a", "a", "a"])
    found = bench("tables_calibration").expected_calibration_error(y, p, np.array(["a", "b"]))
    assert found == pytest.approx(2 / 3 * abs(0.5 - 0.95) + 1 / 3 * abs(1 - 0.61))


def test_expected_calibration_error_of_sure_and_right_is_0(bench: Any) -> None:
    p, y = np.eye(3), np.arange(3)
    assert bench("tables_calibration").expected_calibration_error(y, p, y) == 0


def test_ablation_goes_on_where_it_was(
    bench: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ablation, calls = bench("tables_ablation"), []

    def measure(name: str, without: Sequence[str]) -> dict[str, Any]:
        calls.append((name, *without))
        if len(calls) == 4:
            raise KeyboardInterrupt
        error = 2.0 if "bins" in without else 1.0
        return {"errors": [error], "seconds": 3.0 if without else 6.0, "MB": 1}

    tasks = {"words": "classes", "sizes": "regression"}
    with pytest.raises(KeyboardInterrupt):
        ablation.ablate(tasks, tmp_path, measure)
    ablation.ablate(tasks, tmp_path, measure)
    assert len(calls) == len(set(calls)) + 1  # only the one that was cut is measured again
    assert ("sizes", "temperature") not in calls
    assert ("words", "clamp") not in calls
    assert ("words", "temperature") in calls
    again = len(calls)
    capsys.readouterr()
    ablation.ablate(tasks, tmp_path, measure)
    assert len(calls) == again
    line = next(one for one in capsys.readouterr().out.splitlines() if "`bins` |" in one)
    both = "**2.000** (2.000 to 2.000)"
    assert line == f"| `bins` | {both} | {both} | {both} | 2 of 2 | 0.50 |"
    assert json.loads((tmp_path / "bins" / "sizes.json").read_text())["errors"] == [2.0]


def test_every_ingredient_applies_to_some_target(bench: Any) -> None:
    ablation = bench("tables_ablation")
    for ingredient in ablation.INGREDIENTS:
        assert any(ablation.applies(ingredient, task) for task in ("classes", "regression"))
