"""The ONNX graph: nodes for an encoder, a network and the meaning of its outputs.

Encoders are those of ``tables.encoder``, features those of ``tables.features``.

Only operators that onnxruntime has for float and double are used, so that a graph computes in the
network's own dtype; what has no such operator (elu, gelu, ...) is composed of those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from ..tables.feature_encoding import bounds

# onnxruntime 1.13 and later run these, and so do most other runtimes.
OPSET, ML_OPSET, IR_VERSION = 17, 3, 8
ML = "ai.onnx.ml"
NONE: Mapping[str, Sequence[str]] = MappingProxyType({})


class Graph:
    """Nodes and constants on the way to a graph; every method returns the name of its result.

    ``inputs``: names that the graph's inputs have, so that no result is called like a column.
    """

    def __init__(self, dtype: Any, inputs: Sequence[str] = ()) -> None:
        self.dtype = np.dtype(dtype)
        self.inputs = frozenset(inputs)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def at(self, dtype: Any) -> Graph:
        """Return the same graph, to be written to in another dtype."""
        other = Graph(dtype, tuple(self.inputs))
        other.nodes, other.constants = self.nodes, self.constants
        return other

    def op(self, kind: str, *inputs: str, name: str = "", domain: str = "", **settings: Any) -> str:
        """Add a node with one output."""
        from onnx import helper

        result = name or self._unlike_inputs(f"{kind.lower()}_{len(self.nodes)}")
        node = helper.make_node(kind, list(inputs), [result], domain=domain or None, **settings)
        self.nodes.append(node)
        return result

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Add a constant, of the network's dtype unless another is given."""
        from onnx import numpy_helper

        name = self._unlike_inputs(f"constant_{len(self.constants)}")
        array = np.asarray(value, self.dtype if dtype is None else dtype)
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _unlike_inputs(self, name: str) -> str:
        while name in self.inputs:
            name += "_"
        return name

    def cast(self, x: str, dtype: Any, name: str = "") -> str:
        """Add a cast to a dtype."""
        from onnx import helper

        to = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.op("Cast", x, name=name, to=to)


def write_network(g: Graph, network: Any, a: str) -> str:
    """Add the layers of a network (dropout is for training only); return its output.

    Raises ValueError for an activation of the user's own: its function cannot be written.
    """
    number = 1  # of the layer of the notes: an affine one and its activation
    for layer, parameters in zip(network.layers, network.parameters, strict=True):
        try:
            a = layer.onnx(g, a, parameters)
        except ValueError as error:
            raise ValueError(f"layer {number}: {error}") from None
        number += layer.kind == "activation"
    return a


def write_matrix_encoder(g: Graph, encoder: Any, x: str, names: Sequence[str] = ()) -> str:
    """Add the standardisation of a matrix (N, n): (x - mean) / scale, 0 for constant columns.

    ``names``: of the matrix's columns; each that the encoder takes is then encoded by itself.
    """
    if encoder is None:
        return x
    if names:
        places = [list(names).index(name) for name in encoder.names]
        each = [g.op("Gather", x, g.constant([j], np.int64), axis=1) for j in places]
        return write_column_encoder(g, encoder, each)
    means = np.array([f.mean for f in encoder.features])
    scales = np.array([f.scale for f in encoder.features])
    return g.cast(_standardised(g, g.cast(x, np.float64), means, scales), g.dtype)


def _standardised(g: Graph, x: str, mean: Any, scale: Any) -> str:
    """Add (x - mean) / scale, 0 where the scale is 0, with the encoder's own bits.

    A bin of an ensemble may be so narrow that the last bit matters.
    """
    wide = g.at(np.float64)
    centred = wide.op("Sub", wide.op("Mul", x, wide.constant(0.5)), wide.constant(mean * 0.5))
    divided = wide.op("Div", centred, wide.constant(np.where(scale > 0, scale, 1.0)))
    return wide.op("Mul", divided, wide.constant(np.where(scale > 0, 2.0, 0.0)))


def write_column_encoder(
    g: Graph, encoder: Any, inputs: Sequence[str], orders: Mapping[str, Sequence[str]] = NONE
) -> str:
    """Add the encoding of columns (N, 1), one input for each; return the matrix (N, n_0).

    ``orders``: the words of each column of ordered words.
    """
    parts = []
    for feature, x in zip(encoder.features, inputs, strict=True):
        order = orders.get(feature.name)
        parts.append(_column(g, feature, x if order is None else _numbered(g, x, order)))
    return g.op("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]


def _numbered(g: Graph, x: str, order: Sequence[str]) -> str:
    """Add the numbers of ordered words, from 1 on, (N, 1) double; NaN for any other word."""
    number = g.op(
        "LabelEncoder",
        x,
        domain=ML,
        keys_strings=list(order),
        values_int64s=list(range(1, len(order) + 1)),
        default_int64=0,
    )
    known = g.op("Greater", number, g.constant(0, np.int64))
    return g.op("Where", known, g.cast(number, np.float64), g.constant(np.nan, np.float64))


def _column(g: Graph, feature: Any, x: str) -> str:
    if feature.kind == "category":
        return _category(g, feature, x)
    if feature.gap is not None:
        stands = g.op("Equal", x, g.constant(feature.gap, np.float64))
        x = g.op("Where", stands, g.constant(np.nan, np.float64), x)
    gaps = g.op("IsNaN", x)
    known = x
    if feature.kind in ("number", "date"):
        known = _standardised(g, x, feature.mean, feature.scale)
    if feature.bounded:
        ends = (g.constant(end, np.float64) for end in bounds(feature, np.float64))
        known = g.op("Clip", known, *ends)
    fill = feature.mean if feature.kind == "boolean" else 0.0
    values = [g.cast(g.op("Where", gaps, g.constant(fill, np.float64), known), g.dtype)]
    if feature.kind == "date":
        values += _circles(g, feature, x, gaps)
    if feature.missing:
        values.append(g.cast(gaps, g.dtype))
    return g.op("Concat", *values, axis=1) if len(values) > 1 else values[0]


def _circles(g: Graph, feature: Any, x: str, gaps: str) -> list[str]:
    """Add sin and cos of the phase of each cycle, 0 where the date is missing."""
    circles = []
    for length in feature.cycles:
        turns = g.op("Div", x, g.constant(length, np.float64))
        phase = g.cast(g.op("Sub", turns, g.op("Floor", turns)), g.dtype)
        angle = g.op("Mul", phase, g.constant(2 * np.pi))
        circles += [
            g.op("Where", gaps, g.constant(0), g.op("Sin", angle)),
            g.op("Where", gaps, g.constant(0), g.op("Cos", angle)),
        ]
    return circles


def _category(g: Graph, feature: Any, x: str) -> str:
    """Look each word's place up, then that place's row in a table of encoded rows."""
    if "" in feature.words:
        raise ValueError(
            f"ONNX cannot say the category '' of column {feature.name!r}: there the empty word "
            "means a missing one"
        )
    n, width = len(feature.words), feature.width
    rows = np.zeros((width + 1, width))
    rows[:width] = np.eye(width)
    rows[width] = feature.shares
    unseen = n if feature.other else width
    gap = n + feature.other if feature.missing else width
    place = g.op(
        "LabelEncoder",
        x,
        domain=ML,
        keys_strings=[*feature.words, ""],
        values_int64s=[*range(n), gap],
        default_int64=unseen,
    )
    flat = g.op("Reshape", place, g.constant([-1], np.int64))
    return g.op("Gather", g.constant(rows), flat, axis=0)


def write_classes(
    g: Graph, p: str, classes: Any, several: bool, threshold: float = 0.5
) -> tuple[str, str]:
    """Add the choice of the class; return the names of label (N,) and probabilities (N, k).

    ``threshold``: the probability above which a row is of the second of two classes.
    """
    names = g.constant(classes, _dtype_of(classes))
    if several:
        place = g.op("ArgMax", p, axis=1, keepdims=0)
        return g.op("Gather", names, place, name="label"), g.op("Identity", p, name="probabilities")
    yes = g.cast(g.op("Greater", p, g.constant(threshold)), np.int64)
    place = g.op("Reshape", yes, g.constant([-1], np.int64))
    no = g.op("Sub", g.constant(1), p)
    label = g.op("Gather", names, place, name="label")
    return label, g.op("Concat", no, p, name="probabilities", axis=1)


def _dtype_of(classes: Any) -> Any:
    """Return the dtype in which ONNX can hold these classes; raises ValueError if there is none."""
    kinds = {"b": np.bool_, "i": np.int64, "u": np.int64, "f": np.float64, "U": object}
    kind = np.asarray(classes).dtype.kind
    if kind == "O" and all(isinstance(c, str) for c in classes):
        return object
    if kind not in kinds:
        raise ValueError(
            f"ONNX cannot say classes of type {np.asarray(classes).dtype}: use words or numbers"
        )
    return kinds[kind]


def write_labels(g: Graph, p: str) -> tuple[str, str]:
    """Add the choice of each label; return the names of labels (N, k) and probabilities (N, k)."""
    yes = g.op("Greater", p, g.constant(0.5))
    label = g.cast(yes, np.int64, name="label")
    return label, g.op("Identity", p, name="probabilities")


def write_numbers(
    g: Graph, y: str, mean: Any, scale: Any, ends: tuple[float, float] | None = None
) -> str:
    """Add the way back to the target's own units: y scale + mean, in double, kept within ends."""
    wide = g.cast(y, np.float64)
    wide = g.op("Mul", wide, g.constant(scale, np.float64))
    wide = g.op("Add", wide, g.constant(mean, np.float64))
    if ends is not None:
        wide = g.op("Clip", wide, *(g.constant(end, np.float64) for end in ends))
    return g.cast(wide, g.dtype, name="variable")
