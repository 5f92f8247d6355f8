"""Names with numbers, as in ``"huber(1.5)"``: reading, writing, and looking them up in a table."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import cache, lru_cache, wraps
from typing import Any, TypeVar

from .checks import plain

T = TypeVar("T")

_SPEC = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*(?:\(\s*([^()]*?)\s*\))?\s*")

# What other libraries call the same thing: only ever offered in a message, never accepted.
_ELSEWHERE = {
    "bce": "logistic",
    "gd": "gradient_descent",
    "kaiming_normal": "he_normal",
    "kaiming_uniform": "he_uniform",
    "l1": "absolute_error",
    "linear": "identity",
    "logloss": "logistic",
    "mae": "absolute_error",
    "mse": "squared_error",
    "nag": "nesterov",
    "one": "constant",
    "pinball": "quantile",
    "sgd": "gradient_descent",
    "swish": "silu",
    "xavier_normal": "glorot_normal",
    "xavier_uniform": "glorot_uniform",
}


def parse(spec: str) -> tuple[str, tuple[float, ...]]:
    """Split a name with optional numbers: ``name`` or ``name(number, ...)``.

    Raises TypeError if ``spec`` is not text, ValueError if it is not of that form or a number in
    it is not finite.

    >>> parse("huber(1.5)")
    ('huber', (1.5,))
    >>> parse("adam")
    ('adam', ())
    """
    if not isinstance(spec, str):
        raise TypeError(f"a name must be text such as 'adam' or 'huber(1.5)', not {spec!r}")
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise ValueError(
            f"{spec!r} is not a name with numbers in brackets: write it as 'adam' or 'huber(1.5)'"
        )
    name, inside = match.groups()
    if not inside:
        return name, ()
    return name, tuple(_number(spec, word.strip()) for word in inside.split(","))


def _number(spec: str, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{word!r} in {spec!r} is not a finite number: write a number such as 0.5")
    return value


def spell(name: str, numbers: Iterable[float] = ()) -> str:
    """Write a name with its numbers, so that ``parse`` reads the same back.

    >>> spell("huber", (1.5,))
    'huber(1.5)'
    >>> spell("relu")
    'relu'
    """
    inside = ", ".join(repr(float(number)) for number in numbers)
    return f"{name}({inside})" if inside else name


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is spelt most like ``name``, None if none is; case is ignored.

    >>> nearest("Prize", ["age", "price"])
    'price'
    """
    from difflib import get_close_matches

    lower = {one.strip().lower(): one for one in reversed(list(known))}
    near = get_close_matches(name.strip().lower(), lower, n=1)
    return lower[near[0]] if near else None


def unknown(kind: str, name: str, known: Iterable[str]) -> ValueError:
    """Build the error for a ``name`` that no table entry has; it offers the nearest known one.

    >>> print(unknown("optimizer", "adamm", ["adam", "rmsprop"]))
    unknown optimizer 'adamm', did you mean 'adam'? (known: adam, rmsprop)
    """
    names = list(known)
    plain = re.sub(r"[\s-]+", "_", str(name).strip().lower())
    elsewhere = _ELSEWHERE.get(plain)
    near = elsewhere if elsewhere in names else nearest(plain, names)
    hint = f", did you mean {near!r}?" if near else ""
    return ValueError(f"unknown {kind} {name!r}{hint} (known: {', '.join(sorted(names))})")


def resolve(kind: str, spec: str, table: Mapping[str, Callable[..., T]]) -> T:
    """Build what ``spec`` names: the factory of that name in ``table``, given its numbers.

    Raises ValueError for an unknown name (with the nearest known one), for more numbers than the
    factory takes, and for numbers the factory refuses.
    """
    name, numbers = parse(spec)
    if name not in table:
        raise unknown(kind, name, table)
    takes = _settings_of(table[name])
    if len(numbers) > len(takes):
        most = f"at most {len(takes)} ({', '.join(takes)})" if takes else "no numbers"
        raise ValueError(f"{kind} {name!r} takes {most}, but {spec!r} gives {len(numbers)}")
    return table[name](*numbers)


@cache
def _settings_of(factory: Callable[..., object]) -> tuple[str, ...]:
    return tuple(inspect.signature(factory).parameters)


def entry(factory: Callable[..., T]) -> Callable[..., T]:
    """Make a table's factory return one record for one set of settings, however they are given.

    Numbers of different types are different settings: a Fraction stays exact beside an equal float.
    """
    signature = inspect.signature(factory)
    remembered = lru_cache(maxsize=None, typed=True)(factory)

    @wraps(factory)
    def build(*args: Any, **settings: Any) -> T:
        bound = signature.bind(*args, **settings)
        bound.apply_defaults()
        numbers = [plain(value) for value in bound.arguments.values()]
        try:
            return remembered(*numbers)
        except TypeError:
            # Not hashable, or of a wrong type: the factory itself says it better.
            return factory(*numbers)

    return build


class Table(dict[str, Callable[..., T]]):
    """A table of records by name: each entry is a factory that takes the record's settings."""

    def entry(self, factory: Callable[..., T]) -> Callable[..., T]:
        """Add a factory under its own name; see ``entry`` for what it returns."""
        build = entry(factory)
        self[factory.__name__] = build
        return build


def listed(record: Any, table: Mapping[str, Callable[..., Any]]) -> bool:
    """Say whether a record is the table's own entry: of a known name, with that entry's functions.

    The table's factories are entries, so equal settings give the same functions.
    """
    if record.name not in table:
        return False
    try:
        known = table[record.name](*record.settings.values())
    except (TypeError, ValueError):
        return False  # settings that the table's entry does not have
    pairs = [(getattr(known, f.name), getattr(record, f.name)) for f in fields(known)]
    return all(ours is theirs for ours, theirs in pairs if callable(ours) or callable(theirs))


def spelled_entry(
    kind: str, record: Any, table: Mapping[str, Callable[..., Any]], by_name: bool = False
) -> str:
    """Return a table's entry as ``resolve`` reads it.

    ``by_name``: the name decides, where an entry's functions are made anew each time. Raises
    ValueError for one's own record: a file names table entries, never functions.
    """
    if record.name not in table or not (by_name or listed(record, table)):
        raise ValueError(
            f"{kind} {record.name!r} is your own record, and a model file names entries of our "
            "tables only: save net.theta yourself, and build the network again in your code"
        )
    return spell(record.name, record.settings.values())
