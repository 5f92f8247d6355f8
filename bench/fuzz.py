"""Attack the readers of files with mutated ones: a clear error, or what the original says.

    python bench/fuzz.py model|checkpoint|parquet|csv [--count 100000] [--seed 0]

A mutated file that passes the SHA-256 is one whose digest was made anew: then the checks behind
it are what is tried. Ends with a line of counts, or with the mutation that broke the promise.
"""

import argparse
import json
import random
import struct
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.files.header import NO_DIGEST, digest, header_bytes
from chainrule.files.network import load_network
from chainrule.tables.columns import columns
from chainrule.tables.reading import read_table
from chainrule.tables.streaming import open_data_set
from chainrule.training.checkpoints import written

MOST = 64 << 20  # bytes above the file's size that reading may take
SLOW = 5.0  # seconds
STRANGE: list[Any] = [
    0, 1, -1, 2**31, 2**53, 2**63, 2**64, -(2**63), 1e308, float("nan"), float("inf"), None, True,
    "", "x", "a" * 4096, [], {}, [[]], [1, 2, 3], [2**40, 2**40], [0, 2**62], {"a": 1}, "adam",
]  # fmt: skip


def flip(data: bytes, rng: random.Random, other: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 8, 64])):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def cut(data: bytes, rng: random.Random, other: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def longer(data: bytes, rng: random.Random, other: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(rng.choice([1, 8, 4096])) + data[at:]


def splice(data: bytes, rng: random.Random, other: bytes) -> bytes:
    at, to = rng.randrange(len(data)), rng.randrange(len(other))
    return data[:at] + other[to:]


def length(data: bytes, rng: random.Random, other: bytes) -> bytes:
    return struct.pack("<Q", rng.choice([0, 1, 2**31, 2**63, 2**64 - 1, len(data)])) + data[8:]


def deep(data: bytes, rng: random.Random, other: bytes) -> bytes:
    n = rng.choice([100, 10_000, 200_000])
    head = b'{"a":' * n + b"1" + b"}" * n
    return struct.pack("<Q", len(head)) + head + data[8:]


def head_of(data: bytes) -> tuple[dict[str, Any], bytes]:
    end = 8 + struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:end]), data[end:]


def walk(value: Any, rng: random.Random) -> Any:
    """Return JSON values with one of them changed."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(sorted(value))
        found = dict(value)
        if rng.random() < 0.1:
            found[rng.choice(["", "W9", "sizes", key + "x"])] = found.pop(key)
        else:
            found[key] = walk(value[key], rng)
        return found
    if isinstance(value, list) and value and rng.random() < 0.8:
        found = list(value)
        at = rng.randrange(len(found))
        found[at] = walk(found[at], rng)
        return found
    if isinstance(value, int) and not isinstance(value, bool) and rng.random() < 0.5:
        return value + rng.choice([-1, 1, 8])
    return rng.choice(STRANGE)


def forged(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """A file with something else in its header or metadata, and a digest that is right for it."""
    header, body = head_of(data)
    texts = header["__metadata__"]
    if rng.random() < 0.7:
        texts["model"] = json.dumps(
            walk(json.loads(texts["model"]), rng), sort_keys=True, separators=(",", ":")
        )
    else:
        changed = walk({k: v for k, v in header.items() if k != "__metadata__"}, rng)
        header = {**(changed if isinstance(changed, dict) else {}), "__metadata__": texts}
    if rng.random() < 0.3:
        at = rng.randrange(max(len(body) - 8, 1))
        body = body[:at] + struct.pack("<d", rng.choice([np.nan, np.inf, -1e308])) + body[at + 8 :]
    texts["sha256"] = NO_DIGEST
    try:
        texts["sha256"] = digest(header, body)
        return header_bytes(header) + body
    except ValueError:  # NaN in the header
        text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
        return struct.pack("<Q", len(text)) + text + body


def twice(data: bytes, rng: random.Random, other: bytes) -> bytes:
    header, body = head_of(data)
    text = header_bytes(header)[8:].strip()
    key = json.dumps(rng.choice(sorted(header))).encode()
    text = text[:-1] + b"," + key + b':{"dtype":"F64","shape":[],"data_offsets":[0,8]}}'
    return struct.pack("<Q", len(text)) + text + body


BYTES = [flip, cut, longer, splice]
MODEL = [*BYTES, length, deep, forged, forged, forged, twice]


def network() -> cr.Network:
    return cr.Network([3, 5, 2], hidden="tanh", output="softmax", seed=1, dropout=0.2)


def samples() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 3)), rng.integers(0, 2, 40)


def model_files(folder: Path) -> tuple[bytes, bytes, Callable[[Path], Any]]:
    network().save(folder / "a")
    cr.Network([2, 2, 1], seed=3).save(folder / "b")
    return (folder / "a").read_bytes(), (folder / "b").read_bytes(), _theta


def _theta(path: Path) -> Any:
    net = load_network(path).network
    return net.theta.tobytes() + net.predict(np.ones((1, net.sizes[0]))).tobytes()


FIT: dict[str, Any] = {"epochs": 2, "validation": 0.2, "metrics": "accuracy", "progress": False}


def checkpoint_files(folder: Path) -> tuple[bytes, bytes, Callable[[Path], Any]]:
    X, y = samples()
    network().fit(X, y, checkpoint=folder / "run", **FIT)
    cr.Network([3, 2], output="softmax").fit(X, y, checkpoint=folder / "other", **FIT)
    first, other = written(folder / "run")[0], written(folder / "other")[0]
    data = first.read_bytes(), other.read_bytes()
    for path in written(folder / "run"):
        path.unlink()

    def resume(path: Path) -> Any:
        target = folder / "run" / first.name
        target.write_bytes(path.read_bytes())
        net = network()
        try:
            history = net.fit(X, y, checkpoint=folder / "run", resume=True, **FIT)
        finally:
            for one in written(folder / "run"):
                one.unlink()
        return net.theta.tobytes() + str(history.epochs).encode()

    return *data, resume


def parquet_files(folder: Path) -> tuple[bytes, bytes, Callable[[Path], Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    for name, m in (("a", 300), ("b", 50)):
        words = rng.choice(["x", "y", "z"], m).tolist()
        table = pa.table({"n": rng.normal(size=m), "w": words, "i": rng.integers(0, 9, m)})
        pq.write_table(table, folder / name, row_group_size=100)

    def read(path: Path) -> Any:
        data = open_data_set(path)
        if data.m > 10**7:
            raise ValueError("claims more rows than it can hold")
        return [rows.m for group in data.groups for rows in data.read(group, data.names)]

    return (folder / "a").read_bytes(), (folder / "b").read_bytes(), read


def csv_files(folder: Path) -> tuple[bytes, bytes, Callable[[Path], Any]]:
    rng = np.random.default_rng(0)
    lines = [f"{a},{b},{c}" for a, b, c in rng.integers(0, 99, (200, 3)).tolist()]
    text = "\n".join(["a,b,c", *lines]).encode()
    return text, b'a;b;c\n1,5;"x\ny";\n' * 9, lambda path: columns(read_table(path)).m


KINDS: dict[str, tuple[Any, list[Any], bool]] = {
    "model": (model_files, MODEL, True),
    "checkpoint": (checkpoint_files, MODEL, False),
    "parquet": (parquet_files, BYTES, False),
    "csv": (csv_files, BYTES, False),
}


def attack(kind: str, count: int, seed: int) -> Counter[str]:
    """Try so many mutations; raises AssertionError for one that breaks the promise."""
    make, ways, same = KINDS[kind]
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    tracemalloc.start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        original, other, read = make(folder)
        path = folder / "mutated"
        path.write_bytes(original)
        expected = read(path)
        for number in range(count):
            way = rng.choice(ways)
            data = way(original, rng, other)
            path.write_bytes(data)
            tracemalloc.reset_peak()
            before, began = tracemalloc.get_traced_memory()[0], time.monotonic()
            where = f"{kind} {number} of seed {seed} ({way.__name__})"
            try:
                found = read(path)
            except ValueError as error:
                if "\n" in str(error):
                    raise AssertionError(f"{where}: {error}") from error
                counts["refused"] += 1
            except Exception as error:
                raise AssertionError(f"{where}: {error!r}") from error
            else:
                changed = found != expected
                counts["other values" if changed else "equal"] += 1
                # Whoever makes a right digest may write what he likes, if it is sound.
                assert not changed or way in (forged, splice) or not same, f"{where}: unnoticed"
            peak = tracemalloc.get_traced_memory()[1] - before
            assert peak < MOST + 4 * len(data), f"{where}: {peak} bytes"
            assert time.monotonic() - began < SLOW, f"{where}: slow"
    tracemalloc.stop()
    return counts


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    import warnings

    warnings.simplefilter("ignore")
    print(json.dumps({given.kind: attack(given.kind, given.count, given.seed)}))


if __name__ == "__main__":
    main()
