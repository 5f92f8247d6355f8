"""Attack the readers of files with mutated ones: a clear error, or what the original says.

    python bench/fuzz.py all|model|checkpoint|parquet|csv [--count 100000] [--seed 0]

A mutated file that passes the SHA-256 is one whose digest was made anew: then the checks behind
it are what is tried. The attack runs in a forked process, so that a crash or a hang is told with
the number of the mutation. Memory is the growth of the resident set at its peak. Ends with a line
of counts for each kind, or with the mutation that broke the promise.
"""

import argparse
import faulthandler
import json
import mmap
import os
import random
import struct
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.files.header import NO_DIGEST, digest, header_bytes
from chainrule.network import Network
from chainrule.tables.columns import columns, require
from chainrule.tables.encode_batch import encode_batch
from chainrule.tables.encoder import Encoder
from chainrule.tables.parquet_dataset import open_data_set
from chainrule.tables.reading import read_table
from chainrule.training.checkpoints import written

MOST = 64 << 20  # bytes above the file's size that reading may take
SLOW = 5.0  # seconds of the processor
HANGS = 900.0  # seconds of the clock
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
    net = Network.load(path)
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
        days = pa.array(rng.integers(0, 9**6, m) * 10**5, pa.timestamp("ms"))
        whole = rng.integers(0, 9, m)
        table = pa.table({"n": rng.normal(size=m), "w": words, "i": whole, "d": days})
        pq.write_table(table, folder / name, row_group_size=100)

    encoder = Encoder.fit(columns(pq.read_table(folder / "a")))

    def read(path: Path) -> Any:
        data = open_data_set(path)
        if data.m > 10**7:
            raise ValueError("claims more rows than it can hold")
        for name in encoder.names:
            require(data.names, name)
        shapes = [rows.m for group in data.groups for rows in data.read(group, data.names)]
        batches = (b for group in data.groups for b in data.batches(group, encoder.names))
        for batch in batches:
            X = encode_batch(encoder, batch, np.float32)
            assert np.isfinite(X).all()
        return shapes

    return (folder / "a").read_bytes(), (folder / "b").read_bytes(), read


def csv_files(folder: Path) -> tuple[bytes, bytes, Callable[[Path], Any]]:
    rng = np.random.default_rng(0)
    lines = [f"{a},{b},20{c:02}-01-{a % 28 + 1:02}" for a, b, c in rng.integers(0, 99, (200, 3))]
    text = "\n".join(["a,b,c", *lines]).encode()
    return text, b'a;b;c\n1,5;"x\ny";\n' * 9, lambda path: columns(read_table(path)).m


KINDS: dict[str, tuple[Any, list[Any], bool]] = {
    "model": (model_files, MODEL, True),
    "checkpoint": (checkpoint_files, MODEL, False),
    "parquet": (parquet_files, BYTES, False),
    "csv": (csv_files, BYTES, False),
}


class Watch:
    """Watches one read: time, the peak of memory, and calls that would run something."""

    FORBIDDEN = (
        "pickle.",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.fork",
        "subprocess.",
        "ctypes.dlopen",
        "socket.",
    )

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.on = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, _: Any) -> None:
        if self.on and event.startswith(self.FORBIDDEN):
            self.calls.append(event)

    def __enter__(self) -> "Watch":
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        self.calls.clear()
        self.before, self.began, self.on = _status("VmRSS"), time.process_time(), True
        return self

    def __exit__(self, *_: object) -> None:
        self.on = False
        self.seconds = time.process_time() - self.began
        self.bytes = _status("VmHWM") - self.before


def _status(name: str) -> int:
    text = Path("/proc/self/status").read_text()
    return int(text.partition(name + ":")[2].split()[0]) << 10


def attack(kind: str, count: int, seed: int, told: Callable[[int], None] | None = None) -> Any:
    """Try so many mutations; raises AssertionError for one that breaks the promise."""
    make, ways, same = KINDS[kind]
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    watch = Watch()
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
            where = f"{kind} {number} of seed {seed} ({way.__name__})"
            if told is not None:
                told(number)
            fault: Any = None
            with watch:
                try:
                    found = read(path)
                except Exception as error:
                    fault = error
            if fault is None:
                changed = found != expected
                counts["other values" if changed else "equal"] += 1
                # Whoever makes a right digest may write what he likes, if it is sound.
                assert not changed or way in (forged, splice) or not same, f"{where}: unnoticed"
            else:
                counts["refused"] += 1
                right = isinstance(fault, ValueError) and "\n" not in str(fault)
                assert right, f"{where}: {fault!r}"
            counts["most MB"] = max(counts["most MB"], watch.bytes >> 20)
            assert watch.bytes < MOST + 2 * len(data), f"{where}: {watch.bytes} bytes"
            assert watch.seconds < SLOW, f"{where}: took {watch.seconds:.1f} s"
            assert not watch.calls, f"{where}: {watch.calls}"
    return dict(counts)


def attack_in_fork(kind: str, count: int, seed: int) -> int:
    """Attack in a process of its own; print what it found, or at which mutation it ended."""
    number = mmap.mmap(-1, 8)

    def told(n: int) -> None:
        number[:8] = struct.pack("<q", n)
        faulthandler.dump_traceback_later(HANGS, exit=True)

    child = os.fork()
    if child == 0:
        try:
            print(json.dumps({kind: attack(kind, count, seed, told)}), flush=True)
            os._exit(0)
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
        os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        (n,) = struct.unpack("<q", number[:8])
        print(f"{kind}: ended with {code} at mutation {n} of seed {seed}", file=sys.stderr)
    return code


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=[*sorted(KINDS), "all"])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    kinds = sorted(KINDS) if given.kind == "all" else [given.kind]
    sys.exit(max(abs(attack_in_fork(kind, given.count, given.seed)) for kind in kinds))


if __name__ == "__main__":
    main()
