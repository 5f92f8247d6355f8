"""scikit-learn estimators: ``BackpropClassifier`` and ``BackpropRegressor``.

They take the parameters of scikit-learn's MLP, with its names and defaults, and more; see
docs/estimators.md for what differs and why.
"""

from __future__ import annotations

try:
    import sklearn as _sklearn
except ImportError:
    raise ImportError(
        "chainrule.estimators needs scikit-learn: pip install 'chainrule[sklearn]'"
    ) from None

from .classifier import BackpropClassifier
from .loading import load
from .regressor import BackpropRegressor
from .table_classifier import TableClassifier
from .table_regressor import TableRegressor

__all__ = [
    "BackpropClassifier",
    "BackpropRegressor",
    "TableClassifier",
    "TableRegressor",
    "load",
]

if tuple(int(part) for part in _sklearn.__version__.split(".")[:2]) < (1, 6):
    raise ImportError(
        f"chainrule.estimators needs scikit-learn 1.6 or newer, not {_sklearn.__version__}"
    )
