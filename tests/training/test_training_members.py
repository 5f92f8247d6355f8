"""Members trained side by side are the networks trained alone, stopped by their mean's cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss

import chainrule as cr
from chainrule.training import FittedMembers, fit_members
from chainrule.training.checkpoints import written

RNG = np.random.default_rng(3)
M = 60
X = RNG.normal(size=(M, 3))
Y = (X[:, 0] + X[:, 1] ** 2 + RNG.normal(size=M) / 2 > 0.5).astype(int)
WEIGHTS = RNG.uniform(0.1, 2, M)
FOLDS = [np.flatnonzero(np.arange(M) % 3 != k) for k in range(3)]
SETTINGS: dict[str, Any] = {"batch_size": 8, "learning_rate": 0.05, "progress": False}


def networks(k: int = 3, **shape: Any) -> list[cr.Network]:
    settings = {"hidden": "tanh", "output": "sigmoid", "dropout": 0.1, **shape}
    return [cr.Network([3, 6, 1], seed=seed, **settings) for seed in range(k)]


def alone(net: cr.Network, rows: np.ndarray, epochs: int, **settings: Any) -> list[np.ndarray]:
    """Return theta after every epoch of plain training on the rows."""
    thetas: list[np.ndarray] = []
    net.fit(
        X[rows], Y[rows], epochs=epochs, tolerance=None,
        callbacks=lambda net, history: thetas.append(net.theta.copy()), **SETTINGS, **settings,
    )  # fmt: skip
    return thetas


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_one_epoch_of_a_member_is_the_network_trained_alone(engine: str, dtype: str) -> None:
    if engine == "native":
        pytest.importorskip("chainrule.engines._core")
    members, plain = networks(dtype=dtype), networks(dtype=dtype)
    fit_members(members, X, Y, FOLDS, epochs=1, engine=engine, **SETTINGS)
    for member, net, rows in zip(members, plain, FOLDS, strict=True):
        assert (member.theta == alone(net, rows, 1, engine=engine)[-1]).all()


def test_the_best_epoch_of_the_mean_is_kept() -> None:
    # The whole run again, by plain training and scikit-learn's log loss. Rows 0, 5, 10, ... are
    # left out by two members, whose mean is scored there; row 1 is trained on by all.
    trained = [np.setdiff1d(rows, np.arange(0, M, 5)) for rows in FOLDS]
    trained[1] = np.append(trained[1], np.arange(0, M, 5)[::2])
    trained = [np.union1d(rows, [1]) for rows in trained]
    epochs, patience = 40, 5
    nets = networks()
    paths = [alone(net, rows, epochs) for net, rows in zip(nets, trained, strict=True)]
    costs, means = [], []
    rows = np.flatnonzero([sum(i not in t for t in trained) for i in range(M)])
    assert 1 not in rows
    for epoch in range(epochs):
        total, count = np.zeros(M), np.zeros(M)
        for net, path, used in zip(nets, paths, trained, strict=True):
            net.theta = path[epoch]
            held = np.setdiff1d(np.arange(M), used)
            total[held] += net.predict(X[held])[:, 0]
            count[held] += 1
        means.append((total[rows] / count[rows])[:, None])
        costs.append(log_loss(Y[rows], means[-1][:, 0]))
    stop = next(e for e in range(epochs) if e - int(np.argmin(costs[: e + 1])) == patience)
    best = int(np.argmin(costs[: stop + 1]))
    assert 0 < best < stop < epochs - 1

    members = networks()
    fitted = fit_members(
        members, X, Y, trained, epochs=epochs, patience=patience, tolerance=None, **SETTINGS
    )
    assert fitted.history.stop is not None
    assert fitted.history.stop.reason == "validation"
    assert fitted.history.stop.best_epoch == best + 1
    np.testing.assert_allclose(fitted.history.validation_cost, costs[: stop + 1], rtol=1e-10)
    assert (fitted.rows == rows).all()
    np.testing.assert_allclose(fitted.outputs, means[best], rtol=1e-10)
    for member, path in zip(members, paths, strict=True):
        assert (member.theta == path[best]).all()


def test_weights_count_in_training_and_in_the_mean_cost() -> None:
    members, plain = networks(), networks()
    fitted = fit_members(
        members, X, Y, FOLDS, epochs=1, sample_weight=WEIGHTS, metrics="accuracy", **SETTINGS
    )
    for member, net, rows in zip(members, plain, FOLDS, strict=True):
        net.fit(X[rows], Y[rows], sample_weight=WEIGHTS[rows], epochs=1, **SETTINGS)
        np.testing.assert_allclose(member.theta, net.theta, rtol=1e-12)
    p = fitted.outputs[:, 0]
    expected = log_loss(Y, p, sample_weight=WEIGHTS)
    assert fitted.history.validation_cost == pytest.approx([expected], rel=1e-12)
    accuracy = np.average((p > 0.5) == Y, weights=WEIGHTS)
    assert fitted.history.validation_metrics["accuracy"] == pytest.approx([accuracy])


def test_a_bootstrap_trains_on_a_row_as_often_as_it_is_named() -> None:
    rows = np.array([4, 4, 4, 9, 11, 11, 30, 59])
    member, net = networks(1)[0], networks(1)[0]
    fitted = fit_members([member], X, Y, [rows], epochs=1, **SETTINGS)
    net.fit(X[rows], Y[rows], epochs=1, **SETTINGS)
    assert (member.theta == net.theta).all()
    assert (fitted.rows == np.setdiff1d(np.arange(M), rows)).all()


@pytest.mark.parametrize("second", [[2, 4, 1], [2, 4, 3, 1]], ids=str)
def test_members_may_have_inputs_and_layers_of_their_own(second: list[int], tmp_path: Path) -> None:
    shapes = [[3, 6, 1], second]
    inputs = [X, X[:, :2] * 2]
    members, plain = ([cr.Network(s, output="sigmoid", seed=1) for s in shapes] for _ in range(2))
    fit_members(members, inputs, Y, FOLDS[:2], epochs=1, checkpoint=tmp_path, **SETTINGS)
    for member, net, own, rows in zip(members, plain, inputs, FOLDS, strict=False):
        net.fit(own[rows], Y[rows], epochs=1, **SETTINGS)
        assert (member.theta == net.theta).all()
    fitted = fit_members(
        members, inputs, Y, FOLDS[:2], epochs=2, checkpoint=tmp_path, resume=True, **SETTINGS
    )
    assert fitted.history.epochs == 2


EVERYTHING: dict[str, Any] = {
    **SETTINGS,
    "epochs": 12,
    "patience": 12,
    "schedule": "one_cycle",
    "averaging": 0.05,
    "metrics": ["accuracy"],
    "monitor": "accuracy",
    "class_weight": "balanced",
    "clip_norm": 1.0,
}


def bits(members: list[cr.Network], fitted: FittedMembers) -> tuple[Any, ...]:
    record = fitted.history.record()
    del record["seconds"]
    thetas = [member.theta.tobytes() for member in members]
    return thetas, repr(record), fitted.outputs.tobytes()


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_threads_change_no_bit(engine: str) -> None:
    if engine == "native":
        pytest.importorskip("chainrule.engines._core")
    results = []
    for threads in (1, 2, 3, 7):
        members = networks()
        fitted = fit_members(members, X, Y, FOLDS, threads=threads, engine=engine, **EVERYTHING)
        results.append(bits(members, fitted))
    assert all(result == results[0] for result in results)


class Cut(Exception):
    pass


@pytest.mark.parametrize("epoch", [1, 2, 7, 11])
def test_a_run_cut_and_resumed_ends_in_the_same_bits(tmp_path: Path, epoch: int) -> None:
    whole = networks()
    expected = bits(whole, fit_members(whole, X, Y, FOLDS, **EVERYTHING))

    def cut(members: Any, history: cr.History) -> None:
        if history.epochs == epoch:
            raise Cut

    with pytest.raises(Cut):
        fit_members(networks(), X, Y, FOLDS, callbacks=cut, checkpoint=tmp_path, **EVERYTHING)
    assert len(written(tmp_path)) == min(epoch - 1, 3)
    members = networks()
    fitted = fit_members(members, X, Y, FOLDS, checkpoint=tmp_path, resume=True, **EVERYTHING)
    assert bits(members, fitted) == expected


def test_a_checkpoint_of_other_members_is_refused(tmp_path: Path) -> None:
    fit_members(networks(), X, Y, FOLDS, checkpoint=tmp_path, epochs=2, **SETTINGS)
    settings: dict[str, Any] = {"checkpoint": tmp_path, "resume": True, "epochs": 3, **SETTINGS}
    other = [FOLDS[0], FOLDS[1], FOLDS[2][:-1]]
    with pytest.raises(ValueError, match="its member 2 is"):
        fit_members(networks(), X, Y, other, **settings)
    with pytest.raises(ValueError, match="holds checkpoints of an earlier run"):
        fit_members(networks(), X, Y, FOLDS, **{**settings, "resume": False})
    newest = written(tmp_path)[-1]
    newest.write_bytes(newest.read_bytes()[:-1] + b"\x01")
    with pytest.warns(RuntimeWarning, match=r"is damaged.*is resumed"):
        fit_members(networks(), X, Y, FOLDS, **settings)


def test_without_rows_left_out_the_last_epoch_is_kept() -> None:
    members, plain = networks(2), networks(2)
    everything = [np.arange(M)] * 2
    fitted = fit_members(members, X, Y, everything, epochs=3, tolerance=None, **SETTINGS)
    for member, net in zip(members, plain, strict=True):
        assert (member.theta == alone(net, np.arange(M), 3)[-1]).all()
    assert fitted.outputs.shape == (0, 1)
    assert fitted.history.validation_cost == []
    costs = [net.history.cost for net in plain if net.history is not None]
    np.testing.assert_allclose(fitted.history.cost, np.mean(costs, axis=0), rtol=1e-15)


def test_ctrl_c_in_the_first_epoch_keeps_what_was_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    from chainrule.training import descent

    monkeypatch.setattr(descent, "FEWEST_STEPS", 1)
    monkeypatch.setattr(descent, "_agree", lambda run, interrupt, chunk: (True, 1))
    members = networks()
    starts = [member.theta.copy() for member in members]
    fitted = fit_members(members, X, Y, FOLDS, **SETTINGS)
    assert fitted.history.stop is not None
    assert fitted.history.stop.reason == "interrupted"
    assert all((member.theta != start).any() for member, start in zip(members, starts, strict=True))


def test_a_callback_stops_all() -> None:
    seen: list[int] = []

    def stop(members: tuple[cr.Network, ...], history: cr.History) -> bool:
        seen.append(len(members))
        return history.epochs == 2

    fitted = fit_members(networks(), X, Y, FOLDS, callbacks=stop, epochs=9, **SETTINGS)
    assert seen == [3, 3]
    assert fitted.history.stop is not None
    assert fitted.history.stop.reason == "callback"


def test_divergence_keeps_the_best_epoch_and_warns() -> None:
    y = X[:, 0] * 100
    members = [cr.Network([3, 6, 1], seed=seed) for seed in range(3)]
    starts = [member.theta.copy() for member in members]
    with pytest.warns(RuntimeWarning, match=r"diverged in epoch 1: .*the initial parameters"):
        fit_members(
            members, X, y, FOLDS, optimizer="gradient_descent", learning_rate=1e3, progress=False
        )
    for member, start in zip(members, starts, strict=True):
        assert (member.theta == start).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"members": []}, "at least one member"),
        ({"members": [networks(1)[0]] * 3}, "a network is a member twice"),
        ({"members": [*networks(2), cr.Network([3, 1])]}, "the members differ in output"),
        ({"rows": FOLDS[:2]}, "rows is for 2 members, but there are 3"),
        ({"rows": [*FOLDS[:2], []]}, r"rows\[2\] must be the numbers of one row or more"),
        ({"rows": [*FOLDS[:2], [0.5]]}, r"rows\[2\] must be the numbers of one row or more"),
        ({"rows": [*FOLDS[:2], [M]]}, r"rows\[2\] names a row outside 0 to 59"),
        ({"rows": [*FOLDS[:2], [-1]]}, r"rows\[2\] names a row outside 0 to 59"),
        ({"X": [X, X]}, "X is a list of 2 arrays, but there are 3 members"),
        ({"validation": 0.1}, "fit_members has no validation: leave it out"),
        ({"record": "explain"}, "fit_members has no record: leave it out"),
        ({"optimizer": "lbfgs"}, "lbfgs takes none: use adam"),
        ({"rows": [np.arange(M)] * 3, "metrics": "accuracy"}, "no member leaves out any"),
        ({"batch_size": 50}, "batch_size is 50, but there are 40 training samples"),
        ({"averaging": 0.0}, "fit: averaging must be above 0 and at most 1"),
        ({"sample_weight": (np.arange(M) % 3 == 3) * 1.0}, "weights"),
        ({"lerning_rate": 1}, "unknown argument 'lerning_rate', did you mean 'learning_rate'"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(change: dict[str, Any], words: str) -> None:
    arguments: dict[str, Any] = {"members": networks(), "X": X, "y": Y, "rows": FOLDS, **change}
    with pytest.raises((ValueError, TypeError), match=words):
        fit_members(**arguments)


def test_a_checkpoint_made_by_hand_is_refused_in_one_sentence(tmp_path: Path) -> None:
    from chainrule.files.model import read_model, write_model

    settings: dict[str, Any] = {**EVERYTHING, "epochs": 3, "checkpoint": tmp_path, "resume": True}
    fit_members(networks(), X, Y, FOLDS, **settings)
    (path, *others) = reversed(written(tmp_path))
    for other in others:
        other.unlink()
    arrays, metadata = read_model(path)

    def refused(arrays: dict[str, Any], metadata: dict[str, Any]) -> None:
        write_model(path, arrays, metadata)
        words = r"is not a sound checkpoint: |, but not a checkpoint of members"
        with pytest.raises(ValueError, match=words):
            fit_members(networks(), X, Y, FOLDS, **settings)

    for name, array in arrays.items():
        refused({other: a for other, a in arrays.items() if other != name}, metadata)
        refused({**arrays, name: array.astype(np.float16)}, metadata)
        refused({**arrays, name: array[None]}, metadata)
    refused({**arrays, "more": np.zeros(1)}, metadata)
    refused({**arrays, "3.theta": arrays["2.theta"]}, metadata)
    names = metadata["names"]
    for changed in ({}, {**names, "metrics": []}, {**names, "0": {}}, {**names, "0": 3}, [], None):
        refused(arrays, {**metadata, "names": changed})
    refused(arrays, {"names": names})
    write_model(path, arrays, metadata)
    fit_members(networks(), X, Y, FOLDS, **settings)
