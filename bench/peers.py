"""One peer of bench/step.py in a process of its own: `python bench/peers.py NAME THREADS`.

Reads the number of a case per line and answers with JSON: seconds per step, and the cost that the
trained parameters have. The first answer for a case is slower and serves to prepare it. Every peer
has the same data, start, order and optimizer, resident as arrays of float32. With `--first CASE`
it takes one step and ends, for whoever times the process.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from dataclasses import dataclass, replace

from cases import CASES, Case, Run, cost, trained
from threadpoolctl import threadpool_limits

ENOUGH = 0.15  # seconds; see Run.timed


def native(case: Case, threads: int) -> Run:
    from chainrule.engines import native as engine

    return trained(case, engine, "float32", threads)


@dataclass(frozen=True)
class Peer:
    """What the tables call it, and where it is: module and function."""

    label: str
    module: str
    function: str
    imports: str  # a package without which it cannot run


PEERS = {
    "native": Peer("ours", "peers", "native", "chainrule"),
    "jax": Peer("JAX, jit and scan", "peers_jax", "jax", "jax"),
    "compiled": Peer("torch compiled", "peers_torch", "compiled", "torch"),
    "by_hand": Peer("torch by hand", "peers_torch", "by_hand", "torch"),
    "eager": Peer("torch eager", "peers_torch", "eager", "torch"),
    "numpy": Peer("NumPy by hand", "peers_numpy", "numpy", "threadpoolctl"),
    "sklearn": Peer("scikit-learn", "peers_sklearn", "sklearn", "sklearn"),
    "blas": Peer("sgemm alone", "peers_blas", "blas", "scipy_openblas32"),
}


def ready(name: str, case: Case, threads: int) -> Run:
    peer = PEERS[name]
    found: Run = getattr(importlib.import_module(peer.module), peer.function)(case, threads)
    return found


def main() -> None:
    name, threads = sys.argv[1], int(sys.argv[2])
    warnings.simplefilter("ignore")
    if "--first" in sys.argv:
        ready(name, replace(CASES[int(sys.argv[4])], steps=1), threads).train()
        return
    made: dict[int, Run] = {}
    for line in sys.stdin:
        number = int(line)
        case = CASES[number]
        if number not in made:
            made[number] = ready(name, case, threads)
        run = made[number]
        seconds, result = run.timed(ENOUGH)
        with threadpool_limits(1):  # threads of NumPy's BLAS would spin into the next timing
            J = cost(case, run.read(result)) if run.read else None
        print(json.dumps({"seconds": seconds / case.steps, "cost": J}), flush=True)


if __name__ == "__main__":
    main()
