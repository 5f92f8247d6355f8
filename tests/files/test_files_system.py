"""Where a system lacks what POSIX has, files are written without locks, owners and syncs."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chainrule.files import platform as system

# As on Windows, which the tests do not run on: without these names.
BARE = """
import os, sys, tempfile, subprocess, pathlib, shutil, socket, multiprocessing
sys.modules["fcntl"] = None
for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY", "fchown", "fchmod", "geteuid",
             "getuid", "fork", "register_at_fork", "sched_getaffinity", "preadv", "pwrite"):
    delattr(os, name)
"""
WORK = """
import numpy as np
import chainrule as cr
X = np.random.default_rng(0).normal(size=(50, 2))
net = cr.Network([2, 3, 1], output="sigmoid", seed=1)
for epochs, resume in ((2, False), (4, True)):
    net.fit(X, (X[:, 0] > 0) * 1, epochs=epochs, tolerance=None, checkpoint="run", resume=resume,
            progress=False)
for _ in range(2):
    net.save("model.safetensors")
assert (cr.load("model.safetensors").predict(X) == net.predict(X)).all()
"""


def test_a_system_without_posix_trains_saves_and_resumes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", BARE + WORK], cwd=tmp_path, check=True, timeout=120)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["model.safetensors", "run"]
    assert all(path.name.startswith("step-") for path in (tmp_path / "run").iterdir())


def test_a_lock_is_one_holders(tmp_path: Path) -> None:
    held = system.lock_folder(tmp_path)
    if held is None:
        pytest.skip("no locks here")
    with pytest.raises(BlockingIOError):
        system.lock_folder(tmp_path)
    system.unlock_folder(held)
    again = system.lock_folder(tmp_path)
    assert again is not None
    system.unlock_folder(again)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.EINVAL, errno.ENOLCK])
def test_a_file_system_without_locks_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(descriptor: int, how: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    opened = Path("/proc/self/fd")
    before = len(list(opened.iterdir())) if opened.exists() else 0
    assert system.lock_folder(tmp_path) is None
    if before:
        assert len(list(opened.iterdir())) == before
