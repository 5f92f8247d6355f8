"""The house rules that a program can check: lint, format, types, arrows between parts, sizes."""

import ast
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
    {"explanation"},
    {"estimators"},
    {"interop"},
    {"__init__"},
    {"cli"},
    {"__main__"},
)
FLOOR = {part: number for number, floor in enumerate(FLOORS) for part in floor}


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
    ],
    ids=["lint", "format", "types"],
)
def test_tools_find_nothing(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


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
    assert len(text.splitlines()) <= 400


def test_import_stays_light() -> None:
    code = (
        "import sys, chainrule; heavy = {'scipy', 'pyarrow', 'click', 'rich', 'sklearn', 'sympy', "
        "'torch', 'jax', 'matplotlib', 'safetensors'}; print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
