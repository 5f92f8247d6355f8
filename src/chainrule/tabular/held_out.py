"""Outputs out of fold: of each row by the member that did not see it."""

from __future__ import annotations

import numpy as np

from ..typing import Floats
from .ensemble import TableEnsemble
from .inputs import Integers, Rows


def held_out(ensemble: TableEnsemble, rows: Rows, folds: Integers) -> Floats:
    """Return the outputs of each row by the member that held it out, (m, k); of all for fold -1."""
    outputs = np.empty((len(rows), ensemble.members[0].networks[0].sizes[-1]))
    unseen = np.flatnonzero(folds < 0)
    if len(unseen):
        outputs[unseen] = ensemble.outputs(rows.take(unseen))
    for number, member in enumerate(ensemble.members):
        out = np.flatnonzero(folds == number)
        if len(out):
            several = member.outputs(ensemble.designs, rows.take(out), ensemble.bins)
            outputs[out] = ensemble.finished(several)
    return outputs
