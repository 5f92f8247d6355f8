"""What bench/step.py found, as a block of docs/performance.md and as a plot."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from cases import CASES
from peers import PEERS
from writing import INK, LIMIT, OTHERS, OURS, ROOT, figure, ratio_text, replace_block, time_text

IMAGE = ROOT / "docs" / "images" / "step.svg"


def write(found: Any) -> None:
    replace_block(ROOT / "docs" / "performance.md", "step", block(found))
    plot(found, IMAGE)


def block(found: Any) -> str:
    """The text: the table of steps, what it was measured on, the times of whole processes."""
    used = [result["peers"] for result in found["cases"].values()]
    others = [name for name in PEERS if name != "native" and any(name in peers for peers in used)]
    lines = [
        "| network, batch | ours | of the floor | "
        + " | ".join(PEERS[name].label for name in others)
        + " |",
        "|---" * (3 + len(others)) + "|",
    ]
    for number, result in found["cases"].items():
        case, peers = CASES[int(number)], result["peers"]
        ours = peers["native"]["seconds"]
        gflops = case.operations / ours * 1e-9
        speed = "" if result["bound"].startswith("latency") else f", {gflops:.0f} GFLOP/s"
        share = f"{result['floor'] / ours:.0%}"
        share += " (latency)" if not speed else f" ({peers['native']['threads']} cores)"
        share = share.replace("(1 cores)", "(1 core)")
        cells = [
            ratio_text(peers[name]["seconds"] / ours) if name in peers else "" for name in others
        ]
        label = case.name.replace(",", f" {case.hidden},") if case.hidden == "tanh" else case.name
        lines.append(
            f"| {label} | {time_text(ours)}{speed} | {share} | " + " | ".join(cells) + " |"
        )
    worst = max(max(result["differences"].values()) for result in found["cases"].values())
    peak = max(found["peaks"])
    lines += [
        "",
        f"Measured on {found['machine']}; the peak of multiply-and-add is {peak:.0f} GFLOP/s a core"
        f" (before {found['peaks'][0]:.1f}, after {found['peaks'][1]:.1f}). Medians of "
        f"{found['repeats']}; all final costs are those of the reference engine in float64, to "
        f"{worst:.0e} of what training changed.",
        "",
        "![Time of a training step, ours and others](images/step.svg)",
        "",
        *processes(found),
    ]
    return "\n".join(lines)


def processes(found: Any) -> list[str]:
    """The times that somebody at a shell sees: start to first step, shell to written model."""
    first = found["first"]
    names = sorted(first, key=lambda name: first[name])
    whole = {who: median(times) for who, times in found["whole"].items()}
    order = [who for who in whole if who not in ("chainrule", "import numpy")]
    told = ", ".join(f"{PEERS[name].label} {time_text(first[name])}" for name in names)
    against = ", ".join(f"{who} {time_text(whole[who])}" for who in order)
    return [
        f"From the start of a process to its first step ({CASES[1].name}, nothing compiled "
        f"before): {told}.",
        "",
        "From the shell to a written model (breast cancer, 100 epochs, batches of 32): ours "
        f"{time_text(whole['chainrule'])}, {against}.",
    ]


def plot(found: Any, path: Path) -> None:
    """A panel for each network, a bar for each peer, the floor as a line; and the whole process."""
    with figure(path, 3, 2, (9.6, 8.6)) as axes:
        panels = list(axes.flat)
        for number, result in found["cases"].items():
            case, axis = CASES[int(number)], panels.pop(0)
            times = {PEERS[n].label: p["seconds"] for n, p in result["peers"].items()}
            bars(axis, times, "ours", "sgemm alone", result["floor"])
            axis.set_title(f"{case.name.replace(', ', ', batch ')}", loc="left")
        if panels:
            axis = panels.pop(0)
            whole = {who: median(times) for who, times in found["whole"].items()}
            whole = {who.replace("chainrule", "ours"): seconds for who, seconds in whole.items()}
            bars(axis, whole, "ours", "import numpy", None)
            axis.set_title("shell to a written model", loc="left")
        for axis in panels:
            axis.set_axis_off()


def bars(axis: Any, times: dict[str, float], ours: str, yard: str, floor: float | None) -> None:
    """Horizontal bars over a logarithmic axis, the quickest on top, each with time and ratio."""
    from matplotlib.ticker import LogLocator

    order = sorted(times, key=lambda name: times[name])
    colours = [OURS if n == ours else LIMIT if n == yard else OTHERS for n in order]
    values = [times[name] for name in order]
    left = min([*values, floor or values[0]]) / 2.2
    axis.barh(order, values, color=colours, height=0.72)
    axis.set_xscale("log")
    axis.set_xlim(left, max(values) * (max(values) / left) ** 0.42)
    axis.invert_yaxis()
    for name, value in zip(order, values, strict=True):
        told = time_text(value) if name == ours else f"{ratio_text(value / times[ours])}×"
        weight = "bold" if name == ours else "normal"
        axis.annotate(
            told, (value, name), (4, 0), textcoords="offset points", va="center", weight=weight
        )
    for label in axis.get_yticklabels():
        if label.get_text() == ours:
            label.set(color=OURS, weight="bold")
    if floor:
        axis.axvline(floor, color=LIMIT, linestyle="--", linewidth=1.4)
        place = (floor, 1.0)
        axis.annotate(
            "floor", place, (-3, 1), xycoords=("data", "axes fraction"),
            textcoords="offset points", color=LIMIT, ha="right", va="top",
        )  # fmt: skip
    axis.tick_params(axis="y", length=0)
    if max(values) < 20 * left:  # one power of ten or none: more ticks
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(lambda value, _: short(value))
    axis.minorticks_off()
    axis.grid(axis="x")
    axis.set_axisbelow(True)
    axis.spines["left"].set_color(INK)


def short(seconds: float) -> str:
    """A power of ten as 10 µs."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size * 0.999:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds * 1e9:.3g} ns"
