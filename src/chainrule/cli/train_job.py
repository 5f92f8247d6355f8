"""What ``chainrule train`` was asked for, and its checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..tables.settings import Choices


@dataclass(frozen=True, slots=True)
class Job:
    """What the command line asked for; ``network``: the options that name one network."""

    data: tuple[str, ...]
    target: str
    choices: Choices
    output: str
    force: bool
    checkpoint: Any
    resume: bool
    memory: str | None
    spool: str
    as_json: bool
    network: tuple[str, ...] = ()


def checkpoints_of(folder: str | None, every: str | None, resume: bool) -> Any:
    """Return the policy of checkpoints, or None; raises ValueError for options that need one."""
    from ..training import checkpoints

    if folder is None:
        for name, value in (("--checkpoint-every", every), ("--resume", resume)):
            if value:
                raise ValueError(f"{name} needs the folder of the checkpoints: give --checkpoint")
        return None
    return checkpoints.checkpoints_of(folder, every)
