"""Where a gradient is wrong, and why.

With the network known (a ``Network``, or one found inside a user's cost), each mistake of the table
is made on purpose, in one layer or all; the one whose gradient is the gradient in hand is the
diagnosis. Otherwise the pattern of the error is read: see ``patterns``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..model import Model
from ..typing import Array
from .chain import chain_of
from .cost_functions import Subject
from .diagnosis_text import fill
from .mistakes.backward import Edit, Mistake, backward
from .mistakes.table import MISTAKES
from .patterns.entries import few_entries, from_patterns, precision_only
from .patterns.evidence import Evidence
from .perturbation import Perturbation
from .report_record import Diagnosis, ReportRecord
from .traces.changes import diagnose_program
from .traces.steps import Program
from .user_network.identification import identify
from .user_network.model import UserLayer, UserNetwork, number_of
from .verdicts import UNCHECKED, WRONG, Checked

FITS = 1e-6
# Patterns that say how an error looks, and not what was forgotten.
LOOKS = ("constant factor", "factor 2", "a factor for each line", "whole rows", "approximation")
# Mistakes in a program of which a factor says more.
AMOUNTS = ("part of the other sign", "counted twice", "by half")
FindProgram = Callable[[], Program | None]


def diagnose(
    report: ReportRecord,
    model: UserNetwork | None,
    samples: int | None = None,
    X: Array | None = None,
    upstream: Array | None = None,
    program: FindProgram | None = None,
) -> None:
    """Fill in ``where`` and ``diagnoses`` of a report that has wrong entries.

    ``X``: the data as they are given, where they are known; the network's own if there is one.
    ``upstream``: dJ/d(output) where that is known. ``program()`` returns the record of the
    program's operations, or None.
    """
    with np.errstate(all="ignore"):
        _diagnose(report, model, Evidence(report.tensors, samples, X, upstream), program)


def _diagnose(
    report: ReportRecord,
    model: UserNetwork | None,
    evidence: Evidence,
    program: FindProgram | None,
) -> None:
    wrong = [t for t in report.tensors if t.count(WRONG)]
    if model is not None and not agrees(
        report.tensors, model.named(backward(model)[0]), numeric=True
    ):
        model = None
    if model is not None:
        report.chain = chain_of(model)
        right = model.named(backward(model)[0])
        for t in report.tensors:
            t.ours = right.get(t.name)
    diagnoses = list(_mistakes_made(report.tensors, model)) if model is not None else []
    rounding, patterns = precision_only(wrong), [] if diagnoses else list(from_patterns(evidence))
    if not diagnoses and not _explained(wrong, patterns) and program is not None:
        record = program()
        mistake = None if record is None else diagnose_program(record, report.tensors)
        if mistake is not None and not (patterns and mistake.bug in AMOUNTS):
            diagnoses, rounding = [mistake], None
    # Rounding fits no pattern, but by chance in a short vector: what does throughout is none.
    explained = {d.place for d in patterns}
    if rounding is not None and any(t.name not in explained for t in wrong):
        diagnoses.insert(0, rounding)
    if not diagnoses:
        few = few_entries(wrong)
        diagnoses = [few] if few is not None else patterns
    if not diagnoses and model is not None:
        diagnoses = list(_suspect(report.tensors, model))
    report.diagnoses = diagnoses
    if not report.where:
        report.where = _where(report, model, wrong)


def _explained(wrong: Sequence[Checked], patterns: Sequence[Diagnosis]) -> bool:
    """Whether the patterns say of every wrong array what was forgotten."""
    if any(d.bug.startswith("normalisation") and d.place == wrong[0].name for d in patterns):
        return True  # dz of the first layer is wrong, and with it all that it reaches
    places = {p for d in patterns if d.bug not in LOOKS for p in d.place.split(", ")}
    return "every parameter" in places or all(t.name in places for t in wrong)


def agrees(
    tensors: Sequence[Checked], gradients: Mapping[str, Array], numeric: bool = False
) -> bool:
    """Whether these gradients are the ones in hand (or, ``numeric``, the numerical ones)."""
    compared = 0
    for t in tensors:
        if t.name not in gradients:
            continue
        known = np.isfinite(t.bar) & (t.verdict != UNCHECKED)
        mine, theirs = gradients[t.name][known], (t.numeric if numeric else t.analytic)[known]
        if not len(mine):
            continue
        with np.errstate(all="ignore"):
            scale = max(float(np.max(np.abs(theirs))), float(np.max(np.abs(mine))))
            room = FITS * scale + (2 * t.bar[known] + t.tolerance * scale if numeric else 0.0)
            if t.tolerance > 1e-4:
                room = room + t.tolerance * scale
            if not bool(np.all(np.abs(mine - theirs) <= room)):
                return False
        compared += len(mine)
    return compared > 0


def _variants(model: UserNetwork) -> Iterator[tuple[Mistake, Edit, int]]:
    """Every mistake in every layer alone; then in all layers at once."""
    L = len(model.layers)
    for mistake in MISTAKES:
        for edit in mistake.edits:
            places = [L] if mistake.only_top else [*range(L, 0, -1)]
            places += [] if mistake.only_top or L < 2 else [0] if L == 2 else [0, -1]
            for at in places:
                yield mistake, edit, at


def _mistakes_made(tensors: Sequence[Checked], model: UserNetwork) -> Iterator[Diagnosis]:
    """Make every mistake on purpose; yield those whose gradient is the one in hand."""
    seen: set[tuple[str, int]] = set()
    for mistake, edit, at in _variants(model):
        # Of one layer and of all, where the others do not show it, the one is the mistake.
        if (mistake.name, at) in seen or (at <= 0 and any(n == mistake.name for n, _ in seen)):
            continue
        gradients, possible = backward(model, mistake, edit, at)
        if not possible:
            continue
        if agrees(tensors, model.named(gradients)):
            seen.add((mistake.name, at))
            yield fill(mistake, model, at)


def _suspect(tensors: Sequence[Checked], model: UserNetwork) -> Iterator[Diagnosis]:
    """No mistake fits: where everything above a layer is right, its own f' is the suspect."""
    right = model.named(backward(model)[0])
    for l in range(len(model.layers), 0, -1):
        layer = model.layers[l - 1]
        mine = [t for t in tensors if t.name in (layer.W_name, layer.b_name)]
        if all(agrees([t], right) for t in mine):
            continue
        # Both dW and db of a layer wrong while those above are right: its dz is.
        alone = len(mine) >= 2 and any(agrees([t], right) for t in mine)
        if not alone and layer.f.name != "identity":
            stale = next(mistake for mistake in MISTAKES if mistake.name == "stale z")
            d = fill(stale, model, l)
            sentence = (
                f"dz{l} is wrong and everything above it right; no mistake of the table gives "
                f"these numbers. Look at f'(z{l}) first: is that z stale (of other samples, "
                "another layer, an earlier pass)?"
            )
            yield Diagnosis(d.bug, d.place, sentence, d.formula, False, l)
        return


def _where(report: ReportRecord, model: UserNetwork | None, wrong: Sequence[Checked]) -> str:
    for d in report.diagnoses:
        if d.layer is not None:
            return d.place
    if model is not None:
        names = [{layer.W_name, layer.b_name} for layer in model.layers]
        for l in range(len(names), 0, -1):
            if any(t.name in names[l - 1] for t in wrong):
                return fill_place(model, l)
    numbers = layer_numbers(report.tensors)
    if numbers:
        top = max(numbers[t.name] for t in wrong)
        return "layer of " + ", ".join(t.name for t in wrong if numbers[t.name] == top)
    return ", ".join(t.name for t in wrong)


def layer_numbers(tensors: Sequence[Checked]) -> dict[str, int]:
    """Return the layer number in each array's name; nothing where these are no layers.

    Layers are numbered throughout and in a row, with a matrix or a kernel each: of ``u0, nu`` the
    0 is no layer.
    """
    numbers = {t.name: number_of(t.name) for t in tensors}
    layers = {name: n for name, n in numbers.items() if n is not None}
    matrices = {layers.get(t.name) for t in tensors if t.analytic.ndim >= 2}
    in_a_row = (
        len(set(layers.values())) == max(layers.values()) - min(layers.values()) + 1
        if (layers)
        else False
    )
    if len(layers) < len(numbers) or not in_a_row or not matrices >= set(layers.values()):
        return {}
    return layers


def fill_place(model: UserNetwork, l: int) -> str:
    """Name a layer by its number and its parameters."""
    layer = model.layers[l - 1]
    names = ", ".join(name for name in (layer.W_name, layer.b_name) if name)
    return f"layer {l}" + (f" ({names})" if names else "")


def data_of(subject: Subject, X: Any) -> Any:
    """Return the data given, or else those that the cost's cache calls x or X; None if neither."""
    cache = subject.cache if isinstance(subject.cache, Mapping) else {}
    return X if X is not None else cache.get("x", cache.get("X"))


def network_in(subject: Subject, X: Any, y: Any) -> UserNetwork | None:
    """Find the network inside a pair of functions, from the data given or cached."""
    cache = subject.cache if isinstance(subject.cache, Mapping) else {}
    X = data_of(subject, X)
    y = y if y is not None else cache.get("y", cache.get("Y"))
    if X is None:
        return None
    return identify(subject.leaves, lambda values: subject.at(values)[0], X, y)


def diagnose_network(
    report: ReportRecord, net: Model, perturbation: Perturbation, shares: Array
) -> None:
    """Diagnose a network's gradient: the model is the network itself."""
    layers = tuple(
        UserLayer(s.W, s.b, s.f, f"W{l}", f"b{l}", s.b.shape, s.mask)
        for l, s in enumerate(perturbation.layers, 1)
    )
    first = perturbation.layers[0].a_prev
    model = UserNetwork(layers, first, perturbation.Y, net.cost, shares, l1=net.l1, l2=net.l2).run()
    diagnose(report, model, len(first))
