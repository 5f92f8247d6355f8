"""Checkpoints: a run of training written to a folder now and then, and continued from there.

A checkpoint is a model file that also holds the state of the run (``checkpoint_state``), so it can
predict as it is. It is written as a whole or not at all, and the last few are kept. A run
that is resumed ends in the same bits as one that was never stopped: the optimizer's state, the
position in the order of samples, the sums of the epoch in hand and the history are all there, and
orders and dropout masks are functions of seed and step.
"""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt

from ..engines.communicator import ALONE, Disagreement, Team
from ..files.atomic import TEMPORARY, check_writable
from ..files.network import Loaded, load_network, save_network
from ..files.platform import lock_folder, unlock_folder
from ..mathematics.checks import POSITIVE, WHOLE, check
from ..mathematics.names import spell
from .checkpoint_state import packed, unpack
from .position import Position
from .run import Run
from .settings import Settings

Encoder = tuple[Any, Mapping[str, npt.NDArray[Any]]]

NAME: Final = "step-{:012d}.safetensors"
_NAME: Final = re.compile(r"step-(\d{12,})\.safetensors")


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Where and how often to write: every few epochs, or minutes, or both; the last ``keep`` stay.

    ``epochs`` None: only by the clock. ``encoder``: the state of an encoder to store along.
    """

    folder: str | os.PathLike[str]
    epochs: int | None = 1
    minutes: float | None = None
    keep: int = 3
    encoder: Encoder | None = None

    def __post_init__(self) -> None:
        domains = {"epochs": WHOLE, "minutes": POSITIVE, "keep": WHOLE}
        check("checkpoints", self, domains, optional=("epochs", "minutes"))


def checkpoints_of(folder: Any, every: str | int | None = None) -> Checkpoints:
    """Return the record that a folder means; ``every``: epochs, or minutes as ``"10min"``.

    >>> checkpoints_of("runs/a", "10min")
    Checkpoints(folder='runs/a', epochs=None, minutes=10.0, keep=3, encoder=None)
    """
    if isinstance(folder, Checkpoints):
        return folder
    if not isinstance(folder, (str, os.PathLike)):
        raise TypeError(f"checkpoint must be a folder or Checkpoints, not {folder!r}")
    if every is None:
        return Checkpoints(folder)
    text = str(every).strip()
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(min|minutes?)?", text)
    if match is None or (match[2] is None and not text.isdecimal()):
        raise ValueError(f"a checkpoint is written every 10 (epochs) or '10min', not {every!r}")
    if match[2] is None:
        return Checkpoints(folder, epochs=int(text))
    return Checkpoints(folder, epochs=None, minutes=float(match[1]))


def policy_of(settings: Settings) -> Checkpoints | None:
    """Return where and how often the settings of ``fit`` write checkpoints; None: never.

    Raises ValueError for settings that contradict one another.
    """
    if settings.checkpoint is None:
        if settings.resume:
            raise ValueError("resume needs the folder of the checkpoints: give checkpoint=...")
        return None
    if settings.carried is not None:
        raise ValueError("carried and checkpoint do not go together: leave one out")
    return checkpoints_of(settings.checkpoint, settings.checkpoint_every)


class FolderCheckpointer:
    """Writes and reads the checkpoints of one run; holds the folder's lock until closed.

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
        self.folder = Path(policy.folder)
        self._policy, self._signature, self._resume = policy, dict(signature), resume
        self._next = self._due()
        self._lock: int | None = None
        if team.rank != 0:
            return
        self._lock = _locked(self.folder)
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        check_writable(self.folder / NAME.format(0))
        if not self._resume and written(self.folder):
            raise ValueError(
                f"{self.folder} holds checkpoints of an earlier run: resume it (resume=True, "
                "--resume), name another folder, or remove them"
            )
        for partial in self.folder.glob(f"{TEMPORARY}*.tmp"):  # of a run that was killed
            partial.unlink(missing_ok=True)

    def _due(self) -> float:
        minutes = self._policy.minutes
        return float("inf") if minutes is None else time.monotonic() + 60 * minutes

    def restore(self, run: Run, at: Position) -> None:
        """Put the run where its last sound checkpoint stands; where there is none, leave it.

        Raises Disagreement, a ValueError, on all ranks for checkpoints of another run, naming what
        differs.
        """
        newest = run.team.share(self._newest(run) if run.team.rank == 0 else None)
        if isinstance(newest, str):
            raise Disagreement(newest)
        if newest is None:
            return
        path, theta, names, arrays = newest
        try:
            unpack(run, at, names, arrays)
        except ValueError as error:
            raise Disagreement(f"{path} is not a sound checkpoint: {error}") from None
        run.net.theta = theta

    def _newest(self, run: Run) -> Any:
        """Return path, theta, names and arrays of the newest sound checkpoint; None, or why not."""
        if not self._resume:
            return None
        faults: list[str] = []
        for path in reversed(written(self.folder)):
            try:
                loaded = load_network(path)
                names = self._checked(path, loaded)
            except ValueError as error:
                faults.append(str(error))
                continue
            if isinstance(names, str):
                return names
            for fault in faults:
                warnings.warn(f"{fault}; {path.name} is resumed", RuntimeWarning, stacklevel=2)
            return str(path), loaded.theta, names, dict(loaded.checkpoint_arrays)
        return faults[0] if faults else None

    def _checked(self, path: Path, loaded: Loaded) -> Any:
        """Return the names in a checkpoint of this run, or the sentence that says what differs."""
        state = loaded.checkpoint
        if not isinstance(state, dict) or set(state) != {"signature", "names"}:
            raise ValueError(f"{path} is a model file, but not a checkpoint")
        before = state["signature"] if isinstance(state["signature"], dict) else {}
        for name, now in self._signature.items():
            if before.get(name) != now:
                return _difference(path, name, before.get(name), now)
        return state["names"]

    def end_epoch(self, run: Run, at: Position) -> None:
        """Write a checkpoint at the end of an epoch if one is due."""
        every = self._policy.epochs
        due = every is not None and at.epoch % every == 0
        if run.team.share(due or time.monotonic() >= self._next):
            self.write(run, at)

    def after_steps(self, run: Run, at: Position) -> None:
        """Write a checkpoint between steps if the clock says so."""
        if self._policy.minutes is None:
            return
        if run.team.share(time.monotonic() >= self._next):
            self.write(run, at)

    def write(self, run: Run, at: Position) -> None:
        """Write a checkpoint and remove those beyond the last ``keep``.

        A fault of the disk is a RuntimeWarning: training goes on, and the next one may succeed.
        """
        self._next = self._due()
        if run.team.rank != 0:
            return
        names, arrays = packed(run, at)
        state = {"signature": self._signature, "names": names}
        path = self.folder / NAME.format(at.done)
        try:
            save_network(path, run.net, self._policy.encoder, None, (state, arrays))
            for old in written(self.folder)[: -self._policy.keep]:
                old.unlink(missing_ok=True)
        except OSError as error:
            warnings.warn(f"no checkpoint: {error}; training goes on", RuntimeWarning, stacklevel=2)

    def close(self) -> None:
        """Release the folder's lock."""
        if self._lock is not None:
            unlock_folder(self._lock)
            self._lock = None


def written(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the checkpoints in a folder, the oldest first."""
    paths = [path for path in Path(folder).glob("step-*") if _NAME.fullmatch(path.name)]
    return sorted(paths, key=lambda path: int(path.name[5:].partition(".")[0]))


def _locked(folder: Path) -> int | None:
    """Create the folder if need be and lock it, so that two runs never write to one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return lock_folder(folder)
    except BlockingIOError:
        raise ValueError(
            f"{folder} is in use by another run: wait for it, or name another folder"
        ) from None
    except OSError as error:
        raise ValueError(
            f"{folder} cannot be a folder of checkpoints: {error.strerror or error}"
        ) from None


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
        # A longer run may continue a shorter one, unless its learning rates depend on the length.
        "epochs": None if plan.schedule.name in ("constant", "plateau") else plan.epochs,
    }
