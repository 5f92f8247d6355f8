"""The parts of a table's ensemble against formulas worked out another way: scipy, loops, hand."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss, mean_squared_error

from chainrule.mathematics.random import key, permutation
from chainrule.tabular import Rows, TableEnsemble, Targets
from chainrule.tabular.bins import Bins
from chainrule.tabular.blending import best_temperature, blend_weights, tempered
from chainrule.tabular.designs import DESIGN_NAMES, INGREDIENTS, Recipe
from chainrule.tabular.files import from_state, state_of
from chainrule.tabular.folds import folds_of
from chainrule.tabular.progress import Clock
from chainrule.tabular.target_statistics import PARTS, PURPOSE, SHRINKAGE, TargetStatistics


def classes(m: int, k: int, seed: int = 0) -> Targets:
    places = np.random.default_rng(seed).integers(0, k, m)
    weights = np.random.default_rng(seed + 1).uniform(0.5, 2, m)
    Y = places[:, None].astype(float) if k == 2 else np.eye(k)[places]
    return Targets("binary" if k == 2 else "multiclass", Y, weights)


def numbers(m: int, seed: int = 0) -> Targets:
    Y = np.random.default_rng(seed).normal(size=(m, 1))
    return Targets("regression", Y, np.ones(m))


def two_columns(p: np.ndarray) -> np.ndarray:
    return np.column_stack([1 - p[:, 0], p[:, 0]]) if p.shape[1] == 1 else p


@pytest.mark.parametrize("k", [2, 3])
def test_loss_of_probabilities_is_scikit_learns_log_loss(k: int) -> None:
    targets = classes(50, k)
    p = softmax(np.random.default_rng(2).normal(size=(50, k)), axis=1)
    own = targets.loss(p[:, 1:] if k == 2 else p)
    assert own == pytest.approx(log_loss(targets.classes, p, sample_weight=targets.weights))


def test_loss_of_numbers_is_the_mean_squared_error() -> None:
    targets, a = numbers(20), np.zeros((20, 1))
    assert targets.loss(a) == pytest.approx(mean_squared_error(targets.Y, a))


def test_bins_of_hand_worked_numbers() -> None:
    X = np.repeat([0.0, 1.0, 3.0, 7.0], 25)[:, None]  # quartiles 0, 0.75, 2, 4, 7
    bins = Bins((0,), (np.array([0.0, 1.0, 3.0, 7.0]),), np.zeros(3))
    places = bins.encode(np.array([[-1.0], [0.0], [0.5], [2.0], [5.0], [9.0]]))
    expected = [[0, 0, 0], [0, 0, 0], [0.5, 0, 0], [1, 0.5, 0], [1, 1, 0.5], [1, 1, 1]]
    np.testing.assert_allclose(places, expected)
    fitted = Bins.fit(X, [0])
    np.testing.assert_allclose(fitted.encode(X).mean(axis=0), 0, atol=1e-12)
    assert (np.diff(fitted.edges[0]) > 0).all()


def test_bins_a_column_of_two_values_has_none() -> None:
    assert Bins.fit(np.repeat([0.0, 1.0], 50)[:, None], [0]).width == 0


def test_target_statistics_agree_with_loops() -> None:
    rng = np.random.default_rng(0)
    words, Y = rng.integers(0, 4, (60, 1)), rng.normal(size=(60, 1))
    weights = rng.uniform(0.5, 1.5, 60)
    statistics, own = TargetStatistics.fit(words, Y, weights, (4,), seed=1)

    def shrunk(rows: np.ndarray, word: int) -> float:
        mean = np.average(Y[rows, 0], weights=weights[rows])
        of = rows & (words[:, 0] == word)
        top = (weights[of] * Y[of, 0]).sum() + SHRINKAGE * mean
        return float(top / (weights[of].sum() + SHRINKAGE))

    every = np.ones(60, bool)
    raw = np.array([shrunk(every, w) for w in words[:, 0]])
    whole = statistics.encode(words)[:, 0]
    np.testing.assert_allclose(whole, (raw - raw.mean()) / raw.std(), rtol=1e-9)
    unknown = np.average(Y[:, 0], weights=weights)
    found = statistics.encode(np.array([[-1]]))[0, 0]
    assert found == pytest.approx((unknown - raw.mean()) / raw.std())
    part = np.empty(60, np.int64)
    part[permutation(60, key(1, PURPOSE))] = np.arange(60) % PARTS
    apart = np.array([shrunk(part != part[i], words[i, 0]) for i in range(60)])
    np.testing.assert_allclose(own[:, 0], (apart - raw.mean()) / raw.std(), rtol=1e-9)


def test_target_statistics_of_a_row_do_not_know_its_target() -> None:
    rng = np.random.default_rng(0)
    words = np.arange(200)[:, None] % 100  # two rows of each word
    Y = rng.normal(size=(200, 1))
    _, own = TargetStatistics.fit(words, Y, np.ones(200), (100,), seed=0)
    assert abs(np.corrcoef(own[:, 0], Y[:, 0])[0, 1]) < 0.25  # 0.7 with its own target in it


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_blend_weights_are_those_of_a_general_optimizer(task: str) -> None:
    rng = np.random.default_rng(3)
    targets = numbers(300) if task == "regression" else classes(300, 2 if task == "binary" else 3)
    noises = (0.5, 0.8, 2.0)
    if task == "regression":
        outputs = [targets.Y + s * rng.normal(size=(300, 1)) for s in noises]
    else:
        sharp = 2.0 * (two_columns(targets.Y))
        outputs = [softmax(sharp + s * rng.normal(size=sharp.shape), axis=1) for s in noises]
        outputs = [p[:, 1:] for p in outputs] if task == "binary" else outputs
    weights = blend_weights(outputs, targets)

    def loss(w: Any) -> float:
        return targets.loss(np.tensordot(w, np.stack(outputs), 1))

    best = minimize(
        loss,
        np.full(3, 1 / 3),
        bounds=[(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-12},
    )
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    assert loss(weights) == pytest.approx(best.fun, abs=1e-4)


@pytest.mark.parametrize("k", [2, 4])
def test_tempered_divides_logits(k: int) -> None:
    z = np.random.default_rng(0).normal(size=(30, k))
    p, expected = softmax(z, axis=1), softmax(log_softmax(z, axis=1) / 1.7, axis=1)
    task = "binary" if k == 2 else "multiclass"
    found = tempered(p[:, 1:] if k == 2 else p, task, 1.7)  # type: ignore[arg-type]
    np.testing.assert_allclose(two_columns(found), expected, rtol=1e-9)


def test_best_temperature_finds_how_far_logits_were_stretched() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(20000, 3))
    true = np.array([rng.choice(3, p=p) for p in softmax(z, axis=1)])
    targets = Targets("multiclass", np.eye(3)[true], np.ones(20000))
    assert best_temperature(softmax(2 * z, axis=1), targets) == pytest.approx(2, rel=0.05)
    assert best_temperature(z, numbers(20000)) == 1


@pytest.mark.parametrize("count", [2, 3, 5])
def test_folds_share_out_each_class(count: int) -> None:
    targets = classes(101, 3)
    folds = folds_of(targets, count, seed=0)
    for c in range(3):
        counts = np.bincount(folds[targets.classes == c], minlength=count)
        assert np.ptp(counts) <= 1
    np.testing.assert_array_equal(folds, folds_of(targets, count, seed=0))
    assert (folds != folds_of(targets, count, seed=1)).any()


def test_folds_rows_of_weight_0_leave_no_fold_without_weight() -> None:
    weights = np.zeros(40)
    weights[::10] = 1
    folds = folds_of(Targets("regression", np.zeros((40, 1)), weights), 4, seed=0)
    assert sorted(folds[::10].tolist()) == [0, 1, 2, 3]


def test_recipe_knows_its_ingredients() -> None:
    assert set(DESIGN_NAMES) <= set(INGREDIENTS)
    for name in INGREDIENTS:
        assert not Recipe.of([name]).has(name)
    with pytest.raises(ValueError, match="bins"):
        Recipe.of(["bin"])


def test_interval_is_the_quantiles_of_the_residuals() -> None:
    residuals = np.linspace(-1, 3, 401)
    ensemble = TableEnsemble(
        "regression", (), (), Bins((), (), np.zeros(0)), np.zeros(0), residuals=residuals
    )
    low, high = ensemble.interval(np.array([[10.0]]), 0.5)[0]
    assert low == pytest.approx(10.0, abs=0.02)
    assert high == pytest.approx(12.0, abs=0.02)
    with pytest.raises(ValueError, match="predicts classes"):
        TableEnsemble("binary", (), (), Bins((), (), np.zeros(0)), np.zeros(0)).interval(
            np.zeros((1, 1)), 0.5
        )


def test_state_that_is_damaged_is_refused() -> None:
    with pytest.raises(ValueError, match="not sound"):
        from_state({}, {})
    with pytest.raises(ValueError, match="no known task"):
        from_state({"task": "poetry"}, {})
    assert callable(state_of)


def test_clock_shares_the_time_out_among_networks() -> None:
    clock = Clock(4, 2, 10, limit=8.0, enabled=False, stream=io.StringIO())
    deadlines = [clock.begin().deadline for _ in range(4)]
    spans = [d - clock.start for d in deadlines if d is not None]
    np.testing.assert_allclose(spans, [4, 16 / 3, 8, 16], rtol=0.05)
    assert Clock(4, 2, 10, None, False).begin().deadline is None


class Terminal(io.StringIO):
    """A stream that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


def test_clock_draws_fold_design_epoch_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("chainrule.tabular.progress.time.monotonic", lambda: now[0])
    terminal = Terminal()
    clock = Clock(4, 1, 10, limit=None, enabled=True, stream=terminal)
    clock.begin("fold 1/2, bent").end()
    timer = clock.begin("fold 2/2, bent")
    now[0] = 106.0  # 1 of 4 networks, and half of the next: 6 of 16 s
    assert not timer.epoch(5)
    assert "fold 2/2, bent: epoch 5/10, at most 10 s left" in terminal.getvalue()
    clock.close()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_rows_take_keeps_columns_and_words_together() -> None:
    rows = Rows(np.arange(6.0).reshape(3, 2), np.arange(3)[:, None])
    part = rows.take(np.array([2, 0]))
    assert part.X.tolist() == [[4, 5], [0, 1]]
    assert part.words.tolist() == [[2], [0]]
    assert len(part) == 2
