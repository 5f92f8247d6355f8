"""MPI through mpi4py: the team of all ranks that mpiexec, srun or an operator has started."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from ..typing import Array

FAULT = 3  # the exit code of a fault while running
_NOT_WORKING = {"T": "is stopped", "t": "is traced", "Z": "has died", "X": "has died"}
# What launchers tell a process of its rank and of how many there are.
_LAUNCHERS = (
    ("PMI_RANK", "PMI_SIZE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMIX_RANK", "SLURM_NTASKS"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
)


class MpiTeam:
    """A communicator as a team; see ``communicator.Team``.

    ``timeout``: a rank that has waited this many seconds for the others says so and ends the job.
    """

    def __init__(self, communicator: Any, timeout: float | None = None) -> None:
        from mpi4py import MPI

        self._comm, self._mpi = communicator, MPI
        self.rank: int = communicator.Get_rank()
        self.size: int = communicator.Get_size()
        self.timeout = timeout
        self._since: float | None = None
        self._roster: list[tuple[str, int]] = []

    def sum_(self, array: Array) -> None:
        """All-reduce the sum in place."""
        self._since = time.monotonic()
        self._comm.Allreduce(self._mpi.IN_PLACE, array, op=self._mpi.SUM)
        self._since = None

    def maximum_(self, array: Array) -> None:
        """All-reduce the maximum in place."""
        self._since = time.monotonic()
        self._comm.Allreduce(self._mpi.IN_PLACE, array, op=self._mpi.MAX)
        self._since = None

    def share(self, value: Any) -> Any:
        """Broadcast a value from rank 0."""
        self._since = time.monotonic()
        shared = self._comm.bcast(value, root=0)
        self._since = None
        return shared

    def gather(self, value: Any) -> list[Any]:
        """Gather every rank's value, on every rank."""
        self._since = time.monotonic()
        values: list[Any] = self._comm.allgather(value)
        self._since = None
        return values

    def watch(self) -> None:
        """Start the thread that ends the job if the others leave this rank waiting too long."""
        if self._roster or self.size == 1:
            return
        self._roster = self.gather((socket.gethostname(), os.getpid()))
        if self.timeout is not None:
            threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        limit = self.timeout or 0.0
        while True:
            since = self._since
            waited = 0.0 if since is None else time.monotonic() - since
            if waited > limit:
                self.abort(
                    f"has waited {waited:.0f} s for the other ranks (timeout={limit:g}): "
                    f"{self._stopped() or 'one of them has stopped working'}"
                )
            time.sleep(min(limit / 4, 1.0))

    def _stopped(self) -> str:
        """Say which ranks on this machine are stopped or gone."""
        here = socket.gethostname()
        stopped = []
        for rank, (host, pid) in enumerate(self._roster):
            state = _state(pid) if host == here else ""
            if state in _NOT_WORKING:
                stopped.append(f"rank {rank} (process {pid}) {_NOT_WORKING[state]}")
        return ", ".join(stopped)

    def abort(self, what: str) -> NoReturn:
        """Say what happened to this rank, and end all of them."""
        print(f"rank {self.rank} of {self.size} {what}; the job ends", file=sys.stderr, flush=True)
        # Not MPI_Abort: another thread may be inside MPI. The launcher ends the other ranks.
        os._exit(FAULT)


def _state(pid: int) -> str:
    """Return Linux's letter for the state of a process, or "" where it is unknown."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "X" if Path("/proc/self/stat").exists() else ""
    except OSError:
        return ""


def launched() -> tuple[int, int] | None:
    """Return rank and number of ranks as the launcher says, or None outside of one."""
    for rank, size in _LAUNCHERS:
        if rank in os.environ and size in os.environ:
            return int(os.environ[rank]), int(os.environ[size])
    return None


def world(timeout: float | None = None) -> MpiTeam:
    """Return the team of all ranks. Raises ImportError where mpi4py is missing."""
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # RuntimeError: mpi4py finds no MPI library
        raise ImportError(
            f"training on many ranks needs MPI and mpi4py, and here is none "
            f"({str(error).partition(chr(10))[0]}): install chainrule[mpi]"
        ) from None
    return MpiTeam(MPI.COMM_WORLD, timeout)
