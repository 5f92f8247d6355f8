"""Mistakes after dJ/dz is right: in dW, db, in what is passed down, or in the penalty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .backward import Mistake
from .edits import (
    biased,
    dW_times,
    penalised,
    replace_output,
    through_transposed,
)

IN_PARAMETERS: Sequence[Mistake] = (
    Mistake(
        "W transposed",
        "{W} is not transposed where dJ/da{p} is passed down (or is where it should not be).",
        "da{p} = {da_prev}",
        "out",
        (replace_output("da_prev", lambda s: through_transposed(s)),),
    ),
    Mistake(
        "dW transposed",
        "the gradient of {W} is transposed.",
        "d{W} = {dW}",
        "out",
        (replace_output("dW", lambda s: None if s.dW is None else s.dW.T),),
    ),
    Mistake(
        "z instead of a",
        "d{W} is computed with z{p} where it takes a{p}.",
        "d{W} = {dW}",
        "out",
        (replace_output("dW", lambda s: None if s.l == 1 else s.dz.T @ s.model.z[s.l - 2]),),
    ),
    Mistake(
        "a of the wrong layer",
        "d{W} is computed with a{l} where it takes a{p}.",
        "d{W} = {dW}",
        "out",
        (replace_output("dW", lambda s: s.dz.T @ s.a),),
    ),
    Mistake(
        "bias averaged",
        "the gradient of {b} is averaged over the samples and not summed: 1/m is in dz{l} already.",
        "d{b} = {db}",
        "out",
        (replace_output("db", lambda s: s.dz.mean(axis=0)),),
    ),
    Mistake(
        "bias summed over the wrong axis",
        "the gradient of {b} is summed over the wrong axis.",
        "d{b} = {db}",
        "out",
        (
            replace_output("db", lambda s: s.dz.sum(axis=1)),
            replace_output("db", lambda s: np.full(s.dz.shape[1], s.dz.sum())),
            replace_output("db", lambda s: s.dz.mean(axis=1)),
        ),
    ),
    Mistake(
        "bias not summed",
        "the gradient of {b} is that of one sample: it is not summed over the samples.",
        "d{b} = {db}",
        "out",
        (
            replace_output("db", lambda s: s.dz[0]),
            replace_output("db", lambda s: s.dz[-1]),
            replace_output("db", lambda s: np.full(s.dz.shape[1], s.dz[0, 0])),
        ),
    ),
    Mistake(
        "gradient missing",
        "the gradient of {b} is 0: it was left out.",
        "d{b} = {db}",
        "out",
        (replace_output("db", lambda s: np.zeros(s.dz.shape[1])),),
    ),
    Mistake(
        "gradient missing",
        "the gradient of {W} is 0: it was left out.",
        "d{W} = {dW}",
        "out",
        (replace_output("dW", lambda s: None if s.dW is None else np.zeros(s.dW.shape)),),
    ),
    Mistake(
        "doubled 1/m",
        "d{W} is divided by m = {m} once more: 1/m is in dz{l} already.",
        "d{W} = {dW}, without a further / m",
        "out",
        (replace_output("dW", lambda s: None if s.dW is None else s.dW / s.m),),
    ),
    Mistake(
        "missing 1/m",
        "the factor 1/m is missing in d{W} alone.",
        "d{W} = {dW}, with the 1/m that is in dz{l}",
        "out",
        (replace_output("dW", lambda s: None if s.dW is None else s.dW * s.m),),
    ),
    Mistake(
        "sign",
        "the sign of d{W} is turned around.",
        "d{W} = {dW}",
        "out",
        (replace_output("dW", lambda s: None if s.dW is None else -s.dW),),
    ),
    Mistake(
        "sign",
        "the sign of d{b} is turned around.",
        "d{b} = {db}",
        "out",
        (replace_output("db", lambda s: None if s.db is None else -s.db),),
    ),
    Mistake(
        "factor 2",
        "a factor 2 is too many or missing in d{W}.",
        "d{W} = {dW}",
        "out",
        (dW_times(2.0), dW_times(0.5)),
    ),
    Mistake(
        "penalty missing",
        "the penalty is in J and not in the gradient of {W}.",
        "d{W} = {dW} + {penalty}",
        "penalty",
        (replace_output("dW", lambda s: penalised(s, 0.0)),),
    ),
    Mistake(
        "penalty factor",
        "the penalty's gradient of {W} has a wrong factor.",
        "d{W} = {dW} + {penalty}",
        "penalty",
        (
            replace_output("dW", lambda s: penalised(s, 2.0)),
            replace_output("dW", lambda s: penalised(s, 0.5)),
            replace_output("dW", lambda s: penalised(s, 1 / s.m)),
            replace_output("dW", lambda s: penalised(s, s.m)),
            replace_output("dW", lambda s: penalised(s, -1.0)),
        ),
    ),
    Mistake(
        "penalty on biases",
        "the penalty is put on {b} too, and J has it on the weights only.",
        "d{b} = {db}, without a penalty",
        "penalty",
        (
            replace_output("db", lambda s: biased(s, s.model.l2, 0.0)),
            replace_output("db", lambda s: biased(s, 0.0, s.model.l1)),
            replace_output("db", lambda s: biased(s, s.model.l2, s.model.l1)),
        ),
    ),
)
