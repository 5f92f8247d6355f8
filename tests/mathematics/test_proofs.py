"""Proofs: the shipped forward and backward, run on symbols, give exactly the derivative of J.

Three kinds. A network of unknown functions (any f, any cost) shows the chain rule and the sums of
the passes. Each activation and cost by itself is shown to have the derivative that it ships.
And whole networks of every output activation with every cost show that the parts meet.
Piecewise functions are proven region by region, at sample points in different regions.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.mathematics.activations import Activation, activation_backward, resolve_activation
from chainrule.mathematics.costs import CANONICAL, Cost, cost_backward, cost_of, resolve_cost
from chainrule.mathematics.layers import ActivationLayer, Affine, Dropout, Layer
from chainrule.mathematics.passes import (
    Objective,
    backward_pass,
    cost_pass,
    forward_pass,
    per_sample_pass,
)

sp = pytest.importorskip("sympy", reason="sympy is not installed")

from oracles.cases import ORDER
from oracles.symbols import a_point, array, decide, is_zero

pytestmark = pytest.mark.slow

SPECS = [*cr.ACTIVATIONS, "leaky_relu(0.25)", "elu(1.5)"]
CYCLE = [*ORDER[:13], "leaky_relu(0.25)", "elu(1.5)"]
# In an order of their own, so that a pair keeps its hidden activation.
NUMBERS = ("squared_error", "absolute_error", "huber", "quantile")
COSTS = ("logistic", "cross_entropy", *NUMBERS, "poisson")
assert set(COSTS) == set(cr.COSTS)
OUTPUTS = {name: list(cr.COSTS[name]().outputs) or CYCLE for name in COSTS}
PAIRS = [(output, cost) for cost, outputs in OUTPUTS.items() for output in outputs]
PAIRS += [
    ("softmax", "cross_entropy(0.25)"),
    ("tanh", "huber(0.25)"),
    ("softsign", "quantile(0.75)"),
    ("mish", "squared_error"),
]


def flat(parameters: Any) -> list[Any]:
    return [p for layer in parameters for name in layer for p in layer[name].ravel()]


def parameters_of(sizes: list[int]) -> list[dict[str, np.ndarray]]:
    """Return symbols for each affine layer's parameters, and none for the activations."""
    affine = [
        {"W": array(f"W{l}", sizes[l], sizes[l - 1]), "b": array(f"b{l}", sizes[l])}
        for l in range(1, len(sizes))
    ]
    return [parameters for one in affine for parameters in (one, {})]


def targets_of(cost: Cost, m: int, n: int) -> np.ndarray:
    """Return symbols that are targets: positive, and for classes rows that add up to 1."""
    y = array("y", m, n, positive=True)
    return y / y.sum(axis=1, keepdims=True) if cost.target == "classes" else y


def unknown_function(name: str, n: int) -> tuple[Any, list[Any]]:
    """Return a function of n arguments of which nothing is known, and its partial derivatives."""
    slopes = [sp.Function(f"{name}_{k}", real=True) for k in range(n)]

    class Unknown(sp.Function):
        nargs = n

        def fdiff(self, argindex: int = 1) -> Any:
            return slopes[argindex - 1](*self.args)

    Unknown.__name__ = name
    return Unknown, slopes


def unknown_activation(name: str) -> Activation:
    f, (slope,) = unknown_function(name, 1)
    return Activation(name, f=np.frompyfunc(f, 1, 1), df=lambda z, a: np.frompyfunc(slope, 1, 1)(z))


def unknown_cost(n: int) -> Cost:
    """Return a cost that is one unknown function of all outputs and targets of a sample."""
    C, slopes = unknown_function("C", 2 * n)

    def J(a: Any, y: Any) -> Any:
        return np.array([C(*row, *target) for row, target in zip(a, y, strict=True)])

    def da(a: Any, y: Any) -> Any:
        return np.array(
            [[s(*row, *target) for s in slopes[:n]] for row, target in zip(a, y, strict=True)]
        )

    return Cost("C", J=J, da=da)


def layers_of(sizes: list[int], f: list[Activation]) -> tuple[Layer, ...]:
    zeros = cr.INITIALIZERS["zeros"]()
    pairs = zip(pairwise(sizes), f, strict=True)
    return tuple(
        layer for (n, k), g in pairs for layer in (Affine(n, k, zeros), ActivationLayer(k, g))
    )


def test_a_network_of_unknown_functions() -> None:
    # Three layers, two samples with any shares: J is differentiated as one expression, and what is
    # left after subtracting the shipped gradient cancels term by term.
    sizes, m = [2, 2, 2, 2], 2
    f = [unknown_activation(f"f{l}") for l in (1, 2, 3)]
    layers, cost = layers_of(sizes, f), unknown_cost(2)
    x, y, shares = array("x", m, 2), array("y", m, 2), array("s", m, positive=True)
    theta = parameters_of(sizes)
    l1, l2 = sp.Symbol("l1", positive=True), sp.Symbol("l2", positive=True)
    trace = forward_pass(x, layers, theta)
    objective = Objective(layers, cost, l1, l2)
    J = cost_pass(trace, y, shares, objective, theta)
    gradients, da, dz = backward_pass(trace, y, shares, objective, theta)
    for variable, derivative in zip(flat(theta), flat(gradients), strict=True):
        assert sp.expand(sp.diff(J, variable) - derivative) == 0, variable
    for variable, derivative in zip(x.ravel(), da[0].ravel(), strict=True):
        assert sp.expand(sp.diff(J, variable) - derivative) == 0, variable
    # db is the sum of dz over samples; with one sample's share alone it is that sample's dz.
    for l in (1, 2, 3):
        assert [sp.expand(e) for e in dz[l - 1].sum(axis=0) - gradients[2 * l - 2]["b"]] == [0, 0]
    # Per sample: the gradients of both J_i, weighted by the shares, add up to that of J.
    ones = np.array([sp.Integer(1)] * m, dtype=object)
    unpenalised = Objective(layers, cost)
    _, _, each = backward_pass(trace, y, ones, unpenalised, theta)
    plain = backward_pass(trace, y, shares, unpenalised, theta)[0]
    for one, whole in zip(per_sample_pass(trace, each, layers), plain, strict=True):
        for name in whole:
            weighted = sum(shares[i] * one[name][i] for i in range(m))
            assert all(sp.expand(e) == 0 for e in np.ravel(weighted - whole[name]))


def test_dropout_between_unknown_functions() -> None:
    fs = [unknown_activation("f"), unknown_activation("g")]
    W1, f, W2, g = layers_of([2, 2, 1], fs)
    layers = (Dropout(2, 0.5, 0), W1, f, Dropout(2, 0.5, 1), W2, g)
    objective = Objective(layers, unknown_cost(1))
    x, y, shares = array("x", 1, 2), array("y", 1, 1), array("s", 1, positive=True)
    first, _, second, _ = parameters_of([2, 2, 1])
    theta = [{}, first, {}, {}, second, {}]
    trace = forward_pass(x, layers, theta, lambda place, rate, shape: array(f"mask{place}", *shape))
    J = cost_pass(trace, y, shares, objective, theta)
    gradients, da, _ = backward_pass(trace, y, shares, objective, theta)
    assert "mask0" in str(J)
    assert "mask1" in str(J)
    variables = [*flat(theta), *x.ravel()]
    derivatives = [*flat(gradients), *da[0].ravel()]
    for variable, derivative in zip(variables, derivatives, strict=True):
        assert sp.expand(sp.diff(J, variable) - derivative) == 0, variable


@pytest.mark.parametrize("spec", SPECS)
def test_each_activation_has_its_derivative(spec: str) -> None:
    f = resolve_activation(spec)
    n = 1 if f.elementwise else 3
    z, da = array("z", 1, n), array("da", 1, n)
    a = f.f(z)
    dz = activation_backward(da, z, a, f)
    for value in (-3, 5):
        point = {symbol: value * sp.Rational(k + 1, 7) for k, symbol in enumerate(z.ravel())}
        total = sum(da[0, k] * decide(a[0, k], point) for k in range(n))
        for k in range(n):
            assert is_zero(sp.diff(total, z[0, k]) - decide(dz[0, k], point)), value


@pytest.mark.parametrize(
    "spec", [*cr.COSTS, "cross_entropy(0.25)", "huber(0.25)", "quantile(0.75)"]
)
def test_each_cost_has_its_derivative(spec: str) -> None:
    cost = resolve_cost(spec)
    a, y = array("a", 1, 3, positive=True), targets_of(cost, 1, 3)
    J, da = cost.J(a, y)[0], cost.da(a, y)
    symbols = sorted({s for e in [*y.ravel()] for s in e.free_symbols}, key=str)
    for ratio in (sp.Rational(1, 9), sp.Rational(2), sp.Rational(10)):
        # a below, near and above y: both sides of every kink.
        point = {s: sp.Rational(k + 2, 7) for k, s in enumerate(symbols)}
        point |= {a[0, k]: sp.sympify(y[0, k]).xreplace(point) * ratio for k in range(3)}
        for k in range(3):
            derivative = sp.diff(decide(J, point), a[0, k]) - decide(da[0, k], point)
            assert is_zero(derivative), ratio


@pytest.mark.parametrize("pair", [*CANONICAL, ("softmax", "cross_entropy(0.25)")], ids="+".join)
def test_canonical_pairs_equal_the_general_form(pair: tuple[str, str]) -> None:
    f, cost = resolve_activation(pair[0]), resolve_cost(pair[1])
    z, y, shares = array("z", 1, 3), targets_of(cost, 1, 3), array("s", 1, positive=True)
    a = f.f(z)
    J = cost_of(z, a, y, f, cost)[0] * shares[0]
    canonical = cost_backward(z, a, y, shares, f, cost)
    general = cost_backward(z, a, y, shares, f, cost, canonical=False)
    symbols = {s for e in [J, *canonical.ravel()] for s in sp.sympify(e).free_symbols}
    for seed in range(3):
        point = a_point(symbols, seed)
        for k in range(3):
            assert is_zero(decide(canonical[0, k] - general[0, k], point))
            assert is_zero(sp.diff(decide(J, point), z[0, k]) - decide(canonical[0, k], point))
            from_a = decide(cost.J(a, y)[0], point)
            slope = sp.diff(from_a * shares[0], z[0, k])
            assert is_zero(slope - decide(canonical[0, k], point))


@pytest.mark.parametrize("number", range(len(PAIRS)), ids=["+".join(pair) for pair in PAIRS])
def test_whole_networks(number: int) -> None:
    output, cost = PAIRS[number]
    hidden = CYCLE[number % len(CYCLE)]
    if output == "gelu" and hidden == "softmax":
        hidden = "leaky_relu(0.25)"  # the square of a softmax in an exponent has too many forms
    sizes = [2, 2 if hidden == "softmax" else 1, 2]
    net = cr.Network(sizes, hidden, output, cost)
    theta = parameters_of(sizes)
    x, y, shares = array("x", 1, 2), targets_of(net.cost, 1, 2), array("s", 1, positive=True)
    trace = forward_pass(x, net.layers, theta)
    J = cost_pass(trace, y, shares, net.objective, theta)
    gradients, da, _ = backward_pass(trace, y, shares, net.objective, theta)
    variables = [*flat(theta), *x.ravel()]
    derivatives = [*flat(gradients), *da[0].ravel()]
    point = a_point({*variables, *sp.sympify(J).free_symbols}, seed=number)
    J = decide(J, point)
    for variable, derivative in zip(variables, derivatives, strict=True):
        proven = is_zero(sp.diff(J, variable) - decide(derivative, point))
        assert proven, (hidden, variable)


def test_the_test_of_identity_can_fail() -> None:
    u, v = sp.symbols("u v", real=True)
    assert is_zero(sp.exp(2 * u) * sp.exp(v) - sp.exp(u) ** 2 * sp.exp(v))
    assert is_zero((1 - sp.tanh(u)) * (1 + sp.tanh(u)) - 1 + sp.tanh(u) ** 2)
    assert not is_zero(sp.exp(u) - sp.exp(v))
    assert not is_zero(sp.exp(u) * u - sp.exp(u) * u * (1 + sp.Rational(1, 10**9)))
    assert not is_zero(sp.tanh(u) - u)
