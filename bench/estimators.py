"""Our estimators against scikit-learn's MLP and HistGradientBoosting, all with defaults.

    python bench/estimators.py quality     # 20 tables, 3 folds with 5 seeds: scores and times
    python bench/estimators.py time        # time to fit: shipped tables, 100 000 x 50; and skorch

scikit-learn's models get standardised columns, gaps filled by the mean and words one-hot; ours
get the table as it is. Scores: R^2 and accuracy. Every table is shipped with scikit-learn or made
here from a formula with a fixed seed. Written as Markdown to standard output.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from chainrule.estimators import BackpropClassifier, BackpropRegressor

FOLDS, SEEDS = 3, 5
Table = tuple[Any, Any, str]


def made(seed: int, m: int, n: int) -> tuple[np.random.RandomState, np.ndarray]:
    rng = np.random.RandomState(seed)
    return rng, rng.randn(m, n)


def linear_few() -> Table:
    rng, X = made(0, 150, 5)
    return X, X @ [1, 2, 3, 0, 0] + 0.5 * rng.randn(150), "regression"


def linear_many() -> Table:
    rng, X = made(1, 5000, 20)
    return X, X @ np.linspace(-1, 1, 20) + rng.randn(5000), "regression"


def smooth() -> Table:
    rng, X = made(2, 1000, 3)
    return X, np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * rng.randn(1000), "regression"


def rough() -> Table:
    rng = np.random.RandomState(3)
    X = rng.uniform(-1, 1, (3000, 6))
    y = np.sin(6 * X[:, 0]) + np.sign(X[:, 1]) * X[:, 2] + np.abs(X[:, 3])
    return X, y + 0.1 * rng.randn(3000), "regression"


def noisy() -> Table:
    rng, X = made(4, 800, 10)
    return X, X[:, 0] + X[:, 1] * X[:, 2] + 2 * rng.randn(800), "regression"


def uninformative() -> Table:
    rng, X = made(5, 1000, 50)
    return X, 3 * np.tanh(X[:, 0]) + X[:, 1] ** 2 + 0.5 * rng.randn(1000), "regression"


def mixed(seed: int, m: int) -> tuple[np.random.RandomState, pd.DataFrame, np.ndarray]:
    rng = np.random.RandomState(seed)
    city = rng.choice(["Bern", "Basel", "Genf", "Zug", "Chur"], m)
    kind = rng.choice(["a", "b", "c"], m)
    age, pay = rng.uniform(18, 80, m), rng.lognormal(8, 0.4, m)
    effect = pd.Series(city).map({"Bern": 0, "Basel": 1, "Genf": 2, "Zug": -1, "Chur": -2})
    truth = effect + (age - 50) ** 2 / 400 + np.log(pay) * (kind == "a")
    frame = pd.DataFrame({"city": city, "kind": kind, "age": age, "pay": pay})
    return rng, frame, truth.to_numpy()


def categories() -> Table:
    rng, frame, truth = mixed(6, 2000)
    return frame, truth + 0.5 * rng.randn(2000), "regression"


def missing() -> Table:
    rng, frame, truth = mixed(7, 2000)
    for name in frame:
        frame.loc[rng.rand(2000) < 0.15, name] = np.nan if frame[name].dtype == float else None
    return frame, truth + 0.5 * rng.randn(2000), "regression"


def missing_classes() -> Table:
    rng, frame, truth = mixed(8, 2000)
    for name in frame:
        frame.loc[rng.rand(2000) < 0.1, name] = np.nan if frame[name].dtype == float else None
    return frame, (truth + rng.randn(2000) > np.median(truth)).astype(int), "classification"


def noisy_classes() -> Table:
    rng, X = made(9, 1000, 20)
    return X, (X[:, 0] + X[:, 1] * X[:, 2] + rng.randn(1000) > 0).astype(int), "classification"


def rings() -> Table:
    X, y = datasets.make_circles(1500, noise=0.15, factor=0.6, random_state=0)
    return X, y, "classification"


def hidden_few() -> Table:
    X, y = datasets.make_classification(
        2000, 40, n_informative=6, n_redundant=4, n_classes=3, class_sep=0.9, random_state=0
    )
    return X, y, "classification"


def many_rows() -> Table:
    rng, X = made(10, 20000, 20)
    z = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + X[:, 3] + 0.5 * rng.randn(20000)
    return X, np.digitize(z, [-1, 1]), "classification"


def shipped(load: Callable[..., Any], task: str) -> Callable[[], Table]:
    return lambda: (*load(return_X_y=True), task)


def friedman(m: int) -> Callable[[], Table]:
    return lambda: (*datasets.make_friedman1(m, noise=1.0, random_state=0), "regression")


TABLES: dict[str, Callable[[], Table]] = {
    "diabetes": shipped(datasets.load_diabetes, "regression"),
    "friedman1, 2000 rows": friedman(2000),
    "friedman1, 20 000 rows": friedman(20000),
    "linear, 150 rows": linear_few,
    "linear, 5000 rows": linear_many,
    "smooth": smooth,
    "rough": rough,
    "noisy": noisy,
    "48 of 50 columns say nothing": uninformative,
    "categories": categories,
    "categories, 15 % missing": missing,
    "breast cancer": shipped(datasets.load_breast_cancer, "classification"),
    "digits": shipped(datasets.load_digits, "classification"),
    "wine": shipped(datasets.load_wine, "classification"),
    "iris": shipped(datasets.load_iris, "classification"),
    "noisy classes": noisy_classes,
    "rings": rings,
    "3 classes, 10 of 40 columns": hidden_few,
    "3 classes, 20 000 rows": many_rows,
    "2 classes, categories, 10 % missing": missing_classes,
}


def prepared(model: Any) -> Any:
    words = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="?"), OneHotEncoder(handle_unknown="ignore")
    )
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    return make_pipeline(
        make_column_transformer(
            (numbers, make_column_selector(dtype_include="number")),
            (words, make_column_selector(dtype_exclude="number")),
        ),
        model,
    )


def models(task: str, seed: int) -> dict[str, Any]:
    if task == "regression":
        own, mlp, trees = BackpropRegressor, MLPRegressor, HistGradientBoostingRegressor
    else:
        own, mlp, trees = BackpropClassifier, MLPClassifier, HistGradientBoostingClassifier
    return {
        "ours": own(random_state=seed),
        "MLP": prepared(mlp(random_state=seed)),
        "HGB": prepared(trees(random_state=seed)),
    }


def rows_of(X: Any, rows: Any) -> Any:
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def compare(make: Callable[[], Table]) -> dict[str, tuple[float, float, float]]:
    """Return for each model: mean score, standard error over seeds, mean seconds of a fit."""
    X, y, task = make()
    y = np.asarray(y)
    if not hasattr(X, "iloc"):
        X = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    scores: dict[str, list[list[float]]] = {}
    seconds: dict[str, list[float]] = {}
    for seed in range(SEEDS):
        kind = KFold if task == "regression" else StratifiedKFold
        for name in models(task, seed):
            scores.setdefault(name, []).append([])
        for train, test in kind(FOLDS, shuffle=True, random_state=seed).split(X, y):
            for name, model in models(task, seed).items():
                model = clone(model)
                start = time.perf_counter()
                model.fit(rows_of(X, train), y[train])
                seconds.setdefault(name, []).append(time.perf_counter() - start)
                scores[name][-1].append(model.score(rows_of(X, test), y[test]))
    found = {}
    for name, by_seed in scores.items():
        means = np.mean(by_seed, axis=1)
        error = float(means.std(ddof=1) / np.sqrt(SEEDS))
        found[name] = (float(means.mean()), error, float(np.mean(seconds[name])))
    return found


def quality(only: str) -> None:
    print("| table | ours | MLP | HGB | ours - MLP | seconds: ours | MLP | HGB |")
    print("|---|---|---|---|---|---|---|---|")
    ranks: list[list[int]] = []
    worst, slower = (0.0, ""), []
    for name, make in TABLES.items():
        if only not in name:
            continue
        found = compare(make)
        cells = [f"{found[n][0]:.4f} ± {found[n][1]:.4f}" for n in ("ours", "MLP", "HGB")]
        gap = found["ours"][0] - found["MLP"][0]
        times = [f"{found[n][2]:.3f}" for n in ("ours", "MLP", "HGB")]
        print("|", " | ".join([name, *cells, f"{gap:+.4f}", *times]), "|", flush=True)
        ordered = sorted(found, key=lambda n: -found[n][0])
        ranks.append([ordered.index(n) + 1 for n in ("ours", "MLP", "HGB")])
        worst = min(worst, (gap, name))
        if found["ours"][2] > found["MLP"][2]:
            slower.append(name)
    means = np.mean(ranks, axis=0)
    print(f"\nMean rank: ours {means[0]:.2f}, MLP {means[1]:.2f}, HGB {means[2]:.2f}.")
    print(
        f"Furthest behind MLP: {worst[0]:+.4f} {worst[1]}. Slower than MLP: {slower or 'nowhere'}."
    )


def fit_times(only: str) -> None:
    """Print seconds to fit: each model's defaults, then the same work for all three networks.

    Each has one thread: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python bench/estimators.py time
    """
    rng = np.random.RandomState(0)
    big = rng.randn(100_000, 50).astype(np.float32)
    target = (big[:, 0] * big[:, 1] + big[:, 2] > 0).astype(np.int64)
    tables: dict[str, Table] = {
        name: TABLES[name]() for name in ("diabetes", "breast cancer", "digits", "wine", "iris")
    }
    tables["100 000 x 50, float32"] = (big, target, "classification")
    print("| table | work | ours | MLP | skorch |\n|---|---|---|---|---|")
    for name, (X, y, task) in tables.items():
        if only not in name:
            continue
        X = np.ascontiguousarray(StandardScaler().fit_transform(X), np.float32)
        y = np.asarray(y, np.float32 if task == "regression" else np.int64)
        for work, networks in (
            ("defaults", default_networks(X, y, task)),
            ("20 epochs, batches of 200", equal_networks(X, y, task)),
        ):
            times = []
            for network in networks:
                if network is None:
                    times.append("")
                    continue
                runs = []
                for _ in range(1 if len(X) > 10_000 else 3):
                    start = time.perf_counter()
                    network.fit(X, y[:, None] if task == "regression" and is_skorch(network) else y)
                    runs.append(time.perf_counter() - start)
                times.append(f"{min(runs):.3f}")
            print("|", " | ".join([name, work, *times]), "|", flush=True)


def is_skorch(network: Any) -> bool:
    return type(network).__module__.startswith("skorch")


def default_networks(X: Any, y: Any, task: str) -> tuple[Any, Any, Any]:
    if task == "regression":
        return BackpropRegressor(random_state=0, n_threads=1), MLPRegressor(random_state=0), None
    return BackpropClassifier(random_state=0, n_threads=1), MLPClassifier(random_state=0), None


def equal_networks(X: Any, y: Any, task: str) -> tuple[Any, Any, Any]:
    m = len(X)
    same: dict[str, Any] = {
        "batch_size": min(200, m),
        "max_iter": 20,
        "random_state": 0,
        "n_iter_no_change": 1000,
    }
    ours = {**same, "schedule": "constant", "prior": 0.0, "standardize": False, "n_threads": 1}
    if task == "regression":
        return BackpropRegressor(**ours), MLPRegressor(**same), skorch_network(X, y, task)
    return BackpropClassifier(**ours), MLPClassifier(**same), skorch_network(X, y, task)


def skorch_network(X: Any, y: Any, task: str) -> Any:
    try:
        import torch
        from skorch import NeuralNetClassifier, NeuralNetRegressor
    except ImportError:
        return None
    torch.set_num_threads(1)
    n_out = 1 if task == "regression" else int(y.max()) + 1
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Linear(X.shape[1], 100), torch.nn.ReLU(), torch.nn.Linear(100, n_out)
    )
    settings: dict[str, Any] = {
        "max_epochs": 20,
        "batch_size": 200,
        "optimizer": torch.optim.Adam,
        "lr": 1e-3,
        "train_split": None,
        "verbose": 0,
        "iterator_train__shuffle": True,
    }
    if task == "regression":
        return NeuralNetRegressor(module, **settings)
    return NeuralNetClassifier(module, criterion=torch.nn.CrossEntropyLoss, **settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["quality", "time"])
    parser.add_argument("--only", default="", help="tables with this in their name")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores\n")
    {"quality": quality, "time": fit_times}[given.what](given.only)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
