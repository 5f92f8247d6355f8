"""One layer by itself: its forward and backward alone, given dJ/da.

``check_layer`` takes any pair in the form of the notes; ``layer_parts`` does the same for every
layer of a network, so that a mistake in one is reported there and not in every layer below it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ...mathematics.activations import ACTIVATIONS, Activation, activation_backward
from ...mathematics.propagation import affine_backward, forward
from ...typing import Array
from ..cost_functions import Subject
from ..differences import EPS, STENCIL, Estimate, estimate
from ..perturbation import STEP, Perturbation
from ..perturbed_passes import CachedLayer
from ..report import Part, Report
from ..user_network.identification import single
from ..user_network.model import UserLayer, UserNetwork
from ..verdicts import RIGHT, UNDECIDABLE, WRONG, decide
from .functions import check_pair


def check_layer(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    a_prev: npt.ArrayLike,
    W: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    da: npt.ArrayLike | None = None,
    seed: int = 0,
    **settings: Any,
) -> Report:
    """Check one layer: ``forward(a_prev, W, b) -> (a, z)``, ``backward(da, z, a, a_prev, W)``.

    The backward returns ``(da_prev, dW, db)``, as the notes say. ``da``: dJ/da of the layer's
    output, of its shape; random if None. Shapes and layout are the layer's own: rows or columns.
    ``settings`` are those of ``check_pair``. Raises what that raises.
    """
    arrays = {"a_prev": np.asarray(a_prev), "W": np.asarray(W), "b": np.asarray(b)}
    a, _ = _forward(forward, {k: np.array(v, np.float64) for k, v in arrays.items()})
    if da is None:
        da = np.random.default_rng(seed).standard_normal(a.shape)
    da64 = np.asarray(da, np.float64)
    if da64.shape != a.shape:
        raise ValueError(f"da has the shape {da64.shape}, and the layer's output a {a.shape}")

    def cost(p: dict[str, Array]) -> float:
        return float(np.sum(da64 * _forward(forward, p)[0]))

    def gradients(p: dict[str, Array]) -> dict[str, Any]:
        a, z = _forward(forward, p)
        outputs = backward(da64.copy(), z, a, p["a_prev"], p["W"])
        if not isinstance(outputs, (tuple, list)) or len(outputs) != 3:
            raise ValueError("a layer's backward must return three arrays: (da_prev, dW, db)")
        return dict(zip(("a_prev", "W", "b"), outputs, strict=True))

    settings.setdefault("name", f"layer {getattr(backward, '__name__', 'backward')}")

    def network(subject: Subject) -> UserNetwork | None:
        p = {leaf.name: leaf.value for leaf in subject.leaves}
        return layer_network(p["a_prev"], p["W"], p["b"], da64, a, ("a_prev", "W", "b"))

    settings.setdefault("find_network", network)
    return check_pair(cost, gradients, arrays, seed=seed, samples=len(a), **settings)


def _forward(forward: Callable[..., Any], p: dict[str, Array]) -> tuple[Array, Any]:
    output = forward(p["a_prev"], p["W"], p["b"])
    return output if isinstance(output, tuple) else (output, None)


def layer_network(
    x: Array, W: Array | None, b: Array | None, da: Array, a: Array, names: tuple[str, str, str]
) -> UserNetwork | None:
    """Find the affine map and the activation that turn x into a: rows or columns, W either way."""
    identity = UserLayer(None, None, _identity())
    if W is None:
        f = single(x, a)
        if f is None:
            return None
        links = (replace(identity, f=f),)
        return UserNetwork(links, x, None, None, np.ones(len(x)), da, x_name=names[0]).run()
    for columns in (False, True):
        for in_out in (False, True):
            rows, M = (x.T if columns else x), (W.T if in_out else W)
            if M.shape[1] != rows.shape[1] or (b is not None and b.size != M.shape[0]):
                continue
            out, top = (a.T, da.T) if columns else (a, da)
            if out.shape != (len(rows), M.shape[0]):
                continue
            z = rows @ M.T + (0 if b is None else b.ravel())
            f = single(z, out)
            if f is None:
                continue
            bias = None if b is None else b.ravel()
            shape = () if b is None else b.shape
            link = replace(
                identity, W=M, b=bias, f=f, W_name=names[1], b_name=names[2], b_shape=shape
            )
            return UserNetwork(
                (link,), rows, None, None, np.ones(len(rows)), top,
                columns=columns, W_in_out=in_out, x_name=names[0],
            ).run()  # fmt: skip
    return None


def _identity() -> Activation:
    return ACTIVATIONS["identity"]()


def layer_parts(perturbation: Perturbation, tolerance: float) -> list[Part]:
    """Check every layer's backward alone, from the last to the first, given a random dJ/da."""
    rng = np.random.default_rng(0)
    parts: list[Part] = []
    for l in range(len(perturbation.layers), 0, -1):
        layer = perturbation.layers[l - 1]
        da = rng.standard_normal(layer.z.shape)
        with np.errstate(all="ignore"):
            a, z = forward(layer.a_prev, layer.W, layer.b, layer.f)
            dz = activation_backward(da, z, a, layer.f)
            da_prev, dW, db = affine_backward(dz, layer.a_prev, layer.W)
            slopes = local_slopes(perturbation, l, da)
        verdicts = {
            f"dz{l}": _verdict(dz, slopes, tolerance),
            f"dW{l}": _verdict(dW, _through(slopes, layer.a_prev, 0), tolerance),
            f"db{l}": _verdict(db, _through(slopes, np.ones((len(da), 1)), 0), tolerance),
            f"da{l - 1}": _verdict(da_prev, _through(slopes, layer.W, 1), tolerance),
        }
        name = f"layer {l} by itself ({layer.W.shape[1]} → {layer.W.shape[0]}, {layer.f.name})"
        wrong = [word for word, verdict in verdicts.items() if verdict == WRONG]
        worst = max(verdicts.values(), key=(RIGHT, UNDECIDABLE, WRONG).index)
        sentence = f"{' and '.join(wrong)} wrong, given the right da{l}" if wrong else ""
        parts.append(Part(name, worst, sentence))
    return parts


def _verdict(analytic: Any, n: Estimate, tolerance: float) -> int:
    a = np.asarray(analytic, np.float64).reshape(n.value.shape)
    slack = 64 * EPS * float(np.max(np.abs(np.nan_to_num(a)), initial=0.0))
    verdict = decide(a, n.value, n.bar, tolerance, slack)
    if (verdict == WRONG).any():
        return WRONG
    return UNDECIDABLE if (verdict == UNDECIDABLE).any() else RIGHT


def local_slopes(perturbation: Perturbation, l: int, da: Array) -> Estimate:
    """Return dJ/dz of ``J = sum da f(z)`` by differences of f alone, each with a step that
    avoids kinks."""
    layer = perturbation.layers[l - 1]
    h = STEP * np.exp2(np.floor(np.log2(np.maximum(1.0, np.abs(layer.z)))))
    for kink in layer.f.kinks:
        gap = np.abs(layer.z - kink)
        h = np.where((gap > 0) & (gap < 2 * h), gap / 2, h)
    noise = 4 * EPS * (np.abs(layer.a) + 1e-300)
    if layer.f.elementwise:
        values = np.stack(
            [perturbation.activation(l, layer.z + k * h, np.arange(len(layer.z))) for k in STENCIL]
        )
        # The values hold the rounding of z ± h as well, which the slope carries over.
        slopes = estimate(values, layer.a, h, noise)
        size = np.abs(da)
        bar = slopes.bar * size + 2 * EPS * np.abs(slopes.value * da) * np.abs(layer.z) / h
        return Estimate(slopes.value * da, bar, slopes.kinked, bar)
    return _mixed_slopes(layer, da, h)


def _mixed_slopes(layer: CachedLayer, da: Array, h: Array) -> Estimate:
    value, bar = np.empty(layer.z.shape), np.empty(layer.z.shape)
    J0 = np.sum(da * layer.a, axis=1)
    noise = 4 * EPS * np.sum(np.abs(da * layer.a), axis=1)
    for j in range(layer.z.shape[1]):
        values = []
        for k in STENCIL:
            z = layer.z.copy()
            z[:, j] += k * h[:, j]
            values.append(np.sum(da * layer.f.f(z), axis=1))
        slope = estimate(np.stack(values), J0, h[:, j], noise)
        value[:, j], bar[:, j] = slope.value, slope.bar
    return Estimate(value, bar, ~np.isfinite(bar), bar)


def _through(slopes: Estimate, by: Array, axis: int) -> Estimate:
    """Carry slopes (m, n) on: ``slopes.T @ by`` (axis 0) or ``slopes @ by`` (axis 1)."""
    lost = ~np.isfinite(slopes.bar)
    value, bar = np.where(lost, 0, slopes.value), np.where(lost, 0, slopes.bar)
    left, bars, gone = (value.T, bar.T, lost.T) if axis == 0 else (value, bar, lost)
    total = (bars + 8 * EPS * np.abs(left)) @ np.abs(by)
    if lost.any():
        total = np.where(gone.astype(float) @ (by != 0) > 0, np.inf, total)
    return Estimate(left @ by, total, ~np.isfinite(total), total)
