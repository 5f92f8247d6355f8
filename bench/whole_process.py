"""Whole-process time, from the shell to a written model: ours against scikit-learn's MLP.

Both read the breast cancer table, hold out a fifth, standardise, train a network of one shape for
100 epochs with Adam in batches of one size without stopping early, score, and write the model.
Scikit-learn's process reads with the csv module and writes with pickle, the quickest ways that it
has. The processes are cold (new each time, the files in the system's cache) and take turns.

    python bench/whole_process.py [--rounds 7]
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
DATA = ROOT / "data" / "breast_cancer.csv"
HIDDEN, BATCH, EPOCHS = (64, 32), 32, 100

SKLEARN = f"""
import csv, pickle, sys, warnings
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
warnings.simplefilter("ignore")
with open(sys.argv[1], newline="") as file:
    header, *rows = csv.reader(file)
X, y = np.array([row[:-1] for row in rows], np.float32), np.array([row[-1] for row in rows])
X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
net = MLPClassifier({HIDDEN}, batch_size={BATCH}, max_iter={EPOCHS}, n_iter_no_change={EPOCHS},
                    tol=0.0, random_state=0)
model = make_pipeline(StandardScaler(), net).fit(X, y)
assert net.n_iter_ == {EPOCHS}
print(model.score(X_test, y_test))
with open(sys.argv[2], "wb") as file:
    pickle.dump(model, file)
"""


def commands(folder: Path) -> dict[str, list[str]]:
    ours = [sys.executable, "-m", "chainrule", "train", str(DATA), "--target", "diagnosis"]
    ours += ["--hidden", ",".join(map(str, HIDDEN)), "--batch-size", str(BATCH)]
    ours += [
        "--epochs",
        str(EPOCHS),
        "--patience",
        str(EPOCHS),
        "-o",
        str(folder / "a.safetensors"),
    ]
    return {
        "chainrule": ours,
        "scikit-learn": [sys.executable, "-c", SKLEARN, str(DATA), str(folder / "b.pickle")],
        "import numpy": [sys.executable, "-c", "import numpy"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        for turn in range(rounds + 1):
            for who, command in commands(Path(name)).items():
                start = time.perf_counter()
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                taken = time.perf_counter() - start
                if done.returncode:
                    raise SystemExit(f"{who} failed: {done.stderr}")
                if turn:  # the first turn warms the system's cache
                    seconds.setdefault(who, []).append(taken)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    median = {who: statistics.median(times) for who, times in seconds.items()}
    for who, times in seconds.items():
        print(f"{who:14} median {median[who]:.3f} s  ({min(times):.3f} to {max(times):.3f})")
    print(f"chainrule / scikit-learn = {median['chainrule'] / median['scikit-learn']:.2f}")


if __name__ == "__main__":
    main()
