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
    from .chain import Chain, Path
    from .factors import Factor
    from .numerical import Numerical
    from .sample_passes import Floats

_SHOWN = 6
# A matrix in LaTeX shows this many rows and columns.
_LATEX = 8
# A longer sum over paths shows its largest terms and adds up the rest.
_SHOWN_PATHS = 16
# With more paths than this, an entry's formula is a product of matrices.
_WRITTEN_PATHS = 8


def product_of(chain: Chain) -> Mul:
    """Return the product of the factors' names."""
    return Mul(tuple(factor.name for factor in chain.factors))


def goal(chain: Chain) -> Partial:
    """Return dJ/dv as the notes write it, without the entry."""
    return Partial(Sym("J"), Sym(chain.quantity[1:], str(chain.layer)))


def sides(chain: Chain) -> tuple[Node, Node]:
    """Return what is expanded, and its expansion: of an entry the sum over its paths if short."""
    if chain.entry is None:
        return goal(chain), product_of(chain)
    left = Partial(Sym("J"), chain.symbol)
    if chain.paths is not None and len(chain.paths) <= _WRITTEN_PATHS:
        terms = tuple(_path_product(chain, path) for path in chain.paths)
        return left, terms[0] if len(terms) == 1 else Add(terms)
    names = [factor.name for factor in chain.factors]
    unit = str(chain.entry[0])
    if chain.factors[-1].kind == "weights":
        last = layered("a", chain.layer - 1, chain.entry[1])
        return left, Mul((Item(Mul(tuple(names[:-1])), unit), last))
    return left, Item(Mul(tuple(names)), unit)


def _path_product(chain: Chain, path: Path) -> Node:
    """Return one path's product in symbols: entries of the factors, W for those of weights."""
    above, unit = iter(path.units[1:]), path.units[0]
    factors: list[Node] = []
    for factor in reversed(chain.factors):
        k = factor.layer
        if factor.kind == "weights":
            factors.append(layered("a", k - 1, (chain.entry or ())[1]))
        elif factor.kind == "affine":
            row = next(above)
            factors.append(layered("W", k, row, unit))
            unit = row
        elif factor.kind == "activation":
            row = unit if factor.diagonal else next(above)
            factors.append(Partial(layered("a", k, row), layered("z", k, unit)))
            unit = row
        elif factor.kind != "bias":
            factors.append(Partial(Sym("J"), layered(factor.bottom.name, k, unit)))
    return Mul(tuple(reversed(factors)))


def chain_latex(chain: Chain) -> str:
    """Return ``dJ/dv = factor factor ...`` in LaTeX."""
    left, right = sides(chain)
    return f"{latex(left)} = {latex(right)}"


def chain_latex_numbers(chain: Chain) -> str:
    """Return every factor with its numbers as lines of LaTeX (amsmath), and their product last."""
    lines = [f"{latex(factor.name)} &= {_latex_values(factor)}" for factor in chain.factors]
    left = Partial(Sym("J"), chain.symbol) if chain.entry is not None else goal(chain)
    lines.append(f"{latex(left)} &= {_latex_array(chain.value)}")
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _latex_values(factor: Factor) -> str:
    if factor.diagonal:
        entries = ", ".join(_latex_number(v) for v in factor.value[:_LATEX])
        more = ", \\ldots" if len(factor.value) > _LATEX else ""
        return f"\\operatorname{{diag}}({entries}{more})"
    return _latex_array(factor.value)


def _latex_array(values: Floats) -> str:
    """Return an array as a number, a row or a matrix; long ones end in dots."""
    if values.ndim == 0:
        return _latex_number(float(values))
    rows = np.atleast_2d(values)
    lines = []
    for row in rows[:_LATEX]:
        cells = [_latex_number(v) for v in row[:_LATEX]]
        lines.append(" & ".join([*cells, *(["\\cdots"] if len(row) > _LATEX else [])]))
    if len(rows) > _LATEX:
        lines.append("\\vdots")
    return "\\begin{pmatrix} " + " \\\\ ".join(lines) + " \\end{pmatrix}"


def _latex_number(value: float) -> str:
    mantissa, _, exponent = f"{value + 0.0:.4g}".partition("e")
    return f"{mantissa} \\cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def chain_mathml(chain: Chain) -> str:
    """Return ``dJ/dv = factor factor ...`` as a MathML element."""
    left, right = sides(chain)
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


def chain_text(chain: Chain) -> str:
    """Return the whole expansion as text: product, factors, numbers, running product, check."""
    names = " · ".join(text(factor.name) for factor in chain.factors)
    lines = [f"{text(goal(chain))} = {names}", ""]
    rows = [("factor", "shape", "formula", "numbers", "product so far")]
    rows += [
        (
            text(factor.name),
            shape_of(factor),
            text(factor.formula),
            numbers(factor.value, 3),
            numbers(factor.product, 3),
        )
        for factor in chain.factors
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
    lines += ["", *_symbols_text(chain), *_paths_text(chain), *_result_text(chain)]
    return "\n".join(lines)


def _symbols_text(chain: Chain) -> list[str]:
    """Explain the bracket in the derivative of an activation that mixes its units."""
    mixing = any("[i = j]" in text(factor.formula) for factor in chain.factors)
    return ["[i = j] is 1 where i and j are the same unit, and 0 elsewhere"] if mixing else []


def _paths_text(chain: Chain) -> list[str]:
    if chain.entry is None:
        return []
    if chain.paths is None:
        return [
            f"{chain.path_count} paths lead to this entry: the product of matrices adds them up"
        ]
    lines = [f"sum over {_count(len(chain.paths), 'path')} from the cost:"]
    order = sorted(chain.paths, key=lambda path: -abs(path.value))
    shown = order[:_SHOWN_PATHS] if len(order) > _SHOWN_PATHS else chain.paths
    for path in shown:
        terms = " · ".join(_factor(term, k) for k, term in enumerate(path.terms))
        lines.append(f"  {path_name(chain, path)}: {terms} = {number(path.value)}")
    rest = order[_SHOWN_PATHS:]
    if rest:
        total = number(sum(path.value for path in rest))
        lines.append(f"  and {_count(len(rest), 'smaller path')}, together {total}")
    return lines


def _factor(value: float, place: int) -> str:
    return f"({number(value)})" if place and value < 0 else number(value)


def _count(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def path_name(chain: Chain, path: Path) -> str:
    """Name the units a path passes, from the cost down."""
    return "J → " + " → ".join(f"unit {unit}" for unit in reversed(path.units))


def _result_text(chain: Chain) -> list[str]:
    name = text(Partial(Sym("J"), chain.symbol))
    lines = [f"{name} = {numbers(chain.value)}   (J = {number(chain.J)})"]
    derivative = chain.numerical
    if derivative is not None:
        words = verdict(derivative, chain.agrees)
        lines.append(f"numerical derivative {numbers(derivative.value)}, {words}")
    return lines


def chain_line(chain: Chain) -> str:
    """Return in one line what was expanded, what it is, and whether the derivatives agree."""
    name = text(Partial(Sym("J"), chain.symbol))
    value = chain.value
    is_ = (
        f" = {number(float(value))}"
        if value.ndim == 0
        else f", {' × '.join(map(str, value.shape))}"
    )
    derivative = chain.numerical
    check = ""
    if derivative is not None:
        check = f", numerical derivative {verdict(derivative, chain.agrees)}"
    return f"{name}{is_}, {_count(len(chain.factors), 'factor')}{check}"


def verdict(derivative: Numerical, agrees: bool | None) -> str:
    """Say in words whether gradient and numerical derivative agree."""
    if not np.isfinite(derivative.error).any():
        return "not a number: J is not finite here"
    widest = f"± {float(np.nanmax(derivative.error)):.2g}"
    if derivative.kinks:
        places = "here" if derivative.value.ndim == 0 else f"at {derivative.kinks} of the entries"
        return f"{widest}: a kink lies {places}, where the derivative jumps"
    words = {True: "they agree", False: "they DISAGREE", None: "they cannot be compared"}
    return f"{widest}: {words[agrees]}"


def chain_html(chain: Chain) -> str:
    """Return the expansion for a notebook: the product, a table of factors, and the check."""
    head = "".join(
        f"<th>{name}</th>" for name in ("factor", "shape", "formula", "numbers", "product so far")
    )
    rows = "".join(_row(factor) for factor in chain.factors)
    lines = "".join(
        f"<p>{escape(line)}</p>"
        for line in _symbols_text(chain) + _paths_text(chain) + _result_text(chain)
    )
    return (
        f"<div>{chain_mathml(chain)}<table><thead><tr>{head}</tr></thead>"
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
