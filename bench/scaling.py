"""Measure what docs/scaling.md says: streams, ranks, and the cost of an all-reduce.

    python bench/scaling.py table FOLDER [--rows 20000000]     write a Parquet data set
    python bench/scaling.py stream FOLDER [--memory 1GB]       stream it; rows a second, peak memory
    python bench/scaling.py compare FOLDER [--spool none]      streamed and from memory, in turns
    mpiexec -n 2 python bench/scaling.py stream FOLDER         on ranks
    mpiexec -n 2 python bench/scaling.py reduce                latency and bandwidth of all-reduce
    python bench/scaling.py step > STEPS                       seconds of a step, four networks
    mpiexec -n 2 python bench/scaling.py ranks                 seconds of a step on ranks
    python bench/scaling.py model STEPS                        speed-ups for up to 1024 ranks

Results are lines of JSON. Set OPENBLAS_NUM_THREADS=1 for one thread a rank.
"""

import argparse
import json
import resource
import time
from math import ceil, log2
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import distributed
from chainrule.engines.communicator import ALONE
from chainrule.tables.settings import Choices

NETWORKS = {
    "tiny 4-32-16-4": ([4, 32, 16, 4], "softmax"),
    "table 30-64-32-1": ([30, 64, 32, 1], "sigmoid"),
    "digits 784-128-10": ([784, 128, 10], "softmax"),
    "wide 784-1024-1024-10": ([784, 1024, 1024, 10], "softmax"),
}
GROUP = 250_000


def table(folder: Path, rows: int) -> None:
    """Write 29 features of several types and a binary target, 8 files of row groups."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    groups = max(rows // GROUP, 1)
    writers: dict[int, Any] = {}
    for number in range(groups):
        rng = np.random.default_rng(number)
        X = np.round(rng.normal(size=(GROUP, 20)).astype(np.float32) * 64) / 64
        k = rng.integers(0, 100, (GROUP, 9)).astype(np.int16)
        y = X[:, 0] - X[:, 1] * X[:, 2] + k[:, 0] / 50 - 1 + rng.normal(size=GROUP) / 4 > 0
        names = {f"x{i}": X[:, i] for i in range(20)} | {f"k{i}": k[:, i] for i in range(9)}
        found = pa.table({**names, "y": y.astype(np.int8)})
        place = number * 8 // groups
        if place not in writers:
            path = folder / f"part-{place}.parquet"
            writers[place] = pq.ParquetWriter(path, found.schema, compression="zstd")
        writers[place].write_table(found, row_group_size=GROUP)
    for writer in writers.values():
        writer.close()
    size = sum(path.stat().st_size for path in folder.glob("*.parquet"))
    tell(rows=groups * GROUP, bytes=size)


def tell(**found: Any) -> None:
    print(json.dumps(found), flush=True)


def choices(batch_size: int, epochs: int, threads: int | None) -> Choices:
    return Choices(
        batch_size=batch_size,
        epochs=epochs,
        threads=threads,
        test_share=0.005,
        validation_share=0.005,
        patience=None,
    )


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def stream(
    folder: Path, memory: str, spool: str | None, batch_size: int, epochs: int, threads: int | None
) -> None:
    from chainrule.tables.fit_stream import fit_data_set
    from chainrule.tables.memory_size import size_of

    ranks = distributed.launched()
    team = distributed.world() if ranks and ranks[1] > 1 else ALONE
    began = time.perf_counter()
    asked = choices(batch_size, epochs, threads)
    done = fit_data_set(folder, "y", asked, memory=size_of(memory), spool=spool, team=team)
    seconds = np.diff([0.0, *done.history.seconds])
    peaks = team.gather(peak())
    if team.rank == 0:
        tell(
            ranks=team.size,
            engine=done.history.engine,
            rows_a_second=round(done.rows["train"] * (epochs - 1) / seconds[1:].sum()),
            epochs_seconds=seconds.round(2).tolist(),
            whole_seconds=round(time.perf_counter() - began, 2),
            peak_mb=peaks,
            scores={k: v for k, v in (done.scores or {}).items() if k in ("accuracy", "log_loss")},
        )


def encoded(folder: Path, rows: int) -> tuple[Any, Any]:
    """The table's first rows in memory, as a network takes them."""
    from chainrule.tables.column_summary import merged, summaries
    from chainrule.tables.encode_batch import encode_batch
    from chainrule.tables.encoder import Encoder
    from chainrule.tables.parquet_dataset import open_data_set

    data = open_data_set(folder)
    X, y, encoder = [], [], None
    for group in data.groups[: max(rows // GROUP, 1)]:
        if encoder is None:
            pieces = (c.without(["y"]) for c in data.read(group, data.names))
            encoder = Encoder.of_summaries(merged(summaries(c, unit=1.0) for c in pieces))
        for batch in data.batches(group, data.names):
            X.append(encode_batch(encoder, batch, np.float32))
            y.append(batch.column("y").to_numpy())
    return np.concatenate(X), np.concatenate(y)


def compare(
    folder: Path,
    memory: str,
    spool: str | None,
    batch_size: int,
    epochs: int,
    threads: int | None,
    rows: int,
    turns: int,
) -> None:
    """Rows a second of the same training streamed and from memory, in turns.

    The whole training counts, from the first step to the last epoch's end: a stream has begun to
    read an epoch's rows before the epoch begins. Neither what makes rows in memory of files counts
    nor what a stream reads before it trains; how long all that a stream does takes is told beside.
    """
    from chainrule.tables.fit_stream import fit_data_set
    from chainrule.tables.memory_size import size_of

    X, y = encoded(folder, rows)
    asked = choices(batch_size, epochs, threads)
    rates: dict[str, list[float]] = {"memory": [], "stream": []}
    whole = []
    for _ in range(turns):
        net = cr.Network([29, 64, 32, 1], output="sigmoid", dtype="float32")
        settings = {"batch_size": batch_size, "epochs": epochs, "tolerance": None}
        history = net.fit(X, y, validation=0.005, threads=threads, progress=False, **settings)
        rates["memory"].append(0.995 * len(X) * epochs / history.seconds[-1])
        began = time.perf_counter()
        done = fit_data_set(folder, "y", asked, memory=size_of(memory), spool=spool)
        whole.append(time.perf_counter() - began)
        rates["stream"].append(done.rows["train"] * epochs / done.history.seconds[-1])
        assert done.history.engine == history.engine
    found = {name: round(float(np.median(of))) for name, of in rates.items()}
    each = [round(a / b, 2) for a, b in zip(*rates.values(), strict=True)]
    tell(
        engine=history.engine,
        threads=threads,
        rows_a_second=found,
        memory_over_stream=each,
        whole_seconds_of_stream=round(float(np.median(whole)), 1),
    )


def reduce() -> None:
    team = distributed.world()
    found = {}
    for size in (1, 128, 1024, 8192, 65536, 1 << 20):
        g = np.ones(size, np.float32)
        times = []
        for _ in range(5):
            n = max(4, min(300, 300_000 // size))
            team.gather(None)
            began = time.perf_counter()
            for _ in range(n):
                team.sum_(g)
            times.append((time.perf_counter() - began) / n)
        found[size * 4] = min(times)
    if team.rank == 0:
        alpha = found[4]
        beta = (found[4 << 20] - found[4 * 65536]) / (4 * ((1 << 20) - 65536))
        tell(ranks=team.size, seconds=found, alpha=alpha, beta_seconds_a_byte=beta)


STEPS = 4  # of an epoch, so that what an epoch costs beside its steps hardly counts


def samples(sizes: list[int], batch_size: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(STEPS * batch_size, sizes[0])).astype(np.float32)
    return X, rng.integers(0, max(sizes[-1], 2), len(X))


def seconds_of(history: Any) -> float:
    return float(np.diff(history.seconds).min()) / STEPS


def settings_of(name: str, batch_size: int) -> dict[str, Any]:
    """One thread, and epochs enough for a lowest time to be the network's own."""
    epochs = 4 if name.startswith("wide") and batch_size > 512 else 12
    return {
        "batch_size": batch_size,
        "epochs": epochs,
        "tolerance": None,
        "progress": False,
        "threads": 1,
    }


def step() -> None:
    for name, (sizes, output) in NETWORKS.items():
        P = cr.Network(sizes, output=output).theta.size
        seconds = {}
        for b in (32, 256, 2048):
            net = cr.Network(sizes, output=output, dtype="float32")
            history = net.fit(*samples(sizes, b), **settings_of(name, b))
            seconds[b] = seconds_of(history)
        tell(network=name, parameters=P, engine=history.engine, seconds=seconds)


def ranks(batch_size: int, engine: str) -> None:
    """Seconds of a step of a batch shared out over the ranks, of one thread each."""
    team = distributed.world()
    for name, (sizes, output) in NETWORKS.items():
        net = cr.Network(sizes, output=output, dtype="float32")
        settings = settings_of(name, batch_size)
        X, y = samples(sizes, batch_size)
        history = distributed.fit(net, X, y, rows="all", team=team, engine=engine, **settings)
        if team.rank == 0:
            seconds = seconds_of(history)
            tell(network=name, batch=batch_size, engine=history.engine, step_seconds=seconds)


def predicted(
    compute: dict[int, float], P: int, batch: int, p: int, alpha: float, beta: float
) -> float:
    """T(p) = T_compute(batch / p) + 2 ceil(log2 p) alpha + 2 (p - 1) / p 4 P beta, in seconds.

    ``compute``: measured seconds of a step by batch size; between and beyond them, straight lines.
    """
    sizes, seconds = zip(*sorted(compute.items()), strict=True)
    b = batch / p
    at = min(max(int(np.searchsorted(sizes, b)), 1), len(sizes) - 1)
    slope = (seconds[at] - seconds[at - 1]) / (sizes[at] - sizes[at - 1])
    work = max(seconds[at] + slope * (b - sizes[at]), 0.2 * seconds[0])
    return work + 2 * ceil(log2(p)) * alpha + 2 * (p - 1) / p * 4 * P * beta if p > 1 else work


WIRES = {"10 GbE": (25e-6, 0.8e-9), "100 Gb InfiniBand": (2e-6, 0.08e-9)}


def model(lines: Path) -> None:
    """Print the table of docs/scaling.md from the lines that ``step`` printed."""
    for line in lines.read_text().splitlines():
        found = json.loads(line)
        compute = {int(b): s for b, s in found["seconds"].items()}
        P = found["parameters"]
        for wire, (alpha, beta) in WIRES.items():
            for batch in (2048, 65536):
                one = predicted(compute, P, batch, 1, alpha, beta)
                speedups = {
                    p: round(one / predicted(compute, P, batch, p, alpha, beta), 1)
                    for p in (2, 4, 16, 64, 256, 1024)
                }
                tell(network=found["network"], wire=wire, batch=batch, speedup=speedups)


PARTS = ("table", "stream", "compare", "reduce", "step", "ranks", "model")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=[*PARTS])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--memory", default="1GB")
    parser.add_argument("--spool", default="auto")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=4096)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--engine", default="auto")
    given = parser.parse_args()
    spool = None if given.spool == "none" else given.spool
    of_fit = (
        given.folder, given.memory, spool, given.batch_size, given.epochs, given.threads
    )  # fmt: skip
    if given.what == "table":
        table(given.folder, given.rows)
    elif given.what == "stream":
        stream(*of_fit)
    elif given.what == "compare":
        compare(*of_fit, given.rows, given.turns)
    elif given.what == "ranks":
        ranks(given.batch_size, given.engine)
    elif given.what == "model":
        model(given.folder)
    else:
        {"reduce": reduce, "step": step}[given.what]()


if __name__ == "__main__":
    distributed.guarded(main)
