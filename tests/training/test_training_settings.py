"""Settings: one list of arguments, checked with one sentence each, and early stopping."""

from __future__ import annotations

import dataclasses
import inspect
from math import inf, nan
from typing import Any, get_type_hints

import numpy as np
import pytest

import chainrule as cr
from chainrule.training import Arguments, Settings
from chainrule.training.stopping import EarlyStopping

X = np.random.default_rng(0).normal(size=(20, 2))
Y = X[:, 0]


def test_arguments_and_settings_list_the_same_names_and_types() -> None:
    from chainrule.training import settings
    from chainrule.training.checkpoints import Checkpoints

    names = {**vars(settings), "Checkpoints": Checkpoints}
    assert get_type_hints(Arguments, None, names) == get_type_hints(Settings, None, names)
    assert not Arguments.__required_keys__


def test_settings_explain_every_argument() -> None:
    text = inspect.getdoc(Settings) or ""
    for field in dataclasses.fields(Settings):
        assert f"``{field.name}``" in text, field.name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"learning_rte": 0.1}, "unknown argument 'learning_rte', did you mean 'learning_rate'"),
        ({"epochs": 0}, "fit: epochs must be a whole number, 1 or above, not 0"),
        ({"epochs": 2.0}, "fit: epochs must be a whole number, 1 or above, not 2.0"),
        ({"epochs": True}, "fit: epochs must be a whole number, 1 or above, not True"),
        ({"epochs": None}, "fit: epochs must be a whole number, 1 or above, not None"),
        ({"epochs": [3]}, r"fit: epochs must be a whole number, 1 or above, not \[3\]"),
        ({"patience": -1}, "fit: patience must be a whole number, 1 or above, not -1"),
        ({"learning_rate": nan}, "fit: learning_rate must be a finite number above 0, not nan"),
        ({"learning_rate": np.ones(2)}, "fit: learning_rate must be a finite number above 0"),
        ({"tolerance": -1e-3}, "fit: tolerance must be a finite number, 0 or above"),
        ({"clip_norm": 0.0}, "fit: clip_norm must be a finite number above 0, not 0.0"),
        ({"batch_size": "all"}, "fit: batch_size must be a whole number, 1 or above, not 'all'"),
        ({"callbacks": 3}, r"a callback is a function of \(network, history\), not 3"),
        ({"callbacks": [print, 3]}, r"a callback is a function of \(network, history\), not 3"),
    ],
)
def test_fit_refuses_a_wrong_argument_by_name(arguments: dict[str, Any], words: str) -> None:
    net = cr.Network([2, 1])
    theta = net.theta.copy()
    with pytest.raises((ValueError, TypeError), match=words):
        net.fit(X, Y, **arguments)
    assert (net.theta == theta).all()


def test_fit_takes_whole_numbers_of_numpy() -> None:
    history = cr.Network([2, 1]).fit(X, Y, epochs=np.int64(2), batch_size=np.int32(7))
    assert history.epochs == 2


# Worked by hand. Relative: the marks are 10, then 8.9 (below 9), then 8 (below 8.01).
@pytest.mark.parametrize(
    ("stopping", "values", "waited", "lowest"),
    [
        (
            EarlyStopping(tolerance=0.1, patience=2),
            [10.0, 9.5, 9.0, 8.9, 8.2, 8.0, nan],
            [0, 1, 2, 0, 1, 0, 1],
            [True, True, True, True, True, True, False],
        ),
        # Absolute, as scikit-learn has it: 9.4 is 0.6 below 10, 9.0 only 0.4 below 9.4.
        (
            EarlyStopping(tolerance=0.5, patience=2, relative=False),
            [10.0, 9.4, 9.0, 8.5, 8.5, -inf],
            [0, 0, 1, 0, 1, 0],
            [True, True, True, True, False, True],
        ),
        # Without a tolerance, absolute patience is renewed by an equal value, relative is not.
        (EarlyStopping(patience=1), [1.0, 1.0], [0, 1], [True, False]),
        (EarlyStopping(patience=1, relative=False), [1.0, 1.0], [0, 0], [True, False]),
        # A mark below 0: better by a tenth of 10 is below -11.
        (EarlyStopping(tolerance=0.1), [-10.0, -11.0, -11.1], [0, 1, 0], [True, True, True]),
    ],
    ids=["relative", "absolute", "equal-relative", "equal-absolute", "negative"],
)
def test_early_stopping_waits_by_hand(
    stopping: EarlyStopping, values: list[float], waited: list[int], lowest: list[bool]
) -> None:
    for value, waits, is_lowest in zip(values, waited, lowest, strict=True):
        assert stopping.observe(value) == is_lowest
        assert stopping.waited == waits
        assert stopping.exhausted == (waits >= stopping.patience)
