"""L-BFGS on the whole training set, by SciPy; an epoch is one of its iterations.

Source: Nocedal and Wright, "Numerical optimization", 2006, algorithm 7.5; the implementation is
that of Zhu, Byrd, Lu and Nocedal, ACM Transactions on Mathematical Software 23, 1997.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..parameters import spans
from ..typing import Array, Reals
from .history import Reason
from .interrupt import Interrupt
from .run import Run


def minimise(run: Run, interrupt: Interrupt) -> Reason:
    """Minimise J from the network's theta until there is a reason to stop."""
    from scipy.optimize import minimize

    net, plan = run.net, run.plan
    dtheta = np.empty_like(net.theta)
    reasons: list[Reason] = []

    def J(theta: Reals) -> tuple[float, Reals]:
        with interrupt.raising():
            cost = run.batches.evaluate(run.engine, theta.astype(net.dtype), dtheta)
        if run.first_cost is None:
            run.first_cost = cost
        return cost, dtheta.astype(np.float64)

    def end_iteration(intermediate_result: Any) -> None:
        net.theta = intermediate_result.x
        with interrupt.raising():
            cost = run.batches.evaluate(run.engine, net.theta, dtheta)
        stop = run.end_epoch(cost, _squares(run, dtheta), 1.0)
        if interrupt.requested:
            stop = "interrupted"
        if stop is not None:
            reasons.append(stop)
            raise StopIteration

    result = minimize(
        J,
        net.theta.astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        callback=end_iteration,
        options={
            "maxiter": plan.epochs,
            "maxfun": plan.evaluations or 20 * plan.epochs,
            "ftol": 0.0,
            "gtol": 0.0,
        },
    )
    return reasons[0] if reasons else _reason(run, result)


def _reason(run: Run, result: Any) -> Reason:
    """Return why SciPy stopped of its own accord; note what MESSAGES cannot know of it."""
    if not np.isfinite(result.fun):
        return "diverged"
    if result.status == 1 and result.nit < run.plan.epochs:
        run.note = f"J was evaluated {result.nfev} times, which is the limit"
    elif result.status == 2:
        run.note = "the line search finds no lower cost: its precision is exhausted"
    return "epochs" if result.status == 1 else "cost"


def _squares(run: Run, dtheta: Array) -> Reals:
    parts = [dtheta[part].astype(np.float64) for part in spans(run.net.layers)]
    return np.array([float(part @ part) for part in parts])
