"""Training: descend the gradient until J is minimised, and say why it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from ..engines import choose
from ..mathematics.optimizers import Optimizer
from ..mathematics.schedules import Schedule
from .batches import InMemory
from .conduct import conduct, problem_of
from .continuation import Carried
from .history import History, Stop
from .metrics import METRICS, Metric
from .progress import Progress
from .run import Run
from .settings import (
    Callback,
    Data,
    class_factors,
    data_of,
    settings_of,
    split_validation,
    weighed,
)

if TYPE_CHECKING:
    from ..model import Model
    from .checkpoints import Checkpoints, Keeper

__all__ = ["METRICS", "Carried", "History", "Metric", "Stop", "fit"]


def fit(
    net: Model,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    optimizer: str | Optimizer = "adam",
    learning_rate: float = 1e-3,
    batch_size: int | str | None = "auto",
    epochs: int = 200,
    tolerance: float | None = 1e-4,
    validation: float | tuple[Any, ...] | None = None,
    patience: int | None = None,
    monitor: str = "cost",
    sample_weight: npt.ArrayLike | None = None,
    class_weight: Any = None,
    schedule: str | Schedule | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    shuffle: bool = True,
    callbacks: Callback | Sequence[Callback] = (),
    metrics: str | Metric | Sequence[str | Metric] = (),
    record: str | None = None,
    threads: int | None = None,
    progress: bool = True,
    engine: str = "auto",
    checkpoint: Any = None,
    checkpoint_every: str | int | None = None,
    resume: bool = False,
    carried: Carried | None = None,
    evaluations: int | None = None,
    certificate: bool = True,
) -> History:
    """Descend the gradient from the network's theta until J is minimised; theta is changed.

    ``optimizer``: a name of ``OPTIMIZERS``, as ``"momentum(0.95)"``, a record, or ``"lbfgs"``.
    ``batch_size``: ``"auto"`` is 32 or all samples if there are fewer; None is all (batch descent),
    1 is stochastic descent. ``tolerance``: training stops where the gradient's norm over all
    samples is at most this, or where for ``patience`` epochs (10) the cost, or with a validation
    set the monitored validation cost or metric, has not improved by more than this share of
    itself; None: only a validation set can stop it. ``validation``: None, a share to hold out,
    (X, y) or (X, y, sample_weight); the parameters of the best epoch on it are kept.
    ``class_weight``: ``"balanced"`` or weights by label, for validation too unless (X, y) brings
    weights of its own; metrics follow the same weights. ``schedule``: of ``SCHEDULES``.
    ``clip_value``, ``clip_norm``: limits of the gradient, in this order. ``callbacks``: functions
    of (network, history), called after each epoch; one that returns True stops. ``metrics``: names
    of ``METRICS`` or records. ``record="explain"`` keeps snapshots of theta. ``progress``: a
    line on a terminal for runs of more than two seconds. ``engine``: auto, native or reference.
    ``checkpoint``: a folder, or ``Checkpoints``, to write to after each epoch, or as often as
    ``checkpoint_every`` says (10 epochs, or ``"10min"``), and when Ctrl-C or SIGTERM stops the run;
    after SIGTERM SystemExit(143) is raised. ``resume``: go on from the last checkpoint there, if
    there is one, and end in the same bits as a run that was never stopped. ``carried``: a
    ``Carried()``, changed in place, with which a later call goes on: optimizer state, counts of
    updates and epochs. ``evaluations``: the most evaluations of J for lbfgs. ``certificate`` False
    leaves the norm in the stop certificate NaN, and saves the pass that it takes.

    Repeated runs from the same seed and theta give the same bits. Ctrl-C stops after the step in
    hand and keeps what was learnt. A cost that explodes or is not finite stops at once, keeps the
    last good parameters and warns (RuntimeWarning) with what to try.

    Raises ValueError or TypeError naming the argument or the row at fault, before any work.

    >>> import chainrule as cr
    >>> net = cr.Network([2, 4, 1], hidden="tanh", output="sigmoid", cost="logistic", seed=1)
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> history = net.fit(X, y, optimizer="lbfgs", epochs=100)
    >>> net.predict(X).round().ravel().tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    given = {
        name: value for name, value in locals().items() if name not in ("net", "X", "y", "carried")
    }
    policy = _policy(checkpoint, checkpoint_every, resume)
    data = data_of(net, X, y, sample_weight, "X")
    factors = class_factors(net, data, class_weight)
    data, held = split_validation(net, weighed(data, factors), validation, factors)
    settings = settings_of(net, len(data.X), held is not None, given)
    problem = problem_of(net, data, settings)
    chosen, why = choose(settings.engine, problem)
    if why and progress:
        _say(why)
    samples = InMemory(problem, len(data.X), settings.batch_size, settings.shuffle, data.weights)
    line = Progress(settings.epochs, progress)
    run = Run(net, data, held, settings, chosen, samples, line, carried=carried)
    if carried is not None:
        if policy is not None:
            raise ValueError("carried and checkpoint do not go together: leave one out")
        carried.check(net.theta, settings.optimizer)
    if policy is not None:
        run.keeper = _keeper(run, policy, data, held, resume)
    return conduct(run)


# What checkpoints need (locks, digests, dates) is imported by those who write some.
def _policy(checkpoint: Any, every: str | int | None, resume: bool) -> Checkpoints | None:
    if checkpoint is None:
        if resume:
            raise ValueError("resume needs the folder of the checkpoints: give checkpoint=...")
        return None
    from .checkpoints import checkpoints_of

    return checkpoints_of(checkpoint, every)


def _keeper(run: Run, policy: Checkpoints, data: Data, held: Data | None, resume: bool) -> Keeper:
    from .checkpoints import Keeper, signature_of
    from .fingerprint import digest_of

    return Keeper(policy, signature_of(run, digest_of(data), digest_of(held)), resume)


def _say(line: str) -> None:
    import sys

    print(line, file=sys.stderr)
