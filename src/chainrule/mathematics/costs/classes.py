"""Costs of classes, labels and counts: minus the logarithm of a likelihood."""

from __future__ import annotations

from ..checks import BELOW_ONE, setting
from ..namespace import Array, namespace
from .record import COSTS, Cost, over_outputs, ratio, y_log


@COSTS.entry
def logistic() -> Cost:
    """Logistic cost, for two classes or several labels: ``-sum (y log a + (1 - y) log(1 - a))``.

    ``dJ/da = -y/a + (1 - y)/(1 - a)``, as in the notes. Targets from 0 to 1.
    Source: Nielsen, "Neural networks and deep learning", 2015, equations (57) and (63).
    """

    def J(a: Array, y: Array) -> Array:
        xp = namespace(a, y)
        return -over_outputs(xp, y_log(y, a) + y_log(1 - y, 1 - a))

    def da(a: Array, y: Array) -> Array:
        return ratio(1 - y, 1 - a) - ratio(y, a)

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


def smooth(y: Array, smoothing: float) -> Array:
    """Return ``(1 - s) y + s / n`` for targets y (m, n)."""
    if smoothing == 0:
        return y
    s = namespace(y).number(smoothing)
    return (1 - s) * y + s / y.shape[-1]


@COSTS.entry
def cross_entropy(smoothing: float = 0.0) -> Cost:
    """Cross-entropy over n classes: ``-sum y' log a`` with ``y' = (1 - s) y + s / n``.

    ``dJ/da = -y'/a``. Targets are class labels or rows of shares that add up to 1; s is the
    smoothing of labels. Raises ValueError unless 0 <= smoothing < 1.
    Source: Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 6.2.2.3; smoothing:
    Szegedy et al., "Rethinking the inception architecture", CVPR 2016, section 7.
    """
    smoothing = setting("cross_entropy", "smoothing", smoothing, BELOW_ONE)

    def J(a: Array, y: Array) -> Array:
        return -over_outputs(namespace(a, y), y_log(smooth(y, smoothing), a))

    def da(a: Array, y: Array) -> Array:
        return -ratio(smooth(y, smoothing), a)

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


@COSTS.entry
def poisson() -> Cost:
    """Poisson cost for counts: ``sum (a - y log a)``, without log y!; ``dJ/da = 1 - y/a``.

    Targets are 0 or above. Source: McCullagh and Nelder, "Generalized linear models", 1989,
    section 2.3.
    """
    return Cost(
        name="poisson",
        J=lambda a, y: over_outputs(namespace(a, y), a - y_log(y, a)),
        da=lambda a, y: 1 - ratio(y, a),
        formula="a - y log(a)",
        derivative="1 - y/a",
        source="McCullagh and Nelder, 1989, section 2.3",
        target="count",
        outputs=("exp", "softplus", "sigmoid", "softmax"),
    )
