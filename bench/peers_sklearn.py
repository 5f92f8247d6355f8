"""scikit-learn: MLPClassifier or MLPRegressor, a pass over the rows in the same order."""

from __future__ import annotations

from typing import Any

import numpy as np
from cases import Case, Run, Theta, data


def sklearn(case: Case, threads: int) -> Run:
    """All steps are one partial_fit, of rows that were put in order before."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from threadpoolctl import threadpool_limits

    d = data(case)
    regression = case.cost == "squared_error"
    y = d.Y if regression else (d.Y[:, 0] if case.sizes[-1] == 1 else d.Y.argmax(1))
    X, y = d.X[d.order], y[d.order]
    more: dict[str, Any] = {} if regression else {"classes": np.arange(max(2, case.sizes[-1]))}
    settings = {
        "hidden_layer_sizes": case.sizes[1:-1],
        "activation": {"sigmoid": "logistic"}.get(case.hidden, case.hidden),
        "solver": "adam" if case.optimizer == "adam" else "sgd",
        "alpha": 0,
        "batch_size": case.batch,
        "learning_rate_init": case.rate,
        "momentum": 0,
        "nesterovs_momentum": False,
        "shuffle": False,
    }

    def fresh() -> Any:
        """A model that a first batch has brought to life, put back to the start."""
        model = (MLPRegressor if regression else MLPClassifier)(**settings)
        model.partial_fit(X[: case.batch], y[: case.batch], **more)
        for l, (W, b) in enumerate(d.start):
            model.coefs_[l][...] = W.T
            model.intercepts_[l][...] = b
        optimizer = model._optimizer
        if case.optimizer == "adam":
            optimizer.t = 0
            for moment in (*optimizer.ms, *optimizer.vs):
                moment[...] = 0
        return model

    models = [fresh()]

    def train() -> Any:
        model = models.pop() if models else fresh()
        with threadpool_limits(threads):
            model.partial_fit(X, y, **more)
        return model

    def read(model: Any) -> Theta:
        models.append(fresh())
        return [(W.T, b) for W, b in zip(model.coefs_, model.intercepts_, strict=True)]

    return Run(train, read)
