"""Networks of two layers as students write them in NumPy: the cases kept apart."""

from __future__ import annotations

from gallery.record import Gallery
from gallery.two_layer import cs231n

gallery = Gallery("two-layer networks")


@gallery.wrong("cs231n/cs231n.github.io#89", "W1, W2", "penalty")
def penalty_of_another_convention(rng):
    return cs231n(rng, penalty=2.0)


@gallery.wrong("noahgift/aprender#2182", "layer 2", "1/m")
def scores_without_the_mean(rng):
    def change(g, c, p):
        return {k: 6 * v for k, v in g.items()}

    return cs231n(rng, change)


@gallery.wrong("dibgerge/ml-coursera-python-assignments#45", "W2", "transposed")
def weights_of_the_output_turned(rng):
    """Five hidden units, three classes: reshaped in the order of the transposed matrix."""

    def change(g, c, p):
        return {"W2": g["W2"].T.reshape(5, 3)}

    return cs231n(rng, change)


@gallery.right("cs231n/cs231n.github.io#89")
def two_layers_with_penalty(rng):
    return cs231n(rng)
