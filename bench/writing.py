"""Where figures go: blocks of a page between markers, the machine's name, the look of a plot."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
# Greys that can be read on white and on black; one colour that stands out on both.
INK, OTHERS, OURS, LIMIT = "#7d8590", "#9aa4af", "#e8590c", "#2f8fd8"


def machine() -> str:
    """The processor's name, the cores that this process may use, and today's date."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text())
        name = found[1].strip() if found else name
    levels = cpuinfo.read_text() if cpuinfo.exists() else ""
    wide = ", AVX-512" if "avx512f" in levels else ""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    python = platform.python_version()
    return f"{cores} cores of {name}{wide}, Python {python}, {date.today().isoformat()}"


def replace_block(page: Path, name: str, text: str) -> None:
    """Put the text between the page's two markers of that name."""
    start, end = f"<!-- {name}: begin", f"<!-- {name}: end -->"
    whole = page.read_text(encoding="utf-8")
    pattern = re.compile(rf"({re.escape(start)}[^\n]*-->\n).*?({re.escape(end)})", re.DOTALL)
    if len(pattern.findall(whole)) != 1:
        raise SystemExit(f"{page.name} has no pair of markers {start} ... --> and {end}")
    page.write_text(pattern.sub(lambda m: f"{m[1]}{text}\n{m[2]}", whole), encoding="utf-8")


def time_text(seconds: float) -> str:
    """Three digits and a unit: 71 ns, 3.91 µs, 312 µs, 6.50 ms, 1.20 s."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)):
        if seconds >= size * 0.9995:
            value = seconds / size
            return f"{value:.{0 if value >= 99.95 else 1 if value >= 9.995 else 2}f} {unit}"
    return f"{seconds * 1e9:.2f} ns"


def ratio_text(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 9.95 else f"{ratio:.0f}"


@contextmanager
def figure(path: Path, rows: int, columns: int, size: tuple[float, float]) -> Iterator[Any]:
    """Axes in the house's look, on no background; saved as SVG without a date."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    style = {
        "svg.hashsalt": path.name,
        "font.size": 10,
        "font.family": "DejaVu Sans",
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), INK),
        **dict.fromkeys(("xtick.color", "ytick.color", "axes.titlecolor"), INK),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": INK,
        "grid.alpha": 0.25,
        "legend.frameon": False,
    }
    with plt.rc_context(style):
        made, axes = plt.subplots(rows, columns, figsize=size, layout="constrained")
        made.get_layout_engine().set(w_pad=0.12, h_pad=0.1)
        yield axes
        path.parent.mkdir(exist_ok=True)
        metadata = {"Date": None} if path.suffix == ".svg" else None
        made.savefig(path, transparent=True, metadata=metadata)
        plt.close(made)
