"""One recipe: ``chainrule train`` and the table estimators give the same bits."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

click_testing = pytest.importorskip("click.testing")

from chainrule.cli.app import app
from chainrule.estimators import TableClassifier, TableRegressor
from chainrule.tabular import load_ensemble

RNG = np.random.default_rng(0)
M = 100
FRAME = pd.DataFrame(
    {
        "id": np.arange(M) + 1000,
        "size": RNG.normal(size=M).round(3),
        "shop": RNG.integers(1, 5, M),
        "city": RNG.choice([f"city {i}" for i in range(10)], M),
        "day": RNG.permutation(pd.date_range("2024-01-01", periods=M)).astype("datetime64[D]"),
        "person": RNG.integers(0, 30, M),
        "weight": RNG.integers(0, 3, M),
        "share": RNG.uniform(0.1, 2, M).round(3),
    }
)
FRAME.loc[3, "size"] = 99999.0  # cut
FRAME.loc[::9, "size"] = np.nan
EFFECT = np.array([0, 3, -2, 2, 0])[FRAME["shop"]] + FRAME["size"].fillna(0).clip(-3, 3)
FRAME["pay"] = (EFFECT + RNG.normal(0, 0.2, M)).round(3)
FRAME["rich"] = np.where(EFFECT > 1, "yes", "no")
NAMES = ["id", "size", "shop", "city", "day"]

# Options of the command line -> arguments of the estimator's fit, and of its constructor.
CASES: dict[str, tuple[str, list[str], dict[str, Any], dict[str, Any]]] = {
    "numbers": ("pay", [], {}, {}),
    "classes": ("rich", ["--seed", "5"], {}, {"random_state": 5}),
    "group": ("pay", ["--group", "person"], {"groups": "person"}, {}),
    "latest": ("rich", ["--latest", "day"], {"time": "day"}, {}),
    "weight": ("pay", ["--weight", "weight"], {"sample_weight": "weight"}, {}),
    "share": ("rich", ["--weight", "share"], {"sample_weight": "share"}, {}),
    "balanced": ("rich", ["--class-weight", "balanced"], {}, {"class_weight": "balanced"}),
}


@pytest.mark.parametrize("case", CASES)
def test_command_line_and_estimator_give_the_same_bits(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, flags, arguments, settings = CASES[case]
    beside = list(arguments.values())
    table = FRAME[[*dict.fromkeys([*NAMES, *beside, target])]]
    monkeypatch.chdir(tmp_path)
    table.to_csv("table.csv", index=False)
    done = click_testing.CliRunner().invoke(app, ["train", "table.csv", "-t", target, *flags])
    assert done.exit_code == 0, done.output
    model = load_ensemble("model.safetensors")
    kind = TableRegressor if target == "pay" else TableClassifier
    estimator = kind(**{"random_state": 0, "n_threads": 1, **settings})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(FRAME[NAMES], FRAME[target], **{a: FRAME[n] for a, n in arguments.items()})
    # Rows of weight 2 are there twice, and so their numbers count nothing.
    assert [str(one.message) for one in caught] == (
        [] if case == "weight" else ["columns of X that cannot help are left out: 'id'"]
    )
    for one, other in zip(estimator.ensemble_.members, model.ensemble.members, strict=True):
        for ours, theirs in zip(one.networks, other.networks, strict=True):
            assert ours.theta.tobytes() == theirs.theta.tobytes()
    kept = estimator._out_of_fold
    assert kept.outputs.tobytes() == model.out_of_fold.outputs.tobytes()
    assert kept.folds.tolist() == model.out_of_fold.folds.tolist()
    assert kept.importances.tobytes() == model.out_of_fold.importances.tobytes()
    assert "shop" in model.encoder.categories  # codes, not quantities
    predicted = model.predict(model.read("table.csv"))
    own = estimator.predict(FRAME[NAMES])
    assert predicted.words == own.tolist()


QUICK: dict[str, Any] = {"random_state": 0, "n_threads": 1, "n_members": 2, "time_limit": None}
WITHOUT = ("bent", "bent_held", "smooth", "binned_smooth", "binned_held", "sparsity")


@pytest.mark.parametrize("kind", [TableClassifier, TableRegressor])
def test_weight_0_is_no_row_and_weight_k_is_k_rows(kind: Any) -> None:
    X, y = FRAME[["size", "city", "day"]], FRAME["rich" if kind is TableClassifier else "pay"]
    weights = RNG.integers(0, 3, M)
    weighted = kind(**QUICK, without=WITHOUT).fit(X, y, sample_weight=weights)
    rows = RNG.permutation(np.repeat(np.arange(M), weights))  # in whatever order
    repeated = kind(**QUICK, without=WITHOUT).fit(X.iloc[rows], y.iloc[rows])
    known = X.iloc[np.unique(rows)]
    assert weighted._outputs(known).tobytes() == repeated._outputs(known).tobytes()
    kept, of_repeated = weighted._out_of_fold.outputs, repeated._out_of_fold.outputs
    assert {row.tobytes() for row in of_repeated} >= {row.tobytes() for row in kept[weights == 1]}
    assert (weighted.fold_of_row_[weights == 0] == -1).all()
    out = weighted.out_of_fold_predictions_[weights == 0]
    own = weighted._predictions(weighted._outputs(X[weights == 0]))
    np.testing.assert_array_equal(out, own)


def test_weights_reach_the_encoder() -> None:
    weights = np.where(FRAME["city"] == "city 1", 5.5, 0.5)
    X = FRAME[["share", "city"]]
    fitted = TableRegressor(**QUICK, without=WITHOUT).fit(X, FRAME["pay"], sample_weight=weights)
    number, words = fitted.encoder_.features
    mean = np.average(FRAME["share"], weights=weights)
    assert number.mean == pytest.approx(mean)
    spread = np.sqrt(np.average((FRAME["share"] - mean) ** 2, weights=weights))
    assert number.scale == pytest.approx(spread)
    shares = [weights[FRAME["city"] == word].sum() / weights.sum() for word in words.words]
    np.testing.assert_allclose(words.shares[: len(shares)], shares)
    assert fitted._meaning.mean == pytest.approx(np.average(FRAME["pay"], weights=weights))


def test_estimators_file_is_taken_by_the_verbs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    X = FRAME[["size", "city", "day"]]
    X.to_csv("table.csv", index=False)
    fitted = TableClassifier(**QUICK, without=WITHOUT).fit(X, FRAME["rich"])
    fitted.save("model")
    run = click_testing.CliRunner()
    done = run.invoke(app, ["predict", "model", "table.csv"])
    assert done.exit_code == 0, done.output
    assert done.stdout.split()[1:] == fitted.predict(X).tolist()
    X.assign(y=FRAME["rich"]).to_csv("table.csv", index=False)
    done = run.invoke(app, ["evaluate", "model", "table.csv"])
    assert done.exit_code == 0, done.output
    assert f"{fitted.score(X, FRAME['rich']):.4f}" in done.stdout
