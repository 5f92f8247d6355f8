"""scikit-learn's own tests of its MLP, run on ours where the installed scikit-learn ships them.

Those that a documented difference breaks are named in docs/estimators.md, each with its reason.
"""

from __future__ import annotations

import importlib
import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chainrule.estimators import BackpropClassifier, BackpropRegressor

suite = pytest.importorskip("sklearn.neural_network.tests.test_mlp")
PAGE = (Path(__file__).parents[2] / "docs" / "estimators.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## scikit-learn's own tests")[2].partition("\n## ")[0]
# Test -> reason, and whether it passes in scikit-learn's ways.
ROWS = re.findall(r"^\| `(test_\w+)` \| ([^|]+) \|(?: (\w*) ?\|)?$", SECTION, re.M)
DIFFERENT = {name: reason for name, reason, _ in ROWS}
PASSING = {name for name, _, result in ROWS if result == "passes"}
OURS = {"MLPClassifier": BackpropClassifier, "MLPRegressor": BackpropRegressor}
WAYS: dict[str, Any] = {"schedule": None, "prior": 0, "standardize": False}


def in_their_ways(kind: Any) -> Callable[..., Any]:
    """Return what makes estimators whose defaults are scikit-learn's."""
    return lambda *sizes, **settings: kind(*sizes, **{**WAYS, **settings})


def cases() -> Iterator[Any]:
    """Yield every test with the values of each of its parameters."""
    for name, test in inspect.getmembers(suite, inspect.isfunction):
        if not name.startswith("test_") or test.__module__ != suite.__name__:
            continue
        grids: list[dict[str, Any]] = [{}]
        for mark in getattr(test, "pytestmark", []):
            if mark.name != "parametrize":
                continue
            names = [n.strip() for n in mark.args[0].split(",")]
            rows = [row if len(names) > 1 else (row,) for row in mark.args[1]]
            grids = [g | dict(zip(names, row, strict=True)) for g in grids for row in rows]
        for number, values in enumerate(grids):
            yield pytest.param(name, values, id=f"{name}-{number}")


def run(
    name: str, values: dict[str, Any], ours: dict[str, Any], request: Any, patch: pytest.MonkeyPatch
) -> None:
    """Run one of their tests on estimators of ours."""
    classes = {getattr(importlib.import_module("sklearn.neural_network"), n): n for n in OURS}
    for theirs, kind in ours.items():
        patch.setattr(suite, theirs, kind)
    arguments = {
        key: ours[classes[value]] if isinstance(value, type) and value in classes else value
        for key, value in values.items()
    }
    test = getattr(suite, name)
    for fixture in inspect.signature(test).parameters:
        if fixture not in arguments:
            seed = fixture == "global_random_seed"
            arguments[fixture] = 42 if seed else request.getfixturevalue(fixture)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        test(**arguments)


@pytest.mark.parametrize(("name", "values"), list(cases()))
def test_scikit_learns_test_of_the_mlp_passes(
    name: str, values: dict[str, Any], request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        run(name, values, OURS, request, monkeypatch)
    except (Exception, pytest.fail.Exception):
        if name not in DIFFERENT:
            raise
        pytest.xfail(DIFFERENT[name])


@pytest.mark.parametrize(
    ("name", "values"), [case for case in cases() if case.values[0] in PASSING]
)
def test_what_a_difference_breaks_passes_in_scikit_learns_ways(
    name: str, values: dict[str, Any], request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(name, values, {n: in_their_ways(kind) for n, kind in OURS.items()}, request, monkeypatch)


def test_every_test_with_a_difference_is_scikit_learns() -> None:
    assert set(DIFFERENT) <= {name for name, _ in inspect.getmembers(suite, inspect.isfunction)}
    assert len(PASSING) == 6
