"""Mistakes in dJ/dz: in the cost's slope, the factor 1/m, f', or the gradient that comes in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .backward import Mistake
from .edits import (
    a_minus_y,
    argument,
    cost_sides,
    count,
    flat_slope,
    in_a,
    in_a_twice,
    replace_dz,
    sides,
    smooth,
    stale,
    stopped_cut,
    times,
    upstream,
    without_target,
)

IN_DZ: Sequence[Mistake] = (
    Mistake(
        "missing 1/m",
        "the factor 1/m is missing: J is a mean over {m} samples, and the gradient a sum.",
        "dz{L} = (1/m) × what it is now; from there on the chain rule alone",
        "dz",
        (times(lambda s: s.m),),
        only_top=True,
    ),
    Mistake(
        "doubled 1/m",
        "the factor 1/m is there twice: the gradient is {m} times too small.",
        "d{W} = {dW}, without a further / m: 1/m is in dz{L} already",
        "dz",
        (times(lambda s: 1 / s.m),),
        only_top=True,
    ),
    Mistake(
        "missing 1/m",
        "the gradient is {m} × {n} times too large: J is a mean over {m} samples and their {n} "
        "outputs, and the gradient a sum.",
        "dz{L} = 1/({m} × {n}) × what it is now; from there on the chain rule alone",
        "dz",
        (times(count),),
        only_top=True,
    ),
    Mistake(
        "doubled 1/m",
        "the gradient is {m} × {n} times too small: it is divided once more by the number of "
        "samples and of outputs.",
        "dz{L} = {m} × {n} × what it is now",
        "dz",
        (times(lambda s: 1 / count(s)),),
        only_top=True,
    ),
    Mistake(
        "mean over outputs",
        "the number of outputs, {n}, is a factor too many or too few: one of J and the gradient is "
        "a mean over them, the other is not.",
        "dz{L} = {dz}, of the same mean as J",
        "dz",
        (times(lambda s: s.z.shape[1]), times(lambda s: 1 / s.z.shape[1])),
        only_top=True,
    ),
    Mistake(
        "target not subtracted",
        "y is not subtracted: dz{L} is computed from a{L} alone.",
        "dz{L} = (a{L} - y) × its share, or {dz}",
        "dz",
        (replace_dz(without_target),),
        only_top=True,
    ),
    Mistake(
        "upstream squared",
        "the gradient that comes in, da{l}, is there twice: dz{l} has its square.",
        "dz{l} = da{l} * f'(z{l}), da{l} once",
        "dz",
        (replace_dz(lambda s: upstream(s, s.da**2)),),
        only_top=True,
    ),
    Mistake(
        "upstream left out",
        "the gradient that comes in, da{l}, is left out: dz{l} is f'(z{l}) alone.",
        "dz{l} = da{l} * f'(z{l})",
        "dz",
        (replace_dz(lambda s: upstream(s, np.ones_like(s.da))),),
        only_top=True,
    ),
    Mistake(
        "one row for all",
        "the gradient that comes in, da{l}, is that of the first sample, taken for all.",
        "dz{l} = da{l} * f'(z{l}), each sample with its own da{l}",
        "dz",
        (replace_dz(lambda s: upstream(s, np.broadcast_to(s.da[:1], s.da.shape))),),
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
)
