"""Ops beside the affine one: numbers worked by hand, the reference engine, plans, and fallbacks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pytest
from native_problems import (
    TOLERANCE,
    NetworkProblem,
    distance,
    gradient,
    reference,
    targets,
    trained,
)

import chainrule as cr
from chainrule.engines.protocol import Problem
from chainrule.mathematics.initializers import resolve_initializer
from chainrule.mathematics.layers import LAYERS, ActivationLayer, Affine, Dropout, Layer, Scale
from chainrule.mathematics.optimizers import OPTIMIZERS, resolve_optimizer

native = pytest.importorskip("chainrule.engines.native", reason="the core is not built")

from chainrule.engines.lowering import Unsupported, lower

DTYPES = ("float64", "float32")
DRIFT = {"float64": 1e-10, "float32": 2e-3}  # what some steps may make of rounding
INIT = resolve_initializer("glorot_uniform")


def dense(n_in: int, n_out: int, f: str) -> list[Layer]:
    return [Affine(n_in, n_out, INIT), ActivationLayer(n_out, cr.ACTIVATIONS[f]())]


# Scales at the inputs and between layers, one after another, under and over dropout, narrow and
# wider than a panel.
STACKS: dict[str, list[Layer]] = {
    "inputs": [Scale(5), *dense(5, 3, "softmax")],
    "between": [*dense(5, 9, "relu"), Scale(9), *dense(9, 3, "softmax")],
    "twice": [
        Scale(5),
        Scale(5),
        *dense(5, 4, "tanh"),
        Scale(4),
        Scale(4),
        *dense(4, 3, "softmax"),
    ],
    "mixed": [*dense(5, 7, "softmax"), Scale(7), *dense(7, 3, "softmax")],
    "dropped": [
        *[Dropout(5, 0.2, 0), Scale(5), Dropout(5, 0.1, 7)],
        *[*dense(5, 40, "gelu"), Dropout(40, 0.3, 1), Scale(40), Dropout(40, 0.2, 9)],
        *dense(40, 3, "softmax"),
    ],
    "wide": [
        *[Scale(5), *dense(5, 150, "tanh"), Scale(150), *dense(150, 130, "silu"), Scale(130)],
        *dense(130, 3, "softmax"),
    ],
}


@cache
def network(stack: str, dtype: str, **penalties: float) -> cr.Network:
    net = cr.Network.from_layers(STACKS[stack], dtype=dtype, seed=3, **penalties)
    rng = np.random.default_rng(4)
    for parameters in net.parameters:
        if "s" in parameters:
            parameters["s"][:] = rng.normal(size=len(parameters["s"]))
    return net


def stacked(
    stack: str,
    dtype: str,
    optimizer: str = "adam",
    m: int = 37,
    threads: int = 1,
    weights: bool = False,
    clips: tuple[float | None, float | None] = (None, None),
    **penalties: float,
) -> NetworkProblem:
    net = network(stack, dtype, **penalties)
    rng = np.random.default_rng(5)
    X = rng.normal(size=(m, 5)).astype(dtype)
    Y = np.ascontiguousarray(targets("classes", m, 3, rng).astype(dtype))
    w = rng.random(m) * (rng.random(m) > 0.2) if weights else None
    settings = (resolve_optimizer(optimizer), *clips, threads)
    return NetworkProblem(net.architecture, X, Y, w, *settings, network=net)


def by_hand(dtype: str, threads: int, optimizer: str = "gradient_descent") -> NetworkProblem:
    """Return u = s x, z = W u + b, squared error: every number of it has few binary digits."""
    layers = [Scale(2), *dense(2, 1, "identity")]
    net = cr.Network.from_layers(layers, cost="squared_error", dtype=dtype)
    net.theta[:] = [2, -1, 0.5, 3, 1]  # s, W, b
    X, Y = np.array([[1, 2], [3, 1]], dtype), np.array([[0], [-6]], dtype)
    settings = (resolve_optimizer(optimizer), None, None, threads)
    return NetworkProblem(net.architecture, X, Y, None, *settings, network=net)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_scale_computes_the_numbers_worked_by_hand(isa: str, dtype: str, threads: int) -> None:
    # u = (2, -2), (6, -1); z = a = -4, 1; J = (16 + 49) / 4; dz = (-4, 7) / 2;
    # dW = -2 (2, -2) + 3.5 (6, -1); db = 1.5; du = dz W; ds = x1 du1 + x2 du2.
    p = by_hand(dtype, threads)
    J, dtheta = gradient(native, p)
    assert J == 16.25
    assert dtheta.tolist() == [4.25, -1.5, 17, 0.5, 1.5]
    costs, squares, theta, _ = trained(native, p, 2, 1, rate=0.5)
    assert costs.tolist() == [16.25]
    assert squares.tolist() == [[4.25**2 + 1.5**2, 17**2 + 0.5**2 + 1.5**2]]
    assert theta.tolist() == [2 - 2.125, -1 + 0.75, 0.5 - 8.5, 3 - 0.25, 1 - 0.75]
    out = native.predictor(p.architecture, p.network.theta, threads)(p.X)
    assert out.tolist() == [[-4], [1]]


@cache
def expected(stack: str, optimizer: str, dtype: str, batch: int, steps: int) -> Any:
    p = stacked(stack, dtype, optimizer, m=600)
    return gradient(reference, p), trained(reference, p, batch, steps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("stack", STACKS)
def test_runs_agree_with_the_reference_engine(isa: str, dtype: str, stack: str) -> None:
    batches = (1, 8, 33, 600)  # of one sample, of few rows, a slice, all: mostly by parts
    for batch, optimizer in zip(batches, OPTIMIZERS, strict=False):
        (J, dtheta), run = expected(stack, optimizer, dtype, batch, 3)
        for threads in (1, 2, 3):
            p = stacked(stack, dtype, optimizer, m=600, threads=threads)
            ours, slopes = gradient(native, p)
            assert ours == pytest.approx(J, rel=10 * TOLERANCE[dtype])
            assert distance(slopes, dtheta) <= 2 * TOLERANCE[dtype]
            for got, wanted in zip(trained(native, p, batch, 3), run, strict=True):
                assert distance(got, wanted) <= DRIFT[dtype], (batch, optimizer, threads)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("clips", [(None, None), (0.02, 0.05)], ids=["free", "clipped"])
def test_s_neither_decays_nor_is_penalised(isa: str, optimizer: str, clips: Any) -> None:
    kinds: dict[str, Any] = {"weights": True, "clips": clips, "l1": 1e-3, "l2": 1e-2}
    for stack, dtype in (("twice", "float64"), ("dropped", "float32")):
        p = stacked(stack, dtype, optimizer, **kinds)
        run = trained(reference, p, 10, 12)
        for got, wanted in zip(trained(native, p, 10, 12), run, strict=True):
            assert distance(got, wanted) <= DRIFT[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("stack", STACKS)
def test_bits_are_those_of_one_thread(isa: str, dtype: str, stack: str) -> None:
    for m, batch, schedule in ((40, 8, "slices"), (1300, 1300, "parts")):
        bits = set()
        for threads in (1, 2, 5):
            p = stacked(stack, dtype, m=m, threads=threads)
            assert plan(p, batch, threads)[0] == f"schedule {schedule}"
            run = [x.tobytes() for x in trained(native, p, batch, 3)]
            bits.add((*run, gradient(native, p)[1].tobytes()))
        assert len(bits) == 1, schedule


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("stack", STACKS)
def test_predictions_of_a_row_are_those_of_any_batch(isa: str, dtype: str, stack: str) -> None:
    p = stacked(stack, dtype, m=500)
    predict = native.predictor(p.architecture, p.network.theta, 2)
    together = predict(p.X)
    assert distance(together, p.network.forward(p.X).y_hat) <= TOLERANCE[dtype]
    assert all((predict(p.X[i : i + 1]) == together[i]).all() for i in range(0, 500, 7))
    assert repr(predict).startswith(f"<Predictor {'-'.join(map(str, p.network.sizes))}, ")


@pytest.mark.parametrize("stack", STACKS)
def test_steps_from_sums_agree_with_the_reference_engine(isa: str, stack: str) -> None:
    p = stacked(stack, "float64", "adamw", l2=0.1)
    rows = np.array([3, 1, 20], np.int64)
    places = np.array([0, 5, 2], np.int64)
    found = []
    for engine in (native, reference):
        theta = p.network.theta.copy()
        state, dtheta = p.optimizer.init(theta), np.empty_like(theta)
        J = engine.sums(p, theta, rows, places, 4, dtheta)
        squares = engine.step(p, theta, state, dtheta, 0.1, 4)
        found.append((J, squares, theta, state))
    for ours, wanted in zip(*found, strict=True):
        assert distance(ours, wanted) <= TOLERANCE["float64"]


def plan(p: Problem, batch: int, threads: int = 1, train: bool = True) -> list[str]:
    return native.plan(p, batch, threads, train=train)  # type: ignore[no-any-return]


def test_plan_names_ops_and_takes_the_general_schedule(isa: str) -> None:
    schedule, scale, affine = plan(by_hand("float64", 1), 1)
    assert schedule == "schedule slices"
    assert scale == "scale0: forward columns, backward none, gradient columns, update whole"
    assert affine.startswith("layer 1: forward ")
    p = stacked("wide", "float64", m=3)
    for batch in (1, 8, 32):
        schedule, *ops = plan(p, batch, 2)
        assert schedule == "schedule slices"
        names = ["scale0", "layer 1", "scale3", "layer 2", "scale6", "layer 3"]
        assert [op.split(":")[0] for op in ops] == names
        assert {op.rsplit(" ", 1)[1] for op in ops} == {"whole"}
        assert ops[2].startswith("scale3: forward columns, backward columns, gradient columns")
    parts = plan(stacked("inputs", "float64", m=3), 5000)
    assert parts[:2] == [
        "schedule parts",
        "scale0: forward columns, backward none, gradient columns, update parts",
    ]
    assert plan(p, 32, train=False)[1].endswith("gradient columns, update none")


class Shift:
    """y = x + c: a kind of the user's own."""

    kind: ClassVar[str] = "shift"
    formula: ClassVar[str] = "x + c"
    parameters = ()
    n_in = n_out = 2

    def forward(self, x: Any, p: Any, masks: Any) -> Any:
        return x + 1, None

    def backward(self, dy: Any, cache: Any, p: Any, want_dx: bool = True) -> Any:
        return dy, {}


class OwnScale(Shift):
    """Another layer under the name of the table's."""

    kind: ClassVar[str] = "scale"


@pytest.mark.parametrize(
    ("layers", "lacking"),
    [
        ([Shift()], "layer 'shift'"),
        ([OwnScale()], "layer 'scale'"),
        ([*dense(2, 2, "tanh"), Scale(2), ActivationLayer(2, cr.ACTIVATIONS["relu"]())], None),
        ([Dropout(2, 0.5, 3)], "layer 'dropout' after the inputs"),
    ],
    ids=["own kind", "own scale", "activation alone", "another mask"],
)
def test_layers_without_an_op_train_on_the_reference_engine(
    layers: Sequence[Any], lacking: str | None, capsys: Any
) -> None:
    net = cr.Network.from_layers([*layers, *dense(2, 1, "identity")], cost="squared_error")
    lacking = lacking or "layer 'activation' after 'scale'"
    with pytest.raises(Unsupported, match=f"^{lacking}$"):
        lower(net.architecture)
    X, y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20.0)
    history = net.fit(X, y, epochs=2, progress=True)
    assert "reference" in history.engine
    assert f"the native one lacks {lacking}" in capsys.readouterr().err
    with pytest.raises(ValueError, match=f"the native engine lacks {lacking}"):
        net.fit(X, y, engine="native")


def test_every_op_is_a_kind_of_layer() -> None:
    assert {"affine", "scale"} <= set(native.settings_of("ops")) <= set(LAYERS)
