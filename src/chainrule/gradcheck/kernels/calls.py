"""A backward pass as autograd will call it: other layouts, twice, doubled, with zeros or nothing.

Every way is compared with the plain one, so that no reference is needed: the numbers must be the
same, doubled, or zero, within rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ...typing import Array
from ..report import Part
from ..verdicts import RIGHT, WRONG
from .arguments import Arguments
from .bars import sizes_of
from .blocks import in_blocks, rows_of
from .frameworks import Linear
from .passes import Pass, linearise

ROUNDING = 8.0
# Above this number of entries arrays are laid out in one other way, not in all.
LARGE = 2**22


@dataclass(frozen=True, slots=True)
class Calls:
    """A function with its plain pass, to be called in every other way."""

    arguments: Arguments
    function: Callable[..., Any]
    plain: Pass
    upstream: Sequence[Any]
    scatter: Sequence[Array | None]

    def fresh(self, arguments: Arguments | None = None, watch: bool = False) -> Linear:
        """Run the forward pass once more."""
        return linearise(arguments or self.arguments, self.function, watch)

    def layouts(self, arrays: Sequence[Any]) -> dict[str, list[Any]]:
        """Return these arrays laid out otherwise, by word; large ones in one other way only."""
        ways: dict[str, list[Any]] = {}
        for i, array in enumerate(arrays):
            for word, other in self.arguments.framework.layouts(array):
                ways.setdefault(word, list(arrays))[i] = other
        large = sum(g.size for g in self.plain.gradients) > LARGE
        return dict(list(ways.items())[: 1 if large else None])

    def pulled(self, linear: Linear) -> list[Any]:
        """Run the plain backward pass, on copies of the upstream gradients."""
        return linear.pull([1 * u for u in self.upstream])

    def difference(self, gradients: Sequence[Any], wanted: Sequence[Any], times: float = 1) -> str:
        """Say how gradients differ from those wanted; "" if they do not."""
        library = self.arguments.framework
        for i, name in enumerate(self.arguments.names):
            g, w = gradients[i], wanted[i]
            if (g is None and w is None) or (
                g is not None and library.equal(g, 0 * g if w is None else w)
            ):
                continue
            shape = tuple(self.arguments.arrays[i].shape)
            one, other = (np.zeros(shape) if x is None else library.numbers(x) for x in (g, w))
            room = replace(self._room(i), times=times)
            sentence = difference_of(f"the gradient of {name}", one, other, room)
            if sentence:
                return sentence
        return ""

    def _room(self, i: int) -> Room:
        """How far apart two right calls can be: rounding of each entry, and the scatter."""
        return Room(self.arguments.framework.eps(self.arguments.arrays[i]), self.scatter[i])


@dataclass(frozen=True, slots=True)
class Room:
    """How far rounding in another order can take the entries of an array, and its scatter."""

    eps: float
    spread: Array | None = None
    times: float = 1

    def off(self, values: Array, wanted: Array) -> npt.NDArray[np.bool_]:
        """Return which entries of an array are further off than that."""
        sizes, off = sizes_of(wanted), np.empty(values.shape, np.bool_)
        rows, v, w = rows_of(off), rows_of(values), rows_of(wanted)
        spread = None if self.spread is None else rows_of(self.spread)

        def fill(part: slice) -> None:
            with np.errstate(invalid="ignore"):
                gap = np.abs(v[part] - w[part])
                room = sizes.at(part) + np.abs(np.nan_to_num(w[part]))
                room *= ROUNDING * self.eps * self.times
                room += 0.0 if spread is None else 2 * self.times * spread[part]
                rows[part] = ~(gap <= room) & (v[part] != w[part])
                rows[part] &= ~(np.isnan(v[part]) & np.isnan(w[part]))

        in_blocks(fill, off)
        return off


def difference_of(name: str, values: Array, wanted: Array, room: Room) -> str:
    """Say in how many entries an array differs from the one wanted, and the worst of them."""
    off = room.off(values, wanted)
    if not off.any():
        return ""
    with np.errstate(invalid="ignore"):
        gap = np.where(off, np.nan_to_num(np.abs(values - wanted), nan=np.inf), -1)
    i = int(np.argmax(gap))
    place = [int(k) for k in np.unravel_index(i, values.shape)]
    return (
        f"{name} differs in {np.count_nonzero(off)} of {values.size} entries, "
        f"at {place} {values.flat[i]:.6g} for {wanted.flat[i]:.6g}"
    )


# What is said of one way to call: its name, "" or how it differs, and the mend.
Line = tuple[str, str, str]
CONTIGUOUS = "call .contiguous(), or pass the strides on to the kernel"


def upstream_layouts(calls: Calls) -> Iterator[Line]:
    """Upstream gradients of other strides, and of stride 0 as ``sum`` gives."""
    library = calls.arguments.framework
    linear = calls.fresh()
    for word, upstream in calls.layouts(calls.upstream).items():
        sentence = calls.difference(linear.pull(upstream), calls.plain.raw)
        yield f"upstream gradient {word}", sentence, CONTIGUOUS
    spread = [library.spread(u) for u in calls.upstream]
    dense = [library.like(u, np.ones(tuple(u.shape))) for u in calls.upstream]
    sentence = calls.difference(linear.pull(spread), linear.pull(dense))
    yield "upstream gradient of stride 0 (from sum)", sentence, CONTIGUOUS


def linearity(calls: Calls) -> Iterator[Line]:
    """A backward pass is linear in the upstream gradient: doubled it doubles, with 0 it is 0."""
    linear = calls.fresh()
    doubled = linear.pull([2 * u for u in calls.upstream])
    sentence = calls.difference(doubled, [None if g is None else 2 * g for g in calls.plain.raw], 2)
    mend = "each term must hold the upstream gradient exactly once"
    if sentence and not calls.difference(doubled, calls.plain.raw):
        sentence = "the gradients are the same, so the upstream gradient is left out"
    yield "upstream gradient doubled", sentence, mend
    nothing = linear.pull([0 * u for u in calls.upstream])
    sentence = calls.difference(nothing, [None] * len(nothing), 0)
    yield "upstream gradient zero", sentence, mend


def outputs_alone(calls: Calls) -> Iterator[Line]:
    """Every output alone: its part is the same whether the others give None or zeros."""
    count = len(calls.upstream)
    if count < 2:
        return
    total: list[Any] = [None] * len(calls.plain.raw)
    mend = "give every output's upstream gradient its part, and take None for 0"
    linear = calls.fresh()
    for i in range(count):
        alone = linear.pull([u if i == k else None for k, u in enumerate(calls.upstream)])
        zeros = linear.pull([u if i == k else 0 * u for k, u in enumerate(calls.upstream)])
        sentence = calls.difference(alone, zeros)
        yield f"output {i} alone, None for the others", sentence, mend
        total = [
            a if t is None else t if a is None else t + a for t, a in zip(total, alone, strict=True)
        ]
    sentence = calls.difference(total, calls.plain.raw, count)
    yield "the outputs one by one, added up", sentence, mend


def twice(calls: Calls) -> Iterator[Line]:
    """A second backward pass through the same graph gives the same; nothing was written to."""
    library = calls.arguments.framework
    linear = calls.fresh(watch=True)
    copies = [1 * u for u in calls.upstream]
    linear.pull(copies)
    names = [
        calls.arguments.names[int(w.split()[1])] if w.startswith("input ") else w
        for w in linear.altered()
    ]
    sentence = f"{', '.join(names)} has other values after the backward pass" if names else ""
    yield "inputs and saved arrays unchanged", sentence, "work on a copy, not in place"
    changed = [
        k
        for k, (c, u) in enumerate(zip(copies, calls.upstream, strict=True))
        if not library.equal(c, u)
    ]
    sentence = f"the upstream gradient of output {changed[0]} was written to" if changed else ""
    yield "upstream gradient unchanged", sentence, "work on a copy, not in place"
    sentence = calls.difference(calls.pulled(linear), calls.plain.raw)
    yield "backward twice", sentence, "keep what the forward pass saved as it is"


def input_layouts(calls: Calls) -> Iterator[Line]:
    """Inputs of other strides: outputs and gradients stay the same.

    Left out where random numbers are drawn: masks follow the order in memory.
    """
    arguments, library = calls.arguments, calls.arguments.framework
    calls.fresh()
    if library.drawn():
        return
    for word, arrays in calls.layouts(arguments.arrays).items():
        linear = calls.fresh(arguments.moved(arrays))
        sentence = ""
        for k, out in enumerate(linear.outputs):
            if not library.equal(out, calls.plain.linear.outputs[k]):
                wanted = calls.plain.outputs[k]
                room = Room(library.eps(out))
                sentence = sentence or difference_of(
                    f"output {k}", library.numbers(out), wanted, room
                )
        sentence = sentence or calls.difference(calls.pulled(linear), calls.plain.raw)
        yield f"inputs {word}", sentence, CONTIGUOUS


WAYS: Sequence[Callable[[Calls], Iterator[Line]]] = (
    upstream_layouts,
    linearity,
    outputs_alone,
    twice,
    input_layouts,
)


def call_parts(calls: Calls, right: bool = True) -> list[Part]:
    """Return one line for each way to call the backward pass, right or wrong.

    ``right``: whether the plain way is right.
    """
    parts, head = [], "wrong so, right otherwise" if right else "not as in the plain call"
    for way in WAYS:
        lines = way(calls)
        try:
            for name, sentence, mend in lines:
                parts.append(
                    Part(name, WRONG, f"{head}: {sentence}; {mend}")
                    if sentence
                    else Part(name, RIGHT)
                )
        except Exception as error:  # whatever somebody's backward raises when called so
            first = (str(error).strip().splitlines() or ["no message"])[0]
            what = (way.__doc__ or "").split(":")[0].lower().rstrip(".")
            parts.append(Part(what, WRONG, f"raised {type(error).__name__}: {first}"))
    return parts
