"""The gradient check against the notes' loop: every parameter, same network, data and machine.

The loop moves one parameter at a time up and down by 1e-6 and runs a whole forward pass, vectorised
over the samples, in plain NumPy. On the large network it is timed on a sample of the parameters,
and the time for all is that times their number. The check takes its passes on the native core and
on NumPy, by turns: the differences alone (every z moved, summed to every parameter), and the whole
check with its verdicts, its layers by themselves, the Taylor test and its own sample of the loop.
All work in float64. Run it alone on the machine:

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
from chainrule.gradcheck.native import native_passes_of
from chainrule.gradcheck.parameter_gradients import slopes_of, summed
from chainrule.gradcheck.progress import Progress
from chainrule.gradcheck.strategies.network import perturbation_of
from chainrule.mathematics.sample_weights import shares_of

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


def differences(net: cr.Network, X: Array, y: Any, native: bool) -> None:
    """Every parameter's numerical derivative, as the check works it out."""
    shares = shares_of(None, len(X), np.float64)
    perturbation = perturbation_of(net, X, net.targets(y, len(X)), shares, False, 0)
    if native:
        perturbation.core = native_passes_of(net, perturbation)
        assert perturbation.core is not None
    for l in range(len(perturbation.layers), 0, -1):
        perturbation.layer(l, Progress(1, False))
        slopes = slopes_of(perturbation, l)
        assert slopes is not None
        for a_prev in (perturbation.layers[l - 1].a_prev, np.ones((len(X), 1))):
            summed(slopes, shares, a_prev)


def medians(work: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Seconds of each, taken by turns."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for repeat in range(repeats + 1):
        for name, run in work.items():
            start = time.perf_counter()
            run()
            if repeat:
                taken[name].append(time.perf_counter() - start)
    return {name: float(np.median(seconds)) for name, seconds in taken.items()}


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

    with np.errstate(all="ignore"):
        alone = medians(
            {
                "native": lambda: differences(net, X, y, True),
                "numpy": lambda: differences(net, X, y, False),
            },
            repeats,
        )
    whole = medians(
        {
            "native": lambda: check_network(net, X, y, progress=False),
            "numpy": lambda: check_network(net, X, y, engine="reference", progress=False),
        },
        repeats,
    )
    report = check_network(net, X, y, progress=False)
    assert "core" in report.method
    mine = np.array([report.tensors[i].numeric.reshape(-1)[j] for i, j in chosen])
    # A value of J is rounded by some units in its last place; so is the loop's difference.
    noise = 16 * np.finfo(float).eps * abs(report.J) / EPS
    off = np.abs(mine - numeric)
    kinked = off > noise + 1e-6 * np.abs(numeric)
    return {
        "network": "-".join(map(str, sizes)),
        "samples": m,
        "parameters": len(every),
        "loop_timed_on": len(chosen),
        "loop_seconds": loop_seconds,
        "differences_seconds": alone,
        "check_seconds": whole,
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
        measure([784, 128, 10], 128, "softmax", 2000, 7),
    ]
    if asked.json:
        json.dump(results, sys.stdout, indent=2)
        print()
        return
    for r in results:
        print(
            f"{r['network']}, {r['samples']} samples, {r['parameters']} parameters: "
            f"loop {r['loop_seconds']:.3g} s (timed on {r['loop_timed_on']})"
        )
        for what in ("differences", "check"):
            native, plain = (r[f"{what}_seconds"][way] for way in ("native", "numpy"))
            print(
                f"  {what:11}  native {native * 1e3:7.2f} ms, {r['loop_seconds'] / native:6.0f} "
                f"times the loop; NumPy {plain * 1e3:7.2f} ms, {r['loop_seconds'] / plain:6.0f} "
                f"times; native {plain / native:.1f} times NumPy"
            )
        print(
            f"  {r['verdict']}; differs by at most {r['largest_difference']:.1e} "
            f"(rounding of the loop {r['loop_rounding']:.1e}, "
            f"{r['loop_crossed_a_kink']} of its entries crossed a kink); "
            f"peak memory {r['peak_MiB']:.0f} MiB"
        )


if __name__ == "__main__":
    main()
