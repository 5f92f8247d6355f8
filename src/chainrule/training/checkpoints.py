"""Checkpoints: where and how often a run is written, and the folder that holds the files.

A checkpoint is written as a whole or not at all, and the last few are kept. ``checkpointer`` says
what is in one.
"""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from ..files.atomic import TEMPORARY, check_writable
from ..files.platform import lock_folder, unlock_folder
from ..mathematics.checks import POSITIVE, WHOLE, check
from ..typing import Array
from .settings import Settings

T = TypeVar("T")
Encoder = tuple[Any, Mapping[str, Array]]

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


class CheckpointFolder:
    """A folder of checkpoints: its lock, when the next one is due, and the newest sound one.

    Only the process that ``writes``, rank 0 of a team, touches the folder.
    """

    def __init__(self, policy: Checkpoints, resume: bool, writes: bool = True) -> None:
        self.path = Path(policy.folder)
        self._policy, self._resume = policy, resume
        self._next = self._by_clock()
        self._lock: int | None = None
        self._unsound: set[Path] = set()
        if not writes:
            return
        self._lock = _locked(self.path)
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        check_writable(self.path / NAME.format(0))
        if not self._resume and written(self.path):
            raise ValueError(
                f"{self.path} holds checkpoints of an earlier run: resume it (resume=True, "
                "--resume), name another folder, or remove them"
            )
        for partial in self.path.glob(f"{TEMPORARY}*.tmp"):  # of a run that was killed
            partial.unlink(missing_ok=True)

    def _by_clock(self) -> float:
        minutes = self._policy.minutes
        return float("inf") if minutes is None else time.monotonic() + 60 * minutes

    def due(self, epoch: int | None) -> bool:
        """Return whether one is due: at the end of this epoch, or None between steps."""
        every = self._policy.epochs
        after_epoch = epoch is not None and every is not None and epoch % every == 0
        return after_epoch or time.monotonic() >= self._next

    @property
    def by_clock(self) -> bool:
        """Whether checkpoints are also written between epochs."""
        return self._policy.minutes is not None

    def postpone(self) -> None:
        """Start the clock for the next checkpoint."""
        self._next = self._by_clock()

    def store(self, done: int, save: Callable[[Path], None]) -> None:
        """Save a checkpoint after ``done`` steps, and remove those beyond the last ``keep``.

        Those found unsound do not count, and stay for the user to look at.
        A fault of the disk is a RuntimeWarning: training goes on, and the next one may succeed.
        """
        try:
            save(self.path / NAME.format(done))
            self._unsound.discard(self.path / NAME.format(done))
            sound = [path for path in written(self.path) if path not in self._unsound]
            for old in sound[: -self._policy.keep]:
                old.unlink(missing_ok=True)
        except OSError as error:
            warnings.warn(f"no checkpoint: {error}; training goes on", RuntimeWarning, stacklevel=2)

    def newest(self, load: Callable[[Path], T]) -> T | None:
        """Return what ``load`` makes of the newest sound checkpoint, None if there are none.

        ``load`` raises ValueError for one that is not sound; those before it are tried then, and a
        RuntimeWarning says so. Raises ValueError where none is sound.
        """
        if not self._resume:
            return None
        faults: list[str] = []
        for path in reversed(written(self.path)):
            try:
                loaded = load(path)
            except ValueError as error:
                faults.append(str(error))
                self._unsound.add(path)
                continue
            for fault in faults:
                warnings.warn(f"{fault}; {path.name} is resumed", RuntimeWarning, stacklevel=2)
            return loaded
        if faults:
            raise ValueError(faults[0])
        return None

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
