"""A gradient along random directions: few evaluations, however many entries an array has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..differences import STENCIL, better, estimate, power_of_two
from ..noise import size
from ..progress import Progress
from ..verdicts import RIGHT, UNDECIDABLE, WRONG, Checked, decide
from .settling import RUNGS
from .sweep import Sweep


def along_directions(
    sweep: Sweep,
    tensors: Sequence[Checked],
    rng: np.random.Generator,
    progress: Progress,
    count: int = 3,
) -> None:
    """Check g · v along random directions v through each array: few evaluations however many
    entries.

    The verdict on an array stands in all its entries; ``numeric`` holds nothing but the verdict's
    own slopes, one for each direction, in ``reasons``.
    """
    subject = sweep.subject
    for leaf, t in zip(subject.leaves, tensors, strict=True):
        rms = size(leaf)
        slopes, measured = [], []
        for _ in range(count):
            v = rng.standard_normal(leaf.shape)
            v /= float(np.linalg.norm(v)) or 1.0
            best = None
            for rung in (1.0, *RUNGS[:4]):
                h = float(power_of_two(np.array(sweep.step * rung * rms)))
                values = [subject.at({leaf.path: leaf.value + k * h * v})[0] for k in STENCIL]
                new = estimate(np.array(values)[:, None], subject.J0, h, sweep.noise)
                best = new if best is None else better(best, new)
                if best.bar[0] <= sweep.tolerance * abs(best.value[0]):
                    break
            assert best is not None
            slopes.append(float(np.sum(t.analytic * v)))
            measured.append((float(best.value[0]), float(best.bar[0])))
            if not progress.step(max(1, leaf.value.size // count)):
                return
        numeric, bar = (np.array(column) for column in zip(*measured, strict=True))
        verdicts = decide(np.array(slopes), numeric, bar, sweep.tolerance)
        worst = next(v for v in (WRONG, UNDECIDABLE, RIGHT) if (verdicts == v).any())
        t.verdict[...] = worst
        k = int(np.argmax(np.abs(np.array(slopes) - numeric)))
        t.reasons[0] = (
            f"along a random direction g·v = {slopes[k]:.8g}, numerically {numeric[k]:.8g}"
        )
