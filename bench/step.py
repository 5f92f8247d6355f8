"""The time of a training step beside that of its peers: `python bench/step.py`.

Each peer runs in processes of its own, with 1 and with 2 threads, and counts with the better
median; the timings of all peers are interleaved, so that a slower minute of the machine falls on
all of them. The floor counts the products alone at the measured peak of multiply-and-add.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from cases import CASES
from peak import fma_peak

HERE = Path(__file__).parent


class Worker:
    """A peer's process, by a program that has some; `ask` takes one timing."""

    def __init__(self, name: str, threads: int, program: str = "peers.py") -> None:
        path = os.pathsep.join(
            p for p in (str(HERE.parent / "src"), os.environ.get("PYTHONPATH")) if p
        )
        env = dict(os.environ, PYTHONPATH=path, OMP_NUM_THREADS=str(threads))
        env |= {"OPENBLAS_NUM_THREADS": str(threads), "TF_CPP_MIN_LOG_LEVEL": "3"}
        self.name, self.threads = name, threads
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / program), name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=env,
        )

    def ask(self, case: int) -> tuple[float, float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{case}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} with {self.threads} threads ended")
        answer = json.loads(line)
        return answer["seconds"], answer["cost"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default="native,jax,torch,numpy,sklearn")
    parser.add_argument("--cases", default=",".join(str(i) for i in range(len(CASES))))
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    threads = [int(t) for t in given.threads.split(",")]
    workers = [Worker(name, t) for name in given.peers.split(",") for t in threads]
    peak = fma_peak()
    print(f"peak {peak:.0f} GFLOP/s a core (float32 multiply-and-add)")
    found = {}
    for number in map(int, given.cases.split(",")):
        case = CASES[number]
        times: dict[tuple[str, int], list[float]] = {}
        costs: dict[str, float] = {}
        for repeat in range(given.repeats + 1):
            for worker in list(workers):
                try:
                    seconds, costs[worker.name] = worker.ask(number)
                except RuntimeError as error:
                    print(error)
                    workers.remove(worker)
                    continue
                if repeat:  # the first one compiles and warms up
                    times.setdefault((worker.name, worker.threads), []).append(seconds)
        best: dict[str, tuple[float, int]] = {}
        for (name, t), taken in times.items():
            middle = median(taken)
            if name not in best or middle < best[name][0]:
                best[name] = (middle, t)
        ours, used = best.get("native", (float("nan"), 1))
        floor = case.operations / (peak * 1e9 * used)
        print(f"\n{case.name}  ({case.hidden}, {case.optimizer}, float32)")
        print(f"  floor {floor * 1e6:10.3f} µs on {used} cores; share {floor / ours:5.0%}")
        for name, (seconds, t) in sorted(best.items(), key=lambda item: item[1]):
            rate = case.operations / seconds * 1e-9
            print(
                f"  {name:8} {seconds * 1e6:12.3f} µs  {t} threads  {rate:7.1f} GFLOP/s"
                f"  {seconds / ours:8.2f} times ours  cost {costs[name]:.6g}"
            )
        found[case.name] = {
            "floor": floor,
            "peers": {name: {"seconds": s, "threads": t} for name, (s, t) in best.items()},
            "costs": costs,
        }
    if given.json:
        given.json.write_text(json.dumps({"peak": peak, "cases": found}, indent=1))
    for worker in workers:
        worker.process.terminate()


if __name__ == "__main__":
    main()
