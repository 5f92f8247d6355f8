"""How far off an entry of a kernel can be by rounding alone, and the verdict that follows.

Three measures of rounding, none of them a constant that somebody once found: the error of the plain
function in the kernel's own dtype against the same function in float64 (the measuring stick); what
becomes of the float64 gradient when its inputs are rounded once more; and the rounding of the entry
itself. Source of the first: attention-gym's ``assert_matches_low_precision_eager``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...typing import Array
from ..verdicts import RIGHT, UNDECIDABLE, WRONG, Checked
from .blocks import in_blocks, rows_of

# Scattered errors are taken to be at most this many standard deviations, beside the entry's own.
SCATTER = 8.0
# A bar above this share of the entry, or of its array's root mean square, decides nothing.
COARSE = 0.5
# A row's size is estimated as if so many more entries of it had the size of all.
PRIOR = 8
# Gradients below this share of those of the other arrays are 0 but for rounding.
STILL = 1e-6


class Sizes(NamedTuple):
    """The size of the entries around each, as rows times columns: a model of rank 1."""

    rows: Array
    columns: Array

    def at(self, part: slice) -> Array:
        """Return the sizes of some rows."""
        sizes: Array = self.rows[part] * self.columns
        return sizes


def sizes_of(*arrays: Array) -> Sizes:
    """Return the size of the entries around each.

    ``rms[i, j] = sqrt(r_i c_j / m)``, with r_i and c_j the mean squares of row i and column j and m
    that of all; short rows are drawn towards m. A vector has one size throughout. Of several
    arrays the squares add up.
    """
    rows: Any = 0.0
    columns: Any = 0.0
    for x in arrays:
        flat = rows_of(x)
        squares = _squares(flat, "ij,ij->i")
        if not np.isfinite(squares).all():
            flat = np.where(np.isfinite(flat), flat, 0.0)
            squares = _squares(flat, "ij,ij->i")
        mean = float(np.sum(squares)) / max(flat.size, 1)
        rows = rows + (squares + PRIOR * mean) / (flat.shape[1] + PRIOR)
        columns = columns + (_squares(flat, "ij,ij->j") + PRIOR * mean) / (flat.shape[0] + PRIOR)
    total = float(np.mean(rows)) if np.size(rows) else 0.0
    if arrays[0].ndim < 2 or total == 0.0:
        shape = rows_of(arrays[0]).shape
        return Sizes(np.full((shape[0], 1), np.sqrt(total)), np.ones(shape[1]))
    return Sizes(np.sqrt(rows / total)[:, None], np.sqrt(columns))


def local_rms(*arrays: Array) -> Array:
    """Return the size of the entries around each, in the arrays' shape."""
    model: Array = sizes_of(*arrays).at(slice(None)).reshape(arrays[0].shape)
    return model


def rms(x: Array) -> float:
    """Return the root mean square of the finite entries of an array; 0 if it has none."""
    total = float(np.vdot(x, x))
    if np.isfinite(total):
        return float(np.sqrt(total / max(x.size, 1)))
    known = x[np.isfinite(x)]
    return float(np.sqrt(np.mean(known * known))) if known.size else 0.0


def _squares(x: Array, sums: str) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(np.einsum(sums, x, x))


def bar_of(truth: Array, errors: Sequence[Array], eps: float) -> Array:
    """Return the bar of each entry from measured errors (of the stick, of rounded inputs).

    ``bar = SCATTER × rms of the errors around + |error| + eps × (|truth| + rms of truth around)``.
    A few entries make a poor sample: below 16 of them the scatter is raised by 1 + 4/count.
    """
    few = 1 + 4 / max(truth.size, 1) if truth.size < 16 else 1.0
    own, around = sizes_of(truth), sizes_of(*errors) if errors else None
    bars = np.empty(truth.shape)
    rows, flat_truth, flat_errors = rows_of(bars), rows_of(truth), [rows_of(e) for e in errors]

    def fill(part: slice) -> None:
        with np.errstate(all="ignore"):
            rounding = np.abs(flat_truth[part])
            rounding += own.at(part)
            rounding *= eps
            bar = rows[part]
            bar[...] = rounding
            if around is not None:
                bar += SCATTER * few * around.at(part)
            for error in flat_errors:
                bar += np.abs(error[part])
            lost = ~np.isfinite(bar)
            if lost.any():
                bar[lost] = np.nan_to_num(rounding, posinf=0.0)[lost]

    in_blocks(fill, bars)
    return bars


def verdicts_of(
    values: Array, truth: Array, bar: Array, stick: Array | None, others: float = 0.0
) -> npt.NDArray[np.int8]:
    """Return the verdict of each entry of a kernel's gradient or output against the truth.

    Not finite is right where the truth is not finite in the same way, undecidable where the
    measuring stick is not finite either, and wrong elsewhere. ``others`` is the size that the
    entries could have: a gradient that is 0 but for rounding is right where the bar is small
    beside that.
    """
    size = rms(truth)
    verdict = np.empty(np.shape(truth), np.int8)
    rows, flat = rows_of(verdict), [rows_of(x) for x in (values, truth, bar)]
    sticks = None if stick is None else rows_of(stick)

    def fill(part: slice) -> None:
        v, t, b = (x[part] for x in flat)
        with np.errstate(all="ignore"):
            wrong = ~(np.abs(v - t) <= b)
            around = np.maximum(np.abs(t), size if size > STILL * others else others)
            coarse = (b > COARSE * around) & (b > 0) & ~wrong
        block = rows[part]
        block[...] = wrong  # WRONG is 1, RIGHT 0
        block[coarse] = UNDECIDABLE
        odd = ~np.isfinite(v) | ~np.isfinite(t)
        if odd.any():
            same = (v == t) | (np.isnan(v) & np.isnan(t))
            block[odd] = np.where(same[odd], RIGHT, WRONG)
            if sticks is not None:
                block[odd & ~same & ~np.isfinite(sticks[part])] = UNDECIDABLE

    in_blocks(fill, verdict)
    return verdict


def compare(
    name: str,
    values: Array,
    truth: Array,
    bar: Array,
    stick: Array | None = None,
    parameter: Array | None = None,
    others: float = 0.0,
) -> Checked:
    """Return one array with both numbers, bars and verdicts, and why entries are undecidable."""
    values, truth, bar = np.atleast_1d(values), np.atleast_1d(truth), np.atleast_1d(bar)
    stick = None if stick is None else np.atleast_1d(stick)
    parameter = None if parameter is None else np.atleast_1d(parameter)
    verdict = verdicts_of(values, truth, bar, stick, others)
    checked = Checked(name, values, truth, bar, verdict, parameter=parameter)
    for i in np.flatnonzero(verdict.ravel() == UNDECIDABLE)[:3]:
        lost = stick is not None and not np.isfinite(stick.flat[i])
        checked.reasons[int(i)] = (
            "the reference overflows there too in this dtype"
            if lost
            else f"the reference itself is off by up to {bar.flat[i]:.1e} in this dtype"
        )
    return checked
