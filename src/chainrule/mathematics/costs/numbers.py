"""Costs of numbers: functions of a - y."""

from __future__ import annotations

from ..checks import INSIDE_ONE, POSITIVE, setting
from ..namespace import Array, namespace
from .record import COSTS, Cost, over_outputs


@COSTS.entry
def squared_error() -> Cost:
    """Half the squared error: ``sum (a - y)^2 / 2``; ``dJ/da = a - y``.

    Source: Nielsen, "Neural networks and deep learning", 2015, equations (27) and (30).
    """

    def J(a: Array, y: Array) -> Array:
        d = a - y
        return over_outputs(namespace(a, y), d * d) / 2

    return Cost(
        name="squared_error",
        J=J,
        da=lambda a, y: a - y,
        formula="(a - y)^2/2",
        derivative="a - y",
        source='Nielsen, "Neural networks and deep learning", 2015, (27) and (30)',
    )


@COSTS.entry
def absolute_error() -> Cost:
    """Absolute error: ``sum |a - y|``; ``dJ/da = sign(a - y)``, 0 where a = y.

    Source: Hastie, Tibshirani and Friedman, "The elements of statistical learning", 2009,
    section 10.6.
    """
    return Cost(
        name="absolute_error",
        J=lambda a, y: over_outputs(namespace(a, y), namespace(a, y).abs(a - y)),
        da=lambda a, y: namespace(a, y).sign(a - y),
        formula="|a - y|",
        derivative="sign(a - y)",
        source="Hastie, Tibshirani and Friedman, 2009, section 10.6",
        kinks=(0,),
    )


@COSTS.entry
def huber(delta: float = 1.0) -> Cost:
    """Huber's cost: ``d^2 / 2`` for |d| <= delta, else ``delta (|d| - delta / 2)``; d = a - y.

    ``dJ/da`` is d cut off at -delta and delta. Raises ValueError unless delta > 0.
    Source: Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics
    35, 1964, section 1; Hastie, Tibshirani and Friedman, 2009, (10.23), is twice this.
    """
    delta = setting("huber", "delta", delta, POSITIVE)

    def J(a: Array, y: Array) -> Array:
        xp = namespace(a, y)
        d = xp.abs(a - y)
        near = xp.minimum(d, xp.number(delta))
        return over_outputs(xp, near * (d - near / 2))

    def da(a: Array, y: Array) -> Array:
        xp = namespace(a, y)
        return xp.maximum(xp.minimum(a - y, xp.number(delta)), -xp.number(delta))

    return Cost(
        name="huber",
        J=J,
        da=da,
        formula="(a - y)^2/2 if |a - y| <= delta else delta (|a - y| - delta/2)",
        derivative="a - y if |a - y| <= delta else delta sign(a - y)",
        source="Huber, 1964, section 1",
        settings={"delta": delta},
        bends=(-delta, delta),
    )


@COSTS.entry
def quantile(q: float = 0.5) -> Cost:
    """Quantile (pinball) cost: ``sum max(q (y - a), (q - 1) (y - a))``; best at the quantile.

    ``dJ/da = 1 - q`` for a > y, ``-q`` for a < y, 0 where a = y.
    Raises ValueError unless 0 < q < 1.
    Source: Koenker and Bassett, "Regression quantiles", Econometrica 46, 1978, section 3.
    """
    q = setting("quantile", "q", q, INSIDE_ONE)

    def J(a: Array, y: Array) -> Array:
        xp = namespace(a, y)
        above = xp.maximum(a - y, 0)
        return over_outputs(xp, above - xp.number(q) * (a - y))

    def da(a: Array, y: Array) -> Array:
        xp = namespace(a, y)
        sign = xp.sign(a - y)
        half = xp.number(0.5)
        return half * sign + (half - xp.number(q)) * sign * sign

    return Cost(
        name="quantile",
        J=J,
        da=da,
        formula="max(q (y - a), (q - 1) (y - a))",
        derivative="1 - q if a > y else -q",
        source="Koenker and Bassett, Econometrica 46, 1978, section 3",
        settings={"q": q},
        kinks=(0,),
    )
