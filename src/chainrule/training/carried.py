"""What descent carries from one call of ``fit`` to the next, so that the second goes on where the
first stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(slots=True)
class Carried:
    """The optimizer's state (slots, P), None before the first step; updates and epochs so far.

    ``fit`` changes it in place. The number of updates is the optimizer's t and the key of dropout's
    masks, the number of epochs the key of the order of samples.
    """

    state: npt.NDArray[np.floating[Any]] | None = None
    steps: int = 0
    epochs: int = 0
