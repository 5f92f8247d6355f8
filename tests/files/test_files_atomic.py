"""Atomic writing: what is written, modes, links, odd targets, permissions."""

import errno
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import chainrule
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


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


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


# What is written


def test_one_buffer_and_several(tmp_path: Path) -> None:
    write_atomically(tmp_path / "one", JOINED)
    write_atomically(tmp_path / "several", NEW)
    write_atomically(str(tmp_path / "generated"), (piece for piece in NEW))
    write_atomically(tmp_path / "none", b"")
    write_atomically(tmp_path / "no pieces", [])
    contents = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}
    assert contents == {
        "one": JOINED,
        "several": JOINED,
        "generated": JOINED,
        "none": b"",
        "no pieces": b"",
    }


def test_a_system_that_writes_one_byte_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:1]))
    write_atomically(tmp_path / "slow", NEW)
    assert (tmp_path / "slow").read_bytes() == JOINED


def test_a_relative_path_and_the_longest_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_atomically("m", JOINED)
    longest = "n" * os.pathconf(tmp_path, "PC_NAME_MAX")
    write_atomically(longest, JOINED)
    assert names(tmp_path) == ["m", longest]


def test_bytes_are_on_the_disk_before_the_name_changes(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(fd: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(fd).st_mode)
        size = os.fstat(fd).st_size
        steps.append("folder" if is_folder else f"{size} bytes")
        fsync(fd)

    def watched_replace(a: Any, b: Any) -> None:
        steps.append("rename")
        replace(a, b)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    write_atomically(old, NEW)
    assert steps == [f"{len(JOINED)} bytes", "rename", "folder"]


def test_a_reader_keeps_the_file_that_it_opened(old: Path) -> None:
    with old.open("rb") as reader:
        write_atomically(old, NEW)
        assert reader.read() == OLD
    assert old.read_bytes() == JOINED


# Modes and links


@pytest.mark.usefixtures("umask")
def test_a_new_file_honours_the_umask(tmp_path: Path) -> None:
    write_atomically(tmp_path / "new", NEW)
    assert mode(tmp_path / "new") == 0o640


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("kept", [0o600, 0o644, 0o664, 0o777, 0o200])
def test_an_existing_file_keeps_its_mode(old: Path, kept: int) -> None:
    old.chmod(kept)
    write_atomically(old, NEW)
    assert mode(old) == kept


def test_until_it_has_the_mode_of_the_old_file_nobody_else_can_read_the_new_one(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old.chmod(0o600)
    modes: list[int] = []
    write = os.write

    def watched(fd: int, data: Any) -> int:
        modes.append(stat.S_IMODE(os.fstat(fd).st_mode))
        return write(fd, data)

    monkeypatch.setattr(os, "write", watched)
    write_atomically(old, NEW)
    assert set(modes) == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_root_leaves_a_file_to_its_owner(old: Path) -> None:
    try:
        os.chown(old, 12345, 23456)
        # Where files are kept for their owners, root may still replace them.
        os.chown(old.parent, 34567, 23456)
        old.parent.chmod(0o1777)
    except OSError as error:
        pytest.skip(f"this root cannot give files away: {error}")
    old.chmod(0o4750)
    write_atomically(old, NEW)
    status = old.stat()
    assert (status.st_uid, status.st_gid, mode(old)) == (12345, 23456, 0o4750)


def test_an_owner_that_cannot_be_kept_is_no_fault(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "fchown", forbidden)
    fstat = os.fstat

    def strangers(fd: int) -> os.stat_result:
        fields = list(fstat(fd))
        fields[stat.ST_UID] += 1
        return os.stat_result(fields)

    monkeypatch.setattr(os, "fstat", strangers)
    old.chmod(0o640)
    write_atomically(old, NEW)
    assert old.read_bytes() == JOINED
    assert mode(old) == 0o640


def test_a_symlink_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target = tmp_path / "far" / "target"
    target.write_bytes(OLD)
    (tmp_path / "middle").symlink_to("far/target")
    (tmp_path / "link").symlink_to(tmp_path / "middle")
    check_writable(tmp_path / "link")
    write_atomically(tmp_path / "link", NEW)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "middle").is_symlink()
    assert not target.is_symlink()
    assert target.read_bytes() == JOINED
    assert names(tmp_path) == ["far", "link", "middle"]
    assert names(tmp_path / "far") == ["target"]


def test_a_symlink_to_nothing_yet_gets_its_target(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("later")
    check_writable(tmp_path / "link")
    write_atomically(tmp_path / "link", NEW)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "later").read_bytes() == JOINED


def test_another_hard_link_keeps_the_old_contents(old: Path, tmp_path: Path) -> None:
    (tmp_path / "other").hardlink_to(old)
    write_atomically(old, NEW)
    assert (tmp_path / "other").read_bytes() == OLD


# What is refused, by check_writable before work and by write_atomically all the same


def make_socket(path: Path) -> None:
    # Bound by a relative name: a socket's path may have no more than about 100 bytes.
    here = Path.cwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as it:
        it.bind(path.name)
    os.chdir(here)


TARGETS = {
    "folder": (lambda p: p.mkdir(), "is a folder"),
    "folder/": (lambda p: p.mkdir(), "is a folder"),
    "pipe": (os.mkfifo, "is a named pipe"),
    "socket": (make_socket, "is a socket"),
    "link to a pipe": (lambda p: (os.mkfifo(f"{p}.p"), p.symlink_to(f"{p}.p")), "named pipe"),
    "loop": (lambda p: p.symlink_to(p.name), "is not a usable path"),
    "missing/model": (lambda _: None, "there is no folder"),
    "new/": (lambda _: None, "does not name a file"),
    "file/": (lambda p: p.write_bytes(OLD), "is not a usable path"),
    "file/model": (lambda p: p.parent.write_bytes(OLD), "is not a usable path"),
    "link/model": (lambda p: p.parent.symlink_to("nowhere"), "there is no folder"),
    "n" * 300: (lambda _: None, "is not a usable path"),
    "nul\0byte": (lambda _: None, "is not a usable path"),
}


@pytest.mark.parametrize("attempt", [check_writable, lambda path: write_atomically(path, NEW)])
@pytest.mark.parametrize("name", TARGETS)
def test_a_target_that_cannot_be_written(tmp_path: Path, name: str, attempt: Any) -> None:
    make, words = TARGETS[name]
    make(tmp_path / name)
    path = f"{tmp_path}/{name}"
    before = names(tmp_path)
    with pytest.raises(ValueError, match=words) as caught:
        attempt(path)
    assert "\n" not in str(caught.value)
    assert name.strip("/")[:20].replace("\0", "\\x00") in str(caught.value)
    assert names(tmp_path) == before


@pytest.mark.parametrize("path", ["", "/dev/null", "/dev/full", "/", ".", ".."])
def test_neither_a_device_nor_nothing(path: str) -> None:
    for attempt in (check_writable, lambda p: write_atomically(p, NEW)):
        with pytest.raises(ValueError, match=r"device|folder|does not name a file"):
            attempt(path)


def test_where_no_file_can_be_made_not_even_by_root() -> None:
    for path in ("/proc/model", "/proc/self/model"):
        with pytest.raises(ValueError, match="cannot be written") as caught:
            check_writable(path)
        assert path in str(caught.value)


PERMISSIONS = """
import os, sys
from pathlib import Path
from chainrule.files.atomic import check_writable, write_atomically
root = Path(sys.argv[1])
try:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
except OSError as error:
    print("skip", error); sys.exit()
for name in ("shut/model", "kept", "sticky/theirs"):
    for attempt in (check_writable, lambda p: write_atomically(p, b"new")):
        try:
            attempt(root / name)
        except ValueError as error:
            print(error)
        else:
            print("written:", name)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of two users")
def test_permissions_as_another_user() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o777)
        (root / "shut").mkdir(0o755)
        (root / "sticky").mkdir()
        (root / "sticky").chmod(0o1777)
        for name, bits in {"kept": 0o444, "sticky/theirs": 0o666}.items():
            (root / name).write_bytes(OLD)
            (root / name).chmod(bits)
        done = script(PERMISSIONS, folder)
        assert done.returncode == 0, done.stderr
        if done.stdout.startswith("skip"):
            pytest.skip(f"this root cannot become another user: {done.stdout}")
        lines = done.stdout.splitlines()
        assert len(lines) == 6
        words = ["the folder", "the folder", "is read-only", "is read-only", "only its owner"]
        for line, word in zip(lines, [*words, "only its owner"], strict=True):
            assert word in line
            assert str(root) in line
        assert (root / "kept").read_bytes() == (root / "sticky/theirs").read_bytes() == OLD


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_permissions_as_oneself(old: Path, tmp_path: Path) -> None:
    old.chmod(0o444)
    (tmp_path / "shut").mkdir(0o555)
    for path, words in {old: "is read-only", tmp_path / "shut/model": "the folder"}.items():
        for attempt in (check_writable, lambda p: write_atomically(p, NEW)):
            with pytest.raises(ValueError, match=words):
                attempt(path)


def test_checking_leaves_everything_as_it_was(old: Path, tmp_path: Path) -> None:
    before = old.stat()
    check_writable(old)
    check_writable(tmp_path / "new")
    after = old.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_mode) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_mode,
    )
    assert names(tmp_path) == ["model"]
