"""Settings: every argument of ``fit`` with its type and default, as one record.

The list of arguments is written twice, because Python's types cannot derive one from the other:
``Settings`` has the defaults and the documentation, ``Arguments`` the keyword arguments that
``fit(net, X, y, **arguments)`` and ``Network.fit`` take. A test compares them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy.typing as npt

from ..mathematics.names import unknown
from ..mathematics.optimizers import Optimizer
from ..mathematics.schedules import Schedule
from .continuation import Carried
from .groups import ParameterGroup
from .history import History
from .metrics import Metric

if TYPE_CHECKING:
    from .checkpoints import Checkpoints

Callback = Callable[[Any, History], Any]  # of the network and its history
ClassWeight = str | Mapping[Any, float] | Sequence[float]
Folder = str | os.PathLike[str]


class Arguments(TypedDict, total=False):
    """The keyword arguments of ``fit``; ``Settings`` says what they mean."""

    optimizer: str | Optimizer
    learning_rate: float
    batch_size: int | str | None
    epochs: int
    tolerance: float | None
    validation: float | tuple[Any, ...] | None
    patience: int | None
    monitor: str
    sample_weight: npt.ArrayLike | None
    class_weight: ClassWeight | None
    schedule: str | Schedule | None
    clip_norm: float | None
    clip_value: float | None
    averaging: float | None
    groups: Sequence[ParameterGroup]
    shuffle: bool
    callbacks: Callback | Sequence[Callback]
    metrics: str | Metric | Sequence[str | Metric]
    record: str | None
    threads: int | None
    progress: bool
    engine: str
    checkpoint: Folder | Checkpoints | None
    checkpoint_every: str | int | None
    resume: bool
    carried: Carried | None
    evaluations: int | None
    certificate: bool
    warn: bool


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """How to train, as the caller says it; ``plan.plan_of`` checks it for a network and its data.

    ``optimizer``: a name of ``OPTIMIZERS``, as ``"momentum(0.95)"``, a record, or ``"lbfgs"``.
    ``learning_rate``: the length of a step, before the ``schedule`` multiplies it.
    ``batch_size``: ``"auto"`` is 32 or all samples if there are fewer; None is all (batch descent),
    1 is stochastic descent.
    ``epochs``: at most this many passes over the samples.
    ``tolerance``: training stops where the gradient's norm over all samples is at most this, or
    where for ``patience`` epochs (None: 10) the cost, or with a validation set the monitored cost
    or metric of it, has not improved by more than this share of itself. None: only a validation set
    can stop it.
    ``validation``: None, a share to hold out, (X, y) or (X, y, sample_weight); the parameters of
    the best epoch on it are kept.
    ``monitor``: ``"cost"``, or one of ``metrics`` on the validation set.
    ``sample_weight``: the weight (m,) of each sample in J, 0 or above.
    ``class_weight``: ``"balanced"`` or weights by label, for validation too unless (X, y) brings
    weights of its own; metrics follow the same weights.
    ``schedule``: a name of ``SCHEDULES`` or a record; None is a constant learning rate.
    ``clip_value``, ``clip_norm``: limits of the gradient, applied in this order.
    ``averaging``: validate, and end with, an exponential moving average of theta; its half-life as
    a share of all planned steps, such as 0.03. None: theta itself.
    ``groups``: factors of the learning rate and of weight decay, by layer and kind of parameter.
    ``shuffle``: take the samples of each epoch in a new random order.
    ``callbacks``: functions of (network, history), called after each epoch; one that returns True
    stops.
    ``metrics``: names of ``METRICS`` or records.
    ``record``: ``"explain"`` keeps snapshots of theta.
    ``threads``: of the native engine; None leaves it to the engine.
    ``progress``: a line on a terminal for runs of more than two seconds.
    ``engine``: auto, native or reference.
    ``checkpoint``: a folder, or ``Checkpoints``, to write to after each epoch, or as often as
    ``checkpoint_every`` says (10 epochs, or ``"10min"``), and when Ctrl-C or SIGTERM stops the run;
    after SIGTERM SystemExit(143) is raised.
    ``resume``: continue from the last checkpoint there, if there is one, and end in the same bits
    as a run that was never stopped.
    ``carried``: a ``Carried()``, changed in place, with which a later call continues: optimizer
    state, counts of updates and epochs.
    ``evaluations``: the most evaluations of J for lbfgs.
    ``certificate``: False leaves the gradient's norm in the stop certificate NaN, and saves the
    pass over all samples that it takes.
    ``warn``: False leaves it to the caller to warn of a divergence, in ``History.stop``'s words.
    """

    optimizer: str | Optimizer = "adam"
    learning_rate: float = 1e-3
    batch_size: int | str | None = "auto"
    epochs: int = 200
    tolerance: float | None = 1e-4
    validation: float | tuple[Any, ...] | None = None
    patience: int | None = None
    monitor: str = "cost"
    sample_weight: npt.ArrayLike | None = None
    class_weight: ClassWeight | None = None
    schedule: str | Schedule | None = None
    clip_norm: float | None = None
    clip_value: float | None = None
    averaging: float | None = None
    groups: Sequence[ParameterGroup] = ()
    shuffle: bool = True
    callbacks: Callback | Sequence[Callback] = ()
    metrics: str | Metric | Sequence[str | Metric] = ()
    record: str | None = None
    threads: int | None = None
    progress: bool = True
    engine: str = "auto"
    checkpoint: Folder | Checkpoints | None = None
    checkpoint_every: str | int | None = None
    resume: bool = False
    carried: Carried | None = None
    evaluations: int | None = None
    certificate: bool = True
    warn: bool = True

    @classmethod
    def of(cls, **arguments: Unpack[Arguments]) -> Settings:
        """Return the settings of a call of ``fit``.

        Raises TypeError for an unknown argument, with the nearest known one.
        """
        names = [field.name for field in fields(cls)]
        for name in arguments:
            if name not in names:
                raise TypeError(str(unknown("argument", name, names)))
        return cls(**arguments)
