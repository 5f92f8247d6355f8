"""The gradient check's passes on the core, against NumPy's: J, kinks, what stands still, bends."""

from __future__ import annotations

import itertools
import signal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_problems import outputs_of, targets

import chainrule as cr
from chainrule.gradcheck import check_network
from chainrule.gradcheck.native import NativePasses, native_passes_of
from chainrule.gradcheck.perturbation import Perturbation
from chainrule.gradcheck.strategies.network import perturbation_of
from chainrule.mathematics.activations import ACTIVATIONS
from chainrule.mathematics.costs import COSTS
from chainrule.mathematics.sample_weights import shares_of

native = pytest.importorskip("chainrule.engines.native", reason="the core is not built")

ISAS = native.available_isas()


def passes(
    sizes: list[int], hidden: Any, output: str, cost: Any, m: int = 9, seed: int = 0, **more: Any
) -> tuple[Any, Perturbation, NativePasses]:
    """Return a network, its cached passes, and the core for them; some z are exactly 0."""
    rng = np.random.default_rng(seed)
    net = cr.Network(sizes, hidden, output, cost, seed=seed, **more)
    X = rng.normal(size=(m, sizes[0]))
    X[m // 2] = 0  # on the kinks of the first layer, for biases of 0
    Y = np.ascontiguousarray(targets(net.cost.target, m, sizes[-1], rng).astype(float))
    if cost in ("absolute_error", "quantile(0.3)"):
        Y[0] = net.forward(X).y_hat[0]  # on the kink of the cost
    training = any(layer.kind == "dropout" for layer in net.layers)
    perturbation = perturbation_of(net, X, Y, shares_of(None, m, np.float64), training, 0)
    core = native_passes_of(net, perturbation)
    assert core is not None
    return net, perturbation, core


def compare(
    perturbation: Perturbation,
    core: NativePasses,
    l: int,
    seed: int,
    careful: bool,
    rows: int = 200,
) -> None:
    rng = np.random.default_rng(seed)
    m, n = perturbation.layers[l - 1].z.shape
    samples, units = rng.integers(0, m, rows), rng.integers(0, n, rows)
    by = rng.choice([0.0, 1e-4, -1e-4, 0.1, -0.1, 3.0, -3.0, 40.0, -40.0], rows)
    with np.errstate(all="ignore"):
        wanted = perturbation.costs(l, samples, units, by, careful)
    found = core.costs(l, samples, units, by, careful)
    assert perturbation.core is None
    np.testing.assert_allclose(found.J, wanted.J, rtol=1e-11, atol=1e-12)
    assert np.array_equal(found.met, wanted.met)
    assert np.array_equal(found.still, wanted.still)
    assert np.array_equal(found.bent, np.broadcast_to(wanted.bent, found.bent.shape))
    # NumPy names every z of a row that has crossed, the core the first.
    places = [place for place in wanted.where if place[0] in {r for r, _, _ in found.where}]
    assert set(found.where[:3]) <= set(places) or len(wanted.where) >= 8
    at_rest = found.J[by == 0]
    assert np.array_equal(at_rest, core.base[l - 1][samples[by == 0]])


@pytest.mark.parametrize("cost", [*COSTS, "huber(0.3)", "quantile(0.3)", "cross_entropy(0.1)"])
def test_every_activation_and_cost(isa: str, cost: str) -> None:
    outputs = outputs_of(cost.partition("(")[0])
    extra = ["elu(2)", "leaky_relu(0.3)", "leaky_relu(1)"]
    for number, hidden in enumerate([*ACTIVATIONS, *extra]):
        for output in {outputs[number % len(outputs)], outputs[0]}:
            _, perturbation, core = passes([3, 5, 9, 2], hidden, output, cost, seed=number)
            for l, careful in itertools.product((1, 2, 3), (False, True)):
                compare(perturbation, core, l, number, careful)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 70), min_size=2, max_size=5),
    m=st.integers(1, 40),
    hidden=st.sampled_from(["relu", "tanh", "elu(2)", "softmax", "selu", "softsign"]),
    rate=st.sampled_from([0.0, 0.4]),
    which=st.integers(0, len(ISAS) - 1),
    rows=st.integers(0, 500),
)
def test_any_shape_with_dropout(
    sizes: list[int], m: int, hidden: str, rate: float, which: int, rows: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAINRULE_ISA", ISAS[which])
        _, perturbation, core = passes(
            sizes, hidden, "identity", "squared_error", m=m, dropout=rate
        )
    for l in range(1, len(sizes)):
        compare(perturbation, core, l, rows, True, rows)


def test_threads_make_no_difference(isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    found = []
    samples, units = rng.integers(0, 9, 3000), rng.integers(0, 50, 3000)
    by = rng.normal(size=3000)
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("CHAINRULE_THREADS", threads)
        _, _, core = passes([3, 50, 40, 10], "relu", "softmax", "cross_entropy")
        moved = core.costs(1, samples, units, by, False)
        found.append((moved.J.tobytes(), moved.met.tobytes(), moved.where))
    assert found[0] == found[1] == found[2]


def test_numpy_takes_what_the_core_does_not_know() -> None:
    cube = cr.Activation("cube", f=lambda z: z**3, df=lambda z, a: 3 * z**2)
    quartic = cr.Cost(
        "q", J=lambda a, y: ((a - y) ** 4).sum(axis=1), da=lambda a, y: 4 * (a - y) ** 3
    )
    X, y = np.random.default_rng(0).normal(size=(2, 6, 3))
    for more in ({"hidden": cube}, {"cost": quartic}):
        net = cr.Network([3, 4, 3], output="identity", seed=0, **more)
        report = check_network(net, X, y)
        assert report.ok
        assert "core" not in report.method
    known = cr.Network([3, 4, 3], output="identity", seed=0)
    assert "core" in check_network(known, X, y).method
    assert "core" not in check_network(known, X, y, engine="reference").method


def test_a_core_that_is_not_the_mathematics_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An activation of the core that is off by one part in 10^9 leaves the check to NumPy."""
    net, perturbation, _ = passes([3, 5, 2], "tanh", "identity", "squared_error")
    right = native.checker

    class Off:
        def __init__(self, *given: Any) -> None:
            self.checker = right(*given)

        def costs(self, *given: Any) -> None:
            self.checker.costs(*given)

        def own(self, layer: int, a: Any) -> None:
            self.checker.own(layer, a)
            a *= 1 + 1e-9

    monkeypatch.setattr(native, "checker", Off)
    assert native_passes_of(net, perturbation) is None


def test_both_ways_give_the_same_report() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 6)), rng.integers(0, 4, 20)
    for hidden in ("relu", "tanh", "selu", "gelu"):
        net = cr.Network([6, 9, 8, 4], hidden, "softmax", seed=0, l1=1e-3, dropout=0.2)
        core, plain = check_network(net, X, y), check_network(net, X, y, engine="reference")
        assert (core.verdict, core.kinks, core.kinks_met) == (
            plain.verdict,
            plain.kinks,
            plain.kinks_met,
        )
        for ours, theirs in zip(core.tensors, plain.tensors, strict=True):
            assert np.array_equal(ours.verdict, theirs.verdict)
            off = np.abs(ours.numeric - theirs.numeric)
            assert (off <= ours.bar + theirs.bar).all()


def test_ctrl_c_in_the_core_gives_the_partial_report(monkeypatch: pytest.MonkeyPatch) -> None:
    net = cr.Network([5, 40, 40, 3], "tanh", "identity", seed=0)
    X, y = np.random.default_rng(0).normal(size=(50, 5)), np.zeros((50, 3))
    right, calls = NativePasses.costs, []

    def interrupted(self: NativePasses, *given: Any) -> Any:
        calls.append(given[0])
        if calls.count(2) == 2:  # the first one is the J at the point itself
            signal.raise_signal(signal.SIGINT)
        return right(self, *given)

    monkeypatch.setattr(NativePasses, "costs", interrupted)
    report = check_network(net, X, y, progress=False)
    assert report.stopped == "by Ctrl-C"
    assert "partial" in str(report)
    assert report["W3"].count(0) == 120
    assert report["W1"].count(3) == 200


def test_blocks_are_short_enough_to_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large network takes many blocks, so that Ctrl-C, clock and progress line are heard."""
    net = cr.Network([4, 400, 400, 400, 3], "tanh", "identity", seed=0)
    X, y = np.random.default_rng(0).normal(size=(8, 4)), np.zeros((8, 3))
    report = check_network(net, X, y, seconds=1e-9, progress=False)
    assert report.stopped == "after 1e-09 s, as asked"
    assert report["W1"].count(3) == 1600


WRONG: dict[str, dict[str, Any]] = {
    "no such layer": {"layer": 4},
    "layer 0": {"layer": 0},
    "sample above": {"samples": np.array([0, 9])},
    "sample below": {"samples": np.array([0, -1])},
    "unit above": {"units": np.array([0, 5])},
    "units too few": {"units": np.array([0])},
    "samples of int32": {"samples": np.zeros(2, np.int32)},
    "by of float32": {"by": np.zeros(2, np.float32)},
    "J too short": {"J": np.zeros(1)},
    "flags of int": {"flags": np.zeros(2, int)},
    "where too short": {"where": np.zeros(2, np.int32)},
    "J with strides": {"J": np.zeros(4)[::2]},
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_arguments_raise(what: str) -> None:
    _, _, core = passes([3, 5, 9, 2], "tanh", "identity", "squared_error")
    given: dict[str, Any] = {
        "layer": 1, "samples": np.zeros(2, np.int64), "units": np.zeros(2, np.int64),
        "by": np.zeros(2), "careful": False, "J": np.zeros(2), "flags": np.zeros(2, np.uint8),
        "where": np.zeros((2, 2), np.int32), "threads": 1,
    }  # fmt: skip
    core._checker.costs(**given)
    with pytest.raises((TypeError, ValueError)):
        core._checker.costs(**{**given, **WRONG[what]})


@pytest.mark.parametrize("place", range(6))
def test_wrong_stages_raise(place: int) -> None:
    net = cr.Network([3, 5, 2], "tanh", "identity", seed=0)
    layer = [np.zeros((3, 5)), np.zeros(5), *np.zeros((2, 4, 5)), None, False, False]
    top = [np.zeros((5, 2)), np.zeros(2), *np.zeros((2, 4, 2)), None, False, False]
    Y = np.zeros((4, 2))
    native.checker(net.architecture, [tuple(layer), tuple(top)], Y)
    if place == 5:
        Y = Y[:3]
    else:
        layer[place] = np.zeros((4, 4)) if place != 1 else np.zeros(6)
    with pytest.raises((TypeError, ValueError)):
        native.checker(net.architecture, [tuple(layer), tuple(top)], Y)
