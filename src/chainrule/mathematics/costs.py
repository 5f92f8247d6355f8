"""Costs: one record each (J, dJ/da, formulas, source), the table, and the canonical pairs.

A cost gives J_i for each sample i, summed over the outputs; the mean over samples, and with it the
factor 1/m, enters once, through ``shares`` in ``cost_of`` and ``cost_gradient``. Where cost and
output activation are a canonical pair, J is worked out from z and dz = a - y, so that nothing
overflows; the general form stays available and agrees wherever it is finite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .activations import ACTIVATIONS, Activation, activation_backward
from .checks import BELOW_ONE, INSIDE_ONE, POSITIVE, setting
from .names import entry, listed, resolve, spell
from .namespace import Array, namespace

# What the targets of a cost are: any numbers, numbers from 0 to 1, counts, or shares of classes.
Target = Literal["number", "probability", "count", "classes"]


@dataclass(frozen=True, slots=True)
class Cost:
    """A cost and its derivative; give your own wherever a name is taken.

    ``J(a, y) -> (m,)``: the cost of each sample. ``da(a, y) -> (m, n)``: dJ_i/da_i, without any
    factor 1/m. Both take outputs a and targets y of shape (m, n). ``outputs`` names the
    output activations that the cost can go with, () for any; ``kinks`` are the a - y at which dJ/da
    jumps.

    >>> quartic = Cost(
    ...     "quartic", J=lambda a, y: ((a - y) ** 4).sum(axis=1), da=lambda a, y: 4 * (a - y) ** 3
    ... )
    """

    name: str
    J: Callable[[Array, Array], Array]
    da: Callable[[Array, Array], Array]
    formula: str = ""
    derivative: str = ""
    source: str = ""
    settings: Mapping[str, float] = field(default_factory=dict)
    target: Target = "number"
    outputs: tuple[str, ...] = ()
    kinks: tuple[float, ...] = ()

    @property
    def spec(self) -> str:
        """The name with its settings, as ``resolve_cost`` reads it."""
        return spell(self.name, self.settings.values())


def _total(xp: Any, x: Array) -> Array:
    return xp.sum(x, axis=-1)


@entry
def logistic() -> Cost:
    """Logistic cost, for two classes or several labels: ``-sum (y log a + (1 - y) log(1 - a))``.

    ``dJ/da = -y/a + (1 - y)/(1 - a)``, as in the notes. Targets from 0 to 1.
    Source: Nielsen, "Neural networks and deep learning", 2015, equations (57) and (63).
    """

    def J(a: Array, y: Array) -> Array:
        xp = namespace(a, y)
        return -_total(xp, _y_log(y, a) + _y_log(1 - y, 1 - a))

    def da(a: Array, y: Array) -> Array:
        return _over(1 - y, 1 - a) - _over(y, a)

    return Cost(
        name="logistic",
        J=J,
        da=da,
        formula="-(y log(a) + (1 - y) log(1 - a))",
        derivative="-y/a + (1 - y)/(1 - a)",
        source='Nielsen, "Neural networks and deep learning", 2015, (57) and (63)',
        target="probability",
        outputs=("sigmoid", "softmax"),
    )


def _y_log(y: Array, a: Array) -> Array:
    """Return ``y log a``, and 0 where y is 0, whatever a is."""
    xp = namespace(y, a)
    present = xp.greater(y, 0)
    return xp.where(present, y * xp.log(xp.where(present, a, 1)), 0)


def _over(y: Array, a: Array) -> Array:
    """Return ``y / a``, and 0 where y is 0, though a may have been rounded to 0."""
    xp = namespace(y, a)
    present = xp.greater(y, 0)
    return xp.where(present, y / xp.where(present, a, 1), 0)


@entry
def cross_entropy(smoothing: float = 0.0) -> Cost:
    """Cross-entropy over n classes: ``-sum y' log a`` with ``y' = (1 - s) y + s / n``.

    ``dJ/da = -y'/a``. Targets are class labels or rows of shares that add up to 1; s is the
    smoothing of labels. Raises ValueError unless 0 <= smoothing < 1.
    Source: Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 6.2.2.3; smoothing:
    Szegedy et al., "Rethinking the inception architecture", CVPR 2016, section 7.
    """
    smoothing = setting("cross_entropy", "smoothing", smoothing, BELOW_ONE)

    def J(a: Array, y: Array) -> Array:
        return -_total(namespace(a, y), _y_log(smooth(y, smoothing), a))

    def da(a: Array, y: Array) -> Array:
        return -_over(smooth(y, smoothing), a)

    return Cost(
        name="cross_entropy",
        J=J,
        da=da,
        formula="-sum y log(a)",
        derivative="-y/a",
        source="Goodfellow, Bengio and Courville, 2016, section 6.2.2.3",
        settings={"smoothing": smoothing},
        target="classes",
        outputs=("softmax",),
    )


def smooth(y: Array, smoothing: float) -> Array:
    """Return ``(1 - s) y + s / n`` for targets y (m, n)."""
    if smoothing == 0:
        return y
    s = namespace(y).number(smoothing)
    return (1 - s) * y + s / y.shape[-1]


@entry
def squared_error() -> Cost:
    """Half the squared error: ``sum (a - y)^2 / 2``; ``dJ/da = a - y``.

    Source: Nielsen, "Neural networks and deep learning", 2015, equations (27) and (30).
    """

    def J(a: Array, y: Array) -> Array:
        d = a - y
        return _total(namespace(a, y), d * d) / 2

    return Cost(
        name="squared_error",
        J=J,
        da=lambda a, y: a - y,
        formula="(a - y)^2/2",
        derivative="a - y",
        source='Nielsen, "Neural networks and deep learning", 2015, (27) and (30)',
    )


@entry
def absolute_error() -> Cost:
    """Absolute error: ``sum |a - y|``; ``dJ/da = sign(a - y)``, 0 where a = y.

    Source: Hastie, Tibshirani and Friedman, "The elements of statistical learning", 2009,
    section 10.6.
    """
    return Cost(
        name="absolute_error",
        J=lambda a, y: _total(namespace(a, y), namespace(a, y).abs(a - y)),
        da=lambda a, y: namespace(a, y).sign(a - y),
        formula="|a - y|",
        derivative="sign(a - y)",
        source="Hastie, Tibshirani and Friedman, 2009, section 10.6",
        kinks=(0,),
    )


@entry
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
        return _total(xp, near * (d - near / 2))

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
    )


@entry
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
        return _total(xp, above - xp.number(q) * (a - y))

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


@entry
def poisson() -> Cost:
    """Poisson cost for counts: ``sum (a - y log a)``, without log y!; ``dJ/da = 1 - y/a``.

    Targets are 0 or above. Source: McCullagh and Nelder, "Generalized linear models", 1989,
    section 2.3.
    """
    return Cost(
        name="poisson",
        J=lambda a, y: _total(namespace(a, y), a - _y_log(y, a)),
        da=lambda a, y: 1 - _over(y, a),
        formula="a - y log(a)",
        derivative="1 - y/a",
        source="McCullagh and Nelder, 1989, section 2.3",
        target="count",
        outputs=("exp", "softplus", "sigmoid", "softmax"),
    )


COSTS: Mapping[str, Callable[..., Cost]] = {
    factory.__name__: factory
    for factory in (
        logistic,
        cross_entropy,
        squared_error,
        absolute_error,
        huber,
        quantile,
        poisson,
    )
}


def resolve_cost(cost: str | Cost) -> Cost:
    """Return the cost that a name such as ``"huber(1.5)"`` means, or the one given."""
    return cost if isinstance(cost, Cost) else resolve("cost", cost, COSTS)


@dataclass(frozen=True, slots=True)
class Pair:
    """A canonical pair: J_i from z instead of a, and dJ_i/dz_i without the detour over da.

    ``J(z, a, y) -> (m,)`` and ``dz(z, a, y) -> (m, n)``; y is smoothed already.
    """

    J: Callable[[Array, Array, Array], Array]
    source: str

    @staticmethod
    def dz(a: Array, y: Array) -> Array:
        """Return ``a - y``, the same for every canonical pair."""
        return a - y


def _logistic_from_z(z: Array, a: Array, y: Array) -> Array:
    xp = namespace(z, y)
    e = xp.log1p(xp.exp(-xp.abs(z)))
    return _total(xp, xp.maximum(z, 0) - y * z + e)


def _cross_entropy_from_z(z: Array, a: Array, y: Array) -> Array:
    xp = namespace(z, y)
    below = z - xp.max(z, axis=-1, keepdims=True)
    # Below may be -inf, for z near the largest float: 0 times it is 0 where y is.
    met = xp.where(xp.greater(y, 0), below, 0)
    return xp.log(_total(xp, xp.exp(below))) - _total(xp, y * met)


def _poisson_from_z(z: Array, a: Array, y: Array) -> Array:
    return _total(namespace(z, y), a - y * z)


CANONICAL: Mapping[tuple[str, str], Pair] = {
    ("sigmoid", "logistic"): Pair(_logistic_from_z, "Bishop, 2006, (4.91)"),
    ("softmax", "cross_entropy"): Pair(_cross_entropy_from_z, "Bishop, 2006, (4.109)"),
    ("identity", "squared_error"): Pair(
        lambda z, a, y: squared_error().J(z, y), "Bishop, 2006, (5.18)"
    ),
    ("exp", "poisson"): Pair(_poisson_from_z, "Bishop, 2006, section 4.3.6"),
}


def canonical_pair(f: Activation, cost: Cost) -> Pair | None:
    """Return the pair that output activation f and cost are, or None; one's own never is one."""
    pair = CANONICAL.get((f.name, cost.name))
    if pair is None or not (listed(f, ACTIVATIONS) and listed(cost, COSTS)):
        return None
    return pair


def cost_of(z: Array, a: Array, y: Array, f: Activation, cost: Cost) -> Array:
    """Return the cost J_i of each sample (m,), from z where f and cost are a canonical pair."""
    pair = canonical_pair(f, cost)
    if pair is None:
        return cost.J(a, y)
    return pair.J(z, a, smooth(y, cost.settings.get("smoothing", 0)))


def cost_backward(
    z: Array, a: Array, y: Array, shares: Array, f: Activation, cost: Cost, canonical: bool = True
) -> Array:
    """Return dJ/dz of the output layer (m, n), for ``J = sum_i shares_i J_i``; shares (m,).

    ``dz = (a - y) shares`` for a canonical pair (unless ``canonical`` is False), else the chain
    rule, ``dz = dJ/da * f'(z)``. Sources: Nielsen, 2015, (BP1); Bishop, "Pattern recognition and
    machine learning", 2006, section 4.3.6 (canonical links).
    """
    pair = canonical_pair(f, cost) if canonical else None
    if pair is not None:
        smoothed = smooth(y, cost.settings.get("smoothing", 0))
        return pair.dz(a, smoothed) * shares[:, None]
    return activation_backward(share_out(cost.da(a, y), shares), z, a, f)


def share_out(da: Array, shares: Array) -> Array:
    """Return each row of da (m, n) times its share (m,); a share of 0 gives 0, even of infinity."""
    xp = namespace(da, shares)
    column = shares[:, None]
    return xp.where(xp.greater(column, 0), da, 0) * column
