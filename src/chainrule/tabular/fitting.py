"""Fitting: networks on folds, their out-of-fold outputs, and what is chosen on these."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from ..mathematics.random import key
from ..network import Network
from ..typing import Floats
from .bins import Bins
from .blending import best_temperature, blend_weights
from .designs import Design, Recipe, epochs_of
from .ensemble import Member, TableEnsemble, joined
from .inputs import Integers, Rows, Targets
from .member import Samples, train_network
from .progress import Clock
from .target_statistics import TargetStatistics

PURPOSE = 31  # of the networks' seeds
MOST_RESIDUALS = 2001  # quantiles of the out-of-fold residuals that a model keeps


@dataclass(frozen=True, slots=True)
class Table:
    """What a fit works on: rows, targets, folds, and which columns are what.

    ``numbers``: the columns of X that may be cut into bins. ``sizes``: how many words each column
    of ``rows.words`` has.
    """

    rows: Rows
    targets: Targets
    folds: Integers
    numbers: tuple[int, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained ensemble, and its outputs for each training row by the member that left it out."""

    ensemble: TableEnsemble
    out_of_fold: Floats


def fit_ensemble(
    table: Table,
    recipe: Recipe,
    seed: int,
    threads: int | None = None,
    engine: str = "auto",
    time_limit: float | None = None,
    progress: bool = False,
) -> Fitted:
    """Train an ensemble; every row is held out by one member and trained on by the others.

    All designs are tried on the first fold, and those with the least loss there go on to the
    others. Networks are trained side by side, each by one thread, so that the number of ``threads``
    changes no bit; a ``time_limit`` in seconds may, as the clock then says when to stop.
    """
    task = table.targets.task
    designs, count = recipe.designs(task), int(table.folds.max()) + 1
    kept = min(recipe.kept, len(designs))
    bins = Bins.fit(table.rows.X, table.numbers if any(d.bins for d in designs) else ())
    places = bins.encode(table.rows.X)
    workers = _workers(threads)
    epochs = epochs_of(len(table.rows) - int((table.folds == 0).sum()))
    clock = Clock(len(designs) + kept * (count - 1), workers, epochs, time_limit, progress)
    folds = [_Fold(table, recipe, places, seed, number, engine, clock) for number in range(count)]
    with ThreadPoolExecutor(workers) as pool:
        try:
            first = list(pool.map(folds[0].train, designs))
            losses = [folds[0].loss(d, net) for d, net in zip(designs, first, strict=True)]
            chosen = sorted(np.argsort(losses, kind="stable")[:kept].tolist())
            designs = tuple(designs[i] for i in chosen)
            jobs = [[pool.submit(fold.train, d) for d in designs] for fold in folds[1:]]
            networks = [[first[i] for i in chosen], *([j.result() for j in js] for js in jobs)]
        except BaseException:  # Ctrl-C too: no network is worth waiting for any more
            clock.limit = 0.0
            pool.shutdown(cancel_futures=True)
            raise
        finally:
            clock.close()
    members = tuple(
        Member(tuple(several), fold.statistics)
        for several, fold in zip(networks, folds, strict=True)
    )
    equal = np.full(len(designs), 1 / len(designs))
    ensemble = TableEnsemble(task, designs, members, bins, equal)
    return _calibrated(ensemble, _out_of_fold(ensemble, table), table.targets, recipe)


def _workers(threads: int | None) -> int:
    if threads is not None:
        return threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Fold:
    """One fold's rows, encoded for training and held out, and the training of its networks."""

    def __init__(
        self,
        table: Table,
        recipe: Recipe,
        places: Floats,
        seed: int,
        number: int,
        engine: str,
        clock: Clock,
    ) -> None:
        self._table, self._recipe, self._places = table, recipe, places
        self._engine, self._clock = engine, clock
        self._number, self._count = number, int(table.folds.max()) + 1
        self._seed = key(seed, PURPOSE, number) >> 33
        self._out = np.flatnonzero(table.folds == number)
        self._rest = np.flatnonzero(table.folds != number)
        self.statistics: TargetStatistics | None = None
        self._own: Floats | None = None
        if table.sizes and recipe.has("target_statistics"):
            targets = table.targets.take(self._rest)
            words = table.rows.words[self._rest]
            self.statistics, self._own = TargetStatistics.fit(
                words, targets.Y, targets.weights, table.sizes, self._seed
            )

    def train(self, design: Design) -> Network:
        """Train the network of a design."""
        timer = self._clock.begin(f"fold {self._number + 1}/{self._count}, {design.name}")
        network = train_network(
            design,
            self._samples(design, self._rest, self._own),
            self._held(design),
            seed=self._seed,
            engine=self._engine,
            average=self._recipe.has("average"),
            timer=timer,
        )
        timer.end()
        return network

    def loss(self, design: Design, network: Network) -> float:
        """Return the loss of a network on the rows held out."""
        held = self._held(design)
        return held.targets.loss(network.predict(held.X))

    def _held(self, design: Design) -> Samples:
        words = self._table.rows.words[self._out]
        statistics = None if self.statistics is None else self.statistics.encode(words)
        return self._samples(design, self._out, statistics)

    def _samples(self, design: Design, rows: Integers, statistics: Floats | None) -> Samples:
        X = joined(design, self._table.rows.X[rows], self._places[rows], statistics)
        return Samples(X, self._table.targets.take(rows))


def _out_of_fold(ensemble: TableEnsemble, table: Table) -> list[Floats]:
    """Return each design's outputs (m, k) by the member that held the row out."""
    outputs: list[Floats] = [np.empty(table.targets.Y.shape) for _ in ensemble.designs]
    for number, member in enumerate(ensemble.members):
        out = np.flatnonzero(table.folds == number)
        own = member.outputs(ensemble.designs, table.rows.take(out), ensemble.bins)
        for whole, part in zip(outputs, own, strict=True):
            whole[out] = part
    return outputs


def _calibrated(
    ensemble: TableEnsemble, outputs: Sequence[Floats], targets: Targets, recipe: Recipe
) -> Fitted:
    """Choose weights, temperature, range and residuals on out-of-fold outputs."""
    if recipe.has("blend"):
        ensemble = replace(ensemble, weights=blend_weights(outputs, targets))
    if targets.task == "regression":
        if recipe.has("clamp"):
            ensemble = replace(ensemble, low=float(targets.Y.min()), high=float(targets.Y.max()))
        out_of_fold = ensemble.finished(outputs)
        return Fitted(replace(ensemble, residuals=_residuals(targets, out_of_fold)), out_of_fold)
    if recipe.has("temperature"):
        temperature = best_temperature(ensemble.finished(outputs), targets)
        ensemble = replace(ensemble, temperature=temperature)
    return Fitted(ensemble, ensemble.finished(outputs))


def _residuals(targets: Targets, out_of_fold: Floats) -> Floats:
    """Return the residuals ascending, by weight; where there are many, quantiles of them."""
    residuals = (targets.Y - out_of_fold)[:, 0]
    order = np.argsort(residuals, kind="stable")
    weights = targets.weights[order]
    shares = (np.cumsum(weights) - weights / 2) / weights.sum()
    count = min(len(order), MOST_RESIDUALS)
    return np.interp((np.arange(count) + 0.5) / count, shares, residuals[order])
