"""Constraints: what each parameter may be, and all of them as one record of plain Python values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from math import inf
from numbers import Integral, Real
from typing import Any

import numpy as np

from ..mathematics.checks import BELOW_ONE, NOT_NEGATIVE, POSITIVE, Domain


@dataclass(frozen=True, slots=True)
class Parameters:
    """An estimator's parameters, checked, as plain Python values: NumPy's scalars are turned."""

    hidden_layer_sizes: tuple[int, ...]
    activation: Any
    solver: Any
    alpha: float
    batch_size: int | str
    learning_rate: Any
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    loss: Any
    schedule: Any
    standardize: bool
    categorical_features: Any
    init: Any
    l1: float
    prior: float | str
    dropout: Any
    clip_norm: float | None
    clip_value: float | None
    scoring: Any
    callbacks: tuple[Callable[..., Any], ...]
    n_threads: int | None
    dtype: str | None
    engine: str
    class_weight: Any = None


def number(domain: Domain) -> Domain:
    """Return the domain of a real number: no text, no truth value."""
    return Domain(domain.words, lambda x: _real(x) and bool(domain.contains(plain(x))))


def count(least: int = 1) -> Domain:
    """Return the domain of the whole numbers from ``least`` on."""
    return Domain(f"a whole number, {least} or above", lambda x: _whole(x) and int(x) >= least)


def either(*domains: Domain) -> Domain:
    """Return the union of several domains."""
    words = ", or ".join(domain.words for domain in domains)
    return Domain(words, lambda x: any(domain.contains(x) for domain in domains))


def word(*words: str) -> Domain:
    """Return the domain of some words."""
    return Domain(" or ".join(map(repr, words)), lambda x: isinstance(x, str) and x in words)


def _real(x: Any) -> bool:
    return isinstance(x, Real) and not isinstance(x, (bool, np.bool_))


def _whole(x: Any) -> bool:
    return isinstance(x, Integral) and not isinstance(x, (bool, np.bool_))


def _several(x: Any) -> bool:
    return isinstance(x, (list, tuple, range)) or getattr(x, "ndim", 0) == 1


def _sizes(x: Any) -> bool:
    return all(_whole(n) and int(n) > 0 for n in (x if _several(x) else [x]))


def _callables(x: Any) -> bool:
    return callable(x) or (_several(x) and all(map(callable, x)))


NONE = Domain("None", lambda x: x is None)
TRUTH = Domain("True or False", lambda x: isinstance(x, (bool, np.bool_)))

# What is not listed here (solver, loss, schedule, ...) is resolved by name elsewhere.
CONSTRAINTS: Mapping[str, Domain] = {
    "hidden_layer_sizes": Domain("whole numbers above 0, as (64, 32)", _sizes),
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
    "n_iter_no_change": either(count(), Domain("inf", lambda x: _real(x) and x == inf)),
    "max_fun": count(),
    "standardize": TRUTH,
    "clip_norm": either(NONE, number(POSITIVE)),
    "clip_value": either(NONE, number(POSITIVE)),
    "callbacks": Domain("a function of (network, history), or several", _callables),
    "n_threads": either(NONE, count()),
    "n_members": either(NONE, count(2)),
    "time_limit": either(NONE, number(POSITIVE)),
    "dtype": either(NONE, word("float32", "float64")),
    "engine": word("auto", "native", "reference"),
}
# Parameters that keep their own types.
AS_THEY_ARE = {"random_state", "categorical_features", "class_weight", "callbacks", "scoring"}


def check(owner: str, parameters: Mapping[str, Any]) -> None:
    """Raise ValueError for the first parameter that is not what it may be, in scikit-learn's words.

    >>> check("BackpropClassifier", {"alpha": -1})
    Traceback (most recent call last):
    ValueError: The 'alpha' parameter of BackpropClassifier must be a finite number, 0 or above. \
Got -1 instead.
    """
    for name, value in parameters.items():
        if name in CONSTRAINTS and not CONSTRAINTS[name].contains(value):
            raise ValueError(
                f"The {name!r} parameter of {owner} must be {CONSTRAINTS[name].words}. "
                f"Got {value!r} instead."
            )


def checked(owner: str, parameters: Mapping[str, Any]) -> Parameters:
    """Return the parameters as a record. Raises ValueError as ``check`` does."""
    check(owner, parameters)
    names = [field.name for field in fields(Parameters) if field.name in parameters]
    values = {n: parameters[n] if n in AS_THEY_ARE else plain(parameters[n]) for n in names}
    sizes, callbacks = values["hidden_layer_sizes"], values["callbacks"]
    values["hidden_layer_sizes"] = sizes if isinstance(sizes, tuple) else (sizes,)
    values["callbacks"] = (callbacks,) if callable(callbacks) else tuple(callbacks)
    return Parameters(**values)


def plain(value: Any) -> Any:
    """Return NumPy's scalars, alone or in a sequence, as Python's; leave all else as it is."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, str):
        return str(value)
    if _several(value):
        return tuple(plain(item) for item in value)
    return value
