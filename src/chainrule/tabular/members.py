"""One network of an ensemble by itself: which, and what its inputs are called."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..mathematics.names import unknown
from ..network import Network
from ..tables.columns import Columns
from ..typing import Floats
from .designs import Design
from .ensemble import joined, places_of
from .model import EnsembleModel


@dataclass(frozen=True, slots=True)
class MemberNetwork:
    """A network of an ensemble: that of a design, trained without a fold (counted from 0).

    ``share``: how much of the prediction comes from its design. ``inputs`` (n,): names of its
    inputs, and ``columns`` (n,) of the table's columns behind them.
    """

    fold: int
    design: Design
    network: Network
    share: float
    inputs: list[str]
    columns: list[str]


def member_network(model: EnsembleModel, which: str | None = None) -> MemberNetwork:
    """Return one network: ``which`` is FOLD or FOLD:DESIGN, as ``2:binned``, folds from 1.

    By default it is of the first fold, and of the design with the largest weight.
    Raises ValueError for a fold or a design that the ensemble does not have.
    """
    ensemble = model.ensemble
    number, _, name = (which or "1").partition(":")
    if not number.isdecimal() or not 1 <= int(number) <= len(ensemble):
        raise ValueError(
            f"--member {which} names no fold: give 1 to {len(ensemble)}, and a design if you want, "
            f"as 1:{ensemble.designs[0].name}"
        )
    names = [design.name for design in ensemble.designs]
    if name and name not in names:
        raise unknown("design", name, names)
    place = names.index(name) if name else int(np.argmax(ensemble.weights))
    design, fold = ensemble.designs[place], int(number) - 1
    inputs, columns = _inputs(model, design)
    network = ensemble.members[fold].networks[place]
    return MemberNetwork(fold, design, network, float(ensemble.weights[place]), inputs, columns)


def member_inputs(model: EnsembleModel, member: MemberNetwork, rows: Columns) -> Floats:
    """Return what a network of an ensemble takes of rows, (m, n)."""
    encoded, _ = model.encoded(rows)
    statistics = model.ensemble.members[member.fold].statistics
    of_words = None if statistics is None else statistics.encode(encoded.words)
    places = places_of((member.design,), encoded, model.ensemble.bins)
    return joined(member.design, encoded.X, places, of_words)


def _inputs(model: EnsembleModel, design: Design) -> tuple[list[str], list[str]]:
    """Return the names of a design's inputs, and of the columns behind them."""
    ensemble, features = model.ensemble, model.encoder.features
    inputs = [name for feature in features for name in feature.names]
    columns = [feature.name for feature in features for _ in feature.names]
    encoded = list(columns)
    names = list(inputs)
    if ensemble.members[0].statistics is not None:
        means = model.target.classes if model.target.task == "multiclass" else [model.target.name]
        for word in model.words:
            inputs += [*(f"mean of {mean} by {word}" for mean in means), f"rows of {word}"]
            columns += [word] * (len(means) + 1)
    if design.bins:
        for j, beta in zip(ensemble.bins.columns, ensemble.bins.edges, strict=True):
            inputs += [f"{names[j]} in bin {t}" for t in range(1, len(beta))]
            columns += [encoded[j]] * (len(beta) - 1)
    return inputs, columns
