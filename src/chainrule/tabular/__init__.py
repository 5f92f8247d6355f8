"""The best model for a table: networks on folds of the rows, averaged, weighed and calibrated.

``fit_ensemble`` trains a ``TableEnsemble`` from encoded rows. ``chainrule.estimators`` gives it to
DataFrames as ``TableClassifier`` and ``TableRegressor``; docs/table_models.md says what is in it
and what each part is worth.
"""

from __future__ import annotations

from .ensemble import TableEnsemble
from .fitting import Fitted, Table, fit_ensemble
from .inputs import Rows, Targets, Task

__all__ = ["Fitted", "Rows", "Table", "TableEnsemble", "Targets", "Task", "fit_ensemble"]
