"""Formulas as trees: what a formula says, apart from how it is written.

The writers (``render_text``, ``render_latex``, ``render_mathml``) turn one tree into text, LaTeX
and MathML, so that the three never say different things.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from math import prod
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Num:
    """A number, spelled."""

    text: str


@dataclass(frozen=True, slots=True)
class Sym:
    """A symbol with a layer above and indices below: ``W^1_{0,2}``."""

    name: str
    sup: str = ""
    sub: str = ""


@dataclass(frozen=True, slots=True)
class Neg:
    """``-body``."""

    body: Node


@dataclass(frozen=True, slots=True)
class Add:
    """A sum of terms; a ``Neg`` among them is written with a minus sign."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mul:
    """A product. ``sign`` stands between the factors: "" for juxtaposition."""

    factors: tuple[Node, ...]
    sign: str = ""


@dataclass(frozen=True, slots=True)
class Frac:
    """``top / bottom``."""

    top: Node
    bottom: Node


@dataclass(frozen=True, slots=True)
class Partial:
    """The partial derivative of ``top`` by ``bottom``."""

    top: Node
    bottom: Node


@dataclass(frozen=True, slots=True)
class Pow:
    """``base ^ exponent``; the transpose is ``Pow(W, Sym("T"))``."""

    base: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function of its arguments."""

    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Abs:
    """``|body|``."""

    body: Node


@dataclass(frozen=True, slots=True)
class Rel:
    """A relation, such as ``z > 0``; ``sign`` is one of > < >= <= =."""

    left: Node
    sign: str
    right: Node


@dataclass(frozen=True, slots=True)
class Cond:
    """``yes if test else no``."""

    yes: Node
    test: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Bracket:
    """Iverson's bracket: 1 where the relation holds, else 0."""

    body: Node


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of ``body`` over ``index`` ("" where it need not be named)."""

    index: str
    body: Node


@dataclass(frozen=True, slots=True)
class Where:
    """``body`` with a part that has a name of its own."""

    body: Node
    name: Sym
    meaning: Node


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of an array that is worked out: ``(body)_index``."""

    body: Node
    index: str


Node: TypeAlias = (
    Num
    | Sym
    | Neg
    | Add
    | Mul
    | Frac
    | Partial
    | Pow
    | Call
    | Abs
    | Rel
    | Cond
    | Bracket
    | Sum
    | Where
    | Item
)


def substitute(node: Node, names: Mapping[str, Node]) -> Node:
    """Return the tree with its plain symbols replaced by name; subscripts are carried over."""
    if isinstance(node, Sym):
        new = names.get(node.name, node)
        return replace(new, sub=node.sub) if isinstance(new, Sym) and node.sub else new
    return _rebuilt(node, lambda part: substitute(part, names))


def tidy(node: Node) -> Node:
    """Return the tree with numbers of a product or sum worked out, and factors of 1 left out."""
    node = _rebuilt(node, tidy)
    if isinstance(node, Mul):
        return _tidy_product(node)
    if isinstance(node, Add) and all(_value(term) is not None for term in node.terms):
        return _number(sum(_value(term) or 0.0 for term in node.terms))
    return node


def _rebuilt(node: Node, change: Callable[[Node], Node]) -> Node:
    """Return the node with each of its parts changed."""
    changes: dict[str, Any] = {}
    for field in fields(node):
        value: Any = getattr(node, field.name)
        if isinstance(value, tuple):
            changes[field.name] = tuple(change(part) for part in value)
        elif is_dataclass(value):
            changes[field.name] = change(value)  # type: ignore[arg-type]
    return replace(node, **changes)


def _tidy_product(node: Mul) -> Node:
    values = [_value(factor) for factor in node.factors]
    rest = tuple(f for f, value in zip(node.factors, values, strict=True) if value is None)
    number = _number(prod(value for value in values if value is not None))
    if not rest:
        return number
    if number == Num("1"):
        return rest[0] if len(rest) == 1 else replace(node, factors=rest)
    if isinstance(number, Neg):
        positive = rest if number.body == Num("1") else (number.body, *rest)
        return Neg(positive[0] if len(positive) == 1 else replace(node, factors=positive))
    return replace(node, factors=(number, *rest))


def _value(node: Node) -> float | None:
    if isinstance(node, Num):
        return float(node.text)
    if isinstance(node, Neg) and isinstance(node.body, Num):
        return -float(node.body.text)
    return None


def _number(value: float) -> Node:
    return Neg(Num(f"{-value:.6g}")) if value < 0 else Num(f"{value:.6g}")


def layered(name: str, layer: int | None, *index: int) -> Sym:
    """Return the symbol of a layer's array, or of one entry of it: ``W^1_{0,2}``."""
    sup = "" if layer is None else str(layer)
    return Sym(name, sup, ",".join(map(str, index)))
