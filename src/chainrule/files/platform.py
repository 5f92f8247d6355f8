"""What systems differ in when files are opened, locked, synced and given to others.

Windows has no locks of this kind, syncs no folder and knows no owner or mode: there nothing is
locked, and the rest is left to the file system.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # pragma: no cover
    fcntl = None  # type: ignore[assignment]

# What flock answers on file systems that have no locks, and fsync on those that sync no folder.
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF}


def flags(*names: str) -> int:
    """Return those flags of ``os.open`` that this system has, and no text mode, as Windows has."""
    return sum(getattr(os, name, 0) for name in (*names, "O_CLOEXEC", "O_BINARY"))


NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | flags()  # O_EXCL follows no link either
READ = os.O_RDONLY | flags("O_NONBLOCK")  # which waits for no writer of a pipe


def lock(descriptor: int) -> bool:
    """Lock an open file for this process alone; return False where there are no locks.

    Raises BlockingIOError if another has it.
    """
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return False
    return True


def lock_folder(folder: Path) -> int | None:
    """Lock a folder; return what holds the lock, or None where there are no locks.

    Raises BlockingIOError if another has it, and OSError if the folder cannot be opened.
    """
    if fcntl is None:
        return None
    descriptor = os.open(folder, os.O_RDONLY | flags("O_DIRECTORY"))
    held = False
    try:
        held = lock(descriptor)
    finally:
        if not held:
            os.close(descriptor)
    return descriptor if held else None


def unlock_folder(descriptor: int) -> None:
    """Give a folder's lock up, and not by closing alone: a fork would go on holding it."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Write a folder's names to the disk, where the system does so."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | flags("O_DIRECTORY"))
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def take_over(descriptor: int, old: os.stat_result) -> None:
    """Give an open file the owner and mode of ``old``; only root may give a file away."""
    if not hasattr(os, "fchown"):
        return
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def kept_by_sticky_folder(old: os.stat_result, folder: os.stat_result) -> bool:
    """Tell whether a folder like /tmp forbids renaming over this file: it is somebody else's."""
    if not hasattr(os, "geteuid"):
        return False
    return bool(folder.st_mode & stat.S_ISVTX) and os.geteuid() not in {
        0,
        old.st_uid,
        folder.st_uid,
    }
