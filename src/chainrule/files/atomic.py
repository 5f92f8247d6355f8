"""Writing a file as a whole or not at all.

The bytes go to a temporary file in the same folder, which is synced to the disk and then renamed
over the target; the folder is synced too, so that the new name survives a power cut. Whoever reads
the path meanwhile sees the old file or the new one, never a part. If the process is killed
outright, the temporary file (its name begins with TEMPORARY) is all that stays behind; the next
write to the same path removes it. It is known to be left by its lock, which ends with its writer.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from . import platform as system

Buffer = bytes | bytearray | memoryview

TEMPORARY = ".chainrule-"
# A temporary file that was written to so lately may be one that has no lock yet, or no more.
SECONDS_LEFT = 60.0

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def write_atomically(path: str | os.PathLike[str], data: Buffer | Iterable[Buffer]) -> None:
    """Write ``data`` (one buffer, or several in turn) to ``path``, as a whole or not at all.

    An existing file keeps its mode, and its owner where the system allows it; a symlink stays and
    the file that it leads to is replaced (another hard link to that file keeps the old contents).
    A new file gets the mode that the umask leaves.

    Raises ValueError where ``check_writable`` would, and OSError, in one sentence, if writing fails
    (a full disk, say). The old file is then untouched and no temporary file is left, as also when
    ``data`` raises or Ctrl-C interrupts.
    """
    target, old = _target(path)
    buffers = (data,) if isinstance(data, (bytes, bytearray, memoryview)) else data
    _sweep(target)
    temporary = _temporary(target)
    with _saying(path, "could not be written"), _removed_on_fault(temporary):
        _write_new(temporary, buffers, old)
        temporary.replace(target)
    with _saying(path, "was written, but may not survive a power cut"):
        system.sync_folder(target.parent)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Find out, before long work, whether ``write_atomically`` could write to ``path``.

    An empty file is made in the folder and removed again; nothing else tells for certain.

    Raises ValueError, in one sentence, if the folder is missing or is no folder, nothing can be
    created in it, or ``path`` is read-only or not a regular file.
    """
    target, _ = _target(path)
    temporary = _temporary(target)
    try:
        with _removed_on_fault(temporary):
            os.close(os.open(temporary, system.NEW, 0o600))
            temporary.unlink()
    except OSError as error:
        why = error.strerror or error
        raise ValueError(
            f"{os.fspath(path)} cannot be written: creating a file in {target.parent} fails"
            f" ({why}); choose another folder"
        ) from None


def regular_file(path: str | os.PathLike[str]) -> os.stat_result | None:
    """Return what the system knows of the regular file at ``path``; None where nothing is there.

    Symlinks are followed. Raises ValueError, in one sentence, for anything else: a folder, a pipe,
    a device, a loop of symlinks, a name that cannot be.
    """
    try:
        # The text itself, not a Path: that would turn "" into "." and drop a slash at the end.
        status = os.stat(os.fspath(path))  # noqa: PTH116
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ValueError(f"{os.fspath(path)!r} is not a usable path: {why}") from None
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise ValueError(f"{os.fspath(path)} is {kind}: name a regular file")
    return status


def _target(path: str | os.PathLike[str]) -> tuple[Path, os.stat_result | None]:
    """Return the file that ``path`` leads to, and its status if it exists; refuse the unwritable.

    Checks that need nothing written: what is at the path, its folder and their permissions.
    """
    name = os.fspath(path)
    old = regular_file(path)
    target = Path(os.path.realpath(path))
    folder = target.parent
    if old is None and (not name or name.endswith("/")):
        raise ValueError(f"{name!r} does not name a file: add the name of one")
    if not folder.is_dir():
        raise ValueError(f"{name} cannot be written: there is no folder {folder}; create it first")
    if old is not None and not os.access(target, os.W_OK):
        raise ValueError(f"{name} is read-only: change its permissions or name another file")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(
            f"{name} cannot be written: the folder {folder} is read-only; choose another"
        )
    if old is not None and system.kept_by_sticky_folder(old, folder.stat()):
        raise ValueError(
            f"{name} belongs to another user, and in {folder} only its owner may replace it;"
            " name another file"
        )
    return target, old


def _temporary(target: Path) -> Path:
    """Return a new name next to ``target``; short, since the target's own may be at the limit."""
    return target.parent / f"{_prefix(target)}{os.urandom(8).hex()}.tmp"


def _prefix(target: Path) -> str:
    """Return how the names of a target's temporary files begin."""
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()
    return f"{TEMPORARY}{digest[:8]}-"


def _sweep(target: Path) -> None:
    """Remove the target's temporary files whose writers were killed; leave what is in doubt."""
    with suppress(OSError):
        for left in target.parent.glob(f"{_prefix(target)}*.tmp"):
            with suppress(OSError):
                _remove_if_left(left)


def _remove_if_left(temporary: Path) -> None:
    status = os.lstat(temporary)
    if not stat.S_ISREG(status.st_mode) or time.time() - status.st_mtime < SECONDS_LEFT:
        return
    descriptor = os.open(temporary, system.READ | system.flags("O_NOFOLLOW"))
    try:
        if system.lock(descriptor):
            temporary.unlink()
    finally:
        os.close(descriptor)


@contextmanager
def _removed_on_fault(temporary: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise  # the random name was taken: that file is not ours to remove
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _write_new(path: Path, buffers: Iterable[Buffer], old: os.stat_result | None) -> None:
    """Create ``path`` with mode and owner of ``old``, write the buffers and sync them to disk."""
    descriptor = os.open(path, system.NEW, 0o666 if old is None else 0o600)
    try:
        with suppress(OSError):  # a file system without locks: then nothing is ever swept there
            system.lock(descriptor)
        for buffer in buffers:
            rest = memoryview(buffer).cast("B")
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        if old is not None:
            system.take_over(descriptor, old)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _saying(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Turn the system's error into one sentence that names the file, keeping its number."""
    try:
        yield
    except OSError as error:
        refusal = OSError(f"{os.fspath(path)} {what}: {error.strerror or error}")
        refusal.errno = error.errno
        raise refusal from error
