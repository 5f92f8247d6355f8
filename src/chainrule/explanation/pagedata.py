"""What a page holds: parameters, samples and epochs, packed; names, functions, formulas."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..drawing.notation import Node, Sym, layered, substitute
from ..drawing.render_mathml import markup
from ..mathematics.costs import smooth
from ..model import Model
from .formulas import activation_formula, cost_formula
from .gradient_flow import FAR, FEW, FLAT, MOST
from .inline_assets import pack
from .javascript import activation_script, cost_script, pair_name
from .unit_level import Names

if TYPE_CHECKING:
    from ..training.history import History

MOST_PARAMETERS = 1_500_000
# Bytes of a page, before base64, for the samples and for the recorded epochs.
_SAMPLES = 900_000
_EPOCHS_SMALL, _EPOCHS_LARGE = 620_000, 2_000_000
_SMALL = 20_000
# Recorded epochs keep the first 3 bytes of a float32: 16 bits of mantissa, 5 digits.
_KEPT = 3


def page_data(
    net: Model,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    row: int,
    samples: int,
    names: Names,
    units: Sequence[Sequence[int]],
    history: History | None,
) -> dict[str, Any]:
    """Return the page's data as JSON values."""
    wide = net.copy(dtype="float64")
    x = wide.inputs(X)
    Y = smooth(wide.targets(y, len(x)), net.cost.settings.get("smoothing", 0.0))
    rows = _rows(len(x), row, samples, net.sizes[0])
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
        "limits": {"flat": FLAT, "most": MOST, "far": FAR, "few": FEW},
        "units": [list(column) for column in units],
        "snapshots": None if history is None else _snapshots(net, history),
        "history": {
            "cost": [] if history is None else _numbers(history.cost),
            "validation": [] if history is None else _numbers(history.validation_cost),
        },
    }


def page_functions(net: Model) -> str:
    """Return the network's activations and cost as a JavaScript object."""
    fs = ", ".join(activation_script(f) for f in net.activations)
    return " ".join(f"{{activations: [{fs}], cost: {cost_script(net.cost)}}}".split())


def _rows(m: int, row: int, samples: int, width: int) -> npt.NDArray[np.int64]:
    """Choose at most ``samples`` rows, evenly spread, with ``row`` among them."""
    if samples < 1:
        raise ValueError(f"samples must be at least 1, not {samples}")
    most = max(1, min(samples, m, _SAMPLES // (8 * width)))
    spread = np.linspace(0, m - 1, most).round().astype(np.int64)
    spread[np.argmin(np.abs(spread - row))] = row
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
        "spec": net.cost.spec,
        "J": markup(substitute(formula.value, symbols)),
        "da": markup(substitute(formula.derivative, symbols)),
        "kinks": list(net.cost.kinks),
    }


def _numbers(values: Sequence[float]) -> list[float | None]:
    return [float(v) if isfinite(v) else None for v in values]


def _snapshots(net: Model, history: History) -> dict[str, Any] | None:
    """Pack the recorded epochs, thinned to what a page can hold; the last is the trained theta."""
    taken = history.snapshots
    if not taken:
        return None
    P = len(net.theta)
    for epoch, theta in taken:
        if theta.shape != (P,):
            raise ValueError(
                f"the history's theta of epoch {epoch} has {theta.size} parameters, and the "
                f"network has {P}: is it the history of another network?"
            )
    budget = _EPOCHS_SMALL if P <= _SMALL else _EPOCHS_LARGE
    most = max(2, int(budget / (P * _KEPT * 0.9)))
    keep = np.unique(np.linspace(0, len(taken) - 1, min(most, len(taken))).round().astype(int))
    chosen = [taken[k] for k in keep]
    names = [f"epoch {epoch}" for epoch, _ in chosen]
    epochs = [epoch for epoch, _ in chosen]
    thetas = [theta for _, theta in chosen]
    if not np.array_equal(thetas[-1], net.theta, equal_nan=True):
        kept = history.stop.best_epoch if history.stop else epochs[-1]
        names.append(f"as trained (epoch {kept} was kept)")
        epochs.append(kept)
        thetas.append(net.theta)
    with np.errstate(over="ignore"):
        packed = pack(np.stack(thetas).astype(np.float32), _KEPT)
    return {"epochs": epochs, "names": names, "theta": packed}
