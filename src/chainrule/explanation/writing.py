"""An expansion written out: as text with its numbers, as LaTeX, MathML and HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from ..drawing.notation import Add, Item, Mul, Node, Partial, Sym, layered
from ..drawing.render_latex import latex
from ..drawing.render_mathml import markup, mathml
from ..drawing.render_text import text

if TYPE_CHECKING:
    from .chain import Expansion, Path
    from .factors import Factor
    from .numerical import Floats, Numerical

_SHOWN = 6
# A longer sum over paths shows its largest terms and adds up the rest.
_SHOWN_PATHS = 16
# With more paths than this, an entry's formula is a product of matrices.
_WRITTEN_PATHS = 8


def product_of(expansion: Expansion) -> Mul:
    """Return the product of the factors' names."""
    return Mul(tuple(factor.name for factor in expansion.factors))


def goal(expansion: Expansion) -> Partial:
    """Return dJ/dv as the notes write it, without the entry."""
    return Partial(Sym("J"), Sym(expansion.quantity[1:], str(expansion.layer)))


def sides(expansion: Expansion) -> tuple[Node, Node]:
    """Return what is expanded, and its expansion: of an entry the sum over its paths if short."""
    if expansion.entry is None:
        return goal(expansion), product_of(expansion)
    left = Partial(Sym("J"), expansion.symbol)
    if expansion.paths is not None and len(expansion.paths) <= _WRITTEN_PATHS:
        terms = tuple(_path_product(expansion, path) for path in expansion.paths)
        return left, terms[0] if len(terms) == 1 else Add(terms)
    names = [factor.name for factor in expansion.factors]
    unit = str(expansion.entry[0])
    if expansion.factors[-1].kind == "weights":
        last = layered("a", expansion.layer - 1, expansion.entry[1])
        return left, Mul((Item(Mul(tuple(names[:-1])), unit), last))
    return left, Item(Mul(tuple(names)), unit)


def _path_product(expansion: Expansion, path: Path) -> Node:
    """Return one path's product in symbols: entries of the factors, W for those of weights."""
    above, unit = iter(path.units[1:]), path.units[0]
    found: list[Node] = []
    for factor in reversed(expansion.factors):
        k = factor.layer
        if factor.kind == "weights":
            found.append(layered("a", k - 1, (expansion.entry or ())[1]))
        elif factor.kind == "affine":
            row = next(above)
            found.append(layered("W", k, row, unit))
            unit = row
        elif factor.kind == "activation":
            row = unit if factor.diagonal else next(above)
            found.append(Partial(layered("a", k, row), layered("z", k, unit)))
            unit = row
        elif factor.kind != "bias":
            found.append(Partial(Sym("J"), layered(factor.bottom.name, k, unit)))
    return Mul(tuple(reversed(found)))


def expansion_latex(expansion: Expansion) -> str:
    """Return ``dJ/dv = factor factor ...`` in LaTeX."""
    left, right = sides(expansion)
    return f"{latex(left)} = {latex(right)}"


def expansion_mathml(expansion: Expansion) -> str:
    """Return ``dJ/dv = factor factor ...`` as a MathML element."""
    left, right = sides(expansion)
    whole = f"{markup(left)}<mo>=</mo>{markup(right)}"
    return f'<math display="block"><mrow>{whole}</mrow></math>'


def number(value: float) -> str:
    """Spell a number in at most 6 digits."""
    return f"{value + 0.0:.6g}".replace("-", "−")


def numbers(values: Floats, most: int = _SHOWN) -> str:
    """Spell an array: all of it if it is small, else its first entries and how many more."""
    if values.ndim == 0:
        return number(float(values))
    if values.ndim == 2:
        rows = [numbers(row, most) for row in values[:most]]
        more = len(values) - most
        rest = f", … {more} more row{'' if more == 1 else 's'}" if more > 0 else ""
        return f"[{', '.join(rows)}{rest}]"
    shown = ", ".join(number(v) for v in values[:most])
    rest = f", … {len(values) - most} more" if len(values) > most else ""
    return f"[{shown}{rest}]"


def shape_of(factor: Factor) -> str:
    """Spell a Jacobian's shape, with what is known of its form."""
    shape = f"{factor.shape[0]} × {factor.shape[1]}"
    return f"{shape}, diagonal" if factor.diagonal else shape


def expansion_text(expansion: Expansion) -> str:
    """Return the whole expansion as text: product, factors, numbers, running product, check."""
    names = " · ".join(text(factor.name) for factor in expansion.factors)
    lines = [f"{text(goal(expansion))} = {names}", ""]
    rows = [("factor", "shape", "formula", "numbers", "product so far")]
    rows += [
        (
            text(factor.name),
            shape_of(factor),
            text(factor.formula),
            numbers(factor.value, 3),
            numbers(factor.product, 3),
        )
        for factor in expansion.factors
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
    lines += ["", *_symbols_text(expansion), *_paths_text(expansion), *_result_text(expansion)]
    return "\n".join(lines)


def _symbols_text(expansion: Expansion) -> list[str]:
    """Explain the bracket in the derivative of an activation that mixes its units."""
    mixing = any("[i = j]" in text(factor.formula) for factor in expansion.factors)
    return ["[i = j] is 1 where i and j are the same unit, and 0 elsewhere"] if mixing else []


def _paths_text(expansion: Expansion) -> list[str]:
    if expansion.entry is None:
        return []
    if expansion.paths is None:
        return [
            f"{expansion.path_count} paths lead to this entry: the product of matrices adds them up"
        ]
    lines = [f"sum over {_count(len(expansion.paths), 'path')} from the cost:"]
    order = sorted(expansion.paths, key=lambda path: -abs(path.value))
    told = order[:_SHOWN_PATHS] if len(order) > _SHOWN_PATHS else expansion.paths
    for path in told:
        terms = " · ".join(_factor(term, k) for k, term in enumerate(path.terms))
        lines.append(f"  {path_name(expansion, path)}: {terms} = {number(path.value)}")
    rest = order[_SHOWN_PATHS:]
    if rest:
        total = number(sum(path.value for path in rest))
        lines.append(f"  and {_count(len(rest), 'smaller path')}, together {total}")
    return lines


def _factor(value: float, place: int) -> str:
    return f"({number(value)})" if place and value < 0 else number(value)


def _count(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def path_name(expansion: Expansion, path: Path) -> str:
    """Name the units a path passes, from the cost down."""
    return "J → " + " → ".join(f"unit {unit}" for unit in reversed(path.units))


def _result_text(expansion: Expansion) -> list[str]:
    name = text(Partial(Sym("J"), expansion.symbol))
    lines = [f"{name} = {numbers(expansion.value)}   (J = {number(expansion.J)})"]
    found = expansion.numerical
    if found is not None:
        said = verdict(found, expansion.agrees)
        lines.append(f"numerical derivative {numbers(found.value)}, {said}")
    return lines


def expansion_line(expansion: Expansion) -> str:
    """Return in one line what was expanded, what it is, and whether the derivatives agree."""
    name = text(Partial(Sym("J"), expansion.symbol))
    value = expansion.value
    is_ = (
        f" = {number(float(value))}"
        if value.ndim == 0
        else f", {' × '.join(map(str, value.shape))}"
    )
    found = expansion.numerical
    said = "" if found is None else f", numerical derivative {verdict(found, expansion.agrees)}"
    return f"{name}{is_}, {_count(len(expansion.factors), 'factor')}{said}"


def verdict(found: Numerical, agrees: bool | None) -> str:
    """Say in words whether gradient and numerical derivative agree."""
    if not np.isfinite(found.error).any():
        return "not a number: J is not finite here"
    widest = f"± {float(np.nanmax(found.error)):.2g}"
    if found.kinks:
        places = "here" if found.value.ndim == 0 else f"at {found.kinks} of the entries"
        return f"{widest}: a kink lies {places}, where the derivative jumps"
    words = {True: "they agree", False: "they DISAGREE", None: "they cannot be compared"}
    return f"{widest}: {words[agrees]}"


def expansion_html(expansion: Expansion) -> str:
    """Return the expansion for a notebook: the product, a table of factors, and the check."""
    head = "".join(
        f"<th>{name}</th>" for name in ("factor", "shape", "formula", "numbers", "product so far")
    )
    rows = "".join(_row(factor) for factor in expansion.factors)
    lines = "".join(
        f"<p>{escape(line)}</p>"
        for line in _symbols_text(expansion) + _paths_text(expansion) + _result_text(expansion)
    )
    return (
        f"<div>{expansion_mathml(expansion)}<table><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>{lines}</div>"
    )


def _row(factor: Factor) -> str:
    cells: tuple[str, ...] = (
        _math(factor.name),
        escape(shape_of(factor)),
        _math(factor.formula),
        escape(numbers(factor.value, 3)),
        escape(numbers(factor.product, 3)),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _math(node: Node) -> str:
    return mathml(node)
