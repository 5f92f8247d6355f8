"""Symbols for proofs: networks of symbols, branches decided by region, and identity testing."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

Expression = Any
Point = Mapping[Any, Any]


def array(name: str, *shape: int, **assumptions: bool) -> np.ndarray:
    """Return an object array of symbols name_i_j, real unless said otherwise."""
    found = np.empty(shape, dtype=object)
    for place in np.ndindex(*shape):
        label = "_".join([name, *map(str, place)])
        found[place] = sp.Symbol(label, **({"real": True} | assumptions))
    return found


def a_point(symbols: set[Any], seed: int) -> dict[Any, Any]:
    """Return a rational value for each symbol: from 0 to 1 if it is positive, else of any sign."""
    draw = random.Random(seed)
    found = {}
    for symbol in sorted(symbols, key=str):
        low = 1 if symbol.is_positive else -997
        found[symbol] = sp.Rational(draw.randint(low, 997), 1009)
    return found


def decide(expression: Expression, point: Point) -> Expression:
    """Return the expression as it is in the region of ``point``: without Max, Abs, sign, Piecewise.

    Within a region the piecewise function is the smooth one of that branch, so that a proof there
    is a proof for the whole region.
    """

    known: dict[Any, Any] = {}

    def value(e: Expression) -> Any:
        return sp.N(e.xreplace(point), 30)

    def holds(condition: Any) -> bool:
        if condition in (True, False):
            return bool(condition)
        relations = condition.atoms(sp.core.relational.Relational)
        decided = {r: r.func(value(r.lhs), value(r.rhs)) for r in relations}
        return bool(condition.xreplace(decided))

    def visit(e: Expression) -> Expression:
        if e not in known:
            known[e] = region(e) if e.args else e
        return known[e]

    def region(e: Expression) -> Expression:
        if isinstance(e, sp.Piecewise):
            return visit(next(piece for piece, condition in e.args if holds(condition)))
        if isinstance(e, sp.Max):
            return visit(max(e.args, key=value))
        if isinstance(e, sp.Abs):
            return visit(e.args[0]) if value(e.args[0]) > 0 else -visit(e.args[0])
        if isinstance(e, sp.sign):
            return sp.Integer(1 if value(e.args[0]) > 0 else -1)
        return e.func(*map(visit, e.args))

    return visit(sp.sympify(expression))


def is_zero(expression: Expression) -> bool:
    """Say whether an expression of exp, tanh, erfc and log vanishes identically.

    Each exp(t) of a term, tanh, erfc and log is taken for an unknown of its own, innermost first;
    what is left is a rational function, which vanishes at random integers of 40 bits, in exact
    arithmetic, only if it is zero everywhere (Schwartz and Zippel: but for a chance of its degree
    over 2^40 for each of two draws).
    """
    unknowns: dict[Any, Any] = {}

    def unknown(e: Expression) -> Any:
        return unknowns.setdefault(e, sp.Dummy())

    def exponential(argument: Expression) -> Expression:
        product = sp.Integer(1)
        # (u / sqrt(2))^2 and u^2 / 2 are one exponent, and so one unknown, only when expanded.
        argument = sp.expand(argument) if argument.is_Mul or argument.has(sp.Pow) else argument
        for term in sp.Add.make_args(argument):
            factor, rest = term.as_coeff_Mul()
            product *= unknown(sp.exp(rest)) ** factor
        return product

    def transcendental(e: Expression) -> Expression:
        if isinstance(e, sp.exp):
            return exponential(e.args[0])
        if isinstance(e, sp.erfc):
            argument = sp.expand(e.args[0])
            if argument.could_extract_minus_sign():
                return 2 - unknown(("erfc", sp.expand(-argument)))
            return unknown(("erfc", argument))
        return unknown(e)

    functions = (sp.exp, sp.tanh, sp.erfc, sp.log)
    expression = expression.replace(lambda e: isinstance(e, functions), transcendental)
    if expression == 0:
        return True
    draw = random.Random(0)
    for _ in range(2):
        point = {s: sp.Integer(draw.getrandbits(40) ** 2) for s in expression.free_symbols}
        if sp.expand(expression.xreplace({sp.pi: sp.Integer(25)} | point)) != 0:
            return False
    return True
