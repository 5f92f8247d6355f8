"""Agreement between ranks: what one of them refuses, all of them refuse alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..engines import Problem, choose
from ..engines.communicator import Disagreement, Team
from ..engines.data_parallel import same_engine

T = TypeVar("T")


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
    engine, _ = agreed(team, lambda: choose(name, problem))
    return agreed(team, lambda: same_engine(team, name, engine))


def agreed(team: Team, work: Callable[[], T]) -> T:
    """Return the result of ``work``; where it fails on any rank, raise on all alike.

    Raises Disagreement naming the first rank at fault.
    """
    results: list[T] = []
    fault = None
    try:
        results.append(work())
    except (ValueError, TypeError, OSError) as error:
        fault = str(error)
    for rank, sentence in enumerate(team.gather(fault)):
        if sentence is not None:
            raise Disagreement(sentence if rank == 0 else f"rank {rank}: {sentence}")
    return results[0]
