"""Where the native engine was not built: the user is told why, and training goes on without it."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from native_problems import problem

import chainrule as cr
from chainrule import engines

ROOT = Path(__file__).parents[2]
REASON = "no C++ compiler was found"
WANTED = f"the native engine was not built because {REASON}"


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """An installation without the engine; the module says why."""
    module = ModuleType("chainrule.engines._unbuilt")
    module.REASON = REASON  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(engines, "built", lambda: None)
    return module


def test_asking_for_it_raises_with_the_reason(without: ModuleType) -> None:
    with pytest.raises(ValueError, match="not built because") as caught:
        engines.choose("native", problem([2, 2]))
    assert WANTED in str(caught.value)
    assert "install g++ or clang, then install chainrule again" in str(caught.value)


def test_training_says_so_and_goes_on(
    without: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    net = cr.Network([2, 3, 1], hidden="tanh", seed=0)
    history = net.fit(np.eye(2), [0.0, 1.0], epochs=2, progress=True)
    assert history.engine == "reference"
    assert capsys.readouterr().err.count(WANTED) == 1
    net.fit(np.eye(2), [0.0, 1.0], epochs=2, progress=True, engine="reference")
    net.fit(np.eye(2), [0.0, 1.0], epochs=2, progress=False)
    assert WANTED not in capsys.readouterr().err


def test_the_command_line_says_so_once(without: ModuleType, tmp_path: Path) -> None:
    testing = pytest.importorskip("click.testing")
    pytest.importorskip("pyarrow")
    from chainrule.cli.app import app

    table, model = tmp_path / "table.csv", tmp_path / "model.safetensors"
    table.write_text("a,y\n" + "".join(f"{i},{i % 3}\n" for i in range(40)))
    given = ["train", str(table), "-t", "y", "-o", str(model), "--epochs", "2"]
    done = testing.CliRunner().invoke(app, given)
    assert done.exit_code == 0
    assert done.stderr.count(WANTED) == 1
    quiet = testing.CliRunner().invoke(app, [*given, "--force", "--quiet"])
    assert (quiet.exit_code, quiet.stderr) == (0, "")


def test_where_it_was_left_out_on_purpose_nothing_is_said(without: ModuleType) -> None:
    without.REASON = ""  # type: ignore[attr-defined]
    assert engines.unbuilt() == ""
    assert engines.choose("auto", problem([2, 2]))[1] == ""
    with pytest.raises(ValueError, match="not built"):
        engines.choose("native", problem([2, 2]))


def configured(build: Path, *options: str, **environment: str) -> str:
    """The reason that the build writes; it must succeed."""
    cmake = shutil.which("cmake")
    if cmake is None:
        pytest.skip("cmake is not installed")
    subprocess.run(
        [cmake, "-S", ROOT, "-B", build, *options],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        timeout=300,
    )
    return str(runpy.run_path(str(build / "_unbuilt.py"))["REASON"])


def test_the_build_finds_no_compiler(tmp_path: Path) -> None:
    assert configured(tmp_path, CXX=str(tmp_path / "none")) == REASON


def test_the_build_leaves_it_out(tmp_path: Path) -> None:
    assert configured(tmp_path, "-DCHAINRULE_NATIVE=OFF") == ""


def test_the_build_finds_a_compiler_that_is_too_old(tmp_path: Path) -> None:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed")
    old = tmp_path / "old-g++"
    old.write_text(f'#!/bin/sh\nexec {compiler} -D__builtin_shufflevector=none "$@"\n')
    old.chmod(0o755)
    assert "none of GCC from 12 or Clang from 14" in configured(tmp_path / "build", CXX=str(old))


def test_where_there_is_a_compiler_it_is_built() -> None:
    """Otherwise the tests of the engine would be skipped, and nobody would notice."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    assert engines.unbuilt() == ""
