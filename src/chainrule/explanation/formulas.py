"""The formulas of activations and costs, from their one definition, checked through SymPy.

A record holds its functions and, for ours, the formula as text. The text is read into a tree, and
the functions are run on SymPy symbols; the tests compare the two in 30 digits. A record of
one's own without text is shown by what SymPy makes of its functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..drawing.notation import Node, Num, Sym, substitute, tidy
from ..drawing.parsing import parse_formula
from ..mathematics.activations import ACTIVATIONS, Activation
from ..mathematics.costs import COSTS, Cost
from ..mathematics.names import listed


@dataclass(frozen=True, slots=True)
class Formula:
    """A function and its derivative as trees, in the plain symbols z, a, y."""

    value: Node
    derivative: Node


@lru_cache(maxsize=256)
def _read(text: str) -> Node:
    return parse_formula(text)


def activation_formula(f: Activation) -> Formula:
    """Return a = f(z) and da/dz; its settings are put in as numbers."""
    if listed(f, ACTIVATIONS):
        return _of(f.formula, f.derivative, f.settings, _constants(f))
    value, derivative = f.formula, f.derivative
    if not value or not derivative:
        traced = trace_activation(f)
        if traced is not None:
            value = value or _spelled(traced.direct_f)
            derivative = derivative or _spelled(traced.direct_df)
    return _of(value or "f(z)", derivative or "df(z)", f.settings, {})


def cost_formula(cost: Cost) -> Formula:
    """Return J and dJ/da of one output, in a and y; its settings are put in as numbers."""
    value, derivative = cost.formula, cost.derivative
    if not listed(cost, COSTS) and (not value or not derivative):
        J, da = trace_cost(cost)
        value = value or _spelled(J)
        derivative = derivative or _spelled(da)
    return _of(value or "J(a, y)", derivative or "dJ(a, y)", cost.settings, {})


def _of(
    value: str, derivative: str, settings: Mapping[str, float], constants: Mapping[str, float]
) -> Formula:
    numbers: dict[str, Node] = {
        name: Num(f"{number:.6g}") for name, number in {**settings, **constants}.items()
    }
    return Formula(
        tidy(substitute(_lenient(value), numbers)),
        tidy(substitute(_lenient(derivative), numbers)),
    )


def _lenient(text: str) -> Node:
    """Read a formula; one of the user's own that is outside the grammar is shown as written."""
    try:
        return _read(text)
    except ValueError:
        return Sym(text)


def _constants(f: Activation) -> Mapping[str, float]:
    from ..mathematics.activations.rectifiers import SELU_ALPHA, SELU_SCALE

    return {"scale": SELU_SCALE, "alpha": SELU_ALPHA} if f.name == "selu" else {}


@dataclass(frozen=True, slots=True)
class Traced:
    """An activation's own functions run on symbols: for any z, and on each side of 0.

    ``df`` is in z and in a, as the code has it.
    """

    direct_f: Any
    direct_df: Any
    f_above: Any
    f_below: Any
    df_above: Any
    df_below: Any


def trace_activation(f: Activation) -> Traced | None:
    """Run f and df of an elementwise activation on SymPy symbols; None where they cannot be.

    On each side of 0 every comparison with 0 is decided, so what remains is a plain expression.
    """
    import sympy

    pairs = {}
    z, a = sympy.Symbol("z", real=True), sympy.Symbol("a", real=True)
    sides = {
        "direct": z,
        "above": sympy.Symbol("z", positive=True),
        "below": sympy.Symbol("z", negative=True),
    }
    for side, symbol in sides.items():
        zs, outs = np.array([[symbol]], object), np.array([[a]], object)
        try:
            pair = f.f(zs)[0, 0], f.df(zs, outs)[0, 0]
        except Exception:  # one's own function may raise anything on symbols
            return None
        pairs[side] = [sympy.sympify(one).subs(symbol, z) for one in pair]
    return Traced(*pairs["direct"], *(pairs[s][i] for i in (0, 1) for s in ("above", "below")))


def trace_cost(cost: Cost, guarded: bool = False) -> tuple[Any, Any]:
    """Run J and dJ/da of a cost of one output on symbols a and y; two None where they cannot be.

    A term that is left out where its factor is 0 (``y log a`` at y = 0) is written out, unless
    ``guarded``.
    """
    import sympy

    a, y = sympy.Symbol("a", positive=True), sympy.Symbol("y", real=True)
    plain = {symbol: sympy.Symbol(symbol.name, real=True) for symbol in (a, y)}
    As, ys = np.array([[a]], object), np.array([[y]], object)
    try:
        pair = np.ravel(cost.J(As, ys))[0], np.ravel(cost.da(As, ys))[0]
    except Exception:  # one's own function may raise anything on symbols
        return None, None
    shown = sympy.sympify if guarded else _present
    J, da = (shown(one).subs(plain) for one in pair)
    return J, da


def _present(expression: Any) -> Any:
    """Write out ``Piecewise((x, c), (0, True))`` as x: the 0 is the limit of x."""
    import sympy

    def choose(piece: Any) -> Any:
        if len(piece.args) == 2 and piece.args[1].expr in (0, 1) and piece.args[1].cond == True:  # noqa: E712
            return piece.args[0].expr
        return piece

    whole = sympy.sympify(expression)
    return whole.replace(lambda e: isinstance(e, sympy.Piecewise), choose)


def _spelled(expression: Any) -> str:
    if expression is None:
        return ""
    import sympy

    return str(sympy.nsimplify(expression) if expression.is_number else expression)
