"""Training data: samples, weights and validation sets, checked and turned into arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engines.communicator import ALONE, Team, stacked
from ..mathematics.checks import INSIDE_ONE, NOT_NEGATIVE, setting
from ..mathematics.names import unknown
from ..mathematics.random import SPLIT, key, permutation
from ..mathematics.sample_weights import shares_of, weights_of
from ..model import Model
from ..typing import Floats, Reals, Rows

Weights = Reals | None


@dataclass(frozen=True, slots=True)
class Data:
    """Samples as the engine takes them: X (m, n_0), Y (m, n_L), weights (m,) or None."""

    X: Floats
    Y: Floats
    weights: Weights

    @property
    def shares(self) -> Floats:
        """Each sample's share of the mean, (m,)."""
        return shares_of(self.weights, len(self.X), self.X.dtype)


def shares_in(team: Team, data: Data) -> Floats:
    """Return the shares of all ranks' samples, by rank, where ``data`` is this rank's part."""
    weights = np.ones(len(data.X)) if data.weights is None else data.weights
    every = stacked(team, weights)
    return shares_of(every, len(every), data.X.dtype)


def data_of(
    net: Model, X: npt.ArrayLike, y: npt.ArrayLike, weight: Any, name: str, empty: bool = False
) -> Data:
    """Check samples and turn them into arrays of the network's dtype; ``empty``: none will do.

    Raises ValueError naming the row and column of a value that is not finite, and for no samples.
    """
    inputs = net.inputs(X)
    if len(inputs) == 0 and not empty:
        raise ValueError(f"{name} has no samples")
    wrong = ~np.isfinite(inputs)
    if wrong.any():
        row, column = (int(place[0]) for place in np.nonzero(wrong))
        raise ValueError(
            f"X[{row}, {column}] of {name} is {inputs[row, column]}: every input must be finite "
            f"in {net.dtype.name}"
        )
    Y = net.targets(y, len(inputs))
    return Data(inputs, Y, None if weight is None else weights_of(weight, len(inputs)))


def class_factors(net: Model, data: Data, class_weight: Any, team: Team = ALONE) -> Weights:
    """Return the weight of each class, or None.

    ``class_weight``: None, ``"balanced"`` (m / (number of classes * samples of the class), by
    weight, over the whole team; 1 for a class without samples), or a mapping or sequence from label
    to weight. Raises ValueError for other costs and other labels.
    """
    if class_weight is None:
        return None
    if net.cost.target not in ("classes", "probability"):
        raise ValueError(f"class_weight needs a cost of classes, not {net.cost.name!r}")
    if data.Y.shape[1] > 1 and net.cost.target != "classes":
        raise ValueError("class_weight needs one label a sample: give sample_weight instead")
    n_classes = max(data.Y.shape[1], 2)
    if not isinstance(class_weight, str):
        return np.array([_class_factor(class_weight, label) for label in range(n_classes)])
    if class_weight != "balanced":
        raise unknown("class_weight", class_weight, ["balanced"])
    counts = np.bincount(_labels(data), data.weights, n_classes).astype(np.float64)
    team.sum_(counts)
    present = counts > 0
    return np.where(present, counts.sum() / (present.sum() * np.where(present, counts, 1)), 1)


def weighted(data: Data, factors: Weights) -> Data:
    """Multiply the sample weights by the weight of each sample's class; None: as they are."""
    if factors is None:
        return data
    weights = factors[_labels(data)] * (1.0 if data.weights is None else data.weights)
    return Data(data.X, data.Y, weights_of(weights, len(data.X)))


def _labels(data: Data) -> Rows:
    if data.Y.shape[1] == 1:
        return (data.Y[:, 0] > 0.5).astype(np.int64)
    labels: Rows = np.argmax(data.Y, axis=1)
    return labels


def _class_factor(class_weight: Any, label: int) -> float:
    try:
        weight = class_weight[label]
    except (KeyError, IndexError):
        raise ValueError(f"class_weight has no weight for the class {label}") from None
    except TypeError:
        raise TypeError(
            f"class_weight must be 'balanced' or weights by label, not {class_weight!r}"
        ) from None
    return float(setting("class_weight", f"of class {label}", weight, NOT_NEGATIVE))


def held_out(seed: int, m: int, share: Any) -> npt.NDArray[np.bool_]:
    """Return a mask (m,) of the samples that are held out for validation, drawn by the seed.

    Raises ValueError for a share outside (0, 1) or one that leaves either part empty.
    """
    share = float(setting("fit", "validation", share, INSIDE_ONE))
    count = round(share * m)
    if not 0 < count < m:
        raise ValueError(
            f"validation={share} of {m} samples leaves an empty part: use another share"
        )
    mask = np.zeros(m, np.bool_)
    mask[permutation(m, key(seed, SPLIT))[:count]] = True
    return mask


def split_validation(
    net: Model, data: Data, validation: Any, factors: Weights
) -> tuple[Data, Data | None]:
    """Return training and validation data: none, a share held out at random, or the caller's.

    The caller's are weighted by class, ``factors``, unless they have weights.
    Raises ValueError for a share outside (0, 1), one that leaves either part empty, and a part in
    which every weight is 0.
    """
    training, held = _split(net, data, validation, factors)
    for part, name in ((training, "training"), (held, "validation")):
        if part is not None and part.weights is not None and not part.weights.any():
            raise ValueError(f"the weights of all {len(part.X)} {name} samples are 0")
    return training, held


def _split(net: Model, data: Data, validation: Any, factors: Weights) -> tuple[Data, Data | None]:
    if validation is None:
        return data, None
    if isinstance(validation, (tuple, list)):
        if len(validation) not in (2, 3):
            raise ValueError("validation must be a share, (X, y) or (X, y, sample_weight)")
        weight = validation[2] if len(validation) == 3 else None
        held = data_of(net, validation[0], validation[1], weight, "validation")
        return data, held if weight is not None else weighted(held, factors)
    mask = held_out(net.seed, len(data.X), validation)
    return rows_of(data, np.flatnonzero(~mask)), rows_of(data, np.flatnonzero(mask))


def rows_of(data: Data, rows: Rows) -> Data:
    """Return some rows of the samples."""
    return Data(data.X[rows], data.Y[rows], None if data.weights is None else data.weights[rows])
