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

# What each part may import of the others (itself always): arrows run one way.
CORE = {"mathematics"}
SHAPE = CORE | {"architecture", "parameters", "network"}
MAY_IMPORT = {
    "mathematics": set(),
    "parameters": CORE,
    "architecture": CORE,
    "network": CORE | {"architecture", "parameters"},
    "engines": SHAPE,
    "training": SHAPE | {"engines", "files"},
    "distributed": SHAPE | {"engines", "training"},
    "files": SHAPE,
    "tables": SHAPE | {"engines", "training", "files"},
    "estimators": SHAPE | {"training", "files", "tables"},
    "gradcheck": SHAPE | {"engines", "training", "files"},
    "explanation": SHAPE | {"training", "files", "tables", "gradcheck"},
}
# Methods that reach up, at the time of the call: net.fit, net.predict, net.save, history.plot,
# notebooks.
LATE = {
    ("network", "engines"),
    ("network", "training"),
    ("network", "files"),
    ("architecture", "gradcheck"),
    ("network", "explanation"),
    ("training", "explanation"),
    *(("files", part) for part in ("tables", "training", "estimators")),  # what is exported
    ("estimators", "gradcheck"),
    ("estimators", "explanation"),
}


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


def imports(path: Path) -> list[tuple[str, bool]]:
    """Return the parts that a file imports, each with whether that happens inside a function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late = {
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    typing_only = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for node in ast.walk(block)
    }
    found = []
    package = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or node in typing_only:
            continue
        if node.level:
            base = package[: len(package) - node.level + 1]
            target = (*base, *(node.module or "").split("."))
            names = [target[0]] if target[0] else [alias.name for alias in node.names]
            found += [(name, node in late) for name in names if name in PARTS]
        elif (node.module or "").startswith("chainrule."):
            found.append(((node.module or "").split(".")[1], node in late))
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows_between_parts_run_one_way(path: Path) -> None:
    part = part_of(path)
    if part not in MAY_IMPORT:
        return
    for target, late in imports(path):
        allowed = target == part or target in MAY_IMPORT[part]
        assert allowed or (late and (part, target) in LATE), f"{path} imports {target}"


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
