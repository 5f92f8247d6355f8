"""Many trainings over ranks are the same trainings; ensembles average."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr

rng = np.random.default_rng(1)
X = rng.normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)
COMMON: dict[str, Any] = {"sizes": [3, 5, 1], "output": "sigmoid", "epochs": 4}


class Pretended:
    """A rank of a team whose other ranks' results are put in from outside."""

    def __init__(self, rank: int, size: int, others: list[Any]) -> None:
        self.rank, self.size, self.others = rank, size, others

    def sum_(self, array: Any) -> None:
        raise AssertionError

    maximum_ = share = sum_

    def gather(self, value: Any) -> list[Any]:
        self.others.append(value)
        return self.others


def test_each_is_what_fit_does_alone_on_any_number_of_ranks() -> None:
    each = cr.grid(seed=[0, 1, 2], learning_rate=[0.1, 0.01])
    alone = cr.fit_many(each, X, Y, **COMMON)
    for settings, one in zip(each, alone, strict=True):
        net = cr.Network([3, 5, 1], output="sigmoid", seed=settings["seed"])
        net.fit(X, Y, epochs=4, learning_rate=settings["learning_rate"], progress=False)
        assert one.network is not None
        assert (one.network.theta == net.theta).all()
        assert {**COMMON, **settings} == one.settings
    seen: list[Any] = []
    for rank in range(3):
        team = Pretended(rank, 3, seen)
        try:
            found = cr.fit_many(each, X, Y, team=team, **COMMON)
        except KeyError:
            assert rank < 2  # the others' results are not there yet
    assert [len(part) for part in seen] == [2, 2, 2]
    for a, b in zip(alone, found, strict=True):
        assert a.network is not None
        assert b.network is not None
        assert (a.network.theta == b.network.theta).all()
        assert a.cost == b.cost


def test_folds_hold_out_each_row_once() -> None:
    from chainrule.ensemble import _folds

    parts = _folds(60, 7, 3)
    rows = np.concatenate([part for part in parts if part is not None])
    assert sorted(rows.tolist()) == list(range(60))
    found = cr.fit_many([{"seed": 3}, {"seed": 4}], X, Y, folds=7, l2=0.1, **COMMON)
    assert len(found) == 14
    first = parts[0]
    keep = np.setdiff1d(np.arange(60), first)
    net = cr.Network([3, 5, 1], output="sigmoid", seed=3, l2=0.1)
    net.fit(X[keep], Y[keep], epochs=4, progress=False)
    a = net.predict(X[first])[:, 0]
    y = Y[first]
    J = -np.mean(y * np.log(a) + (1 - y) * np.log1p(-a))
    assert found[0].cost == pytest.approx(J, rel=1e-10)


def test_a_fault_of_one_is_told_and_does_not_end_the_others() -> None:
    found = cr.fit_many([{"optimizer": "adam"}, {"optimizer": "adam", "epochs": 0}], X, Y, **COMMON)
    assert found[0].fault is None
    assert found[1].network is None
    assert found[1].fault is not None
    assert "epochs must be" in found[1].fault


def test_ensemble_is_the_weighted_mean() -> None:
    found = cr.fit_many(cr.grid(seed=range(3)), X, Y, **COMMON)
    nets = [one.network for one in found if one.network is not None]
    outputs = np.stack([net.predict(X) for net in nets])
    np.testing.assert_allclose(cr.Ensemble(nets).predict(X), outputs.mean(0), rtol=1e-14)
    weighted = cr.Ensemble(nets, [1, 0, 3]).predict(X)
    np.testing.assert_allclose(weighted, (outputs[0] + 3 * outputs[2]) / 4, rtol=1e-14)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cr.fit_many([{}], X, Y), "needs the sizes"),
        (lambda: cr.fit_many([{}], X, Y, folds=1, **COMMON), "folds must be from 2 to 60"),
        (lambda: cr.Ensemble([]), "at least one"),
        (lambda: cr.Ensemble([cr.Network([3, 1]), cr.Network([2, 1])]), "differ in inputs"),
        (lambda: cr.Ensemble([cr.Network([3, 1])], [-1.0]), "weights must be"),
    ],
)
def test_bad_arguments(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
