"""Gradient checking: is a gradient right, and if not, where and why?

**What is moved.** A cost that is known by calls alone: every entry of every parameter, up and down
by a step in proportion to its size. A ``Network``: every z of every sample. J then changes as
z^l[s, j] does, and dJ/dW^l[j, i] is the sum over samples s of dJ/dz^l[s, j] a^{l-1}[s, i], so one
set of passes gives the numerical gradient of a whole layer.

**What is measured.** Central differences of J at the steps h and h/2, joined by Richardson's
formula. J itself is called at very close points first: how much it scatters there is its noise.

**Why there is an error bar.** A difference is off by rounding (noise / h), by truncation (it shows
in the distance between both steps) and by a kink within the step (it shows in the second
difference). The bar is the sum of the three. An entry is *wrong* where both numbers differ by more
than bar and tolerance, *right* where they do not and the bar is short enough to have shown an
error, else *undecidable*, with the reason. What is not right at once is looked at again: by the
complex step, with other steps, from one side of a kink.

**What "certain" means.** The network inside the cost is identified, each known mistake is made in
it on purpose, and one of them gives the gradient in hand to six digits. Without a network the
pattern of the error is read, and a diagnosis must fit every entry, with entries to spare.

Rooms: ``strategies`` (how derivatives are measured), ``mistakes`` (made on purpose), ``patterns``
(read from the error), ``user_network`` (found in a user's cost), ``adapters`` (torch, JAX).
"""

from __future__ import annotations

from .dispatch import assert_gradients, check_gradients
from .own_records import check_activation, check_cost
from .report import Diagnosis, GradientError, Report
from .strategies.functions import check_pair
from .strategies.layers import check_layer
from .strategies.network import check_network

__all__ = [
    "Diagnosis",
    "GradientError",
    "Report",
    "assert_gradients",
    "check_activation",
    "check_cost",
    "check_gradients",
    "check_layer",
    "check_network",
    "check_pair",
]
