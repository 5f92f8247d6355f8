"""JavaScript of a network's activations and cost, from their one definition, through SymPy.

The page computes both passes itself, so that a step of descent can be taken on it. Its functions
are printed from those of the records, run on symbols on either side of 0. What mixes units or
is worked out from z for the whole output (softmax and its cost) is written in the page's script and
tested against ours.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from ..mathematics.activations import ACTIVATIONS, Activation
from ..mathematics.costs import COSTS, Cost, canonical_pair
from ..mathematics.names import listed
from .assets import asset
from .formulas import trace_activation, trace_cost

# Mixing activations and canonical pairs that the page's script knows by name.
_SOFTMAX = "softmax"
_PAIRS = {"sigmoid": "logistic", "softmax": "crossEntropy", "exp": "poisson"}


# Printed once, since SymPy takes longer to import than the page to make; the tests print it anew.
_PRINTED = "functions.json"


def activation_script(f: Activation) -> str:
    """Return ``{f: z => ..., df: (z, a) => ...}``, or ``null`` for softmax.

    Raises ValueError for one's own function that cannot be followed on symbols, ImportError naming
    the extra where SymPy is needed and missing.
    """
    printed = _printed("activations").get(f.spec)
    if printed is not None and listed(f, ACTIVATIONS):
        return printed
    return print_activation(f)


def cost_script(cost: Cost) -> str:
    """Return ``{J: (a, y) => ..., da: (a, y) => ...}`` of one output; J is summed over outputs.

    Raises as ``activation_script`` does.
    """
    # Smoothing of labels is in the page's targets already.
    spec = cost.name if cost.name == "cross_entropy" else cost.spec
    printed = _printed("costs").get(spec)
    if printed is not None and listed(cost, COSTS):
        return printed
    return print_cost(cost)


def print_all() -> dict[str, dict[str, str]]:
    """Print all functions of the tables with their default settings, as the shipped file is."""
    activations = [factory() for factory in ACTIVATIONS.values()]
    costs = [factory() for factory in COSTS.values()]
    return {
        "activations": {f.spec: print_activation(f) for f in activations},
        "costs": {
            cost.name if cost.name == "cross_entropy" else cost.spec: print_cost(cost)
            for cost in costs
        },
    }


@cache
def _printed(table: str) -> dict[str, str]:
    scripts: dict[str, str] = json.loads(asset(_PRINTED))[table]
    return scripts


def print_activation(f: Activation) -> str:
    """Print an activation through SymPy; see ``activation_script``."""
    if f.vjp is not None:
        if f.name == _SOFTMAX:
            return "null"
        raise ValueError(_SENTENCE.format(kind="activation", name=f.name))
    traced = trace_activation(f)
    if traced is None:
        raise ValueError(_SENTENCE.format(kind="activation", name=f.name))
    value = _sides(traced.f_above, traced.f_below)
    slope = _sides(traced.df_above, traced.df_below)
    return f"{{f: z => {value}, df: (z, a) => {slope}}}"


def print_cost(cost: Cost) -> str:
    """Print a cost through SymPy; see ``cost_script``."""
    J, da = trace_cost(cost, guarded=True)
    if J is None:
        raise ValueError(_SENTENCE.format(kind="cost", name=cost.name))
    return f"{{J: (a, y) => {_code(J)}, da: (a, y) => {_code(da)}}}"


def pair_name(f: Activation, cost: Cost) -> str:
    """Return the page's name of a canonical pair, ``""`` for what is none."""
    if canonical_pair(f, cost) is None:
        return ""
    return _PAIRS.get(f.name, "squaredError")


_SENTENCE = (
    "{kind} {name!r} is your own, and a page must follow it on symbols to compute on its own: "
    "write it with + - * / **, and with the functions of "
    "chainrule.mathematics.namespace.namespace(z)"
)


def _sides(above: Any, below: Any) -> str:
    one, other = _code(above), _code(below)
    return one if one == other else f"z > 0 ? {one} : {other}"


def _code(expression: Any) -> str:
    import sympy

    erfc = sympy.Function("erfc_")
    # SymPy turns erfc(-x) into 2 - erfc(x), which loses the small ones: turn it back.
    expression = expression.replace(sympy.erfc, lambda x: 2 - erfc(-x))
    expression = sympy.expand_mul(expression) if expression.has(erfc) else expression
    expression = expression.replace(
        lambda e: e.is_Rational and e.q > 1, lambda e: sympy.Float(e, 17)
    )
    functions = {"erfc_": "erfc", "sign": "Math.sign", "Max": "Math.max", "Min": "Math.min"}
    return " ".join(sympy.jscode(expression, user_functions=functions).split())
