"""Model files damaged or never such: every bit flipped, every length, random bytes, strangers."""

import os
import pickle
import re
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from chainrule.files import model
from chainrule.files.model import read_model, write_model

ARRAYS = {
    "W1": np.array([[1.5, -2.0]]),
    "b1": np.array([0.25], "f4"),
    "seen": np.array([True, False]),
}
METADATA = {"sizes": [2, 1], "rate": 0.1, "é": None}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.model"


@pytest.fixture
def sound(path: Path) -> bytes:
    write_model(path, ARRAYS, METADATA)
    return path.read_bytes()


def refused(path: Path, data: bytes, words: str = ".") -> None:
    """Assert that the file is refused with one sentence that begins with its path."""
    path.write_bytes(data)
    with pytest.raises(ValueError, match=words) as caught:
        read_model(path)
    told = str(caught.value)
    assert type(caught.value) is ValueError
    assert told.startswith(f"{path} ")
    assert "\n" not in told
    assert len(told) < len(str(path)) + 400


# Damage


def test_every_single_bit_flip_is_refused(path: Path, sound: bytes) -> None:
    for i in range(len(sound)):
        for bit in range(8):
            damaged = bytearray(sound)
            damaged[i] ^= 1 << bit
            refused(path, bytes(damaged))


def test_every_truncation_is_refused(path: Path, sound: bytes) -> None:
    for length in range(len(sound)):
        refused(path, sound[:length], "truncated|empty|not a model file")
    start = 8 + struct.unpack("<Q", sound[:8])[0]
    for length in range(start, len(sound)):
        refused(path, sound[:length], f"is truncated: its header announces {len(sound) - start}")


def test_what_follows_the_end_is_refused(path: Path, sound: bytes) -> None:
    for more in (b"\0", b" ", b"\n", sound):
        refused(path, sound + more, f"{len(more)} bytes follow the end")


def test_bytes_dropped_doubled_or_swapped_are_refused(path: Path, sound: bytes) -> None:
    for i in range(len(sound) - 1):
        refused(path, sound[:i] + sound[i + 1 :])
        refused(path, sound[:i] + sound[i : i + 1] + sound[i:])
        if sound[i] != sound[i + 1]:
            refused(path, sound[:i] + sound[i : i + 2][::-1] + sound[i + 2 :])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
@example(b"")
@example(b"\xff" * 16)
@example(b"\x08\0\0\0\0\0\0\0{}      ")
@example(b"\x08\0\0\0\0\0\0\0{\xff\xfe     ")
def test_random_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    base = tmp_path_factory.getbasetemp() / "random"
    refused(base, data)
    refused(base, struct.pack("<Q", len(data) + 1) + b"{" + data)


# Strangers


class Trap:
    """Leaves a mark if ever it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_refused_and_never_run(path: Path, tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "mark"
    words = "it is a pickle, and pickles can run code" if protocol >= 2 else "not a model file"
    refused(path, pickle.dumps(Trap(mark), protocol), words)
    assert not mark.exists()


def test_strangers_are_refused_by_name(path: Path) -> None:
    refused(path, b"", "is empty")
    refused(path, b"age,weight\n1,2\n3,4\n", "is not a model file of chainrule$")
    refused(path, b'{"a": 1, "b": [1, 2, 3]}', "is not a model file of chainrule$")
    refused(path, b"\0" * 100, "is not a model file of chainrule$")
    refused(path, save(ARRAYS), "is a safetensors file, but not a model file of chainrule")
    refused(path, save(ARRAYS, {"format": "pt"}), "is a safetensors file, but not")
    np.savez(path.with_suffix(".npz"), a=np.zeros(9))
    refused(path, path.with_suffix(".npz").read_bytes(), "is a zip archive")
    np.save(path.with_suffix(".npy"), np.zeros(9))
    refused(path, path.with_suffix(".npy").read_bytes(), "is a NumPy array")
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        archive.writestr("data.pkl", pickle.dumps([]))
    refused(path, path.with_suffix(".zip").read_bytes(), "is a zip archive")
    refused(path, b"PAR1" + b"\0" * 20, "is a Parquet table")
    refused(path, b"\x1f\x8b\x08" + b"\0" * 20, "is gzip-compressed")


def test_paths_that_are_no_files(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{path} does not exist")):
        read_model(path)
    with pytest.raises(ValueError, match="is a folder"):
        read_model(tmp_path)
    os.mkfifo(path)  # opening it would wait for a writer for ever
    with pytest.raises(ValueError, match="is a named pipe"):
        read_model(path)
    with pytest.raises(ValueError, match="is a device"):
        read_model("/dev/zero")


def test_a_file_that_cannot_be_read(
    path: Path, sound: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)
    with pytest.raises(ValueError, match=r"m.model cannot be read: Permission denied"):
        read_model(path)


def test_a_file_that_shrinks_while_it_is_read(
    path: Path, sound: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    fstat = os.fstat

    def then_truncated(fd: int) -> os.stat_result:
        status = fstat(fd)
        os.truncate(path, len(sound) - 1)
        return status

    monkeypatch.setattr(os, "fstat", then_truncated)
    with pytest.raises(ValueError, match="changed while it was read"):
        read_model(path)


def test_a_file_that_is_written_over_while_it_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was checked must be what is used: the header is read twice, and is another by then."""
    write_model(path, {"a": np.zeros(10**5)}, {"longer": "than a buffer" * 10**5})
    check_header = model.check_header

    def then_changed(*arguments: Any) -> Any:
        header = check_header(*arguments)
        data = path.read_bytes().replace(b'"F64"', b'"I64"')
        path.write_bytes(data)
        return header

    monkeypatch.setattr(model, "check_header", then_changed)
    with pytest.raises(ValueError, match="changed while it was read"):
        read_model(path)


def test_a_pipe_that_takes_the_place_of_a_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the question what the path is, and its opening, which must not wait."""
    os.mkfifo(path)
    monkeypatch.setattr(model, "regular_file", Path.stat)
    with pytest.raises(ValueError, match="is empty"):
        read_model(path)
