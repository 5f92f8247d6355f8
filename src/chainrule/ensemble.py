"""Many small networks: seeds, folds and settings, each trained whole by one rank.

A tiny network's step is shorter than one message between machines, so its steps are not worth
sharing out; whole trainings are. Each is what ``Network.fit`` does alone, to the last bit, whatever
the number of ranks.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .engines.communicator import ALONE, Team
from .mathematics.random import SPLIT, key, permutation
from .network import Network
from .parameters import penalties
from .training.history import History
from .typing import Floats, Rows

# Arguments of Network; the others are those of fit.
_OF_NETWORK = ("sizes", "hidden", "output", "cost", "seed", "dtype", "dropout", "l1", "l2", "init")
_FOLD = 7  # so that folds and the held-out share of fit are drawn from different streams


@dataclass(frozen=True, slots=True)
class Fitted:
    """One of many trainings: its settings, network and history, or the fault that ended it.

    With folds, ``cost`` is J on the fold held out (without penalties), else the last of training.
    """

    settings: Mapping[str, Any]
    network: Network | None
    history: History | None
    cost: float
    fault: str | None = None


def grid(**choices: Iterable[Any]) -> list[dict[str, Any]]:
    """Return the settings for each combination of choices, the last named changing fastest.

    >>> grid(seed=[0, 1], learning_rate=[0.1, 0.01])[1]
    {'seed': 0, 'learning_rate': 0.01}
    """
    return [dict(zip(choices, one, strict=True)) for one in itertools.product(*choices.values())]


def fit_many(
    each: Sequence[Mapping[str, Any]],
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    folds: int | None = None,
    team: Team | None = None,
    **common: Any,
) -> list[Fitted]:
    """Train a network for each of the settings, shared out over the ranks of an MPI job.

    ``each``: settings of ``Network`` and of ``fit``, as ``grid`` makes them; ``common``: those of
    all. ``folds``: k trainings for each of the settings, each without one of k parts of the rows,
    drawn by the first seed. All ranks hold all samples, and all get all results, in the order of
    ``each`` and within it of the folds. A training that fails is a ``Fitted`` with its fault.
    ``team``: None is this process alone, or with MPI ``distributed.world()``.

    Raises ValueError for settings that are missing or cannot be, and folds that leave a part empty.

    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 20)[:, None]
    >>> results = fit_many(grid(seed=range(3)), X, X[:, 0] ** 2, sizes=[1, 4, 1], epochs=5)
    >>> [one.history.epochs for one in results]
    [5, 5, 5]
    """
    team = ALONE if team is None else team
    jobs = [{**common, **settings} for settings in each]
    for job in jobs:
        if "sizes" not in job:
            raise ValueError("fit_many needs the sizes of the networks: give sizes=[...]")
    inputs, targets = np.asarray(X), np.asarray(y)
    parts = _folds(len(inputs), folds, int(jobs[0].get("seed", 0)) if jobs else 0)
    work = [(job, held) for job in jobs for held in parts]
    mine = {i: _one(*work[i], inputs, targets) for i in _shared_out(work)[team.rank :: team.size]}
    results: dict[int, Fitted] = {}
    for part in team.gather({i: _plain(one) for i, one in mine.items()}):
        results |= {i: _fitted(work[i][0], *plain) for i, plain in part.items()}
    return [results[i] for i in range(len(work))]


def _folds(m: int, folds: int | None, seed: int) -> list[Rows | None]:
    if folds is None:
        return [None]
    if not 2 <= folds <= m:
        raise ValueError(f"folds must be from 2 to {m}, the number of samples, not {folds!r}")
    order = permutation(m, key(seed, SPLIT, _FOLD))
    return [np.sort(part) for part in np.array_split(order, folds)]


def _shared_out(work: Sequence[tuple[Mapping[str, Any], Any]]) -> list[int]:
    """Return the trainings' numbers, those with the most to compute first."""

    def size(i: int) -> float:
        sizes = work[i][0]["sizes"]
        products = sum(a * b for a, b in itertools.pairwise(sizes))
        return float(products * work[i][0].get("epochs", 200))

    return sorted(range(len(work)), key=lambda i: (-size(i), i))


def _one(job: Mapping[str, Any], held: Any, X: Any, y: Any) -> Fitted:
    shape = {name: value for name, value in job.items() if name in _OF_NETWORK}
    settings = {name: value for name, value in job.items() if name not in _OF_NETWORK}
    try:
        net = Network(**shape)
        keep = np.ones(len(X), np.bool_)
        if held is not None:
            keep[held] = False
            if settings.get("sample_weight") is not None:
                settings["sample_weight"] = np.asarray(settings["sample_weight"])[keep]
        history = net.fit(X[keep], y[keep], **{"progress": False, **settings})
        if held is None:
            cost = history.cost[-1] if history.cost else float("nan")
        else:
            cost = net.J(X[held], y[held]) - penalties(net.architecture, net.theta)
        return Fitted(job, net, history, cost)
    except (ValueError, TypeError, ArithmeticError, MemoryError) as error:
        return Fitted(job, None, None, float("nan"), f"{type(error).__name__}: {error}")


def _plain(one: Fitted) -> tuple[Any, ...]:
    theta = None if one.network is None else one.network.theta
    return theta, one.history, one.cost, one.fault


def _fitted(job: Mapping[str, Any], theta: Any, history: Any, cost: float, fault: Any) -> Fitted:
    net = None
    if theta is not None:
        net = Network(**{name: value for name, value in job.items() if name in _OF_NETWORK})
        net.theta = theta
    return Fitted(job, net, history, cost, fault)


class Ensemble:
    """Networks of one kind of output whose predictions are averaged, with weights if given.

    The average of probabilities is a probability; that of m networks of independent errors has
    1/m of their variance. Source: Hansen and Salamon, "Neural network ensembles", IEEE
    Transactions on Pattern Analysis and Machine Intelligence 12, 1990.
    """

    def __init__(self, networks: Iterable[Network], weights: Sequence[float] | None = None) -> None:
        self.networks = tuple(networks)
        if not self.networks:
            raise ValueError("an ensemble needs at least one network")
        ends = {(net.sizes[0], net.sizes[-1], net.activations[-1].spec) for net in self.networks}
        if len(ends) > 1:
            raise ValueError(f"the networks differ in inputs, outputs or output activation: {ends}")
        factors = np.ones(len(self.networks)) if weights is None else np.asarray(weights, float)
        wrong = factors.shape != (len(self.networks),) or not np.isfinite(factors).all()
        if wrong or (factors < 0).any() or factors.sum() == 0:
            raise ValueError("weights must be one number, 0 or above, for each network, not all 0")
        self.weights = factors / factors.sum()

    def predict(self, X: npt.ArrayLike) -> Floats:
        """Return the weighted mean of the networks' outputs for X (m, n_0), shape (m, n_L)."""
        pairs = zip(self.weights, self.networks, strict=True)
        mean: Floats = sum(weight * net.predict(X) for weight, net in pairs)
        return mean

    def __len__(self) -> int:
        return len(self.networks)
