"""The peers that bench/step.py times do the same work: they end at the reference engine's cost.

Nothing is timed here.
"""

import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parent.parent / "bench"
SMALL = {"rows": 24, "batch": 8, "steps": 7, "rate": 0.05}
# Outputs, costs, activations and optimizers of the measured cases, on networks of a few units.
SHAPES = ((3, 5, 1), (4, 6, 5, 1), (7, 6, 3), (5, 6, 4, 3), (4, 6, 5, 2))
PEERS = ["native", "numpy", "sklearn", "eager", "by_hand", "jax"]


@pytest.fixture(scope="module")
def bench() -> Iterator[Any]:
    """Import the modules of bench/ as its programs do, and undo what they did afterwards."""
    before = set(sys.modules)
    sys.path.insert(0, str(BENCH))
    try:
        yield importlib.import_module
    finally:
        sys.path.remove(str(BENCH))
        if "torch" in sys.modules:  # its peers flush subnormal numbers, in the whole process
            sys.modules["torch"].set_flush_denormal(False)
        for name in set(sys.modules) - before:
            if str(BENCH) in str(getattr(sys.modules[name], "__file__", None)):
                del sys.modules[name]


def small(bench: Any, number: int) -> Any:
    return replace(bench("cases").CASES[number], sizes=SHAPES[number], **SMALL)


def ready(bench: Any, name: str, case: Any) -> Any:
    peers = bench("peers")
    pytest.importorskip(peers.PEERS[name].imports)
    if name == "native":
        pytest.importorskip("chainrule.engines._core")
    return peers.ready(name, case, threads=2)  # 1 would bind this process to one core for JAX


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("name", PEERS)
def test_every_peer_ends_at_the_cost_of_the_reference_engine(
    bench: Any, name: str, number: int
) -> None:
    case = small(bench, number)
    run = ready(bench, name, case)
    cases, step = bench("cases"), bench("step")
    for _ in range(2):  # the second run starts from the start again
        J = cases.cost(case, run.read(run.train()))
        assert step.differences(case, {name: J})[name] < step.ALLOWED


@pytest.mark.parametrize("number", range(5))
def test_a_step_too_few_or_another_order_would_be_seen(bench: Any, number: int) -> None:
    case = small(bench, number)
    cases, step = bench("cases"), bench("step")
    reference = importlib.import_module("chainrule.engines.reference")
    short = cases.trained(replace(case, steps=case.steps - 1), reference, "float64")
    J = cases.cost(case, short.read(short.train()))
    assert step.differences(case, {"short": J})["short"] > 10 * step.ALLOWED


def test_the_products_alone_are_the_operations_that_are_counted(bench: Any) -> None:
    pytest.importorskip("scipy_openblas32")
    blas, np = bench("peers_blas"), importlib.import_module("numpy")
    rng = np.random.default_rng(0)
    for by_output in (False, True):
        a_prev, z = rng.random((8, 5), np.float32), rng.random((8, 3), np.float32)
        W = rng.random((3, 5) if by_output else (5, 3), np.float32)
        products = blas.layer(a_prev, W, z, np.empty_like(a_prev), np.empty_like(W), by_output)
        assert sum(2 * p.m * p.n * p.k for p in products) == 6 * 8 * 5 * 3


def test_a_block_is_replaced_between_its_markers_and_nothing_else(
    bench: Any, tmp_path: Path
) -> None:
    page, writing = tmp_path / "page.md", bench("writing")
    page.write_text("one\n<!-- x: begin, by hand -->\nold\n<!-- x: end -->\ntwo\n")
    writing.replace_block(page, "x", r"new \1")
    expected = "one\n<!-- x: begin, by hand -->\nnew \\1\n<!-- x: end -->\ntwo\n"
    assert page.read_text() == expected
    with pytest.raises(SystemExit, match="no pair of markers"):
        writing.replace_block(page, "y", "new")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(7.1e-8, "71.0 ns"), (3.905e-6, "3.91 µs"), (3.12e-4, "312 µs"), (0.99999, "1.00 s")],
)
def test_times_have_three_digits(bench: Any, seconds: float, told: str) -> None:
    assert bench("writing").time_text(seconds) == told


def test_timings_with_near_cores_count_where_there_are_three(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cores = bench("cores")
    timings = cores.Timings()
    for seconds, near in ((9.0, False), (1.0, True), (8.0, False), (7.0, False), (2.0, True)):
        timings.add(seconds, near)
    assert timings.median() == 7.0
    timings.add(3.0, True)
    assert timings.median() == 2.0
    found = iter([170e-9, 170e-9, 30e-9, 170e-9])
    monkeypatch.setattr(cores, "handover", lambda: next(found))
    cores.Cores(10.0).wait()
    assert next(found) == 170e-9  # it waited for the near one and no longer


def test_a_line_gets_from_core_to_core_in_seconds_that_can_be(bench: Any) -> None:
    seconds = bench("cores").handover()
    assert seconds != seconds or 1e-9 < seconds < 1e-2
