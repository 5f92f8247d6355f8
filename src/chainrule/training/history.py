"""History: what happened in a run of training, epoch by epoch, and why it stopped."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..typing import Floats

Reason = Literal["gradient", "cost", "validation", "epochs", "callback", "interrupted", "diverged"]


@dataclass(frozen=True, slots=True)
class Stop:
    """The stop certificate: why training ended and how near to a minimum it came.

    ``reason``: gradient (its norm is within tolerance), cost (no longer decreasing), validation (no
    longer improving), epochs (the limit), callback, interrupted (Ctrl-C), diverged.
    ``gradient_norm``: that of dJ/dtheta over all training samples at the parameters kept; NaN where
    the run was interrupted.
    ``last_decrease``: ``(cost before - cost) / |cost before|`` of the last two epochs, or None.
    ``best_epoch``: the epoch whose parameters were kept, from 1; 0 are the initial ones.
    """

    reason: Reason
    message: str
    gradient_norm: float
    last_decrease: float | None
    best_epoch: int


@dataclass(slots=True)
class History:
    """One entry for each epoch in every list.

    ``cost``: mean J over the epoch's batches, each before its update, penalties included.
    ``validation_cost``: J on the validation set after the epoch, without penalties.
    ``metrics``, ``validation_metrics``: by name; on the training set only if there is no other.
    ``gradient_norm``: root mean square of the batches' gradient norms, before clipping;
    ``layer_gradient_norms``: the same for each layer. ``learning_rate``: the epoch's last.
    ``seconds``: from the start of training. ``snapshots``: (epoch, theta), if recorded.
    """

    cost: list[float] = field(default_factory=list)
    validation_cost: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    validation_metrics: dict[str, list[float]] = field(default_factory=dict)
    gradient_norm: list[float] = field(default_factory=list)
    layer_gradient_norms: list[list[float]] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    snapshots: list[tuple[int, Floats]] = field(default_factory=list)
    engine: str = ""
    stop: Stop | None = None

    @property
    def epochs(self) -> int:
        """The number of epochs that were finished."""
        return len(self.cost)

    def record(self) -> dict[str, Any]:
        """Return everything but the snapshots as plain JSON values."""
        lists = {name: getattr(self, name) for name in _LISTS}
        return lists | {"engine": self.engine, "stop": asdict(self.stop) if self.stop else None}

    def plot(self) -> Any:
        """Return a matplotlib figure of the costs over the epochs, which a notebook shows.

        Raises ImportError naming the extra if matplotlib is not installed.
        """
        from ..drawing.notebook import history_figure

        return history_figure(self)

    def _repr_html_(self) -> str:
        from ..drawing.notebook import history_html

        return history_html(self)

    def __repr__(self) -> str:
        if self.stop is None or not self.cost:
            return f"<History of {self.epochs} epochs>"
        return (
            f"<History of {self.epochs} epochs, cost {self.cost[0]:.4g} -> {self.cost[-1]:.4g}, "
            f"stopped: {self.stop.message}>"
        )


_LISTS = (
    "cost",
    "validation_cost",
    "metrics",
    "validation_metrics",
    "gradient_norm",
    "layer_gradient_norms",
    "learning_rate",
    "seconds",
)
