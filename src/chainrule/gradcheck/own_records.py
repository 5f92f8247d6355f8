"""An activation or a cost by itself: does its derivative belong to its function?

A network checks a record of the user's own when it is made; a wrong derivative is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..mathematics.activations import Activation
from ..mathematics.costs import Cost
from ..typing import Array
from .differences import EPS, STENCIL, Estimate, better, estimate
from .report import Diagnosis, Report
from .strategies.functions import check_pair
from .verdicts import TOLERANCE, WRONG, Checked, decide

RUNGS = (1.0, 2.0**-6, 2.0**-12, 2.0**5)


def check_activation(record: Activation, z: npt.ArrayLike | None = None) -> Report:
    """Check ``df`` (or ``vjp``) of an activation against its ``f``, at many z or at those given.

    On a kink any slope between those of its two sides is right. Raises ValueError if f or df
    does not keep the shape.
    """
    if not record.elementwise:
        return _mixing(record, z)
    points = _points(record) if z is None else np.asarray(z, np.float64).reshape(-1, 1)
    with np.errstate(all="ignore"):
        a = _same_shape(record, "f", record.f(points.copy()), points)
        df = _same_shape(record, "df", record.df(points.copy(), a), points)
        slopes = _slopes(record, points, a)
    verdict = decide(df, slopes.value, slopes.bar, TOLERANCE, 64 * EPS * (np.abs(df) + 1e-300))
    # f' is a number for each z: its own size is the measure, not that of the others.
    off = np.abs(df - slopes.value) > slopes.bar + 1e-6 * np.maximum(
        np.abs(df), np.abs(slopes.value)
    )
    big = np.abs(df - slopes.value) > 1e-7
    verdict = np.where(off & big & np.isfinite(slopes.bar), WRONG, verdict).astype(np.int8)
    _at_kinks(record, points, df, verdict)
    t = Checked("f'(z)", df, slopes.value, slopes.bar, verdict, parameter=points)
    report = Report(f"activation {record.name!r}", float(a[0, 0]), [t], evaluations=4 * len(points))
    if t.count(WRONG):
        worst = t.worst(1)[0]
        here = f"at z = {points.flat[worst]:.4g}"
        report.where = f"df of {record.name!r}, {here}"
        report.diagnoses = [_why(record, t, points, a)]
    return report


def _why(record: Activation, t: Checked, z: Array, a: Array) -> Diagnosis:
    wrong = t.verdict == WRONG
    df, n = t.analytic[wrong], t.numeric[wrong]
    with np.errstate(all="ignore"):
        at_a, at_z = record.df(a, record.f(a))[wrong], record.df(z, z)[wrong]
        k = float(np.vdot(df, n) / np.vdot(n, n)) if np.any(n) else 0.0
    formula = f"f' = {record.derivative}" if record.derivative else "df(z, a) must be f'(z)"
    if np.allclose(at_a, n, rtol=1e-5):
        return Diagnosis(
            "f' at a instead of z", "df", "df expects its a where it is given z.", formula
        )
    if np.allclose(at_z, n, rtol=1e-5):
        return Diagnosis(
            "f' at a instead of z", "df", "df takes a where it should take z.", formula
        )
    if np.allclose(df, k * n, rtol=1e-5) and k != 0:
        return Diagnosis("constant factor", "df", f"df is {k:.6g} × the derivative of f.", formula)
    for side, word in ((z[wrong] > 0, "positive"), (z[wrong] < 0, "negative")):
        if side.all():
            sentence = f"df is wrong for {word} z only."
            return Diagnosis("wrong slope on a kink's wrong side", "df", sentence, formula, False)
    return Diagnosis("wrong derivative", "df", "df is not the derivative of f.", formula, False)


def _points(record: Activation) -> Array:
    rng = np.random.default_rng(0)
    near = [k + s * d for k in record.kinks for s in (-1, 1) for d in (1e-6, 1e-3, 0.1)]
    spread = np.concatenate([np.linspace(-8, 8, 81) + rng.uniform(0.01, 0.09, 81), [-27.3, 24.7]])
    return np.concatenate([spread, near, record.kinks]).reshape(-1, 1)


def _same_shape(record: Any, name: str, values: Any, like: Array) -> Array:
    if np.shape(values) != like.shape:
        raise ValueError(
            f"{name} of {record.name!r} returns the shape {np.shape(values)} for {like.shape}: it "
            "must work on arrays and keep their shape"
        )
    return np.asarray(values, np.float64)


def _slopes(record: Activation, z: Array, a: Array) -> Estimate:
    h0 = 2.0**-13 * np.exp2(np.floor(np.log2(np.maximum(1.0, np.abs(z)))))
    best: Estimate | None = None
    for rung in RUNGS:
        h = rung * h0
        values = np.stack([np.asarray(record.f(z + k * h), np.float64) for k in STENCIL])
        # f rounds its value, and terms up to the size of z on the way.
        new = estimate(values, a, h, 4 * EPS * (np.abs(a) + np.minimum(np.abs(z), 1.0)))
        if best is None:
            best = new
            continue
        apart = np.abs(new.value - best.value) > new.bar + best.bar
        earlier = better(best, new)
        take = apart & (rung < 1)
        best = Estimate(
            np.where(take, new.value, earlier.value),
            np.where(take, new.bar, earlier.bar),
            earlier.kinked,
            earlier.rounding,
        )
    assert best is not None
    return best


def _at_kinks(record: Activation, z: Array, df: Array, verdict: npt.NDArray[np.int8]) -> None:
    for kink in record.kinks:
        on = z == kink
        if not on.any():
            continue
        h = 2.0**-20
        f0, right, left = (float(record.f(np.array([[kink + k]]))[0, 0]) for k in (0.0, h, -h))
        slopes = sorted(((right - f0) / h, (f0 - left) / h))
        room = 1e-4 * max(1.0, abs(slopes[0]), abs(slopes[1]))
        inside = (df >= slopes[0] - room) & (df <= slopes[1] + room)
        verdict[on] = np.where(inside[on], 0, WRONG)


def _mixing(record: Activation, z: Any) -> Report:
    rng = np.random.default_rng(0)
    z0 = rng.standard_normal((4, 3)) if z is None else np.asarray(z, np.float64)
    da = rng.standard_normal(z0.shape)
    vjp = record.vjp
    assert vjp is not None
    name = f"activation {record.name!r}"
    return check_pair(
        lambda p: float(np.sum(da * record.f(p["z"]))),
        lambda p: {"z": vjp(da, p["z"], record.f(p["z"]))},
        {"z": z0},
        find_network=lambda subject: None,
        name=name,
        progress=False,
    )


def check_cost(
    record: Cost, a: npt.ArrayLike | None = None, y: npt.ArrayLike | None = None
) -> Report:
    """Check ``da`` of a cost against its ``J``, at outputs and targets given or drawn.

    Raises ValueError if J does not give one number a sample, or da not the shape of a, or if the
    cost is not finite at any outputs that were tried (then give some).
    """
    tries = _outputs(record) if a is None or y is None else [(np.asarray(a), np.asarray(y))]
    for k, (outputs, targets) in enumerate(tries):
        try:
            with np.errstate(all="ignore"):
                J = np.asarray(record.J(outputs.copy(), targets))
                da = record.da(outputs.copy(), targets)
        except Exception as error:
            if k + 1 < len(tries):
                continue  # it may be one for a single output
            raise ValueError(
                f"cost {record.name!r} fails on outputs of shape {outputs.shape}: {error}"
            ) from error
        if J.shape != (len(outputs),):
            raise ValueError(
                f"J of cost {record.name!r} returns the shape {J.shape}: one number a sample, "
                f"({len(outputs)},), is needed; sum over axis 1, and take no mean"
            )
        _same_shape(record, "da", da, outputs)
        if np.isfinite(J).all():
            break
    else:
        raise ValueError(
            f"cost {record.name!r} is not finite at the outputs that were tried: check it by "
            "check_cost(record, a, y) with outputs of your own"
        )
    report = check_pair(
        lambda p: float(np.sum(record.J(p["a"], targets))),
        lambda p: {"a": record.da(p["a"], targets)},
        {"a": np.array(outputs, np.float64)},
        find_network=lambda subject: None,
        name=f"cost {record.name!r}",
        progress=False,
        samples=len(outputs),
    )
    if report.verdict == "wrong":
        report.where = f"da of {record.name!r}"
    return report


def _outputs(record: Cost) -> list[tuple[Array, Array]]:
    rng = np.random.default_rng(0)
    spread, inside = rng.normal(0, 2, (7, 3)), rng.uniform(0.05, 0.95, (7, 3))
    labels = np.eye(3)[rng.integers(0, 3, 7)]
    kinds = {
        "number": [(spread, rng.normal(0, 2, (7, 3))), (inside, rng.uniform(0.05, 0.95, (7, 3)))],
        "probability": [(inside, np.round(rng.uniform(0, 1, (7, 3))))],
        "count": [(np.exp(spread / 2), rng.integers(0, 6, (7, 3)).astype(float))],
        "classes": [(inside / inside.sum(axis=1, keepdims=True), labels)],
    }
    pairs = kinds[record.target] + kinds["number"]
    return pairs + [(outputs[:, :1], targets[:, :1]) for outputs, targets in pairs]


_KNOWN: dict[Any, bool] = {}


def refuse_wrong(record: Activation | Cost) -> None:
    """Raise ValueError with the report if a record's derivative is wrong; check each once."""
    if isinstance(record, Activation):
        key: Any = (record.f, record.df, record.vjp, record.kinks)
    else:
        key = (record.J, record.da, record.target)
    if _KNOWN.get(key):
        return
    report = check_activation(record) if isinstance(record, Activation) else check_cost(record)
    if report.verdict == "wrong":
        kind = "activation" if isinstance(record, Activation) else "cost"
        raise ValueError(
            f"the derivative of your own {kind} {record.name!r} is wrong: mend it\n{report}"
        )
    if len(_KNOWN) > 1000:
        _KNOWN.clear()
    _KNOWN[key] = True
