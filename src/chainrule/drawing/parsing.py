"""Reading the formulas of the records: from text such as ``-y/a + (1 - y)/(1 - a)`` to a tree.

The grammar is that of ``Activation.formula`` and ``Cost.formula``: ``^`` is power, a space is
multiplication, ``|x|`` is the absolute value, ``p if c else q`` a choice, ``sum_j x`` a sum,
``[i = j]`` Iverson's bracket, and ``, s = x`` at the end names a part.
"""

from __future__ import annotations

import re

from .notation import (
    Abs,
    Add,
    Bracket,
    Call,
    Cond,
    Frac,
    Mul,
    Neg,
    Node,
    Num,
    Pow,
    Rel,
    Sum,
    Sym,
    Where,
)

_TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*(?:e[+-]?\d+)?)|([A-Za-z]+(?:_[A-Za-z0-9]+)?)|(?<=\w)(\()|(\*\*|[<>]=|.))",
    re.DOTALL,
)
# A bracket right behind a name is that of a function: ``exp(z)``, but ``alpha (exp(z) - 1)``.
_CALL = "call("
_RELATIONS = {"<", ">", "<=", ">=", "="}


def parse_formula(text: str) -> Node:
    """Read a formula; raises ValueError, with the text, for anything outside the grammar.

    >>> parse_formula("a/2")
    Frac(top=Sym(name='a', sup='', sub=''), bottom=Num(text='2'))
    """
    return _Reader(text).whole()


class _Reader:
    """A recursive descent over the tokens of one formula."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [
            _CALL if m.group(3) else m.group(1) or m.group(2) or m.group(4)
            for m in _TOKEN.finditer(text.strip())
        ]
        self.place = 0
        self.bars = 0

    def whole(self) -> Node:
        node = self.choice()
        if self.peek() == ",":
            self.take()
            name = self.atom()
            self.expect("=")
            if not isinstance(name, Sym):
                raise self.wrong()
            node = Where(node, name, self.choice())
        if self.peek():
            raise self.wrong()
        return node

    def choice(self) -> Node:
        node = self.relation()
        if self.peek() != "if":
            return node
        self.take()
        test = self.relation()
        self.expect("else")
        return Cond(node, test, self.choice())

    def relation(self) -> Node:
        node = self.sum()
        if self.peek() in _RELATIONS:
            sign = self.take()
            return Rel(node, sign, self.sum())
        return node

    def sum(self) -> Node:
        terms = [self.term()]
        while self.peek() in ("+", "-"):
            minus = self.take() == "-"
            term = self.term()
            terms.append(Neg(term) if minus else term)
        return terms[0] if len(terms) == 1 else Add(tuple(terms))

    def term(self) -> Node:
        if self.peek() == "-":
            self.take()
            return Neg(self.term())
        node = self.power()
        while True:
            if self.peek() == "/":
                self.take()
                node = Frac(node, self.power())
            elif self.peek() == "*" or self.starts_atom():
                if self.peek() == "*":
                    self.take()
                right = self.power()
                left = node.factors if isinstance(node, Mul) else (node,)
                node = Mul((*left, right))
            else:
                return node

    def power(self) -> Node:
        node = self.atom()
        if self.peek() in ("^", "**"):
            self.take()
            if self.peek() == "-":
                self.take()
                return Pow(node, Neg(self.power()))
            return Pow(node, self.power())
        return node

    def atom(self) -> Node:
        token = self.take()
        if token == "(":
            node = self.choice()
            self.expect(")")
            return node
        if token == "|":
            self.bars += 1
            node = self.sum()
            self.bars -= 1
            self.expect("|")
            return Abs(node)
        if token == "[":
            node = self.relation()
            self.expect("]")
            return Bracket(node)
        if token[:1].isdigit():
            return Num(token)
        if not token[:1].isalpha() or token in ("if", "else"):
            raise self.wrong()
        return self.named(token)

    def named(self, token: str) -> Node:
        name, _, sub = token.partition("_")
        if name == "sum":
            return Sum(sub, self.term())
        if self.peek() == _CALL:
            self.take()
            args = [self.choice()]
            while self.peek() == ",":
                self.take()
                args.append(self.choice())
            self.expect(")")
            if name == "Abs":
                return Abs(args[0])
            return Call(name.lower(), tuple(args))
        return Sym(name, "", sub)

    def starts_atom(self) -> bool:
        token = self.peek()
        if token == "|":
            return self.bars == 0
        return token in ("(", "[") or (
            token != _CALL and token[:1].isalnum() and token not in ("if", "else")
        )

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.place += 1
        return token

    def expect(self, token: str) -> None:
        if self.take() != token:
            raise self.wrong()

    def wrong(self) -> ValueError:
        where = " ".join(self.tokens[: max(self.place - 1, 0)])
        return ValueError(f"the formula {self.text!r} cannot be read after {where!r}")
