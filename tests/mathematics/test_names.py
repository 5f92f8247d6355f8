"""Names with numbers: parsing, writing, did-you-mean, and how a table is asked."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.mathematics.names import parse, resolve, spell, unknown


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("adam", ("adam", ())),
        ("adam()", ("adam", ())),
        ("huber(1.5)", ("huber", (1.5,))),
        ("  huber ( 1.5 ) ", ("huber", (1.5,))),
        ("adam(0.9, 0.99,1e-8)", ("adam", (0.9, 0.99, 1e-8))),
        ("l2_x(-3)", ("l2_x", (-3.0,))),
    ],
)
def test_parse(spec: str, expected: object) -> None:
    assert parse(spec) == expected


@pytest.mark.parametrize(
    "spec", ["", " ", "huber(1.5", "huber 1.5)", "huber(1)(2)", "huber((1))", "1.5", "a-b", "(1)"]
)
def test_a_malformed_name_is_shown_with_the_right_form(spec: str) -> None:
    with pytest.raises(ValueError, match="is not a name with numbers in brackets") as error:
        parse(spec)
    assert repr(spec) in str(error.value)


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ("huber(x)", "x"),
        ("huber(1,,2)", ""),
        ("huber(1,)", ""),
        ("huber(nan)", "nan"),
        ("huber(inf)", "inf"),
        ("huber(1e999)", "1e999"),
        ("huber(delta=1)", "delta=1"),
        ("huber(1 2)", "1 2"),
    ],
)
def test_what_is_not_a_finite_number_is_named(spec: str, word: str) -> None:
    with pytest.raises(ValueError, match="is not a finite number") as error:
        parse(spec)
    assert str(error.value).startswith(f"{word!r} in {spec!r}")


@pytest.mark.parametrize("spec", [None, 3, b"adam", ["adam"]])
def test_a_name_is_text(spec: object) -> None:
    with pytest.raises(TypeError, match="must be text"):
        parse(spec)  # type: ignore[arg-type]


@given(
    st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,20}", fullmatch=True).filter(str.isascii),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=4),
)
def test_parse_reads_what_spell_writes(name: str, numbers: list[float]) -> None:
    read, values = parse(spell(name, numbers))
    assert read == name
    assert list(values) == numbers
    assert [math.copysign(1, v) for v in values] == [math.copysign(1, n) for n in numbers]


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_with_a_value_error(text: str) -> None:
    try:
        name, numbers = parse(text)
    except ValueError:
        return
    assert name in text
    assert all(math.isfinite(number) for number in numbers)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("adamm", "adam"),
        ("Adam", "adam"),
        ("gradient-descent", "gradient_descent"),
        ("gradient descent", "gradient_descent"),
        ("sgd", "gradient_descent"),
        ("SGD", "gradient_descent"),
    ],
)
def test_an_unknown_name_offers_the_nearest(name: str, nearest: str) -> None:
    error = unknown("optimizer", name, ["rmsprop", "adam", "gradient_descent"])
    assert isinstance(error, ValueError)
    assert str(error) == (
        f"unknown optimizer {name!r}, did you mean {nearest!r}? "
        "(known: adam, gradient_descent, rmsprop)"
    )


def test_an_unknown_name_far_from_all_offers_none() -> None:
    # "sgd" would mean gradient_descent, but that is not in this table.
    for name in ("xyzzy", "sgd"):
        assert str(unknown("cost", name, ["huber"])) == f"unknown cost {name!r} (known: huber)"


TABLE = {"pair": lambda left=1.0, right=2.0: (left, right), "none": lambda: ()}


def test_resolve_builds_with_the_numbers_given() -> None:
    assert resolve("thing", "pair", TABLE) == (1.0, 2.0)
    assert resolve("thing", "pair(5)", TABLE) == (5.0, 2.0)
    assert resolve("thing", "pair(5, 6)", TABLE) == (5.0, 6.0)


def test_resolve_counts_the_numbers() -> None:
    with pytest.raises(ValueError, match=r"thing 'pair' takes at most 2 \(left, right\), but .* 3"):
        resolve("thing", "pair(1, 2, 3)", TABLE)
    with pytest.raises(ValueError, match=r"thing 'none' takes no numbers, but 'none\(1\)' gives 1"):
        resolve("thing", "none(1)", TABLE)


def test_resolve_refuses_an_unknown_name() -> None:
    with pytest.raises(ValueError, match="unknown thing 'pare', did you mean 'pair'"):
        resolve("thing", "pare", TABLE)
