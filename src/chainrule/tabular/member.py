"""A member's network: trained on the rows of its fold, stopped by the rows held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..network import Network
from ..training.history import History
from ..training.stopping import EarlyStopping
from ..typing import Floats
from .designs import LEARNING_RATE, MEMORY, PATIENCE, Design, batch_size_of, epochs_of
from .inputs import OUTPUTS, Targets
from .progress import Timer


@dataclass(frozen=True, slots=True)
class Samples:
    """Inputs (m, n), float32, and their targets."""

    X: Floats
    targets: Targets


class Averaging:
    """A callback that averages parameters over epochs, and keeps the best mean on held-out rows.

    ``mean = d mean + (1 - d) theta`` after epoch e = 1, 2, ..., with ``d = min(memory, (e - 1) /
    (e + 1))``: at first a mean in which later epochs count for more, then one that forgets.

    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", SIAM
    Journal on Control and Optimization 30, 1992.
    """

    def __init__(self, network: Network, held: Samples, memory: float, timer: Timer) -> None:
        self._held, self._memory, self._timer = held, memory, timer
        self._probe = Network.from_architecture(network.architecture, network.theta)
        self._stopping = EarlyStopping(patience=PATIENCE)
        self.theta = network.theta.copy()

    def __call__(self, network: Any, history: History) -> bool:
        """Take in an epoch; return whether to stop."""
        epoch, mean = history.epochs, self._probe.theta
        keep = mean.dtype.type(min(self._memory, (epoch - 1) / (epoch + 1)))
        mean *= keep
        mean += (1 - keep) * network.theta
        loss = self._held.targets.loss(self._probe.predict(self._held.X))
        if self._stopping.observe(loss):
            self.theta[...] = mean
        return self._timer.epoch(epoch) or self._stopping.exhausted


def train_network(
    design: Design,
    training: Samples,
    held: Samples,
    seed: int,
    engine: str,
    average: bool,
    timer: Timer,
) -> Network:
    """Train a network of a design; return it with the parameters best on the held-out rows.

    Repeated calls give equal bits where the timer has no limit.
    """
    m, targets = len(training.X), training.targets
    network = Network(
        [training.X.shape[1], *design.hidden, targets.Y.shape[1]],
        hidden=design.activation,
        output=OUTPUTS[targets.task],
        seed=seed,
        dtype="float32",
        dropout=[0.0, *[design.dropout] * len(design.hidden)],
        l1=design.sparsity / m,
        l2=design.prior / m,
    )
    averaging = Averaging(network, held, MEMORY if average else 0.0, timer)
    network.fit(
        training.X,
        targets.Y,
        sample_weight=targets.weights,
        optimizer="adam",
        learning_rate=LEARNING_RATE,
        batch_size=batch_size_of(m),
        epochs=epochs_of(m),
        tolerance=None,
        callbacks=averaging,
        threads=1,
        progress=False,
        engine=engine,
        certificate=False,
        warn=False,  # a run that diverges has its best parameters from before
    )
    network.theta = np.nan_to_num(averaging.theta)
    return network
