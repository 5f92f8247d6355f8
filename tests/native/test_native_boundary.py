"""What the native engine refuses, and what of Python's tables it must know."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from native_problems import problem

from chainrule.engines.protocol import Problem, Steps
from chainrule.mathematics.activations import ACTIVATIONS, Activation
from chainrule.mathematics.costs import COSTS, Cost
from chainrule.mathematics.optimizers import OPTIMIZERS, Optimizer

native = pytest.importorskip("chainrule.engines.native", reason="the core is not built")

TABLES: dict[str, Any] = {"activations": ACTIVATIONS, "costs": COSTS, "optimizers": OPTIMIZERS}


@pytest.mark.parametrize("table", TABLES)
def test_the_core_knows_every_table_entry_and_its_settings(table: str) -> None:
    ours = {name: tuple(factory().settings) for name, factory in TABLES[table].items()}
    assert native.settings_of(table) == ours


def arguments(p: Problem, **changed: Any) -> dict[str, Any]:
    theta = p.network.theta.copy()
    given = {
        "theta": theta,
        "state": p.optimizer.init(theta),
        "order": np.arange(len(p.X)),
        "batch_size": 10,
        "rates": np.full(4, 1e-3),
        "first": 0,
    }
    return {**given, **changed}


def read_only(array: Any) -> Any:
    array.flags.writeable = False
    return array


P = 5 * 7 + 7 + 7 * 2 + 2
WRONG: dict[str, dict[str, Any]] = {
    "theta of another dtype": {"theta": np.zeros(P, np.float32)},
    "theta too short": {"theta": np.zeros(P - 1)},
    "theta with strides": {"theta": np.zeros(2 * P)[::2]},
    "theta read only": {"theta": read_only(np.zeros(P))},
    "theta a list": {"theta": [0.0] * P},
    "theta on a big-endian machine": {"theta": np.zeros(P, ">f8")},
    "state too short": {"state": np.zeros((1, P))},
    "state in columns": {"state": np.zeros((P, 2)).T},
    "state read only": {"state": read_only(np.zeros((2, P)))},
    "order of floats": {"order": np.arange(37.0)},
    "order of int32": {"order": np.arange(37, dtype=np.int32)},
    "order below": {"order": np.array([0] * 36 + [-1])},
    "order above": {"order": np.array([0] * 36 + [37])},
    "order far above": {"order": np.array([0] * 36 + [2**62])},
    "order in two dimensions": {"order": np.zeros((37, 1), np.int64)},
    "batch of nothing": {"batch_size": 0},
    "batch below": {"batch_size": -3},
    "rates too few": {"rates": np.zeros(3)},
    "rates too many": {"rates": np.zeros(5)},
    "rates of float32": {"rates": np.zeros(4, np.float32)},
    "rates with strides": {"rates": np.zeros(8)[::2]},
    "step below": {"first": -1},
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_arguments_raise_and_change_nothing(what: str) -> None:
    p = problem([5, 7, 2])
    given = arguments(p, **WRONG[what])
    kept = {name: np.copy(given[name]) for name in ("theta", "state")}
    steps = {name: value for name, value in given.items() if name not in kept}
    with pytest.raises((TypeError, ValueError)):
        native.run(p, given["theta"], given["state"], Steps(**steps))
    for name, value in kept.items():
        assert np.array_equal(np.asarray(given[name]), value)


def changed(p: Problem, **fields: Any) -> Problem:
    for name, value in fields.items():
        object.__setattr__(p, name, value)
    return p


@pytest.mark.parametrize(
    "fields",
    [
        {"X": np.zeros((37, 4))},
        {"X": np.zeros((37, 5), np.float32)},
        {"X": np.zeros((5, 37)).T},
        {"X": np.zeros((37, 5), np.int64)},
        {"X": np.zeros((37, 5), np.complex128)},
        {"X": np.zeros(37 * 5)},
        {"Y": np.zeros((36, 2))},
        {"Y": np.zeros((37, 2), np.float32)},
        {"Y": np.zeros((37, 4))[:, ::2]},
        {"weights": np.zeros(36)},
        {"weights": np.zeros(37, np.float32)},
        {"weights": [1.0] * 37},
    ],
    ids=str,
)
def test_wrong_data_raises(fields: dict[str, Any]) -> None:
    p = changed(problem([5, 7, 2]), **fields)
    with pytest.raises((TypeError, ValueError)):
        native.evaluate(p, p.network.theta, np.empty_like(p.network.theta))


def test_wrong_output_arrays_raise() -> None:
    p = problem([5, 7, 2])
    theta = p.network.theta
    for out in (
        np.empty(len(theta) + 1),
        np.empty(len(theta), np.float32),
        np.empty(2 * len(theta))[::2],
        read_only(np.empty(len(theta))),
    ):
        with pytest.raises((TypeError, ValueError)):
            native.evaluate(p, theta, out)
    with pytest.raises((TypeError, ValueError), match=r"rows|order"):
        native.gradient(p, theta, None, np.array([99]))


def test_theta_may_be_read_only_where_it_is_only_read() -> None:
    p = problem([5, 7, 2])
    theta = read_only(p.network.theta.copy())
    assert np.isfinite(native.evaluate(p, theta))


def own_activation() -> Activation:
    return Activation("tanh", f=np.tanh, df=lambda z, a: 1 - a**2)


def test_own_records_are_named_as_lacking() -> None:
    p = problem([5, 7, 2], hidden=own_activation())
    assert native.lacks(p) == "activation 'tanh'"
    quartic = Cost("q", J=lambda a, y: ((a - y) ** 4).sum(axis=1), da=lambda a, y: 4 * (a - y) ** 3)
    assert native.lacks(problem([5, 7, 2], cost=quartic)) == "cost 'q'"
    known = OPTIMIZERS["momentum"]()
    own = Optimizer("momentum", known.slots, known.init, lambda *given, **more: given)
    assert native.lacks(problem([5, 7, 2], optimizer=own)) == "optimizer 'momentum'"
    assert native.lacks(problem([5, 7, 2])) is None


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    p = problem([5, 7, 2], threads=None)
    monkeypatch.setenv("CHAINRULE_ISA", "sse9")
    with pytest.raises(ValueError, match="CHAINRULE_ISA"):
        native.evaluate(p, p.network.theta)
    monkeypatch.delenv("CHAINRULE_ISA")
    for wrong in ("none", "0", "-1"):
        monkeypatch.setenv("CHAINRULE_THREADS", wrong)
        with pytest.raises(ValueError, match="CHAINRULE_THREADS"):
            native.evaluate(p, p.network.theta)
    monkeypatch.setenv("CHAINRULE_THREADS", "2")
    assert np.isfinite(native.evaluate(p, p.network.theta))
    assert native.isa() == native.available_isas()[0]


def test_the_engine_is_imported_when_first_asked_for() -> None:
    program = (
        "import sys, chainrule as cr; before = 'chainrule.engines.native' in sys.modules;"
        "print(before, cr.engines.native.available_isas())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == f"False {native.available_isas()}\n", done.stderr
