"""What a page holds: parameters, samples and epochs, packed; names, functions, formulas."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..drawing.notation import Node, Sym, layered, substitute
from ..drawing.picture import Picture, clean
from ..drawing.render_mathml import markup
from ..gradcheck.mistakes.table import MISTAKES as TABLE
from ..mathematics.costs import Cost, cost_of, smooth
from ..mathematics.optimizers import OPTIMIZERS, resolve_optimizer
from ..model import Model
from .checks import finite_inputs, row_of
from .formulas import activation_formula, cost_formula
from .gradient_flow import FAR, FEW, FLAT, MOST
from .inline_assets import pack
from .javascript import activation_script, cost_script, pair_name
from .unit_layout import Names

if TYPE_CHECKING:
    from ..training.history import History

MOST_PARAMETERS = 1_500_000
# Bytes of a page, before base64, for the samples and for the recorded epochs.
_SAMPLES = 900_000
_EPOCHS_SMALL, _EPOCHS_LARGE = 620_000, 2_000_000
_SMALL = 20_000
# The mistakes that can be made on purpose, by the names of the gradient check's table.
_MISTAKES = {
    "slope": ("f' missing", "f′ forgotten"),
    "transpose": ("W transposed", "Wᵀ forgotten"),
    "sum": ("missing 1/m", "sum for mean"),
    "sign": ("sign", "wrong sign of dW"),
    "argument": ("f' at a instead of z", "f′ of a, not of z"),
    "stale": ("stale z", "stale z"),
    "bias": ("bias summed over the wrong axis", "bias summed over units"),
    "layer": ("a of the wrong layer", "off by one layer"),
}
_OF_W = {one.name: one.sentence for one in TABLE if "d{W}" in one.sentence}
_FIRST = {one.name: one.sentence for one in reversed(TABLE)}
FAULTS = {
    kind: {"name": words, "sentence": (_OF_W if kind == "sign" else _FIRST)[name]}
    for kind, (name, words) in _MISTAKES.items()
}
# A median cost below this share of the mean gives way to the mean.
_TELLING = 0.05
# Recorded epochs keep the first 3 bytes of a float32: 16 bits of mantissa, 5 digits.
_KEPT = 3


def page_data(
    net: Model,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    rows: npt.NDArray[np.int64],
    row: int,
    names: Names,
    history: History | None,
) -> dict[str, Any]:
    """Return the page's data as JSON values; ``rows`` are those it holds, ``row`` the first."""
    wide = net.copy(dtype="float64")
    x = wide.inputs(X)
    Y = smooth(wide.targets(y, len(x)), net.cost.settings.get("smoothing", 0.0))
    return {
        "sizes": list(net.sizes),
        "layers": _layers(net),
        "cost": _cost(net),
        "pair": pair_name(net.activations[-1], net.cost),
        "l1": net.l1,
        "l2": net.l2,
        "theta": pack(net.theta),
        "X": pack(x[rows]),
        "Y": pack(Y[rows]),
        "rows": rows.tolist(),
        "start": int(np.flatnonzero(rows == row)[0]),
        "inputs": list(names.inputs),
        "outputs": list(names.outputs),
        "grid": pixel_side(net.sizes[0], names.inputs),
        "limits": {"flat": FLAT, "most": MOST, "far": FAR, "few": FEW},
        "faults": FAULTS,
        "optimizers": {name: dict(make().settings) for name, make in OPTIMIZERS.items()},
        "snapshots": None if history is None else _snapshots(net, history),
        "history": {
            "cost": [] if history is None else _numbers(history.cost),
            "validation": [] if history is None else _numbers(history.validation_cost),
        },
    }


def training_settings(settings: Mapping[str, Any] | None, m: int) -> dict[str, Any]:
    """Return with what the page trains: gradient descent on all rows unless told otherwise.

    Raises ValueError for an optimizer that is not in the table.
    """
    known = dict(settings or {})
    optimizer = resolve_optimizer(known.get("optimizer") or "gradient_descent")
    rate, batch = known.get("learning_rate"), known.get("batch_size")
    return {
        "optimizer": optimizer.name if optimizer.name in OPTIMIZERS else "gradient_descent",
        "learning_rate": float(rate) if isinstance(rate, int | float) else None,
        "batch_size": min(int(batch), m) if isinstance(batch, int | float) else None,
    }


def own_values(
    own: Sequence[Sequence[str]] | None, rows: npt.NDArray[np.int64]
) -> list[list[str]] | None:
    """Return the columns' own values of the rows it holds, as texts."""
    return None if own is None else [[clean(str(v)) for v in own[int(row)]] for row in rows]


def map_places(picture: Picture) -> dict[str, list[float]]:
    """Return where the small maps beside the units are drawn: left, top and size of each."""
    return {
        box.key: [box.x - box.width / 2, box.y - box.height / 2, box.width]
        for box in picture.boxes
        if box.key.startswith("map-")
    }


def pixel_side(n: int, names: Sequence[str]) -> int:
    """Return the side of the square of pixels that the inputs are, 0 if they are none."""
    side = math.isqrt(n)
    pixels = all(re.search("pix|px", name, re.IGNORECASE) for name in names)
    return side if side * side == n and side >= 6 and pixels else 0


def telling_row(net: Model, X: npt.ArrayLike, y: npt.ArrayLike, rows: npt.NDArray[np.int64]) -> int:
    """Return a row to begin with: few inputs that are 0, and a cost near the median or mean."""
    wide = net.copy(dtype="float64")
    x = finite_inputs(wide.inputs(X))
    trace = wide.forward(x[rows])
    Y = wide.targets(y, len(x))[rows]
    with np.errstate(all="ignore"):
        J = cost_of(trace.z[-1], trace.a[-1], Y, net.activations[-1], net.cost)
        typical = np.nanmedian(J)
        # Of a network that is nearly always right the median says nothing any more.
        typical = typical if typical > _TELLING * np.nanmean(J) else np.nanmean(J)
        off = np.nan_to_num(np.abs(J - typical), nan=np.inf)
    zeros = (x[rows] == 0).sum(axis=1)
    order = np.lexsort((off, zeros > zeros.min()))
    return int(rows[order[0]])


def page_functions(net: Model) -> str:
    """Return the network's activations and cost as a JavaScript object."""
    fs = ", ".join(activation_script(f) for f in net.activations)
    return " ".join(f"{{activations: [{fs}], cost: {cost_script(net.cost)}}}".split())


def page_rows(
    net: Model, X: npt.ArrayLike, y: npt.ArrayLike, row: int | None, samples: int
) -> npt.NDArray[np.int64]:
    """Choose at most ``samples`` rows, evenly spread, with ``row`` among them.

    Raises ValueError for no samples, inputs and targets that do not fit, and a row not there.
    """
    if samples < 1:
        raise ValueError(f"samples must be at least 1, not {samples}")
    m = len(finite_inputs(net.copy(dtype="float64").inputs(X)))
    number = row_of(0 if row is None else row, m)
    net.targets(y, m)
    most = max(1, min(samples, m, _SAMPLES // (8 * net.sizes[0])))
    spread = np.linspace(0, m - 1, most).round().astype(np.int64)
    if row is not None:
        spread[np.argmin(np.abs(spread - number))] = number
    return np.unique(spread)


def _layers(net: Model) -> list[dict[str, Any]]:
    records = []
    for l, f in enumerate(net.activations, 1):
        formula = activation_formula(f)
        symbols: dict[str, Node] = {"z": layered("z", l), "a": layered("a", l)}
        records.append(
            {
                "spec": f.spec,
                "mixes": not f.elementwise,
                "f": markup(substitute(formula.value, symbols)),
                "df": markup(substitute(formula.derivative, symbols)),
                "kinks": list(f.kinks),
                "range": [end if isfinite(end) else None for end in f.range],
            }
        )
    return records


def _cost(net: Model) -> dict[str, Any]:
    formula = cost_formula(net.cost)
    symbols: dict[str, Node] = {"a": layered("a", len(net.sizes) - 1), "y": Sym("y")}
    return {
        "spec": plain_spec(net.cost),
        "J": markup(substitute(formula.value, symbols)),
        "da": markup(substitute(formula.derivative, symbols)),
        "kinks": list(net.cost.kinks),
    }


def plain_spec(cost: Cost) -> str:
    """Return the cost's name, with its settings unless all are 0, as those that do nothing are."""
    return cost.spec if any(cost.settings.values()) else cost.name


def _numbers(values: Sequence[float]) -> list[float | None]:
    return [float(v) if isfinite(v) else None for v in values]


def _snapshots(net: Model, history: History) -> dict[str, Any] | None:
    """Pack the recorded epochs, thinned to what a page can hold; the last is the trained theta."""
    snapshots = history.snapshots
    if not snapshots:
        return None
    P = len(net.theta)
    for epoch, theta in snapshots:
        if theta.shape != (P,):
            raise ValueError(
                f"the history's theta of epoch {epoch} has {theta.size} parameters, and the "
                f"network has {P}: is it the history of another network?"
            )
    budget = _EPOCHS_SMALL if P <= _SMALL else _EPOCHS_LARGE
    most = max(2, int(budget / (P * _KEPT * 0.9)))
    count = len(snapshots)
    keep = np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))
    chosen = [snapshots[k] for k in keep]
    names = [f"epoch {epoch}" for epoch, _ in chosen]
    epochs = [epoch for epoch, _ in chosen]
    thetas = [theta for _, theta in chosen]
    if not np.array_equal(thetas[-1], net.theta, equal_nan=True):
        best = history.stop.best_epoch if history.stop else epochs[-1]
        names.append(f"as trained (epoch {best} was kept)")
        epochs.append(best)
        thetas.append(net.theta)
    with np.errstate(over="ignore"):
        packed = pack(np.stack(thetas).astype(np.float32), _KEPT)
    return {"epochs": epochs, "names": names, "theta": packed}
