"""Training one network on many ranks: the same fit, with every batch shared out.

Everything that steers a run (the order of samples, history, stopping) is worked out by every rank
from the same numbers, so all take the same way; only gradients, and what tells ranks' samples
apart, are communicated. The result depends on the number of ranks by rounding alone.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import numpy.typing as npt

from ..engines.communicator import ALONE, Disagreement, Team, stacked
from ..engines.data_parallel import DataParallel, check_same, even_split, own_split, threads_each
from ..engines.mpi import FAULT, MpiTeam, launched, world
from ..engines.mpi_supervisor import supervise
from ..mathematics.names import unknown
from ..typing import Reals
from .agreement import agree_on, agreed, engine_of
from .batches import InMemory
from .checkpointer import FolderCheckpointer, signature_of
from .checkpoints import policy_of
from .data import Data, Weights, class_factors, data_of, held_out, rows_of, weighted
from .fingerprint import digest_of
from .fitting import conduct, problem_of
from .history import History
from .plan import plan_of
from .progress import Progress
from .run import Run
from .settings import Arguments, Settings

if TYPE_CHECKING:
    from ..model import Model

ROWS = ("own", "all")
USAGE = 2
# Arguments of fit that hold a rank's samples, and functions: these may differ.
_DIFFERENT = ("validation", "sample_weight", "callbacks", "progress", "metrics")


def fit(
    net: Model,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    rows: str = "own",
    accumulate: int = 1,
    check: bool = False,
    timeout: float | None = 600.0,
    team: Team | None = None,
    **arguments: Unpack[Arguments],
) -> History:
    """Fit a network on all ranks of an MPI job; every rank calls this with the same arguments.

    ``rows``: ``"own"``, X and y are this rank's own samples (of any number, or none), which
    together, by rank, are the training set; ``"all"``, every rank has all of them. Validation sets
    and sample weights are meant in the same way. ``accumulate``: in how many parts a rank works on
    its share of a batch, for batches beyond its memory. ``check``: compare parameters over all
    ranks after every step, not only at the end. ``timeout``: a rank that waits longer for the
    others ends the job. ``arguments``: those of ``training.Settings``; batch_size counts the
    samples of all ranks. ``team``: a communicator of one's own, see ``engines.communicator``.

    The parameters are the same bits on all ranks, and equal those of one process on all samples up
    to rounding. Rank 0 alone shows progress, warns, and reads and writes checkpoints.

    Raises ValueError on all ranks alike, naming the rank at fault; ImportError without mpi4py.
    Any other exception on one rank ends the job on all of them.
    """
    team = world(timeout) if team is None else team
    if isinstance(team, MpiTeam):
        team.watch()
    try:
        with warnings.catch_warnings():
            if team.rank != 0:
                warnings.simplefilter("ignore")
            agree_on(team, _facts(net, rows, accumulate, arguments))
            settings = agreed(team, lambda: _settings(arguments))
            return _fit(net, X, y, team, rows, accumulate, check, settings)
    except (Disagreement, SystemExit):
        raise
    except BaseException:
        if not isinstance(team, MpiTeam) or team.size == 1:
            raise
        team.abort("stopped:\n" + traceback.format_exc().rstrip())


def _fit(
    net: Model,
    X: Any,
    y: Any,
    team: Team,
    rows: str,
    accumulate: int,
    check: bool,
    settings: Settings,
) -> History:
    data, held = _samples(net, X, y, team, rows, settings)
    part, first, m = _part(data, team, rows)
    plan = agreed(team, lambda: plan_of(settings, net, m, held is not None))
    if plan.threads is None:
        plan = replace(plan, threads=threads_each(team))
    data, weights = _with_scaled_weights(data, team, rows, first)
    problem = problem_of(net, data, plan)
    split = even_split(team) if rows == "all" else own_split(first, len(data.X))
    part_engine = engine_of(team, plan.engine, problem)
    engine = DataParallel(team, part_engine, split, m, accumulate, check)
    batches = InMemory(problem, m, plan.batch_size, plan.shuffle, weights, team)
    progress = Progress(plan.epochs, settings.progress and team.rank == 0)
    run = Run(net, part, held, plan, engine, batches, progress, team, settings.carried)
    policy = agreed(team, lambda: policy_of(settings))
    if policy is not None:
        digests = (digest_of(part, team, first), _digest(held, team))
        run.checkpointer = agreed(
            team,
            lambda: FolderCheckpointer(policy, signature_of(run, *digests), settings.resume, team),
        )
    history = conduct(run)
    check_same(team, net.theta, "the last step")
    return history


def _settings(arguments: Arguments) -> Settings:
    settings = Settings.of(**arguments)
    policy_of(settings)
    return settings


def _facts(net: Model, rows: str, accumulate: int, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all ranks must have alike, in words."""
    from .. import __version__

    try:
        config = net.config()
    except ValueError:  # records of one's own
        config = {"network": repr(net)}
    values = {name: repr(value) for name, value in arguments.items() if name not in _DIFFERENT}
    return {
        "version": __version__,
        "numpy": np.__version__,
        "rows": rows,
        "accumulate": accumulate,
        "arguments": sorted({*arguments} - {"callbacks", "progress"}),
        **config,
        **values,
    }


def _of(team: Team, rows: str) -> Team:
    """Return the team that samples are counted over."""
    return team if rows == "own" else ALONE


def _samples(
    net: Model, X: Any, y: Any, team: Team, rows: str, settings: Settings
) -> tuple[Data, Data | None]:
    """Return this rank's training samples and the part of the validation set it answers for."""

    def checked() -> Data:
        if rows not in ROWS:
            raise unknown("rows", rows, ROWS)
        return data_of(net, X, y, settings.sample_weight, "X", empty=rows == "own")

    data = agreed(team, checked)
    of_classes = settings.class_weight
    factors = agreed(team, lambda: class_factors(net, data, of_classes, _of(team, rows)))
    data = agreed(team, lambda: weighted(data, factors))
    return _split(net, data, settings.validation, factors, team, rows)


def _part(data: Data, team: Team, rows: str) -> tuple[Data, int, int]:
    """Return the samples that this rank answers for, the first one's number, and how many all are.

    Raises Disagreement where there are none at all, and for weights on some ranks only.
    """
    if rows == "all":
        m = len(data.X)
        first, end = m * team.rank // team.size, m * (team.rank + 1) // team.size
        return rows_of(data, np.arange(first, end)), first, m
    ranks = team.gather((len(data.X), data.weights is None))
    counts = [count for count, _ in ranks]
    if sum(counts) == 0:
        raise Disagreement("no rank has any samples: is the data set empty?")
    for rank, (_, without) in enumerate(ranks):
        if without != ranks[0][1]:
            one, other = ("rank 0", f"rank {rank}") if without else (f"rank {rank}", "rank 0")
            raise Disagreement(f"{one} has sample weights, and {other} has none: give all or none")
    return data, sum(counts[: team.rank]), sum(counts)


def _with_scaled_weights(
    data: Data, team: Team, rows: str, first: int
) -> tuple[Data, Reals | None]:
    """Return the data, and the weights of all ranks' samples or None, divided by the largest.

    So no rank's sum over its part of a batch can overflow.
    """
    if data.weights is None:
        return data, None
    weights = data.weights if rows == "all" else stacked(team, data.weights)
    if weights.max() > 0:
        weights = weights / weights.max()
        here = weights if rows == "all" else weights[first : first + len(data.X)]
        data = replace(data, weights=here)
    return data, weights


def _split(
    net: Model, data: Data, validation: Any, factors: Weights, team: Team, rows: str
) -> tuple[Data, Data | None]:
    agree_on(team, {"kind of validation": type(validation).__name__})
    if validation is None:
        return data, None
    if isinstance(validation, (tuple, list)):
        X, y, weight = (*validation, None, None)[:3]
        empty = rows == "own"
        held = agreed(team, lambda: data_of(net, X, y, weight, "validation", empty))
        if factors is not None:
            agree_on(team, {"weights of validation": weight is not None})
        if weight is None:
            held = agreed(team, lambda: weighted(held, factors))
        return data, _part(held, team, rows)[0]
    agree_on(team, {"validation": validation})
    part, first, m = _part(data, team, rows)
    mask = agreed(team, lambda: held_out(net.seed, m, validation))
    if rows == "own":
        mask = mask[first : first + len(part.X)]
    held = rows_of(data, np.flatnonzero(mask))
    return rows_of(data, np.flatnonzero(~mask)), _part(held, team, rows)[0]


def _digest(held: Data | None, team: Team) -> list[Any] | None:
    if held is None:
        return None
    counts = team.gather(len(held.X))
    return digest_of(held, team, sum(counts[: team.rank]))


def guarded(main: Callable[[], Any]) -> None:
    """Run a rank's program; end with one sentence from rank 0, and never leave others waiting.

    To be called before MPI is started: the rank is forked, and its parent says if it was killed.

    Exit codes: 2 for what the ranks disagree on or bad input, 3 for any other fault.
    """
    rank, size = launched() or (0, 1)
    if size > 1:
        supervise(rank, size, FAULT)
    try:
        main()
    except (Disagreement, ImportError) as error:
        if rank == 0:
            print(error, file=sys.stderr, flush=True)
        raise SystemExit(USAGE) from None
    except Exception:
        print(f"rank {rank} of {size} stopped:\n{traceback.format_exc()}", file=sys.stderr)
        sys.stderr.flush()
        if size > 1:
            os._exit(FAULT)
        raise SystemExit(FAULT) from None
