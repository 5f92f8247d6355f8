"""Find the activations and the cost in a user's function: tried until J agrees everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...mathematics.activations import ACTIVATIONS, Activation
from ...mathematics.costs import COSTS
from ...typing import Array
from ..pytree import Leaf
from .model import COMMON, REST, UserLayer, UserNetwork, _records, data_rows, layouts, numbered

POINTS = 7
AGREES = 1e-9
_COSTS = (
    "logistic",
    "squared_error",
    "cross_entropy",
    "absolute_error",
    "huber",
    "poisson",
    "quantile",
)


def identify(
    leaves: Sequence[Leaf],
    J: Callable[[Mapping[tuple[Any, ...], Array]], float],
    X: Any,
    y: Any,
    seed: int = 0,
) -> UserNetwork | None:
    """Return the model whose J agrees with the function's at several points, or None.

    ``J(values)`` is the function with some arrays replaced, by path.
    """
    rows = data_rows(X)
    pairs = numbered(leaves)
    if rows is None or not pairs:
        return None
    points = _points(leaves, J, seed)
    if points is None:
        return None
    targets = data_rows(y) if y is not None else None
    for skeleton in _skeletons(pairs, rows, targets, y):
        network = _fit(skeleton, pairs, points)
        if network is not None:
            return network
    return None


Point = tuple[dict[tuple[Any, ...], Array], float]


def _points(leaves: Sequence[Leaf], J: Any, seed: int) -> list[Point] | None:
    """The point itself and others nearby, each with the function's own J."""
    rng = np.random.default_rng(seed)
    points: list[Point] = []
    for k in range(POINTS):
        values = {}
        for leaf in leaves:
            rms = float(np.sqrt(np.mean(leaf.value**2))) or 1.0
            move = 0.3 * rms * rng.standard_normal(leaf.shape) if k else 0.0
            values[leaf.path] = leaf.value + move
        at = J(values)
        if np.isfinite(at):
            points.append((values, at))
    return points if len(points) >= 5 else None


def _skeletons(pairs: Any, X: Array, targets: Array | None, y: Any) -> Iterator[UserNetwork]:
    identity = ACTIVATIONS["identity"]()
    forms = [X] if min(X.shape) > 1 or X.shape[0] == 1 else [X, X.T]
    for form in forms:
        for columns, in_out, x, Ws in layouts(pairs, form):
            layers = tuple(
                UserLayer(
                    W,
                    None if b is None else b.value.ravel(),
                    identity,
                    leaf.name,
                    "" if b is None else b.name,
                    () if b is None else b.shape,
                )
                for W, (leaf, b) in zip(Ws, pairs, strict=True)
            )
            for Y in _targets(targets, y, len(x), Ws[-1].shape[0], columns):
                yield UserNetwork(
                    layers, x, Y, None, np.ones(len(x)), columns=columns, W_in_out=in_out
                )


def _targets(targets: Array | None, y: Any, m: int, n: int, columns: bool) -> Iterator[Array]:
    """The targets as rows (m, n): as they are, transposed, or labels as rows of 0 and 1."""
    if targets is None:
        return
    flat = np.asarray(targets).ravel()
    forms = (targets.T, targets) if columns else (targets, targets.T)
    seen = False
    for form in forms:
        if form.shape == (m, n) and not (seen and m == n):
            seen = True
            yield form
    if not seen and flat.size == m * n:
        yield flat.reshape(m, n)
    labels = (
        flat.size == m
        and n > 1
        and bool(np.all((flat == np.round(flat)) & (flat >= 0) & (flat < n)))
    )
    if labels:
        yield np.eye(n)[flat.astype(int)]


def _fit(skeleton: UserNetwork, pairs: Any, points: Sequence[Point]) -> UserNetwork | None:
    hidden = len(skeleton.layers) - 1
    moved = [_moved(skeleton, pairs, values) for values, _ in points]
    J = np.array([at for _, at in points])
    penalties = np.array([_penalties(model) for model in moved])
    for names in (COMMON, (*COMMON, *REST)):
        hiddens = list(_records(ACTIVATIONS, names)) if hidden else [ACTIVATIONS["identity"]()]
        for f in hiddens:
            for g in _records(ACTIVATIONS, names):
                network = _try(skeleton, moved, J, penalties, f, g)
                if network is not None:
                    return network
    return None


def _moved(
    skeleton: UserNetwork, pairs: Any, values: Mapping[tuple[Any, ...], Array]
) -> UserNetwork:
    layers = []
    for layer, (W, b) in zip(skeleton.layers, pairs, strict=True):
        matrix = values[W.path]
        layers.append(
            replace(
                layer,
                W=matrix.T if skeleton.W_in_out else matrix,
                b=None if b is None else values[b.path].ravel(),
            )
        )
    return replace(skeleton, layers=tuple(layers))


def _penalties(model: UserNetwork) -> tuple[float, float]:
    Ws = [layer.W for layer in model.layers if layer.W is not None]
    return sum(float(np.sum(W * W)) / 2 for W in Ws), sum(float(np.abs(W).sum()) for W in Ws)


def with_activations(model: UserNetwork, f: Activation, g: Activation) -> UserNetwork:
    """Return the model run with f in every hidden layer and g in the last."""
    layers = [replace(layer, f=f) for layer in model.layers[:-1]]
    layers.append(replace(model.layers[-1], f=g))
    with np.errstate(all="ignore"):
        return replace(model, layers=tuple(layers)).run()


def _try(
    skeleton: UserNetwork,
    moved: Sequence[UserNetwork],
    J: Array,
    penalties: Array,
    f: Activation,
    g: Activation,
) -> UserNetwork | None:
    run = [with_activations(model, f, g) for model in moved]
    if any(not np.isfinite(model.a[-1]).all() for model in run):
        return None
    for cost in _records(COSTS, _COSTS):
        with np.errstate(all="ignore"):
            total = np.array([float(np.sum(cost.J(model.a[-1], model.y))) for model in run])
        factors = _factors(total, penalties, J)
        if factors is not None:
            share, l2, l1 = factors
            model = replace(run[0], cost=cost, l1=l1, l2=l2)
            return replace(model, shares=np.full(len(model.x), share))
    return None


def _factors(total: Array, penalties: Array, J: Array) -> tuple[float, float, float] | None:
    """Solve J = share total + l2 penalty + l1 penalty over all points; None if none fits."""
    if not np.isfinite(total).all():
        return None
    for columns in ([], [0], [1], [0, 1]):
        basis = np.column_stack([total, penalties[:, columns]])
        scale = np.abs(basis).max(axis=0)
        if not (scale > 0).all():
            continue
        solved, *_ = np.linalg.lstsq(basis / scale, J, rcond=None)
        solved = solved / scale
        off = np.abs(basis @ solved - J).max()
        if off <= AGREES * np.abs(J).max() and solved[0] > 0 and len(J) > len(solved) + 1:
            l = dict(zip(columns, solved[1:], strict=True))
            if min(l.values(), default=0.0) < 0:
                return None
            return float(solved[0]), float(l.get(0, 0.0)), float(l.get(1, 0.0))
    return None


def single(z: Array, a: Array) -> Activation | None:
    """Return the activation of the tables that turns z into a, if one does."""
    for record in _records(ACTIVATIONS, (*COMMON, *REST)):
        with np.errstate(all="ignore"):
            got = record.f(z)
        if got.shape == a.shape and np.allclose(got, a, rtol=1e-9, atol=1e-12):
            activation: Activation = record
            return activation
    return None


def identify_cost(name: str, z: Array, y: Any, J: float) -> UserNetwork | None:
    """Return the model of a cost that takes z (or a) itself: an activation, a cost and a factor."""
    rows = data_rows(z)
    if rows is None:
        return None
    m, n = rows.shape
    flat = np.asarray(y)
    forms = list(_targets(data_rows(flat.astype(float)), flat, m, n, False))
    for f in _records(ACTIVATIONS, (*COMMON, *REST)):
        for cost in _records(COSTS, _COSTS):
            for Y in forms:
                with np.errstate(all="ignore"):
                    total = float(np.sum(cost.J(f.f(rows), Y)))
                for share in (1 / m, 1.0, 1 / (m * n), 2 / m, 2.0, 2 / (m * n), 0.5 / m):
                    if abs(share * total - J) <= 1e-8 * abs(J):
                        layers = (UserLayer(None, None, f),)
                        shares = np.full(m, share)
                        return UserNetwork(layers, rows, Y, cost, shares, x_name=name).run()
    return None
