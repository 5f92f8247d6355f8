"""Exact arithmetic: relu, identity and squared error on Fractions give exact gradients.

J is a polynomial of degree two in any one parameter while no relu changes sides, and the symmetric
difference of such a polynomial is its derivative exactly, for any step: no tolerance is needed.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.mathematics.passes import Objective, backward_pass, cost_pass, forward_pass

H = Fraction(1, 10**9)

numbers = st.fractions(-4, 4, max_denominator=12)


def array(data: st.DataObject, *shape: int) -> np.ndarray:
    count = int(np.prod(shape))
    drawn = data.draw(st.lists(numbers, min_size=count, max_size=count))
    return np.array(drawn, dtype=object).reshape(shape)


def cost(net: cr.Network, theta: Any, x: Any, y: Any, shares: Any, l2: Any) -> tuple[Any, Any]:
    trace = forward_pass(x, net.layers, theta)
    return cost_pass(trace, y, shares, Objective(net.layers, net.cost, 0, l2), theta), trace


def sides(trace: Any) -> list[bool]:
    return [value > 0 for z in trace.z[1:] for value in z.ravel()]


@settings(max_examples=20)
@given(st.data())
def test_gradients_are_symmetric_differences_exactly(data: st.DataObject) -> None:
    sizes = [2, 3, 2]
    net = cr.Network(sizes, "relu", data.draw(st.sampled_from(["identity", "relu"])))
    affine = [{"W": array(data, n, n_prev), "b": array(data, n)} for n_prev, n in pairwise(sizes)]
    theta = [affine[0], {}, affine[1], {}]
    x, y = array(data, 3, 2), array(data, 3, 2)
    shares = np.array([Fraction(1, 3)] * 3, dtype=object)
    l2 = Fraction(1, 7)
    J, trace = cost(net, theta, x, y, shares, l2)
    assert isinstance(J, Fraction)
    found, da, _ = backward_pass(trace, y, shares, Objective(net.layers, net.cost, 0, l2), theta)
    places = [(theta[i][name], found[i][name]) for i in (0, 2) for name in ("W", "b")]
    for values, gradient in [*places, (x, da[0])]:
        for place in np.ndindex(*values.shape):
            before = values[place]
            values[place] = before + H
            up, above = cost(net, theta, x, y, shares, l2)
            values[place] = before - H
            down, below = cost(net, theta, x, y, shares, l2)
            values[place] = before
            if sides(above) == sides(below) == sides(trace):
                assert (up - down) / (2 * H) == gradient[place]
                assert isinstance(gradient[place], (Fraction, int))


@settings(max_examples=40)
@given(st.data())
def test_one_layer_by_the_functions_of_the_notes(data: st.DataObject) -> None:
    a_prev, W, b, da = (array(data, *shape) for shape in ((2, 3), (2, 3), (2,), (2, 2)))
    a, z = cr.forward(a_prev, W, b, "relu")
    assume(all(value != 0 for value in z.ravel()))
    da_prev, dW, db = cr.backward(da, z, a, a_prev, W, "relu")
    dz = [[da[i, j] if z[i, j] > 0 else 0 for j in range(2)] for i in range(2)]
    for i in range(2):
        for k in range(3):
            assert z[i, 0] == sum(W[0, j] * a_prev[i, j] for j in range(3)) + b[0]
            assert da_prev[i, k] == sum(dz[i][j] * W[j, k] for j in range(2))
    for j in range(2):
        assert db[j] == dz[0][j] + dz[1][j]
        for k in range(3):
            assert dW[j, k] == sum(dz[i][j] * a_prev[i, k] for i in range(2))


@given(st.lists(numbers, min_size=4, max_size=4), st.lists(numbers, min_size=4, max_size=4))
def test_piecewise_costs_are_exact(a_: list[Fraction], y_: list[Fraction]) -> None:
    a, y = (np.array(v, dtype=object).reshape(2, 2) for v in (a_, y_))
    records = (
        cr.COSTS["absolute_error"](),
        cr.COSTS["squared_error"](),
        cr.COSTS["huber"](Fraction(1, 3)),
        cr.COSTS["quantile"](Fraction(2, 7)),
    )
    for record in records:
        da = record.da(a, y)
        for place in np.ndindex(2, 2):
            if a[place] in (y[place], y[place] + Fraction(1, 3), y[place] - Fraction(1, 3)):
                continue  # a kink, or the joint of Huber's pieces
            up, down = a.copy(), a.copy()
            up[place] += H
            down[place] -= H
            difference = (record.J(up, y) - record.J(down, y))[place[0]] / (2 * H)
            assert difference == da[place], record.name


def test_the_gradient_in_floats_is_the_exact_one_rounded() -> None:
    rng = np.random.default_rng(0)
    net = cr.Network([3, 4, 2], "relu", seed=2)
    X, Y = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    exact = np.vectorize(Fraction, otypes=[object])
    theta = [{name: exact(p[name]) for name in p} for p in net.parameters]
    shares = np.array([Fraction(1, 5)] * 5, dtype=object)
    trace = forward_pass(exact(X), net.layers, theta)
    found, da, _ = backward_pass(trace, exact(Y), shares, net.objective, theta)
    grads = net.gradients(X, Y)
    for l in (1, 2):
        for name, ours in (("W", grads.dW[l]), ("b", grads.db[l])):
            true = found[2 * l - 2][name].astype(float)
            np.testing.assert_allclose(ours, true, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(grads.da[0], da[0].astype(float), rtol=1e-13, atol=1e-15)
