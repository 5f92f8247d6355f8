"""Errors that hide inside the bars of single entries, and show where many are taken together.

In bfloat16 an entry is known to some per cent. A term forgotten in every row, such as the mean in a
layer norm's backward, may be less than that in each entry; along the row it adds up, and rounding
does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...typing import Array
from ..verdicts import WRONG, Checked
from .bars import SCATTER, rms

# Entries that a line must have for its sum to say more than they do by themselves.
LONG = 16


@dataclass(frozen=True, slots=True)
class Hidden:
    """A part of the error along rows or columns: of which array, like what, and how large."""

    name: str
    along: str
    form: str
    share: float

    @property
    def sentence(self) -> str:
        """What it says."""
        return (
            f"{self.name}: along {self.along} the error has a part like {self.form}, "
            f"{self.share:.1f} times what rounding explains, though each entry is within its bar"
        )


FORMS = ("the gradient itself", "1 (a mean is missing or added)", "the argument")


def hidden_errors(checked: Checked, errors: Sequence[Array], eps: float) -> list[Hidden]:
    """Return the forms along which the error of an array adds up beyond rounding.

    For a line of n entries and a form f the sum of error × f is compared with that of the measured
    errors (of the stick, of rounded inputs), with SCATTER of their scatter were they independent,
    and with one rounding of a number that the whole line shares.
    """
    if checked.count(WRONG) or checked.analytic.size < LONG:
        return []
    truth = checked.numeric
    error = checked.analytic - truth
    if not np.isfinite(error).all() or not all(np.isfinite(e).all() for e in errors):
        return []
    forms: list[tuple[str, Array | None]] = [(FORMS[0], truth), (FORMS[1], None)]
    if checked.parameter is not None:
        forms.append((FORMS[2], checked.parameter))
    hidden = []
    for axis, along in _lines(truth):
        for word, form in forms:
            share = _share(error, errors, truth, form, axis, eps)
            if share > 1:
                hidden.append(Hidden(checked.name, along, word, share))
    return sorted(hidden, key=lambda h: -h.share)


def _lines(x: Array) -> list[tuple[tuple[int, ...], str]]:
    lines: list[tuple[tuple[int, ...], str]] = [(tuple(range(x.ndim)), "the whole array")]
    if x.ndim >= 2:
        if x.shape[-1] >= LONG:
            lines.append(((x.ndim - 1,), "rows"))
        if x.size // x.shape[-1] >= LONG:
            lines.append((tuple(range(x.ndim - 1)), "columns"))
    return lines


def _share(
    error: Array,
    errors: Sequence[Array],
    truth: Array,
    form: Array | None,
    axis: tuple[int, ...],
    eps: float,
) -> float:
    """Return how many times larger the error's part along a form is than rounding explains."""
    along = _sum(error, form, axis)
    size = np.sqrt(_sum(truth, truth, axis))
    length = (
        np.sqrt(_sum(form, form, axis))
        if form is not None
        else np.sqrt(truth.size / max(size.size, 1))
    )
    room = 2 * eps * size * length
    for e in errors:
        # The middle line's error counts for all: a single one may be 0 by chance.
        scatter = np.sqrt(_sum(e, e, axis)) * length / np.sqrt(truth.size / max(size.size, 1))
        room = room + SCATTER * np.sqrt(np.mean(scatter**2)) + 2 * rms(_sum(e, form, axis))
    total = rms(room)
    return rms(along) / total if total > 0 else 0.0


def _sum(x: Array, y: Array | None, axis: tuple[int, ...]) -> Array:
    """Return the sum of x y over some axes, without an array of the products."""
    letters = "abcdefghijklmnop"[: x.ndim]
    rest = "".join(c for i, c in enumerate(letters) if i not in axis)
    if y is None:
        return np.asarray(np.sum(x, axis=axis))
    return np.asarray(np.einsum(f"{letters},{letters}->{rest}", x, y))
