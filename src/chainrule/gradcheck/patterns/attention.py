"""Attention: queries, keys and values among the parameters, and what its backward passes get wrong.

``S = Q K^T / sqrt(d)``, ``P = softmax(S + mask)``, ``O = P V``. With dO coming in,
``dV = P^T dO``, ``dP = dO V^T``, ``dS = P (dP - D)``, D the sum of P dP over the keys, and
``dQ = dS K / sqrt(d)``, ``dK = dS^T Q / sqrt(d)``. dO is the upstream gradient, or solved for from
the numerical dV. Each mistake is then made on purpose.
Sources: Vaswani et al., 2017, section 3.2.1; Dao et al., "FlashAttention", 2022, appendix B. Cases:
triton#7216 and #5660, TransformerEngine#3216, flash-sparse-attention#203.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...typing import Array
from ..verdicts import WRONG, Checked
from .evidence import Evidence, Finding, Pattern, known
from .structure import same


@dataclass(frozen=True, slots=True)
class Attention:
    """Heads of attention: q (..., T, d), k (..., S, d), v (..., S, e), the scale and the mask."""

    q: Array
    k: Array
    v: Array
    scale: float
    causal: bool

    def P(self, causal: bool | None = None) -> Array:
        """Return the weights (..., T, S); ``causal`` overrides the mask."""
        S = self.scale * self.q @ np.swapaxes(self.k, -1, -2)
        if self.causal if causal is None else causal:
            S = np.where(np.tri(*S.shape[-2:]) > 0, S, -np.inf)
        P = np.exp(S - S.max(axis=-1, keepdims=True))
        weights: Array = P / P.sum(axis=-1, keepdims=True)
        return weights

    def backward(self, dO: Array, P: Array, D: Array | float | None = None) -> tuple[Array, ...]:
        """Return (dq, dk, dv); ``D`` overrides the sum in softmax's Jacobian."""
        dP = dO @ np.swapaxes(self.v, -1, -2)
        D = (P * dP).sum(axis=-1, keepdims=True) if D is None else D
        dS = self.scale * P * (dP - D)
        return dS @ self.k, np.swapaxes(dS, -1, -2) @ self.q, np.swapaxes(P, -1, -2) @ dO


def attention(t: Checked, evidence: Evidence) -> Finding | None:
    """Find the attention that the numerical gradients fit, and the mistake that gives t's."""
    if t.parameter is None or not t.count(WRONG):
        return None
    for roles in _roles(evidence):
        if not any(other is t for other in roles):
            continue
        index = next(i for i, other in enumerate(roles) if other is t)
        if _group(roles[0].shape, roles[1].shape) > 1:
            continue
        for model, dO in _models(roles, evidence):
            right = model.backward(dO, model.P())
            numeric = [other.numeric for other in roles]
            if not all(same(r, n, o) for r, n, o in zip(right, numeric, roles, strict=True)):
                continue
            for bug, sentence, formula, gradients in _mistakes(model, dO):
                if same(gradients[index], t.analytic, t):
                    return bug, sentence.format(t.name), formula
    return None


def _roles(evidence: Evidence) -> Iterator[tuple[Checked, Checked, Checked]]:
    """Yield (q, k, v): the arrays so named, or the only three of the check in this order."""
    arrays = [t for t in evidence.tensors if t.parameter is not None and known(t).all()]
    named = [t for c in "qkv" for t in arrays if t.name.lower().startswith(c)]
    for q, k, v in [candidate for candidate in (named, arrays) if len(candidate) == 3]:
        if min(q.analytic.ndim, k.analytic.ndim, v.analytic.ndim) < 2:
            continue
        heads = k.shape[:-2] == v.shape[:-2] and (
            q.shape[:-2] == k.shape[:-2] or _group(q.shape, k.shape) > 1
        )
        if heads and q.shape[-1] == k.shape[-1] and k.shape[-2] == v.shape[-2]:
            yield q, k, v


def _group(q: tuple[int, ...], k: tuple[int, ...]) -> int:
    """How many query heads share a key head; 0 if they do not."""
    if len(q) < 3 or len(q) != len(k) or q[:-3] != k[:-3] or q[-3] % k[-3]:
        return 0
    return q[-3] // k[-3]


def _folds(group: int) -> Iterator[tuple[str, Callable[[Array], Array]]]:
    """Yield how the gradients of query heads come to a key head, the right way first."""

    def grouped(d: Array) -> Array:
        return d.reshape(*d.shape[:-3], d.shape[-3] // group, group, *d.shape[-2:])

    yield "", lambda d: grouped(d).sum(axis=-3)
    yield (
        "the heads are grouped in another order in d{}: head i of k belongs to the query heads "
        "i * g to i * g + g - 1, and not to every so many.",
        lambda d: d.reshape(*d.shape[:-3], group, d.shape[-3] // group, *d.shape[-2:]).sum(-4),
    )
    yield (
        "of each group of query heads only the last is in d{}: it overwrites those before.",
        lambda d: grouped(d)[..., -1, :, :],
    )
    yield (
        "of each group of query heads only the first is in d{}.",
        lambda d: grouped(d)[..., 0, :, :],
    )
    yield (
        "the query heads of a group are averaged in d{}, not added.",
        (lambda d: grouped(d).mean(axis=-3)),
    )


def grouped_heads(t: Checked, evidence: Evidence) -> Finding | None:
    """Several query heads share a key head: what its gradient lacks is read from those of all."""
    dO = evidence.upstream
    if t.parameter is None or not t.count(WRONG) or dO is None:
        return None
    for roles in _roles(evidence):
        group = _group(roles[0].shape, roles[1].shape)
        index = next((i for i, other in enumerate(roles) if other is t), 0)
        q, k, v = (np.asarray(other.parameter) for other in roles)
        if group < 2 or index == 0 or dO.shape != (*q.shape[:-1], v.shape[-1]):
            continue
        for causal in (False, True) if q.shape[-2] == k.shape[-2] else (False,):
            wide_k, wide_v = (np.repeat(x, group, axis=-3) for x in (k, v))
            model = Attention(q, wide_k, wide_v, q.shape[-1] ** -0.5, causal)
            d = model.backward(dO, model.P())[index]
            (_, right), *wrong = _folds(group)
            if not same(right(d), t.numeric, t):
                continue
            for sentence, fold in wrong:
                if same(fold(d), t.analytic, t):
                    formula = f"d{t.name} = the sum over the query heads of its group"
                    return "grouped heads", sentence.format(t.name), formula
    return None


def _models(
    roles: tuple[Checked, Checked, Checked], evidence: Evidence
) -> Iterator[tuple[Attention, Array]]:
    q, k, v = (np.asarray(t.parameter) for t in roles)
    square = q.shape[-2] == k.shape[-2]
    for causal in (False, True) if square else (False,):
        for scale in (q.shape[-1] ** -0.5, 1.0):
            model = Attention(q, k, v, scale, causal)
            dO = _upstream(model, roles[2].numeric, evidence)
            if dO is not None:
                yield model, dO


def _upstream(model: Attention, dv: Array, evidence: Evidence) -> Array | None:
    P = model.P()
    shape = (*P.shape[:-1], dv.shape[-1])
    if evidence.upstream is not None and evidence.upstream.shape == shape:
        return evidence.upstream
    if P.shape[-2] != P.shape[-1] or np.max(np.linalg.cond(P)) > 1e8:
        return None
    dO: Array = np.linalg.solve(np.swapaxes(P, -1, -2), dv)
    return dO


Mistaken = tuple[str, str, str, tuple[Array, ...]]
RIGHT = "dS = P * (dP - sum(P * dP, axis=-1)), dQ = dS K / √d, dK = dS.T Q / √d"
MASKED = "P in the backward pass with the mask of the forward pass"


def _mistakes(model: Attention, dO: Array) -> Iterator[Mistaken]:
    """Yield each mistake: its name, its sentence, the right formula, and what it makes of q, k, v.

    Where v is not concerned its gradient is 0 here, which fits none.
    """
    P, root = model.P(), model.q.shape[-1] ** 0.5
    dq, dk, dv = model.backward(dO, P)
    none = np.zeros_like(dv)
    yield from _sums(model, dO, P, none)
    if model.causal:
        yield (
            "mask missing", "the causal mask of the forward pass is missing from d{}.", MASKED,
            model.backward(dO, model.P(causal=False)),
        )  # fmt: skip
        yield (
            "mask off by one", "the causal mask leaves out the diagonal too in d{}: it is off by "
            "one.", MASKED, model.backward(dO, np.tril(P, -1)),
        )  # fmt: skip
    yield "1/√d", "1/√d is missing from d{}.", RIGHT, (dq * root, dk * root, none)
    yield "1/√d", "1/√d is in d{} twice.", RIGHT, (dq / root, dk / root, none)
    if P.shape[-1] == P.shape[-2]:
        dP = dO @ np.swapaxes(model.v, -1, -2)
        dS = model.scale * P * (dP - (P * dP).sum(axis=-1, keepdims=True))
        turned = np.swapaxes(dS, -1, -2) @ model.k, dS @ model.q, P @ dO
        yield "transposed weights", "dS, or P for V, is transposed in d{}.", RIGHT, turned


def _sums(model: Attention, dO: Array, P: Array, none: Array) -> Iterator[Mistaken]:
    """The sum D in softmax's Jacobian is missing, of another thing, or all but the diagonal is."""
    dP = dO @ np.swapaxes(model.v, -1, -2)
    for D, words in (
        (0.0, "is missing from d{}."),
        (1.0, "is that of P alone, which is 1, in d{}: it is that of P * dP."),
        (dP.sum(axis=-1, keepdims=True), "is taken without the weights P in d{}."),
    ):
        sentence = f"the sum over the keys in softmax's Jacobian (D) {words}"
        yield "softmax's sum", sentence, RIGHT, (*model.backward(dO, P, D)[:2], none)
    yield (
        "softmax treated as elementwise",
        "softmax is treated as if each weight depended on its own score alone, in d{}.",
        RIGHT, (*_elementwise(model, dO, P), none),
    )  # fmt: skip


def _elementwise(model: Attention, dO: Array, P: Array) -> tuple[Array, Array]:
    dS = model.scale * P * (1 - P) * (dO @ np.swapaxes(model.v, -1, -2))
    return dS @ model.k, np.swapaxes(dS, -1, -2) @ model.q


ATTENTION: Sequence[Pattern] = (attention, grouped_heads)
