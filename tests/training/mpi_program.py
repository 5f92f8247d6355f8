"""What each rank runs in the tests of distributed training: the settings come as JSON."""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import distributed


def samples(m: int = 503) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(m, 5))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int), rng.uniform(0, 2, m)


def network(**given: Any) -> cr.Network:
    shape: dict[str, Any] = {"hidden": "tanh", "output": "sigmoid", "seed": 3}
    return cr.Network([5, 16, 8, 1], **{**shape, **given})


def mine(cuts: list[float], rank: int, m: int) -> slice:
    """The rows of a rank, from the shares at which the table is cut."""
    return slice(round(cuts[rank] * m), round(cuts[rank + 1] * m))


def fit_case(case: dict[str, Any], team: Any) -> Any:
    X, y, w = samples()
    net = network(**case.get("network", {}))
    settings = dict(case["fit"])
    part = slice(None) if case["rows"] == "all" else mine(case["cuts"], team.rank, len(X))
    if case.get("weights"):
        settings["sample_weight"] = w[part]
    if settings.get("validation") == "own":
        settings["validation"] = (X[part][::7], y[part][::7])
    history = distributed.fit(
        net, X[part], y[part], rows=case["rows"], team=team, check=True, progress=False, **settings
    )
    return net, history


def stream(job: dict[str, Any], team: Any) -> None:
    from chainrule.tables.fit_stream import fit_data_set
    from chainrule.tables.settings import Choices

    choices = Choices(epochs=3, batch_size=32, dtype="float64", dropout=0.1)
    kept = cr.Checkpoints(job["run"]) if "run" in job else None
    path = job["stream"][min(team.rank, len(job["stream"]) - 1)]
    done = fit_data_set(
        path,
        "y",
        choices,
        memory=260 << 20,
        team=team,
        check_ranks=True,
        checkpoint=kept,
        resume=bool(job.get("resume")),
    )
    every = team.gather((done.model.network.theta.tobytes(), repr(done.scores)))
    assert len(set(every)) == 1
    if team.rank == 0:
        print(json.dumps({"rows": done.rows, "scores": done.scores, "sum": every[0][0].hex()[:80]}))
        print([f.mean.hex() for f in done.model.encoder.features])


def many(team: Any, X: Any, y: Any) -> None:
    """Seeds and folds over the ranks, and on each rank alone: the same bits on all."""
    shape: dict[str, Any] = {"sizes": [5, 8, 1], "output": "sigmoid", "epochs": 3}
    for folds in (None, 3):
        each = cr.grid(seed=range(5), learning_rate=[0.01, 0.1])
        found = cr.fit_many(each, X, y, folds=folds, team=team, **shape)
        alone = cr.fit_many(each, X, y, folds=folds, **shape)
        assert len(found) == len(alone) == 10 * (folds or 1)
        for a, b in zip(found, alone, strict=True):
            assert a.network is not None
            assert b.network is not None
            assert a.network.theta.tobytes() == b.network.theta.tobytes()
            assert (a.cost, a.settings) == (b.cost, b.settings)
    outputs = cr.Ensemble(one.network for one in found if one.network).predict(X)
    assert len(set(team.gather(outputs.tobytes()))) == 1
    if team.rank == 0:
        print("many", team.size)


def at(step: int, action: Any) -> Any:
    def callback(net: cr.Network, history: cr.History) -> None:
        if history.epochs == step:
            action()

    return callback


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    team = distributed.world(job.get("timeout", 60))
    bad = job.get("bad") if team.rank == job.get("rank", 1) else None
    if "stream" in job:
        stream(job, team)
        return
    X, y, w = samples(job.get("m", 503))
    if "many" in job:
        many(team, X, y)
        return
    if "cases" in job:
        thetas = {}
        for name, case in job["cases"].items():
            net, history = fit_case(case, team)
            thetas[name] = net.theta
            thetas[name + " cost"] = np.array(history.cost)
            thetas[name + " engine"] = np.array(history.engine)
            thetas[name + " validation"] = np.array(history.validation_cost)
        if team.rank == 0:
            np.savez(job["out"], **thetas)
        return
    settings: dict[str, Any] = {"epochs": 40, "batch_size": 40, "tolerance": None}
    settings |= job.get("fit", {})
    part = mine(job["cuts"], team.rank, len(X)) if "cuts" in job else slice(None)
    net = network(dropout=0.1, **job.get("network", {}))
    if bad == "kill":
        kill = threading.Timer(job["after"], os.kill, (os.getpid(), signal.SIGKILL))
        kill.daemon = True
        kill.start()
    elif bad == "stop":
        settings["callbacks"] = at(3, lambda: os.kill(os.getpid(), signal.SIGSTOP))
    elif bad == "raise":
        settings["callbacks"] = at(3, lambda: 1 / 0)
    elif bad == "rate":
        settings["learning_rate"] = 0.5
    elif bad == "argument":
        settings["l3"] = 0.5
    elif bad == "version":
        cr.__version__ = "9.9"
    elif bad == "columns":
        X = X[:, :4]
    elif bad == "nan":
        X[200:, 2] = np.nan
    elif bad == "weights":
        settings["sample_weight"] = w[part]
    elif bad == "network":
        net = network(dropout=0.1, seed=9)
    elif bad == "bits":
        theta = net.theta
        settings["callbacks"] = at(3, lambda: theta.__setitem__(0, theta[0] + 1e-9))
        settings["check"] = True
    if bad == "empty" or job.get("bad") == "all empty":
        part = slice(0, 0)
    if "ready" in job and team.rank == 0:
        settings["callbacks"] = at(3, lambda: Path(job["ready"]).touch())
    settings = {"rows": "own", "progress": False, **settings}
    distributed.fit(net, X[part], y[part], team=team, **settings)
    if team.rank == 0:
        print("theta", net.theta.sum().hex(), flush=True)


if __name__ == "__main__":
    distributed.guarded(main)
