"""The automatic prior: how strongly weights are drawn to 0, from the noise in the target.

With noise of variance s and weights from N(0, 1 / p), the most probable weights minimise the mean
squared error plus ``s p / m * sum W^2 / 2``: few samples and much noise ask for small weights.
The noise is measured: as the mean squared error, on a part held out, of a short run on the rest.
Source: MacKay, "A practical Bayesian framework for backpropagation networks", Neural Computation 4,
1992, sections 2 and 3, with held-out samples in place of the evidence.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..mathematics.random import key, permutation
from .holdout import Samples

# The precision p of weights, for a target of variance 1; and for costs that are likelihoods as they
# stand (classes, counts), whose noise is known.
PRECISION, KNOWN_NOISE = 20.0, 6.0
# The run that measures has this prior, this part of the updates, and leaves out this share.
PILOT_PRIOR, PILOT_UPDATES, HELD_OUT = 4.0, 0.5, 0.2
# Below so many samples the noise is taken to be MIDDLING; above so many the prior hardly counts.
FEWEST, MOST, MIDDLING = 100, 20_000, 0.5
LEAST_NOISE = 0.02
PILOT = 17  # the purpose of the pilot's random numbers


def strength(estimator: Any, samples: Samples) -> float:
    """Return the prior's p: the number given, or for "auto" the one that fits the noise."""
    if estimator.prior != "auto":
        return float(estimator.prior)
    if not hasattr(estimator, "y_scale_") or not estimator._scales_with_y():
        return KNOWN_NOISE
    return PRECISION * noise(estimator, samples)


def noise(estimator: Any, samples: Samples) -> float:
    """Return the variance of the noise in the standardised target, from a short run."""
    if not FEWEST <= samples.weight or not FEWEST <= len(samples.X) <= MOST:
        return MIDDLING
    from .sklearn_parameters import automatic_batch, planned_epochs, schedule

    m = len(samples.X)
    order = permutation(m, key(estimator._seed_of_run, PILOT))
    cut = int(HELD_OUT * m)
    held, rest = np.sort(order[:cut]), np.sort(order[cut:])
    weights = samples.weights
    shares = np.ones(cut) if weights is None else weights[held]
    if weights is not None and not (shares.sum() > 0 and weights[rest].sum() > 0):
        return MIDDLING
    sizes = (samples.X.shape[1], *estimator._hidden(), samples.Y.shape[1])
    net = estimator._network_of(sizes, l2=estimator.alpha + PILOT_PRIOR / len(rest))
    batch = automatic_batch(len(rest))
    epochs = max(int(PILOT_UPDATES * planned_epochs(len(rest), batch, estimator.max_iter)), 1)
    net.fit(
        samples.X[rest],
        samples.Y[rest],
        batch_size=batch,
        epochs=epochs,
        learning_rate=float(estimator.learning_rate_init),
        schedule=schedule(estimator),
        tolerance=None,
        sample_weight=None if weights is None else weights[rest],
        threads=estimator.n_threads,
        progress=False,
        engine=estimator.engine,
        certificate=False,
    )
    errors = ((net.predict(samples.X[held]) - samples.Y[held]) ** 2).mean(axis=1)
    found = float(np.average(errors, weights=shares))
    return min(max(found, LEAST_NOISE), 1.0) if np.isfinite(found) else MIDDLING
