"""The gradient check against the notes' loop: every parameter, same network, data and machine.

The loop moves one parameter at a time up and down by 1e-6 and runs a whole forward pass, vectorised
over the samples, in plain NumPy. On the large network it is timed on a sample of the parameters,
and
the time for all is that times their number. Both work in float64. Run it alone on the machine:

    python bench/gradcheck.py            # prints a table; --json for numbers
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.gradcheck import check_network

EPS = 1e-6
Array = np.ndarray[Any, np.dtype[np.float64]]


def plain_cost(net: cr.Network, X: Array, y: Array) -> Callable[[list[Array]], float]:
    """J as one writes it by hand: matrix products, relu, and the logistic or softmax cost from
    z."""
    m, classes = len(X), net.sizes[-1] > 1

    def J(p: list[Array]) -> float:
        a = X
        for W, b in zip(p[:-2:2], p[1:-2:2], strict=True):
            a = np.maximum(a @ W.T + b, 0)
        z = a @ p[-2].T + p[-1]
        if not classes:
            z = z[:, 0]
            return float((np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))).sum() / m)
        z = z - z.max(axis=1, keepdims=True)
        return float((np.log(np.exp(z).sum(axis=1)) - z[np.arange(m), y]).sum() / m)

    return J


def loop(
    J: Callable[[list[Array]], float], p: list[Array], entries: list[tuple[int, int]]
) -> Array:
    """The notes' loop over some entries: (array, flat index)."""
    found = np.empty(len(entries))
    for k, (i, j) in enumerate(entries):
        array = p[i].reshape(-1)
        kept = array[j]
        array[j] = kept + EPS
        above = J(p)
        array[j] = kept - EPS
        below = J(p)
        array[j] = kept
        found[k] = (above - below) / (2 * EPS)
    return found


def measure(
    sizes: list[int], m: int, output: str, sample: int | None, repeats: int
) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    net = cr.Network(sizes, hidden="relu", output=output, seed=0)
    X = rng.standard_normal((m, sizes[0]))
    y = rng.integers(0, sizes[-1] if sizes[-1] > 1 else 2, m)
    p = [np.ascontiguousarray(a) for l in range(1, len(sizes)) for a in (net.W[l], net.b[l])]
    every = [(i, j) for i, array in enumerate(p) for j in range(array.size)]
    chosen = every
    if sample is not None:
        chosen = [every[k] for k in rng.choice(len(every), sample, replace=False)]
    J = plain_cost(net, X, y)
    loop(J, p, chosen[:20])
    start = time.perf_counter()
    numeric = loop(J, p, chosen)
    loop_seconds = (time.perf_counter() - start) / len(chosen) * len(every)

    check_network(net, X, y, progress=False)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        report = check_network(net, X, y, progress=False)
        seconds.append(time.perf_counter() - start)
    mine = np.array([report.tensors[i].numeric.reshape(-1)[j] for i, j in chosen])
    # A value of J is rounded by some units in its last place; so is the loop's difference.
    noise = 16 * np.finfo(float).eps * abs(report.J) / EPS
    off = np.abs(mine - numeric)
    kinked = off > noise + 1e-6 * np.abs(numeric)
    ours = float(np.median(seconds))
    return {
        "network": "-".join(map(str, sizes)),
        "samples": m,
        "parameters": len(every),
        "loop_timed_on": len(chosen),
        "loop_seconds": loop_seconds,
        "check_seconds": ours,
        "times_faster": loop_seconds / ours,
        "verdict": report.verdict,
        "largest_difference": float(off[~kinked].max()),
        "loop_rounding": noise,
        "loop_crossed_a_kink": int(kinked.sum()),
        "peak_MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    results = [
        measure([30, 64, 32, 1], 32, "sigmoid", None, 15),
        measure([784, 128, 10], 128, "softmax", 2000, 5),
    ]
    if asked.json:
        json.dump(results, sys.stdout, indent=2)
        print()
        return
    for r in results:
        print(
            f"{r['network']}, {r['samples']} samples, {r['parameters']} parameters: "
            f"loop {r['loop_seconds']:.3g} s (timed on {r['loop_timed_on']}), "
            f"check {r['check_seconds']:.3g} s, {r['times_faster']:.0f} times faster, "
            f"{r['verdict']}; differs by at most {r['largest_difference']:.1e} "
            f"(rounding of the loop {r['loop_rounding']:.1e}, "
            f"{r['loop_crossed_a_kink']} of its entries crossed a kink); "
            f"peak memory {r['peak_MiB']:.0f} MiB"
        )


if __name__ == "__main__":
    main()
