"""From columns to a model: the choices made for a table, its parts, and the saved model."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.tables.columns import Column, Columns
from chainrule.tables.fit import Diverged, fit_columns
from chainrule.tables.model import TableModel
from chainrule.tables.settings import Choices, check, complete
from chainrule.training.defaults import (
    EPOCHS_REMEMBERED,
    LEARNING_RATES,
    MOST_DECAY,
    TABLE,
    smaller_rate,
    weight_decay,
)


def words(values: list[str]) -> Column:
    array = np.empty(len(values), object)
    array[:] = values
    return Column("y", "text", array)


def table(m: int, kind: str, seed: int = 0) -> Columns:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(m, 3))
    line = x @ [2.0, -1.0, 0.0]
    targets = {
        "binary": lambda: words(["yes" if v > 0 else "no" for v in line]),
        "multiclass": lambda: words(["low" if v < -1 else "mid" if v < 1 else "top" for v in line]),
        "regression": lambda: Column("y", "float", 1e4 + 500 * line + rng.normal(size=m)),
    }
    found = {f"x{i}": Column(f"x{i}", "float", x[:, i] * 10.0**i) for i in range(3)}
    return Columns(found | {"y": targets[kind]()}, m)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_what_can_be_learnt_is_learnt(kind: str) -> None:
    fitted = fit_columns(table(400, kind), "y")
    assert fitted.model.target.task == kind
    assert fitted.scores is not None
    assert fitted.tested.baseline is not None
    if kind == "regression":
        assert fitted.scores["r2"] > 0.95
        assert fitted.scores["rmse"] < fitted.tested.baseline["rmse"] / 4
        assert abs(fitted.tested.baseline["r2"]) < 0.1
    else:
        assert fitted.scores["accuracy"] > 0.9 > fitted.tested.baseline["accuracy"]


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_saved_model_predicts_the_same_bits(kind: str, dtype: str, tmp_path: Path) -> None:
    rows = table(80, kind)
    fitted = fit_columns(rows, "y", Choices(epochs=3, dtype=dtype))
    fitted.model.save(tmp_path / "model")
    again = TableModel.load(tmp_path / "model")
    assert (again.encoder, again.target) == (fitted.model.encoder, fitted.model.target)
    assert again.record == fitted.model.record
    features = rows.without(["y"])
    assert again.predict(features).values.tobytes() == (
        fitted.model.predict(features).values.tobytes()
    )
    scores, warnings = again.evaluate(rows.take(fitted.split.test))
    assert scores == fitted.scores
    assert warnings == []


def test_nothing_of_the_test_part_reaches_the_model() -> None:
    rows = table(100, "regression")
    fitted = fit_columns(rows, "y", Choices(epochs=3))
    spoilt = {
        name: Column(
            name,
            c.kind,
            # Not all alike: copies of one another would be in one part.
            np.where(np.isin(np.arange(100), fitted.split.test), 7 + np.arange(100) / 99, c.values),
        )
        for name, c in rows.items()
    }
    other = fit_columns(Columns(spoilt, 100), "y", Choices(epochs=3))
    assert other.model.network.theta.tobytes() == fitted.model.network.theta.tobytes()
    assert other.model.encoder == fitted.model.encoder
    assert other.model.target == fitted.model.target


def test_a_tiny_table_can_be_learnt_whole() -> None:
    rows = Columns(
        {
            "p": Column("p", "integer", np.array([0.0, 0, 1, 1])),
            "q": Column("q", "integer", np.array([0.0, 1, 0, 1])),
            "y": Column("y", "integer", np.array([0.0, 1, 1, 0])),
        },
        4,
    )
    choices = Choices(test_share=0, epochs=400)
    fitted = fit_columns(rows, "y", choices)
    assert (fitted.scores, len(fitted.split.train)) == (None, 4)
    assert fitted.model.predict(rows).values.tolist() == [0, 1, 1, 0]


def test_divergence_is_an_error_with_advice() -> None:
    with pytest.raises(Diverged, match=r"no model was written; try --learning-rate 0\.01"):
        fit_columns(table(60, "regression"), "y", Choices(learning_rate=1e9))


@given(m=st.integers(1, 10**7), rate=st.floats(1e-6, 10))
def test_choices_stay_within_reason(m: int, rate: float) -> None:
    size = TABLE.batch_size(m)
    assert 1 <= size <= min(m, 256)
    steps = math.ceil(m / size)
    decay = weight_decay(steps, rate)
    assert 0 < decay <= MOST_DECAY
    # Weights remember EPOCHS_REMEMBERED epochs, or more where the decay would be too strong.
    assert 1 / (rate * decay * steps) >= EPOCHS_REMEMBERED * (1 - 1e-9)


def test_what_is_given_is_kept_and_the_rest_chosen() -> None:
    chosen = complete(Choices(), 400)
    assert (chosen.batch_size, chosen.schedule, chosen.epochs) == (32, "one_cycle", 100)
    assert complete(Choices(), 50_000).epochs == 40
    assert complete(Choices(), 10**9).epochs == 20
    assert chosen.learning_rate == LEARNING_RATES["adamw"]
    assert chosen.optimizer is not None
    assert chosen.optimizer.startswith("adamw(")
    given_ = Choices(
        epochs=3, batch_size=7, learning_rate=0.5, optimizer="momentum", schedule="step"
    )
    assert complete(given_, 400) == given_
    assert complete(Choices(optimizer="momentum(0.5)"), 400).learning_rate == 0.02
    lbfgs = complete(Choices(optimizer="lbfgs"), 400)
    assert (lbfgs.batch_size, lbfgs.schedule) == (400, None)


def test_the_rate_to_try_next_is_smaller() -> None:
    assert smaller_rate(None, 1e9) == LEARNING_RATES["adamw"]
    assert smaller_rate(None, 1e-3) == pytest.approx(1e-4)


@pytest.mark.parametrize("optimizer", LEARNING_RATES)
def test_every_optimizer_learns_with_its_own_rate(optimizer: str) -> None:
    fitted = fit_columns(table(300, "binary"), "y", Choices(optimizer=optimizer))
    assert fitted.scores is not None
    assert fitted.scores["accuracy"] > 0.85


@pytest.mark.parametrize(
    "wrong", [{"hidden": (0,)}, {"hidden": (2.5,)}, {"epochs": True}, {"l2": math.inf}]
)
def test_wrong_choices_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"--{next(iter(wrong))} must be"):
        check(replace(Choices(), **wrong))
