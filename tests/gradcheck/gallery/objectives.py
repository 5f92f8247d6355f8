"""Boosting objectives: those of ``objective_gallery``, which the real libraries run, and more."""

from __future__ import annotations

import numpy as np
from objective_gallery import RIGHT, WRONG

import chainrule as cr
from gallery.doors import sigmoid, softmax
from gallery.record import Case, Gallery

gallery = Gallery("objectives")
# The threads of those that the other file runs in the real libraries, by name.
THREADS = {
    "2p(1-p) of two classes": ("dmlc/xgboost#2345", "hess"),
    "score as probability": ("microsoft/LightGBM#1308", "hess"),
    "row order": ("microsoft/LightGBM#4659", "order"),
    "sign": ("dmlc/xgboost#2602", "sign"),
    "huber, one side": ("microsoft/LightGBM#3532", "grad"),
    "weights ignored": ("microsoft/LightGBM#5567", "weights"),
    "1 - p missing": ("microsoft/LightGBM#1154", "hess"),
    "squared gradient": ("dmlc/xgboost#5769", "hess"),
    "target not subtracted": ("dmlc/xgboost#10258", "grad"),
    "focal, a term missing": ("jhwjhw0123/Imbalance-XGBoost#1", "grad"),
    "mean for sum": ("microsoft/LightGBM#3149", "grad"),
    "not convex": ("dmlc/xgboost#279", "hess above 0"),
    "quantile": ("dmlc/xgboost#4288", ""),
    "softmax, twice": ("dmlc/xgboost#10258", ""),
    "huber": ("microsoft/LightGBM#3532", ""),
}


def library_case(case, right):
    def make(rng):
        order = rng.permutation(len(case.y))
        raw = case.raw + 0.05 * rng.normal(size=np.shape(case.raw))
        weight = None if case.weight is None else case.weight[order]
        return cr.check_objective(
            case.fobj, case.y[order], raw[order], case.loss, weight, case.convention
        )

    link, place = THREADS[case.name]
    name = "".join(c if c.isalnum() else "_" for c in case.name)
    says = "" if right else case.says.replace("²", ".").replace("(", r"\(")
    return Case(f"objective_{name}", "objectives", link, right, make, place, says)


for each in (*RIGHT, *WRONG):
    if each.name in THREADS:
        gallery.add(library_case(each, each in RIGHT))

N = 40


def data(rng, classes=0):
    if classes:
        return rng.integers(0, classes, N).astype(float), rng.normal(size=(N, classes))
    return (rng.random(N) < 0.5).astype(float), rng.normal(size=N)


@gallery.wrong("microsoft/LightGBM#1052", "hess", "constant|1/4|slope|p \\* \\(1 - p\\)|factor|one")
def hessian_of_ones(rng):
    y, raw = data(rng)
    return cr.check_objective(lambda y, z: (sigmoid(z) - y, np.ones_like(z)), y, raw)


@gallery.wrong("dmlc/xgboost#2113", "grad", "factor 2|2 ×|half|0.5")
def half_of_the_squared_error(rng):
    y, raw = rng.normal(size=(2, N))
    return cr.check_objective(
        lambda y, z: (z - y, np.ones_like(z)), y, raw, lambda y, z: (z - y) ** 2,
        convention="xgboost",
    )  # fmt: skip


@gallery.wrong("microsoft/LightGBM#4956", "order", "class|order")
def classes_in_the_order_of_rows(rng):
    y, raw = data(rng, 3)

    def objective(preds, data):
        p = softmax(preds)
        g = p - np.eye(3)[data.get_label().astype(int)]
        return g.ravel(), (p * (1 - p)).ravel()

    return cr.check_objective(objective, y, raw)


@gallery.wrong("gbm-developers/gbm3#58", "grad, hess above 0", "sign")
def derivatives_of_the_likelihood(rng):
    """Both with the sign of the log likelihood."""
    y = rng.poisson(2.0, N).astype(float)

    def objective(y, z):
        return y - np.exp(z), -np.exp(z)

    return cr.check_objective(objective, y, rng.normal(size=N), lambda y, z: np.exp(z) - y * z)


@gallery.right("gbm-developers/gbm3#58")
def gamma_deviance(rng):
    y = rng.gamma(2.0, 1.0, N)

    def objective(y, z):
        return 1 - y * np.exp(-z), y * np.exp(-z)

    return cr.check_objective(objective, y, rng.normal(size=N), lambda y, z: z + y * np.exp(-z))


@gallery.right("microsoft/LightGBM#1052")
def hessian_that_is_an_upper_bound(rng):
    y, raw = data(rng)
    return cr.check_objective(
        lambda y, z: (sigmoid(z) - y, np.full_like(z, 0.25)), y, raw, bound=True
    )
