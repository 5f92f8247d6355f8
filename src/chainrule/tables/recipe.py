"""The recipe: what fitting a table in memory and fitting a stream have in common.

The network that suits a target, the arguments of training, what becomes of divergence, and the
record that a model file keeps of how it was trained.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..files.json_values import finite
from ..mathematics.costs import resolve_cost
from ..network import Network
from ..training.defaults import smaller_rate
from ..training.history import History
from .encoder import Encoder
from .model import OUTPUTS, TableModel
from .settings import Choices, as_json
from .splits import Split
from .target import TargetEncoder
from .testing import Tested

Say = Callable[[str], None]
Callback = Callable[[Network, History], Any]


# Choices that are arguments of training by the same name.
_OF_TRAINING: Final = (
    "optimizer",
    "learning_rate",
    "batch_size",
    "epochs",
    "patience",
    "schedule",
    "threads",
    "engine",
    "class_weight",
)


class Diverged(ArithmeticError):
    """Training stopped because the cost grew without bound."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model, how its training went, and its scores on the test part (none without one).

    ``rows``: how many there are to train on, to validate and to test. ``split``: the rows of each
    part, of a table in memory.
    """

    model: TableModel
    history: History
    rows: dict[str, int]
    tested: Tested
    split: Split | None = None

    @property
    def scores(self) -> dict[str, Any] | None:
        """The scores on the test part."""
        return self.tested.scores


def silent(sentence: str) -> None:
    """Say nothing."""


def network_of(n_in: int, target: TargetEncoder, choices: Choices) -> Network:
    """Return the untrained network for ``n_in`` inputs and a target.

    Raises ValueError for a loss that does not suit the task.
    """
    outputs = resolve_cost(choices.loss).outputs if choices.loss else ()
    if outputs and OUTPUTS[target.task] not in outputs:
        raise ValueError(
            f"--loss {choices.loss} does not suit {target.task}: leave it out"
            + (", or use squared_error or absolute_error" * (target.task == "regression"))
        )
    return Network(
        [n_in, *choices.hidden, target.n_out],
        hidden=choices.activation,
        output=OUTPUTS[target.task],
        cost=choices.loss,
        seed=choices.seed,
        dtype=choices.dtype,
        dropout=choices.dropout,
        l2=choices.l2,
    )


def arguments_of(choices: Choices, task: str) -> dict[str, Any]:
    """Return the arguments of ``training.fit`` that completed choices mean."""
    metrics = ["r2" if task == "regression" else "accuracy"]
    if choices.class_weight is not None and task == "regression":
        raise ValueError("--class-weight needs a target of classes, and this is a regression")
    arguments = {name: getattr(choices, name) for name in _OF_TRAINING}
    return arguments | {"tolerance": None, "metrics": metrics}


def encoder_state(encoder: Encoder, target: TargetEncoder) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return both encoders as JSON and arrays, for a model file or a checkpoint."""
    state, arrays = encoder.state()
    return {**state, "target": target.state()}, arrays


def trained(train: Callable[[], History], choices: Choices) -> History:
    """Train and return the history; raises Diverged, with the command line's advice."""
    with warnings.catch_warnings():
        # The exception below says it, with the command line's own advice.
        warnings.filterwarnings("ignore", message="diverged", category=RuntimeWarning)
        history = train()
    if history.stop is not None and history.stop.reason == "diverged":
        rate = smaller_rate(choices.optimizer, choices.learning_rate)
        raise Diverged(
            f"training diverged in epoch {history.epochs + 1}: the cost grew without bound; no "
            f"model was written; try --learning-rate {rate:g}"
        )
    return history


def draw_to_mean(
    network: Network, validation: tuple[Any, ...] | None, target: TargetEncoder, say: Say
) -> None:
    """Draw a regression's predictions to the mean where they are worse than it in validation.

    Outputs are standardised, so their mean is 0: the last layer is multiplied by the factor, from
    0 to 1, that has the least squared error on the validation set.
    """
    if validation is None or target.task != "regression":
        return
    y_hat = network.predict(validation[0])[:, 0].astype(np.float64)
    y = np.asarray(validation[1], np.float64).ravel()
    w = validation[2] if len(validation) == 3 else np.ones(len(y))
    if w @ (y - y_hat) ** 2 < w @ y**2:
        return
    factor = float(np.clip((w @ (y * y_hat)) / (w @ y_hat**2 or 1.0), 0.0, 1.0))
    last = len(network.sizes) - 1
    for values in (network.W[last], network.b[last]):
        values *= factor
    say(
        "on the rows to choose the epoch it is no better than always predicting the mean, so "
        f"predictions are drawn to it: {factor:.2f} of the difference is kept"
    )


def record_of(
    source: str,
    rows: Mapping[str, int],
    choices: Choices,
    history: History,
    scores: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return what a model file keeps of how the model was trained, as JSON values."""
    return {
        "data": source,
        "rows": {"all": sum(rows.values()), **rows},
        "settings": as_json(choices),
        # Times would make the file of the same seed another one.
        "history": finite(history.record() | {"seconds": []}),
        "scores": scores,
    }
