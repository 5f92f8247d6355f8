"""Gradients against torch.autograd: every activation with every cost, networks of 1 to 5 layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.cases import COSTS, PAIRS, SPECS, network_and_case, outputs_of
from oracles.torch_network import Case, Result, per_sample, run

import chainrule as cr

torch = pytest.importorskip("torch", reason="torch is not installed: the stored cases still run")
torch.set_num_threads(1)  # these arrays are far too small for more

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}


def off(ours: Any, theirs: Any) -> float:
    """Return the relative error of an array: the length of the difference over the length."""
    assert np.shape(ours) == np.shape(theirs)
    length = float(np.linalg.norm(np.ravel(theirs)))
    difference = float(np.linalg.norm(np.ravel(np.asarray(ours, np.float64) - theirs)))
    return difference / length if length > 0 else difference


def pieces(grads: cr.Gradients, result: Result) -> Iterator[tuple[str, Any, Any]]:
    yield "J", grads.J, result.J
    for l in range(1, len(grads.dW)):
        yield f"dW[{l}]", grads.dW[l], result.dW[l - 1]
        yield f"db[{l}]", grads.db[l], result.db[l - 1]
        yield f"dz[{l}]", grads.dz[l], result.dz[l - 1]
    for l in range(len(grads.da)):
        yield f"da[{l}]", grads.da[l], result.da[l]


def agrees(net: cr.Network, case: Case) -> None:
    theirs, tolerance = run(case), TOLERANCE[net.dtype.name]
    assert off(net.predict(case.X), theirs.y_hat) <= tolerance
    grads = net.gradients(case.X, case.Y, case.weights)
    assert grads.dW[0] is None
    assert grads.db[0] is None
    assert grads.dz[0] is None
    layers = [np.r_[W.T.ravel(), b] for W, b in zip(theirs.dW, theirs.db, strict=True)]
    assert off(grads.dtheta, np.concatenate(layers)) <= tolerance
    assert net.J(case.X, case.Y, case.weights) == grads.J
    for name, mine, other in pieces(grads, theirs):
        if net.dtype == np.float32 and name.startswith("db"):
            # The sum over samples may cancel: in float32 db is measured by its layer's dW and db.
            size = np.linalg.norm(layers[int(name[3:-1]) - 1])
            assert np.linalg.norm(mine - other) <= tolerance * size, name
        else:
            assert off(mine, other) <= tolerance, name


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n_layers", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_every_output_with_every_cost(pair: tuple[str, str], n_layers: int, dtype: str) -> None:
    output, cost = pair
    rng = np.random.default_rng([n_layers, *map(ord, output + cost)])
    hidden = [str(f) for f in rng.choice(SPECS, n_layers - 1)]
    sizes = [int(n) for n in rng.integers(1, 6, n_layers)] + [int(rng.integers(2, 5))]
    net, case = network_and_case(
        sizes, [*hidden, output], cost, rng, weighted=True, l1=0.03, l2=0.7, dtype=dtype
    )
    agrees(net, case)


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("f", SPECS)
def test_every_hidden_activation_with_every_cost(f: str, cost: str) -> None:
    rng = np.random.default_rng([*map(ord, f + cost)])
    for output in outputs_of(cost)[:2]:
        net, case = network_and_case([3, 4, 5, 2], [f, f, output], cost, rng)
        agrees(net, case)


@given(st.data())
def test_any_network(data: st.DataObject) -> None:
    n_layers = data.draw(st.integers(1, 5))
    output, cost = data.draw(st.sampled_from(PAIRS))
    least = 2 if output == "softmax" else 1
    sizes = data.draw(st.lists(st.integers(1, 7), min_size=n_layers, max_size=n_layers))
    sizes.append(data.draw(st.integers(least, 5)))
    one = st.sampled_from(SPECS)
    hidden = data.draw(st.lists(one, min_size=n_layers - 1, max_size=n_layers - 1))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    net, case = network_and_case(
        sizes,
        [*hidden, output],
        cost,
        rng,
        m=data.draw(st.integers(2, 9)),
        weighted=data.draw(st.booleans()),
        l1=data.draw(st.sampled_from([0.0, 0.5])),
        l2=data.draw(st.sampled_from([0.0, 0.5])),
    )
    theirs = run(case)
    grads = net.gradients(case.X, case.Y, case.weights)
    # Sums that happen to cancel are measured by the largest gradient of the same kind: one
    # rounding of a summand is no error of the sum's own size.
    for name, mine, other in pieces(grads, theirs):
        rest = theirs.dW + theirs.db if name[:2] in ("dW", "db") else theirs.dz + theirs.da
        size = max(np.linalg.norm(one) for one in rest)
        assert off(mine, other) * np.linalg.norm(other) <= 1e-12 * max(size, abs(theirs.J)), name


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_per_sample_gradients(pair: tuple[str, str]) -> None:
    output, cost = pair
    rng = np.random.default_rng([*map(ord, output + cost)])
    net, case = network_and_case(
        [3, 4, 2], ["tanh", output], cost, rng, weighted=True, l1=0.1, l2=0.1
    )
    trace = net.forward(case.X)
    grads = net.backward(trace, case.Y, case.weights, per_sample=True)
    assert grads.J == net.J(case.X, case.Y, case.weights)
    for i, theirs in enumerate(per_sample(case)):
        for l in (1, 2):
            assert off(grads.dW[l][i], theirs.dW[l - 1]) <= 1e-12
            assert off(grads.db[l][i], theirs.db[l - 1]) <= 1e-12
            assert off(grads.dz[l][i], theirs.dz[l - 1][0]) <= 1e-12
        for l in (0, 1, 2):
            assert off(grads.da[l][i], theirs.da[l][0]) <= 1e-12


@pytest.mark.parametrize("output", ["sigmoid", "softmax", "exp"])
def test_saturated_canonical_pairs(output: str) -> None:
    # Far out, where 1 - a is 0 in float64, torch's functions of z know the gradient as ours do.
    cost = {"sigmoid": "logistic", "softmax": "cross_entropy", "exp": "poisson"}[output]
    rng = np.random.default_rng(3)
    net, case = network_and_case([3, 4, 3], ["identity", output], cost, rng)
    case.X *= 40
    theirs = run(case)
    assert (np.abs(theirs.y_hat - 0.5) == 0.5).any() or output == "exp"
    grads = net.gradients(case.X, case.Y)
    assert off(grads.J, theirs.J) <= 1e-13
    assert all(
        off(mine, other) <= 1e-12 for mine, other in zip(grads.dW[1:], theirs.dW, strict=True)
    )
    assert off(grads.da[0], theirs.da[0]) <= 1e-12
