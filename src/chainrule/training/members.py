"""Members: networks trained side by side, each on its own rows, with one stop for all of them.

An ensemble whose members leave out different rows is judged, after every epoch, by rows that no
judging member has trained on; so no row is lost to validation. Sources: Hansen and Salamon,
"Neural network ensembles", IEEE PAMI 12, 1990; Krogh and Vedelsby, "Neural network ensembles,
cross validation, and active learning", NIPS 1994.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final, Unpack

import numpy as np
import numpy.typing as npt

from .. import signals
from ..engines import built
from ..engines.data_parallel import processors
from ..model import Model
from ..typing import Rows
from .data import Data, class_factors, data_of, weighted
from .history import Reason
from .interrupt import Interrupt
from .joint_run import FittedMembers, JointCheckpointer, JointRun
from .out_of_fold import out_of_fold
from .plan import plan_of
from .progress import Progress
from .settings import Arguments, Settings

_REFUSED: Final = ("validation", "carried", "record")


def fit_members(
    members: Sequence[Model],
    X: npt.ArrayLike | Sequence[npt.ArrayLike],
    y: npt.ArrayLike,
    rows: Sequence[npt.ArrayLike],
    **arguments: Unpack[Arguments],
) -> FittedMembers:
    """Train networks side by side, and stop all of them by the mean's cost on rows left out.

    ``members``: networks with one output activation, cost and dtype; each one's seed gives its
    order of samples and dropout. Their theta is changed. ``X``: (m, n_0) for all members, or a list
    of arrays, one for each member. ``y``: (m,) or (m, n_L). ``rows``: for each member the numbers
    of the rows that it trains on, in any order; a row may be there several times (a bootstrap). A
    row that member j does not train on is out of fold for it, and counts in the stop: with k folds
    each row is judged by one member, with bootstraps by about a third of them.

    ``arguments`` are those of ``Settings``, with these differences. ``tolerance``, ``patience``
    and ``monitor`` are about the mean's cost, or a metric of it, on the rows left out; the
    parameters of its best epoch are kept. Where every member trains on all rows nothing is left
    out: then ``patience`` watches the mean of the training costs, and the last epoch is kept.
    ``batch_size`` "auto" and None go by each member's own rows. ``callbacks`` are functions of
    (tuple of members, history). ``threads``: for all members together, None is one for each
    processor; results do not depend on it. ``checkpoint`` is written at the end of epochs only.
    ``validation``, ``carried``, ``record`` and ``optimizer="lbfgs"`` cannot be had.

    The bits are the same for any number of threads, and for a run that was cut and resumed.
    Raises as ``fit`` does, and ValueError for members or rows that do not go together.

    >>> import chainrule as cr
    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> folds = [np.flatnonzero(np.arange(40) % 4 != k) for k in range(4)]
    >>> members = [cr.Network([1, 8, 1], hidden="tanh", seed=k) for k in range(4)]
    >>> fitted = fit_members(members, X, X[:, 0] ** 2, folds, epochs=30, learning_rate=0.02)
    >>> fitted.outputs.shape, fitted.history.stop.reason
    ((40, 1), 'validation')
    """
    settings = Settings.of(**arguments)
    _check(members, settings)
    data = _data(members, X, y, settings)
    trained = _trained(members, rows, len(data[0].X))
    fold = out_of_fold(data, trained)
    if fold is None and settings.metrics:
        raise ValueError("metrics are of the rows left out, and no member leaves out any")
    plan = plan_of(replace(settings, batch_size=None), members[0], len(data[0].X), fold is not None)
    threads = _threads(plan.threads)
    run = JointRun(members, fold, plan, Progress(plan.epochs, settings.progress))
    alone = replace(settings, callbacks=(), metrics=(), monitor="cost", tolerance=None)
    for member, samples, part in zip(members, data, trained, strict=True):
        run.add(member, samples, part, alone, max(1, threads // len(members)))
    with ThreadPoolExecutor(min(threads, len(members))) as pool:
        return _conduct(run, _checkpointer(run, settings, data, trained), pool)


def _threads(threads: int | None) -> int:
    """Return the threads for all members: the argument, CHAINRULE_THREADS, or all processors."""
    native = built()
    count: int = (threads or 0) if native is None else native.threads_of(threads)
    return count or len(processors())


def _conduct(
    run: JointRun, checkpointer: JointCheckpointer | None, pool: Executor
) -> FittedMembers:
    """Run epochs until there is a reason to stop; see ``fit.conduct``."""
    reason: Reason | None = None
    try:
        if checkpointer is not None:
            checkpointer.restore(run)
        with Interrupt(terminate=checkpointer is not None) as interrupt:
            try:
                while reason is None and run.history.epochs < run.plan.epochs:
                    reason = run.take_epoch(pool, interrupt)
                    if reason is None and checkpointer is not None:
                        checkpointer.end_epoch(run)
            except KeyboardInterrupt:
                signals.heard()
                if interrupt.insisted:
                    raise
                reason = "interrupted"
            finally:
                run.progress.close()
        if interrupt.terminated:
            interrupt.end()
        return run.finish(reason or "epochs", pool)
    finally:
        if checkpointer is not None:
            checkpointer.close()


def _checkpointer(
    run: JointRun, settings: Settings, data: Sequence[Data], trained: Sequence[Rows]
) -> JointCheckpointer | None:
    if settings.checkpoint is None and not settings.resume:
        return None
    from .members_checkpointer import checkpointer_of

    return checkpointer_of(run, settings, data, trained)


def _check(members: Sequence[Model], settings: Settings) -> None:
    """Refuse members that cannot have one mean, and settings that members do not have."""
    if len(members) == 0:
        raise ValueError("fit_members needs at least one member")
    ends = {
        (net.activations[-1].spec, net.sizes[-1], net.cost.spec, net.dtype.name) for net in members
    }
    if len(ends) > 1:
        raise ValueError(
            f"the members differ in output activation, outputs, cost or dtype: {sorted(ends)}"
        )
    if len({id(net) for net in members}) < len(members):
        raise ValueError("a network is a member twice: give each place a network of its own")
    for name in _REFUSED:
        if getattr(settings, name) is not None:
            raise ValueError(f"fit_members has no {name}: leave it out")
    if settings.optimizer == "lbfgs":
        raise ValueError("members are trained in steps, and lbfgs takes none: use adam, say")


def _data(members: Sequence[Model], X: Any, y: npt.ArrayLike, settings: Settings) -> list[Data]:
    """Return every member's samples; those of one X share its memory."""
    several = isinstance(X, (list, tuple)) and all(np.ndim(one) == 2 for one in X)
    if several and len(X) != len(members):
        raise ValueError(f"X is a list of {len(X)} arrays, but there are {len(members)} members")
    data: list[Data] = []
    for j, net in enumerate(members):
        if j and not several and net.sizes[0] == members[0].sizes[0]:
            data.append(data[0])
            continue
        samples = data_of(net, X[j] if several else X, y, settings.sample_weight, "X")
        data.append(weighted(samples, class_factors(net, samples, settings.class_weight)))
    return data


def _trained(members: Sequence[Model], rows: Sequence[npt.ArrayLike], m: int) -> list[Rows]:
    """Check the rows that members train on."""
    if len(rows) != len(members):
        raise ValueError(f"rows is for {len(rows)} members, but there are {len(members)}")
    checked = []
    for j, numbers in enumerate(rows):
        array = np.asarray(numbers)
        if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
            raise ValueError(f"rows[{j}] must be the numbers of one row or more, in one dimension")
        if array.min() < 0 or array.max() >= m:
            raise ValueError(f"rows[{j}] names a row outside 0 to {m - 1}")
        checked.append(np.ascontiguousarray(array, np.int64))
    return checked
