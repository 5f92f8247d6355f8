"""Boosting objectives: the cases kept apart."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from gallery.objectives import N, data
from gallery.record import Gallery

gallery = Gallery("objectives")


@gallery.wrong("dmlc/xgboost#687", "grad", "prob|sigmoid|score")
def scores_compared_with_labels(rng):
    """grad = score - y, as if the scores were probabilities, beside the log loss."""
    y, raw = data(rng)
    return cr.check_objective(
        lambda y, z: (z - y, np.ones_like(z)), y, raw, lambda y, z: np.logaddexp(0, z) - y * z,
        convention="xgboost",
    )  # fmt: skip


@gallery.right("dmlc/xgboost#2113")
def log_cosh(rng):
    y, raw = rng.normal(size=(2, N))
    return cr.check_objective(
        lambda y, z: (np.tanh(z - y), 1 - np.tanh(z - y) ** 2), y, raw,
        lambda y, z: np.log(np.cosh(z - y)), convention="xgboost",
    )  # fmt: skip
