"""Whole-process time, from the shell to a written model: ours, scikit-learn's MLP, torch.

All read the breast cancer table, hold out a fifth, standardise, train a network of one shape for
100 epochs with Adam in batches of one size without stopping early, score, and write the model.
The others read with the csv module and write with pickle and torch.save, the quickest ways that
they have; torch takes its batches by index_select and steps with the fused optimizer, without a
DataLoader. The processes are cold (new each time, the files in the system's cache), take turns.

    python bench/whole_process.py [--rounds 7]
"""

import argparse
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from writing import machine

ROOT = Path(__file__).parent.parent
DATA = ROOT / "data" / "breast_cancer.csv"
HIDDEN, BATCH, EPOCHS = (64, 32), 32, 100

READ = """
import csv, sys
import numpy as np
with open(sys.argv[1], newline="") as file:
    header, *rows = csv.reader(file)
X, y = np.array([row[:-1] for row in rows], np.float32), np.array([row[-1] for row in rows])
"""
SKLEARN = f"""
import pickle, warnings
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
warnings.simplefilter("ignore")
X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
net = MLPClassifier({HIDDEN}, batch_size={BATCH}, max_iter={EPOCHS}, n_iter_no_change={EPOCHS},
                    tol=0.0, random_state=0)
model = make_pipeline(StandardScaler(), net).fit(X, y)
assert net.n_iter_ == {EPOCHS}
print(model.score(X_test, y_test))
with open(sys.argv[2], "wb") as file:
    pickle.dump(model, file)
"""
TORCH = f"""
import torch
torch.set_num_threads(1)  # more are slower here
classes, y = np.unique(y, return_inverse=True)
rows = np.random.default_rng(0).permutation(len(X))
cut = len(X) // 5
X, y = X[rows], y[rows].astype(np.float32)[:, None]
X = (X - X[cut:].mean(0)) / X[cut:].std(0)
X_test, y_test, X, y = map(torch.from_numpy, (X[:cut], y[:cut], X[cut:], y[cut:]))
net = torch.nn.Sequential(
    torch.nn.Linear(X.shape[1], {HIDDEN[0]}), torch.nn.ReLU(),
    torch.nn.Linear({HIDDEN[0]}, {HIDDEN[1]}), torch.nn.ReLU(), torch.nn.Linear({HIDDEN[1]}, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
for _ in range({EPOCHS}):
    for batch in torch.randperm(len(X)).split({BATCH}):
        optimizer.zero_grad(set_to_none=True)
        z = net(X.index_select(0, batch))
        J = torch.nn.functional.binary_cross_entropy_with_logits(z, y.index_select(0, batch))
        J.backward()
        optimizer.step()
with torch.inference_mode():
    print(float(((net(X_test) > 0) == (y_test > 0)).float().mean()))
torch.save({{"net": net.state_dict(), "classes": list(classes)}}, sys.argv[2])
"""


def commands(folder: Path) -> dict[str, list[str]]:
    ours = [sys.executable, "-m", "chainrule", "train", str(DATA), "--target", "diagnosis"]
    ours += ["--hidden", ",".join(map(str, HIDDEN)), "--batch-size", str(BATCH)]
    ours += ["--epochs", str(EPOCHS), "--patience", str(EPOCHS)]
    found = {"chainrule": [*ours, "-o", str(folder / "a.safetensors")]}
    for name, package, code in (("scikit-learn", "sklearn", SKLEARN), ("torch", "torch", TORCH)):
        if importlib.util.find_spec(package):
            found[name] = [sys.executable, "-c", READ + code, str(DATA), str(folder / package)]
    return found | {"import numpy": [sys.executable, "-c", "import numpy"]}


def measure(rounds: int, warm: int = 1) -> dict[str, list[float]]:
    """Seconds by name, one for each round; before them come some to warm the system's cache."""
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        for turn in range(warm + rounds):
            for who, command in commands(Path(name)).items():
                start = time.perf_counter()
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                taken = time.perf_counter() - start
                if done.returncode:
                    raise SystemExit(f"{who} failed: {done.stderr}")
                if turn >= warm:
                    seconds.setdefault(who, []).append(taken)
    return seconds


def show(seconds: dict[str, list[float]]) -> None:
    print(f"from the shell to a written model, {EPOCHS} epochs in batches of {BATCH}:")
    ours = statistics.median(seconds["chainrule"])
    for who, times in seconds.items():
        middle = statistics.median(times)
        spread = f"({min(times):.3f} to {max(times):.3f})"
        print(f"  {who:14} {middle:.3f} s  {spread}  {middle / ours:.2f} times ours")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print(machine())
    show(measure(rounds))


if __name__ == "__main__":
    main()
