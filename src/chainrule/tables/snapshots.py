"""Snapshots of a training: the moments of theta that a model file keeps for ``explain``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..model import Model
from ..typing import Floats

MOST, FEWEST, MOST_BYTES = 20, 5, 400_000

Snapshots = tuple[tuple[int, Floats], ...]


def count_for(network: Model) -> int:
    """Return how many snapshots a file of this network keeps: at most ``MOST``, or none.

    All of them together take at most ``MOST_BYTES``; fewer than ``FEWEST`` show nothing.
    """
    count = min(MOST, MOST_BYTES // network.theta.nbytes)
    return count if count >= FEWEST else 0


def thinned(snapshots: Sequence[tuple[int, Floats]], count: int) -> Snapshots:
    """Return at most ``count`` snapshots, evenly spread, the first and the last among them."""
    places = np.linspace(0, len(snapshots) - 1, min(count, len(snapshots)))
    return tuple(snapshots[place] for place in np.unique(places.round().astype(int)))
