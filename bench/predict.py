"""The time of inference beside that of its peers: `python bench/predict.py`.

Batches of 1 and of 10 000 rows, float32, on 30-64-32-1 and 784-128-10; the same parameters for all,
and their outputs are compared. Each peer runs in processes of its own, with 1 and with 2 threads,
and counts with the better median; the timings of all are interleaved. Afterwards come raw rows
and raw columns of a table's model, see ``predict_tables.py``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import predict_tables
from step import Worker

import chainrule as cr

Call = Callable[[], Any]
TIMING = 0.03  # seconds of calls that make one timing


@dataclass(frozen=True)
class Case:
    """A network and a number of rows."""

    sizes: tuple[int, ...]
    rows: int

    @property
    def name(self) -> str:
        return f"{'-'.join(map(str, self.sizes))}, {self.rows} row{'s' * (self.rows > 1)}"


CASES = (
    Case((30, 64, 32, 1), 1),
    Case((784, 128, 10), 1),
    Case((30, 64, 32, 1), 10000),
    Case((784, 128, 10), 10000),
)


def network(case: Case) -> tuple[cr.Network, Any]:
    output = "sigmoid" if case.sizes[-1] == 1 else "softmax"
    net = cr.Network(list(case.sizes), "relu", output, dtype="float32", seed=0)
    X = np.random.default_rng(0).normal(size=(case.rows, case.sizes[0]))
    return net, X.astype(np.float32)


def predictor(case: Case, threads: int) -> Call:
    """Ours, with `out=`."""
    net, X = network(case)
    f, out = net.predictor(threads), np.empty((case.rows, case.sizes[-1]), np.float32)
    return lambda: f(X, out)


def predict(case: Case, threads: int) -> Call:
    """Ours: `net.predict`, which checks and converts."""
    import os

    os.environ["CHAINRULE_THREADS"] = str(threads)
    net, X = network(case)
    return lambda: net.predict(X)


def numpy(case: Case, threads: int) -> Call:
    """By hand: products into arrays that are there already."""
    net, X = network(case)
    layers = [
        (np.ascontiguousarray(net.W[l].T), net.b[l].copy(), np.empty((len(X), n), np.float32))
        for l, n in enumerate(case.sizes[1:], 1)
    ]
    single = case.sizes[-1] == 1

    def outputs() -> Any:
        a = X
        for W, b, z in layers[:-1]:
            np.matmul(a, W, out=z)
            z += b
            a = np.maximum(z, 0, out=z)
        W, b, z = layers[-1]
        np.matmul(a, W, out=z)
        z += b
        if single:
            return 1 / (1 + np.exp(-z))
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=1, keepdims=True)
        return z

    return outputs


def torch(case: Case, threads: int) -> Call:
    """Eager, in inference mode."""
    import torch

    torch.set_num_threads(threads)
    net, X = network(case)
    parts: list[Any] = []
    for l in range(1, len(case.sizes)):
        part = torch.nn.Linear(case.sizes[l - 1], case.sizes[l])
        part.load_state_dict(
            {
                "weight": torch.from_numpy(net.W[l].copy()),
                "bias": torch.from_numpy(net.b[l].copy()),
            }
        )
        parts += [part, torch.nn.ReLU()]
    parts[-1] = torch.nn.Sigmoid() if case.sizes[-1] == 1 else torch.nn.Softmax(1)
    model, x = torch.nn.Sequential(*parts).eval(), torch.from_numpy(X)

    def outputs() -> Any:
        with torch.inference_mode():
            return model(x)

    return outputs


def sklearn(case: Case, threads: int) -> Call:
    """MLPClassifier.predict_proba, which predict calls."""
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    net, X = network(case)
    threadpool_limits(threads)
    model = MLPClassifier(case.sizes[1:-1], max_iter=1)
    classes = max(2, case.sizes[-1])
    model.fit(np.resize(X, (classes, X.shape[1])), np.arange(classes))
    model.coefs_ = [np.ascontiguousarray(net.W[l].T) for l in range(1, len(case.sizes))]
    model.intercepts_ = [net.b[l].copy() for l in range(1, len(case.sizes))]
    if case.sizes[-1] == 1:
        return lambda: model.predict_proba(X)[:, 1:]
    return lambda: model.predict_proba(X)


PEERS: dict[str, Callable[[Case, int], Call]] = {
    "predictor": predictor,
    "predict": predict,
    "numpy": numpy,
    "torch": torch,
    "sklearn": sklearn,
}


def seconds_of(call: Call, calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - began) / calls


def serve(name: str, threads: int) -> None:
    """Answer each case's number with the seconds of a call, as ``step.Worker`` asks for it."""
    warnings.simplefilter("ignore")
    made: dict[int, tuple[Call, int, float]] = {}
    for line in sys.stdin:
        number = int(line)
        case = CASES[number]
        if number not in made:
            call = PEERS[name](case, threads)
            net, X = network(case)
            off = float(np.abs(np.asarray(call()) - net.forward(X).y_hat).max())
            once = min(seconds_of(call, 3) for _ in range(3))
            made[number] = call, max(1, round(TIMING / once)), off
        call, calls, off = made[number]
        print(json.dumps({"seconds": seconds_of(call, calls), "cost": off}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("worker", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if given.worker:
        serve(given.worker[0], int(given.worker[1]))
        return
    workers = [Worker(name, t, "predict.py") for name in given.peers.split(",") for t in (1, 2)]
    found: dict[str, Any] = {}
    for number, case in enumerate(CASES):
        times: dict[tuple[str, int], list[float]] = {}
        off: dict[str, float] = {}
        for repeat in range(given.repeats + 1):
            for worker in workers:
                seconds, off[worker.name] = worker.ask(number)
                if repeat:  # the first one warms up
                    times.setdefault((worker.name, worker.threads), []).append(seconds)
        best: dict[str, tuple[float, int]] = {}
        for (name, threads), taken in times.items():
            best[name] = min(best.get(name, (np.inf, 0)), (median(taken), threads))
        print(f"\n{case.name}  (relu, float32)")
        ours = min(best.values())[0]
        for name, (seconds, threads) in sorted(best.items(), key=lambda item: item[1]):
            print(
                f"  {name:10} {seconds * 1e6:11.3f} µs  {threads} threads  "
                f"{seconds / ours:7.1f} times the quickest  differs by {off[name]:.0e}"
            )
        found[case.name] = {
            name: {"seconds": seconds, "threads": threads, "differs": off[name]}
            for name, (seconds, threads) in best.items()
        }
    found["tables"] = predict_tables.main()
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))
    for worker in workers:
        worker.process.terminate()


if __name__ == "__main__":
    main()
