"""The tables in data/: they equal what make_data.py writes, and their README speaks of each."""

import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).parent.parent / "data"
TABLES = ["breast_cancer.csv", "diabetes.csv", "digits.csv", "synthetic_churn.csv"]


def test_the_tables_are_what_the_program_writes(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    subprocess.run([sys.executable, DATA / "make_data.py", tmp_path], check=True, timeout=120)
    for name in TABLES:
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes(), name


def test_every_table_has_its_source_and_licence_named() -> None:
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in DATA.glob("*.csv")) == TABLES
    for name in TABLES:
        paragraph = readme.split(f"**{name}**")[1].split("\n\n")[0].lower()
        assert "licence" in paragraph, name
