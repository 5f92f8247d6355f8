"""The best model for a table: networks on folds of the rows, averaged, weighed and calibrated.

``fit_model`` is the recipe: from columns and a target to an ``EnsembleModel``. ``table_fit`` gives
it to files, for ``chainrule train``, and ``chainrule.estimators`` to DataFrames, as
``TableClassifier`` and ``TableRegressor``; docs/table_models.md says what is in it and what each
part is worth.
"""

from __future__ import annotations

from .ensemble import TableEnsemble
from .fitting import Fitted, Table, fit_ensemble
from .inputs import Rows, Targets, Task
from .model import EnsembleModel, OutOfFold, load_ensemble, load_model
from .recipe import Labelled, Options, fit_model

__all__ = [
    "EnsembleModel",
    "Fitted",
    "Labelled",
    "Options",
    "OutOfFold",
    "Rows",
    "Table",
    "TableEnsemble",
    "Targets",
    "Task",
    "fit_ensemble",
    "fit_model",
    "load_ensemble",
    "load_model",
]
