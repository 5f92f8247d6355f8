"""Options: what each parameter of the estimators may be, and one sentence when it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from numbers import Integral, Real
from typing import Any

import numpy as np

from ..mathematics.checks import BELOW_ONE, NOT_NEGATIVE, POSITIVE, Domain


@dataclass(frozen=True, slots=True)
class Option:
    """The values a parameter may have: how to say it, and how to test for it."""

    words: str
    allows: Callable[[Any], bool]


def number(domain: Domain, words: str = "") -> Option:
    """Return the option of a real number in a domain."""
    return Option(words or domain.words, lambda x: _real(x) and bool(domain.contains(float(x))))


def count(least: int = 1) -> Option:
    """Return the option of a whole number from ``least`` on."""
    return Option(f"a whole number, {least} or above", lambda x: _whole(x) and int(x) >= least)


def either(*options: Option) -> Option:
    """Return the option of being allowed by any of several."""
    words = ", or ".join(option.words for option in options)
    return Option(words, lambda x: any(option.allows(x) for option in options))


def word(*known: str) -> Option:
    """Return the option of being one of some words."""
    listed = " or ".join(map(repr, known))
    return Option(listed, lambda x: isinstance(x, str) and x in known)


def _real(x: Any) -> bool:
    return isinstance(x, Real) and not isinstance(x, (bool, np.bool_))


def _whole(x: Any) -> bool:
    return isinstance(x, Integral) and not isinstance(x, (bool, np.bool_))


NONE = Option("None", lambda x: x is None)
TRUTH = Option("True or False", lambda x: isinstance(x, (bool, np.bool_)))
SIZES = Option(
    "whole numbers above 0, as (64, 32)",
    lambda x: (
        (_whole(x) and int(x) > 0)
        or (
            isinstance(x, Iterable)
            and not isinstance(x, str)
            and all(_whole(n) and int(n) > 0 for n in x)
        )
    ),
)

# What is not listed here (activation, solver, loss, ...) is resolved by name elsewhere.
OPTIONS: Mapping[str, Option] = {
    "hidden_layer_sizes": SIZES,
    "alpha": number(NOT_NEGATIVE),
    "l1": number(NOT_NEGATIVE),
    "prior": either(word("auto"), number(NOT_NEGATIVE)),
    "batch_size": either(word("auto"), count()),
    "learning_rate_init": number(POSITIVE),
    "power_t": number(NOT_NEGATIVE),
    "max_iter": count(),
    "shuffle": TRUTH,
    "tol": number(NOT_NEGATIVE),
    "verbose": either(TRUTH, count(0)),
    "warm_start": TRUTH,
    "momentum": number(BELOW_ONE),
    "nesterovs_momentum": TRUTH,
    "early_stopping": TRUTH,
    "validation_fraction": number(BELOW_ONE),
    "beta_1": number(BELOW_ONE),
    "beta_2": number(BELOW_ONE),
    "epsilon": number(POSITIVE),
    "n_iter_no_change": either(count(), Option("inf", lambda x: _real(x) and x == inf)),
    "max_fun": count(),
    "standardize": TRUTH,
    "clip_norm": either(NONE, number(POSITIVE)),
    "clip_value": either(NONE, number(POSITIVE)),
    "n_threads": either(NONE, count()),
    "n_members": either(NONE, count(2)),
    "time_limit": either(NONE, number(POSITIVE)),
    "dtype": either(NONE, word("float32", "float64")),
    "engine": word("auto", "native", "reference"),
}


def check_options(owner: str, parameters: Mapping[str, Any]) -> None:
    """Raise ValueError for the first parameter that is not what it may be, in scikit-learn's words.

    >>> check_options("BackpropClassifier", {"alpha": -1})
    Traceback (most recent call last):
    ValueError: The 'alpha' parameter of BackpropClassifier must be a finite number, 0 or above. \
Got -1 instead.
    """
    for name, value in parameters.items():
        option = OPTIONS.get(name)
        if option is not None and not option.allows(value):
            raise ValueError(
                f"The {name!r} parameter of {owner} must be {option.words}. Got {value!r} instead."
            )
