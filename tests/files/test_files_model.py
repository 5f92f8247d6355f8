"""The model file: round trips, frozen bytes, other readers, agreement of shapes, bad contents."""

import hashlib
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from safetensors.numpy import load_file

import chainrule
from chainrule.files.model import read_model, shapes_agree, write_model

DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
# A file of format version 1, written by hand for this test: 16 bytes of arrays after the header.
FROZEN_HEADER = (
    '{"W1":{"data_offsets":[0,8],"dtype":"F64","shape":[1,1]},'
    '"__metadata__":{"format":"chainrule","format_version":"1","library_version":"0.1.0",'
    '"model":"{\\"sizes\\":[1,1],\\"\\\\u03b7\\":0.1}","sha256":"%s"},'
    '"b1":{"data_offsets":[8,16],"dtype":"F64","shape":[1]}}'
)
FROZEN_SHA256 = "acf286548584"
FROZEN_BODY = bytes.fromhex("000000000000f83f") + bytes.fromhex("00000000000000c0")


def frozen_file(version: int = 1) -> bytes:
    """Build the frozen file as the format says, with nothing but the standard library."""

    def whole(digest: str) -> bytes:
        text = FROZEN_HEADER.replace('version":"1"', f'version":"{version}"')
        header = (text % digest).encode()
        header += b" " * (-len(header) % 8)
        return len(header).to_bytes(8, "little") + header + FROZEN_BODY

    return whole(hashlib.sha256(whole("0" * 64)).hexdigest())


def test_the_frozen_file_of_version_1_is_read(tmp_path: Path) -> None:
    # So that no change of the code above goes unseen.
    assert hashlib.sha256(frozen_file()).hexdigest().startswith(FROZEN_SHA256)
    (tmp_path / "m").write_bytes(frozen_file())
    arrays, metadata = read_model(tmp_path / "m")
    assert {name: array.tolist() for name, array in arrays.items()} == {"W1": [[1.5]], "b1": [-2.0]}
    assert metadata == {"sizes": [1, 1], "η": 0.1}


def test_the_frozen_file_as_version_2_is_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chainrule, "__version__", "0.1.0", raising=False)
    arrays = {"b1": np.array([-2.0]), "W1": np.array([[1.5]])}
    write_model(tmp_path / "m", arrays, {"η": 0.1, "sizes": (1, 1)})
    assert (tmp_path / "m").read_bytes() == frozen_file(version=2)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8") | st.just("\udcff")),  # as in names of files not UTF-8
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
ARRAYS = st.dictionaries(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=8).filter(
        lambda name: name != "__metadata__"
    ),
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: hn.arrays(dtype, hn.array_shapes(min_dims=0, max_dims=4, min_side=0))
    ),
    max_size=4,
)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def exactly(value: Any) -> Any:
    """Spell a JSON value so that -0.0, 0, 0.0, False and 1, 1.0, True all differ."""
    if isinstance(value, dict):
        return {key: exactly(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [exactly(inner) for inner in value]
    return value.hex() if isinstance(value, float) else (type(value).__name__, value)


@settings(max_examples=200, deadline=None)
@given(arrays=ARRAYS, metadata=st.dictionaries(st.text(), JSON, max_size=4))
def test_every_bit_comes_back(
    tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, Any], metadata: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip"
    write_model(path, arrays, metadata)
    got, told = read_model(path)
    assert got.keys() == arrays.keys()
    assert all(same_bits(got[name], array) for name, array in arrays.items())
    assert exactly(told) == exactly(metadata)
    first = path.read_bytes()
    # Equal contents in another order: equal bytes.
    write_model(path, dict(reversed(arrays.items())), dict(sorted(metadata.items(), reverse=True)))
    assert path.read_bytes() == first
    # The library itself sees the same arrays.
    assert all(same_bits(load_file(path)[name], array) for name, array in arrays.items())


@pytest.mark.parametrize(
    "number", [0.1, -0.0, 5e-324, math.nextafter(1, 2), 1.7976931348623157e308, 1e22, 2**63, 10**40]
)
def test_numbers_come_back_exactly(tmp_path: Path, number: float) -> None:
    write_model(tmp_path / "m", {}, {"number": number})
    got = read_model(tmp_path / "m")[1]["number"]
    assert exactly(got) == exactly(number)


def test_arrays_not_finite_and_of_any_layout(tmp_path: Path) -> None:
    grid = np.arange(24.0).reshape(4, 6)
    cases = {
        "nan with a payload": np.array([0x7FF8DEADBEEF0000], "u8").view("f8"),
        "infinite": np.array([np.inf, -np.inf, -0.0]),
        "transposed": grid.T,
        "reversed": grid[::-1, ::-2],
        "broadcast": np.broadcast_to(np.float32(3), (2, 3)),
        "scalar": np.array(7, "i2"),
        "none": np.zeros((3, 0, 2), "f2"),
        "misaligned": np.frombuffer(b"\0" + np.arange(3.0).tobytes(), "f8", offset=1),
        "read-only": np.frombuffer(b"\1\2\3", "u1"),
    }
    write_model(tmp_path / "m", {**cases, "big-endian": grid.astype(">f4")}, {})
    got, _ = read_model(tmp_path / "m")
    assert all(same_bits(got[name], array) for name, array in cases.items())
    assert same_bits(got["big-endian"], grid.astype("f4"))


def test_arrays_are_writable_and_one_s_own(tmp_path: Path) -> None:
    write_model(tmp_path / "m", {"a": np.zeros(3), "b": np.zeros(3)}, {})
    got, _ = read_model(tmp_path / "m")
    got["a"] += 1
    assert got["a"].flags.owndata
    assert got["b"].tolist() == [0, 0, 0]
    assert read_model(tmp_path / "m")[0]["a"].tolist() == [0, 0, 0]


def test_writing_changes_nothing_that_is_given(tmp_path: Path) -> None:
    arrays = {"a": np.arange(3, dtype=">f8")}
    metadata: dict[str, Any] = {"b": {"c": (1, 2)}}
    write_model(tmp_path / "m", arrays, metadata)
    assert arrays["a"].dtype == ">f8"
    assert metadata == {"b": {"c": (1, 2)}}


SAME = """
import sys, numpy as np
from chainrule.files.model import write_model
write_model(sys.argv[1], {name: np.ones(3) for name in "bca"}, {"y": 1, "x": {"b": 1, "a": 2}})
"""


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    sources = str(Path(chainrule.__path__[0]).parent)
    for seed in "01":
        environment = {**os.environ, "PYTHONPATH": sources, "PYTHONHASHSEED": seed}
        subprocess.run(
            [sys.executable, "-c", SAME, str(tmp_path / seed)], env=environment, check=True
        )
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()


def test_the_header_is_what_the_format_says(tmp_path: Path) -> None:
    write_model(tmp_path / "m", {"a": np.arange(3.0), "Z": np.array([True])}, {"é": [1]})
    file = (tmp_path / "m").read_bytes()
    length = int.from_bytes(file[:8], "little")
    assert length % 8 == 0
    header = json.loads(file[8 : 8 + length])
    assert set(header["__metadata__"]) == {
        "format",
        "format_version",
        "library_version",
        "model",
        "sha256",
    }
    assert header["__metadata__"]["format"] == "chainrule"
    assert header["__metadata__"]["format_version"] == "2"
    assert json.loads(header["__metadata__"]["model"]) == {"é": [1]}
    blank, n = re.subn(rb'("sha256":")[0-9a-f]{64}"', rb"\g<1>" + b"0" * 64 + b'"', file)
    assert n == 1
    assert header["__metadata__"]["sha256"] == hashlib.sha256(blank).hexdigest()


# Contents that a file cannot hold: refused, and the old file stays


class Subclass(np.ndarray):
    pass


@pytest.mark.parametrize(
    ("arrays", "fault", "words"),
    [
        ({"a": np.array([1j])}, TypeError, r"'a' is of complex128.*convert"),
        ({"a": np.array(["text"])}, TypeError, r"'a' is of <U4"),
        ({"a": np.array([None])}, TypeError, r"'a' is of object"),
        ({"a": np.array([0], "M8[s]")}, TypeError, r"'a' is of datetime64"),
        ({"a": np.zeros(1, "f8,i4")}, TypeError, r"'a' is of \["),
        ({"a": np.zeros(1, np.longdouble)}, TypeError, r"'a' is of (float128|longdouble)"),
        ({"a": [1.0]}, TypeError, r"'a' must be a plain numpy.ndarray, not list"),
        ({"a": np.float64(1)}, TypeError, r"'a' must be .* not float64"),
        ({"a": np.zeros(1).view(Subclass)}, TypeError, r"'a' must be .* not Subclass"),
        ({"a": np.ma.masked_equal([1, 2], 1)}, TypeError, r"'a' must be .* not MaskedArray"),
        ({"__metadata__": np.zeros(1)}, ValueError, r"'__metadata__'"),
        ({"\ud800": np.zeros(1)}, ValueError, r"'\\ud800' .* not valid Unicode"),
        ({1: np.zeros(1)}, TypeError, r"must be text, not 1"),
    ],
)
def test_arrays_that_cannot_be_stored(
    tmp_path: Path, arrays: Any, fault: type[Exception], words: str
) -> None:
    (tmp_path / "m").write_bytes(b"old")
    with pytest.raises(fault, match=words):
        write_model(tmp_path / "m", arrays, {})
    assert (tmp_path / "m").read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["m"]


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("metadata", "fault", "words"),
    [
        ({"a": [1, math.nan]}, ValueError, r"metadata\['a'\]\[1\] is nan"),
        ({"a": -math.inf}, ValueError, r"metadata\['a'\] is -inf"),
        ({"a": {"b": np.float64("nan")}}, ValueError, r"metadata\['a'\]\['b'\] is nan"),
        ({"a": np.int64(1)}, TypeError, r"metadata\['a'\] is of type int64"),
        ({"a": np.float32(1)}, TypeError, r"metadata\['a'\] is of type float32"),
        ({"a": b"x"}, TypeError, r"of type bytes"),
        ({"a": {1, 2}}, TypeError, r"of type set"),
        ({"a": {"b": {1: 2}}}, TypeError, r"metadata\['a'\]\['b'\] has the key 1: keys must be"),
        ({1: 2}, TypeError, r"metadata has the key 1"),
        ({"a": ["\ud83d\ude00"]}, ValueError, r"metadata\['a'\]\[0\] holds .* not text"),
        ({"a": {"\ud83d\ude00": 1}}, ValueError, r"metadata\['a'\] holds .* not text"),
        ({"a": print}, TypeError, r"of type builtin"),
        ({"a": nested(100)}, ValueError, r"nested more than"),
        ({"a": CIRCLE}, ValueError, r"nested more than"),
    ],
)
def test_metadata_that_are_not_json(
    tmp_path: Path, metadata: Any, fault: type[Exception], words: str
) -> None:
    with pytest.raises(fault, match=words):
        write_model(tmp_path / "m", {}, metadata)
    assert list(tmp_path.iterdir()) == []


def test_a_header_longer_than_readers_take_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chainrule.files.header.LONGEST", 1000)
    write_model(tmp_path / "m", {}, {"a": "x" * 500})
    read_model(tmp_path / "m")
    with pytest.raises(ValueError, match="at most 1000"):
        write_model(tmp_path / "m", {}, {"a": "x" * 1000})
    assert read_model(tmp_path / "m")[1] == {"a": "x" * 500}


# Shapes and dtypes against what the metadata promise

GIVEN = {"W1": np.zeros((3, 2)), "b1": np.zeros(3, "f4")}
PROMISED: dict[str, Any] = {"W1": ((3, 2), "float64"), "b1": ([3], np.float32)}


def test_shapes_that_agree() -> None:
    shapes_agree(GIVEN, PROMISED)
    shapes_agree({}, {})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda e: e.update(W1=((2, 3), "f8")), "'W1' has the shape (3, 2), and the .* (2, 3)"),
        (lambda e: e.update(W1=((6,), "f8")), "'W1' has the shape (3, 2), and the .* (6,)"),
        (lambda e: e.update(W1=((10**9, 10**9), "f8")), "'W1' has the shape"),
        (lambda e: e.update(b1=((3,), "f8")), "'b1' is of float32, and the metadata say float64"),
        (lambda e: e.update(b1=((), "f4")), "'b1' has the shape (3,), and the metadata say ()"),
        (lambda e: e.update(W2=((1, 3), "f8")), "'W2' is missing"),
        (lambda e: e.pop("b1"), "do not speak of the array 'b1'"),
        (lambda e: e.clear(), "do not speak of the array 'W1'"),
    ],
)
def test_shapes_that_disagree(change: Callable[[dict[str, Any]], Any], words: str) -> None:
    promised = dict(PROMISED)
    change(promised)
    pattern = re.escape(words).replace(r"\.\*", ".*")
    with pytest.raises(ValueError, match=pattern):
        shapes_agree(GIVEN, promised)
