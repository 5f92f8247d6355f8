"""What the functions that explain a network refuse and take from an estimator, in sentences."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.explanation import Names, findings

pytest.importorskip("jinja2")
X, Y = np.arange(15.0).reshape(5, 3), [0, 1, 0, 1, 1]


def net() -> cr.Network:
    return cr.Network([3, 4, 1], hidden="tanh", output="sigmoid")


def spoilt(value: float) -> np.ndarray:
    found = X.copy()
    found[1, 2] = value
    return found


OF_ALL = [
    (("net", X, Y), "net must be a Network, not str"),
    ((None, X, Y), "net must be a Network, not NoneType"),
    ((net(), X[:, :2], Y), "X must have the shape (m, 3)"),
    ((net(), X[0], Y), "X must have the shape (m, 3)"),
    ((net(), X[:0], Y[:0]), "X has no rows: give at least one sample"),
    ((net(), X, Y[:3]), "y has 3 rows, and X has 5"),
    ((net(), X, None), "y must hold numbers"),
    ((net(), spoilt(np.nan), Y), "X[1, 2] is nan: every input must be finite"),
    ((net(), spoilt(-np.inf), Y), "X[1, 2] is -inf: every input must be finite"),
]


@pytest.mark.parametrize("function", [cr.expand, cr.explain, findings])
@pytest.mark.parametrize(("given", "said"), OF_ALL)
def test_network_and_samples(function: Callable[..., Any], given: tuple, said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        function(*given)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"layer": "1"}, "layer must be a whole number, not '1'"),
        ({"layer": 1.5}, "layer must be a whole number, not 1.5"),
        ({"layer": True}, "layer must be a whole number, not True"),
        ({"layer": 3}, "dW is there for the layers 1 to 2, not for 3"),
        ({"entry": (0.5, 1)}, "entry must be a whole number, not 0.5"),
        ({"entry": "a"}, "entry must be a whole number, not 'a'"),
        ({"entry": 2}, "it has no entry (2,), and one is named by (i, j), counted from 0"),
        ({"entry": (0, 3)}, "it has no entry (0, 3)"),
        ({"quantity": "db", "entry": (1, 1)}, "one is named by i, counted from 0"),
        ({"row": "a"}, "row must be a whole number, not 'a'"),
        ({"row": 1.5}, "row must be a whole number, not 1.5"),
        ({"row": -1}, "row -1 is not there: X has the rows 0 to 4"),
    ],
)
def test_expand(settings: dict[str, Any], said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        cr.expand(net(), X, Y, **settings)


def test_numpys_whole_numbers_are_whole_numbers() -> None:
    entry = np.array([1, 2])
    found = cr.expand(net(), X, Y, "dW", np.int64(1), entry=entry, row=np.int8(2))  # type: ignore[arg-type]
    assert (found.layer, found.entry, found.row) == (1, (1, 2), 2)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"row": "1"}, "row must be a whole number, not '1'"),
        ({"samples": 2.5}, "samples must be a whole number, not 2.5"),
        ({"first_row": "a"}, "first_row must be a whole number, not 'a'"),
        ({"inputs": "abc"}, "inputs must be a list of names, not 'abc'"),
        ({"inputs": 5}, "inputs must be a list of names, not 5"),
        ({"inputs": ["a"]}, "inputs has 1 name, and the network has 3 inputs"),
        ({"outputs": ["a", "b"]}, "outputs has 2 names, and the network has 1 output"),
        ({"history": 5}, "history must be what fit returned, not int"),
    ],
)
def test_explain(settings: dict[str, Any], said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        cr.explain(net(), X, Y, **settings)
    assert "<title>5</title>" in cr.explain(net(), X, Y, title=5).html  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"most": "a"}, "most must be a whole number, not 'a'"),
        ({"row": 9}, "row 9 is not there"),
        ({"names": ["a"]}, "names must be Names(inputs, outputs), not ['a']"),
        ({"names": Names(("a",))}, "inputs has 1 name, and the network has 3 inputs"),
        ({"names": Names((), ("a", "b"))}, "outputs has 2 names, and the network has 1 output"),
    ],
)
def test_illustrate(settings: dict[str, Any], said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        cr.illustrate(net(), X, Y, "units", **settings)


def test_a_picture_of_no_network_or_no_size_is_refused() -> None:
    with pytest.raises(TypeError, match="net must be a Network, not NoneType"):
        cr.illustrate(None)  # type: ignore[arg-type]
    for scale in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="png: scale must be a finite number above 0"):
            cr.illustrate(net()).png(scale)


def test_who_gives_an_estimator_is_told_where_its_network_is() -> None:
    pytest.importorskip("sklearn")
    from chainrule.estimators import BackpropClassifier

    model = BackpropClassifier(max_iter=2).fit(X, Y)
    with pytest.raises(TypeError, match="not BackpropClassifier: give its network_, or call"):
        cr.explain(model, X, Y)  # type: ignore[arg-type]


def test_an_estimator_explains_itself_with_the_names_of_its_columns_and_classes() -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    from chainrule.estimators import BackpropClassifier, BackpropRegressor

    table = pd.DataFrame({"age": [30.0, 41, 58, 22], "city": ["Bern", "Ulm", "Ulm", "Bern"]})
    words = ["old", "young", "old", "young"]
    page = BackpropClassifier((3,), max_iter=2).fit(table, words).explain(table, words).html
    assert '"inputs":["age","city=Bern","city=Ulm"],"outputs":["young"]' in page
    assert "x is standardised" in page
    assert "A word is 1 in the input of its name" in page
    assert "y and ŷ are standardised too" not in page

    dated = table.assign(day=pd.date_range("2024-01-01", periods=4, freq="90D"))
    page = BackpropClassifier((3,), max_iter=2).fit(dated, words).explain(dated, words).html
    assert "A date is its day, and sine and cosine" in page

    regressor = BackpropRegressor(hidden_layer_sizes=(3,), max_iter=2).fit(table, table.age * 2)
    page = regressor.explain(table, table.age, inputs=["a", "b", "c"]).html
    assert '"inputs":["a","b","c"],"outputs":[]' in page
    assert "y and ŷ are standardised too: J is not in the units of y." in page

    ages, kinds = table[["age"]], ["a", "b", "c", "a"]
    plain = BackpropClassifier((3,), max_iter=2, standardize=False).fit(ages, kinds)
    page = plain.explain(ages, kinds).html
    assert '"inputs":["age"],"outputs":["a","b","c"]' in page
    assert "x is standardised" not in page


def test_what_overflows_is_a_finding_and_no_warning() -> None:
    huge = X * 1e200
    net = cr.Network([3, 4, 1], hidden="relu")
    (found,) = [one for one in findings(net, huge, np.zeros(5)) if one.kind == "broken"]
    assert "although all parameters are" in found.text
    cr.illustrate(net, huge, np.zeros(5), "units", row=3).svg()
    assert [one for one in findings(net, X, np.zeros(5)) if one.kind == "broken"] == []


def test_a_long_sum_over_paths_shows_the_largest_and_adds_up_the_rest() -> None:
    deep = cr.Network([2, 8, 8, 8, 1], hidden="tanh", seed=1)
    found = cr.expand(deep, [[0.5, 1.0]], [3.0], "dW", 1, (0, 0))
    assert found.paths is not None
    lines = [line for line in found.text().splitlines() if line.startswith("  ")]
    assert len(lines) == 17
    said = [float(line.rsplit(" ", 1)[1].replace("−", "-")) for line in lines]
    assert sorted(said[:-1], key=abs, reverse=True) == said[:-1]
    assert lines[-1].startswith("  and 48 smaller paths, together ")
    assert sum(said) == pytest.approx(float(found.value), rel=1e-4)
    # A minus inside a product is in brackets.
    assert "· −" not in "".join(lines)
    few = cr.expand(net(), X, Y, "dW", 1, (1, 2), row=2)
    assert few.text().count("J → ") == 1


def test_a_text_explains_its_bracket_and_counts_one_row_as_one() -> None:
    soft = cr.Network([2, 4, 3], hidden="tanh", output="softmax")
    said = cr.expand(soft, [[1.0, 2.0]], [1])
    assert "[i = j] is 1 where i and j are the same unit" in said.text()
    assert "[i = j] is 1" in said._repr_html_()
    assert "… 1 more row]" in said.text()
    assert "[i = j]" not in cr.expand(net(), X, Y).text()
