"""False claims in the header of a model file, under a digest that is right."""

import hashlib
import json
import os
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import chainrule
from chainrule.files.header import strict_json
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


def spelt(header: Any, **how: Any) -> bytes:
    """Write the header as the format says, or otherwise with ``how``."""
    if isinstance(header, bytes):
        text = header
    else:
        text = json.dumps(header, **{"sort_keys": True, "separators": (",", ":"), **how}).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def forged(header: dict[str, Any], body: bytes, **how: Any) -> bytes:
    """Build a file whose digest is right: what a malicious hand, not a fault, would make."""
    header["__metadata__"]["sha256"] = "0" * 64
    right = hashlib.sha256(spelt(header, **how) + body).hexdigest()
    header["__metadata__"]["sha256"] = right
    return spelt(header, **how) + body


def parts(file: bytes) -> tuple[dict[str, Any], bytes]:
    start = 8 + struct.unpack("<Q", file[:8])[0]
    return json.loads(file[8:start]), file[start:]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b'{"a":[' + b"[]," * 2_200_000 + b"[]]}", "values in its metadata"),
        (b'{"a":"' + b"{" * 4_200_000 + b'"}', "values in its metadata"),
        (b'{"a":[' + b"0," * 4_200_000 + b"0]}", "values in its metadata"),
        (
            b"{" + b",".join(b'"%d":{"data_offsets":0}' % i for i in range(65_537)) + b"}",
            "65537 arrays, and at most 65536",
        ),
    ],
)
def test_a_header_of_too_many_values_is_refused_before_it_is_parsed(
    header: bytes, words: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("the header was parsed"))
    refused(path, spelt(header), words)


def test_write_model_of_too_many_values_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chainrule.files.header.MOST_VALUES", 1000)
    with pytest.raises(ValueError, match="values in its metadata, and at most 1000"):
        write_model(path, {}, {"words": [0] * 1000})
    assert not path.exists()


def test_a_forged_file_is_read_where_nothing_else_is_wrong(path: Path, sound: bytes) -> None:
    assert forged(*parts(sound)) == sound


def claim(name: str, **entry: Any) -> Callable[[dict[str, Any]], None]:
    return lambda header: header[name].update(entry)


TERA = 10**12
CLAIMS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "terabytes, shape and range": (
        claim("seen", shape=[TERA], data_offsets=[20, 20 + TERA]),
        "is truncated: its header announces 1000000000020 bytes of arrays and 22 are there",
    ),
    "terabytes, shape": (claim("W1", shape=[TERA, TERA]), "'W1' claims a shape beyond all memory"),
    "gigabytes, shape": (claim("W1", shape=[10**5, 10**5]), "'W1' has a shape that its bytes"),
    "terabytes, range": (claim("W1", data_offsets=[0, TERA]), "'W1' has a shape that its bytes"),
    "overflow to the right size": (claim("W1", shape=[2**62, 4 + 2]), "beyond all memory"),
    "beyond 64 bits": (claim("W1", shape=[2**64 + 2]), "shape or byte range"),
    "a thousand digits": (claim("W1", shape=[10**1000]), "shape or byte range"),
    "nothing, times all": (claim("W1", shape=[0, 2**62], data_offsets=[0, 0]), "beyond all memory"),
    "many dimensions": (claim("W1", shape=[1] * 100 + [2]), "shape or byte range"),
    "negative": (claim("W1", shape=[-1, -2]), "shape or byte range"),
    "negative range": (claim("W1", data_offsets=[-16, 0]), "shape or byte range"),
    "backwards": (claim("W1", data_offsets=[16, 0]), "has a shape that its bytes"),
    "true for 1": (claim("W1", shape=[True, 2]), "shape or byte range"),
    "1.0 for 1": (claim("W1", shape=[1.0, 2]), "shape or byte range"),
    "text for 1": (claim("W1", shape=["1", 2]), "shape or byte range"),
    "three offsets": (claim("W1", data_offsets=[0, 8, 16]), "shape or byte range"),
    "overlap": (claim("b1", data_offsets=[12, 16]), "'b1' do not begin where the last ended"),
    "same range twice": (
        claim("b1", dtype="F64", shape=[2], data_offsets=[0, 16]),
        "do not begin where the last ended",
    ),
    "gap": (claim("seen", shape=[1], data_offsets=[21, 22]), "'seen' do not begin"),
    "not from the start": (lambda h: h.pop("W1"), "'b1' do not begin"),
    "not to the end": (lambda h: h.pop("seen"), "2 bytes follow the end"),
    "unknown dtype": (claim("W1", dtype="F4"), "'W1' has a dtype that chainrule does not know"),
    "dtype of safetensors, not ours": (
        claim("b1", dtype="BF16", shape=[2]),
        "'b1' has a dtype that chainrule does not know",
    ),
    "complex": (claim("W1", dtype="C64"), "'W1' has a dtype that chainrule does not know"),
    "dtype a list": (claim("W1", dtype=["F64"]), "'W1' has a dtype"),
    "a further field": (claim("W1", code="print()"), "'W1' needs dtype, shape and data_offsets"),
    "a field missing": (lambda h: h["W1"].pop("dtype"), "'W1' needs dtype"),
    "an array that is a text": (lambda h: h.update(W1="text"), "'W1' needs dtype"),
    "a very long name": (lambda h: h.update({"n" * 10**5: 1}), "'nnnnnn"),
    "a name not Unicode": (
        lambda h: h.update({"\ud800": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}}),
        "is not a model file",
    ),
    "newer version": (
        lambda h: h["__metadata__"].update(format_version="3"),
        r"was made by a newer chainrule \(format version 3, .* up to 2\); upgrade chainrule",
    ),
    "newer version that is all else": (
        lambda h: (
            h.clear(),
            h.update(__metadata__={"format": "chainrule", "format_version": "9"}),
        ),
        "made by a newer chainrule",
    ),
    "far newer version": (
        lambda h: h["__metadata__"].update(format_version="9" * 10**5),
        "made by a newer chainrule",
    ),
    "version 0": (lambda h: h["__metadata__"].update(format_version="0"), "no format version 0"),
    "version -1": (lambda h: h["__metadata__"].update(format_version="-1"), "version is not a"),
    "version one": (lambda h: h["__metadata__"].update(format_version="¹"), "version is not a"),
    "no version": (lambda h: h["__metadata__"].pop("format_version"), "version is not a number"),
    "another's": (lambda h: h["__metadata__"].update(format="pt"), "not a model file of chainrule"),
    "no metadata": (lambda h: h["__metadata__"].pop("model"), "its metadata must be the texts"),
    "further metadata": (lambda h: h["__metadata__"].update(more=""), "its metadata must be the"),
    "model: NaN": (lambda h: h["__metadata__"].update(model='{"a":NaN}'), "not finite"),
    "model: overflow": (lambda h: h["__metadata__"].update(model='{"a":1e999}'), "not finite"),
    "model: twice": (lambda h: h["__metadata__"].update(model='{"a":1,"a":1}'), "occurs twice"),
    "model: a list": (lambda h: h["__metadata__"].update(model="[]"), "not a JSON object"),
    "model: Python": (lambda h: h["__metadata__"].update(model="{'a':1}"), "are not JSON"),
    "model: deep": (lambda h: h["__metadata__"].update(model="[" * 10**6), "too deeply"),
    "model: digits": (lambda h: h["__metadata__"].update(model="9" * 10**5), "are not JSON"),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_false_claim_is_refused(path: Path, sound: bytes, name: str) -> None:
    make, words = CLAIMS[name]
    header, body = parts(sound)
    make(header)
    refused(path, forged(header, body), words)


OTHER_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_header_with_any_part_replaced_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Even under a right digest; each part of the header is replaced by arbitrary JSON."""
    base = tmp_path_factory.getbasetemp() / "replaced"
    write_model(base, ARRAYS, METADATA)
    header, body = parts(base.read_bytes())
    name = data.draw(st.sampled_from(["W1", "b1", "seen", "__metadata__"]))
    key = data.draw(st.sampled_from([None, *header[name]]))
    old = header[name] if key is None else header[name][key]
    new = data.draw(OTHER_JSON.filter(lambda value: repr(value) != repr(old)))
    if key is None:
        header[name] = new
    else:
        header[name][key] = new
    is_whole = isinstance(header["__metadata__"], dict) and key != "sha256"
    # What remains a sound header: another version of the library, [] for the shape [1], {} for all.
    assume(not (key == "library_version" and isinstance(new, str)))
    assume(not (key == "shape" and name == "b1" and new in ([], [1], [1, 1], [1, 1, 1])))
    assume(not (key == "model" and isinstance(new, str) and new.strip().startswith("{")))
    refused(base, forged(header, body) if is_whole else spelt(header) + body)


def test_terabytes_are_refused_without_allocating(path: Path, sound: bytes) -> None:
    for name in ("terabytes, shape and range", "terabytes, range", "terabytes, shape"):
        header, body = parts(sound)
        CLAIMS[name][0](header)
        data = forged(header, body)
        tracemalloc.start()
        refused(path, data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 50_000_000


def test_a_truth_value_that_is_neither_is_refused(path: Path, sound: bytes) -> None:
    header, body = parts(sound)
    refused(path, forged(header, body[:-1] + b"\2"), "neither true nor false")


@pytest.mark.parametrize(
    "how", [{"indent": 1}, {"separators": (", ", ": ")}, {"sort_keys": False, "indent": None}]
)
def test_another_spelling_is_refused(path: Path, sound: bytes, how: dict[str, Any]) -> None:
    header, body = parts(sound)
    header = dict(reversed(header.items()))
    refused(path, forged(header, body, **how), "not written as chainrule writes it")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"a":1,"a":1}', "a name occurs twice"),
        (b'{"a":{"b":1,"b":2}}', "a name occurs twice"),
        (b'{"a":"x","\\u0061":1}', "a name occurs twice"),
        (b'{"a":NaN}', "not finite"),
        (b'{"a":-Infinity}', "not finite"),
        (b'{"a":1e400}', "not finite"),
        (b'{"a":' + b"[" * 10**5, "too deeply"),
        (b'{"a":' * 10**5, "too deeply"),
        (b'{"a":' + b"1" * 10**5 + b"}", "not JSON"),
        (b'{"a":1', "not JSON"),
        (b'{"a":1}{}', "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b'{"a":"\xff"}', "not JSON"),
        ('{"a":1}'.encode("utf-16-le"), "not JSON"),
        (b"{}", "not a model file of chainrule"),
        (b'{"__metadata__":[]}', "not a model file of chainrule"),
    ],
)
def test_a_header_that_is_not_strict_json_is_refused(path: Path, text: bytes, words: str) -> None:
    refused(path, spelt(text), words)


def test_a_byte_order_mark_is_no_json() -> None:
    with pytest.raises(ValueError, match="BOM"):
        strict_json(b'\xef\xbb\xbf{"a":1}')


@pytest.mark.parametrize("length", [0, 1, 10**8 + 1, 2**31, 2**40, 2**63, 2**64 - 1])
def test_a_header_length_that_cannot_be_is_refused(path: Path, length: int) -> None:
    tracemalloc.start()
    refused(path, struct.pack("<Q", length) + b'{"a":1} ', "not a model file")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000_000


SPARSE = """
import resource, sys
from chainrule.files.model import read_model
import safetensors.numpy
resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32))
try:
    read_model(sys.argv[1])
except ValueError as error:
    print(error)
"""


def test_a_file_larger_than_memory_is_refused(path: Path, sound: bytes) -> None:
    """A sparse file of 1 TiB, whose header is right about it."""
    header, _ = parts(sound)
    size = 2**40 - 20
    header["seen"].update(shape=[size], data_offsets=[20, 2**40])
    head = forged(header, b"")
    try:
        with path.open("wb") as file:
            file.write(head)
            file.truncate(len(head) + 2**40)
    except OSError as error:
        pytest.skip(f"this file system has no sparse files of 1 TiB: {error}")
    environment = {**os.environ, "PYTHONPATH": str(Path(chainrule.__path__[0]).parent)}
    done = subprocess.run(
        [sys.executable, "-c", SPARSE, str(path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    path.unlink()
    assert done.stdout == f"{path} is larger than the memory there is\n", done.stderr
