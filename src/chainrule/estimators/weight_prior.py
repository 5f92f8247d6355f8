"""The automatic prior: how strongly weights are drawn to 0, from the noise in the target.

With noise of variance s and weights from N(0, 1 / p), the most probable weights minimise the mean
squared error plus ``s p / m * sum W^2 / 2``: few samples and much noise ask for small weights.
The noise is measured: as the mean squared error, on a part held out, of a short run on the rest.
Source: MacKay, "A practical Bayesian framework for backpropagation networks", Neural Computation 4,
1992, sections 2 and 3, with held-out samples in place of the evidence.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..mathematics.random import key, permutation
from ..network import Network
from .constraints import Parameters
from .holdout import Samples, distinct
from .sklearn_parameters import ALPHA, automatic_batch, planned_epochs, schedule

# The precision p of weights, for a target of variance 1; and for costs that are likelihoods as they
# stand (classes, counts), whose noise is known.
PRECISION, KNOWN_NOISE = 20.0, 6.0
# The run that measures has this prior, this part of the updates, and leaves out this share.
PILOT_PRIOR, PILOT_UPDATES, HELD_OUT = 4.0, 0.5, 0.2
# Below so many samples the noise is taken to be MIDDLING; above so many the prior hardly counts.
FEWEST, MOST, MIDDLING = 100, 20_000, 0.5
LEAST_NOISE = 0.02
PILOT = 17  # the purpose of the pilot's random numbers


def strength(
    parameters: Parameters,
    samples: Samples,
    measured: bool,
    seed: int,
    build: Callable[[float], Network],
) -> float:
    """Return the prior's p: the number given, or for "auto" the one that fits the noise.

    "auto" is 0 where ``alpha`` is not its default: who chose a penalty gets that one.
    ``measured``: the noise is to be measured. ``build``: a fresh network with this penalty.
    """
    if not isinstance(parameters.prior, str):
        return parameters.prior
    if parameters.alpha != ALPHA:
        return 0.0
    if measured:
        return PRECISION * noise(parameters, samples, seed, build)
    net = build(0.0)
    labels = net.sizes[-1] if net.cost.target == "probability" else 1
    # L-BFGS goes all the way to the minimum: there one label's share of the prior is enough.
    return KNOWN_NOISE / labels if parameters.solver == "lbfgs" else KNOWN_NOISE


def noise(
    parameters: Parameters, samples: Samples, seed: int, build: Callable[[float], Network]
) -> float:
    """Return the variance of the noise in the standardised target, from a short run.

    Equal samples are taken together, so that none is on both sides.
    """
    if not FEWEST <= samples.weight or not FEWEST <= len(samples.X) <= MOST:
        return MIDDLING
    samples = distinct(samples)
    m, weights = len(samples.X), samples.weights
    if m < FEWEST:
        return MIDDLING
    cut = int(HELD_OUT * m)
    order = permutation(m, key(seed, PILOT))
    held, rest = np.sort(order[:cut]), np.sort(order[cut:])
    shares = np.ones(cut) if weights is None else weights[held]
    if weights is not None and not (shares.sum() > 0 and weights[rest].sum() > 0):
        return MIDDLING
    net = build(parameters.alpha + PILOT_PRIOR / len(rest))
    batch = automatic_batch(len(rest))
    epochs = max(int(PILOT_UPDATES * planned_epochs(len(rest), batch, parameters.max_iter)), 1)
    net.fit(
        samples.X[rest],
        samples.Y[rest],
        batch_size=batch,
        epochs=epochs,
        learning_rate=parameters.learning_rate_init,
        schedule=schedule(parameters),
        tolerance=None,
        sample_weight=None if weights is None else weights[rest],
        threads=parameters.n_threads,
        progress=False,
        engine=parameters.engine,
        certificate=False,
        warn=False,
    )
    errors = ((net.predict(samples.X[held]) - samples.Y[held]) ** 2).mean(axis=1)
    error = float(np.average(errors, weights=shares))
    return min(max(error, LEAST_NOISE), 1.0) if np.isfinite(error) else MIDDLING
