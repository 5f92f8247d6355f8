"""Conducting a run: from its records to its history, through Ctrl-C, SIGTERM and divergence."""

from __future__ import annotations

from ..engines import Problem
from ..mathematics.optimizers import gradient_descent
from ..model import Model
from .descent import descend
from .history import History, Reason
from .interrupt import Interrupt
from .lbfgs import minimise
from .run import Run
from .settings import Data, Settings


def problem_of(net: Model, data: Data, settings: Settings) -> Problem:
    """Return what an engine is given for a run."""
    return Problem(
        architecture=net.architecture,
        X=data.X,
        Y=data.Y,
        weights=data.weights,
        optimizer=settings.optimizer or gradient_descent(),
        clip_value=settings.clip_value,
        clip_norm=settings.clip_norm,
        threads=settings.threads,
    )


def conduct(run: Run) -> History:
    """Take steps until there is a reason to stop, and close the run's folder of checkpoints.

    Raises SystemExit(143) after a SIGTERM, which is only heard where there are checkpoints.
    """
    way = minimise if run.settings.optimizer is None else descend
    reason: Reason
    try:
        with Interrupt(terminate=run.keeper is not None) as interrupt:
            try:
                reason = way(run, interrupt)
            except KeyboardInterrupt:
                reason = "interrupted"
            finally:
                run.progress.close()
        if interrupt.terminated:
            interrupt.end()
        return run.finish(reason)
    finally:
        if run.keeper is not None:
            run.keeper.close()
