"""Formulas: the written ones equal the code, and the notes' example is theirs term for term."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import chainrule as cr
from chainrule.drawing.notation import (
    Abs,
    Add,
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
    tidy,
)
from chainrule.drawing.parsing import parse_formula
from chainrule.drawing.render_latex import latex
from chainrule.drawing.render_mathml import markup, mathml
from chainrule.drawing.render_text import text
from chainrule.explanation.assets import asset
from chainrule.explanation.formulas import (
    activation_formula,
    cost_formula,
    trace_activation,
)
from chainrule.mathematics.activations import ACTIVATIONS, Activation
from chainrule.mathematics.costs import COSTS, Cost

sympy = pytest.importorskip("sympy")

CASES = [ACTIVATIONS[name]() for name in ACTIVATIONS if name != "softmax"] + [
    ACTIVATIONS["leaky_relu"](0.2),
    ACTIVATIONS["elu"](1.7),
]
COST_CASES = [COSTS[name]() for name in COSTS] + [COSTS["huber"](0.4), COSTS["quantile"](0.1)]


def to_sympy(node: Node, values: dict) -> object:
    """Evaluate a tree by SymPy, by rules of its own."""

    def of(part: Node) -> object:
        return to_sympy(part, values)

    match node:
        case Num(word):
            return sympy.Float(word, 30)
        case Sym(name):
            return {"pi": sympy.pi}.get(name, values.get(name))
        case Neg(body):
            return -of(body)
        case Add(terms):
            return sum(of(term) for term in terms)
        case Mul(factors):
            return sympy.prod([of(factor) for factor in factors])
        case Frac(top, bottom):
            return of(top) / of(bottom)
        case Pow(base, exponent):
            return of(base) ** of(exponent)
        case Call("max", args):
            return sympy.Max(*map(of, args))
        case Call(name, args):
            return getattr(sympy, name)(*map(of, args))
        case Abs(body):
            return abs(of(body))
        case Cond(yes, Rel(left, sign, right), no):
            holds = {">": of(left) > of(right), "<=": of(left) <= of(right)}[sign]
            return of(yes) if holds else of(no)
        case Sum(_, body):
            return of(body)
        case Where(body, name, meaning):
            return to_sympy(body, values | {name.name: of(meaning)})
    raise AssertionError(node)


@pytest.mark.parametrize("f", CASES, ids=lambda f: f.spec)
def test_the_formula_of_an_activation_is_its_code(f: Activation) -> None:
    formula, traced = activation_formula(f), trace_activation(f)
    assert traced is not None
    # selu's constants are shown in 6 digits; a setting such as 0.01 is a float64 in the code.
    constants = 1e-5 if f.name == "selu" else 1e-15 if f.settings else 1e-25
    for z in map(sympy.Rational, ("5/2", "1/8", "-1/8", "-7/3")):
        side = (traced.f_above, traced.df_above) if z > 0 else (traced.f_below, traced.df_below)
        a = sympy.N(side[0].subs("z", z).subs(sympy.Symbol("z", real=True), z), 30)
        symbols = {sympy.Symbol("z", real=True): z, sympy.Symbol("a", real=True): a}
        slope = sympy.N(side[1].subs(symbols), 30)
        assert abs(sympy.N(to_sympy(formula.value, {"z": z}), 30) - a) <= constants * (1 + abs(a))
        written = sympy.N(to_sympy(formula.derivative, {"z": z, "a": a}), 30)
        assert abs(written - slope) <= constants * (1 + abs(slope))
        # The derivative is that of the function, by SymPy's own rules.
        true = sympy.N(sympy.diff(side[0], sympy.Symbol("z", real=True)).subs(symbols), 30)
        assert abs(true - slope) <= 1e-15 * (1 + abs(slope))


@pytest.mark.parametrize("cost", COST_CASES, ids=lambda cost: cost.spec)
def test_the_formula_of_a_cost_is_its_code(cost: Cost) -> None:
    formula = cost_formula(cost)
    for a, y in ((0.3, 0.9), (0.8, 0.25), (0.5, 0.4)):
        J = float(cost.J(np.array([[a]]), np.array([[y]]))[0])
        da = float(cost.da(np.array([[a]]), np.array([[y]]))[0, 0])
        values = {"a": sympy.Float(a, 30), "y": sympy.Float(y, 30)}
        assert float(to_sympy(formula.value, values)) == pytest.approx(J, rel=1e-12)
        assert float(to_sympy(formula.derivative, values)) == pytest.approx(da, rel=1e-12)


def test_softmax_is_its_code() -> None:
    z = sympy.symbols("z0:3", real=True)
    a = [sympy.exp(one) / sum(map(sympy.exp, z)) for one in z]
    formula = activation_formula(ACTIVATIONS["softmax"]())
    assert text(formula.value) == "exp(z_i)/(Σ_j exp(z_j))"
    assert text(formula.derivative) == "a_i ([i = j] - a_j)"
    for i in range(3):
        for j in range(3):
            claimed = a[i] * (int(i == j) - a[j])
            assert sympy.simplify(sympy.diff(a[i], z[j]) - claimed) == 0


# The notes' own formulas: a three-layer network with the logistic cost. There a^3 is written a^i,
# J is written J(w, b), and W is written w.
FIRST = r"\frac{\partial J}{\partial a^{3}} \frac{\partial a^{3}}{\partial z^{3}} "
NOTES = {
    ("da", 1): FIRST
    + r"\frac{\partial z^{3}}{\partial a^{2}} \frac{\partial a^{2}}{\partial z^{2}} "
    r"\frac{\partial z^{2}}{\partial a^{1}}",
    ("da", 0): FIRST
    + r"\frac{\partial z^{3}}{\partial a^{2}} \frac{\partial a^{2}}{\partial z^{2}} "
    r"\frac{\partial z^{2}}{\partial a^{1}} \frac{\partial a^{1}}{\partial z^{1}} "
    r"\frac{\partial z^{1}}{\partial a^{0}}",
    ("dW", 1): FIRST
    + r"\frac{\partial z^{3}}{\partial a^{2}} \frac{\partial a^{2}}{\partial z^{2}} "
    r"\frac{\partial z^{2}}{\partial a^{1}} \frac{\partial a^{1}}{\partial z^{1}} "
    r"\frac{\partial z^{1}}{\partial W^{1}}",
    ("db", 1): FIRST
    + r"\frac{\partial z^{3}}{\partial a^{2}} \frac{\partial a^{2}}{\partial z^{2}} "
    r"\frac{\partial z^{2}}{\partial a^{1}} \frac{\partial a^{1}}{\partial z^{1}} "
    r"\frac{\partial z^{1}}{\partial b^{1}}",
}


@pytest.mark.parametrize(("quantity", "layer"), NOTES)
def test_the_notes_example_term_for_term(quantity: str, layer: int) -> None:
    net = cr.Network([2, 3, 2, 1], hidden="sigmoid", output="sigmoid", cost="logistic", seed=0)
    found = cr.expand(net, [[0.5, -1.0]], [1], quantity, layer)  # type: ignore[arg-type]
    goal = rf"\frac{{\partial J}}{{\partial {quantity[1:]}^{{{layer}}}}}"
    assert found.latex() == f"{goal} = {NOTES[quantity, layer]}"
    fractions = list(ElementTree.fromstring(found.mathml()).iter("mfrac"))
    terms = ["".join(part.itertext()) for fraction in fractions for part in fraction]
    assert terms == re.findall(r"∂\w+", re.sub(r"\\partial |[\^{}]", _as_mathml, found.latex()))


def _as_mathml(match: re.Match[str]) -> str:
    """MathML's text has no braces, and the symbol itself in place of its name."""
    return {"^": "", "{": "", "}": " "}.get(match[0], "∂")


def test_an_entry_is_written_as_the_sum_over_its_paths() -> None:
    net = cr.Network([2, 3, 2, 1], hidden="sigmoid", output="sigmoid", cost="logistic", seed=0)
    found = cr.expand(net, [[0.5, -1.0]], [1], "dW", 1, (2, 0))
    top = r"\frac{\partial J}{\partial a^{3}_{0}} \frac{\partial a^{3}_{0}}{\partial z^{3}_{0}} "
    end = r"\frac{\partial a^{1}_{2}}{\partial z^{1}_{2}} a^{0}_{0}"
    ways = [
        rf"W^{{3}}_{{0,{k}}} \frac{{\partial a^{{2}}_{{{k}}}}}{{\partial z^{{2}}_{{{k}}}}} "
        rf"W^{{2}}_{{{k},2}} {end}"
        for k in (0, 1)
    ]
    goal = r"\frac{\partial J}{\partial W^{1}_{2,0}}"
    assert found.latex() == f"{goal} = {top}{ways[0]} + {top}{ways[1]}"
    ElementTree.fromstring(found.mathml())
    wide = cr.Network([2, 3, 9, 1], hidden="sigmoid", output="sigmoid", seed=0)
    product = cr.expand(wide, [[0.5, -1.0]], [1], "dW", 1, (2, 0))
    assert product.latex().endswith(r"\frac{\partial a^{1}}{\partial z^{1}}\right)_{2} a^{0}_{0}")
    assert product.latex().startswith(goal + r" = \left(\frac{\partial J}{\partial a^{3}}")
    ElementTree.fromstring(product.mathml())
    mixed = cr.Network([2, 2, 2], hidden="tanh", output="softmax", seed=0)
    assert cr.expand(mixed, [[0.5, -1.0]], [1], "db", 1, 0).latex().count("W^{2}") == 4


def test_the_notes_start_of_the_way_back() -> None:
    net = cr.Network([2, 1], output="sigmoid", cost="logistic", seed=0)
    first = cr.expand(net, [[0.5, -1.0]], [1], "da", 1).factors[0]
    assert latex(first.formula) == r"-\frac{y}{a^{1}} + \frac{1 - y}{1 - a^{1}}"


@pytest.mark.parametrize("record", [*CASES, *COST_CASES], ids=lambda r: r.spec)
def test_mathml_is_well_formed_and_says_what_text_says(record: Activation | Cost) -> None:
    formula = activation_formula(record) if isinstance(record, Activation) else cost_formula(record)
    for node in (formula.value, formula.derivative):
        tree = ElementTree.fromstring(mathml(node))
        symbols = {e.text for e in tree.iter("mi")}
        for letter in ("z", "a", "y"):
            assert (letter in symbols) == (letter in _letters(text(node)))
        assert latex(node).count("{") == latex(node).count("}")


def _letters(word: str) -> set[str]:
    return set(re.findall(r"(?<![A-Za-z])[a-z](?![A-Za-z(])", word))


def test_the_pages_functions_are_those_printed_from_the_tables() -> None:
    from chainrule.explanation.javascript import print_all

    assert json.loads(asset("functions.json")) == print_all()


@pytest.mark.parametrize(
    "words", ["a +", "(a", "a)", "1 if z", "a $ b", "sum", "|a", ", s", "a, 1 = z"]
)
def test_what_is_no_formula_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        parse_formula(words)


def test_own_records_are_shown_by_what_sympy_makes_of_them() -> None:
    cube = Activation("cube", f=lambda z: z**3, df=lambda z, a: 3 * z**2)
    formula = activation_formula(cube)
    assert (text(formula.value), text(formula.derivative)) == ("z³", "3 z²")
    opaque = Activation("opaque", f=lambda z: np.sinc(z), df=lambda z, a: np.cos(z))
    assert text(activation_formula(opaque).value) == "f(z)"
    quartic = Cost(
        "quartic", J=lambda a, y: ((a - y) ** 4).sum(1), da=lambda a, y: 4 * (a - y) ** 3
    )
    assert text(cost_formula(quartic).value) == "(a - y)⁴"
    named = Activation("mine", f=lambda z: z, df=lambda z, a: 1 + 0 * z, formula="<b>z</b> ?!")
    assert "<b>" not in markup(activation_formula(named).value)


def test_numbers_of_settings_are_worked_out() -> None:
    assert text(tidy(parse_formula("1 z + 0.5 2 z"))) == "z + z"
    assert text(tidy(parse_formula("(1 - 0.25) z"))) == "0.75 z"
