"""BLAS has as many threads after fits as before: in threads, that raise, that are interrupted."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from chainrule.estimators import BackpropClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
Y = (X[:, 0] > 0).astype(int)


def limits() -> list[Any]:
    return [(p["filepath"], p["num_threads"]) for p in threadpool_info()]


def classifier(**settings: Any) -> BackpropClassifier:
    return BackpropClassifier((8,), random_state=0, engine="reference", **settings)


def test_fits_that_overlap_leave_the_threads_of_blas_as_they_were() -> None:
    with threadpool_limits(2, user_api="blas"):
        before = limits()
        fits = [
            threading.Thread(target=lambda n=n: classifier(max_iter=3 + 5 * n).fit(X, Y))
            for n in range(4)
        ]
        for fit in fits:
            fit.start()
        for fit in fits:
            fit.join()
        assert limits() == before


def test_a_nested_fit_with_more_threads_leaves_them_as_they_were() -> None:
    def nested(net: Any, history: Any) -> None:
        classifier(max_iter=1, n_threads=2).fit(X, Y)

    with threadpool_limits(2, user_api="blas"):
        before = limits()
        classifier(max_iter=2, n_threads=1, callbacks=[nested]).fit(X, Y)
        assert limits() == before


@pytest.mark.parametrize("error", [ValueError, SystemExit, GeneratorExit])
def test_a_fit_that_raises_leaves_the_threads_of_blas_as_they_were(error: Any) -> None:
    def fail(net: Any, history: Any) -> None:
        raise error

    with threadpool_limits(2, user_api="blas"):
        before = limits()
        with pytest.raises(error):
            classifier(callbacks=[fail]).fit(X, Y)
        assert limits() == before


def test_an_interrupted_fit_leaves_the_threads_of_blas_as_they_were() -> None:
    def interrupt(net: Any, history: Any) -> None:
        raise KeyboardInterrupt

    with threadpool_limits(2, user_api="blas"):
        before = limits()
        with pytest.warns(UserWarning, match="interrupted"):
            classifier(callbacks=[interrupt]).fit(X, Y)
        assert limits() == before
