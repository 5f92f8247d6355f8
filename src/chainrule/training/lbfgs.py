"""L-BFGS on the whole training set, by SciPy; an epoch is one of its iterations.

Source: Nocedal and Wright, "Numerical optimization", 2006, algorithm 7.5; the implementation is
that of Zhu, Byrd, Lu and Nocedal, ACM Transactions on Mathematical Software 23, 1997.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .history import Reason
from .interrupt import Interrupt
from .run import Run


def minimise(run: Run, interrupt: Interrupt) -> Reason:
    """Minimise J from the network's theta until there is a reason to stop."""
    from scipy.optimize import minimize

    net, settings = run.net, run.settings
    dtheta = np.empty_like(net.theta)
    reason: list[Reason] = []
    last: dict[str, Any] = {}

    def J(theta: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        cost = run.samples.evaluate(run.engine, theta.astype(net.dtype), dtheta)
        if run.first_cost is None:
            run.first_cost = cost
        return cost, dtheta.astype(np.float64)

    def end_iteration(intermediate_result: Any) -> None:
        net.theta = intermediate_result.x
        cost = run.samples.evaluate(run.engine, net.theta, dtheta)
        found = run.end_epoch(cost, _squares(run, dtheta), 1.0)
        last["cost"] = cost
        if interrupt.asked:
            found = "interrupted"
        if found is not None:
            reason.append(found)
            raise StopIteration

    found = minimize(
        J,
        net.theta.astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        callback=end_iteration,
        options={
            "maxiter": settings.epochs,
            "maxfun": settings.evaluations or 20 * settings.epochs,
            "ftol": 0.0,
            "gtol": 0.0,
        },
    )
    if reason:
        return reason[0]
    if not np.isfinite(found.fun):
        return "diverged"
    # Status 1: the limit of iterations or of evaluations.
    return "epochs" if found.status == 1 else "cost"


def _squares(run: Run, dtheta: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    from ..parameters import spans

    parts = [dtheta[part].astype(np.float64) for part in spans(run.net.layers)]
    return np.array([float(part @ part) for part in parts])
