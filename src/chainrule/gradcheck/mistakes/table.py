"""The table of mistakes: each with what it does to a backward pass, and how it should have been.

A new mistake is one more entry where it enters the pass. Where two fit equally well, the earlier
one comes first.
"""

from __future__ import annotations

from collections.abc import Sequence

from .backward import Mistake
from .in_dz import IN_DZ
from .in_parameters import IN_PARAMETERS

MISTAKES: Sequence[Mistake] = (*IN_DZ, *IN_PARAMETERS)
