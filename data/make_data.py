"""Write every table of this folder again, from scikit-learn's copies and from a seed.

Run ``python data/make_data.py [FOLDER]``; it needs scikit-learn. A test compares the result with
the files that are kept, byte for byte.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

SEED = 20261
CUSTOMERS = 1200


def number(value: float) -> str:
    """Write a number so that it is read back as the same one, without a needless ``.0``."""
    whole = float(value).is_integer() and abs(value) < 1e15
    return str(int(value)) if whole else repr(float(value))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write rows as CSV with a newline after each line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def breast_cancer() -> str:
    """Wisconsin diagnostic breast cancer: 569 samples, 30 numbers, the diagnosis in words."""
    data = load_breast_cancer()
    header = [name.replace(" ", "_") for name in data.feature_names] + ["diagnosis"]
    words = [str(data.target_names[t]) for t in data.target]
    pairs = zip(data.data, words, strict=True)
    return table(header, ([*map(number, x), word] for x, word in pairs))


def digits() -> str:
    """Handwritten digits: 1797 pictures of 8 x 8 pixels from 0 to 16, and the digit."""
    data = load_digits()
    header = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)] + ["digit"]
    pairs = zip(data.data, data.target, strict=True)
    return table(header, ([*map(number, x), str(t)] for x, t in pairs))


def diabetes() -> str:
    """Diabetes progression: 442 patients, 10 numbers in their own units, progression in a year."""
    data = load_diabetes(scaled=False)
    header = [*data.feature_names, "progression"]
    pairs = zip(data.data, data.target, strict=True)
    return table(header, ([*map(number, x), number(t)] for x, t in pairs))


def synthetic_churn() -> str:
    """Draw customers who leave or stay; every value is drawn, no person stands behind a row.

    The logit of leaving is 1.2 (monthly contract) - 1.3 (two years) - 0.045 tenure
    + 0.03 (price - 60) + 0.5 calls + 0.6 (fibre) - 0.4; tenure and calls are missing at random,
    the city is left empty more often by those who leave.
    """
    rng = np.random.default_rng(SEED)
    m = CUSTOMERS
    contract = rng.choice(["monthly", "one year", "two years"], m, p=[0.55, 0.25, 0.2])
    internet = rng.choice(["none", "dsl", "fibre"], m, p=[0.2, 0.35, 0.45])
    city = rng.choice(["Aldern", "Brook", "Corvale", "Dunmore", "Eastwick"], m)
    tenure = np.floor(rng.uniform(0, 72, m))
    calls = rng.poisson(1.3, m)
    price = np.round(
        20 + 25 * (internet == "dsl") + 45 * (internet == "fibre") + rng.normal(0, 8, m), 2
    )
    paperless = rng.random(m) < 0.6
    logit = 1.2 * (contract == "monthly") - 1.3 * (contract == "two years") - 0.045 * tenure
    logit += 0.03 * (price - 60) + 0.5 * calls + 0.6 * (internet == "fibre") - 0.4
    leaves = rng.random(m) < 1 / (1 + np.exp(-logit))
    no_tenure, no_calls = rng.random(m) < 0.06, rng.random(m) < 0.1
    no_city = rng.random(m) < np.where(leaves, 0.2, 0.05)
    header = ["tenure_months", "contract", "internet", "monthly_price", "support_calls"]
    header += ["paperless", "city", "churn"]
    rows = (
        [
            "" if no_tenure[i] else number(tenure[i]),
            str(contract[i]),
            str(internet[i]),
            number(price[i]),
            "" if no_calls[i] else str(calls[i]),
            "true" if paperless[i] else "false",
            "" if no_city[i] else str(city[i]),
            "yes" if leaves[i] else "no",
        ]
        for i in range(m)
    )
    return table(header, rows)


TABLES = {
    "breast_cancer.csv": breast_cancer,
    "digits.csv": digits,
    "diabetes.csv": diabetes,
    "synthetic_churn.csv": synthetic_churn,
}


def main(folder: Path) -> None:
    """Write every table into a folder."""
    for name, make in TABLES.items():
        (folder / name).write_bytes(make().encode("utf-8"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
