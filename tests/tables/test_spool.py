"""The spool of encoded rows: the same bits with it, without it, and wherever it ends."""

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow")
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_streaming import CHOICES, MEMORY, made

import chainrule as cr
from chainrule.tables import fit_stream, stream_samples
from chainrule.tables import row_cache as spool
from chainrule.tables.fit_stream import fit_data_set
from chainrule.tables.prefetch import Ahead
from chainrule.tables.row_cache import Spool, spool_for

if not hasattr(os, "preadv"):
    pytest.skip("this system has no spool", allow_module_level=True)
SOURCES = str(Path(cr.__path__[0]).parent)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("data")
    for number, (start, stop) in enumerate([(0, 1000), (1000, 1100), (1100, 3000)]):
        path = found / f"part-{number}.parquet"
        pq.write_table(made().slice(start, stop - start), path, row_group_size=400)
    return found


def trained(folder: Path, **given: Any) -> tuple[bytes, list[float], Any]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fit_stream, "MOST_BUFFERED", 1024)
        done = fit_data_set(folder, "y", CHOICES, memory=MEMORY, **given)
    return done.model.network.theta.tobytes(), done.history.cost, done.scores


@pytest.fixture(scope="module")
def decoded(folder: Path) -> Any:
    """What training without a spool comes to."""
    return trained(folder, spool=None)


class Failing:
    """A call of the system that moves few bytes at a time, and from the n-th call on fails."""

    def __init__(self, real: Callable[..., int], most: int, n: int | None) -> None:
        self.real, self.most, self.left = real, most, n

    def __call__(self, fd: int, data: Any, at: int) -> int:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if isinstance(data, list):
            return self.real(fd, [data[0][: self.most]], at)
        return self.real(fd, data[: self.most], at)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    write=st.none() | st.integers(0, 40),
    read=st.none() | st.integers(0, 120),
    most=st.sampled_from([1000, 4097, 1 << 30]),
)
def test_bits_are_the_same_wherever_the_spool_ends(
    folder: Path, tmp_path: Path, decoded: Any, write: int | None, read: int | None, most: int
) -> None:
    said: list[str] = []
    writing = Failing(os.pwrite, most, write)
    reading = Failing(os.preadv, most, read)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "pwrite", writing)
        patched.setattr(os, "preadv", reading)
        found = trained(folder, spool=str(tmp_path), say=said.append)
    assert found == decoded
    failed = [done for done, call in (("written", writing), ("read", reading)) if call.left == -1]
    lines = [line for line in said if "temporary file" in line]
    assert len(lines) == bool(failed)
    for line, done in zip(lines, failed, strict=True):
        assert line == (
            f"the temporary file could not be {done} (No space left on device): "
            "every epoch decodes the Parquet files again"
        )


def opened(folder: Path) -> int:
    """How many files of a folder this process has open."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # what iterates over them is one of them
            found += str(folder) in str(link.readlink())
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are not listed here")
def test_its_file_has_no_name_and_ends_with_the_training(folder: Path, tmp_path: Path) -> None:
    seen = []
    trained(
        folder,
        spool=str(tmp_path),
        callbacks=[lambda *_: seen.append((list(tmp_path.iterdir()), opened(tmp_path)))],
    )
    assert seen == [([], 1)] * CHOICES.epochs
    assert opened(tmp_path) == 0
    with pytest.raises(KeyError):
        trained(folder, spool=str(tmp_path), callbacks=[lambda *_: {}["no such"]])
    assert opened(tmp_path) == 0


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    found = tmp_path / "copied"
    found.mkdir()
    for path in folder.iterdir():
        (found / path.name).write_bytes(path.read_bytes())
    return found


def test_what_becomes_of_files_after_they_were_read_does_not_matter(
    copied: Path, tmp_path: Path, decoded: Any
) -> None:
    def remove(*_: Any) -> None:
        for path in copied.iterdir():
            path.unlink()

    assert trained(copied, spool=str(tmp_path), callbacks=[remove]) == decoded


@pytest.mark.parametrize("how", ["other rows", "the same rows", "gone"])
def test_without_it_a_file_that_changed_is_named(copied: Path, how: str) -> None:
    path = copied / "part-2.parquet"

    def change(*_: Any) -> None:
        if how == "gone":
            path.unlink()
        else:
            table = pq.read_table(path)
            pq.write_table(table if how == "the same rows" else table.slice(1), path)

    with pytest.raises(ValueError, match=r"part-2.parquet has changed since it was first read"):
        trained(copied, spool=None, callbacks=[change])


def test_a_limit_of_the_system_costs_no_training(folder: Path, tmp_path: Path) -> None:
    """Files of 64 KB at most: the model fits, the rows do not."""
    command = [sys.executable, "-m", "chainrule", "train", str(folder), "-t", "y", "--epochs", "3",
               "--hidden", "8", "--batch-size", "32", "--spool", str(tmp_path)]  # fmt: skip
    models = []
    for name, limit in (("whole", None), ("limited", 1 << 16), ("without", None)):

        def limited(limit: int | None = limit) -> None:
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        done = subprocess.run(
            [*command, "-o", name, *(["--spool", "none"] if name == "without" else [])],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": SOURCES},
            preexec_fn=limited,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told = "the temporary file could not be written (File too large): every epoch decodes"
        assert (told in done.stderr) == (limit is not None)
        models.append(cr.load(tmp_path / name).theta.tobytes())
    assert models[0] == models[1] == models[2]


def test_which_folder_it_goes_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def made(folder: str | None, rows: int = 10) -> str | None:
        found = spool_for(folder, [rows], (3, 1), "float32", said.append)
        if found is None:
            return None
        found.close()
        return Path(folders[-1]).name

    folders: list[str] = []
    real = spool.tempfile.TemporaryFile

    def noted(*, dir: str, buffering: int) -> Any:
        folders.append(dir)
        return real(dir=dir, buffering=buffering)

    monkeypatch.setattr(spool.tempfile, "TemporaryFile", noted)
    monkeypatch.setattr(spool.tempfile, "tempdir", str(tmp_path))
    assert made(None) is None
    assert made(str(tmp_path)) == made("auto") == tmp_path.name
    assert said == []
    assert made("auto", 1 << 50) is None
    assert "free, too little for a temporary file of" in said.pop()
    with pytest.raises(ValueError, match="--spool /no/such is no folder to write temporary files"):
        made("/no/such")
    monkeypatch.setattr(spool, "_IN_MEMORY", spool.kind_of(str(tmp_path)))
    monkeypatch.setattr(spool, "_ON_DISK", str(tmp_path / "disk"))
    assert made("auto") is None
    assert "no folder on a disk takes temporary files" in said.pop()
    assert made(str(tmp_path)) == tmp_path.name, "whoever names a folder in memory means it"
    monkeypatch.setattr(spool, "_IN_MEMORY", "tmpfs")
    monkeypatch.setattr(spool.tempfile, "TemporaryFile", lambda **_: os.open("/no/such", 0))
    assert made("auto") is None
    assert "(No such file or directory): every epoch decodes" in said.pop()


def test_a_folder_in_memory_is_known() -> None:
    if not os.path.ismount("/dev/shm"):
        pytest.skip("this system has no folder in memory")
    assert spool.kind_of("/dev/shm") == "tmpfs"
    assert spool.kind_of("/no/such") is None


@pytest.mark.parametrize("what", ["written", "read"])
def test_a_disk_slower_than_decoding_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Time is what the test says: decoding 0.01 s a piece; moving one 0.03 s, and later 0.05 s."""
    clock = {"now": 0.0, "takes": 0.03}

    def after(real: Callable[..., int]) -> Callable[..., int]:
        def call(*given: Any) -> int:
            clock["now"] += clock["takes"] / 2  # one call for X, one for Y
            return real(*given)

        return call

    monkeypatch.setattr(spool.time, "monotonic", lambda: clock["now"])
    monkeypatch.setattr(os, "pwrite", after(os.pwrite))
    monkeypatch.setattr(os, "preadv", after(os.preadv))
    said: list[str] = []
    found = Spool(str(tmp_path), [100, 900], (2, 1), np.float32, said.append)
    X, Y = np.ones((10, 2), np.float32), np.ones((10, 1), np.float32)
    for _ in range(50):
        assert found.write(X, Y, 0.01)
    clock["takes"] = 0.05 if what == "written" else 0.03
    for n in range(50):
        assert found.write(X, Y, 0.01) == (what == "read" or n < spool.PATIENCE)
    assert found.holds == (what == "read")
    if what == "read":
        assert all(found.read(1, 10 * n, X, Y) for n in range(50))
        clock["takes"] = 0.05
        assert [found.read(1, 10 * n, X, Y) for n in range(50)].count(True) == spool.PATIENCE
    end = "more slowly than the data are decoded: every epoch decodes the Parquet files again"
    assert said == [f"the temporary file is {what} {end}"]
    found.close()


@given(items=st.integers(1, 3), length=st.integers(0, 9), taken=st.integers(0, 12))
def test_a_source_is_not_asked_for_more_than_so_many_items_ahead(
    items: int, length: int, taken: int
) -> None:
    made: list[int] = []

    def source() -> Iterator[int]:
        for n in range(length):
            made.append(n)
            yield n
        raise KeyError("at the end")

    ahead = Ahead(source(), items)
    for n in range(min(taken, length)):
        assert len(made) <= n + items
        assert next(ahead) == n
    if taken > length:
        with pytest.raises(KeyError, match="at the end"):
            next(ahead)
    ahead.close()
    assert len(made) <= min(taken, length) + items
    assert next(ahead, None) is None


def test_a_block_stays_as_it_is_while_the_next_is_filled(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[bool, list[Any]] = {True: [], False: []}
    working: list[Ahead] = []
    plain: dict[str, float] = {}

    class Noted(Ahead):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            working.append(self)

    monkeypatch.setattr(stream_samples, "Ahead", Noted)
    monkeypatch.setattr(fit_stream, "MOST_BUFFERED", 1024)
    real = fit_stream.Run.__init__

    def looked_at(self: Any, *args: Any, **kw: Any) -> None:
        real(self, *args, **kw)
        for ahead in (False, True):
            samples = fit_stream.replace(self.batches, ahead=ahead, begun={}, kept=[])
            for epoch in range(3):
                for block in samples.blocks(epoch, 0):
                    # Until whatever is filled meanwhile is full.
                    for one in working:
                        while one._thread.is_alive() and one._items.empty():
                            pass
                    X, Y = block.problem.X[block.order], block.problem.Y[block.order]
                    seen[ahead].append(np.hstack([X, Y]).tobytes())
            J = samples.evaluate(self.engine, self.net.theta, None)
            assert not any(one._thread.is_alive() for one in working)
            assert J == plain.setdefault("J", J)

    monkeypatch.setattr(fit_stream.Run, "__init__", looked_at)
    fit_data_set(folder, "y", CHOICES, memory=MEMORY)
    assert len(working) >= 3
    assert not any(one._thread.is_alive() for one in working)
    assert len(seen[True]) == 9
    assert seen[True] == seen[False]
    assert len(set(seen[True])) == 9
