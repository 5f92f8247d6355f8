"""Attacks on the bare core: an exception each, never a crash, a silent copy or a changed array."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from native_problems import problem

native = pytest.importorskip("chainrule.engines.native", reason="the core is not built")
from chainrule.engines import _core

ISA = native.available_isas()[0]
SIZES, ROWS = (5, 7, 2), 37
P = 5 * 7 + 7 + 7 * 2 + 2
HUGE = 2**62

Arguments = dict[str, Any]


def number(table: str, entry: str) -> int:
    return list(native.settings_of(table)).index(entry)


def op(
    n_in: Any, n_out: Any, f: int, settings: Any = (), rate: float = 0.0, kind: int | None = None
) -> tuple[Any, ...]:
    """Return an op as the core takes it, an affine one unless ``kind`` says otherwise."""
    return (number("ops", "affine") if kind is None else kind, n_in, n_out, f, settings, rate, 0)


def network() -> Arguments:
    """What makes a core of 5-7-2, tanh, squared error, Adam."""
    return {
        "isa": ISA,
        "layers": [
            op(5, 7, number("activations", "tanh")),
            op(7, 2, number("activations", "identity")),
        ],
        "input_rate": 0.0,
        "cost": (number("costs", "squared_error"), (), True),
        "l1": 0.0,
        "l2": 0.0,
        "seed": 0,
        "optimizer": (number("optimizers", "adam"), (0.9, 0.999, 1e-8), 2),
        "clip_value": 0.0,
        "clip_norm": 0.0,
        "X": np.ones((ROWS, 5)),
        "Y": np.ones((ROWS, 2)),
        "weights": np.ones(ROWS),
    }


def calls() -> dict[str, Arguments]:
    """Sound arguments of each entry point."""
    return {
        "run": {
            "theta": np.full(P, 0.1),
            "state": np.zeros((2, P)),
            "order": np.arange(ROWS),
            "batch_size": 10,
            "rates": np.full(4, 1e-3),
            "first_step": 0,
            "costs": np.zeros(4),
            "squares": np.zeros((4, 2)),
            "threads": 1,
        },
        "evaluate": {
            "theta": np.full(P, 0.1),
            "dtheta": np.zeros(P),
            "order": np.arange(ROWS),
            "threads": 1,
        },
        "sums": {
            "theta": np.full(P, 0.1),
            "dtheta": np.zeros(P),
            "order": np.arange(ROWS),
            "places": np.arange(ROWS),
            "step": 3,
            "threads": 1,
        },
        "step": {
            "theta": np.full(P, 0.1),
            "state": np.zeros((2, P)),
            "gradient": np.ones(P),
            "rate": 1e-3,
            "number": 0,
            "squares": np.zeros(2),
            "threads": 1,
        },
        "predict": {
            "theta": np.full(P, 0.1),
            "X": np.ones((ROWS, 5)),
            "out": np.zeros((ROWS, 2)),
            "threads": 1,
        },
        "elementwise": {"isa": ISA, "function": 0, "x": np.ones(9), "y": np.zeros(9)},
    }


WRITTEN = {
    "run": ("theta", "state", "costs", "squares"),
    "evaluate": ("dtheta",),
    "sums": ("dtheta",),
    "step": ("theta", "state", "gradient", "squares"),
    "predict": ("out",),
    "elementwise": ("y",),
}


def call(method: str, given: Arguments, core: Any = None) -> Any:
    if method == "elementwise":
        return _core.elementwise(**given)
    if method == "predict":
        f = _core.Predictor(ISA, network()["layers"], given["theta"], given["threads"])
        return f(given["X"], given["out"])
    return getattr(core or _core.Core(**network()), method)(**given)


def refused(act: Callable[[], Any], given: Arguments) -> str:
    """The message of the exception that the call raises; all arrays must be as they were."""
    kept = {name: value.tobytes() for name, value in given.items() if isinstance(value, np.ndarray)}
    with pytest.raises((TypeError, ValueError, OverflowError, IndexError, RuntimeError)) as caught:
        act()
    for name, value in kept.items():
        assert value == given[name].tobytes(), name
    return str(caught.value)


def test_sound_arguments_pass() -> None:
    for method, given in calls().items():
        call(method, given)
        for name in WRITTEN[method]:
            assert given[name].any(), (method, name)


def read_only(array: Any) -> Any:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def strided(array: Any) -> Any:
    return np.repeat(array, 2, axis=-1)[..., ::2]


def misaligned(array: Any) -> Any:
    memory = np.zeros(array.nbytes + 1, np.uint8)
    found = memory[1:].view(array.dtype).reshape(array.shape)
    found[...] = array
    return found


SPOIL: dict[str, Callable[[Any], Any]] = {
    "another float": lambda a: a.astype(np.float32 if a.dtype == np.float64 else np.float64),
    "half": lambda a: a.astype(np.float16),
    "complex": lambda a: a.astype(np.complex128),
    "int32": lambda a: a.astype(np.int32),
    "objects": lambda a: a.astype(object),
    "booleans": lambda a: a.astype(bool),
    "the other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "one entry fewer": lambda a: a.ravel()[:-1].copy(),
    "one entry more": lambda a: np.append(a.ravel(), a.ravel()[0]),
    "one row more": lambda a: np.concatenate([a, a[-1:]]),
    "empty": lambda a: a.ravel()[:0].copy(),
    "no dimension": lambda a: a.ravel()[0].reshape(()),
    "strides": strided,
    "backwards": lambda a: a[::-1],
    "not aligned": misaligned,
    "a list": lambda a: a.tolist(),
    "a string": lambda a: "theta",
    "None": lambda a: None,
    "read only": read_only,
}
# What is no fault after all: a row fewer or more in the order, all rows, no gradient asked for, a
# new array for the outputs.
HARMLESS = {
    ("run", "order", "one entry fewer"),
    ("run", "order", "one entry more"),
    ("run", "order", "one row more"),
    ("evaluate", "order", "one entry fewer"),
    ("evaluate", "order", "one entry more"),
    ("evaluate", "order", "one row more"),
    ("evaluate", "order", "None"),
    ("evaluate", "dtheta", "None"),
    ("predict", "out", "None"),
}


@pytest.mark.parametrize("spoil", SPOIL)
@pytest.mark.parametrize("method", WRITTEN)
def test_every_array_of_every_call(method: str, spoil: str) -> None:
    for name, array in calls()[method].items():
        if not isinstance(array, np.ndarray) or (method, name, spoil) in HARMLESS:
            continue
        if spoil == "read only" and name not in WRITTEN[method]:
            continue
        given = {**calls()[method], name: SPOIL[spoil](array)}
        refused(lambda method=method, given=given: call(method, given), given)


def shared(method: str, one: str, two: str) -> Arguments:
    """The call's arguments with the memory of one beginning inside that of the other."""
    given = calls()[method]
    memory = np.zeros(given[one].nbytes + given[two].nbytes, np.uint8)
    for name, start in ((two, 0), (one, 8)):
        old = given[name]
        new = memory[start : start + old.nbytes].view(old.dtype).reshape(old.shape)
        given[name] = new
    return given


@pytest.mark.parametrize(
    ("method", "one", "two"),
    [
        (method, one, two)
        for method, written in WRITTEN.items()
        for one in written
        for two, value in calls()[method].items()
        if one != two and isinstance(value, np.ndarray)
    ],
)
def test_arrays_that_share_memory(method: str, one: str, two: str) -> None:
    given = shared(method, one, two)
    assert re.search("shares? memory", refused(lambda: call(method, given), given))


@pytest.mark.parametrize(
    ("method", "data"),
    [(method, data) for method in ("run", "evaluate") for data in ("X", "Y", "weights")],
)
def test_outputs_over_the_data(method: str, data: str) -> None:
    memory = np.full(ROWS * 5 + 4 * P, 0.1)
    made = network()
    wanted = made[data]
    made[data] = memory[: wanted.size].reshape(wanted.shape)
    core = _core.Core(**made)
    for name in WRITTEN[method]:
        given = calls()[method]
        start = wanted.size - 1
        given[name] = memory[start : start + given[name].size].reshape(given[name].shape)
        assert "share memory" in refused(
            lambda given=given: call(method, given, core),
            given,
        )


@pytest.mark.parametrize("method", ["run", "evaluate", "predict"])
@pytest.mark.parametrize(
    "threads", [-1, -(2**31), 1025, 100_000, 2**31 - 1, 2**40, 1.5, "two", None]
)
def test_threads_out_of_range(method: str, threads: Any) -> None:
    given = {**calls()[method], "threads": threads}
    refused(lambda: call(method, given), given)


@pytest.mark.parametrize(
    "changed",
    [
        {"batch_size": 0},
        {"batch_size": -1},
        {"batch_size": -(2**63)},
        {"batch_size": 2**63 - 1},
        {"batch_size": 2**63},
        {"batch_size": 2.5},
        {"first_step": -1},
        {"first_step": 2**63},
        {"order": np.array([0] * 36 + [ROWS])},
        {"order": np.array([-1] + [0] * 36)},
        {"order": np.full(ROWS, HUGE)},
        {"order": np.full(ROWS, np.iinfo(np.int64).min)},
        {"order": np.full(ROWS, np.nan)},
    ],
    ids=str,
)
def test_numbers_out_of_range(changed: Arguments) -> None:
    given = {**calls()["run"], **changed}
    refused(lambda: call("run", given), given)


@pytest.mark.parametrize("function", [-1, 7, 2**31 - 1, 2**40])
def test_functions_that_are_not_there(function: int) -> None:
    given = {**calls()["elementwise"], "function": function}
    refused(lambda: call("elementwise", given), given)


TANH, IDENTITY, SCALE = 2, 0, number("ops", "scale")
NETWORKS: dict[str, Arguments] = {
    "no layers": {"layers": []},
    "a layer of nothing": {"layers": [op(5, 0, TANH)]},
    "a layer below nothing": {"layers": [op(5, -7, TANH)]},
    "layers that do not meet": {"layers": [op(5, 7, TANH), op(8, 2, IDENTITY)]},
    "a layer too short": {"layers": [(5, 7, TANH)]},
    "a layer of strings": {"layers": [op("5", "7", TANH)]},
    "a product that overflows": {"layers": [op(5, HUGE, TANH), op(HUGE, 2, IDENTITY)]},
    "a product that wraps to little": {"layers": [op(5, 2**32, TANH), op(2**32, 2**32, TANH)]},
    "a sum that overflows": {"layers": [op(5, 2**56, TANH), op(2**56, 4, IDENTITY)]},
    "a number of no machine": {"layers": [op(5, 2**64, TANH)]},
    "an unknown activation": {"layers": [op(5, 2, 99)]},
    "an activation below": {"layers": [op(5, 2, -1)]},
    "a dropout of one": {"layers": [op(5, 7, TANH, (), 1.0), op(7, 2, IDENTITY)]},
    "a dropout of NaN": {"layers": [op(5, 7, TANH, (), np.nan), op(7, 2, IDENTITY)]},
    "an unknown op": {"layers": [op(5, 5, IDENTITY, kind=99), op(5, 2, IDENTITY)]},
    "an op below": {"layers": [op(5, 2, IDENTITY, kind=-1)]},
    "a scale of another width": {"layers": [op(5, 7, IDENTITY, kind=SCALE), op(7, 2, IDENTITY)]},
    "a scale with an activation": {"layers": [op(5, 5, TANH, kind=SCALE), op(5, 2, IDENTITY)]},
    "a scale at the end": {"layers": [op(5, 2, IDENTITY), op(2, 2, IDENTITY, kind=SCALE)]},
    "a scale that is huge": {"layers": [op(HUGE, HUGE, IDENTITY, kind=SCALE)]},
    "a dropout of inputs below": {"input_rate": -0.1},
    "an unknown cost": {"cost": (99, (), False)},
    "a cost below": {"cost": (-1, (), False)},
    "a pair that is none": {"cost": (number("costs", "absolute_error"), (), True)},
    "a pair with another output": {"cost": (number("costs", "logistic"), (), True)},
    "a cost too short": {"cost": (0,)},
    "a setting too many": {"layers": [op(5, 2, TANH, (0.5,), 0.0)]},
    "a setting too few": {"layers": [op(5, 2, number("activations", "elu"))]},
    "a setting that is no tuple": {"layers": [op(5, 2, number("activations", "elu"), 1.0, 0.0)]},
    "a cost's setting too many": {"cost": (number("costs", "huber"), (1.0, 2.0), False)},
    "an optimizer's setting too few": {"optimizer": (number("optimizers", "adam"), (0.9, 0.9), 2)},
    "an unknown optimizer": {"optimizer": (99, (), 0)},
    "more slots than it has": {"optimizer": (number("optimizers", "adam"), (0.9, 0.9, 0.1), 3)},
    "fewer slots than it has": {"optimizer": (number("optimizers", "adam"), (0.9, 0.9, 0.1), 1)},
    "slots below": {"optimizer": (number("optimizers", "momentum"), (0.9,), -1)},
    "a seed below": {"seed": -1},
    "a seed above": {"seed": 2**64},
    "another instruction set": {"isa": "sse9"},
    "no instruction set": {"isa": ""},
    "X of too few columns": {"X": np.ones((ROWS, 4))},
    "X of one dimension": {"X": np.ones(ROWS * 5)},
    "X of no dimension": {"X": np.ones(())},
    "X of three dimensions": {"X": np.ones((ROWS, 5, 1))},
    "X of float16": {"X": np.ones((ROWS, 5), np.float16), "Y": np.ones((ROWS, 2), np.float16)},
    "X and Y of two dtypes": {"Y": np.ones((ROWS, 2), np.float32)},
    "X of the other byte order": {"X": np.ones((ROWS, 5)).astype(">f8")},
    "X in columns": {"X": np.ones((5, ROWS)).T},
    "X not aligned": {"X": misaligned(np.ones((ROWS, 5)))},
    "Y not aligned": {"Y": misaligned(np.ones((ROWS, 2)))},
    "weights not aligned": {"weights": misaligned(np.ones(ROWS))},
    "Y of too few rows": {"Y": np.ones((ROWS - 1, 2))},
    "Y of no rows": {"Y": np.ones((0, 2))},
    "Y None": {"Y": None},
    "weights too few": {"weights": np.ones(ROWS - 1)},
    "weights of float32": {"weights": np.ones(ROWS, np.float32)},
    "weights with strides": {"weights": strided(np.ones(ROWS))},
}


@pytest.mark.parametrize("what", NETWORKS)
def test_networks_that_cannot_be(what: str) -> None:
    given = {**network(), **NETWORKS[what]}
    refused(lambda: _core.Core(**given), NETWORKS[what])


def test_no_rows() -> None:
    core = _core.Core(**{**network(), "X": np.ones((0, 5)), "Y": np.ones((0, 2)), "weights": None})
    given = {**calls()["evaluate"], "order": None}
    assert "no rows" in refused(lambda: core.evaluate(**given), given)
    given = {**calls()["predict"], "X": np.ones((0, 5)), "out": np.zeros((0, 2))}
    assert len(call("predict", given)) == 0
    with pytest.raises(ValueError, match="not a row"):
        core.evaluate(np.zeros(P), None, np.zeros(1, np.int64), 1)


LIMITED = """
import resource, sys
sys.path[:0] = {path!r}
from native_problems import problem, trained
from chainrule.engines import native
import numpy as np
p, few = (problem([10, 64, 64, 3], "gelu", m=200, threads=n) for n in (400, 1))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (128 << 20),) * 2)
found = trained(native, p, 50, 5)
tasks = len(__import__("os").listdir("/proc/self/task"))
assert tasks < 400, "the limit did not bite"
assert np.array_equal(found[2], trained(native, few, 50, 5)[2])
"""


def process(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code.format(path=sys.path)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="a sanitizer needs the room")
@pytest.mark.skipif("tsan" in os.environ.get("LD_PRELOAD", ""), reason="a sanitizer needs the room")
def test_fewer_threads_than_asked_for() -> None:
    done = process(LIMITED)
    assert done.returncode == 0, done.stderr


FORKED = """
import os, sys, threading, warnings
sys.path[:0] = {path!r}
warnings.simplefilter("ignore")
from native_problems import problem, trained
from chainrule.engines import native
import numpy as np
p = problem([10, 64, 64, 3], "gelu", m=4000, threads=2)
wanted = trained(native, p, 4000, 2)
busy = threading.Event()
def work():
    busy.set()
    trained(native, p, 4000, 60)
worker = threading.Thread(target=work)
worker.start()
busy.wait()
child = os.fork()  # while the other thread's run holds the lock of the problem's memory
if child == 0:
    same = np.array_equal(trained(native, p, 4000, 2)[2], wanted[2])
    os._exit(0 if same else 1)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
worker.join()
sys.exit(code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_fork_while_another_thread_trains() -> None:
    done = process(FORKED)
    assert done.returncode == 0, done.stderr


def test_processes_of_joblib_share_the_processors() -> None:
    """Joblib divides the processors among its workers by OMP_NUM_THREADS."""
    code = "from chainrule.engines import _core; print(_core.processors())"
    own = int(process(code, OMP_NUM_THREADS="").stdout)
    assert own >= 1
    assert int(process(code, OMP_NUM_THREADS="1").stdout) == 1
    assert int(process(code, OMP_NUM_THREADS="1000").stdout) == own
    assert int(process(code, OMP_NUM_THREADS="none").stdout) == own


def test_threads_of_a_problem_out_of_range() -> None:
    for threads in (-1, 100_000):
        p = problem([5, 7, 2], threads=threads)
        with pytest.raises(ValueError, match="threads"):
            native.evaluate(p, p.network.theta)
