"""Inference on the native core: against forward, in any batch, from threads and forks, misused."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_problems import TOLERANCE, distance

import chainrule as cr
from chainrule.engines import inference
from chainrule.mathematics.activations import ACTIVATIONS

native = pytest.importorskip("chainrule.engines.native", reason="the core is not built")

DTYPES = ("float64", "float32")
ISAS = native.available_isas()


def samples(m: int, n: int, dtype: str, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(m, n)).astype(dtype)


def network(sizes: list[int], dtype: str = "float64", hidden: Any = "relu", **more: Any) -> Any:
    return cr.Network(sizes, hidden=hidden, output="sigmoid", dtype=dtype, seed=1, **more)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("f", [*ACTIVATIONS])
def test_every_activation_as_forward_has_it(isa: str, dtype: str, f: str) -> None:
    for hidden, output, cost in (("gelu", f, "squared_error"), (f, "identity", None)):
        net = cr.Network([5, 19, 35, 3], hidden, output, cost, seed=3, dtype=dtype, dropout=0.5)
        for m in (0, 1, 2, 7, 2500):
            X = samples(m, 5, dtype)
            found = net.predict(X)
            assert found.dtype == X.dtype
            assert found.flags.c_contiguous
            assert distance(found, net.forward(X).y_hat) <= TOLERANCE[dtype], (hidden, output, m)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 300), min_size=2, max_size=5),
    m=st.integers(1, 300),
    which=st.integers(0, len(ISAS) - 1),
    hidden=st.sampled_from(["relu", "tanh", "softmax", "identity"]),
)
def test_any_shape_and_a_row_has_its_bits_in_any_batch(
    dtype: str, sizes: list[int], m: int, which: int, hidden: str
) -> None:
    net = network(sizes, dtype, hidden)
    X = samples(m, sizes[0], dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAINRULE_ISA", ISAS[which])
        whole, f = net.predict(X), net.predictor()
    assert distance(whole, net.forward(X).y_hat) <= TOLERANCE[dtype]
    for rows in (slice(0, 1), slice(m - 1, m), slice(m // 2, m)):
        part = np.ascontiguousarray(X[rows])
        assert f(part).tobytes() == whole[rows].tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_make_no_difference(isa: str, dtype: str) -> None:
    net = network([40, 200, 30, 2], dtype)
    X = samples(3001, 40, dtype)
    wanted = net.predictor(threads=1)(X).tobytes()
    for threads in (2, 3, 16, None):
        assert net.predictor(threads)(X).tobytes() == wanted


@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_numbers_come_out_as_forward_has_them(isa: str, dtype: str) -> None:
    most = np.finfo(dtype).max
    for f in ACTIVATIONS:
        net = cr.Network([1, 2, 2], f, f, "squared_error", dtype=dtype, seed=0)
        net.theta = [1, -1, 0, 0, 1, 0, 0, 1, 0, 0]
        for x in (0, 1e-30, -1e-30, 30, -30, most, -most, np.inf, -np.inf, np.nan):
            X = np.full((1, 1), x, dtype)
            np.testing.assert_allclose(
                net.predict(X), net.forward(X).y_hat, rtol=1e-5, atol=1e-37, err_msg=f"{f} {x}"
            )


def test_predict_sees_theta_as_it_is_and_a_predictor_as_it_was() -> None:
    net = network([3, 4, 2])
    X = samples(2, 3, "float64")
    f, before = net.predictor(), net.predict(X)
    net.theta *= 2
    assert np.array_equal(f(X), before)
    assert not np.array_equal(net.predict(X), before)
    assert np.array_equal(net.predict(X), net.predictor()(X))
    copied = net.copy("float32")
    assert copied.predict(X).dtype == np.float32


def test_what_the_core_does_not_know_is_worked_out_by_the_mathematics() -> None:
    cube = cr.Activation("cube", f=lambda z: z**3, df=lambda z, a: 3 * z**2)
    net = cr.Network([3, 4, 2], hidden=cube, output="identity", seed=0)
    X = samples(5, 3, "float64")
    wanted = net.forward(X).y_hat
    f = net.predictor()
    assert "reference engine" in repr(f)
    assert np.array_equal(net.predict(X), wanted)
    net.theta *= 2
    out = np.empty((5, 2))
    assert f(X, out) is out
    assert np.array_equal(out, wanted)
    # A cost of one's own plays no part in it.
    quartic = cr.Cost(
        "q", J=lambda a, y: ((a - y) ** 4).sum(axis=1), da=lambda a, y: 4 * (a - y) ** 3
    )
    own = cr.Network([3, 4, 2], cost=quartic, output="identity", seed=0)
    assert "native engine" in repr(own.predictor())


def test_without_the_core_the_mathematics_works_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    net, X = network([3, 4, 2]), samples(5, 3, "float64")
    wanted = net.predict(X)
    monkeypatch.setattr(inference, "built", lambda: None)
    assert distance(net.predict(X), wanted) <= TOLERANCE["float64"]
    assert "reference engine" in repr(net.predictor())


def read_only(array: Any) -> Any:
    array.flags.writeable = False
    return array


both = np.zeros((9, 3))
WRONG: dict[str, tuple[Any, Any, str]] = {
    "a list": ([[1.0, 2.0, 3.0]], None, "X must be a NumPy array, not list"),
    "nothing": (None, None, "X must be a NumPy array, not NoneType"),
    "another dtype": (np.zeros((1, 3), "f"), None, "X must be float64"),
    "integers": (np.zeros((1, 3), int), None, "X must be float64"),
    "another byte order": (np.zeros((1, 3), ">f8"), None, "X must be float64"),
    "complex": (np.zeros((1, 3), complex), None, "X must be float64"),
    "objects": (np.zeros((1, 3), object), None, "X must be float64"),
    "too few columns": (np.zeros((2, 2)), None, r"X must have the shape (m, 3), not (2, 2)"),
    "one dimension": (np.zeros(3), None, r"X must have the shape (m, 3), not (3,)"),
    "no dimension": (np.zeros(()), None, r"X must have the shape (m, 3), not ()"),
    "three dimensions": (np.zeros((1, 1, 3)), None, r"(m, 3), not (1, 1, 3)"),
    "strides": (np.zeros((2, 6))[:, ::2], None, "X must be C-contiguous"),
    "columns first": (np.zeros((3, 2)).T, None, "X must be C-contiguous"),
    "not aligned": (
        np.zeros(25, np.uint8)[1:].view(np.float64).reshape(1, 3),
        None,
        "X is not aligned",
    ),
    "out a list": (np.zeros((1, 3)), [[0.0, 0.0]], "out must be a NumPy array, not list"),
    "out of another dtype": (np.zeros((1, 3)), np.zeros((1, 2), "f"), "out must be float64"),
    "out too short": (np.zeros((2, 3)), np.zeros((1, 2)), r"out must have the shape (2, 2), not"),
    "out too wide": (np.zeros((2, 3)), np.zeros((2, 3)), r"out must have the shape"),
    "out with strides": (np.zeros((2, 3)), np.zeros((2, 4))[:, ::2], "out must be C-contiguous"),
    "out read only": (np.zeros((2, 3)), read_only(np.zeros((2, 2))), "out is read-only"),
    "out within X": (both[:2], both.reshape(-1)[1:5].reshape(2, 2), "out shares memory with X"),
}


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_is_said_in_one_sentence(
    what: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "reference":
        monkeypatch.setattr(inference, "built", lambda: None)
    X, out, said = WRONG[what]
    f = network([3, 4, 2]).predictor()
    assert engine in repr(f)
    with pytest.raises((TypeError, ValueError)) as caught:
        f(X, out)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("threads", [0, -1, 2.5, "two", 10**6])
def test_threads_that_cannot_be(threads: Any) -> None:
    with pytest.raises(ValueError, match="threads must be a whole number from 1"):
        network([3, 4, 2]).predictor(threads)


def test_wrong_input_of_predict_says_what_forward_says() -> None:
    net = network([3, 4, 2])
    for X in (np.zeros((2, 2)), [["a", "b", "c"]], np.zeros(3)):
        with pytest.raises((TypeError, ValueError)) as wanted:
            net.forward(X)
        with pytest.raises(wanted.type) as found:
            net.predict(X)
        assert str(found.value) == str(wanted.value)


def test_many_threads_call_at_once() -> None:
    net = network([40, 300, 10], "float32")
    f = net.predictor(threads=2)
    X = [samples(m, 40, "float32", m) for m in (1, 3, 50, 2000)]
    wanted = [f(x).tobytes() for x in X]
    wrong: list[int] = []

    def call(start: int) -> None:
        for n in range(40):
            k = (start + n) % len(X)
            found = (f if n % 2 else net.predict)(X[k])
            if found.tobytes() != wanted[k]:
                wrong.append(k)

    threads = [threading.Thread(target=call, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def in_a_fork(f: Any, X: Any, pipe: Any) -> None:
    pipe.send(f(X).tobytes())


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_goes_on_with_it() -> None:
    net = network([40, 300, 10], "float32")
    X = samples(4000, 40, "float32")
    for f in (net.predict, net.predictor(threads=2)):
        wanted = f(X).tobytes()  # the parent's helpers are there now, and are not in the fork
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe(False)
        child = context.Process(target=in_a_fork, args=(f, X, there))
        child.start()
        there.close()
        assert here.poll(60)
        assert here.recv() == wanted
        child.join(60)
        assert child.exitcode == 0
        assert f(X).tobytes() == wanted


def test_a_process_ends_at_once_with_its_helpers_asleep() -> None:
    code = (
        "import numpy as np, chainrule as cr\n"
        "net = cr.Network([40, 300, 1], output='sigmoid', seed=0)\n"
        "print(net.predictor(threads=4)(np.zeros((5000, 40))).shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "(5000, 1)\n", "")
