"""Fitting: the plan of a training, the training itself, and what one call hands to the next."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..mathematics.schedules import Schedule
from ..network import Network
from ..training.continuation import Carried
from ..training.history import History
from ..training.stopping import EarlyStopping
from .blas_threads import limited
from .constraints import Parameters
from .early_stopping import Observer
from .holdout import Samples
from .moments import Moments
from .sklearn_parameters import automatic_batch, optimizer, planned_epochs, reacting, schedule
from .user_warnings import warn

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class TrainingState:
    """What a call of ``fit`` or ``partial_fit`` leaves for the next.

    The optimizer's state, the curves, the observer of ``partial_fit`` and the validation samples
    held out of its first call; the moments of all inputs and targets seen.
    """

    carried: Carried = field(default_factory=Carried)
    losses: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    observer: Observer | None = None
    held: Samples | None = None
    inputs: Moments | None = None
    targets: Moments | None = None

    def copy(self) -> TrainingState:
        """Return a state that can change while this one stays as it is; its arrays are writable."""
        carried, observer = self.carried, self.observer
        optimizer_state = None if carried.state is None else np.array(carried.state)
        losses, validation = list(self.losses), list(self.validation)
        if observer is not None:
            observer = replace(
                observer,
                stopping=replace(observer.stopping),
                losses=losses,
                validation=validation,
                scores=list(observer.scores),
                factor=list(observer.factor),
            )
        return replace(
            self,
            carried=replace(carried, state=optimizer_state),
            losses=losses,
            validation=validation,
            observer=observer,
        )


@contextmanager
def unchanged_by_errors(estimator: Any) -> Iterator[None]:
    """Put an estimator's attributes back if what is done within raises.

    What they refer to has to be replaced, not changed: a training works on copies.
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train: batch size, epochs and schedule. ``automatic``: the schedule plans the end."""

    batch_size: int
    epochs: int
    schedule: Schedule | None

    @property
    def automatic(self) -> bool:
        """Return whether the schedule is the automatic one, which plans its own end."""
        return self.schedule is not None and self.schedule.name == "auto"


def plan_of(parameters: Parameters, m: int, incremental: bool) -> Plan:
    """Return the plan for m samples; ``incremental``: of one epoch, at a constant rate."""
    batch_size = _batch_size(parameters, m)
    if incremental:
        return Plan(batch_size, 1, None)
    plan = Plan(batch_size, parameters.max_iter, schedule(parameters))
    if not plan.automatic:
        return plan
    return replace(plan, epochs=planned_epochs(m, batch_size, parameters.max_iter))


def _batch_size(parameters: Parameters, m: int) -> int:
    if isinstance(parameters.batch_size, str):
        return automatic_batch(m)
    if parameters.batch_size > m:
        warn(
            f"batch_size={parameters.batch_size} is more than the {m} training samples: all of "
            "them make one batch",
            UserWarning,
        )
    return min(parameters.batch_size, m)


def observer_of(
    parameters: Parameters, plan: Plan, state: TrainingState, incremental: bool
) -> Observer:
    """Return the observer of a training: in ``partial_fit`` that of the call before, if any."""
    if incremental and state.observer is not None:
        return state.observer
    return Observer(
        rule=parameters.learning_rate if isinstance(parameters.learning_rate, str) else "planned",
        rate=parameters.learning_rate_init,
        power=parameters.power_t,
        stopping=EarlyStopping(parameters.tol, parameters.n_iter_no_change + 1, relative=False),
        ends=not incremental and plan.schedule is None and parameters.solver != "lbfgs",
        verbose=int(parameters.verbose),
        losses=state.losses,
        validation=state.validation,
    )


def descend(
    net: Network,
    samples: Samples,
    held: Samples | None,
    parameters: Parameters,
    plan: Plan,
    observer: Observer,
    carried: Carried,
    certificate: bool,
) -> History:
    """Train the network in place; return the history of this call."""
    lbfgs = parameters.solver == "lbfgs"
    rates = plan.schedule if plan.schedule is not None or lbfgs else reacting(observer.factor)
    with limited(parameters.n_threads, net.sizes, plan.batch_size):
        return net.fit(
            samples.X,
            samples.Y,
            optimizer=optimizer(parameters),
            learning_rate=parameters.learning_rate_init,
            batch_size=plan.batch_size,
            epochs=plan.epochs,
            tolerance=parameters.tol if lbfgs else None,
            patience=plan.epochs + 1,
            validation=None if held is None else (held.X, held.Y, held.weights),
            sample_weight=samples.weights,
            schedule=rates,
            clip_norm=parameters.clip_norm,
            clip_value=parameters.clip_value,
            shuffle=parameters.shuffle,
            callbacks=[observer, *parameters.callbacks],
            threads=parameters.n_threads,
            progress=bool(parameters.verbose),
            engine=parameters.engine,
            carried=carried,
            evaluations=parameters.max_fun if lbfgs else None,
            certificate=certificate,
            warn=False,
        )


def scorer_of(
    estimator: Any,
    parameters: Parameters,
    held: Samples,
    observer: Observer,
    default: Callable[..., float],
) -> Callable[[Network], float]:
    """Return the function that scores a network on the validation samples."""
    X, y, weight = held.raw
    if isinstance(parameters.scoring, str) and parameters.scoring == "loss":
        return lambda net: -observer.validation[-1]
    if parameters.scoring is None:
        return lambda net: default(net.predict(held.X), y, weight)
    from sklearn.metrics import check_scoring

    scorer = check_scoring(estimator, parameters.scoring)
    weights = {} if weight is None else {"sample_weight": weight}
    return lambda net: float(scorer(estimator, X, y, **weights))


def warn_of_end(parameters: Parameters, history: History, ends: bool, incremental: bool) -> None:
    """Warn where training was interrupted, or ended before the loss stopped falling."""
    assert history.stop is not None
    reason = history.stop.reason
    if reason == "interrupted":
        warn("Training interrupted by user.", UserWarning)
    if reason != "epochs" or incremental:
        return
    if parameters.solver == "lbfgs":
        limit = (
            f"max_iter={parameters.max_iter} iterations"
            if history.epochs >= parameters.max_iter
            else f"max_fun={parameters.max_fun} evaluations of the loss"
        )
        warn(
            f"lbfgs ended after {limit}, before the gradient's norm was within "
            f"tol={parameters.tol:g}: give more of them, or scale the data",
            ConvergenceWarning,
        )
    elif ends and history.epochs >= parameters.max_iter:
        warn(
            f"Stochastic Optimizer: Maximum iterations ({parameters.max_iter}) reached and the "
            "optimization hasn't converged yet.",
            ConvergenceWarning,
        )
