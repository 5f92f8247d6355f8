"""The ONNX graph of a table's ensemble: bins, target statistics, members, blend and temperature.

Networks compute in their own dtype, everything around them in double, as ``tabular.ensemble`` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..tabular import TableEnsemble
from ..tabular.bins import Bins
from ..tabular.ensemble import Member
from ..typing import Floats
from .onnx_graph import ML, Graph, write_network

# As in ``tabular.blending.tempered``.
SMALLEST = 1e-15

Words = Mapping[str, tuple[str, ...]]


def write_ensemble(g: Graph, ensemble: TableEnsemble, x: str, words: Words) -> str:
    """Add an ensemble; return the name of its outputs (N, k), of the networks' dtype.

    ``x``: the name of the encoded columns (N, n), double. ``words``: the words of each column with
    target statistics, by the name of the graph's input.
    """
    wide = g.at(np.float64)
    places = ""
    if any(design.bins for design in ensemble.designs) and ensemble.bins.width:
        places = g.cast(_places(wide, ensemble.bins, x), g.dtype)
    columns = g.cast(x, g.dtype)
    statistics = any(member.statistics for member in ensemble.members)
    numbers = [_word_number(g, name, several) for name, several in words.items() if statistics]
    outputs = [
        _member(g, ensemble, member, columns, places, numbers) for member in ensemble.members
    ]
    count = wide.constant(len(outputs))
    several = zip(*outputs, strict=True)
    means = [wide.op("Div", wide.op("Sum", *of_a_design), count) for of_a_design in several]
    shares = [
        wide.op("Mul", mean, wide.constant(weight))
        for mean, weight in zip(means, ensemble.weights, strict=True)
    ]
    return g.cast(_finished(wide, ensemble, wide.op("Sum", *shares)), g.dtype)


def _places(wide: Graph, bins: Bins, x: str) -> str:
    """Add ``clamp((x - beta_{t-1}) / (beta_t - beta_{t-1}), 0, 1)`` less its mean, (N, width)."""
    counts = [len(beta) - 1 for beta in bins.edges]
    columns = wide.constant(np.repeat(bins.columns, counts), np.int64)
    lower = np.concatenate([beta[:-1] for beta in bins.edges])
    widths = np.concatenate([np.diff(beta) for beta in bins.edges])
    above = wide.op("Sub", wide.op("Gather", x, columns, axis=1), wide.constant(lower))
    share = wide.op("Div", above, wide.constant(widths))
    place = wide.op("Clip", share, wide.constant(0), wide.constant(1))
    return wide.op("Sub", place, wide.constant(bins.means))


def _word_number(g: Graph, x: str, words: Sequence[str]) -> str:
    """Add the number of each row's word in a column, (N,): that after the last for a new word."""
    number = g.op(
        "LabelEncoder",
        x,
        domain=ML,
        keys_strings=list(words),
        values_int64s=list(range(len(words))),
        default_int64=len(words),
    )
    return g.op("Reshape", number, g.constant([-1], np.int64))


def _member(
    g: Graph,
    ensemble: TableEnsemble,
    member: Member,
    columns: str,
    places: str,
    numbers: Sequence[str],
) -> list[str]:
    """Add the networks of a member; return the name of each one's outputs, double."""
    tables: tuple[Floats, ...] = member.statistics.tables if member.statistics else ()
    statistics = [
        g.op("Gather", g.constant(table), number, axis=0)
        for table, number in zip(tables, numbers, strict=True)
    ]
    outputs = []
    for design, network in zip(ensemble.designs, member.networks, strict=True):
        parts = [columns, *statistics, *([places] if design.bins and places else [])]
        a = g.op("Concat", *parts, axis=1) if len(parts) > 1 else columns
        outputs.append(g.cast(write_network(g, network, a), np.float64))
    return outputs


def _finished(wide: Graph, ensemble: TableEnsemble, blend: str) -> str:
    """Add the temperature of probabilities, or the range of numbers."""
    if ensemble.task == "regression":
        ends = (wide.constant(end) for end in (ensemble.low, ensemble.high))
        return wide.op("Clip", blend, *ends)
    if ensemble.temperature == 1:
        return blend
    two = ensemble.task == "binary"
    if two:
        blend = wide.op("Concat", wide.op("Sub", wide.constant(1), blend), blend, axis=1)
    p = wide.op("Clip", blend, wide.constant(SMALLEST), wide.constant(1))
    logs = wide.op("Div", wide.op("Log", p), wide.constant(ensemble.temperature))
    powers = wide.op("Softmax", logs, axis=1)
    return wide.op("Gather", powers, wide.constant([1], np.int64), axis=1) if two else powers
