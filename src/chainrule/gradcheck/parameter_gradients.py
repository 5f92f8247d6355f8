"""From the derivatives by z to those by parameters: sums over samples, bars and verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..mathematics.activations import ACTIVATIONS
from ..mathematics.names import listed
from ..model import Model
from ..parameters import views
from ..typing import Array
from .differences import EPS, Estimate
from .perturbation import Perturbation
from .perturbed_passes import CachedLayer
from .verdicts import UNCHECKED, UNDECIDABLE, Checked, decide


def summed(slopes: Estimate, weight: Array, a_prev: Array) -> Estimate:
    """Return ``sum_s weight_s slope[s, j] a_prev[s, i]`` (n_l, n_{l-1}) with its bar.

    Truncation adds up over the samples; rounding, which has no common sign, adds up in squares.
    """
    known = np.isfinite(slopes.bar)
    column = weight[:, None]
    value = np.where(known, slopes.value, 0.0) * column
    rounding = np.where(known, slopes.rounding, 0.0) * column
    truncation = np.where(known, slopes.bar, 0.0) * column - rounding
    size = np.abs(a_prev)
    bars = (truncation + 4 * EPS * np.abs(value)).T @ size
    bars += 2 * np.sqrt((rounding**2).T @ size**2)
    lost = ~known & (column > 0)
    if lost.any():
        bars[(lost.T.astype(float) @ (size > 0)) > 0] = np.inf
    return Estimate(value.T @ a_prev, bars, ~np.isfinite(bars), bars)


def slopes_of(perturbation: Perturbation, l: int) -> Estimate | None:
    """Return dJ_s/dz^l (m, n_l) as it was slopes, None if the check did not get there."""
    slopes = perturbation.estimates.get(l)
    if slopes is None:
        return None
    shape = perturbation.layers[l - 1].z.shape
    parts = (slopes.value, slopes.bar, slopes.kinked, slopes.rounding)
    return Estimate(*(x.reshape(shape) for x in parts))


def tensors_of(
    net: Model, perturbation: Perturbation, dtheta: Array, shares: Array, tolerance: float
) -> list[Checked]:
    """Return W1, b1, W2, ... with both numbers, bars and verdicts; see ``verdicts.decide``."""
    analytic = [g for g in views(dtheta, net.layers) if g]
    tensors: list[Checked] = []
    largest = float(np.max(np.abs(np.nan_to_num(dtheta)), initial=0.0))
    rough = _roughness(perturbation, shares)
    for l, (layer, g) in enumerate(zip(perturbation.layers, analytic, strict=True), 1):
        slopes = slopes_of(perturbation, l)
        ones = np.ones((len(shares), 1))
        for name, a_prev, parameter in (("W", layer.a_prev, layer.W), ("b", ones, layer.b)):
            shape = parameter.shape
            if slopes is None or np.isnan(slopes.value).all():
                blank = np.full(shape, np.nan)
                verdict = np.full(shape, UNCHECKED, np.int8)
                tensors.append(
                    Checked(f"{name}{l}", g[name], blank, blank, verdict, {}, tolerance, parameter)
                )
                continue
            n = summed(slopes, shares, a_prev)
            value, bar = n.value.reshape(shape), n.bar.reshape(shape)
            # A gradient of exactly 0 where J does not move by a single bit is right.
            quiet = perturbation.flat[l].all(axis=0).reshape((-1, *(1,) * (len(shape) - 1)))
            bar = np.where(quiet & (np.asarray(g[name]) == 0), 0.0, bar)
            if name == "W":
                value = value + penalty_slope(parameter, net.l1, net.l2)
            slack: Any = 16 * EPS * float(np.max(np.abs(np.nan_to_num(g[name])), initial=0.0))
            slack = slack + (rough[l].T @ np.abs(a_prev)).reshape(shape)
            slack = slack + 2 * EPS * float(np.max(np.abs(parameter), initial=0.0)) * (
                net.l1 + net.l2 > 0
            )
            verdict = decide(g[name], value, bar, tolerance, slack, largest)
            checked = Checked(
                f"{name}{l}", np.array(g[name]), value, bar, verdict, {}, tolerance, parameter
            )
            _explain(checked, slopes)
            tensors.append(checked)
    return tensors


def _roughness(perturbation: Perturbation, shares: Array) -> dict[int, Array]:
    """Bound the rounding of a right backward's dJ/dz^l, for every sample and unit.

    a - y and 1 - a^2 cancel where a unit is saturated: what they give is then rounded by some eps
    of their terms, and may be 0 where J, computed from z, still moves by 1e-30.
    """
    L = len(perturbation.layers)
    top = perturbation.layers[-1]
    share = shares[:, None]
    rough: dict[int, Array] = {L: 4 * EPS * share * (np.abs(top.a) + np.abs(perturbation.Y))}
    with np.errstate(all="ignore"):
        da = np.abs(perturbation.cost.da(top.a, perturbation.Y)) * share
        da = np.where(np.isfinite(da), da, 0.0)
        rough[L] = rough[L] + 4 * EPS * da * _cancels(top)
        for l in range(L - 1, 0, -1):
            layer, above = perturbation.layers[l - 1], perturbation.layers[l]
            slopes = slopes_of(perturbation, l + 1)
            dz = np.zeros(above.z.shape) if slopes is None else np.abs(slopes.value) * share
            mask = 1.0 if layer.mask is None else layer.mask
            W = np.abs(above.W)
            slope = np.abs(layer.f.df(layer.z, layer.a))
            error = (rough[l + 1] @ W) * mask * slope + 4 * EPS * (dz @ W) * mask * _cancels(layer)
            rough[l] = np.nan_to_num(error, nan=0.0, posinf=0.0)
    return rough


def _cancels(layer: CachedLayer) -> Any:
    """The size of the terms whose difference is f'; 0 where it is computed without one."""
    if layer.f.name == "softmax":
        return layer.a
    return 1.0 if layer.f.name == "tanh" or not listed(layer.f, ACTIVATIONS) else 0.0


def open_units(tensors: Sequence[Checked]) -> list[tuple[int, npt.NDArray[np.intp]]]:
    """The units of each layer that have an undecided entry, the last layer first."""
    units = []
    for l in range(len(tensors) // 2, 0, -1):
        W, b = tensors[2 * l - 2], tensors[2 * l - 1]
        still = (W.verdict == UNDECIDABLE).any(axis=1) | (b.verdict == UNDECIDABLE)
        if still.any():
            units.append((l, np.flatnonzero(still)))
    return units


def _explain(checked: Checked, slopes: Estimate) -> None:
    for i in np.flatnonzero(checked.verdict.ravel() == UNDECIDABLE)[:50]:
        unit = int(np.unravel_index(i, checked.shape)[0])
        lost = np.flatnonzero(~np.isfinite(slopes.bar[:, unit]))
        if np.isfinite(checked.bar.flat[i]):
            why = f"rounding noise is above the difference (known to ± {checked.bar.flat[i]:.1e})"
        elif len(lost) and slopes.kinked[lost[0], unit]:
            why = f"a kink is closer than rounding in sample {int(lost[0])}, unit {unit}"
        else:
            why = (
                f"J is infinite or NaN near sample {int(lost[0]) if len(lost) else 0}, unit {unit}"
            )
        checked.reasons[int(i)] = why


def penalty_slope(W: Array, l1: float, l2: float) -> Array:
    """Return the central difference of ``l1 |w| + l2 w^2 / 2``, with steps that avoid 0."""
    if l1 == 0 and l2 == 0:
        return np.zeros(W.shape)
    h = np.where(W == 0, 1.0, np.abs(W) / 2)

    def at(w: Array) -> Array:
        total: Array = l1 * np.abs(w) + l2 / 2 * w * w
        return total

    slope: Array = (at(W + h) - at(W - h)) / (2 * h)
    return slope
