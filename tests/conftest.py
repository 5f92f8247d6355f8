"""Settings of all tests: hypothesis without deadlines, the same examples in every run of CI."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from chainrule.engines import built
from chainrule.training.interrupt import Interrupt

settings.register_profile(
    "ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("attack", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# A shell starts its background jobs with Ctrl-C ignored: there the tests of it could not run.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ISAS = [f"native {isa}" for isa in built().available_isas()] if built() else []
Descent = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_interrupt_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test hear of the Ctrl-C of another one a moment ago."""
    monkeypatch.setattr(Interrupt, "last", -math.inf)


@pytest.fixture(params=["reference", *ISAS])
def descent(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Descent:
    """Train one epoch on each engine and each instruction set of this machine in turn.

    ``descent(net, X, y, learning_rate=1.0, **settings)`` returns what theta lost: for one batch
    the gradient, as gradient descent at rate 1 takes it.
    """
    engine, _, isa = request.param.partition(" ")
    if isa:
        monkeypatch.setenv("CHAINRULE_ISA", isa)

    def train(net: Any, X: Any, y: Any, **settings: Any) -> Any:
        start = net.theta.copy()
        kinds = {"optimizer": "gradient_descent", "learning_rate": 1.0, "batch_size": None}
        history = net.fit(X, y, epochs=1, engine=engine, tolerance=None, **(kinds | settings))
        assert history.engine == engine
        return np.asarray(start - net.theta)

    return train
