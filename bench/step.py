"""The time of a training step beside that of its peers: `python bench/step.py [--write]`.

Each peer runs in processes of its own, with 1 and with 2 threads, and counts with the better
median; the timings of all peers are interleaved, so that a slower minute of the machine falls on
all of them, and those of several threads wait for cores that are near each other (cores.py). A
thread count that is 1.5 times slower than the other twice is not asked again.
The costs that the trained parameters have must be those of the reference engine in float64.

The floor counts the products alone at the peak of multiply-and-add, measured before and after; for
one sample at a time, the chain of operations that wait for one another. `sgemm alone` is what the
same products take in OpenBLAS. Beside it: from the start of a process to its first step, and from
the shell to a written model. `--write` puts it into docs/performance.md and docs/images/step.svg.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import step_figures
import whole_process
from cases import CASES, Case, costs_expected
from cores import Cores, Timings
from peak import chain, fma_peak
from peers import PEERS
from writing import machine, time_text

HERE = Path(__file__).parent
ALLOWED = 1e-4  # of the decrease of the cost; rounding in float32 makes 3e-6 at most
FIRST = 1  # the case whose first step is timed


def environment(threads: int) -> dict[str, str]:
    named = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    return dict(os.environ, **named)


def command(name: str, threads: int, program: str = "peers.py") -> list[str]:
    return [sys.executable, str(HERE / program), name, str(threads)]


class Worker:
    """A peer's process, by a program that has some; `ask` takes one timing."""

    def __init__(self, name: str, threads: int, program: str = "peers.py") -> None:
        self.name, self.threads = name, threads
        self.process = subprocess.Popen(
            command(name, threads, program),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(threads),
        )

    def ask(self, case: int) -> tuple[float, float | None]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{case}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended: " + shlex.join(self.process.args))
        if self.threads > 1:
            time.sleep(0.05)  # its threads go on spinning for a while
        answer = json.loads(line)
        return answer["seconds"], answer["cost"]


def prepare(workers: list[Worker], numbers: list[int]) -> None:
    """Import, compile and run once, several workers at a time."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as several:
        list(
            several.map(lambda worker: [worker.ask(n) for n in asked_of(worker, numbers)], workers)
        )


def asked_of(worker: Worker, numbers: list[int]) -> list[int]:
    """One sample at a time leaves nothing to share between threads."""
    return [n for n in numbers if worker.threads == 1 or CASES[n].batch > 1]


def timings(
    number: int, workers: list[Worker], repeats: int, cores: Cores
) -> tuple[dict[str, Any], Any]:
    """Return for each peer seconds and threads of the better median, and the costs by peer."""
    times: dict[Worker, Timings] = {worker: Timings() for worker in workers}
    costs: dict[str, float] = {}
    asked = [w for w in workers if asked_of(w, [number])]
    for repeat in range(repeats):
        for worker in asked:
            if worker.threads > 1:
                cores.wait()
            seconds, cost = worker.ask(number)
            times[worker].add(seconds, worker.threads == 1 or cores.near())
            if cost is not None:
                costs[worker.name] = cost
        if repeat == 1:
            least = {w: min(times[w].all) for w in asked}
            quickest = {w.name: min(least[v] for v in asked if v.name == w.name) for w in asked}
            asked = [w for w in asked if least[w] < 1.5 * quickest[w.name]]
    best: dict[str, Any] = {}
    for worker in asked:
        middle = times[worker].median()
        if worker.name not in best or middle < best[worker.name]["seconds"]:
            near = len(times[worker].near) >= 3
            best[worker.name] = {"seconds": middle, "threads": worker.threads, "near": near}
    return best, costs


def differences(case: Case, costs: dict[str, float]) -> dict[str, float]:
    """How far each cost lies from that of the reference engine, in units of the decrease."""
    before, after = costs_expected(case)
    return {name: abs(J - after) / abs(before - after) for name, J in costs.items()}


def first_steps(names: list[str]) -> dict[str, float]:
    """Seconds from the start of a process to the end of its first step, nothing compiled before."""
    found = {}
    for name in names:
        if name == "blas":
            continue
        taken = []
        for _ in range(1 if name == "compiled" else 3):
            with tempfile.TemporaryDirectory() as empty:
                env = environment(1) | {"TORCHINDUCTOR_CACHE_DIR": empty}
                began = time.perf_counter()
                subprocess.run([*command(name, 1), "--first", str(FIRST)], env=env, check=True)
                taken.append(time.perf_counter() - began)
        found[name] = median(taken)
    return found


def show(case: Case, result: dict[str, Any]) -> None:
    peers, floor = result["peers"], result["floor"]
    ours = peers.get("native", {"seconds": float("nan")})["seconds"]
    print(f"\n{case.name}  ({case.hidden}, {case.optimizer}, float32)")
    print(f"  floor {time_text(floor)} ({result['bound']}); share {floor / ours:.0%}")
    for name, peer in sorted(peers.items(), key=lambda item: item[1]["seconds"]):
        seconds, threads = peer["seconds"], peer["threads"]
        print(
            f"  {PEERS[name].label:18} {time_text(seconds):>8}  {threads} threads"
            f"  {case.operations / seconds * 1e-9:7.1f} GFLOP/s  {seconds / ours:8.2f} times ours"
            + ("" if peer["near"] else "  (cores far apart)")
        )
    worst = max(result["differences"].values(), default=0.0)
    print(f"  final costs equal to {worst:.0e} of the decrease (allowed {ALLOWED:.0e})", flush=True)


def floor_of(case: Case, threads: int, peak: float) -> tuple[float, str]:
    products = case.operations / (peak * 1e9 * threads)
    multiplications, divisions = case.chain
    fma, division = chain() if multiplications else (0.0, 0.0)
    waits = multiplications * fma + divisions * division
    if waits > products:
        return waits, f"latency: {multiplications} multiply-and-adds and {divisions} divisions"
    return products, f"products on {threads} core{'s' if threads > 1 else ''}"


def measure(
    names: list[str], numbers: list[int], threads: list[int], repeats: int, patience: float
) -> Any:
    workers = [Worker(name, t) for name in names for t in threads]
    prepare(workers, numbers)
    peaks = [fma_peak(max(threads))]
    cores = Cores(patience)
    taken = {number: timings(number, workers, repeats, cores) for number in numbers}
    for worker in workers:
        worker.process.terminate()
        worker.process.wait()
    peaks.append(fma_peak(max(threads)))
    cases = {}
    for number, (peers, costs) in taken.items():
        case = CASES[number]
        used = peers.get("native", {"threads": 1})["threads"]
        floor, bound = floor_of(case, used, max(peaks))
        cases[number] = {"floor": floor, "bound": bound, "peers": peers}
        cases[number]["differences"] = differences(case, costs)
        show(case, cases[number])
    return {"peaks": peaks, "cases": cases, "repeats": repeats, "machine": machine()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--cases", default=",".join(str(i) for i in range(len(CASES))))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--patience", type=float, default=40, help="seconds; see bench/cores.py")
    parser.add_argument("--steps-only", action="store_true", help="no whole processes, no writing")
    parser.add_argument("--write", action="store_true", help="into docs/performance.md")
    parser.add_argument("--json", type=Path, help="keep the numbers in this file")
    parser.add_argument("--from-json", type=Path, help="show and write those numbers again")
    given = parser.parse_args()
    if given.from_json:
        found = json.loads(given.from_json.read_text())
    else:
        wanted = given.peers.split(",")
        names = [name for name in wanted if importlib.util.find_spec(PEERS[name].imports)]
        for name in sorted(set(wanted) - set(names)):
            print(f"left out: {PEERS[name].label}; {PEERS[name].imports} is not installed")
        numbers, threads = ([int(i) for i in v.split(",")] for v in (given.cases, given.threads))
        found = json.loads(
            json.dumps(measure(names, numbers, threads, given.repeats, given.patience))
        )
        if not given.steps_only:
            found["first"] = first_steps(names)
            found["whole"] = whole_process.measure(3, warm=0)
    before, after = found["peaks"]
    print(f"\n{found['machine']}")
    print(f"peak {before:.1f} GFLOP/s a core before, {after:.1f} after (float32 multiply-and-add)")
    if "first" in found:
        print(f"from the start of a process to its first step, {CASES[FIRST].name}:")
        for name, seconds in sorted(found["first"].items(), key=lambda item: item[1]):
            print(f"  {PEERS[name].label:18} {time_text(seconds)}")
        whole_process.show(found["whole"])
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))
    unequal = [
        f"{CASES[int(number)].name}: {PEERS[name].label} ends {far:.0e} of the decrease away"
        for number, result in found["cases"].items()
        for name, far in result["differences"].items()
        if not far <= ALLOWED
    ]
    if unequal:
        raise SystemExit("final costs differ; nothing is written\n" + "\n".join(unequal))
    if abs(before - after) > 0.05 * after:
        print("the peak moved: the machine was not quiet, measure again")
    if given.write and not given.steps_only:
        step_figures.write(found)


if __name__ == "__main__":
    main()
