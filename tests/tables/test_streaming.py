"""Streams: a Parquet data set in any number of files, read piece by piece, trains the same."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.mathematics.random import SPLIT, key, uniform
from chainrule.tables import fit_stream
from chainrule.tables.column_summary import merged, summaries
from chainrule.tables.columns import columns
from chainrule.tables.encoder import Encoder
from chainrule.tables.fit_stream import fit_data_set
from chainrule.tables.memory_size import size_of
from chainrule.tables.model import TableModel
from chainrule.tables.parquet_dataset import is_data_set, open_data_set, shared_out
from chainrule.tables.row_cache import AUTO
from chainrule.tables.settings import Choices
from chainrule.training.checkpoints import written

M = 3000


def made(m: int = M, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(m, 3))
    c = rng.choice(["a", "b", "c"], m)
    y = x[:, 0] + (c == "a") > 0.3
    return pa.table(
        {
            "x0": x[:, 0],
            "x1": pa.array(x[:, 1].astype(np.float32) * 100 + 1e6, mask=x[:, 2] > 1),
            "n": rng.integers(0, 9, m),
            "c": pa.array(np.where(rng.random(m) < 0.1, None, c).tolist()),
            "b": rng.random(m) < 0.5,
            "y": np.where(y, "yes", "no"),
            "d": pa.array((rng.random(m) * 4e9).astype(int), pa.timestamp("ms")),
        }
    )


def test_stream_with_sentinels_and_outliers_is_robust_and_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    a, b, y = rng.normal(50, 9, M), rng.normal(size=M), rng.normal(size=M)
    a[::10], b[[5, 2900]] = -999.0, 1e12
    table = pa.table({"a": a, "b": b, "y": y + 3 * b.clip(-9, 9)})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=300)
    lines: list[str] = []
    fitted = fit_data_set(tmp_path / "t.parquet", "y", CHOICES, say=lines.append)
    number, outlying = fitted.model.encoder.features
    assert number.gap == -999
    assert number.missing
    assert 40 < number.mean < 60
    assert outlying.high < 100
    assert outlying.scale < 2
    assert any("-999 in 2" in line and "rows of 'a'" in line for line in lines)
    assert any("1000000000000 in" in line and "of 'b'" in line for line in lines)
    assert fitted.scores is not None
    assert fitted.scores["r2"] > 0.7
    low, high = fitted.model.predict(columns(table)).values[[0, 5]]
    assert abs(low) < 30
    assert abs(high) < 30


def test_stream_with_a_target_for_no_value_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    y = np.where(np.arange(M) % 9 == 0, -999.0, rng.normal(size=M))
    pq.write_table(pa.table({"a": rng.normal(size=M), "y": y}), tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"target 'y' is -999 in \d+ rows, far from all others"):
        fit_data_set(tmp_path / "t.parquet", "y", CHOICES)


@pytest.mark.parametrize("option", ["category", "number", "missing", "group", "skip_missing"])
def test_stream_refuses_what_it_would_not_do(option: str, folder: Path) -> None:
    value: Any = {"group": "c", "skip_missing": True}.get(option, ("c",))
    words = rf"--{option.replace('_', '-')} needs the table in memory"
    with pytest.raises(ValueError, match=words):
        fit_data_set(folder, "y", Choices(**{option: value}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    whole, found = made(), tmp_path / "data"
    found.mkdir()
    for number, (start, stop) in enumerate([(0, 1000), (1000, 1100), (1100, M)]):
        path = found / f"part-{number}.parquet"
        pq.write_table(whole.slice(start, stop - start), path, row_group_size=400)
    return found


CHOICES = Choices(epochs=4, batch_size=32, dtype="float64")
MEMORY = 260 << 20


def test_every_row_comes_once_an_epoch_whatever_the_size_of_the_buffer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    for most in (1024, 1 << 20):
        monkeypatch.setattr(fit_stream, "MOST_BUFFERED", most)
        rows: list[Any] = []
        real = fit_stream.Run.__init__

        def begun(self: Any, *args: Any, rows: Any = rows, real: Any = real, **kw: Any) -> None:
            real(self, *args, **kw)
            for epoch in range(2):
                parts, steps = [], 0
                for block in self.batches.blocks(epoch, 0):
                    parts.append(block.problem.X[block.order])
                    steps += block.steps
                rows.append(np.concatenate(parts))
                assert steps == self.batches.steps

        with monkeypatch.context() as patched:
            patched.setattr(fit_stream.Run, "__init__", begun)
            fit_data_set(folder, "y", CHOICES, memory=MEMORY)
        assert not (rows[0] == rows[1]).all()
        seen += [found[np.lexsort(found.T)] for found in rows]
    for found in seen[1:]:
        assert (found == seen[0]).all()


def test_statistics_are_those_of_the_whole_table(folder: Path) -> None:
    data, whole = open_data_set(folder), columns(made()).without(["y"])
    parts = [
        merged(summaries(rows, "y", unit=1.0) for rows in data.read(group, list(whole)))
        for group in data.groups
    ]
    streamed, expected = Encoder.of_summaries(merged(parts)), Encoder.fit(whole)
    for a, b in zip(streamed.features, expected.features, strict=True):
        assert (a.name, a.kind, a.words, a.missing, a.other) == (
            b.name,
            b.kind,
            b.words,
            b.missing,
            b.other,
        )
        assert a.mean == pytest.approx(b.mean, rel=1e-14)
        assert a.scale == pytest.approx(b.scale, rel=1e-12)
        assert a.shares == b.shares


@settings(max_examples=50)
@given(
    values=st.lists(st.floats(-1e6, 1e6) | st.none(), min_size=2, max_size=40).filter(
        lambda v: len({x for x in v if x is not None}) > 1
    ),
    offset=st.sampled_from([0.0, 1e9]),
    cut=st.integers(0, 40),
)
def test_merged_moments_are_exact_up_to_rounding(
    values: list[Any], offset: float, cut: int
) -> None:
    from fractions import Fraction

    shifted = [None if v is None else v + offset for v in values]
    parts = [pa.table({"x": pa.array(p, pa.float64())}) for p in (shifted[:cut], shifted[cut:])]
    found = merged(summaries(columns(p), "y", unit=1.0) for p in parts if p.num_rows)["x"]
    exact = [Fraction(v) for v in shifted if v is not None]
    mean = sum(exact) / len(exact)
    squares = sum((v - mean) ** 2 for v in exact)
    assert found.count == len(exact)
    assert found.missing == len(values) - len(exact)
    assert found.mean == pytest.approx(float(mean), rel=1e-12, abs=1e-9)
    top = max(abs(v - mean) for v in exact)
    slack = 1e-9 * float(squares) + len(exact) * (1e-15 * float(abs(mean) + top)) ** 2 * 100
    assert abs(found.unit_squares - float(squares)) <= slack + 1e-12 * float(top) ** 2 + 1e-300


def test_trains_as_from_memory_and_its_file_predicts(folder: Path, tmp_path: Path) -> None:
    done = fit_data_set(folder, "y", CHOICES, memory=MEMORY)
    assert done.scores is not None
    assert done.scores["accuracy"] > 0.9
    assert sum(done.rows.values()) == M
    done.model.save(tmp_path / "model")
    again = TableModel.load(tmp_path / "model")
    assert again.evaluate(columns(made(200, seed=9)))[0]["accuracy"] > 0.9


@pytest.mark.parametrize("memory", [MEMORY, 1 << 30])
def test_stopped_and_resumed_in_the_middle_of_an_epoch(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: int
) -> None:
    from chainrule.training import descent

    monkeypatch.setattr(fit_stream, "MOST_BUFFERED", 1024 if memory == MEMORY else 1 << 20)
    whole = fit_data_set(folder, "y", CHOICES, memory=memory)
    for step in (1, 20, 32, 33, 50, 70, 200):
        run = tmp_path / str(step)
        calls = {"n": 0}

        def agree(*_: Any, calls: Any = calls, step: int = step) -> tuple[bool, int]:
            calls["n"] += 1
            return calls["n"] == step, 1

        with monkeypatch.context() as patched:
            patched.setattr(descent, "_agree", agree)
            patched.setattr(descent, "FEWEST_STEPS", 1)
            kept = cr.Checkpoints(run, epochs=999)
            # A run goes on in the same bits with and without a spool.
            spool = AUTO if step % 2 else None
            part = fit_data_set(folder, "y", CHOICES, memory=memory, checkpoint=kept, spool=spool)
        assert part.history.stop is not None
        assert part.history.stop.reason == "interrupted"
        TableModel.load(written(run)[-1])
        end = fit_data_set(folder, "y", CHOICES, memory=memory, checkpoint=kept, resume=True)
        assert (end.model.network.theta == whole.model.network.theta).all()
        assert end.history.cost == whole.history.cost
        assert end.scores == whole.scores


def test_a_checkpoint_of_another_data_set_is_refused(folder: Path, tmp_path: Path) -> None:
    kept = cr.Checkpoints(tmp_path / "run")
    fit_data_set(folder, "y", CHOICES, memory=MEMORY, checkpoint=kept)
    pq.write_table(made(1000, seed=5), folder / "part-0.parquet", row_group_size=400)
    with pytest.raises(ValueError, match="other samples"):
        fit_data_set(folder, "y", CHOICES, memory=MEMORY, checkpoint=kept, resume=True)


def test_what_a_name_may_be(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    m = {open_data_set(name).m for name in (folder, f"{folder}/*.parquet", folder.as_uri())}
    assert m == {M}
    assert open_data_set(folder / "part-1.parquet").m == 100
    assert is_data_set(str(folder))
    assert is_data_set(f"{folder}/*.parquet")
    assert is_data_set("s3://bucket/data")
    assert not is_data_set(f"{folder}/part-1.parquet")


def spoil(folder: Path, how: str) -> None:
    path, table = folder / "part-1.parquet", made(100)
    if how == "damaged":
        data = bytearray(path.read_bytes())
        data[len(data) // 3 : len(data) // 3 + 400] = bytes(400)
        path.write_bytes(data)
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    elif how == "text":
        path.write_text("x0,x1\n1,2\n")
    elif how == "column":
        pq.write_table(table.drop(["n"]), path)
    elif how == "extra":
        pq.write_table(table.append_column("z", table["n"]), path)
    elif how == "type":
        pq.write_table(table.set_column(0, "x0", table["x0"].cast(pa.string())), path)
    elif how == "empty":
        for one in folder.iterdir():
            pq.write_table(table.slice(0, 0), one)
    elif how == "none":
        for one in folder.iterdir():
            one.unlink()
    elif how == "missing target":
        none = pa.array([None] * 100, pa.string())
        pq.write_table(table.set_column(5, "y", none), path)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("damaged", r"part-1.parquet"),
        ("cut", r"part-1.parquet is not a readable Parquet file"),
        ("text", r"part-1.parquet is not a readable Parquet file"),
        ("column", r"part-1.parquet has no column 'n'"),
        ("extra", r"part-1.parquet has a column 'z' that .*part-0.parquet has not"),
        ("type", r"column 'x0' of .*part-1.parquet is of type string, and of double in"),
        ("empty", "has column names but no rows"),
        ("none", "holds no Parquet files"),
        ("missing target", "target 'y' has no value .or NaN. in 71 rows"),
    ],
)
def test_bad_data_is_one_sentence(folder: Path, how: str, words: str) -> None:
    spoil(folder, how)
    with pytest.raises(ValueError, match=words) as told:
        fit_data_set(folder, "y", CHOICES, memory=MEMORY)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"target": "yy"}, "has no column 'yy', did you mean 'y'"),
        ({"memory": 1 << 20}, "--memory 1MB is too little: give at least"),
        ({"choices": Choices(optimizer="lbfgs")}, "lbfgs needs all rows at once"),
        ({"choices": Choices(drop=("y",))}, "is also given to --drop"),
    ],
)
def test_bad_arguments(folder: Path, settings: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"target": "y", "choices": CHOICES, "memory": MEMORY, **settings}
    with pytest.raises(ValueError, match=words):
        fit_data_set(folder, given.pop("target"), given.pop("choices"), **given)


def test_row_groups_are_shared_out_evenly_and_ranks_without_are_refused(folder: Path) -> None:
    groups = open_data_set(folder).groups
    shares = shared_out(groups, 3)
    assert sorted(g.first for share in shares for g in share) == [g.first for g in groups]
    rows = [sum(g.rows for g in share) for share in shares]
    assert max(rows) - min(rows) <= 400
    with pytest.raises(ValueError, match="99 ranks, and only 9 row groups to read"):
        shared_out(groups, 99)


def test_ranks_read_row_groups_of_their_own_and_agree(folder: Path, tmp_path: Path) -> None:
    """Every step's parameters are compared over the ranks; statistics do not depend on them."""
    test = pytest.importorskip("test_distributed")
    seen = []
    for ranks in (1, 2, 3):
        done = test.mpi(
            ranks, {"stream": [str(folder)], "run": str(tmp_path / str(ranks))}, tmp_path
        )
        assert done.returncode == 0, done.stderr
        first, encoder = done.stdout.splitlines()
        found = json.loads(first)
        assert found["scores"]["accuracy"] > 0.9
        seen.append((encoder, found["rows"], first))
        job = {"stream": [str(folder)], "run": str(tmp_path / str(ranks)), "resume": True}
        (tmp_path / str(ranks) / written(tmp_path / str(ranks))[-1].name).unlink()
        again = test.mpi(ranks, job, tmp_path)
        assert again.stdout.splitlines()[0] == first, again.stderr
    assert len({encoder for encoder, _, _ in seen}) == 1
    assert seen[0][1] == seen[1][1] == seen[2][1]


def test_a_rank_without_a_row_to_train_on_takes_the_same_steps(tmp_path: Path) -> None:
    """Its one row is held out: it adds nothing to the sums, and ends in the same bits."""
    test = pytest.importorskip("test_distributed")
    whole = made(600)
    held = np.flatnonzero(uniform(key(0, SPLIT), 600) < 0.1)  # the tenth for validation
    cut = int(held[held > 300][0])
    folder = tmp_path / "data"
    folder.mkdir()
    for name, start, stop in (("a", 0, cut), ("b", cut, cut + 1)):
        pq.write_table(whole.slice(start, stop - start), folder / f"{name}.parquet")
    seen = []
    for ranks in (1, 2):
        done = test.mpi(ranks, {"stream": [str(folder)]}, tmp_path)
        assert done.returncode == 0, done.stderr
        seen.append(json.loads(done.stdout.splitlines()[0])["rows"])
    assert seen[0] == seen[1]
    assert seen[0]["train"] < cut


def test_a_stream_is_resumed_on_the_same_number_of_ranks_alone(
    folder: Path, tmp_path: Path
) -> None:
    test = pytest.importorskip("test_distributed")
    job = {"stream": [str(folder)], "run": str(tmp_path / "run")}
    assert test.mpi(1, job, tmp_path).returncode == 0
    done = test.mpi(2, {**job, "resume": True}, tmp_path)
    test.one_sentence(done, "is of another run: its ranks is 1, not 2")


def test_ranks_are_told_of_bad_data_in_one_sentence(folder: Path, tmp_path: Path) -> None:
    test = pytest.importorskip("test_distributed")
    one = str(folder / "part-1.parquet")  # one row group
    other = tmp_path / "other.parquet"
    pq.write_table(made().drop(["n"]), other)
    for paths, words in [
        ([one], "2 ranks, and only 1 row groups to read: start at most 1 ranks"),
        ([str(folder), str(other)], "the ranks disagree: columns is"),
        ([str(folder), "/no/such"], "rank 1: /no/such does not exist"),
    ]:
        done = test.mpi(2, {"stream": paths}, tmp_path)
        assert done.returncode == 2, done.stderr
        assert words in done.stderr.splitlines()[0]
        assert "Traceback" not in done.stderr


def test_sizes_of_memory() -> None:
    assert size_of("1.5 GB") == 3 << 29
    for text in ("12", "GB", "x MB", "-1GB", "infGB", "nanMB"):
        with pytest.raises(ValueError, match="memory"):
            size_of(text)
