"""Training on many ranks, and many networks over ranks: the public names."""

from __future__ import annotations

from .engines.communicator import ALONE, Disagreement, Team
from .engines.mpi import MpiTeam, launched, world
from .training.distributed import fit, guarded

__all__ = ["ALONE", "Disagreement", "MpiTeam", "Team", "fit", "guarded", "launched", "world"]
