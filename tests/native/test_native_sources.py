"""The core's sources: headers that compile alone and in no circle, rooms, layout."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "src" / "core"
SOURCES = sorted([*CORE.rglob("*.hpp"), *CORE.rglob("*.cpp")])
HEADERS = [path for path in SOURCES if path.suffix == ".hpp"]
INCLUDE = re.compile(r'^#include "(.*)"$', re.MULTILINE)


def name(path: Path) -> str:
    return str(path.relative_to(CORE))


def includes(path: Path) -> list[Path]:
    return [(path.parent / found).resolve() for found in INCLUDE.findall(path.read_text())]


@pytest.mark.parametrize("header", HEADERS, ids=name)
def test_header_compiles_alone(header: Path, tmp_path: Path) -> None:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    options = ["-std=gnu++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wno-unused-function"]
    if header.parent.name == "kernels":
        options += ["-DREAL=double", "-DREAL_IS_FLOAT=0", "-DCHAINRULE_PORTABLE", "-Wno-psabi"]
    elif "bindings.hpp" in [path.name for path in (header, *includes(header))]:
        nanobind = pytest.importorskip("nanobind", reason="nanobind is not installed")
        paths = (nanobind.include_dir(), sysconfig.get_path("include"))
        options += ["-fvisibility=hidden", *(f"-isystem{path}" for path in paths)]
    source = tmp_path / "alone.cpp"
    source.write_text(f'#include "{header}"\n#include "{header}"\n')
    done = subprocess.run(
        [compiler, *options, str(source)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr, done.stderr


def test_includes_run_in_no_circle() -> None:
    below: dict[Path, set[Path]] = {}

    def visit(path: Path, above: tuple[Path, ...]) -> set[Path]:
        assert path not in above, " -> ".join(name(p) for p in (*above, path))
        if path not in below:
            found = includes(path)
            below[path] = set(found).union(*(visit(next_, (*above, path)) for next_ in found))
        return below[path]

    for path in SOURCES:
        visit(path, ())


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_source_is_at_most_300_lines_and_opens_with_its_purpose(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= 300
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith(f"// {path.name}: ")


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_functions_are_at_most_50_lines(path: Path) -> None:
    # A function has no blank line within, and ends with a brace of one of the two outermost levels.
    start = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line.startswith(("//", "#", "namespace")):
            start = None
        elif start is None:
            start = number
        if re.fullmatch(r"( {4})?\}", line):
            assert start is None or number - start < 50, f"{path.name}:{start}"
            start = None


def test_layout_is_clang_formats() -> None:
    if shutil.which("clang-format") is None:
        pytest.skip("clang-format is not installed")
    done = subprocess.run(
        ["clang-format", "--dry-run", "--Werror", *map(str, SOURCES)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
