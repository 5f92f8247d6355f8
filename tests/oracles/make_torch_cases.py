"""Write torch_cases.json: gradients as torch 2.13.0 computes them, for where torch is missing.

Run from the folder tests: ``python -m oracles.make_torch_cases``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from .cases import CYCLE, PAIRS, network_and_case
from .torch_network import Case, run

FILE = Path(__file__).with_name("torch_cases.json")


def short(array: Any) -> Any:
    """Return inputs with three decimals, which the file then holds exactly."""
    return np.round(array, 3)


def stored(case: Case) -> dict[str, Any]:
    """Return a case and torch's result as plain JSON values; theta in the order of ours."""
    result = run(case)
    theta = [np.r_[W.T.ravel(), b] for W, b in zip(case.W, case.b, strict=True)]
    dtheta = [np.r_[W.T.ravel(), b] for W, b in zip(result.dW, result.db, strict=True)]
    return {
        "activations": list(case.activations),
        "cost": case.cost,
        "l1": case.l1,
        "l2": case.l2,
        "theta": np.concatenate(theta).tolist(),
        "X": case.X.tolist(),
        "Y": case.Y.tolist(),
        "weights": None if case.weights is None else case.weights.tolist(),
        "J": result.J,
        "y_hat": result.y_hat.tolist(),
        "dtheta": np.concatenate(dtheta).tolist(),
        "dz": [dz.tolist() for dz in result.dz],
        "da": [da.tolist() for da in result.da],
    }


def main() -> None:
    """Write one case for every output activation with every cost, hidden ones in turn."""
    cases = []
    triples = [(CYCLE[i % len(CYCLE)], *pair) for i, pair in enumerate(PAIRS)]
    triples += [("mish", "tanh", "huber"), ("gelu", "mish", "squared_error")]
    for i, (hidden, output, cost) in enumerate(triples):
        rng = np.random.default_rng(i)
        _, case = network_and_case([2, 3, 2], [hidden, output], cost, rng, m=2, l1=0.25, l2=0.5)
        case.W, case.b = [short(W) for W in case.W], [short(b) for b in case.b]
        case.X, case.Y = short(case.X), short(case.Y)
        if cost.startswith("cross_entropy"):
            case.Y[:, 1] = 1 - case.Y[:, 0]
        if i % 2:
            case.weights = np.array([1.0, 2.5])
        cases.append(stored(case))
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    FILE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
