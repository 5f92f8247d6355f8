"""From a table to the best model: ours against boosted trees and other networks, on real tables.

    python bench/tables.py FOLDER                     # ours on the gauge, against frozen peers
    python bench/tables.py FOLDER --tables all        # or chosen, others, or names of tables
    python bench/tables.py FOLDER --without bins      # ours without one ingredient
    python bench/tables.py FOLDER --ablate --out DIR  # without each in turn; goes on where it was
    python bench/tables.py FOLDER --refresh CatBoost  # measure a peer anew, and freeze it

Three folds, drawn twice below 3000 rows, the same for every learner; at most 10 000 rows of a
table; one thread. The error is the log loss for classes and sqrt(1 - R²) for numbers. Shown are
the geometric mean over tables of ours / theirs with its 95 % bootstrap interval, mean ranks, the
worst table, and of each learner the mean seconds of a fit and the peak memory; of ours also the
expected calibration error of classes and the coverage of 90 % intervals of numbers. Constants of
the recipe are chosen on the 24 tables of ``CHOSEN_ON`` alone; the others are reported apart.

Peers' results are frozen in bench/tables_peers.json with the versions they were measured with.
Seconds there mean something only if the machine had nothing else to do; errors always do.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tables_ablation import ablate
from tables_calibration import calibration, summary
from tables_compare import Result, geometric_mean, mean_error, ratio
from tables_data import CHOSEN_ON, GAUGE, error, load, records
from tables_learners import LEARNERS, PACKAGES, answer_of, fit_ours, version

FROZEN = Path(__file__).parent / "tables_peers.json"


def evaluate(
    folder: Path, learner: str, name: str, without: Sequence[str], folds: int | None
) -> Result:
    """Fit and score a learner on the folds of a table, in this process."""
    table = load(folder, name)
    more = {"without": tuple(without)} if without else {}
    errors, seconds, calibrated = [], 0.0, defaultdict(list)
    for train, test in table.folds[:folds]:
        began = time.perf_counter()
        X, y, X_test = table.X.iloc[train], table.y[train], table.X.iloc[test]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if learner == "ours":
                model = fit_ours(table.task, X, y, **more)
                predicted, classes = answer_of(model, X_test)
            else:
                predicted, classes = LEARNERS[learner](table.task, X, y, X_test, **more)
            seconds += time.perf_counter() - began
            if learner == "ours":
                for name, value in calibration(model, X_test, table.y[test]).items():
                    calibrated[name].append(round(value, 5))
        errors.append(error(table, test, predicted, classes))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    mean = round(seconds / len(errors), 3)
    return {"errors": errors, "seconds": mean, "MB": round(peak), **calibrated}


def apart(
    folder: Path, learner: str, name: str, without: Sequence[str] = (), folds: int | None = None
) -> Result | None:
    """Do the same in a process of its own, so that its memory is its own; None if it fails."""
    command = [sys.executable, __file__, str(folder), "--one", learner, name]
    for ingredient in without:
        command += ["--without", ingredient]
    if folds:
        command += ["--folds", str(folds)]
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **threads})
    if done.returncode:
        print(f"{learner} failed on {name}: {done.stderr.strip()[-300:]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def frozen() -> dict[str, Any]:
    """Return the peers' frozen results: learner -> {"version", "tables": {name: result}}."""
    return json.loads(FROZEN.read_text()) if FROZEN.exists() else {}


def refresh(
    folder: Path, learners: Sequence[str], names: Sequence[str], again: bool, folds: int | None
) -> None:
    """Measure peers and freeze each result as it comes; those there are stay unless ``again``."""
    for name in names:
        for learner in learners:
            used = version(learner)
            kept = frozen().get(learner, {})
            present = kept.get("version") == used and name in kept.get("tables", {})
            if used is None or (present and not again):
                continue
            result = apart(folder, learner, name, folds=folds)
            if result is None:
                continue
            results = frozen()
            entry = results.setdefault(learner, {"version": used, "tables": {}})
            entry["version"] = used
            entry["tables"][name] = result
            FROZEN.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
            print(f"{name:18} {learner:22} {np.mean(result['errors']):.4f}", flush=True)


def comparison(ours: Mapping[str, Result], theirs: Mapping[str, Result]) -> str:
    """Return a row of the table of peers: ratios of errors over the tables that both have."""
    names = [name for name in ours if name in theirs]
    if not names:
        return "| no table in common |"
    ratios = {name: ratio(ours[name], theirs[name]) for name in names}
    better = sum(one < 1 for one in ratios.values())
    worst = max(ratios, key=lambda name: ratios[name])
    seconds = np.log([ours[n]["seconds"] / theirs[n]["seconds"] for n in names])
    return (
        f"| {geometric_mean(list(ratios.values()))} | {better} of {len(names)} | "
        f"{ratios[worst]:.2f} {worst} | "
        f"{np.exp(seconds.mean()):.2f} | {max(theirs[n]['MB'] for n in names)} |"
    )


def ranks(results: Mapping[str, Mapping[str, Result]]) -> dict[str, float]:
    """Return each learner's mean rank over the tables that all of them have."""
    names = set.intersection(*(set(one) for one in results.values()))
    if not names:
        return dict.fromkeys(results, float("nan"))
    errors = np.array([[mean_error(one[n]) for n in sorted(names)] for one in results.values()])
    places = (errors[:, None] > errors[None]).sum(axis=1) + 1
    return dict(zip(results, places.mean(axis=1).tolist(), strict=True))


def report(title: str, ours: Mapping[str, Result], names: Sequence[str], folder: Path) -> None:
    """Print one part of the report in Markdown: against each peer on some of the tables."""
    mine = {name: ours[name] for name in names if name in ours}
    if not mine:
        return
    peers = {p: {n: r for n, r in e["tables"].items() if n in mine} for p, e in frozen().items()}
    print(f"\n{title}: {len(mine)} tables\n")
    print("| ours against | error, ours / theirs | better on | worst | time | MB of theirs |")
    print("|---|---|---|---|---|---|")
    task = {name: record["task"] for name, record in records(folder).items()}
    for peer, results in peers.items():
        print(f"| {peer} {frozen()[peer]['version']} {comparison(mine, results)}")
        for kind in ("classes", "regression"):
            part = {n: r for n, r in mine.items() if task[n] == kind}
            print(f"| {peer}, {kind} {comparison(part, results)}")
    for line in ("", *summary(mine)):
        print(line)
    print(f"\nPeak memory of ours: {max(result['MB'] for result in mine.values())} MB. Mean ranks:")
    whole = {peer: results for peer, results in peers.items() if set(results) >= set(mine)}
    for name, rank in sorted(ranks({"ours": mine, **whole}).items(), key=lambda pair: pair[1]):
        print(f"- {name}: {rank:.2f}")


def rows(ours: Mapping[str, Result]) -> None:
    """Print the errors table by table."""
    peers = frozen()
    print("| table | ours | " + " | ".join(peers) + " | seconds |")
    print("|---|" + "---|" * (len(peers) + 2))
    for name, result in ours.items():
        theirs = [entry["tables"].get(name) for entry in peers.values()]
        texts = [f"{mean_error(result) / ratio(result, one):.4f}" if one else "" for one in theirs]
        print(f"| {name} | {mean_error(result):.4f} | {' | '.join(texts)} | {result['seconds']} |")


def chosen(folder: Path, asked: Sequence[str]) -> list[str]:
    known = list(records(folder))
    parts = {
        "gauge": list(GAUGE),
        "chosen": list(CHOSEN_ON),
        "others": [name for name in known if name not in CHOSEN_ON],
        "all": known,
    }
    return [name for one in asked for name in parts.get(one, [one])]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tables", nargs="+", default=["gauge"])
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("--refresh", nargs="+", metavar="PEER")
    parser.add_argument("--again", action="store_true", help="refresh what is frozen already, too")
    parser.add_argument("--learner", default="ours", choices=["ours", "single"])
    parser.add_argument("--folds", type=int, help="only the first folds of each table")
    parser.add_argument("--ablate", action="store_true", help="without each ingredient in turn")
    parser.add_argument("--out", type=Path, help="our results as JSON; a folder for --ablate")
    parser.add_argument("--one", nargs=2, metavar=("LEARNER", "TABLE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not (given.folder / "tables.json").exists():
        print(f"{given.folder} holds no tables.json: nothing to measure")
        return 0
    if given.one:
        print(json.dumps(evaluate(given.folder, *given.one, given.without, given.folds)))
        return 0
    names = chosen(given.folder, given.tables)
    if given.refresh:
        peers = list(PACKAGES) if given.refresh == ["all"] else given.refresh
        refresh(given.folder, peers, names, given.again, given.folds)
        return 0
    if given.ablate:
        if given.out is None:
            parser.error("--ablate needs --out, a folder where results are kept")
        tasks = {name: record["task"] for name, record in records(given.folder).items()}
        ablate(
            {name: tasks[name] for name in names},
            given.out,
            lambda name, without: apart(given.folder, "ours", name, without, given.folds),
        )
        return 0
    ours = {}
    for name in names:
        result = apart(given.folder, given.learner, name, given.without, given.folds)
        if result is not None:
            ours[name] = result
            if given.out:
                given.out.write_text(json.dumps(ours, indent=1) + "\n")
            print(f"{name:18} {mean_error(result):.4f}  {result['seconds']} s", file=sys.stderr)
    rows(ours)
    report("Chosen on", ours, CHOSEN_ON, given.folder)
    report("Others", ours, [name for name in ours if name not in CHOSEN_ON], given.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
