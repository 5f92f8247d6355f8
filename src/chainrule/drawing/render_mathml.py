"""Formulas as MathML Core, which browsers draw and screen readers read."""

from __future__ import annotations

from html import escape

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

_RELATIONS = {">=": "≥", "<=": "≤"}
_NAMES = {"delta": "δ", "alpha": "α", "pi": "π", "scale": "λ"}


def mathml(node: Node, block: bool = False) -> str:
    """Write a formula as a ``<math>`` element; ``block`` gives it a line of its own.

    >>> mathml(Sym("a", "3"))
    '<math><msup><mi>a</mi><mn>3</mn></msup></math>'
    """
    display = ' display="block"' if block else ""
    return f"<math{display}>{markup(node)}</math>"


def markup(node: Node) -> str:
    """Write a formula's MathML without the ``<math>`` around it."""
    match node:
        case Num(value):
            return _number(value)
        case Sym(name, sup, sub):
            return _symbol(name, sup, sub)
        case Neg(body):
            return f"<mrow><mo>−</mo>{_tight(body)}</mrow>"
        case Add(terms):
            return _sum(terms)
        case Mul(factors, sign):
            between = _operator(sign or "\u2062")
            return f"<mrow>{between.join(map(_tight, factors))}</mrow>"
        case Frac(top, bottom):
            return f"<mfrac>{_row(top)}{_row(bottom)}</mfrac>"
        case Partial(top, bottom):
            return f"<mfrac>{_differential(top)}{_differential(bottom)}</mfrac>"
        case Pow(base, exponent):
            return f"<msup>{_base(base)}{_row(exponent)}</msup>"
        case Call(name, args):
            return _call(name, args)
        case Abs(body):
            return _fence(markup(body), "|", "|")
        case Rel(left, sign, right):
            between = _operator(_RELATIONS.get(sign, sign))
            return f"<mrow>{markup(left)}{between}{markup(right)}</mrow>"
        case Cond():
            return _cases(node)
        case Bracket(body):
            return _fence(markup(body), "[", "]")
        case Sum(index, body):
            sign = f"<munder><mo>∑</mo><mi>{escape(index)}</mi></munder>" if index else "<mo>∑</mo>"
            return f"<mrow>{sign}{_tight(body)}</mrow>"
        case Where(body, name, meaning):
            comma = '<mo separator="true">,</mo><mspace width="1em"></mspace>'
            return f"<mrow>{markup(body)}{comma}{markup(name)}<mo>=</mo>{markup(meaning)}</mrow>"
        case Item(body, index):
            return f"<msub>{_fence(markup(body))}{_index(index)}</msub>"
    raise TypeError(f"{node!r} is no formula")


def _base(base: Node) -> str:
    plain = isinstance(base, Num) or (isinstance(base, Sym) and not base.sup)
    return markup(base) if plain else _fence(markup(base))


def _operator(sign: str) -> str:
    return f"<mo>{escape(sign)}</mo>"


def _symbol(name: str, sup: str, sub: str) -> str:
    base = f"<mi>{escape(_NAMES.get(name, name))}</mi>"
    if sup and sub:
        return f"<msubsup>{base}{_index(sub)}{_index(sup)}</msubsup>"
    if sup:
        return f"<msup>{base}{_index(sup)}</msup>"
    return f"<msub>{base}{_index(sub)}</msub>" if sub else base


def _index(index: str) -> str:
    tag = "mn" if index.replace(",", "").isdigit() else "mi"
    return f"<{tag}>{escape(index)}</{tag}>"


def _number(value: str) -> str:
    mantissa, _, exponent = value.partition("e")
    if not exponent:
        return f"<mn>{escape(value)}</mn>"
    power = f"<msup><mn>10</mn><mn>{int(exponent)}</mn></msup>"
    return f"<mrow><mn>{escape(mantissa)}</mn><mo>·</mo>{power}</mrow>"


def _differential(node: Node) -> str:
    return f"<mrow><mo>∂</mo>{markup(node)}</mrow>"


def _row(node: Node) -> str:
    return markup(node)


def _fence(inside: str, left: str = "(", right: str = ")") -> str:
    return f'<mrow><mo fence="true">{left}</mo>{inside}<mo fence="true">{right}</mo></mrow>'


def _call(name: str, args: tuple[Node, ...]) -> str:
    if name == "exp":
        return f"<msup><mi>e</mi>{_row(args[0])}</msup>"
    if name == "sqrt":
        return f"<msqrt>{markup(args[0])}</msqrt>"
    inside = '<mo separator="true">,</mo>'.join(map(markup, args))
    return f"<mrow><mi>{escape(name)}</mi><mo>\u2061</mo>{_fence(inside)}</mrow>"


def _cases(node: Cond) -> str:
    rows, rest = [], node
    while True:
        rows.append((markup(rest.yes), f"<mrow><mtext>if\u00a0</mtext>{markup(rest.test)}</mrow>"))
        if not isinstance(rest.no, Cond):
            break
        rest = rest.no
    rows.append((markup(rest.no), "<mtext>else</mtext>"))
    table = "".join(f"<mtr><mtd>{value}</mtd><mtd>{when}</mtd></mtr>" for value, when in rows)
    return f'<mrow><mo fence="true">{{</mo><mtable>{table}</mtable></mrow>'


def _sum(terms: tuple[Node, ...]) -> str:
    parts = [markup(terms[0])]
    for term in terms[1:]:
        minus = isinstance(term, Neg)
        parts.append("<mo>−</mo>" if minus else "<mo>+</mo>")
        parts.append(_tight(term.body) if isinstance(term, Neg) else markup(term))
    return f"<mrow>{''.join(parts)}</mrow>"


def _tight(node: Node) -> str:
    bracketed = isinstance(node, (Add, Rel, Neg, Where))
    return _fence(markup(node)) if bracketed else markup(node)
