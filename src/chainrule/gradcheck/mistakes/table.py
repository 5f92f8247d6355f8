"""The table of mistakes: each with what it does to a backward pass, and how it should have been.

A new mistake is one more entry. Their order is that of the diagnoses where two fit equally well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .backward import Mistake
from .edits import (
    a_minus_y,
    argument,
    biased,
    cost_sides,
    count,
    dW_times,
    flat_slope,
    in_a,
    in_a_twice,
    penalised,
    replace_dz,
    replace_output,
    sides,
    smooth,
    stale,
    stopped_cut,
    through_transposed,
    times,
)

MISTAKES: Sequence[Mistake] = (
    Mistake(
        "missing 1/m",
        "the factor 1/m is missing: J is a mean over {m} samples, and the gradient a sum.",
        "dz{L} = (1/m) × what it is now; from there on the chain rule alone",
        "dz",
        (times(lambda s: s.m), times(count), times(lambda s: s.z.shape[1])),
        only_top=True,
    ),
    Mistake(
        "doubled 1/m",
        "the factor 1/m is there twice: the gradient is {m} times too small.",
        "d{W} = {dW}, without a further / m: 1/m is in dz{L} already",
        "dz",
        (times(lambda s: 1 / s.m), times(lambda s: 1 / count(s))),
        only_top=True,
    ),
    Mistake(
        "sign",
        "the sign is turned around.",
        "dz{l} = {dz}, of J and not of -J",
        "dz",
        (times(lambda s: -1.0),),
    ),
    Mistake(
        "factor 2",
        "a factor 2 is too many or missing.",
        "dz{l} = {dz}, once",
        "dz",
        (times(lambda s: 2.0), times(lambda s: 0.5)),
    ),
    Mistake(
        "a - y with the wrong cost",
        "dz{L} = a - y belongs to sigmoid with logistic cost, softmax with cross-entropy and "
        "identity with squared error; here {f} goes with {cost}.",
        "dz{L} = dJ/da{L} * f'(z{L}), f' = {df}, dJ/da = {dJ}",
        "dz",
        (
            a_minus_y(lambda s: 1.0),
            a_minus_y(lambda s: 2.0),
            a_minus_y(lambda s: 1 / float(s.model.shares[0]) / s.m),
            replace_dz(stopped_cut),
        ),
        only_top=True,
    ),
    Mistake(
        "softmax treated as elementwise",
        "softmax of layer {l} is treated as if each output depended on its own z alone.",
        "dz{l} = a{l} * (da{l} - sum over units of da{l} * a{l})",
        "dz",
        (replace_dz(lambda s: s.da * s.a * (1 - s.a) if not s.layer.f.elementwise else None),),
    ),
    Mistake(
        "f' missing",
        "f'(z{l}) is missing: da{l} is passed on as if it were dz{l}.",
        "dz{l} = da{l} * f'(z{l}), f' = {df} for {f}",
        "dz",
        (replace_dz(lambda s: s.da if smooth(s.layer.f) else None),),
    ),
    Mistake(
        "f' at a instead of z",
        "f' of layer {l} is taken at the wrong one of a and z.",
        "dz{l} = da{l} * f'(z{l}), f' = {df} for {f}: f' is a function of z; a{l} only in the form "
        "that is written in a",
        "dz",
        (replace_dz(lambda s: argument(s, s.a)), replace_dz(in_a), replace_dz(in_a_twice)),
    ),
    Mistake(
        "wrong slope on a kink's wrong side",
        "the slope of {f} is wrong on one side of its kink.",
        "dz{l} = da{l} * f'(z{l}), f' = {df}",
        "dz",
        (
            replace_dz(lambda s: sides(s, lambda z: s.slope(-z))),
            *(flat_slope(slope) for slope in (0.0, 0.01, 0.1, 0.2, 0.3, -1.0)),
            replace_dz(lambda s: sides(s, lambda z: np.where(s.da > 0, 1.0, 0.0))),
            replace_dz(lambda s: sides(s, lambda z: np.where(z > 0, 1.0, 0.0) * (s.da > 0))),
            replace_dz(cost_sides),
        ),
    ),
    Mistake(
        "stale z",
        "f' of layer {l} is taken at another z: of other samples, of another layer or from before "
        "a change.",
        "dz{l} = da{l} * f'(z{l}), with the z{l} that this forward pass cached",
        "dz",
        tuple(stale(k) for k in range(12)),
    ),
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
        "d{W} is worked out with z{p} where it takes a{p}.",
        "d{W} = {dW}",
        "out",
        (replace_output("dW", lambda s: None if s.l == 1 else s.dz.T @ s.model.z[s.l - 2]),),
    ),
    Mistake(
        "a of the wrong layer",
        "d{W} is worked out with a{l} where it takes a{p}.",
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
