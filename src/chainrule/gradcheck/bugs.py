"""The table of mistakes: each with what it does to a backward pass, and how it should have been.

A mistake is a small change to one step of the right backward pass of one layer (or of all). Running
the pass with it gives the gradient that somebody would get who made it; if that is the
gradient in hand, the diagnosis is certain. A new mistake is one more entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..mathematics.activations import Activation
from .model import Link, Model, dz_of

Array = npt.NDArray[np.float64]


@dataclass(slots=True)
class Step:
    """One layer of a backward pass while it is worked out; a mistake changes what it holds."""

    model: Model
    l: int
    link: Link
    da: Array
    z: Array
    a: Array
    a_prev: Array
    dz: Array = field(default_factory=lambda: np.empty(0))
    dW: Array | None = None
    db: Array | None = None
    da_prev: Array = field(default_factory=lambda: np.empty(0))

    @property
    def top(self) -> bool:
        """Whether this is the last layer."""
        return self.l == len(self.model.links)

    @property
    def m(self) -> int:
        """The number of samples."""
        return len(self.z)

    def again(self) -> None:
        """Work out everything after dz anew."""
        if self.link.W is None:
            self.da_prev = self.dz
        else:
            self.dW = self.dz.T @ self.a_prev
            self.da_prev = self.dz @ self.link.W
        self.db = None if self.link.b is None else self.dz.sum(axis=0)

    def slope(self, z: Array) -> Array:
        """f'(z) of this layer."""
        found: Array = self.link.f.df(z, self.link.f.f(z))
        return found

    def penalty(self) -> Array:
        """The penalty's part of dW."""
        W = self.link.W
        assert W is not None
        found: Array = self.model.l2 * W + self.model.l1 * np.sign(W)
        return found


# Changes a step; False where the mistake cannot be made there.
Change = Callable[[Step], bool]


@dataclass(frozen=True, slots=True)
class Bug:
    """One mistake. ``sentence`` and ``formula`` are filled with the owner's names.

    ``stage``: ``"dz"`` changes come before dW, db and da_prev are worked out from dz, ``"out"`` ones
    after, ``"penalty"`` ones once penalties were added. ``change`` may be several variants. ``only_top``:
    made where the cost meets the last layer.
    """

    name: str
    sentence: str
    formula: str
    stage: str
    changes: Sequence[Change]
    only_top: bool = False
    everywhere: bool = True


def backward(model: Model, bug: Bug | None = None, change: Change | None = None, at: int = 0) -> Any:
    """Run the right backward pass, or one with a mistake at layer ``at`` (0: every layer).

    -1: every hidden layer. Returns (gradients keyed W1, b1, ..., x; whether the mistake could be made anywhere).
    """
    found: dict[str, Array] = {}
    da, made = model.top(), False
    for l in range(len(model.links), 0, -1):
        link = model.links[l - 1]
        if link.mask is not None and l < len(model.links):
            da = da * link.mask
        step = Step(model, l, link, da, model.z[l - 1], model.a[l], model.a_prev(l))
        step.dz = dz_of(da, step.z, step.a, link.f)
        here = bug is not None and _made_here(bug, step, at)
        if here and bug is not None and change is not None and bug.stage == "dz":
            made = change(step) or made
        step.again()
        if here and bug is not None and change is not None and bug.stage == "out":
            made = change(step) or made
        if step.dW is not None and (model.l1 or model.l2):
            step.dW = step.dW + step.penalty()
        if here and bug is not None and change is not None and bug.stage == "penalty":
            made = change(step) or made
        if step.dW is not None:
            found[f"W{l}"] = step.dW
        if step.db is not None:
            found[f"b{l}"] = step.db
        da = step.da_prev
    found["x"] = da
    return found, made


def _made_here(bug: Bug, step: Step, at: int) -> bool:
    if bug.only_top:
        return step.top
    return at in (0, step.l) or (at == -1 and not step.top)


def _times(factor: Callable[[Step], float]) -> Change:
    def change(s: Step) -> bool:
        k = factor(s)
        s.dz = s.dz * k
        return k != 1

    return change


def _dz(new: Callable[[Step], Any]) -> Change:
    def change(s: Step) -> bool:
        with np.errstate(all="ignore"):
            found = new(s)
        if found is None or np.shape(found) != s.dz.shape:
            return False
        s.dz = np.asarray(found)
        return True

    return change


def _set(name: str, new: Callable[[Step], Any]) -> Change:
    def change(s: Step) -> bool:
        old = getattr(s, name)
        if old is None:
            return False
        with np.errstate(all="ignore"):
            found = new(s)
        if found is None or np.shape(found) != np.shape(old):
            return False
        setattr(s, name, np.asarray(found))
        return True

    return change


def _smooth(f: Activation) -> bool:
    return f.name != "identity"


def _argument(s: Step, z: Any) -> Any:
    return s.da * s.slope(z) if _smooth(s.link.f) and s.link.f.elementwise else None


# What people write for f' in terms of a, and then give z.
_IN_A: Mapping[str, Callable[[Array], Array]] = {
    "sigmoid": lambda a: a * (1 - a),
    "tanh": lambda a: 1 - a * a,
}


def _in_a(s: Step) -> Any:
    form = _IN_A.get(s.link.f.name)
    return None if form is None else s.da * form(s.z)


def _in_a_twice(s: Step) -> Any:
    form = _IN_A.get(s.link.f.name)
    return None if form is None else s.da * form(s.link.f.f(s.a))


def _others(s: Step) -> Iterator[Array]:
    """What a stale z may be: that of other samples, other layers, before the bias was added."""
    yield np.roll(s.z, 1, axis=0)
    yield np.roll(s.z, -1, axis=0)
    yield s.z[::-1]
    yield np.repeat(s.z[-1:], len(s.z), axis=0)
    yield np.repeat(s.z[:1], len(s.z), axis=0)
    if s.link.b is not None:
        yield s.z - s.link.b
    for z in s.model.z:
        if z is not s.z and z.shape == s.z.shape:
            yield z
    if s.a_prev.shape == s.z.shape:
        yield s.a_prev


def _stale(k: int) -> Change:
    def new(s: Step) -> Any:
        z = dict(enumerate(_others(s))).get(k)
        if z is None or np.array_equal(z, s.z):
            return None
        return _argument(s, z)

    return _dz(new)


def _sides(s: Step, new: Callable[[Array], Any]) -> Any:
    f = s.link.f
    return s.da * new(s.z) if f.kinks or f.name == "elu" else None


def _flat_slope(slope: float) -> Change:
    def new(s: Step) -> Any:
        return _sides(s, lambda z: np.where(z > 0, s.slope(z), slope))

    return _dz(new)


def _cost_sides(s: Step) -> Any:
    """The cost's slope of the wrong side: of the other sign for a < y."""
    cost = s.model.cost
    if cost is None or cost.name not in ("absolute_error", "quantile", "huber"):
        return None
    da = s.model.top()
    return dz_of(np.abs(da), s.z, s.a, s.link.f)


def _a_minus_y(scale: Callable[[Step], float]) -> Change:
    def new(s: Step) -> Any:
        if s.model.cost is None or s.model.y is None:
            return None
        return (s.a - s.model.y) * s.model.shares[:, None] * scale(s)

    return _dz(new)


def _stopped_cut(s: Step) -> Any:
    """huber's slope without its cut, absolute error's without its sign: a - y again."""
    if s.model.cost is None or s.model.y is None or not s.model.cost.kinks:
        return None
    return dz_of((s.a - s.model.y) * s.model.shares[:, None], s.z, s.a, s.link.f)


def _count(s: Step) -> float:
    return float(s.m * s.z.shape[1])


BUGS: Sequence[Bug] = (
    Bug(
        "missing 1/m",
        "the factor 1/m is missing: J is a mean over {m} samples, and the gradient a sum.",
        "dz{L} = (1/m) × what it is now; from there on the chain rule alone",
        "dz",
        (_times(lambda s: s.m), _times(_count), _times(lambda s: s.z.shape[1])),
        only_top=True,
    ),
    Bug(
        "doubled 1/m",
        "the factor 1/m is there twice: the gradient is {m} times too small.",
        "d{W} = {dW}, without a further / m: 1/m is in dz{L} already",
        "dz",
        (_times(lambda s: 1 / s.m), _times(lambda s: 1 / _count(s))),
        only_top=True,
    ),
    Bug(
        "sign",
        "the sign is turned around.",
        "dz{l} = {dz}: the derivative of J, not of -J",
        "dz",
        (_times(lambda s: -1.0),),
    ),
    Bug(
        "factor 2",
        "a factor 2 is too many or missing.",
        "dz{l} = {dz}: J's own factor (1/2 of a square, or its 2) belongs in dJ/da once",
        "dz",
        (_times(lambda s: 2.0), _times(lambda s: 0.5)),
    ),
    Bug(
        "a - y with the wrong cost",
        "dz{L} = a - y belongs to sigmoid with logistic cost, softmax with cross-entropy and identity "
        "with squared error; here {f} goes with {cost}.",
        "dz{L} = dJ/da{L} * f'(z{L}), f' = {df}, dJ/da = {dJ}",
        "dz",
        (
            _a_minus_y(lambda s: 1.0),
            _a_minus_y(lambda s: 2.0),
            _a_minus_y(lambda s: 1 / float(s.model.shares[0]) / s.m),
            _dz(_stopped_cut),
        ),
        only_top=True,
    ),
    Bug(
        "softmax treated as elementwise",
        "softmax of layer {l} is treated as if each output depended on its own z alone.",
        "dz{l} = a{l} * (da{l} - sum over units of da{l} * a{l})",
        "dz",
        (_dz(lambda s: s.da * s.a * (1 - s.a) if not s.link.f.elementwise else None),),
    ),
    Bug(
        "f' missing",
        "f'(z{l}) is missing: da{l} is passed on as if it were dz{l}.",
        "dz{l} = da{l} * f'(z{l}), f' = {df} for {f}",
        "dz",
        (_dz(lambda s: s.da if _smooth(s.link.f) else None),),
    ),
    Bug(
        "f' at a instead of z",
        "f' of layer {l} is taken at the wrong one of a and z.",
        "dz{l} = da{l} * f'(z{l}), f' = {df} for {f}: f' is a function of z; a{l} only in the form "
        "that is written in a",
        "dz",
        (_dz(lambda s: _argument(s, s.a)), _dz(_in_a), _dz(_in_a_twice)),
    ),
    Bug(
        "wrong slope on a kink's wrong side",
        "the slope of {f} is wrong on one side of its kink.",
        "dz{l} = da{l} * f'(z{l}), f' = {df}",
        "dz",
        (
            _dz(lambda s: _sides(s, lambda z: s.slope(-z))),
            *(_flat_slope(slope) for slope in (0.0, 0.01, 0.1, 0.2, 0.3, -1.0)),
            _dz(lambda s: _sides(s, lambda z: np.where(s.da > 0, 1.0, 0.0))),
            _dz(lambda s: _sides(s, lambda z: np.where(z > 0, 1.0, 0.0) * (s.da > 0))),
            _dz(_cost_sides),
        ),
    ),
    Bug(
        "stale z",
        "f' of layer {l} is taken at another z: of other samples, of another layer or from before "
        "a change.",
        "dz{l} = da{l} * f'(z{l}), with the z{l} that this forward pass cached",
        "dz",
        tuple(_stale(k) for k in range(12)),
    ),
    Bug(
        "W transposed",
        "{W} is not transposed where dJ/da{p} is passed down (or is where it should not be).",
        "da{p} = {da_prev}",
        "out",
        (_set("da_prev", lambda s: _through_transposed(s)),),
    ),
    Bug(
        "dW transposed",
        "the gradient of {W} is transposed.",
        "d{W} = {dW}",
        "out",
        (_set("dW", lambda s: None if s.dW is None else s.dW.T),),
    ),
    Bug(
        "z instead of a",
        "d{W} is worked out with z{p} where it takes a{p}.",
        "d{W} = {dW}",
        "out",
        (_set("dW", lambda s: None if s.l == 1 else s.dz.T @ s.model.z[s.l - 2]),),
    ),
    Bug(
        "a of the wrong layer",
        "d{W} is worked out with a{l} where it takes a{p}.",
        "d{W} = {dW}",
        "out",
        (_set("dW", lambda s: s.dz.T @ s.a),),
    ),
    Bug(
        "bias averaged",
        "the gradient of {b} is averaged over the samples and not summed: 1/m is in dz{l} already.",
        "d{b} = {db}",
        "out",
        (_set("db", lambda s: s.dz.mean(axis=0)),),
    ),
    Bug(
        "bias summed over the wrong axis",
        "the gradient of {b} is summed over the wrong axis.",
        "d{b} = {db}",
        "out",
        (
            _set("db", lambda s: s.dz.sum(axis=1)),
            _set("db", lambda s: np.full(s.dz.shape[1], s.dz.sum())),
            _set("db", lambda s: s.dz.mean(axis=1)),
        ),
    ),
    Bug(
        "bias not summed",
        "the gradient of {b} is that of one sample: it is not summed over the samples.",
        "d{b} = {db}",
        "out",
        (
            _set("db", lambda s: s.dz[0]),
            _set("db", lambda s: s.dz[-1]),
            _set("db", lambda s: np.full(s.dz.shape[1], s.dz[0, 0])),
        ),
    ),
    Bug(
        "gradient missing",
        "the gradient of {b} is 0: it was left out.",
        "d{b} = {db}",
        "out",
        (_set("db", lambda s: np.zeros(s.dz.shape[1])),),
    ),
    Bug(
        "gradient missing",
        "the gradient of {W} is 0: it was left out.",
        "d{W} = {dW}",
        "out",
        (_set("dW", lambda s: None if s.dW is None else np.zeros(s.dW.shape)),),
    ),
    Bug(
        "doubled 1/m",
        "d{W} is divided by m = {m} once more: 1/m is in dz{l} already.",
        "d{W} = {dW}, without a further / m",
        "out",
        (_set("dW", lambda s: None if s.dW is None else s.dW / s.m),),
    ),
    Bug(
        "missing 1/m",
        "the factor 1/m is missing in d{W} alone.",
        "d{W} = {dW}, with the 1/m that is in dz{l}",
        "out",
        (_set("dW", lambda s: None if s.dW is None else s.dW * s.m),),
    ),
    Bug(
        "sign",
        "the sign of d{W} is turned around.",
        "d{W} = {dW}",
        "out",
        (_set("dW", lambda s: None if s.dW is None else -s.dW),),
    ),
    Bug(
        "sign",
        "the sign of d{b} is turned around.",
        "d{b} = {db}",
        "out",
        (_set("db", lambda s: None if s.db is None else -s.db),),
    ),
    Bug(
        "factor 2",
        "a factor 2 is too many or missing in d{W}.",
        "d{W} = {dW}",
        "out",
        tuple(_set("dW", lambda s, k=k: None if s.dW is None else k * s.dW) for k in (2.0, 0.5)),
    ),
    Bug(
        "penalty missing",
        "the penalty is in J and not in the gradient of {W}.",
        "d{W} = {dW} + {penalty}",
        "penalty",
        (_set("dW", lambda s: _penalised(s, 0.0)),),
    ),
    Bug(
        "penalty factor",
        "the penalty's gradient of {W} has a wrong factor.",
        "d{W} = {dW} + {penalty}",
        "penalty",
        tuple(
            _set("dW", lambda s, k=k: _penalised(s, k(s)))
            for k in (lambda s: 2.0, lambda s: 0.5, lambda s: 1 / s.m, lambda s: s.m, lambda s: -1.0)
        ),
    ),
    Bug(
        "penalty on biases",
        "the penalty is put on {b} too, and J has it on the weights only.",
        "d{b} = {db}, without a penalty",
        "penalty",
        (
            _set("db", lambda s: _biased(s, s.model.l2, 0.0)),
            _set("db", lambda s: _biased(s, 0.0, s.model.l1)),
            _set("db", lambda s: _biased(s, s.model.l2, s.model.l1)),
        ),
    ),
)


def _through_transposed(s: Step) -> Any:
    if s.link.W is None or s.link.W.shape[0] != s.link.W.shape[1]:
        return None
    return s.dz @ s.link.W.T


def _penalised(s: Step, factor: float) -> Any:
    if s.dW is None or (s.model.l1 == 0 and s.model.l2 == 0):
        return None
    return s.dW + (factor - 1) * s.penalty()


def _biased(s: Step, l2: float, l1: float) -> Any:
    if s.db is None or s.link.b is None or (l1 == 0 and l2 == 0):
        return None
    return s.db + l2 * s.link.b + l1 * np.sign(s.link.b)
