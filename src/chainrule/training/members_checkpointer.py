"""Checkpoints of members that train side by side: one file for all, at the end of an epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..files.model import read_model, shapes_agree, write_model
from ..typing import Rows
from .checkpoint_state import packed, unpack
from .checkpointer import difference_of, signature_of
from .checkpoints import CheckpointFolder, policy_of
from .data import Data
from .fingerprint import digest_of
from .joint_run import JointCheckpointer, JointRun
from .settings import Settings

_LISTS: Final = ("cost", "validation_cost", "gradient_norm", "learning_rate", "seconds")


def checkpointer_of(
    run: JointRun, settings: Settings, data: Sequence[Data], trained: Sequence[Rows]
) -> JointCheckpointer | None:
    """Return what writes the checkpoints that the settings ask for, None for none."""
    policy = policy_of(settings)
    if policy is None:
        return None
    digests = {id(one): digest_of(one) for one in data}
    signature = {
        f"member {j}": {
            **signature_of(run.runs[j], digests[id(data[j])], _digest(trained[j])),
            **{name: getattr(run.plan, name) for name in ("tolerance", "patience")},
            "monitor": run.plan.monitor.name if run.plan.monitor else "cost",
            "metrics": [metric.name for metric in run.plan.metrics],
        }
        for j in range(len(data))
    }
    return MembersCheckpointer(CheckpointFolder(policy, settings.resume), signature)


def _digest(rows: Rows) -> str:
    from hashlib import sha256

    return sha256(rows.astype("<i8").tobytes()).hexdigest()


class MembersCheckpointer:
    """Writes and reads the checkpoints of a joint run."""

    def __init__(self, folder: CheckpointFolder, signature: Mapping[str, Any]) -> None:
        self._folder, self._signature = folder, signature

    def restore(self, run: JointRun) -> None:
        """Put the run where its last sound checkpoint stands; where there is none, leave it.

        Raises ValueError for checkpoints of another run, naming what differs.
        """
        newest = self._folder.newest(self._load)
        if isinstance(newest, str):
            raise ValueError(newest)
        if newest is None:
            return
        path, names, arrays = newest
        try:
            _unpack(run, names, arrays)
        except ValueError as error:
            raise ValueError(f"{path} is not a sound checkpoint: {error}") from None

    def _load(self, path: Path) -> Any:
        """Return path, names and arrays, or the sentence that says what differs."""
        arrays, metadata = read_model(path)
        signature = metadata.get("signature")
        if set(metadata) != {"signature", "names"} or not isinstance(signature, dict):
            raise ValueError(f"{path} is a model file, but not a checkpoint of members")
        difference = difference_of(path, signature, self._signature)
        return difference or (path, metadata["names"], arrays)

    def end_epoch(self, run: JointRun) -> None:
        """Write a checkpoint if one is due."""
        if not self._folder.due(run.history.epochs):
            return
        self._folder.postpone()
        names, arrays = _packed(run)
        metadata = {"signature": self._signature, "names": names}
        done = sum(at.done for at in run.positions)
        self._folder.store(done, lambda path: write_model(path, arrays, metadata))

    def close(self) -> None:
        """Release the folder's lock."""
        self._folder.close()


def _packed(run: JointRun) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the state of a joint run: JSON values and arrays."""
    names: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    for j, (one, at) in enumerate(zip(run.runs, run.positions, strict=True)):
        names[str(j)], state = packed(one, at)
        theta = one.net.theta if at.average is None else at.average.theta
        state |= {"theta": theta, "kept": run.best[j]}
        arrays |= {f"{j}.{name}": np.ascontiguousarray(array) for name, array in state.items()}
    history, stopping = run.history, run.stopping
    names["metrics"] = list(history.validation_metrics)
    arrays["counts"] = np.array([history.epochs, run.best_epoch, stopping.waited], np.int64)
    arrays["numbers"] = np.array([stopping.lowest, stopping.mark], np.float64)
    arrays["layers"] = np.array(history.layer_gradient_norms, np.float64)
    arrays |= {name: np.array(getattr(history, name), np.float64) for name in _LISTS}
    metrics = np.array(list(history.validation_metrics.values()), np.float64)
    arrays["metrics"] = metrics.reshape(len(metrics), history.epochs if len(metrics) else 0)
    return names, arrays


def _unpack(run: JointRun, names: Any, arrays: dict[str, Any]) -> None:
    """Restore a joint run; raises ValueError for arrays that do not fit."""
    expected = {str(j) for j in range(len(run.runs))}
    if not isinstance(names, dict) or set(names) != expected | {"metrics"}:
        raise ValueError("it is of another number of members")
    history, stopping = run.history, run.stopping
    joint = {n: array for n, array in arrays.items() if n.partition(".")[0] not in expected}
    shapes_agree(joint, _shapes(run, names, joint))
    for j, (one, at) in enumerate(zip(run.runs, run.positions, strict=True)):
        prefix = f"{j}."
        state = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
        both = {name: state.pop(name, None) for name in ("theta", "kept")}
        shape = (one.net.theta.shape, one.net.dtype)
        shapes_agree({n: a for n, a in both.items() if a is not None}, dict.fromkeys(both, shape))
        unpack(one, at, both["theta"], names[str(j)], state)
        run.best[j][...] = both["kept"]
    epochs, run.best_epoch, stopping.waited = joint["counts"].tolist()
    if any(at.epoch != epochs for at in run.positions) or run.best_epoch > epochs:
        raise ValueError("its counts contradict one another")
    run.start = run.runs[0].start
    stopping.lowest, stopping.mark = joint["numbers"].tolist()
    for name in _LISTS:
        getattr(history, name)[:] = joint[name].tolist()
    history.layer_gradient_norms[:] = joint["layers"].tolist()
    values = zip(names["metrics"], joint["metrics"].tolist(), strict=True)
    history.validation_metrics.update(values)


def _shapes(run: JointRun, names: Any, joint: Mapping[str, Any]) -> dict[str, Any]:
    counts = joint.get("counts")
    if counts is None or counts.shape != (3,) or counts.dtype != np.int64 or (counts < 0).any():
        raise ValueError("its counts are missing")
    if names["metrics"] != [metric.name for metric in run.plan.metrics]:
        raise ValueError("its metrics are not those of the run")
    epochs, squares = int(counts[0]), run.positions[0].sums.squares
    layers = (epochs, squares.size) if run.alike and epochs else (0,)
    k = len(names["metrics"])
    shapes: dict[str, Any] = dict.fromkeys(_LISTS, ((epochs,), np.float64))
    return shapes | {
        "validation_cost": ((epochs if run.fold is not None else 0,), np.float64),
        "counts": ((3,), np.int64),
        "numbers": ((2,), np.float64),
        "layers": (layers, np.float64),
        "metrics": ((k, epochs if k else 0), np.float64),
    }
