"""Atomic writing under faults: killed, interrupted, disk full, taken names."""

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import chainrule
from chainrule.files import atomic
from chainrule.files.atomic import check_writable, write_atomically

OLD = b"the old contents"
NEW = [b"the new ", bytearray(b"contents, "), memoryview(b"in pieces")]
JOINED = b"the new contents, in pieces"
SOURCES = str(Path(chainrule.__path__[0]).parent)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    path.write_bytes(OLD)
    return path


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def script(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": SOURCES}
    return subprocess.run(
        [sys.executable, "-c", text, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


CALLS = ("open", "write", "fchmod", "fsync", "replace")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS])
def test_a_fault_leaves_the_old_file_and_nothing_else(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, fault: int
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise OSError(fault, os.strerror(fault))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing)
        with pytest.raises(OSError, match="could not be written") as caught:
            write_atomically(old, NEW)
    assert str(caught.value) == f"{old} could not be written: {os.strerror(fault)}"
    assert caught.value.errno == fault
    assert old.read_bytes() == OLD
    assert names(tmp_path) == ["model"]


def test_a_disk_that_fills_up_half_way(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, room = os.write, [10]

    def filling(fd: int, data: Any) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        n = write(fd, data[: room[0]])
        room[0] -= n
        return n

    monkeypatch.setattr(os, "write", filling)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(old, NEW)
    assert old.read_bytes() == OLD
    assert names(tmp_path) == ["model"]


LIMITED = """
import resource, sys
from chainrule.files.atomic import write_atomically
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
try:
    write_atomically(sys.argv[1], b"x" * 1000)
except OSError as error:
    print(error)
"""


def test_a_true_limit_on_the_size_of_files(old: Path, tmp_path: Path) -> None:
    done = script(LIMITED, str(old))
    assert done.stdout == f"{old} could not be written: {os.strerror(errno.EFBIG)}\n", done.stderr
    assert old.read_bytes() == OLD
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("after", [False, True])
def test_an_interruption_leaves_no_temporary_file(
    old: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    fault: type[BaseException],
    after: bool,
) -> None:
    original = getattr(os, call)

    def interrupted(*arguments: Any) -> None:
        if after:
            original(*arguments)
        raise fault

    with monkeypatch.context() as patched:
        patched.setattr(os, call, interrupted)
        with pytest.raises(fault):
            write_atomically(old, NEW)
    assert old.read_bytes() == (JOINED if (call, after) == ("replace", True) else OLD)
    assert names(tmp_path) == ["model"]


def test_data_that_raise_half_way(old: Path, tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        write_atomically(old, pieces())
    assert old.read_bytes() == OLD
    assert names(tmp_path) == ["model"]


def test_a_folder_that_cannot_be_synced(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync, fault = os.fsync, [errno.EINVAL]

    def failing(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(fault[0], os.strerror(fault[0]))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", failing)
    write_atomically(old, NEW)
    assert old.read_bytes() == JOINED
    fault[0] = errno.EIO
    with pytest.raises(OSError, match="was written, but may not survive a power cut"):
        write_atomically(old, OLD)


def test_a_temporary_name_that_is_taken_is_left_alone(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "urandom", bytes)
    taken = tmp_path / f"{atomic._prefix(old)}{'00' * 8}.tmp"
    taken.write_bytes(b"somebody's")
    with pytest.raises(OSError, match="File exists"):
        write_atomically(old, NEW)
    with pytest.raises(ValueError, match="File exists"):
        check_writable(old)
    assert taken.read_bytes() == b"somebody's"
    # Nor is a link that waits under that name followed.
    taken.unlink()
    taken.symlink_to(old)
    with pytest.raises(OSError, match="File exists"):
        write_atomically(old, NEW)
    assert old.read_bytes() == OLD


KILLED = """
# Forks once for each system call of a write, and kills the child right before or right after it.
import os, signal, sys
from pathlib import Path
from chainrule.files import atomic
path = Path(sys.argv[1])
old, new = b"o" * 1000, [b"n" * 600, b"m" * 600]
calls = ("open", "write", "fchmod", "fsync", "close", "replace")
originals = {name: getattr(os, name) for name in calls}

def run(at, after):
    count = [0]
    def wrap(name):
        def call(*arguments):
            here = count[0] == at
            count[0] += 1
            if here and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            if name == "write":
                arguments = (arguments[0], arguments[1][:400])  # in several pieces
            result = originals[name](*arguments)
            if here and after:
                os.kill(os.getpid(), signal.SIGKILL)
            return result
        return call
    for name in calls:
        setattr(os, name, wrap(name))
    atomic.write_atomically(path, new)

at, outcomes = 0, []
while True:
    killed = 0
    for after in (False, True):
        path.write_bytes(old)
        child = os.fork()
        if not child:
            run(at, after)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(status)
        contents = path.read_bytes()
        outcomes.append({old: "old", b"".join(new): "new"}.get(contents, "TORN"))
    strays = [entry for entry in path.parent.iterdir() if entry != path]
    assert all(entry.name.startswith(atomic.TEMPORARY) for entry in strays)
    if not killed:
        break
    at += 1
atomic.write_atomically(path, b"and it still works")
assert path.read_bytes() == b"and it still works"
print(at, *outcomes)
"""


def test_killed_at_every_system_call_the_file_is_old_or_new(old: Path) -> None:
    done = script(KILLED, str(old))
    assert done.returncode == 0, done.stderr
    calls, *outcomes = done.stdout.split()
    # open, 4 writes, fchmod, fsync, close, replace; then open, fsync, close of the folder
    assert int(calls) == 12
    replaced = 2 * 8 + 1
    assert outcomes == ["old"] * replaced + ["new"] * (len(outcomes) - replaced)


LEFT = """
import os, sys, signal
from chainrule.files import atomic
real = os.fsync
def once(descriptor):
    os.fsync = real
    os.kill(os.getpid(), int(sys.argv[2]))
os.fsync = once
atomic.write_atomically(sys.argv[1], b"half")
"""


def aged(path: Path) -> Path:
    os.utime(path, (0, 0), follow_symlinks=False)
    return path


def test_what_a_killed_writer_left_is_removed_by_the_next_write(old: Path, tmp_path: Path) -> None:
    assert script(LEFT, str(old), "9").returncode == -9
    (left,) = tmp_path.glob(f"{atomic.TEMPORARY}*")
    write_atomically(old, NEW)
    assert left.exists()  # it is too young to be sure
    aged(left)
    other = tmp_path / "other"
    write_atomically(other, OLD)
    assert left.exists()  # another target's
    write_atomically(old, NEW)
    assert names(tmp_path) == ["model", "other"]
    assert old.read_bytes() == JOINED


def test_what_may_be_in_use_is_not_removed(old: Path, tmp_path: Path) -> None:
    """A writer that stands still for hours goes on as if nothing had been."""
    environment = {**os.environ, "PYTHONPATH": SOURCES}
    command = [sys.executable, "-c", LEFT, str(old), str(int(signal.SIGSTOP))]
    writer = subprocess.Popen(command, env=environment)
    try:
        _, status = os.waitpid(writer.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        (used,) = tmp_path.glob(f"{atomic.TEMPORARY}*")
        aged(used)
        prefix = tmp_path / atomic._prefix(old)
        Path(f"{prefix}folder.tmp").mkdir()
        aged(Path(f"{prefix}folder.tmp"))
        Path(f"{prefix}link.tmp").symlink_to(old)
        aged(Path(f"{prefix}link.tmp"))
        os.mkfifo(f"{prefix}pipe.tmp")
        aged(Path(f"{prefix}pipe.tmp"))
        before = names(tmp_path)
        write_atomically(old, NEW)
        assert names(tmp_path) == before
        writer.send_signal(signal.SIGCONT)
        assert writer.wait(timeout=60) == 0
        assert old.read_bytes() == b"half"
        assert not used.exists()
    finally:
        writer.kill()
        writer.wait()
