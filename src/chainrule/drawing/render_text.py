"""Formulas as plain text with Unicode superscripts, for terminals and logs."""

from __future__ import annotations

from .notation import (
    Abs,
    Add,
    Bracket,
    Call,
    Cond,
    Frac,
    Item,
    Mul,
    Neg,
    Node,
    Num,
    Partial,
    Pow,
    Rel,
    Sum,
    Sym,
    Where,
)

_RAISED = str.maketrans("0123456789-T", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀ")
_RELATIONS = {">=": "≥", "<=": "≤"}
_NAMES = {"delta": "δ", "alpha": "α", "pi": "π", "scale": "λ", "d": "∂"}


def text(node: Node) -> str:
    """Write a formula in one line.

    >>> from .parsing import parse_formula
    >>> text(parse_formula("-y/a + (1 - y)/(1 - a)"))
    '-y/a + (1 - y)/(1 - a)'
    """
    match node:
        case Num(value):
            return value
        case Sym(name, sup, sub):
            return _NAMES.get(name, name) + sup.translate(_RAISED) + _sub(sub)
        case Neg(body):
            return "-" + _tight(body)
        case Add(terms):
            return _sum(terms)
        case Mul(factors, sign):
            return (sign or " ").join(_tight(factor) for factor in factors)
        case Frac(top, bottom):
            return f"{_tight(top)}/{_atom(bottom)}"
        case Partial(top, bottom):
            return f"∂{text(top)}/∂{text(bottom)}"
        case Pow(base, exponent):
            return _power(base, exponent)
        case Call(name, args):
            return f"{name}({', '.join(map(text, args))})"
        case Abs(body):
            return f"|{text(body)}|"
        case Rel(left, sign, right):
            return f"{text(left)} {_RELATIONS.get(sign, sign)} {text(right)}"
        case Cond(yes, test, no):
            return f"{text(yes)} if {text(test)} else {text(no)}"
        case Bracket(body):
            return f"[{text(body)}]"
        case Sum(index, body):
            return f"Σ{'_' + index if index else ''} {_tight(body)}"
        case Where(body, name, meaning):
            return f"{text(body)}, {text(name)} = {text(meaning)}"
        case Item(body, index):
            return f"({text(body)})[{index}]"
    raise TypeError(f"{node!r} is no formula")


def _sub(sub: str) -> str:
    if not sub:
        return ""
    return f"[{sub}]" if sub[0].isdigit() or "," in sub else f"_{sub}"


def _sum(terms: tuple[Node, ...]) -> str:
    parts = [text(terms[0])]
    for term in terms[1:]:
        minus = isinstance(term, Neg)
        parts.append(" - " if minus else " + ")
        parts.append(_tight(term.body) if isinstance(term, Neg) else text(term))
    return "".join(parts)


def _power(base: Node, exponent: Node) -> str:
    written = text(exponent)
    inside = _atom(base) if not (isinstance(base, Sym) and base.sup) else f"({text(base)})"
    if not written.translate(_RAISED).strip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀ"):
        return inside + written.translate(_RAISED)
    return f"{inside}^{_atom(exponent)}"


def _tight(node: Node) -> str:
    """Write a factor: sums and choices in brackets."""
    return f"({text(node)})" if isinstance(node, (Add, Cond, Rel, Neg, Where)) else text(node)


def _atom(node: Node) -> str:
    simple = isinstance(node, (Num, Sym, Call, Abs, Bracket))
    return text(node) if simple else f"({text(node)})"
