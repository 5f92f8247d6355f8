"""A function of several arrays with several arrays as its value, as one vector of another.

Complex arrays are pairs of real numbers, as ∂/∂Re and ∂/∂Im; the blocks of the Jacobian, one for
each output and input, are judged and named by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...typing import Array
from ..diagnosis import diagnose
from ..report import Part, Report
from ..report_record import Diagnosis
from ..verdicts import TOLERANCE, WRONG, Checked
from .numeric import numeric_jacobian
from .vector_function import VectorFunction


@dataclass(frozen=True, slots=True)
class Shape:
    """An array's place in a vector: its name, shape, and whether its numbers are complex."""

    name: str
    shape: tuple[int, ...]
    complex: bool = False

    @property
    def size(self) -> int:
        """How many real numbers it has."""
        return int(np.prod(self.shape)) * (2 if self.complex else 1)


def flatten(arrays: Sequence[Any]) -> Array:
    """Return arrays as one vector of real numbers; complex ones as pairs."""
    rows = [np.asarray(a) for a in arrays]
    parts = [
        np.ascontiguousarray(a, np.complex128).view(np.float64).ravel()
        if np.iscomplexobj(a)
        else np.asarray(a, np.float64).ravel()
        for a in rows
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def unflatten(vector: Array, shapes: Sequence[Shape]) -> list[Array]:
    """Return the arrays of a vector."""
    arrays, start = [], 0
    for s in shapes:
        part = vector[start : start + s.size]
        start += s.size
        if s.complex:
            part = np.ascontiguousarray(part).view(np.complex128)
        arrays.append(part.reshape(s.shape))
    return arrays


def check_blocks(
    f: Callable[[Array], Array],
    x: Array,
    analytic: Sequence[tuple[str, Array]],
    inputs: Sequence[Shape],
    outputs: Sequence[Shape],
    *,
    subject: str,
    parts: Sequence[Part] = (),
    tolerance: float = TOLERANCE,
    slack: float = 0.0,
    seed: int = 0,
) -> Report:
    """Check Jacobians of a vector function, each (m, n) with a word such as ``reverse``.

    Returns a ``Report`` with an array for each output and input, named as ``dy/dx``.
    """
    function = VectorFunction(f, x, name=subject)
    tensors: list[Checked] = []
    for word, J in analytic:
        rng = np.random.default_rng(seed)
        numeric, bars, verdict = numeric_jacobian(function, J, tolerance, slack, rng)
        lead = f"{word}: " if len(analytic) > 1 else ""
        rows = 0
        for out in outputs:
            columns = 0
            for inp in inputs:
                here = (slice(rows, rows + out.size), slice(columns, columns + inp.size))
                columns += inp.size
                name = f"{lead}d{out.name}/d{inp.name}"
                shape = _shape(out) + _shape(inp) or (1,)
                tensors.append(
                    Checked(
                        name,
                        J[here].reshape(shape),
                        numeric[here].reshape(shape),
                        bars[here].reshape(shape),
                        verdict[here].reshape(shape),
                        tolerance=tolerance,
                    )
                )
            rows += out.size
    report = Report(
        subject=subject,
        J=float(np.sum(function.f0)),
        tensors=[t for t in tensors if t.analytic.size],
        parts=parts,
        tolerance=tolerance,
        evaluations=function.evaluations,
    )
    if report.count(WRONG):
        _explain(report, inputs)
    return report


def _shape(s: Shape) -> tuple[int, ...]:
    return (*s.shape, 2) if s.complex else s.shape


def _explain(report: Report, inputs: Sequence[Shape]) -> None:
    complex_names = {s.name for s in inputs if s.complex}
    for t in report.tensors:
        if t.count(WRONG) and t.name.split("/d")[-1] in complex_names:
            turned = t.analytic * np.array([1.0, -1.0])
            room = 1e-5 * float(np.max(np.abs(t.numeric), initial=0.0)) + 2 * t.bar
            if np.all(np.abs(turned - t.numeric) <= room):
                sentence = f"{t.name} is the conjugate of the right one."
                report.diagnoses = [Diagnosis("conjugate", t.name, sentence, "", False)]
                report.where = t.name
                return
    report.where = ", ".join(t.name for t in report.tensors if t.count(WRONG))
    diagnose(report, None)
    report.diagnoses = [
        Diagnosis(d.bug, d.place, d.sentence.replace("the gradient of ", ""), d.formula, d.certain)
        for d in report.diagnoses
    ]
