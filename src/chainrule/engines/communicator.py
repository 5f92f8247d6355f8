"""Teams: the processes that train one network together; a process alone is a team of one.

Few operations, so that any communicator can stand behind them. Each is called by all ranks
in the same order, and gives every rank the same bits.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from ..typing import Array


class Disagreement(ValueError):
    """What is wrong on one rank or between them; raised on all of them alike."""


class Team(Protocol):
    """What training asks of a communicator."""

    rank: int
    size: int

    def sum_(self, array: Array) -> None:
        """Replace every rank's array by the sum over all ranks, in place."""

    def maximum_(self, array: Array) -> None:
        """Replace every rank's array by the largest entries of all ranks, in place."""

    def share(self, value: Any) -> Any:
        """Give every rank the value of rank 0."""

    def gather(self, value: Any) -> list[Any]:
        """Give every rank the list of all ranks' values, by rank."""


class Alone:
    """The team of one process."""

    rank = 0
    size = 1

    def sum_(self, array: Array) -> None:
        """Nothing to add."""

    def maximum_(self, array: Array) -> None:
        """Nothing to compare with."""

    def share(self, value: Any) -> Any:
        """Return the value."""
        return value

    def gather(self, value: Any) -> list[Any]:
        """Return the one value in a list."""
        return [value]


ALONE = Alone()


def stacked(team: Team, rows: Array) -> Array:
    """Return the rows of all ranks one below the other, by rank."""
    if team.size == 1:
        return rows
    every: Array = np.concatenate(team.gather(rows))
    return every
