r"""Formulas as LaTeX, in the commands that plain LaTeX, MathJax and KaTeX all know."""

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

_RELATIONS = {">=": r"\geq", "<=": r"\leq"}
_GREEK = {"delta": r"\delta", "alpha": r"\alpha", "pi": r"\pi", "scale": r"\lambda"}
_FUNCTIONS = {"exp", "log", "tanh", "max", "min"}
_SIGNS = {"·": r" \cdot ", "×": r" \times ", "⊙": r" \odot ", "": " "}


def latex(node: Node) -> str:
    r"""Write a formula in LaTeX's mathematics, without dollar signs.

    >>> from .notation import Partial, Sym
    >>> latex(Partial(Sym("J"), Sym("a", "3")))
    '\\frac{\\partial J}{\\partial a^{3}}'
    """
    match node:
        case Num(value):
            return _number(value)
        case Sym(name, sup, sub):
            return _symbol(name) + (f"^{{{sup}}}" if sup else "") + (f"_{{{sub}}}" if sub else "")
        case Neg(body):
            return "-" + _tight(body)
        case Add(terms):
            return _sum(terms)
        case Mul(factors, sign):
            return _SIGNS[sign].join(_tight(factor) for factor in factors)
        case Frac(top, bottom):
            return rf"\frac{{{latex(top)}}}{{{latex(bottom)}}}"
        case Partial(top, bottom):
            return rf"\frac{{\partial {latex(top)}}}{{\partial {latex(bottom)}}}"
        case Pow(base, exponent):
            plain = isinstance(base, Num) or (isinstance(base, Sym) and not base.sup)
            inside = latex(base) if plain else rf"\left({latex(base)}\right)"
            return f"{inside}^{{{latex(exponent)}}}"
        case Call(name, args):
            return _call(name, args)
        case Abs(body):
            return rf"\left|{latex(body)}\right|"
        case Rel(left, sign, right):
            return f"{latex(left)} {_RELATIONS.get(sign, sign)} {latex(right)}"
        case Cond():
            return _cases(node)
        case Bracket(body):
            return rf"\left[{latex(body)}\right]"
        case Sum(index, body):
            return rf"\sum{f'_{{{index}}}' if index else ''} {_tight(body)}"
        case Where(body, name, meaning):
            return rf"{latex(body)}, \quad {latex(name)} = {latex(meaning)}"
        case Item(body, index):
            return rf"\left({latex(body)}\right)_{{{index}}}"
    raise TypeError(f"{node!r} is no formula")


def _symbol(name: str) -> str:
    if name in _GREEK:
        return _GREEK[name]
    return name if len(name) == 1 else rf"\mathrm{{{name}}}"


def _number(value: str) -> str:
    mantissa, _, exponent = value.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else value


def _call(name: str, args: tuple[Node, ...]) -> str:
    if name == "exp":
        return f"e^{{{latex(args[0])}}}"
    if name == "sqrt":
        return rf"\sqrt{{{latex(args[0])}}}"
    command = rf"\{name}" if name in _FUNCTIONS else rf"\operatorname{{{name}}}"
    return rf"{command}\left({', '.join(map(latex, args))}\right)"


def _cases(node: Cond) -> str:
    rows: list[str] = []
    rest = node
    while True:
        rows.append(rf"{latex(rest.yes)} & {latex(rest.test)}")
        if not isinstance(rest.no, Cond):
            break
        rest = rest.no
    rows.append(rf"{latex(rest.no)} & \text{{else}}")
    return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"


def _sum(terms: tuple[Node, ...]) -> str:
    parts = [latex(terms[0])]
    for term in terms[1:]:
        if isinstance(term, Neg):
            parts.append(" - " + _tight(term.body))
        else:
            parts.append(" + " + latex(term))
    return "".join(parts)


def _tight(node: Node) -> str:
    bracketed = isinstance(node, (Add, Rel, Neg, Where))
    return rf"\left({latex(node)}\right)" if bracketed else latex(node)
