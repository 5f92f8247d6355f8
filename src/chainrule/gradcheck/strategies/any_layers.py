"""The check of a network with layers of any kind: every entry of theta by differences of J."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ...model import Model
from ...parameters import named_places, view
from ...typing import Array
from ..report import Report
from ..settings import CheckSettings
from .functions import check_pair


def check_entries(
    model: Model, J_of: Callable[[Array], float], dtheta: Array, settings: CheckSettings
) -> Report:
    """Check dtheta (P,) against differences of ``J_of(theta)``, by the parameters' names."""
    places = dict(named_places(model.architecture))

    def J(parameters: Mapping[str, Array]) -> float:
        theta = np.empty_like(model.theta)
        for name, place in places.items():
            view(theta, place)[...] = parameters[name]
        return J_of(theta)

    parts = [{name: view(x, p) for name, p in places.items()} for x in (dtheta, model.theta)]
    gradients, parameters = parts
    return check_pair(
        J,
        lambda parameters: gradients,
        parameters,
        tolerance=settings.tolerance,
        seconds=settings.seconds,
        seed=settings.seed,
        progress=settings.progress,
    )
