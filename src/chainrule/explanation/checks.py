"""Checks of what the functions of this package are given: one sentence that names the argument."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..drawing.picture import clean
from ..model import Model
from ..network import Network
from ..training.history import History

if TYPE_CHECKING:
    from ..tables.columns import Columns
    from ..tables.model import TableModel
    from ..tabular.model import EnsembleModel


def model_of(net: Any) -> Model:
    """Return ``net`` if it is a network; raise TypeError that says what to give otherwise."""
    if isinstance(net, Model):
        return net
    mend = ""
    if isinstance(getattr(net, "network_", None), Model):
        mend = ": give its network_, or call its own explain"
    elif isinstance(getattr(net, "network", None), Model):
        mend = ": give its network"
    raise TypeError(f"net must be a Network, not {type(net).__name__}{mend}")


def whole(name: str, value: Any) -> int:
    """Return a whole number; raise TypeError for anything else, truth values included."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, not {value!r}") from None


def row_of(row: Any, m: int) -> int:
    """Return the number of a sample, 0 to m - 1; raise ValueError if it is not there."""
    number = whole("row", row)
    if not m:
        raise ValueError("X has no rows: give at least one sample")
    if not 0 <= number < m:
        raise ValueError(f"row {number} is not there: X has the rows 0 to {m - 1}")
    return number


def finite_inputs(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return x (m, n_0); raise ValueError naming an entry that is not finite."""
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        row, column = bad[0]
        raise ValueError(f"X[{row}, {column}] is {x[row, column]}: every input must be finite")
    return x


def names_of(argument: str, names: Any, count: int) -> tuple[str, ...]:
    """Return ``count`` names as texts, () for None.

    Raises TypeError for what is no list, and ValueError for a wrong number of names.
    """
    if names is None:
        return ()
    try:
        texts = None if isinstance(names, str | bytes) else list(names)
    except TypeError:
        texts = None
    if texts is None:
        raise TypeError(f"{argument} must be a list of names, not {names!r}")
    if len(texts) != count:
        has = f"{len(texts)} name{'' if len(texts) == 1 else 's'}"
        expected = f"{count} {argument.removesuffix('s') if count == 1 else argument}"
        raise ValueError(f"{argument} has {has}, and the network has {expected}")
    return tuple(clean(str(name)) for name in texts)


def history_of(history: Any, net: Model) -> History | None:
    """Return the history given, the network's last for None; raise TypeError for anything else."""
    if history is None:
        return net.history if isinstance(net, Network) else None
    if not isinstance(history, History):
        raise TypeError(
            f"history must be what fit returned, not {type(history).__name__}: "
            'history = net.fit(X, y, record="explain")'
        )
    return history


def model_and_rows(
    model: Any, rows: Any, source: str, say: Callable[[str], None]
) -> tuple[TableModel | EnsembleModel, Columns, str]:
    """Return a table's model, rows and the table's name; read what is given by the name of a file.

    Raises TypeError for what is neither, and ValueError as reading a model or a table does.
    """
    from ..tables.columns import Columns
    from ..tables.model import TableModel
    from ..tabular.model import EnsembleModel, load_model

    if isinstance(model, str | os.PathLike):
        model = load_model(model)
    if not isinstance(model, TableModel | EnsembleModel):
        raise TypeError(
            f"model must be a model file that `chainrule train` wrote, or what load_model "
            f"returns, not {type(model).__name__}"
        )
    if isinstance(rows, str | os.PathLike):
        source = source or Path(rows).name
        rows = model.read(rows, with_target=True, say=say)
    if not isinstance(rows, Columns):
        raise TypeError(
            f"rows must be the name of a table's file, or what its model's read returns, "
            f"not {type(rows).__name__}"
        )
    return model, rows, source
