"""Splits: which rows are trained on, which choose the epoch, and which the result is measured on.

The order is ``permutation(m, key(seed, SPLIT, part))``, so a seed and the row count fix every part;
or it is that of a column, and the last rows are held out. The test part does not depend on the size
of the validation part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..mathematics.random import SPLIT, key, permutation
from ..typing import Reals, Rows
from .columns import Column, as_measures
from .lookalikes import meant

_TEST: Final = 0
_VALIDATION: Final = 1


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of a table, counted from 0, each in one part, in order."""

    train: Rows
    validation: Rows
    test: Rows

    @property
    def counts(self) -> dict[str, int]:
        """The number of rows of each part."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: len(rows) for name, rows in parts.items()}


def split_rows(
    m: int, test: float, validation: float, seed: int, classes: npt.NDArray[Any] | None = None
) -> Split:
    """Split m rows; ``test`` and ``validation`` are shares of all rows, 0 for no such part.

    With ``classes`` (m,), the number of each row's class, every part has each class in proportion
    (whole rows, largest remainders first), and at least one row of each stays in training.
    Raises ValueError for a share outside [0, 1), for shares that leave nothing to train on, and for
    a share above 0 that is less than one row.
    """
    _check_shares(test, validation)
    rows = np.arange(m, dtype=np.int64)
    groups = np.zeros(m, np.int64) if classes is None else np.asarray(classes, np.int64)
    rest, held = _take(rows, groups, _count(m, test, "test"), key(seed, SPLIT, _TEST))
    chosen = _count(m, validation, "validation")
    train, validating = _take(rest, groups[rest], chosen, key(seed, SPLIT, _VALIDATION))
    return Split(train, validating, held)


def split_groups(
    groups: npt.NDArray[Any],
    test: float,
    validation: float,
    seed: int,
    classes: npt.NDArray[Any] | None = None,
) -> Split:
    """Split rows so that those of one group (m,) are in one part; see ``split_rows``.

    With ``classes``, groups are drawn in proportion to the class of their first row.
    Raises ValueError as ``split_rows``, and where there are fewer than three groups.
    """
    _check_shares(test, validation)
    names, first, of_row = np.unique(groups, return_index=True, return_inverse=True)
    if len(names) < 3:
        raise ValueError(f"there are {len(names)} groups of rows: three or more are needed")
    strata = np.zeros(len(names), np.int64) if classes is None else np.asarray(classes)[first]
    sizes = np.bincount(of_row.ravel())
    part = np.zeros(len(names), np.int64)
    for number, share in ((1, test), (2, validation)):
        order = permutation(len(names), key(seed, SPLIT, number - 1))
        for stratum in np.unique(strata):
            free = order[(strata[order] == stratum) & (part[order] == 0)]
            quota = share * sizes[strata == stratum].sum()
            # A group is taken while most of it lies within the quota; one always stays.
            inside = np.cumsum(sizes[free]) - sizes[free] / 2 <= quota
            part[free[inside][: max(len(free) - 1, 0)]] = number
    parts = part[of_row.ravel()]
    train, tested, validated = (np.flatnonzero(parts == number) for number in range(3))
    return Split(train, validated, tested)


def split_latest(column: Column, test: float, validation: float) -> Split:
    """Hold out the rows whose dates or numbers are the greatest to test, those before to validate.

    Rows of equal values stay together, so a part is as near to its share as they allow.
    Raises ValueError as ``split_rows``, for words and gaps, and for too few different values.
    """
    _check_shares(test, validation)
    values = moments_of(column)
    m = len(values)
    order = np.argsort(values, kind="stable")
    cuts = np.flatnonzero(np.diff(values[order])) + 1  # where the next value begins
    ends = [m]
    for share, name in ((test, "test"), (validation, "validation")):
        before = cuts[cuts < ends[-1]]
        wanted = ends[-1] - _count(m, share, name)
        if share > 0 and not len(before):
            raise ValueError(
                f"column {column.name!r} has too few different values to hold out its latest "
                f"rows: name another, or use --{name}-share 0"
            )
        ends.append(int(before[np.argmin(np.abs(before - wanted))]) if share > 0 else ends[-1])
    tested, validated = ends[1], ends[2]
    parts = (order[:validated], order[validated:tested], order[tested:])
    return Split(*(np.sort(part).astype(np.int64) for part in parts))


def moments_of(column: Column) -> Reals:
    """Return the dates or numbers of the column of --latest, (m,).

    Raises ValueError for words and gaps.
    """
    if column.kind == "text":
        raise ValueError(
            f"--latest wants a column of dates or numbers, and {column.name!r} holds words"
            f"{meant(column.values[~column.missing].tolist())}"
        )
    values = as_measures(column)
    gaps = np.flatnonzero(column.missing)
    if gaps.size:
        raise ValueError(
            f"column {column.name!r} has no value in {column.where(gaps)}: which rows are the "
            "latest is not known"
        )
    return values


def _check_shares(test: float, validation: float) -> None:
    for name, share in (("test", test), ("validation", validation)):
        if not 0 <= share < 1:
            raise ValueError(f"{name} share must be at least 0 and below 1, not {share:g}")
    if test + validation >= 1:
        raise ValueError(
            f"test share {test:g} and validation share {validation:g} leave no row to train on: "
            "make them smaller"
        )


def _count(m: int, share: float, name: str) -> int:
    count = round(m * share)
    if share > 0 and count == 0:
        raise ValueError(
            f"a {name} share of {share:g} is not one row of {m}: make it larger, or 0 for none"
        )
    return count


def _take(rows: Rows, groups: Rows, count: int, key: int) -> tuple[Rows, Rows]:
    """Draw ``count`` rows, each group in proportion; return those that stay and those drawn.

    Fewer are drawn where a group would lose its last row.
    """
    if count == 0:
        return rows, rows[:0]
    sizes = np.bincount(groups)
    quota = _quotas(sizes, count)
    order = permutation(len(rows), key)
    # Within each group the first quota of the random order are drawn.
    by_group = order[np.argsort(groups[order], kind="stable")]
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    drawn = np.zeros(len(rows), np.bool_)
    drawn[by_group] = np.arange(len(rows)) - starts < np.repeat(quota, sizes)
    return rows[~drawn], rows[drawn]


def _quotas(sizes: Rows, count: int) -> Rows:
    """Share out ``count`` in proportion to sizes, leaving one of each (Hamilton's method)."""
    exact = sizes * (count / max(int(sizes.sum()), 1))
    most = np.maximum(sizes - 1, 0)
    quota: Rows = np.minimum(np.floor(exact).astype(np.int64), most)
    order = np.argsort(-(exact - quota), kind="stable")
    for group in order.tolist() * 2:
        if quota.sum() < count and quota[group] < most[group]:
            quota[group] += 1
    return quota
