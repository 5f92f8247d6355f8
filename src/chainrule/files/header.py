"""The header of a model file: strict JSON, its canonical bytes, and every check before allocating.

A safetensors file is 8 bytes with the header's length (little-endian), the header in JSON, and the
tensors' bytes without gaps (https://github.com/huggingface/safetensors, "Format"). A model file
narrows this: the header has sorted keys, no spaces, ASCII only and is padded with spaces to a
multiple of 8; its ``__metadata__`` holds exactly the texts KEYS. ``sha256`` is the digest of the
whole file with 64 zeros in the digest's own place. As one header has one spelling only, every bit
of the file is either under the digest, or is the digest.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

FORMAT = "chainrule"
FORMAT_VERSION = 2
READABLE = ("1", "2")
KEYS = ("format", "format_version", "library_version", "model", "sha256")
DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
BYTES = dict(zip(DTYPES, (8, 4, 2, 8, 4, 2, 1, 8, 4, 2, 1, 1), strict=True))
LONGEST = 100_000_000  # bytes of header; safetensors reads no longer one
MOST_ARRAYS = 65_536
MOST_VALUES = 4_194_304  # of JSON: parsed, each takes some dozens of bytes
NO_DIGEST = "0" * 64

_DIMENSIONS = 32  # NumPy 1 has no more
_DEPTH = 64
# Lone surrogates, as in names of files that are not UTF-8, come back; a pair would come back as one
# character.
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


class Refusal(ValueError):
    """Why a file is no sound model file, as the rest of a sentence that begins with its name."""


def strict_json(text: str | bytes) -> Any:
    """Parse JSON in which no name occurs twice and every number is finite.

    Raises ValueError for anything else: NaN, Infinity, 1e999, nesting without end.
    """
    try:
        # UTF-8 alone: json would guess UTF-16 and UTF-32 from bytes.
        string = text.decode("utf-8") if isinstance(text, bytes) else text
        return json.loads(
            string,
            object_pairs_hook=_distinct,
            parse_float=_finite,
            parse_constant=_finite,
        )
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def canonical_json(value: Any) -> str:
    """Return the one JSON text of ``value``: sorted keys, no spaces, ASCII, exact floats.

    A tuple becomes a list. Raises TypeError for what JSON does not know (NumPy's scalars, keys that
    are not text) and ValueError for numbers that are not finite, naming the place.
    """
    _check_json(value, "metadata", 0)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def header_bytes(header: Mapping[str, Any]) -> bytes:
    """Return the length and the canonical JSON of ``header``: the file up to the tensors' bytes."""
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def digest(header: Mapping[str, Any], body: bytes | memoryview) -> str:
    """Return the SHA-256, as 64 hexadecimal digits, of the file with zeros for the digest."""
    blank = {**header, "__metadata__": {**header["__metadata__"], "sha256": NO_DIGEST}}
    sha = hashlib.sha256(header_bytes(blank))
    sha.update(body)
    return sha.hexdigest()


def excess(raw: bytes) -> str | None:
    """Return what there is too much of in a header that is not parsed yet, as words, or None.

    Every value but the first of a list or an object stands behind a comma, and the first behind a
    bracket; those within texts count as well, which the model itself is.
    """
    if len(raw) - 8 > LONGEST:
        return f"{len(raw) - 8} bytes of metadata, and at most {LONGEST} are allowed"
    arrays = raw.count(b'"data_offsets"')
    if arrays > MOST_ARRAYS:
        return f"{arrays} arrays, and at most {MOST_ARRAYS} are allowed"
    values = sum(raw.count(sign) for sign in (b",", b"[", b"{"))
    if values > MOST_VALUES:
        return f"about {values} values in its metadata, and at most {MOST_VALUES} are allowed"
    return None


def check_header(raw: bytes, n_body: int) -> dict[str, Any]:
    """Return the header of a model file, parsed, if it is sound and ``n_body`` bytes fit to it.

    ``raw`` is the file up to the tensors' bytes. Nothing is allocated for tensors, whatever the
    header claims. Raises Refusal.
    """
    too_much = excess(raw)
    if too_much:
        raise Refusal(f"is no sound model file: it has {too_much}")
    try:
        header = strict_json(raw[8:])
    except ValueError as error:
        raise Refusal(f"is damaged or not a model file: its header is not JSON ({error})") from None
    if not isinstance(header, dict):
        raise Refusal("is not a model file: its header is not a JSON object")
    _check_metadata(header.get("__metadata__"))
    announced = _check_tensors({k: v for k, v in header.items() if k != "__metadata__"})
    if n_body < announced:
        raise Refusal(
            f"is truncated: its header announces {announced} bytes of arrays and {n_body} are there"
        )
    if n_body > announced:
        raise Refusal(f"is damaged: {n_body - announced} bytes follow the end of its arrays")
    if header_bytes(header) != raw:
        raise Refusal("is damaged: its header is not written as chainrule writes it")
    return header


def _check_metadata(metadata: object) -> None:
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise Refusal("is a safetensors file, but not a model file of chainrule")
    version = metadata.get("format_version")
    if not (isinstance(version, str) and version.isascii() and version.isdigit()):
        raise Refusal("is damaged: its format version is not a number")
    # Compared by length first: a number of a million digits is never turned into an int.
    newest = str(FORMAT_VERSION)
    if (len(version), version) > (len(newest), newest):
        raise Refusal(
            f"was made by a newer chainrule (format version {version[:20]}, and this chainrule"
            f" reads up to {newest}); upgrade chainrule"
        )
    if version not in READABLE:
        raise Refusal(f"is damaged: there is no format version {version}")
    if set(metadata) != set(KEYS) or not all(isinstance(metadata[key], str) for key in KEYS):
        raise Refusal(f"is damaged: its metadata must be the texts {', '.join(KEYS)}")


def _check_tensors(tensors: Mapping[str, Any]) -> int:
    """Return how many bytes the arrays take together, if they follow one another without gaps."""
    ranges = sorted(_byte_range(name[:60], entry) for name, entry in tensors.items())
    at = 0
    for begin, end, name in ranges:
        if begin != at:
            raise Refusal(
                f"is damaged: the bytes of the array {name!r} do not begin where the last ended"
            )
        at = end
    return at


def _byte_range(name: str, entry: object) -> tuple[int, int, str]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise Refusal(f"is damaged: the array {name!r} needs dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise Refusal(f"is damaged: the array {name!r} has a dtype that chainrule does not know")
    if not _counts(shape) or len(shape) > _DIMENSIONS or not _counts(offsets) or len(offsets) != 2:
        raise Refusal(f"is damaged: shape or byte range of the array {name!r} is not one")
    # NumPy refuses such a shape even where a zero in it leaves nothing to store.
    if BYTES[dtype] * math.prod(max(n, 1) for n in shape) >= 2**63:
        raise Refusal(f"is damaged: the array {name!r} claims a shape beyond all memory")
    begin, end = offsets
    if end - begin != BYTES[dtype] * math.prod(shape):
        raise Refusal(f"is damaged: the array {name!r} has a shape that its bytes do not fit")
    return begin, end, name


def _counts(value: object) -> bool:
    """Tell whether ``value`` is a list of whole numbers from 0 to 2^63 - 1 (true is no number)."""
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 2**63 for n in value)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise ValueError("a name occurs twice in one JSON object")
    return entries


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:20]} is not finite")
    return number


def _check_json(value: Any, place: str, depth: int) -> None:
    if depth > _DEPTH:
        raise ValueError(f"{place[:60]}...: nested more than {_DEPTH} deep; flatten it")
    if value is None or isinstance(value, (bool, int)):
        return
    if isinstance(value, str):
        if _PAIR.search(value):
            raise ValueError(f"{place} holds {value[:60]!r}: surrogate pairs are not text")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{place} is {value}: metadata must be finite numbers")
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{place} has the key {key!r}: keys must be text")
            _check_json(key, place, depth)
            _check_json(inner, f"{place}[{key!r}]", depth + 1)
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            _check_json(inner, f"{place}[{i}]", depth + 1)
    else:
        raise TypeError(
            f"{place} is of type {type(value).__name__}: metadata must be dict, list, str, int,"
            " float, bool or None"
        )
