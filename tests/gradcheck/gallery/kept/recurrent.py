"""Recurrent networks and scans: the cases kept apart."""

from __future__ import annotations

from gallery.record import Gallery
from gallery.recurrent import elman, lstm

gallery = Gallery("recurrent")


@gallery.wrong("arthurdouillard/deepcourse#9", "W, U, b", "carry|slope|step|recurr|f'")
def carry_without_the_slope(rng):
    """What comes from the next step is passed on without tanh'."""

    def change(carry, dz, p, t, h):
        return p["U"].T @ (dz / (1 - h[t + 1] ** 2))

    return elman(rng, change)


@gallery.wrong("apache/mxnet#4057", "Wi+", "carry|add|overwr|recurr|step")
def cell_gradient_overwritten(rng):
    return lstm(rng, "overwritten")


@gallery.right("cthorey/CS231#1")
def cell_gradient_that_branches(rng):
    """dc += and not =: asked about, and right."""
    return lstm(rng, "")
