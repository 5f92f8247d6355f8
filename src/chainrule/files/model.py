"""The model file: named arrays and JSON metadata in one safetensors file under one SHA-256.

Equal contents give equal bytes. Reading runs no code from the file, believes no claim before it is
checked against the file's size, refuses every changed bit, and never falls back to pickle. What
the metadata mean is none of this module's business.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..typing import Array
from .atomic import regular_file, write_atomically
from .header import (
    DTYPES,
    FORMAT,
    FORMAT_VERSION,
    LONGEST,
    NO_DIGEST,
    Refusal,
    canonical_json,
    check_header,
    digest,
    excess,
    header_bytes,
    strict_json,
)
from .platform import READ

# What a file may be instead, by its first bytes; asked only once it is known to be no model file.
_STRANGERS = {
    b"PK\x03\x04": "a zip archive (.npz, .pt and .keras files are such)",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"PAR1": "a Parquet table",
    b"ARROW1": "an Arrow table",
    b"\x1f\x8b": "gzip-compressed",
    **{bytes((0x80, protocol)): "a pickle, and pickles can run code" for protocol in range(2, 6)},
}


def write_model(
    path: str | os.PathLike[str], arrays: Mapping[str, Array], metadata: Mapping[str, Any]
) -> None:
    """Write arrays and metadata to a model file, as a whole or not at all.

    ``arrays`` are plain NumPy arrays of any shape, of bool, integers or floats up to 64 bits;
    ``metadata`` are dicts, lists, texts, finite numbers, truth values and None (a tuple becomes a
    list). Floats come back exactly.

    Raises TypeError or ValueError for other contents, naming the array or the place in the
    metadata; ValueError if ``path`` cannot be written to; OSError if writing fails.
    """
    write_atomically(path, _serialised(arrays, metadata))


def read_model(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read a model file: its arrays (writable, in memory of their own) and its metadata.

    Raises ValueError, in one sentence that begins with the path, if there is no such file, it is
    no model file, is truncated, is of a newer format version, or any bit of it was changed.
    """
    try:
        header, file = _checked(path)
        if digest(header, memoryview(file)[_start(file) :]) != header["__metadata__"]["sha256"]:
            raise Refusal("is damaged: its contents do not agree with its SHA-256; get it anew")
        return _deserialised(file), _metadata(header["__metadata__"]["model"])
    except Refusal as refusal:
        raise ValueError(f"{os.fspath(path)} {refusal}") from None
    except OSError as error:
        raise ValueError(f"{os.fspath(path)} cannot be read: {error.strerror or error}") from None
    except MemoryError:
        raise ValueError(f"{os.fspath(path)} is larger than the memory there is") from None


def shapes_agree(
    arrays: Mapping[str, Array], expected: Mapping[str, tuple[Iterable[int], npt.DTypeLike]]
) -> None:
    """Check that ``arrays`` are those that the metadata promise: name -> (shape, dtype).

    Raises ValueError naming the first array that is missing, is not promised, or whose shape or
    dtype is another.
    """
    for name, (shape, dtype) in expected.items():
        if name not in arrays:
            raise ValueError(f"the array {name!r} is missing, which the metadata promise")
        array, promised = arrays[name], tuple(shape)
        if array.shape != promised:
            raise ValueError(
                f"the array {name!r} has the shape {array.shape}, and the metadata say {promised}"
            )
        if array.dtype != np.dtype(dtype):
            raise ValueError(
                f"the array {name!r} is of {array.dtype}, and the metadata say {np.dtype(dtype)}"
            )
    for name in arrays:
        if name not in expected:
            raise ValueError(f"the metadata do not speak of the array {name!r}")


def _serialised(
    arrays: Mapping[str, Array], metadata: Mapping[str, Any]
) -> tuple[bytes, memoryview]:
    """Return a model file's two parts: its canonical header with the digest, its arrays' bytes."""
    from safetensors.numpy import save

    if not isinstance(metadata, dict):
        metadata = dict(metadata)
    texts = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "library_version": _library_version(),
        "model": canonical_json(metadata),
        "sha256": NO_DIGEST,
    }
    # safetensors writes metadata in random order, and so gets none: the header is spelt here.
    plain = save({name: _storable(name, array) for name, array in arrays.items()})
    start = _start(plain)
    body = memoryview(plain)[start:]
    header = {**strict_json(plain[8:start]), "__metadata__": texts}
    texts["sha256"] = digest(header, body)
    head = header_bytes(header)
    too_much = excess(head)
    if too_much:
        raise ValueError(f"the model file would have {too_much}")
    return head, body


def _storable(name: str, array: Array) -> Array:
    """Return ``array`` in C order and little-endian, if it can be stored without loss."""
    if not isinstance(name, str):
        raise TypeError(f"the name of an array must be text, not {name!r}")
    if name == "__metadata__":
        raise ValueError("no array can be named '__metadata__': safetensors reserves it")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the name {name!r} of an array is not valid Unicode") from None
    if type(array) is not np.ndarray:
        kind = type(array).__name__
        raise TypeError(f"the array {name!r} must be a plain numpy.ndarray, not {kind}")
    if array.dtype.name not in DTYPES.values():
        raise TypeError(
            f"the array {name!r} is of {array.dtype}, which a model file cannot hold; convert it"
        )
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def _metadata(text: str) -> dict[str, Any]:
    try:
        metadata = strict_json(text)
    except ValueError as error:
        raise Refusal(f"is damaged: its metadata are not JSON ({error})") from None
    if not isinstance(metadata, dict):
        raise Refusal("is damaged: its metadata are not a JSON object")
    return metadata


def _deserialised(file: bytes) -> dict[str, Array]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        views = load(file)
    except SafetensorError as error:
        raise Refusal(f"is not a model file: {error}") from None
    for name, view in views.items():
        # NumPy takes it for granted that a truth value is stored as 0 or 1.
        if view.dtype == np.bool_ and view.size and view.view(np.uint8).max() > 1:
            raise Refusal(f"is damaged: the array {name!r} holds what is neither true nor false")
    return {name: view.copy() for name, view in views.items()}


def _checked(path: str | os.PathLike[str]) -> tuple[dict[str, Any], bytes]:
    """Return the checked header and the whole file, which is read only once its header is sound."""
    if regular_file(path) is None:
        raise Refusal("does not exist")
    # Should a pipe have taken the file's place since, then opening it must not wait.
    with os.fdopen(os.open(path, READ), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(16)
        if not head:
            raise Refusal("is empty, and so not a model file")
        length = _start(head) - 8
        if len(head) < 16 or head[8:9] != b"{" or not 2 <= length <= LONGEST:
            raise Refusal(_stranger(head))
        if length > size - 8:
            raise Refusal("is truncated or not a model file: it ends before its header does")
        head += file.read(length - 8)
        header = check_header(head, size - 8 - length)
        file.seek(0)
        whole = file.read(size)
    if len(whole) != size or not whole.startswith(head):
        raise Refusal("changed while it was read; try again")
    return header, whole


def _start(file: bytes) -> int:
    """Return where the arrays' bytes begin: after the header, whose length comes first."""
    return 8 + int.from_bytes(file[:8], "little")


def _stranger(head: bytes) -> str:
    for magic, words in _STRANGERS.items():
        if head.startswith(magic):
            return f"is not a model file of chainrule: it is {words}"
    return "is not a model file of chainrule"


def _library_version() -> str:
    # The package is whole by the time that a model is written; importing it above would be a loop.
    package = sys.modules["chainrule"]
    return str(getattr(package, "__version__", "unknown"))
