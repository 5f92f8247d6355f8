"""The house rules that a program can check: arrows between parts, circles, sizes, light import."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "chainrule"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PARTS = {path.name.removesuffix(".py") for path in PACKAGE.iterdir()}

# The floors of the house, from the ground up: a part imports parts below it alone. Imports inside
# functions count; those for types alone do not.
FLOORS = (
    {"typing", "signals"},
    {"mathematics"},
    {"architecture"},
    {"configuration"},
    {"parameters"},
    {"model"},
    {"engines"},
    {"files"},
    {"drawing"},
    {"gradcheck"},
    {"training"},
    {"network", "distributed"},
    {"ensemble", "tables"},
    {"tabular"},
    {"explanation"},
    {"estimators"},
    {"compat"},
    {"pytest_plugin"},
    {"interop"},
    {"__init__"},
    {"cli"},
    {"__main__"},
)
FLOOR = {part: number for number, floor in enumerate(FLOORS) for part in floor}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Return the files that a file imports, wherever the import stands, as dotted names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for node in ast.walk(block)
    }
    package = path.relative_to(PACKAGE.parent).parts[:-1]
    targets: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or node in typing_only:
            continue
        base = package[: len(package) - node.level + 1] if node.level else ()
        module = ".".join((*base, *([node.module] if node.module else [])))
        for alias in node.names:
            full = f"{module}.{alias.name}"
            targets.add(full if full in FILES else module)
    return {name for name in targets if name in FILES}


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {dotted(path): path for path in SOURCES}
ARROWS = {name: imports(path) - {name} for name, path in FILES.items()}


def test_every_part_has_its_floor() -> None:
    assert {part_of(path) for path in SOURCES} == set(FLOOR)


@pytest.mark.parametrize("name", FILES)
def test_arrows_between_parts_run_down(name: str) -> None:
    part = part_of(FILES[name])
    for target in ARROWS[name]:
        other = part_of(FILES[target])
        if other == "__init__":  # its version, which is set before anything is imported
            continue
        assert other == part or FLOOR[other] < FLOOR[part], f"{name} imports {target}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_are_small_rooms_that_say_what_they_are_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "a file opens with its purpose"
    assert len(text.splitlines()) <= 300


def test_import_stays_light() -> None:
    code = (
        "import sys, chainrule; heavy = {'scipy', 'pyarrow', 'click', 'rich', 'sklearn', 'sympy', "
        "'torch', 'jax', 'matplotlib', 'safetensors', 'chainrule.training.fitting', "
        "'chainrule.tables', 'chainrule.explanation'}; print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def circles(arrows: dict[str, set[str]]) -> list[set[str]]:
    """Return the sets of files that import one another, however long the way round."""
    reach = {name: set(targets) for name, targets in arrows.items()}
    changed = True
    while changed:
        changed = False
        for name in reach:
            further = set().union(*(reach[target] for target in reach[name])) - reach[name]
            if further:
                reach[name] |= further
                changed = True
    inside = {name for name in reach if name in reach[name]}
    return [{other for other in reach[name] if name in reach[other]} for name in inside]


def test_no_file_is_in_a_circle() -> None:
    assert circles(ARROWS) == []


def test_the_search_for_circles_finds_them() -> None:
    arrows = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert circles(arrows) == [{"b", "c"}, {"b", "c"}]


HEADERS = {path.name: path for path in sorted((ROOT / "src" / "core").rglob("*.hpp"))}


def test_no_header_is_in_a_circle() -> None:
    included = re.compile(r'#include "(?:[^"]*/)?([^"/]+)"')
    arrows = {
        name: {other for other in included.findall(path.read_text()) if other in HEADERS} - {name}
        for name, path in HEADERS.items()
    }
    assert circles(arrows) == []


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the number of lines of a function's body, without its docstring."""
    first = function.body[0]
    docstring = 0
    if ast.get_docstring(function) is not None:
        docstring = (first.end_lineno or 0) - first.lineno + 1
    return (function.end_lineno or 0) - first.lineno + 1 - docstring


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_functions_fit_a_screen(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {f.name: body_lines(f) for f in functions if body_lines(f) > 40}
    assert not long, f"above 40 lines: {long}"


CORE = sorted((ROOT / "src" / "core").rglob("*.[ch]pp"))


@pytest.mark.parametrize("path", CORE, ids=lambda p: p.name)
def test_files_of_the_core_are_small_rooms(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
