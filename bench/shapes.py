"""Time of a training step against width, batch and depth, beside what the machine allows.

`python bench/shapes.py [--write]`, ours alone. The floor of a step is the larger of two: the
operations of its products at the peak of multiply-and-add, and the bytes that it must move at the
bandwidth of a += s b over as many bytes as the step works on; both measured in the same run, on
all cores. Each point is the better of 1 and 2 threads. `--write` puts the table of every point
above 50 µs into docs/measuring.md and the curves into docs/images/shapes.svg.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, replace
from math import ceil
from statistics import median
from typing import Any

import numpy as np
from cases import CASES, Case, Run, data, trained
from cores import Cores, Timings
from peak import bandwidth, fma_peak
from writing import INK, LIMIT, OURS, ROOT, figure, machine, replace_block, time_text

IMAGE = ROOT / "docs" / "images" / "shapes.svg"
JUDGED, WITHIN = 50e-6, 1.3
FOOTPRINTS = [2**k for k in range(13, 29)]
LEAST, ENOUGH = 0.02, 0.08  # seconds of a run at least; and of a timing, see Run.timed
FEWEST, MOST = 20, 2000  # steps of a run, which copies theta once in and once out


@dataclass(frozen=True)
class Sweep:
    """A curve: which of the three varies, and the shape of each of its points."""

    axis: str
    label: str
    points: dict[int, tuple[int, int, int]]  # at: width, batch, hidden layers


def powers(first: int, last: int) -> list[int]:
    return [2**k for k in range(first.bit_length() - 1, last.bit_length())]


SWEEPS = (
    Sweep("width", "batch 32", {n: (n, 32, 2) for n in powers(8, 4096)}),
    Sweep("width", "batch 256", {n: (n, 256, 2) for n in powers(8, 4096)}),
    Sweep("batch", "width 64", {m: (64, m, 2) for m in powers(1, 4096)}),
    Sweep("batch", "width 512", {m: (512, m, 2) for m in powers(1, 4096)}),
    Sweep("depth", "width 64, batch 128", {d: (64, 128, d) for d in (1, 2, 3, 4, 6, 8, 12, 16)}),
    Sweep("depth", "width 512, batch 128", {d: (512, 128, d) for d in (1, 2, 3, 4, 6, 8, 12, 16)}),
)


def case_of(width: int, batch: int, hidden: int) -> Case:
    """As many inputs as units, ten classes, relu, plain descent; enough rows for the batch."""
    sizes = (*([width] * (hidden + 1)), 10)
    return replace(CASES[2], sizes=sizes, batch=batch, rows=max(batch, 64), steps=1)


def bytes_of(case: Case) -> tuple[float, float]:
    """Bytes that a step must move, and those that it works on, of float32.

    W is read forward and back, and written by the update; x is read forward and for dW; each
    layer's output is written once and read twice; dz is taken to cost nothing.
    """
    weights = sum(n * k for n, k in zip(case.sizes[:-1], case.sizes[1:], strict=True))
    units = sum(case.sizes[1:])
    moved = 3 * weights + case.batch * (2 * case.sizes[0] + 3 * units)
    held = weights + case.batch * (case.sizes[0] + units)
    return 4.0 * moved, 4.0 * held


@dataclass(frozen=True)
class Limits:
    """The machine's: multiply-and-add of all cores together, bytes a second by footprint."""

    cores: int
    peak: float
    rates: list[float]

    @classmethod
    def measured(cls, cores: int) -> Limits:
        return cls(cores, fma_peak(cores) * cores, bandwidth(FOOTPRINTS, cores))

    def floors(self, case: Case) -> tuple[float, float]:
        moved, held = bytes_of(case)
        rate = float(np.interp(np.log(held / self.cores), np.log(FOOTPRINTS), self.rates))
        return case.operations / (self.peak * 1e9), moved / (rate * 1e9)


@dataclass(frozen=True)
class Point:
    """A point of a curve, measured."""

    sweep: Sweep
    at: int
    case: Case
    seconds: float
    threads: int
    products: float  # the two floors
    bytes: float

    @property
    def ratio(self) -> float:
        return self.seconds / max(self.products, self.bytes)


def measure(sweep: Sweep, limits: Limits, repeats: int, cores: Cores) -> list[Point]:
    """All points of a curve, with 1 thread and with all; turns are taken, the better median counts.

    Each turn goes through the whole curve, so that a noise of a second spoils one timing of a point
    and not all; each timing has as many steps as fill LEAST.
    """
    from chainrule.engines import native

    runs: dict[tuple[int, int], Run] = {}
    cases = {}
    for at, shape in sweep.points.items():
        case = case_of(*shape)
        steps = ceil(LEAST / (2 * max(limits.floors(case)) + 1e-6))
        cases[at] = replace(case, steps=min(max(steps, FEWEST), MOST))
        for threads in {1, limits.cores}:
            runs[at, threads] = trained(cases[at], native, "float32", threads)
    times = {key: Timings() for key in runs}
    for repeat in range(repeats + 1):
        for key, run in runs.items():
            if repeat and key[1] > 1:
                cores.wait()
            taken, _ = run.timed(ENOUGH, least=2)
            if repeat:
                times[key].add(taken / cases[key[0]].steps, key[1] == 1 or cores.near())
    data.cache_clear()
    found = []
    for at, case in cases.items():
        best = min((1, limits.cores), key=lambda t: times[at, t].median())
        found.append(Point(sweep, at, case, times[at, best].median(), best, *limits.floors(case)))
    return found


def table(points: list[Point]) -> list[str]:
    """Every point above 50 µs, as rows of Markdown; those farther from the floor are marked."""
    lines = [
        "| network, batch | step | floor | of | threads | step / floor |",
        "|---|---|---|---|---|---|",
    ]
    seen = {}
    for point in points:
        if point.seconds > JUDGED:
            seen.setdefault((*point.case.sizes, point.case.batch), point)
    for point in seen.values():
        hidden = len(point.case.sizes) - 2
        name = f"{point.at if point.sweep.axis == 'width' else point.case.sizes[0]} wide"
        name += f", {hidden} hidden, batch {point.case.batch}"
        floor = max(point.products, point.bytes)
        bound = "products" if point.products >= point.bytes else "bytes"
        mark = f"**{point.ratio:.2f}**" if point.ratio > WITHIN else f"{point.ratio:.2f}"
        lines.append(
            f"| {name} | {time_text(point.seconds)} | {time_text(floor)} | {bound} "
            f"| {point.threads} | {mark} |"
        )
    return lines


def summary(points: list[Point], before: Limits, after: Limits) -> str:
    judged = [p for p in points if p.seconds > JUDGED]
    good = sum(p.ratio <= WITHIN for p in judged)
    return (
        f"{good} of the {len(judged)} points above 50 µs lie within {WITHIN} times the floor, the "
        f"median at {median(p.ratio for p in judged):.2f}. {machine()}; all cores together "
        f"{before.peak:.0f} GFLOP/s before and {after.peak:.0f} after, {before.rates[0]:.0f} GB/s "
        f"in the first cache, {before.rates[-1]:.0f} GB/s from memory."
    )


def plot(points: list[Point], path: Any) -> None:
    """Three panels, log over log: ours with marks, the floor of each curve as a broken line."""
    with figure(path, 1, 3, (12.5, 4.3)) as axes:
        for axis, kind in zip(axes, ("width", "batch", "depth"), strict=True):
            sweeps = [s for s in SWEEPS if s.axis == kind]
            for sweep, shape in zip(sweeps, "os", strict=True):
                found = [p for p in points if p.sweep == sweep]
                at = [p.at for p in found]
                floor = [max(p.products, p.bytes) * 1e6 for p in found]
                axis.plot(at, floor, "--", color=LIMIT, linewidth=1.6)
                axis.plot(
                    at, [p.seconds * 1e6 for p in found], f"{shape}-", color=OURS, markersize=5,
                    linewidth=1.4, markerfacecolor=OURS if shape == "o" else "none",
                    label=sweep.label,
                )  # fmt: skip
            axis.plot([], [], "--", color=LIMIT, label="floor")
            axis.axhline(JUDGED * 1e6, color=INK, linewidth=0.8, linestyle=":")
            axis.set_xscale("log", base=2)
            axis.set_yscale("log")
            ticks = sorted({p.at for p in points if p.sweep.axis == kind})
            axis.set_xticks(ticks[:: 1 if kind == "depth" else 2])
            axis.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
            axis.minorticks_off()
            axis.set_xlabel("hidden layers" if kind == "depth" else kind)
            axis.set_title(f"against {kind}", loc="left")
            axis.grid()
            axis.legend(loc="upper left")
        axes[0].set_ylabel("time of a step, µs")
        axes[0].annotate("50 µs", (8, JUDGED * 1e6), (0, 3), textcoords="offset points", fontsize=8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--patience", type=float, default=40, help="seconds; see bench/cores.py")
    parser.add_argument("--axis", choices=["width", "batch", "depth"], help="one panel, no writing")
    parser.add_argument("--write", action="store_true", help="into docs/measuring.md and its plot")
    given = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    near = Cores(given.patience)
    before = Limits.measured(cores)
    points = []
    for sweep in SWEEPS:
        if given.axis not in (None, sweep.axis):
            continue
        print(f"\nagainst {sweep.axis}, {sweep.label}", flush=True)
        for point in measure(sweep, before, given.repeats, near):
            points.append(point)
            mark = " above 1.3" if point.seconds > JUDGED and point.ratio > WITHIN else ""
            print(
                f"  {point.at:5} {time_text(point.seconds):>8}  {point.threads} threads  products "
                f"{time_text(point.products):>8}  bytes {time_text(point.bytes):>8}"
                f"  ratio {point.ratio:5.2f}{mark}",
                flush=True,
            )
    told = summary(points, before, Limits.measured(cores))
    print(f"\n{told}\n")
    print("\n".join(table(points)))
    if given.write and given.axis is None:
        page = ROOT / "docs" / "measuring.md"
        replace_block(page, "shapes", "\n".join([told, "", *table(points)]))
        plot(points, IMAGE)


if __name__ == "__main__":
    main()
