"""The learners of bench/tables.py: each takes a table as it comes, with its own defaults.

A learner is ``(task, X, y, X_test) -> (predictions, classes or None)``; probabilities for classes.
One thread each. CatBoost, LightGBM and XGBoost get dates as days and are told which columns are
words; the MLP gets standardised columns, gaps filled, words one-hot, and a standardised target.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

Answer = tuple[np.ndarray, Any]
Learner = Callable[[str, pd.DataFrame, np.ndarray, pd.DataFrame], Answer]


def with_days(X: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with dates as days since 1970-01-01."""
    X = X.copy()
    for name in X:
        if X[name].dtype.kind == "M":
            X[name] = (X[name] - pd.Timestamp(0)) / pd.Timedelta(days=1)
    return X


def words_of(X: pd.DataFrame) -> list[str]:
    """Return the names of the columns of words."""
    return [name for name in X if X[name].dtype.kind not in "biuf"]


def fit_ours(task: str, X: pd.DataFrame, y: np.ndarray, **more: Any) -> Any:
    """Return ``TableClassifier`` or ``TableRegressor``, fitted."""
    from chainrule.estimators import TableClassifier, TableRegressor

    kind = TableRegressor if task == "regression" else TableClassifier
    return kind(random_state=0, n_threads=1, **more).fit(X, y)


def ours(task: str, X: pd.DataFrame, y: np.ndarray, test: pd.DataFrame, **more: Any) -> Answer:
    return answer_of(fit_ours(task, X, y, **more), test)


def single(task: str, X: pd.DataFrame, y: np.ndarray, test: pd.DataFrame) -> Answer:
    """Train one network: ``BackpropClassifier`` or ``BackpropRegressor``."""
    from chainrule.estimators import BackpropClassifier, BackpropRegressor

    kind = BackpropRegressor if task == "regression" else BackpropClassifier
    return answer_of(kind(random_state=0, n_threads=1).fit(X, y), test)


def catboost(task: str, X: pd.DataFrame, y: np.ndarray, test: pd.DataFrame) -> Answer:
    from catboost import CatBoostClassifier, CatBoostRegressor

    def ready(frame: pd.DataFrame) -> pd.DataFrame:
        frame = with_days(frame)
        for name in words_of(frame):
            frame[name] = frame[name].astype(object).where(frame[name].notna(), "missing")
        return frame

    kind = CatBoostRegressor if task == "regression" else CatBoostClassifier
    settings: dict[str, Any] = {"thread_count": 1, "verbose": 0, "allow_writing_files": False}
    X, test = ready(X), ready(test)
    return answer_of(kind(**settings, cat_features=words_of(X)).fit(X, y), test)


def _categories(X: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    X, test = with_days(X), with_days(test)
    for name in words_of(X):
        X[name] = X[name].astype("category")
        test[name] = pd.Categorical(test[name], X[name].cat.categories)
    return X, test


def lightgbm(task: str, X: pd.DataFrame, y: np.ndarray, test: pd.DataFrame) -> Answer:
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMRegressor if task == "regression" else LGBMClassifier
    X, test = _categories(X, test)
    return answer_of(kind(n_jobs=1, verbose=-1).fit(X, y), test)


def xgboost(task: str, X: pd.DataFrame, y: np.ndarray, test: pd.DataFrame) -> Answer:
    from xgboost import XGBClassifier, XGBRegressor

    X, test = _categories(X, test)
    if task == "regression":
        return XGBRegressor(n_jobs=1, enable_categorical=True).fit(X, y).predict(test), None
    classes, places = np.unique(y, return_inverse=True)
    model = XGBClassifier(n_jobs=1, enable_categorical=True).fit(X, places)
    return model.predict_proba(test), classes


def hgb(task: str, X: pd.DataFrame, y: np.ndarray, test: pd.DataFrame) -> Answer:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    X, test = _categories(X, test)
    many = [name for name in words_of(X) if X[name].nunique() > 254]  # it takes 255 at most
    for name in many:
        codes = X[name].cat.codes.astype(float)
        X[name], test[name] = codes, test[name].cat.codes.astype(float)
    return answer_of(kind(random_state=0).fit(X, y), test)


def mlp(task: str, X: pd.DataFrame, y: np.ndarray, test: pd.DataFrame) -> Answer:
    from sklearn.compose import TransformedTargetRegressor, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    X, test = with_days(X), with_days(test)
    words = words_of(X)
    ready = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), words),
        (make_pipeline(SimpleImputer(), StandardScaler()), [n for n in X if n not in words]),
    )
    if task == "regression":
        scaled = TransformedTargetRegressor(
            MLPRegressor(random_state=0), transformer=StandardScaler()
        )
        return answer_of(make_pipeline(ready, scaled).fit(X, y), test)
    return answer_of(make_pipeline(ready, MLPClassifier(random_state=0)).fit(X, y), test)


def realmlp(task: str, X: pd.DataFrame, y: np.ndarray, test: pd.DataFrame) -> Answer:
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    X, test = _filled(X, test)
    settings: dict[str, Any] = {"n_threads": 1, "device": "cpu", "random_state": 0}
    if task == "regression":
        return answer_of(RealMLP_TD_Regressor(**settings).fit(X, y), test)
    # Its authors' advice for log loss.
    settings |= {"use_ls": False, "val_metric_name": "cross_entropy"}
    return answer_of(RealMLP_TD_Classifier(**settings).fit(X, y), test)


def tabm(task: str, X: pd.DataFrame, y: np.ndarray, test: pd.DataFrame) -> Answer:
    from pytabkit import TabM_D_Classifier, TabM_D_Regressor

    X, test = _filled(X, test)
    kind = TabM_D_Regressor if task == "regression" else TabM_D_Classifier
    return answer_of(kind(n_threads=1, device="cpu", random_state=0).fit(X, y), test)


def _filled(X: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return frames without gaps among their numbers: the mean, and a column that says so."""
    X, test = _categories(X, test)
    for name in [n for n in X if X[n].dtype.kind == "f" and X[n].isna().any()]:
        mean = X[name].mean()
        for frame in (X, test):
            frame[f"{name} missing"] = frame[name].isna().astype(float)
            frame[name] = frame[name].fillna(mean)
    return X, test.fillna({n: 0 for n in test if test[n].dtype.kind == "f"})


def answer_of(model: Any, test: pd.DataFrame) -> Answer:
    """Return a fitted model's predictions for a frame, probabilities for classes."""
    if hasattr(model, "classes_") and hasattr(model, "predict_proba"):
        return model.predict_proba(test), model.classes_
    return np.ravel(model.predict(test)), None


LEARNERS: dict[str, Learner] = {
    "ours": ours,
    "single": single,
    "CatBoost": catboost,
    "LightGBM": lightgbm,
    "XGBoost": xgboost,
    "HistGradientBoosting": hgb,
    "MLP": mlp,
    "RealMLP": realmlp,
    "TabM": tabm,
}
# The package that a peer comes from; its version is frozen with its results.
PACKAGES = {
    "CatBoost": "catboost",
    "LightGBM": "lightgbm",
    "XGBoost": "xgboost",
    "HistGradientBoosting": "scikit-learn",
    "MLP": "scikit-learn",
    "RealMLP": "pytabkit",
    "TabM": "pytabkit",
}


def version(name: str) -> str | None:
    """Return the version of a peer's package, None where it is not installed."""
    try:
        return importlib.metadata.version(PACKAGES[name])
    except importlib.metadata.PackageNotFoundError:
        return None
