"""What a non-blocking all-reduce of the gradient would hide behind work that goes on meanwhile.

    mpiexec -n 2 python bench/overlap.py [--batch-size 512]
    MPIR_CVAR_ASYNC_PROGRESS=1 mpiexec -n 2 python bench/overlap.py

Seconds on the slowest rank: of an all-reduce alone, of a rank's forward and backward pass alone, of
one after the other, and of the pass between the start of the all-reduce and its end. That is
the best that reducing layer by layer could do: there only the layers above are reduced meanwhile.
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scaling import NETWORKS

import chainrule as cr
from chainrule import distributed
from chainrule.engines import native
from chainrule.engines.protocol import Problem
from chainrule.mathematics.optimizers import adam

TIMES = 15


def timed(team: Any, work: Callable[[], None]) -> float:
    """Return the median of several times, on the slowest rank."""
    times = []
    for _ in range(TIMES):
        team.gather(None)
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    found = np.array([float(np.median(times))])
    team.maximum_(found)
    return float(found[0])


def measure(team: Any, sizes: list[int], output: str, m: int) -> dict[str, float]:
    from mpi4py import MPI

    rng = np.random.default_rng(0)
    net = cr.Network(sizes, output=output, dtype="float32")
    X = rng.normal(size=(m, sizes[0])).astype(np.float32)
    Y = net.targets(rng.integers(0, max(sizes[-1], 2), m), m)
    problem = Problem(net.architecture, X, Y, None, adam(), threads=1)
    rows, into, g = np.arange(m), np.empty_like(net.theta), np.ones_like(net.theta)

    def compute() -> None:
        native.sums(problem, net.theta, rows, rows, None, into)

    def one_by_one() -> None:
        compute()
        team.sum_(g)

    def overlapped() -> None:
        request = MPI.COMM_WORLD.Iallreduce(MPI.IN_PLACE, g)
        compute()
        request.Wait()

    return {
        "reduce": timed(team, lambda: team.sum_(g)),
        "compute": timed(team, compute),
        "one_by_one": timed(team, one_by_one),
        "overlapped": timed(team, overlapped),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=512)
    given = parser.parse_args()
    team = distributed.world()
    for name, (sizes, output) in NETWORKS.items():
        found = measure(team, sizes, output, given.batch_size // team.size)
        if team.rank == 0:
            told = {key: f"{1e3 * seconds:.3f} ms" for key, seconds in found.items()}
            print(json.dumps({"network": name, "batch": given.batch_size, **told}), flush=True)


if __name__ == "__main__":
    distributed.guarded(main)
