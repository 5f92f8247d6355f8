"""What ``chainrule train`` was asked for, and the checks of it before any work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..tables.settings import Choices


@dataclass(frozen=True, slots=True)
class Job:
    """What the command line asked for."""

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


def checkpoints_of(folder: str | None, every: str | None, resume: bool) -> Any:
    """Return the policy of checkpoints, or None; raises ValueError for options that need one."""
    from ..training import checkpoints

    if folder is None:
        for name, value in (("--checkpoint-every", every), ("--resume", resume)):
            if value:
                raise ValueError(f"{name} needs the folder of the checkpoints: give --checkpoint")
        return None
    return checkpoints.checkpoints_of(folder, every)


def check_output(job: Job) -> None:
    """Find out before training whether the model can be written, and would cost no other file."""
    from ..files.atomic import check_writable
    from ..files.model import read_model

    path = Path(job.output)
    for source in job.data:
        if path.exists() and Path(source).exists() and path.samefile(source):
            raise ValueError(f"--output {job.output} is the table itself: name another file")
    check_writable(job.output)
    if path.is_file() and path.stat().st_size and not job.force:
        try:
            read_model(path)
        except ValueError:
            raise ValueError(
                f"--output {job.output} exists and is not a sound model file: name another file, "
                "or overwrite it with --force"
            ) from None
