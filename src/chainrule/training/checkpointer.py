"""Checkpoints of one network: what is in them, and whose they are.

A checkpoint is a model file that also holds the state of the run (``checkpoint_state``), so it can
predict as it is. A run that is resumed ends in the same bits as one that was never stopped: the
optimizer's state, the position in the order of samples, the sums of the current epoch and the
history are all there, and orders and dropout masks are functions of seed and step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from ..configuration import config_of
from ..engines.communicator import ALONE, Disagreement, Team
from ..files.network import load_network, save_network
from ..mathematics.names import spell
from .checkpoint_state import packed, unpack
from .checkpoints import CheckpointFolder, Checkpoints
from .plan import Plan
from .position import Position
from .run import Run


class FolderCheckpointer:
    """Writes and reads the checkpoints of one run.

    ``signature``: what must be the same for a run to be continued, in words and digests. Of a team,
    only rank 0 touches the folder.
    """

    def __init__(
        self,
        policy: Checkpoints,
        signature: Mapping[str, Any],
        resume: bool,
        team: Team = ALONE,
    ) -> None:
        self._encoder, self._signature = policy.encoder, dict(signature)
        self._folder = CheckpointFolder(policy, resume, team.rank == 0)

    def restore(self, run: Run, at: Position) -> None:
        """Put the run where its last sound checkpoint stands; where there is none, leave it.

        Raises Disagreement, a ValueError, on all ranks for checkpoints of another run, naming what
        differs.
        """
        newest = run.team.share(self._newest() if run.team.rank == 0 else None)
        if isinstance(newest, str):
            raise Disagreement(newest)
        if newest is None:
            return
        path, theta, names, arrays = newest
        try:
            unpack(run, at, theta, names, arrays)
        except ValueError as error:
            raise Disagreement(f"{path} is not a sound checkpoint: {error}") from None

    def _newest(self) -> Any:
        """Return path, theta, names and arrays of the newest sound checkpoint; None, or why not."""
        try:
            return self._folder.newest(self._load)
        except ValueError as error:
            return str(error)

    def _load(self, path: Path) -> Any:
        """Return path, theta, names and arrays, or the sentence that says what differs."""
        loaded = load_network(path)
        state = loaded.checkpoint
        if not isinstance(state, dict) or set(state) != {"signature", "names"}:
            raise ValueError(f"{path} is a model file, but not a checkpoint")
        signature = state["signature"] if isinstance(state["signature"], dict) else {}
        # The network is that of the file: an older version wrote its config in another form.
        signature = {**signature, "network": config_of(loaded.architecture)}
        difference = difference_of(path, signature, self._signature)
        if difference is not None:
            return difference
        return str(path), loaded.theta, state["names"], dict(loaded.checkpoint_arrays)

    def end_epoch(self, run: Run, at: Position) -> None:
        """Write a checkpoint at the end of an epoch if one is due."""
        if run.team.share(self._folder.due(at.epoch)):
            self.write(run, at)

    def after_steps(self, run: Run, at: Position) -> None:
        """Write a checkpoint between steps if the clock says so."""
        if self._folder.by_clock and run.team.share(self._folder.due(None)):
            self.write(run, at)

    def write(self, run: Run, at: Position) -> None:
        """Write a checkpoint and remove those beyond the last ``keep``."""
        self._folder.postpone()
        if run.team.rank != 0:
            return
        names, arrays = packed(run, at)
        state = {"signature": self._signature, "names": names}

        def save(path: Path) -> None:
            with at.averaged(run.net):
                save_network(path, run.net, self._encoder, None, (state, arrays))

        self._folder.store(at.done, save)

    def close(self) -> None:
        """Release the folder's lock."""
        self._folder.close()


def difference_of(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Return the sentence that says how a checkpoint's signature differs from a run's, or None."""
    for name, value in now.items():
        if before.get(name) != value:
            return _difference(path, name, before.get(name), value)
    return None


def _difference(path: Path, name: str, before: Any, now: Any) -> str:
    if name in ("data", "validation") and before is not None and now is not None:
        words = f"was written while training on other {_WORDS[name]}"
    else:
        what = _WORDS.get(name, name)
        words = f"is of another run: its {what} is {before!r:.200}, not {now!r:.200}"
    return f"{path} {words}; give the run its own again, or name another folder"


_WORDS: Final = {
    "data": "samples",
    "validation": "validation samples",
    "network": "network",
    "batch_size": "batch size",
    "learning_rate": "learning rate",
    "epochs": "number of epochs, which its schedule depends on,",
}
# Fields of the plan that must be the same.
_NUMBERS: Final = (
    "learning_rate",
    "batch_size",
    "clip_value",
    "clip_norm",
    "shuffle",
    "tolerance",
    "patience",
    "record",
)


def signature_of(run: Run, data: Any, validation: Any) -> dict[str, Any]:
    """Return what must be the same for a run to be continued. ``data``, ``validation``: digests.

    Raises ValueError for L-BFGS, and for a network with one's own records.
    """
    plan = run.plan
    if plan.optimizer is None:
        raise ValueError("lbfgs keeps its state to itself and cannot be resumed: use adam, say")
    return {
        "network": run.net.config(),
        "data": data,
        "validation": validation,
        "optimizer": spell(plan.optimizer.name, plan.optimizer.settings.values()),
        "schedule": spell(plan.schedule.name, plan.schedule.settings.values()),
        **{name: getattr(plan, name) for name in _NUMBERS},
        "monitor": plan.monitor.name if plan.monitor else "cost",
        "metrics": [metric.name for metric in plan.metrics],
        # A longer run may continue a shorter one, unless what a step does depends on the length.
        "epochs": None if _endless(plan) else plan.epochs,
        **({} if plan.averaging is None else {"averaging": plan.averaging}),
        **({"groups": [asdict(group) for group in plan.groups]} if plan.groups else {}),
    }


def _endless(plan: Plan) -> bool:
    return plan.averaging is None and plan.schedule.name in ("constant", "plateau")
