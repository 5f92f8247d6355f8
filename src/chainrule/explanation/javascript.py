"""JavaScript of a network's activations and cost, from their one definition, through SymPy.

The page computes both passes itself, so that a step of descent can be taken on it. Its functions
are printed from those of the records, run on symbols on either side of 0. What mixes units or
is worked out from z for the whole output (softmax and its cost) is written in the page's script and
tested against ours.
"""

from __future__ import annotations

from typing import Any

from chainrule.mathematics.activations import Activation
from chainrule.mathematics.costs import Cost, canonical_pair

from .formulas import trace_activation, trace_cost

# Mixing activations and canonical pairs that the page's script knows by name.
_SOFTMAX = "softmax"
_PAIRS = {"sigmoid": "logistic", "softmax": "crossEntropy", "exp": "poisson"}


def activation_script(f: Activation) -> str:
    """Return ``{f: z => ..., df: (z, a) => ...}``, or ``null`` for softmax.

    Raises ValueError for one's own function that cannot be followed on symbols.
    """
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


def cost_script(cost: Cost) -> str:
    """Return ``{J: (a, y) => ..., da: (a, y) => ...}`` of one output; J is summed over outputs.

    Raises ValueError for one's own function that cannot be followed on symbols.
    """
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
    "{kind} {name!r} is your own, and a page must follow it on symbols to compute on its own: write "
    "it with + - * / **, and with the functions of chainrule.mathematics.namespace.namespace(z)"
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
    return str(sympy.jscode(expression, user_functions=functions))
