"""A parent process for each rank, which says which rank was killed.

Launchers notice that a process has died, but not all name the right one: MPICH's mpiexec names the
first of those that it killed itself. The parent only waits, so it is hardly the one that runs out
of memory.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Any

_PARENT_DIES = 1  # PR_SET_PDEATHSIG of Linux's prctl


def supervise(rank: int, size: int, fault: int) -> None:
    """Fork: return in the child, which is the rank; the parent waits for it and exits as it did.

    A SIGTERM is passed on. To be called before MPI is started. Where there is no fork, or on a
    system other than Linux, it does nothing.
    """
    if not sys.platform.startswith("linux") or "mpi4py.MPI" in sys.modules:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        ctypes.CDLL(None).prctl(_PARENT_DIES, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(fault)
        return
    os._exit(_wait(child, rank, size, fault))


def _wait(child: int, rank: int, size: int, fault: int) -> int:
    """Wait for the rank to end; return the exit code."""

    def pass_on(number: int, frame: Any) -> None:
        os.kill(child, number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the rank receives it as well
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        return os.WEXITSTATUS(status)
    number = signal.Signals(os.WTERMSIG(status))
    print(
        f"rank {rank} of {size} (process {child}) was killed by {number.name}; the job ends",
        file=sys.stderr,
        flush=True,
    )
    return fault
