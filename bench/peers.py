"""One peer of bench/step.py in a process of its own: `python bench/peers.py NAME THREADS`.

Reads the number of a case per line and answers with JSON: seconds per step, cost of the last step.
Every peer has the same data, start, order and optimizer, resident as arrays of float32.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from cases import CASES, RATE, Case, data

# Trains all the steps of a case once; returns the cost of the last batch.
Train = Callable[[], float]


def native(case: Case, threads: int) -> Train:
    import chainrule as cr
    from chainrule.engines import native as engine
    from chainrule.engines.protocol import Problem
    from chainrule.mathematics.optimizers import resolve_optimizer

    d = data(case)
    net = cr.Network(
        case.sizes, hidden=case.hidden, output=case.output, cost=case.cost, dtype="float32"
    )
    for l, (W, b) in enumerate(d.start, 1):
        net.W[l], net.b[l] = W, b
    optimizer = resolve_optimizer(case.optimizer)
    problem = Problem(net, d.X, d.Y, None, optimizer, threads=threads)
    rates = np.full(case.steps, RATE)

    def train() -> float:
        theta = net.theta.copy()
        state = optimizer.init(theta)
        costs, _ = engine.run(problem, theta, state, d.order, case.batch, rates, 0)
        return float(costs[-1])

    return train


def numpy(case: Case, threads: int) -> Train:
    """Backpropagation by hand, in place, with every array allocated once."""
    d = data(case)
    m, L = case.batch, len(d.start)
    tanh = case.hidden == "tanh"
    adam = case.optimizer == "adam"

    def train() -> float:
        W = [W.T.copy() for W, _ in d.start]
        b = [b.copy() for _, b in d.start]
        parameters = [p for pair in zip(W, b, strict=True) for p in pair]
        a = [np.empty((m, n), np.float32) for n in case.sizes]
        dz = [np.empty((m, n), np.float32) for n in case.sizes]
        g = [np.empty_like(p) for p in parameters]
        first = [np.zeros_like(p) for p in parameters]
        second = [np.zeros_like(p) for p in parameters]
        y = np.empty((m, case.sizes[-1]), np.float32)
        J = 0.0
        for step in range(case.steps):
            rows = d.order[step * m : (step + 1) * m]
            np.take(d.X, rows, axis=0, out=a[0])
            np.take(d.Y, rows, axis=0, out=y)
            for l in range(L):
                z = np.matmul(a[l], W[l], out=a[l + 1])
                z += b[l]
                if l < L - 1:
                    if tanh:
                        np.tanh(z, out=z)
                    elif case.hidden == "relu":
                        np.maximum(z, 0, out=z)
                    else:
                        _sigmoid(z)
            J = _cost(case, a[L], y, step == case.steps - 1)
            np.subtract(a[L], y, out=dz[L])
            dz[L] *= np.float32(1 / m)
            for l in range(L - 1, -1, -1):
                np.matmul(a[l].T, dz[l + 1], out=g[2 * l])
                np.sum(dz[l + 1], axis=0, out=g[2 * l + 1])
                if l:
                    np.matmul(dz[l + 1], W[l].T, out=dz[l])
                    if tanh:
                        np.multiply(a[l], a[l], out=a[l])
                        np.subtract(1, a[l], out=a[l])
                        dz[l] *= a[l]
                    elif case.hidden == "relu":
                        dz[l] *= a[l] > 0
                    else:
                        dz[l] *= a[l] * (1 - a[l])
            for p, dp, v1, v2 in zip(parameters, g, first, second, strict=True):
                if adam:
                    v1 *= np.float32(0.9)
                    v1 += np.float32(0.1) * dp
                    v2 *= np.float32(0.999)
                    v2 += np.float32(0.001) * dp * dp
                    t = step + 1
                    rate = RATE * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
                    p -= np.float32(rate) * v1 / (np.sqrt(v2) + np.float32(1e-8))
                else:
                    dp *= np.float32(RATE)
                    p -= dp
        return J

    return _limited(train, threads)


def _sigmoid(z: Any) -> None:
    np.negative(z, out=z)
    np.exp(z, out=z)
    z += 1
    np.reciprocal(z, out=z)


def _cost(case: Case, z: Any, y: Any, wanted: bool) -> float:
    """Turn z of the output into a; return J, which costs time, only where it is wanted."""
    J = 0.0
    if case.cost == "squared_error":
        J = float(((z - y) ** 2).sum(1).mean() / 2) if wanted else 0.0
    elif case.cost == "logistic":
        J = float((np.logaddexp(0, z) - y * z).mean()) if wanted else 0.0
        _sigmoid(z)
    else:
        z -= z.max(axis=1, keepdims=True)
        below = z.copy() if wanted else z
        np.exp(z, out=z)
        total = z.sum(axis=1, keepdims=True)
        if wanted:
            J = float((np.log(total[:, 0]) - (y * below).sum(1)).mean())
        z /= total
    return J


def _limited(train: Train, threads: int) -> Train:
    from threadpoolctl import threadpool_limits

    def limited() -> float:
        with threadpool_limits(threads):
            return train()

    return limited


def sklearn(case: Case, threads: int) -> Train:
    """MLPClassifier or MLPRegressor, a pass over the rows in the same order by partial_fit."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    d = data(case)
    rows = d.order
    X = d.X[rows]
    regression = case.cost == "squared_error"
    y = d.Y if regression else (d.Y[:, 0] if case.sizes[-1] == 1 else d.Y.argmax(1))
    y = y[rows]
    kind = MLPRegressor if regression else MLPClassifier
    model = kind(
        hidden_layer_sizes=case.sizes[1:-1],
        activation={"sigmoid": "logistic"}.get(case.hidden, case.hidden),
        solver="adam" if case.optimizer == "adam" else "sgd",
        alpha=0,
        batch_size=case.batch,
        learning_rate_init=RATE,
        momentum=0,
        nesterovs_momentum=False,
        shuffle=False,
    )
    more = {} if regression else {"classes": np.unique(y)}

    def train() -> float:
        if regression:
            for start in range(0, len(X), case.batch):
                part = slice(start, start + case.batch)
                model.partial_fit(X[part], y[part])
        else:
            model.partial_fit(X, y, **more)
        return float("nan")

    return _limited(train, threads)


def torch(case: Case, threads: int) -> Train:
    import torch as t

    t.set_num_threads(threads)
    t.set_flush_denormal(True)
    d = data(case)
    X, Y, order = map(t.from_numpy, (d.X, d.Y, d.order))
    f = {"relu": t.nn.ReLU, "tanh": t.nn.Tanh, "sigmoid": t.nn.Sigmoid}[case.hidden]
    classes = Y.argmax(1)

    def cost(z: Any, rows: Any) -> Any:
        if case.cost == "logistic":
            return t.nn.functional.binary_cross_entropy_with_logits(z, Y.index_select(0, rows))
        if case.cost == "cross_entropy":
            return t.nn.functional.cross_entropy(z, classes.index_select(0, rows))
        return ((z - Y.index_select(0, rows)) ** 2).sum(1).mean() / 2

    def train() -> float:
        layers: list[Any] = []
        for W, b in d.start:
            layer = t.nn.Linear(W.shape[1], W.shape[0])
            layer.weight.data.copy_(t.from_numpy(W))
            layer.bias.data.copy_(t.from_numpy(b))
            layers += [layer, f()]
        model = t.nn.Sequential(*layers[:-1])
        kind = t.optim.Adam if case.optimizer == "adam" else t.optim.SGD
        optimizer = kind(model.parameters(), lr=RATE, fused=True)
        J = None
        for rows in order.split(case.batch):
            optimizer.zero_grad(set_to_none=True)
            J = cost(model(X.index_select(0, rows)), rows)
            J.backward()
            optimizer.step()
        assert J is not None
        return float(J)

    return train


def jax(case: Case, threads: int) -> Train:
    """One jitted scan over all steps, data and order inside."""
    import os

    if threads == 1:
        os.environ["XLA_FLAGS"] = (
            "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )
        os.sched_setaffinity(0, {0})
    import jax as j
    import jax.numpy as jnp

    d = data(case)
    X, Y = jnp.asarray(d.X), jnp.asarray(d.Y)
    order = jnp.asarray(d.order.reshape(case.steps, case.batch).astype(np.int32))
    f = {"relu": j.nn.relu, "tanh": jnp.tanh, "sigmoid": j.nn.sigmoid}[case.hidden]
    start = [(jnp.asarray(W.T), jnp.asarray(b)) for W, b in d.start]
    adam = case.optimizer == "adam"

    def J_of(theta: Any, x: Any, y: Any) -> Any:
        a = x
        for l, (W, b) in enumerate(theta):
            z = a @ W + b
            a = f(z) if l < len(theta) - 1 else z
        if case.cost == "logistic":
            return jnp.mean(jnp.logaddexp(0, a) - y * a)
        if case.cost == "cross_entropy":
            return jnp.mean(-jnp.sum(y * j.nn.log_softmax(a), axis=1))
        return jnp.mean(jnp.sum((a - y) ** 2, axis=1)) / 2

    def step(carry: Any, rows: Any) -> Any:
        theta, m, v, t = carry
        J, g = j.value_and_grad(J_of)(theta, X[rows], Y[rows])
        t = t + 1
        tree = j.tree_util.tree_map
        if adam:
            m = tree(lambda m, g: 0.9 * m + 0.1 * g, m, g)
            v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
            rate = RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            theta = tree(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), theta, m, v)
        else:
            theta = tree(lambda p, g: p - RATE * g, theta, g)
        return (theta, m, v, t), J

    zero = j.tree_util.tree_map(jnp.zeros_like, start) if adam else ()

    @j.jit
    def all_steps(theta: Any, order: Any) -> Any:
        (theta, _, _, _), J = j.lax.scan(step, (theta, zero, zero, jnp.float32(0)), order)
        return theta, J

    def train() -> float:
        theta, J = all_steps(start, order)
        j.block_until_ready(theta)
        return float(J[-1])

    return train


PEERS: dict[str, Callable[[Case, int], Train]] = {
    "native": native,
    "numpy": numpy,
    "sklearn": sklearn,
    "torch": torch,
    "jax": jax,
}


def main() -> None:
    name, threads = sys.argv[1], int(sys.argv[2])
    made: dict[int, Train] = {}
    import warnings

    warnings.simplefilter("ignore")
    for line in sys.stdin:
        number = int(line)
        case = CASES[number]
        if number not in made:
            made[number] = PEERS[name](case, threads)
            made[number]()
        began = time.perf_counter()
        cost = made[number]()
        seconds = (time.perf_counter() - began) / case.steps
        print(json.dumps({"seconds": seconds, "cost": cost}), flush=True)


if __name__ == "__main__":
    main()
