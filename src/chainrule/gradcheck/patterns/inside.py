"""A normalisation inside a network: the error of W where z = X W + b is normalised.

The terms forgotten in dz come to W through X. That J does not change with the size of each unit's
W (batch norm), or where all units' W are shifted alike (layer norm), shows that z is normalised.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...typing import Array
from ..verdicts import Checked
from .evidence import SPARE, Evidence, Finding, Pattern, clear, enough, upright, without
from .normalisation import SCALE_FREE, TERMS, formula_of, lacking, shift_free

# Numbers in a system of equations: more would take minutes.
MOST = 2**22


def _layouts(t: Checked, X: Array) -> Iterator[tuple[bool, Array, Array, Array, Array]]:
    """Yield (samples are columns, X as rows, and W, its error, its numerical gradient (n, p))."""
    assert t.parameter is not None
    if np.array_equal(t.parameter, X):
        return  # the data themselves are what is checked
    for columns, rows in ((False, X), (True, X.T)):
        for turned in (True, False):
            W, a, n = ((v.T if turned else v) for v in (t.parameter, t.analytic, t.numeric))
            if W.shape[1] == rows.shape[1] and len(W) > 1:
                yield columns, rows, W, a - n, n


def over_samples(t: Checked, evidence: Evidence) -> Finding | None:
    """Batch norm of z: W's error is X^T of the terms forgotten, for each unit."""
    room = clear(t)
    if room is None or t.analytic.ndim != 2 or evidence.X is None or evidence.X.ndim != 2:
        return None
    for columns, X, W, e, n in _layouts(t, evidence.X):
        if not upright(n, W, SCALE_FREE):
            continue
        zc = W @ X.T
        zc = zc - zc.mean(axis=1, keepdims=True)
        ones, through = np.broadcast_to(X.sum(axis=0), W.shape), zc @ X
        for term, forms in (("mean", (ones,)), ("variance", (through,)), ("both", (ones, through))):
            if enough(W, len(forms)) and np.max(np.abs(without(e, *forms))) <= room:
                return _said(t, term, columns, "the samples (batch norm)", int(columns))
    return None


def over_units(t: Checked, evidence: Evidence) -> Finding | None:
    """Layer norm of z: each sample's terms come to all units; one unknown or two a sample."""
    room = clear(t)
    if room is None or t.analytic.ndim != 2 or evidence.X is None or evidence.X.ndim != 2:
        return None
    for columns, X, W, e, n in _layouts(t, evidence.X):
        if not shift_free(n.T) or (len(X) + X.shape[1]) * W.size > MOST:
            continue
        shifts = [np.outer(np.ones(len(W)), unit).ravel() for unit in np.eye(W.shape[1])]
        for b in _biases(t, evidence, len(W)):
            z = X @ W.T + b
            zc = z - z.mean(axis=1, keepdims=True)
            through = [np.outer(c, x).ravel() for c, x in zip(zc, X, strict=True)]
            for term, forms in (
                ("mean", shifts),
                ("variance", through),
                ("both", [*shifts, *through]),
            ):
                if _left(np.array(forms).T, e.ravel()) <= room:
                    return _said(t, term, columns, "the units (layer norm)", int(not columns))
    return None


def _left(forms: Array, e: Array) -> float:
    """What no sum of these forms explains; infinite where they explain anything."""
    solution, _, rank, _ = np.linalg.lstsq(forms, e, rcond=None)
    if len(e) - rank < SPARE:
        return float("inf")
    return float(np.max(np.abs(e - forms @ solution)))


def _biases(t: Checked, evidence: Evidence, n: int) -> Iterator[Array]:
    """The vectors that may be added to X W; none last."""
    for other in evidence.tensors:
        if other is not t and other.parameter is not None and other.parameter.size == n:
            yield other.parameter.ravel()
    yield np.zeros(n)


def _said(t: Checked, term: str, columns: bool, over: str, axis: int) -> Finding:
    z = f"{t.name} X" if columns else f"X {t.name}"
    return (
        f"normalisation's {TERMS[term][0]}",
        f"z = {z} is normalised over {over}, and {lacking(term, 'dz')}",
        formula_of("z", f", axis={axis}"),
    )


NORMS_INSIDE: Sequence[Pattern] = (over_samples, over_units)
