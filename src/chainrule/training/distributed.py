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
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..engines import Problem, choose
from ..engines.communicator import ALONE, Disagreement, Team, stacked
from ..engines.data_parallel import (
    DataParallel,
    check_same,
    even_split,
    own_split,
    same_engine,
    threads_each,
)
from ..engines.mpi import FAULT, MpiTeam, launched, world
from ..engines.mpi_supervisor import supervise
from ..mathematics.names import unknown
from .batches import InMemory
from .checkpoints import Keeper, checkpoints_of, signature_of
from .conduct import conduct, problem_of
from .fingerprint import digest_of
from .history import History
from .progress import Progress
from .run import Run
from .settings import (
    Data,
    Weights,
    class_factors,
    data_of,
    held_out,
    settings_of,
    taken,
    weighed,
)

if TYPE_CHECKING:
    from ..model import Model

T = TypeVar("T")

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
    **settings: Any,
) -> History:
    """Fit a network on all ranks of an MPI job; every rank calls this with the same settings.

    ``rows``: ``"own"``, X and y are this rank's own samples (of any number, or none), which
    together, by rank, are the training set; ``"all"``, every rank was given all of them. Validation
    sets and sample weights are meant in the same way. ``accumulate``: in how many parts a rank
    works on its share of a batch, for batches beyond its memory. ``check``: compare parameters over
    all ranks after every step, not only every epoch. ``timeout``: a rank that waits longer for the
    others ends the job. ``settings``: as of ``chainrule.training.fit``; batch_size counts the
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
    given: dict[str, Any],
) -> History:
    agree_on(team, _facts(net, rows, accumulate, given))
    given = {**defaults(), **given}
    policy = agreed(team, lambda: _policy(given))
    data = agreed(team, lambda: _checked(net, X, y, given["sample_weight"], rows))
    factors = agreed(team, lambda: class_factors(net, data, given["class_weight"], _of(team, rows)))
    data = agreed(team, lambda: weighed(data, factors))
    data, held = _split(net, data, given["validation"], factors, team, rows)
    part, first, m = _part(data, team, rows)
    settings = agreed(team, lambda: settings_of(net, m, held is not None, given))
    weights = _weights(data, team, rows)
    if weights is not None and weights.max() > 0:
        # So that no rank's sum over its part of a batch can overflow.
        weights = weights / weights.max()
        own = weights[first : first + len(part.X)] if rows == "own" else weights
        data = Data(data.X, data.Y, own)
    if settings.threads is None:
        settings = replace(settings, threads=threads_each(team))
    problem = problem_of(net, data, settings)
    part_engine = engine_of(team, settings.engine, problem)
    split = even_split(team) if rows == "all" else own_split(first, len(data.X))
    engine = DataParallel(team, part_engine, split, m, accumulate, check)
    samples = InMemory(problem, m, settings.batch_size, settings.shuffle, weights, team)
    progress = Progress(settings.epochs, bool(given["progress"]) and team.rank == 0)
    run = Run(net, part, held, settings, engine, samples, progress, team)
    if policy is not None:
        digests = (digest_of(part, team, first), _digest(held, team))
        run.keeper = agreed(
            team, lambda: Keeper(policy, signature_of(run, *digests), given["resume"], team)
        )
    history = conduct(run)
    check_same(team, net.theta, "the last step")
    return history


def defaults() -> dict[str, Any]:
    """Return the arguments of ``training.fit`` that have defaults."""
    from inspect import signature

    from . import fit

    parameters = signature(fit).parameters.values()
    return {p.name: p.default for p in parameters if p.name not in ("net", "X", "y")}


def _facts(net: Model, rows: str, accumulate: int, given: dict[str, Any]) -> dict[str, Any]:
    """Return what all ranks must have alike, in words."""
    from .. import __version__

    try:
        config = net.config()
    except ValueError:  # records of one's own
        config = {"network": repr(net)}
    arguments = sorted({*given} - {"callbacks", "progress"})
    told = {f"{name}": repr(value) for name, value in given.items() if name not in _DIFFERENT}
    facts = {"version": __version__, "numpy": np.__version__, "rows": rows}
    return facts | {"accumulate": accumulate, "arguments": arguments} | config | told


def agree_on(team: Team, facts: dict[str, Any]) -> None:
    """Raise Disagreement on all ranks where one rank's facts differ from those of rank 0."""
    every = team.gather(facts)
    for rank, other in enumerate(every):
        for name in sorted({*every[0], *other}):
            if other.get(name) != every[0].get(name):
                raise Disagreement(
                    f"the ranks disagree: {name} is {other.get(name)!r:.80} on rank {rank}, and "
                    f"{every[0].get(name)!r:.80} on rank 0; start all with the same"
                )


def engine_of(team: Team, name: str, problem: Problem) -> Any:
    """Return the engine of every rank's part; see ``engines.data_parallel.same_engine``."""
    own, _ = agreed(team, lambda: choose(name, problem))
    return agreed(team, lambda: same_engine(team, name, own))


def agreed(team: Team, work: Callable[[], T]) -> T:
    """Do something that may fail on some ranks; where it does on any, raise on all alike.

    Raises Disagreement naming the first rank at fault.
    """
    found: list[T] = []
    fault = None
    try:
        found.append(work())
    except (ValueError, TypeError, OSError) as error:
        fault = str(error)
    for rank, told in enumerate(team.gather(fault)):
        if told is not None:
            raise Disagreement(told if rank == 0 else f"rank {rank}: {told}")
    return found[0]


def _policy(given: dict[str, Any]) -> Any:
    for name in given:
        if name not in defaults():
            raise unknown("argument", name, [*defaults()])
    if given["resume"] and given["checkpoint"] is None:
        raise ValueError("resume needs the folder of the checkpoints: give checkpoint=...")
    if given["checkpoint"] is None:
        return None
    return checkpoints_of(given["checkpoint"], given["checkpoint_every"])


def _checked(net: Model, X: Any, y: Any, weight: Any, rows: str) -> Data:
    if rows not in ROWS:
        raise unknown("rows", rows, ROWS)
    return data_of(net, X, y, weight, "X", empty=rows == "own")


def _of(team: Team, rows: str) -> Team:
    """Return the team that samples are counted over."""
    return team if rows == "own" else ALONE


def _part(data: Data, team: Team, rows: str) -> tuple[Data, int, int]:
    """Return the samples that this rank answers for, the first one's number, and how many all are.

    Raises Disagreement where there are none at all, and for weights on some ranks only.
    """
    if rows == "all":
        m = len(data.X)
        first, end = m * team.rank // team.size, m * (team.rank + 1) // team.size
        return taken(data, np.arange(first, end)), first, m
    told = team.gather((len(data.X), data.weights is None))
    counts = [count for count, _ in told]
    if sum(counts) == 0:
        raise Disagreement("no rank has any samples: is the data set empty?")
    for rank, (_, without) in enumerate(told):
        if without != told[0][1]:
            one, other = ("rank 0", f"rank {rank}") if without else (f"rank {rank}", "rank 0")
            raise Disagreement(f"{one} has sample weights, and {other} has none: give all or none")
    return data, sum(counts[: team.rank]), sum(counts)


def _weights(data: Data, team: Team, rows: str) -> npt.NDArray[np.float64] | None:
    if data.weights is None:
        return None
    return data.weights if rows == "all" else stacked(team, data.weights)


def _split(
    net: Model, data: Data, validation: Any, factors: Weights, team: Team, rows: str
) -> tuple[Data, Data | None]:
    """Return this rank's training samples and the part of the validation set it answers for."""
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
            held = agreed(team, lambda: weighed(held, factors))
        return data, _part(held, team, rows)[0]
    agree_on(team, {"validation": validation})
    part, first, m = _part(data, team, rows)
    mask = agreed(team, lambda: held_out(net.seed, m, validation))
    if rows == "own":
        mask = mask[first : first + len(part.X)]
    held = taken(data, np.flatnonzero(mask))
    return taken(data, np.flatnonzero(~mask)), _part(held, team, rows)[0]


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
