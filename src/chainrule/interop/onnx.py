"""ONNX export: a model with its encoder as one file that onnxruntime runs on raw columns.

What is written is run by onnxruntime and compared with our own prediction before it is returned.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..files.atomic import write_atomically
from ..network import Network
from .onnx_graph import (
    IR_VERSION,
    ML,
    ML_OPSET,
    OPSET,
    Graph,
    write_classes,
    write_column_encoder,
    write_labels,
    write_matrix_encoder,
    write_network,
    write_numbers,
)

# Largest difference from our own prediction: relative to the larger of 1, the value and its scale.
TOLERANCE = 1e-5
ROWS_TO_CHECK = 64

Meaning = Literal["classes", "labels", "numbers", "outputs"]


@dataclass(frozen=True, slots=True)
class Spoken:
    """What is to be written: a network, how its inputs are encoded, what its outputs mean."""

    network: Network
    encoder: Any  # tables.encoder.Encoder, or None
    by_columns: bool
    meaning: Meaning
    classes: Any = None
    mean: Any = 0.0
    scale: Any = 1.0


def to_onnx(model: Any, path: str | os.PathLike[str] | None = None, X: Any = None) -> bytes:
    """Return a model as the bytes of an ONNX file, and write it to ``path`` if given.

    ``model``: a fitted ``BackpropClassifier`` or ``BackpropRegressor``, a ``TableModel`` (what
    ``chainrule train`` saves), or a ``Network``. ``X``: data on which to compare the export with
    our own prediction, as the model takes it; None: random rows in the range trained on.

    Inputs: "X" (N, n), double where it is standardised, else of the network's dtype; or, where
    columns are encoded, one (N, 1) for each column by its name, numbers and truth values as double
    (NaN: missing), words as string ("": missing). Outputs: "label" and "probabilities", or
    "variable" (N, n_L) in the target's units.
    Opset 17 of ai.onnx, 3 of ai.onnx.ml, IR version 8.

    Raises ValueError, with the reason, for what ONNX cannot say (one's own activations, the empty
    word as a category) and if onnxruntime's results differ by more than 1e-5; ImportError without
    onnx and onnxruntime.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401
    except ImportError:
        raise ImportError(
            "ONNX export needs onnx and onnxruntime: pip install 'chainrule[onnx]'"
        ) from None
    spoken = spoken_of(model)
    made = _model(spoken)
    onnx.checker.check_model(made, full_check=True)
    data: bytes = made.SerializeToString()
    _compare(spoken, data, model, X)
    if path is not None:
        write_atomically(path, [data])
    return data


def spoken_of(model: Any) -> Spoken:
    """Return what there is to write of a model; raises TypeError for anything that is none."""
    from ..tables.model import TableModel

    if isinstance(model, Network):
        return Spoken(model, None, False, "outputs")
    if isinstance(model, TableModel):
        target = model.target
        meaning: Meaning = "numbers" if target.task == "regression" else "classes"
        classes = np.array(target.classes, object)
        return Spoken(
            model.network, model.encoder, True, meaning, classes, target.mean, target.scale
        )
    if not hasattr(model, "network_"):
        raise TypeError(
            "to_onnx takes a fitted estimator, a TableModel or a Network, not "
            f"{type(model).__name__}"
        )
    if hasattr(model, "classes_"):
        labels = model.network_.cost.target == "probability" and model.n_outputs_ > 1
        labels = model._label_binarizer.y_type_.startswith("multilabel") or labels
        return Spoken(
            model.network_,
            model.encoder_,
            model._by_columns,
            "labels" if labels else "classes",
            model.classes_,
        )
    return Spoken(
        model.network_,
        model.encoder_,
        model._by_columns,
        "numbers",
        None,
        model.y_mean_,
        model.y_scale_,
    )


def _model(spoken: Spoken) -> Any:
    from onnx import TensorProto, helper

    from .. import __version__

    net = spoken.network
    g = Graph(net.dtype)
    number = helper.np_dtype_to_tensor_dtype(net.dtype)
    info = helper.make_tensor_value_info
    if spoken.by_columns:
        assert spoken.encoder is not None
        names = [f.name for f in spoken.encoder.features]
        kinds = [
            TensorProto.STRING if f.kind == "category" else TensorProto.DOUBLE
            for f in spoken.encoder.features
        ]
        inputs = [info(n, kind, ["N", 1]) for n, kind in zip(names, kinds, strict=True)]
        a = write_column_encoder(g, spoken.encoder, names)
    else:
        # What is standardised is given in double: far from 0, float would lose the differences.
        wide = number if spoken.encoder is None else int(TensorProto.DOUBLE)
        inputs = [info("X", wide, ["N", net.sizes[0]])]
        a = write_matrix_encoder(g, spoken.encoder, "X")
    y = write_network(g, net, a)
    k = net.sizes[-1]
    if spoken.meaning == "classes":
        write_classes(g, y, spoken.classes, k > 1)
        kind = _tensor_type(spoken.classes)
        outputs = [info("label", kind, ["N"]), info("probabilities", number, ["N", max(k, 2)])]
    elif spoken.meaning == "labels":
        write_labels(g, y)
        outputs = [
            info("label", TensorProto.INT64, ["N", k]),
            info("probabilities", number, ["N", k]),
        ]
    else:
        write_numbers(g, y, spoken.mean, spoken.scale)
        outputs = [info("variable", number, ["N", k])]
    graph = helper.make_graph(g.nodes, "chainrule", inputs, outputs, g.constants)
    return helper.make_model(
        graph,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)],
        producer_name="chainrule",
        producer_version=__version__,
    )


def _tensor_type(classes: Any) -> int:
    from onnx import TensorProto

    kinds = {"b": "BOOL", "i": "INT64", "u": "INT64", "f": "DOUBLE"}
    return int(getattr(TensorProto, kinds.get(np.asarray(classes).dtype.kind, "STRING")))


def run(data: bytes, rows: Any) -> dict[str, Any]:
    """Run an ONNX file on a matrix or on columns with onnxruntime; return outputs by name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    wanted = session.get_inputs()
    if hasattr(rows, "columns"):
        given = {i.name: _tensor(rows[i.name], i.type) for i in wanted}
    else:
        dtype = np.float64 if "double" in wanted[0].type else np.float32
        given = {wanted[0].name: np.ascontiguousarray(rows, dtype)}
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(names, given), strict=True))


def _tensor(column: Any, kind: str) -> Any:
    from ..tables.columns import as_numbers, as_text

    if "string" in kind:
        words = as_text(column)
        return np.array(["" if w is None else w for w in words.tolist()], object)[:, None]
    if column.kind == "text":
        truths = {None: np.nan, "true": 1.0, "false": 0.0}
        said = [w if w is None else w.strip().lower() for w in column.values.tolist()]
        if set(said) <= set(truths):
            return np.array([truths[w] for w in said])[:, None]
        return as_numbers(column)[:, None]
    return np.asarray(column.values, np.float64)[:, None]


def _compare(spoken: Spoken, data: bytes, model: Any, X: Any) -> None:
    """Raise ValueError if onnxruntime's results are not our own."""
    rows = _random_rows(spoken) if X is None else _read(spoken, model, X)
    found, own = run(data, rows), expected(spoken, rows)
    for name, values in own.items():
        if name == "label":
            continue
        size = np.maximum(1.0, np.maximum(np.abs(values), np.abs(spoken.scale)))
        far = np.abs(found[name].astype(np.float64) - values) / size
        if not (far <= TOLERANCE).all():
            raise ValueError(
                f"the ONNX export gives {name} that differ by {far.max():.2g} from our own: it was "
                "not written"
            )
    if "label" in own:
        sure = _sure(own["probabilities"], spoken.meaning)
        if not (found["label"][sure] == own["label"][sure]).all():
            raise ValueError("the ONNX export gives other labels than our own: it was not written")


def _sure(p: Any, meaning: str) -> Any:
    """Say which labels are no toss-up within the tolerance."""
    if meaning == "labels":
        return np.abs(p - 0.5) > TOLERANCE
    top = np.sort(p, axis=1)
    return top[:, -1] - top[:, -2] > 2 * TOLERANCE


def _read(spoken: Spoken, model: Any, X: Any) -> Any:
    from ..tables.columns import Columns

    if isinstance(X, Columns):
        return X
    if hasattr(model, "_read_X"):
        return model._read_X(X, reset=False)
    return np.asarray(X)


def _random_rows(spoken: Spoken) -> Any:
    """Return rows in the range trained on, with gaps and words never seen where there may be."""
    from ..tables.columns import Columns

    rng = np.random.default_rng(0)
    m = ROWS_TO_CHECK
    if spoken.encoder is None:
        return rng.standard_normal((m, spoken.network.sizes[0])).astype(spoken.network.dtype)
    made = [_random_column(f, m, rng) for f in spoken.encoder.features]
    if spoken.by_columns:
        return Columns({c.name: c for c in made}, m)
    return np.column_stack([c.values for c in made])


def _random_column(feature: Any, m: int, rng: Any) -> Any:
    from ..tables.columns import Column

    if feature.kind == "category":
        words = np.empty(m, object)
        words[:] = rng.choice([*feature.words, "\N{SECTION SIGN}unseen"], m)
        words[rng.random(m) < 0.1] = None
        return Column(feature.name, "text", words)
    if feature.kind == "boolean":
        values = rng.integers(0, 2, m).astype(np.float64)
    else:
        values = feature.mean + feature.scale * rng.standard_normal(m)
    if feature.missing:
        values[rng.random(m) < 0.1] = np.nan
    kinds: Any = {"boolean": "boolean", "date": "date"}
    return Column(feature.name, kinds.get(feature.kind, "float"), values)


def expected(spoken: Spoken, rows: Any) -> dict[str, Any]:
    """Return our own outputs for a matrix or for columns, by the names of the ONNX outputs."""
    from ..tables.columns import Column, Columns

    net = spoken.network
    if isinstance(rows, Columns):
        assert spoken.encoder is not None
        X = spoken.encoder.encode(rows, net.dtype)[0]
    elif spoken.encoder is None:
        X = np.asarray(rows, net.dtype)
    else:
        one = [
            Column(f.name, "float", np.asarray(rows[:, j], np.float64))
            for j, f in enumerate(spoken.encoder.features)
        ]
        X = spoken.encoder.encode(Columns({c.name: c for c in one}, len(rows)), net.dtype)[0]
    y = net.predict(X)
    if spoken.meaning in ("numbers", "outputs"):
        return {"variable": y.astype(np.float64) * spoken.scale + spoken.mean}
    if spoken.meaning == "labels":
        return {"label": (y > 0.5).astype(np.int64), "probabilities": y}
    p = np.column_stack([1 - y[:, 0], y[:, 0]]) if y.shape[1] == 1 else y
    places = (y[:, 0] > 0.5).astype(int) if y.shape[1] == 1 else np.argmax(y, axis=1)
    return {"label": np.asarray(spoken.classes)[places], "probabilities": p}
