"""Boosting objectives: eight right ones and twelve wrong ones, after public bug reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

rng = np.random.default_rng(0)
N = 60
Y = (rng.random(N) < 0.5).astype(float)
TARGET = rng.normal(size=N)
COUNTS = rng.poisson(2.0, N).astype(float)
CLASSES = np.arange(N) % 3
SCORES = rng.normal(size=N)
SCORES3 = rng.normal(size=(N, 3))
WEIGHT = rng.uniform(0.5, 2.0, N)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def one_hot(y):
    return np.eye(3)[np.asarray(y, int)]


def weights_of(data):
    w = data.get_weight()
    return np.ones(len(data.get_label())) if w is None or np.size(w) == 0 else w


def logistic(preds, data):
    p, w = sigmoid(preds), weights_of(data)
    return w * (p - data.get_label()), w * p * (1 - p)


def huber(preds, data):
    r = preds - data.get_label()
    return np.clip(r, -0.9, 0.9), np.ones_like(r)


def poisson(y_true, y_pred):
    return np.exp(y_pred) - y_true, np.exp(y_pred)


def quantile(y_true, y_pred):
    return np.where(y_pred > y_true, 0.3, -0.7), np.ones_like(y_pred)


def squared(y_true, y_pred, weight=None):
    w = np.ones_like(y_pred) if weight is None else weight
    return 2 * w * (y_pred - y_true), 2 * w


def multiclass(preds, data):
    p = softmax(preds)
    return p - one_hot(data.get_label()), p * (1 - p)


def multiclass_doubled(preds, data):
    p = softmax(preds)
    return p - one_hot(data.get_label()), 2 * p * (1 - p)


class CatLogistic:
    def calc_ders_range(self, approxes, targets, weights):
        p, y = sigmoid(np.asarray(approxes)), np.asarray(targets)
        w = np.ones(len(y)) if weights is None else np.asarray(weights)
        return list(zip(w * (y - p), -w * p * (1 - p), strict=True))


def twice_binary(preds, data):
    p = sigmoid(preds)
    return p - data.get_label(), 2 * p * (1 - p)


def score_as_probability(preds, data):
    return preds - data.get_label(), preds * (1 - preds)


def row_order(preds, data):
    p = softmax(preds)
    return (p - one_hot(data.get_label())).ravel(), (p * (1 - p)).ravel()


def sign_turned(preds, data):
    p = sigmoid(preds)
    return data.get_label() - p, p * (1 - p)


def huber_one_side(preds, data):
    r = preds - data.get_label()
    return np.minimum(r, 0.9), np.ones_like(r)


def weights_ignored(preds, data):
    p = sigmoid(preds)
    return p - data.get_label(), p * (1 - p)


def factor_missing(preds, data):
    p = sigmoid(preds)
    return p - data.get_label(), p


def squared_gradient(preds, data):
    g = sigmoid(preds) - data.get_label()
    return g, g * g


def target_not_subtracted(preds, data):
    p = softmax(preds)
    return p, p * (1 - p)


def focal_loss(y, z):
    p = sigmoid(z)
    pt = np.where(y == 1, p, 1 - p)
    return -((1 - pt) ** 2) * np.log(pt)


def focal_cut(preds, data):
    y = data.get_label()
    p = sigmoid(preds)
    pt = np.where(y == 1, p, 1 - p)
    g = (1 - pt) ** 2 * (p - y)  # the slope of (1 - pt)² is missing

    def slope(z):
        q = np.where(y == 1, sigmoid(z), 1 - sigmoid(z))
        return (1 - q) ** 2 * (sigmoid(z) - y)

    return g, (slope(preds + 1e-4) - slope(preds - 1e-4)) / 2e-4


def mean_for_sum(preds, data):
    p = sigmoid(preds)
    n = len(p)
    return (p - data.get_label()) / n, p * (1 - p) / n


def not_convex(preds, data):
    r = preds - data.get_label()
    return 2 * r / (1 + r * r) ** 2, (2 - 6 * r * r) / (1 + r * r) ** 3


def log_loss(y, z):
    return np.logaddexp(0, z) - y * z


def cross_entropy(y, z):
    return -np.log(softmax(z)[np.arange(len(z)), np.asarray(y, int)])


def square_loss(y, z):
    return (z - y) ** 2


def huber_loss(y, z):
    r = np.abs(z - y)
    return np.where(r <= 0.9, r * r / 2, 0.9 * r - 0.405)


@dataclass(frozen=True)
class Case:
    name: str
    fobj: Any
    y: Any
    raw: Any
    convention: str = "lightgbm"
    loss: Callable[..., Any] | None = None
    weight: Any = None
    says: str = ""


RIGHT = (
    Case("logistic", logistic, Y, SCORES, loss=log_loss),
    Case("logistic, weighted", logistic, Y, SCORES, "xgboost", log_loss, WEIGHT),
    Case("huber", huber, TARGET, SCORES, loss=huber_loss),
    Case("poisson", poisson, COUNTS, SCORES, "xgboost", lambda y, z: np.exp(z) - y * z),
    Case("quantile", quantile, TARGET, SCORES),
    Case(
        "squared, weighted", squared, TARGET, SCORES, loss=lambda y, z: (z - y) ** 2, weight=WEIGHT
    ),
    Case("softmax", multiclass, CLASSES, SCORES3, loss=cross_entropy),
    Case("softmax, twice", multiclass_doubled, CLASSES, SCORES3, "xgboost", cross_entropy),
    Case("catboost's logistic", CatLogistic(), Y, SCORES, "catboost", log_loss, WEIGHT),
)
TWISTED = "row by row, and lightgbm reads them class"
WRONG = (
    # https://github.com/dmlc/xgboost/issues/2345
    Case("2p(1-p) of two classes", twice_binary, Y, SCORES, "xgboost", says="hess = 2 × the slope"),
    # https://github.com/microsoft/LightGBM/issues/1308
    Case("score as probability", score_as_probability, Y, SCORES, says="as if it were a prob"),
    # https://github.com/microsoft/LightGBM/issues/4659
    Case("row order", row_order, CLASSES, SCORES3, says=TWISTED),
    # https://github.com/dmlc/xgboost/issues/2602
    Case("sign", sign_turned, Y, SCORES, "xgboost", says="sign of grad"),
    # https://github.com/microsoft/LightGBM/issues/3532
    Case("huber, one side", huber_one_side, TARGET, SCORES, loss=huber_loss, says="score - y <"),
    # https://github.com/microsoft/LightGBM/issues/5567
    Case("weights ignored", weights_ignored, Y, SCORES, weight=WEIGHT, says="they are left out"),
    # https://github.com/microsoft/LightGBM/issues/1154
    Case("1 - p missing", factor_missing, Y, SCORES, says="1 - p is missing"),
    # https://github.com/dmlc/xgboost/issues/5769
    Case("squared gradient", squared_gradient, Y, SCORES, "xgboost", says="grad²"),
    # https://github.com/dmlc/xgboost/issues/10258
    Case(
        "target not subtracted", target_not_subtracted, CLASSES, SCORES3, "xgboost", cross_entropy,
        says="target is not subtracted",
    ),
    # https://github.com/jhwjhw0123/Imbalance-XGBoost/issues/1
    Case("focal, a term missing", focal_cut, Y, SCORES, "xgboost", focal_loss, says="grad"),
    # https://github.com/microsoft/LightGBM/issues/3149
    Case("mean for sum", mean_for_sum, Y, SCORES, loss=log_loss, says="1/m of"),
    # https://github.com/dmlc/xgboost/issues/279
    Case("not convex", not_convex, 3 * TARGET, SCORES, says="below 0"),
)  # fmt: skip
