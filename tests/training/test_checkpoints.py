"""Checkpoints: a run that was stopped and resumed ends in the bits of one that was not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.files.network import load_network
from chainrule.training.checkpoints import NAME, checkpoints_of, written

rng = np.random.default_rng(0)
X = rng.normal(size=(203, 5))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
W = rng.uniform(0, 2, 203)
COMMON: dict[str, Any] = {"epochs": 6, "tolerance": None, "progress": False, "batch_size": 16}


def network(**given: Any) -> cr.Network:
    shape: dict[str, Any] = {"hidden": "tanh", "output": "sigmoid", "seed": 3, "dropout": 0.2}
    return cr.Network([5, 8, 1], **{**shape, **given})


class Stopped(Exception):
    pass


def stop_after(epochs: int) -> Any:
    def callback(net: cr.Network, history: cr.History) -> None:
        if history.epochs == epochs:
            raise Stopped

    return callback


def stop_at_step(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Deliver what Ctrl-C does as soon as so many steps were taken; one step a call."""
    from chainrule.training import descent

    asked = {"calls": 0}

    def agree(run: Any, interrupt: Any, chunk: int) -> tuple[bool, int]:
        asked["calls"] += 1
        return asked["calls"] == step, 1

    monkeypatch.setattr(descent, "_agree", agree)
    monkeypatch.setattr(descent, "FEWEST_STEPS", 1)


def same(a: cr.History, b: cr.History) -> None:
    first, second = a.record(), b.record()
    for record in (first, second):
        assert len(record.pop("seconds")) == a.epochs
    np.testing.assert_equal(second, first)
    assert [e for e, _ in a.snapshots] == [e for e, _ in b.snapshots]
    assert all((s == t).all() for (_, s), (_, t) in zip(a.snapshots, b.snapshots, strict=True))


WAYS: list[dict[str, Any]] = [
    *({"optimizer": name} for name in cr.OPTIMIZERS),
    *({"schedule": name} for name in cr.SCHEDULES),
    {"validation": 0.2, "metrics": ["accuracy", "rmse"], "monitor": "accuracy", "patience": 3},
    {"metrics": "accuracy", "record": "explain"},
    {"sample_weight": W, "class_weight": "balanced", "clip_norm": 0.1, "clip_value": 0.05},
    {"shuffle": False, "batch_size": 203},
    {"batch_size": 1, "epochs": 3},
    {"tolerance": 1e-2, "patience": 2, "epochs": 40, "learning_rate": 0.03},
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: " ".join(map(str, way.values()))[:30])
def test_resumed_run_has_the_bits_of_an_uninterrupted_one(
    tmp_path: Path, way: dict[str, Any], dtype: str
) -> None:
    whole, parts, end = (network(dtype=dtype) for _ in range(3))
    through = whole.fit(X, Y, **{**COMMON, **way})
    with pytest.raises(Stopped):
        parts.fit(X, Y, checkpoint=tmp_path, callbacks=stop_after(3), **{**COMMON, **way})
    resumed = end.fit(X, Y, checkpoint=tmp_path, resume=True, **{**COMMON, **way})
    assert (end.theta == whole.theta).all()
    same(through, resumed)


@settings(max_examples=15)
@given(step=st.integers(1, 77), l2=st.sampled_from([0.0, 0.01]))
def test_resumes_in_the_middle_of_an_epoch(
    tmp_path_factory: pytest.TempPathFactory, step: int, l2: float
) -> None:
    folder = tmp_path_factory.mktemp("run")
    whole, part, end = (network(l2=l2) for _ in range(3))
    through = whole.fit(X, Y, validation=0.1, **COMMON)
    with pytest.MonkeyPatch.context() as patched:
        stop_at_step(patched, step)
        stopped = part.fit(X, Y, validation=0.1, checkpoint=folder, **COMMON)
    if step <= 6 * 12:  # 183 samples left to train on: 12 batches of 16 an epoch
        assert stopped.stop is not None
        assert stopped.stop.reason == "interrupted"
    resumed = end.fit(X, Y, validation=0.1, checkpoint=folder, resume=True, **COMMON)
    assert (end.theta == whole.theta).all()
    same(through, resumed)


def test_a_run_whose_checkpoints_are_done_ends_as_before(tmp_path: Path) -> None:
    first, second = network(), network()
    one = first.fit(X, Y, checkpoint=tmp_path, **COMMON)
    two = second.fit(X, Y, checkpoint=tmp_path, resume=True, **COMMON)
    same(one, two)


def test_more_epochs_go_on_where_the_learning_rate_does_not_depend_on_them(tmp_path: Path) -> None:
    whole, net = network(), network()
    whole.fit(X, Y, **{**COMMON, "epochs": 9})
    net.fit(X, Y, checkpoint=tmp_path, **COMMON)
    net.fit(X, Y, checkpoint=tmp_path, resume=True, **{**COMMON, "epochs": 9})
    assert (net.theta == whole.theta).all()
    with pytest.raises(ValueError, match="its schedule is 'constant', not 'cosine"):
        net.fit(X, Y, checkpoint=tmp_path, resume=True, schedule="cosine", **COMMON)


def test_more_epochs_are_refused_where_it_does(tmp_path: Path) -> None:
    network().fit(X, Y, checkpoint=tmp_path, schedule="cosine", **COMMON)
    with pytest.raises(ValueError, match="number of epochs, which its schedule depends on, is 6"):
        network().fit(
            X, Y, checkpoint=tmp_path, resume=True, schedule="cosine", **{**COMMON, "epochs": 9}
        )


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"optimizer": "momentum"}, "its optimizer is 'adam"),
    ({"batch_size": 8}, "its batch size is 16, not 8"),
    ({"learning_rate": 0.5}, "its learning rate is 0.001, not 0.5"),
    ({"clip_norm": 1.0}, "its clip_norm is None, not 1.0"),
    ({"shuffle": False}, "its shuffle is True, not False"),
    ({"validation": 0.5}, "other samples"),
    ({"metrics": "accuracy"}, "its metrics is"),
    ({"sample_weight": W}, "other samples"),
]


@pytest.mark.parametrize(("other", "words"), OTHERS)
def test_a_checkpoint_of_another_run_is_refused(
    tmp_path: Path, other: dict[str, Any], words: str
) -> None:
    network().fit(X, Y, checkpoint=tmp_path, **COMMON)
    before = [path.read_bytes() for path in written(tmp_path)]
    with pytest.raises(ValueError, match=words):
        network().fit(X, Y, checkpoint=tmp_path, resume=True, **{**COMMON, **other})
    assert [path.read_bytes() for path in written(tmp_path)] == before


def test_another_network_and_other_data_are_refused(tmp_path: Path) -> None:
    network().fit(X, Y, checkpoint=tmp_path, **COMMON)
    with pytest.raises(ValueError, match="its network is"):
        network(seed=4).fit(X, Y, checkpoint=tmp_path, resume=True, **COMMON)
    moved = X.copy()
    moved[0, 0] = np.nextafter(moved[0, 0], 9)
    with pytest.raises(ValueError, match="other samples"):
        network().fit(moved, Y, checkpoint=tmp_path, resume=True, **COMMON)


def test_an_earlier_run_is_not_overwritten(tmp_path: Path) -> None:
    network().fit(X, Y, checkpoint=tmp_path, **COMMON)
    with pytest.raises(ValueError, match="holds checkpoints of an earlier run"):
        network().fit(X, Y, checkpoint=tmp_path, **COMMON)


def test_the_last_few_are_kept_and_can_be_predicted_with(tmp_path: Path) -> None:
    net = network()
    encoder = ({"kind": "own"}, {"mean": np.arange(3.0)})
    policy = cr.Checkpoints(tmp_path, epochs=2, keep=2, encoder=encoder)
    net.fit(X, Y, checkpoint=policy, **COMMON)
    assert [path.name for path in written(tmp_path)] == [NAME.format(52), NAME.format(78)]
    assert [path.name for path in tmp_path.iterdir() if path not in written(tmp_path)] == []
    path = written(tmp_path)[-1]
    loaded = load_network(path)
    assert (cr.load(path).predict(X) == net.predict(X)).all()
    assert loaded.encoder == {"kind": "own"}
    assert loaded.encoder_arrays["mean"].tolist() == [0, 1, 2]


def test_by_the_clock_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from chainrule.training import checkpoints

    now = {"t": 0.0}

    def clock() -> float:
        now["t"] += 7.0
        return now["t"]

    monkeypatch.setattr(checkpoints.time, "monotonic", clock)
    network().fit(X, Y, checkpoint=tmp_path, checkpoint_every="1min", **COMMON)
    assert written(tmp_path)


def test_a_folder_without_checkpoints_starts_anew(tmp_path: Path) -> None:
    net, whole = network(), network()
    whole.fit(X, Y, **COMMON)
    net.fit(X, Y, checkpoint=tmp_path / "new" / "folder", resume=True, **COMMON)
    assert (net.theta == whole.theta).all()


def test_a_damaged_checkpoint_is_passed_over_with_a_warning(tmp_path: Path) -> None:
    whole, net = network(), network()
    through = whole.fit(X, Y, checkpoint=tmp_path, **COMMON)
    newest = written(tmp_path)[-1]
    newest.write_bytes(newest.read_bytes()[:-1] + b"\x01")
    with pytest.warns(RuntimeWarning, match=r"is damaged.*000000000065.safetensors is resumed"):
        resumed = net.fit(X, Y, checkpoint=tmp_path, resume=True, **COMMON)
    same(through, resumed)
    for path in written(tmp_path):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match="is empty, and so not a model file"):
        network().fit(X, Y, checkpoint=tmp_path, resume=True, **COMMON)


def test_a_model_is_no_checkpoint(tmp_path: Path) -> None:
    network().save(tmp_path / NAME.format(9))
    with pytest.raises(ValueError, match="is a model file, but not a checkpoint"):
        network().fit(X, Y, checkpoint=tmp_path, resume=True, **COMMON)


def test_two_runs_never_share_a_folder(tmp_path: Path) -> None:
    def second(net: cr.Network, history: cr.History) -> None:
        with pytest.raises(ValueError, match="is in use by another run"):
            network().fit(X, Y, checkpoint=tmp_path, resume=True, **COMMON)

    network().fit(X, Y, checkpoint=tmp_path, callbacks=second, **COMMON)


def test_a_forked_process_does_not_keep_the_folder_locked(tmp_path: Path) -> None:
    import os

    children: list[int] = []
    read, write = os.pipe()

    def fork(net: cr.Network, history: cr.History) -> None:
        if not children:
            child = os.fork()
            if child == 0:
                os.close(write)
                os.read(read, 1)  # until the parent is done
                os._exit(0)
            children.append(child)

    network().fit(X, Y, checkpoint=tmp_path, callbacks=fork, **COMMON)
    network().fit(X, Y, checkpoint=tmp_path, resume=True, **COMMON)
    os.close(write)
    os.close(read)
    assert os.waitpid(children[0], 0)[1] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"resume": True}, "resume needs the folder"),
        ({"checkpoint": 3}, "checkpoint must be a folder"),
        ({"checkpoint": "x", "checkpoint_every": "soon"}, "every 10"),
        ({"checkpoint": "x", "checkpoint_every": 0}, "epochs must be"),
        ({"checkpoint": "x", "optimizer": "lbfgs", "batch_size": None}, "lbfgs keeps its state"),
        ({"checkpoint": "/dev/null"}, "cannot be a folder of checkpoints"),
    ],
)
def test_bad_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    net = network(dropout=0.0)
    with pytest.raises((ValueError, TypeError), match=words):
        net.fit(X, Y, **{**COMMON, **arguments})
    assert list(tmp_path.iterdir()) == []


def test_every() -> None:
    assert checkpoints_of("f", 10) == cr.Checkpoints("f", epochs=10)
    assert checkpoints_of("f", "2.5 min") == cr.Checkpoints("f", epochs=None, minutes=2.5)


def test_unsound_checkpoints_do_not_push_good_ones_out(tmp_path: Path) -> None:
    network().fit(X, Y, checkpoint=tmp_path, **COMMON)
    paths = sorted(tmp_path.glob("step-*"))
    newer = tmp_path / "step-000099999999.safetensors"
    for path in (newer, tmp_path / "step-000099999998.safetensors"):
        path.write_bytes(b"damaged")
    more = {**COMMON, "epochs": COMMON["epochs"] + 4}
    with pytest.warns(RuntimeWarning, match="is resumed"):
        network().fit(X, Y, checkpoint=tmp_path, resume=True, **more)
    sound = [p for p in sorted(tmp_path.glob("step-*")) if p.read_bytes() != b"damaged"]
    assert len(sound) == 3
    assert sound[0] > paths[-1]
