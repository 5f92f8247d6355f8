"""Fit: descend the gradient of J until it is minimised, and say why it stopped."""

from __future__ import annotations

import sys
from typing import Unpack

import numpy.typing as npt

from .. import signals
from ..engines import Problem, choose
from ..mathematics.optimizers import gradient_descent
from ..model import Model
from .batches import InMemory
from .data import Data, class_factors, data_of, split_validation, weighted
from .descent import descend
from .groups import factors_of
from .history import History, Reason
from .interrupt import Interrupt
from .lbfgs import minimise
from .plan import Plan, plan_of
from .progress import Progress
from .run import Checkpointer, Run
from .settings import Arguments, Settings


def fit(net: Model, X: npt.ArrayLike, y: npt.ArrayLike, **arguments: Unpack[Arguments]) -> History:
    """Descend the gradient from the network's theta until J is minimised; theta is changed.

    ``arguments``: those of ``Settings``, where each is explained; every one has a default.

    Repeated runs from the same seed and theta give the same bits. Ctrl-C stops after the current
    step and keeps what was learnt. A cost that explodes or is not finite stops at once, keeps the
    last good parameters and warns (RuntimeWarning) with what to try.

    Raises ValueError or TypeError naming the argument or the row at fault, before any work.

    >>> import chainrule as cr
    >>> net = cr.Network([2, 4, 1], hidden="tanh", output="sigmoid", cost="logistic", seed=1)
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> history = net.fit(X, y, optimizer="lbfgs", epochs=100)
    >>> net.predict(X).round().ravel().tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    settings = Settings.of(**arguments)
    data = data_of(net, X, y, settings.sample_weight, "X")
    factors = class_factors(net, data, settings.class_weight)
    data, held = split_validation(net, weighted(data, factors), settings.validation, factors)
    plan = plan_of(settings, net, len(data.X), held is not None)
    problem = problem_of(net, data, plan)
    engine, why = choose(plan.engine, problem)
    if why and settings.progress:
        print(why, file=sys.stderr)
    batches = InMemory(problem, len(data.X), plan.batch_size, plan.shuffle, data.weights)
    progress = Progress(plan.epochs, settings.progress)
    run = Run(net, data, held, plan, engine, batches, progress, carried=settings.carried)
    run.checkpointer = _checkpointer(run, settings, data, held)
    return conduct(run)


def _checkpointer(
    run: Run, settings: Settings, data: Data, held: Data | None
) -> Checkpointer | None:
    if settings.checkpoint is None and not settings.resume:
        return None
    # What checkpoints need (locks, hashes, dates) is imported by those who write some.
    from .checkpointer import FolderCheckpointer, signature_of
    from .checkpoints import policy_of
    from .fingerprint import digest_of

    policy = policy_of(settings)
    if policy is None:
        return None
    signature = signature_of(run, digest_of(data), digest_of(held))
    return FolderCheckpointer(policy, signature, settings.resume)


def problem_of(net: Model, data: Data, plan: Plan) -> Problem:
    """Return what an engine is given for a run."""
    rates, decays = factors_of(net, plan.groups) or (None, None)
    return Problem(
        architecture=net.architecture,
        X=data.X,
        Y=data.Y,
        weights=data.weights,
        optimizer=plan.optimizer or gradient_descent(),
        clip_value=plan.clip_value,
        clip_norm=plan.clip_norm,
        threads=plan.threads,
        rate_factors=rates,
        decay_factors=decays,
    )


def conduct(run: Run) -> History:
    """Take steps until there is a reason to stop, and close the run's folder of checkpoints.

    Raises SystemExit(143) after a SIGTERM, which is only heard where there are checkpoints.
    """
    descent = minimise if run.plan.optimizer is None else descend
    reason: Reason
    try:
        with Interrupt(terminate=run.checkpointer is not None) as interrupt:
            try:
                reason = descent(run, interrupt)
            except KeyboardInterrupt:
                signals.heard()
                if interrupt.insisted:
                    raise
                reason = "interrupted"
            finally:
                run.progress.close()
        if interrupt.terminated:
            interrupt.end()
        return run.finish(reason)
    finally:
        if run.checkpointer is not None:
            run.checkpointer.close()
