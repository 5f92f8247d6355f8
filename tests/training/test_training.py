"""Training: determinism, order, history, weights, validation, schedules, own records, saving."""

from __future__ import annotations

import json
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.engines import reference
from chainrule.mathematics.random import ORDER, SPLIT, key, permutation
from chainrule.training import descent


def data(m: int = 50, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, m)
    return rng.standard_normal((m, 4)) + y[:, None], y


def network(**given: Any) -> cr.Network:
    return cr.Network([4, 6, 3], **({"hidden": "gelu", "output": "softmax", "seed": 9} | given))


RUNS: list[dict[str, Any]] = [
    {"optimizer": "adam"},
    {"optimizer": "momentum", "batch_size": 7, "schedule": "cosine"},
    {"optimizer": "adamw", "validation": 0.2, "metrics": ["accuracy"]},
    {"optimizer": "lbfgs"},
    {"optimizer": "rmsprop", "class_weight": "balanced", "clip_norm": 0.5},
    {"optimizer": "gradient_descent", "batch_size": None, "schedule": "plateau"},
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("settings", RUNS, ids=lambda s: s["optimizer"])
def test_repeated_runs_are_bit_identical(settings: dict[str, Any], dtype: str) -> None:
    X, y = data()
    dropout = 0.0 if settings["optimizer"] == "lbfgs" else 0.2
    found = []
    for _ in range(2):
        net = network(dtype=dtype, dropout=dropout)
        history = net.fit(X, y, epochs=12, **settings)
        record = history.record()
        del record["seconds"]
        found.append((net.theta.tobytes(), json.dumps(record)))
    assert found[0] == found[1]


@pytest.mark.parametrize("chunks", [[1], [2, 5, 1], [10**6]], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_how_steps_are_grouped_into_calls_changes_no_bit(
    chunks: list[int], dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How many steps a call of the engine takes depends on the clock: nothing else may.
    X, y = data()
    settings: dict[str, Any] = {
        "epochs": 6,
        "batch_size": 4,
        "tolerance": None,
        "schedule": "cosine",
    }
    plain = network(dropout=0.3, dtype=dtype)
    expected = plain.fit(X, y, **settings)
    turn = iter(range(10**9))
    monkeypatch.setattr(
        descent, "_longer", lambda chunk, count, seconds: chunks[next(turn) % len(chunks)]
    )
    net = network(dropout=0.3, dtype=dtype)
    history = net.fit(X, y, **settings)
    assert (net.theta == plain.theta).all()
    assert history.cost == expected.cost
    assert history.gradient_norm == expected.gradient_norm
    assert history.layer_gradient_norms == expected.layer_gradient_norms
    assert history.learning_rate == expected.learning_rate


@pytest.mark.parametrize("change", [{"seed": 10}, {"dropout": 0.1}], ids=str)
def test_another_seed_or_rate_is_another_run(change: dict[str, Any]) -> None:
    X, y = data()
    one, other = network(), network(**change)
    other.theta = one.theta
    one.fit(X, y, epochs=2)
    other.fit(X, y, epochs=2)
    assert (one.theta != other.theta).any()


def test_the_order_of_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = data(10)
    seen: list[np.ndarray] = []
    run = reference.run

    def watch(problem: Any, theta: Any, state: Any, steps: Any) -> Any:
        seen.append(steps.order.copy())
        return run(problem, theta, state, steps)

    monkeypatch.setattr(reference, "run", watch)
    network().fit(X, y, epochs=3, batch_size=3, tolerance=None, engine="reference")
    rows = np.concatenate(seen).reshape(3, 10)
    for epoch in range(3):
        assert (rows[epoch] == permutation(10, key(9, ORDER, epoch))).all()
        assert (np.sort(rows[epoch]) == np.arange(10)).all()
    assert (rows[0] != rows[1]).any()
    seen.clear()
    network().fit(X, y, epochs=2, batch_size=3, tolerance=None, shuffle=False, engine="reference")
    assert (np.concatenate(seen) == np.tile(np.arange(10), 2)).all()


def test_history_has_one_entry_an_epoch() -> None:
    X, y = data()
    history = network().fit(
        X, y, epochs=5, tolerance=None, validation=0.2, metrics=["accuracy", "rmse"]
    )
    assert history.epochs == 5
    for entries in (
        history.cost,
        history.validation_cost,
        history.gradient_norm,
        history.layer_gradient_norms,
        history.learning_rate,
        history.seconds,
        *history.validation_metrics.values(),
    ):
        assert len(entries) == 5
    assert history.metrics == {}
    assert set(history.validation_metrics) == {"accuracy", "rmse"}
    assert history.seconds == sorted(history.seconds)
    for total, layers in zip(history.gradient_norm, history.layer_gradient_norms, strict=True):
        assert total == pytest.approx(np.linalg.norm(layers))
    assert json.loads(json.dumps(history.record()))["stop"]["reason"] == "epochs"
    plain = network().fit(X, y, epochs=2, metrics="accuracy")
    assert len(plain.metrics["accuracy"]) == 2
    assert plain.validation_cost == []


def test_the_cost_of_full_batch_descent_is_J_before_each_step() -> None:
    X, y = data()
    net = network(l1=0.01, l2=0.02)
    shadow = net.copy()
    costs, norms = [], []
    for _ in range(4):
        grads = shadow.gradients(X, y)
        costs.append(grads.J)
        norms.append([np.linalg.norm(np.r_[grads.dW[l].ravel(), grads.db[l]]) for l in (1, 2)])
        shadow.theta = shadow.theta - 0.1 * grads.dtheta
    history = net.fit(
        X, y, optimizer="gradient_descent", learning_rate=0.1, batch_size=None, epochs=4,
        tolerance=None, shuffle=False,
    )  # fmt: skip
    np.testing.assert_allclose(history.cost, costs, rtol=1e-13)
    np.testing.assert_allclose(history.layer_gradient_norms, norms, rtol=1e-12)
    np.testing.assert_allclose(net.theta, shadow.theta, rtol=1e-12)


def test_gradient_norm_is_the_root_mean_square_over_batches() -> None:
    X, y = data(6)
    net = network()
    batches = [net.gradients(X[i : i + 2], y[i : i + 2]).dtheta for i in (0, 2, 4)]
    settings = {"optimizer": "gradient_descent", "learning_rate": 1e-12, "shuffle": False}
    history = net.fit(X, y, batch_size=2, epochs=1, **settings)
    squares = [float(g @ g) for g in batches]
    assert history.gradient_norm == pytest.approx([np.sqrt(np.mean(squares))], rel=1e-8)


def test_held_out_share() -> None:
    X, y = data(50)
    net = network()
    history = net.fit(X, y, epochs=3, validation=0.3, tolerance=None)
    order = permutation(50, key(9, SPLIT))
    held, rest = np.sort(order[:15]), np.sort(order[15:])
    other = network()
    again = other.fit(X[rest], y[rest], epochs=3, validation=(X[held], y[held]), tolerance=None)
    assert (net.theta == other.theta).all()
    assert history.validation_cost == again.validation_cost
    assert history.cost == again.cost


def test_validation_cost_has_weights_and_no_penalty() -> None:
    X, y = data()
    w = np.random.default_rng(1).random(20)
    V, u = data(20, seed=3)
    net = network(l2=0.5, dropout=0.5)
    found = []

    def callback(net: cr.Network, history: cr.History) -> None:
        plain = cr.Network([4, 6, 3], "gelu", "softmax")
        plain.theta = net.theta
        found.append(plain.J(V, u, w))

    history = net.fit(X, y, validation=(V, u, w), epochs=3, callbacks=callback)
    assert history.validation_cost == pytest.approx(found, rel=1e-12)


def test_metrics_by_hand() -> None:
    # One output: over 0.5 is the class 1. Two right of four, with weights 1 and 2 of 6.
    from chainrule.training import METRICS

    y_hat = np.array([[0.6], [0.4], [0.9], [0.1]])
    Y = np.array([[1.0], [1.0], [0.0], [0.0]])
    shares = np.array([1, 2, 1, 2]) / 6
    assert METRICS["accuracy"].score(y_hat, Y, shares) == pytest.approx(3 / 6)
    # Errors .4, .6, .9, .1: mean with weights (.4 + 1.2 + .9 + .2) / 6.
    assert METRICS["mae"].score(y_hat, Y, shares) == pytest.approx(2.7 / 6)
    # Squares .16, .36, .81, .01: (.16 + .72 + .81 + .02) / 6 = 1.71 / 6.
    assert METRICS["rmse"].score(y_hat, Y, shares) == pytest.approx(np.sqrt(1.71 / 6))
    # Mean of Y: 3/6; its variance 1/4: 1 - (1.71 / 6) / (1/4).
    assert METRICS["r2"].score(y_hat, Y, shares) == pytest.approx(1 - 1.71 / 1.5)
    many = np.array([[0.2, 0.5, 0.3], [0.1, 0.2, 0.7]])
    assert METRICS["accuracy"].score(many, np.eye(3)[[1, 0]], np.array([0.5, 0.5])) == 0.5


def test_balanced_class_weights() -> None:
    X = np.random.default_rng(0).standard_normal((12, 4))
    y = np.array([0] * 8 + [1] * 3 + [2])
    # m / (classes * count): 12 / (3 * 8), 12 / (3 * 3), 12 / (3 * 1).
    weights = np.array([0.5, 4 / 3, 4.0])[y]
    one, other = network(), network()
    history = one.fit(X, y, class_weight="balanced", epochs=3)
    again = other.fit(X, y, sample_weight=weights, epochs=3)
    np.testing.assert_allclose(one.theta, other.theta, rtol=1e-12)
    np.testing.assert_allclose(history.cost, again.cost, rtol=1e-12)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 2.0, 2: 5.0}])
def test_classes_weigh_in_validation_what_they_weigh_in_training(class_weight: Any) -> None:
    X = np.random.default_rng(0).standard_normal((16, 4))
    y = np.array([0] * 8 + [1] * 4 + [0, 0, 1, 2])
    # Of 12 samples in 2 classes: 12 / (2 * 8), 12 / (2 * 4); a class that was not there weighs 1.
    factors = [0.75, 1.5, 1.0] if class_weight == "balanced" else [1.0, 2.0, 5.0]
    weights, own = np.array(factors)[y], np.array([1.0, 2.0, 3.0, 4.0])
    common: Any = {"epochs": 3, "metrics": "r2"}
    for brought, wanted in ((), (weights[12:],)), ((own,), (own,)):
        one, other = network(), network()
        history = one.fit(
            X[:12],
            y[:12],
            class_weight=class_weight,
            validation=(X[12:], y[12:], *brought),
            **common,
        )
        again = other.fit(
            X[:12], y[:12], sample_weight=weights[:12], validation=(X[12:], y[12:], *wanted),
            **common,
        )  # fmt: skip
        np.testing.assert_allclose(history.validation_cost, again.validation_cost, rtol=1e-12)
        found, known = (h.validation_metrics["r2"] for h in (history, again))
        np.testing.assert_allclose(found, known, rtol=1e-12)


def test_two_classes_on_one_output_take_class_weights() -> None:
    X, y = data()
    y = (y > 0).astype(int)
    nets = [cr.Network([4, 1], output="sigmoid", seed=3) for _ in range(2)]
    nets[0].fit(X, y, class_weight={0: 1.0, 1: 5.0}, epochs=2)
    nets[1].fit(X, y, sample_weight=np.where(y == 1, 5.0, 1.0), epochs=2)
    assert (nets[0].theta == nets[1].theta).all()


def test_a_weight_of_two_is_the_sample_twice() -> None:
    X, y = data(9)
    w = np.array([1, 2, 1, 1, 2, 1, 1, 1, 1.0])
    twice = np.repeat(np.arange(9), w.astype(int))
    net = network()
    one, other = net.gradients(X, y, w), net.gradients(X[twice], y[twice])
    assert one.J == pytest.approx(other.J, rel=1e-14)
    np.testing.assert_allclose(one.dtheta, other.dtheta, rtol=1e-11, atol=1e-16)


def test_a_weight_of_zero_is_no_sample_even_if_it_is_not_finite() -> None:
    X, y = data(6)
    w = np.array([1.0, 0.0, 2.0, 1.0, 1.0, 1.0])
    keep = w > 0
    far = X.copy()
    far[1] = 1e200  # its z overflows nowhere but its own row
    net = network()
    one = net.gradients(far, y, w)
    other = net.gradients(X[keep], y[keep], w[keep])
    assert one.J == pytest.approx(other.J, rel=1e-13)
    np.testing.assert_allclose(one.dtheta, other.dtheta, rtol=1e-11, atol=1e-16)


def test_batches_whose_weights_are_all_zero() -> None:
    # Batches of two in the given order; the second has no weight: its gradient is the penalty's.
    X, y = data(6)
    w = np.array([1.0, 1.0, 0.0, 0.0, 2.0, 1.0])
    net = network(l2=0.1)
    shadow = net.copy()
    costs = []
    for rows in (slice(0, 2), slice(2, 4), slice(4, 6)):
        grads = shadow.gradients(X[rows], y[rows], w[rows])
        costs.append(grads.J)
        shadow.theta = shadow.theta - 0.5 * grads.dtheta
    W = [np.asarray(v) for v in net.W[1:]]
    history = net.fit(
        X, y, sample_weight=w, batch_size=2, optimizer="gradient_descent", learning_rate=0.5,
        shuffle=False, epochs=1, tolerance=None,
    )  # fmt: skip
    np.testing.assert_allclose(net.theta, shadow.theta, rtol=1e-12)
    assert history.cost == pytest.approx([(2 * costs[0] + 3 * costs[2]) / 5], rel=1e-12)
    assert all(np.isfinite(v).all() for v in W)


def test_a_zero_batch_with_penalty_only_decays() -> None:
    net = network(l2=0.25)
    grads = net.gradients(*data(4), np.zeros(4))
    penalty = sum(0.125 * float((w**2).sum()) for w in net.W[1:])
    assert grads.J == pytest.approx(penalty, rel=1e-14)
    for l in (1, 2):
        np.testing.assert_allclose(grads.dW[l], 0.25 * net.W[l], rtol=1e-14)
        assert (grads.db[l] == 0).all()


def test_penalties_do_not_depend_on_the_batch_size() -> None:
    X, y = data(8)
    net, plain = network(l1=0.1, l2=0.3), network()
    for m in (1, 4, 8):
        more = net.gradients(X[:m], y[:m]).dtheta - plain.gradients(X[:m], y[:m]).dtheta
        slopes = [0.1 * np.sign(w) + 0.3 * w for w in net.W[1:]]
        parts = [np.r_[d.T.ravel(), np.zeros(len(d))] for d in slopes]
        np.testing.assert_allclose(more, np.concatenate(parts), atol=1e-14)


def test_a_schedule_is_asked_for_every_step_and_told_every_epoch() -> None:
    X, y = data(10)
    asked: list[tuple[int, int, Any]] = []
    told: list[float] = []

    def factor(step: int, steps: int, state: Any) -> float:
        asked.append((step, steps, state))
        return 1 / (step + 1)

    def observe(state: Any, cost: float) -> Any:
        told.append(cost)
        return (*state, cost)

    own = cr.Schedule("own", factor, init=lambda: (0.0,), observe=observe)
    net = network()
    shadow = net.copy()
    history = net.fit(
        X, y, schedule=own, batch_size=3, epochs=4, learning_rate=0.3, tolerance=None,
        optimizer="gradient_descent", shuffle=False, validation=data(5, seed=2),
    )  # fmt: skip
    assert [a[0] for a in asked] == list(range(16))
    assert {a[1] for a in asked} == {16}
    assert told == history.validation_cost
    assert [len(a[2]) for a in asked] == [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4
    assert history.learning_rate == pytest.approx([0.3 / n for n in (4, 8, 12, 16)])
    for step in range(4):
        rows = slice(3 * step, 3 * step + 3)
        g = shadow.gradients(X[rows], y[rows]).dtheta
        shadow.theta = shadow.theta - 0.3 / (step + 1) * g
    one = network()
    one.fit(
        X, y, schedule=own, batch_size=3, epochs=1, learning_rate=0.3, tolerance=None,
        optimizer="gradient_descent", shuffle=False,
    )  # fmt: skip
    np.testing.assert_allclose(one.theta, shadow.theta, rtol=1e-12)


def test_a_plateau_lowers_the_learning_rate() -> None:
    X, y = data()
    history = network().fit(
        X, y, schedule="plateau(0.1, 2)", learning_rate=1e-9, epochs=9, tolerance=None,
        optimizer="gradient_descent",
    )  # fmt: skip
    # The cost moves by less than 1e-4 of itself: epochs 2, 3 and 4 are no new best, 5 is slower.
    assert history.learning_rate == pytest.approx([1e-9] * 4 + [1e-10] * 3 + [1e-11] * 2)


def test_snapshots_thin_out() -> None:
    X, y = data(10)
    net = network()
    start = net.theta.copy()
    history = net.fit(X, y, epochs=150, tolerance=None, record="explain")
    epochs = [epoch for epoch, _ in history.snapshots]
    assert epochs[0] == 0
    assert (history.snapshots[0][1] == start).all()
    assert len(epochs) <= 65
    assert epochs == sorted(set(epochs))
    strides = set(np.diff(epochs).tolist())
    assert len(strides) == 1
    ten = network()
    ten.fit(X, y, epochs=epochs[1], tolerance=None)
    assert (history.snapshots[1][1] == ten.theta).all()
    assert "snapshots" not in history.record()


def test_fit_goes_on_from_where_theta_is_and_leaves_the_data_alone() -> None:
    X, y = data()
    copies = X.copy(), y.copy()
    net = network()
    theta = net.theta
    net.fit(X, y, epochs=2, validation=0.2, sample_weight=np.ones(50))
    assert net.theta is theta
    assert (X == copies[0]).all()
    assert (y == copies[1]).all()
    J = net.J(X, y)
    history = net.fit(X, y, epochs=1, batch_size=None)
    assert history.cost[0] == pytest.approx(J, rel=1e-13)


@pytest.mark.parametrize("kind", ["list", "float32", "fortran", "ints", "read-only", "strided"])
def test_kinds_of_input(kind: str) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.integers(-3, 4, (20, 4)).astype(float), rng.integers(0, 3, 20)
    frozen = X.copy()
    frozen.flags.writeable = False
    given = {
        "list": X.tolist(),
        "float32": X.astype(np.float32),
        "fortran": np.asfortranarray(X),
        "ints": X.astype(np.int8),
        "read-only": frozen,
        "strided": np.repeat(np.repeat(X, 2, 0), 3, 1)[::2, ::3],
    }[kind]
    one, other = network(), network()
    one.fit(X, y, epochs=2)
    other.fit(given, y.tolist(), epochs=2)
    assert (one.theta == other.theta).all()


@pytest.mark.parametrize("shape", ["labels", "column", "one-hot", "bool"])
def test_kinds_of_target(shape: str) -> None:
    X, y = data(20)
    y = y % 2
    net = cr.Network([4, 2], output="softmax")
    given = {
        "labels": y.astype(float),
        "column": y[:, None],
        "one-hot": np.eye(2)[y],
        "bool": y.astype(bool),
    }[shape]
    assert net.J(X, given) == net.J(X, y)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_the_smallest_tables(m: int) -> None:
    X, y = data(m)
    for batch_size in (None, 1, m, "auto"):
        history = network().fit(X, y, batch_size=batch_size, epochs=2, tolerance=None)
        assert history.epochs == 2


@given(m=st.integers(1, 40), data_=st.data())
def test_any_batch_size_sees_every_sample_once(m: int, data_: st.DataObject) -> None:
    batch = data_.draw(st.integers(1, m))
    X, y = data(m)
    net = network()
    J_i = [net.J(X[i : i + 1], y[i : i + 1]) for i in range(m)]
    history = net.fit(
        X, y, batch_size=batch, epochs=1, learning_rate=1e-14, optimizer="gradient_descent"
    )
    assert history.cost[0] == pytest.approx(np.mean(J_i), rel=1e-9)
    assert ceil(m / batch) >= 1


def test_own_records_train_wherever_a_name_does() -> None:
    X, y = data()
    X, y = X / 4, y / 2
    cube = cr.Activation("cube", f=lambda z: z**3 / 3, df=lambda z, a: z**2)
    quartic = cr.Cost(
        "quartic", J=lambda a, y: ((a - y) ** 4).sum(axis=1), da=lambda a, y: 4 * (a - y) ** 3
    )

    def ramp(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.linspace(-0.4, 0.4, int(np.prod(shape))).reshape(shape)

    start = cr.Initializer("ramp", ramp, "", "")
    half = cr.Schedule("half", lambda step, steps, state: 0.5)
    bias = cr.Metric("bias", lambda y_hat, Y, shares: float(np.mean(y_hat - Y)))
    plain = cr.OPTIMIZERS["gradient_descent"]()
    own = cr.Optimizer("mine", plain.slots, plain.init, plain.update)
    nets = [cr.Network([4, 5, 1], cube, cube, quartic, init=start) for _ in range(2)]
    history = nets[0].fit(
        X, y, optimizer=own, schedule=half, metrics=bias, epochs=3, learning_rate=1e-3
    )
    nets[1].fit(X, y, optimizer="gradient_descent", learning_rate=5e-4, epochs=3)
    assert (nets[0].theta == nets[1].theta).all()
    assert len(history.metrics["bias"]) == 3
    assert nets[0].J(X, y) < cr.Network([4, 5, 1], cube, cube, quartic, init=start).J(X, y)
    for save in (lambda: nets[0].config(), lambda: nets[0].save(Path("never.safetensors"))):
        with pytest.raises(ValueError, match="'ramp' is your own record"):
            save()


def test_save_and_load_after_training(tmp_path: Path) -> None:
    X, y = data()
    net = network(dtype="float32", dropout=[0.1, 0.2], l1=0.1, l2=0.2, hidden="leaky_relu(0.2)")
    net.fit(X, y, epochs=2)
    net.save(tmp_path / "model.safetensors")
    back = cr.load(tmp_path / "model.safetensors")
    assert back.config() == net.config()
    assert back.theta.dtype == np.float32
    assert (back.theta == net.theta).all()
    assert (back.predict(X) == net.predict(X)).all()
    one, other = net.fit(X, y, epochs=2), back.fit(X, y, epochs=2)
    assert one.cost == other.cost
    assert (back.theta == net.theta).all()


@pytest.mark.parametrize("weights", [[3.0, 1.0], [0.0, 2.0], [1.0, 0.0]])
def test_descent_with_weights_has_the_gradient_by_hand(descent: Any, weights: list[float]) -> None:
    # a = x, y = 0: dz = x, dW = sum w x^2 / sum w, db = sum w x / sum w.
    net = cr.Network([1, 1], output="identity", cost="squared_error")
    net.W[1], net.b[1] = [[1.0]], [0.0]
    w, x = np.array(weights), np.array([2.0, -3.0])
    lost = descent(net, x[:, None], [[0.0], [0.0]], sample_weight=w)
    wanted = [(w * x * x).sum() / w.sum(), (w * x).sum() / w.sum()]
    np.testing.assert_allclose(lost, wanted, rtol=1e-14)
