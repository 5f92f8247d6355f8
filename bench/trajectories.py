"""The bits of 20 trainings, written to a file before a redesign and compared with it after.

    python bench/trajectories.py --write before.json     # with the code as it was
    python bench/trajectories.py --against before.json   # with the code as it is

Each network is trained by the reference engine and by the native one on every instruction set, by 1
and 2 threads; a digest of all costs and of theta stands for the bits. They depend on the compiler,
so a file holds for one build machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "xor": ({"sizes": [2, 2, 1], "hidden": "tanh", "output": "sigmoid"}, {"batch_size": 4}),
    "adam": ({"sizes": [30, 64, 32, 1], "hidden": "relu", "output": "sigmoid"}, {}),
    "adam32": ({"sizes": [30, 64, 32, 1], "output": "sigmoid", "dtype": "float32"}, {}),
    "digits": ({"sizes": [64, 128, 10], "output": "softmax", "dtype": "float32"}, {}),
    "wide": ({"sizes": [20, 512, 512, 3], "output": "softmax", "dtype": "float32"}, {}),
    "wide8": ({"sizes": [20, 512, 512, 3], "dtype": "float32"}, {"batch_size": 8}),
    "wide16": ({"sizes": [20, 300, 300, 2]}, {"batch_size": 16}),
    "deep": ({"sizes": [8] + [24] * 8 + [1], "hidden": "elu"}, {"optimizer": "rmsprop"}),
    "regression": ({"sizes": [4, 32, 16, 4], "hidden": "tanh"}, {"optimizer": "rmsprop"}),
    "dropout": ({"sizes": [10, 40, 40, 2], "dropout": [0.1, 0.3, 0.2]}, {"batch_size": 50}),
    "penalties": (
        {"sizes": [6, 20, 1], "l1": 1e-3, "l2": 1e-2, "output": "sigmoid"},
        {"optimizer": "adamw"},
    ),
    "clip": ({"sizes": [6, 50, 1], "hidden": "gelu"}, {"clip_norm": 0.5, "optimizer": "momentum"}),
    "clip_value": ({"sizes": [6, 50, 1], "hidden": "silu"}, {"clip_value": 0.01}),
    "counts": ({"sizes": [5, 16, 1], "output": "exp", "cost": "poisson"}, {"optimizer": "adagrad"}),
    "huber": ({"sizes": [5, 16, 2], "cost": "huber", "hidden": "leaky_relu(0.1)"}, {}),
    "softmax inside": ({"sizes": [5, 12, 9, 1], "hidden": ["softmax", "selu"]}, {}),
    "schedule": ({"sizes": [5, 24, 1]}, {"schedule": "cosine", "optimizer": "nesterov"}),
    "full batch": ({"sizes": [12, 30, 1], "hidden": "softplus"}, {"batch_size": 300}),
    "weights": ({"sizes": [7, 31, 3], "output": "softmax", "seed": 5}, {"weights": True}),
    "lbfgs": ({"sizes": [5, 8, 1], "hidden": "tanh"}, {"optimizer": "lbfgs", "epochs": 8}),
}
ROWS = 300


def samples(net: Any, weights: bool) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(7)
    X = rng.normal(size=(ROWS, net.sizes[0]))
    signal = X @ rng.normal(size=(net.sizes[0], net.sizes[-1]))
    kind = net.cost.target
    if kind == "classes":
        y: Any = signal.argmax(axis=1)
    elif kind == "count":
        y = rng.poisson(1.5, size=signal.shape)
    elif kind == "probability":
        y = (signal > 0).astype(float)
    else:
        y = np.tanh(signal)
    return X, y, rng.random(ROWS) if weights else None


def digest(case: str, engine: str, threads: int) -> str:
    network, settings = CASES[case]
    settings = {"epochs": 4, "batch_size": 32, "tolerance": None, **settings}
    net = cr.Network(**network)
    X, y, w = samples(net, settings.pop("weights", False))
    if settings.get("optimizer") == "lbfgs":
        del settings["batch_size"]
    history = net.fit(
        X, y, sample_weight=w, engine=engine, threads=threads, progress=False, **settings
    )
    bits = np.array(history.cost).tobytes() + net.theta.tobytes() + net.predict(X).tobytes()
    return hashlib.sha256(bits).hexdigest()[:16]


def digests() -> Iterator[tuple[str, str]]:
    from chainrule.engines import native

    for case in CASES:
        yield f"{case} reference", digest(case, "reference", 1)
        for isa in native.available_isas():
            os.environ["CHAINRULE_ISA"] = isa
            for threads in (1, 2):
                yield f"{case} {isa} {threads}", digest(case, "native", threads)
            del os.environ["CHAINRULE_ISA"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--against", type=Path)
    options = parser.parse_args()
    now = dict(digests())
    if options.write:
        options.write.write_text(json.dumps(now, indent=0), encoding="utf-8")
    if options.against:
        before = json.loads(options.against.read_text(encoding="utf-8"))
        changed = [name for name in before if now.get(name) != before[name]]
        print(f"{len(before) - len(changed)} of {len(before)} have the same bits")
        for name in changed:
            print("changed:", name)
        sys.exit(bool(changed))


if __name__ == "__main__":
    main()
