"""ONNX export: a model with its encoder as one file that onnxruntime runs on raw columns.

What is written is run by onnxruntime and compared with our own prediction before it is returned.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np

from ..files.atomic import write_atomically
from ..network import Network
from ..tables.columns import Columns
from ..tables.model import EncodedModel, TableModel
from ..tabular import TableEnsemble
from ..tabular.model import EnsembleModel
from .onnx_check import OUTPUT_NAMES, Exported, Meaning, compare
from .onnx_ensemble import write_ensemble
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


def to_onnx(model: Any, path: str | os.PathLike[str] | None = None, X: Any = None) -> bytes:
    """Return a model as the bytes of an ONNX file, and write it to ``path`` if given.

    ``model``: a fitted ``BackpropClassifier``, ``BackpropRegressor``, ``TableClassifier`` or
    ``TableRegressor``, a ``TableModel`` or ``EnsembleModel`` (what ``chainrule train`` saves), or
    a ``Network``.
    ``X``: data on which to compare the export with our own prediction, as the model takes it;
    None: random rows in the range trained on.

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
    exported = exported_of(model)
    proto = _model(exported)
    onnx.checker.check_model(proto, full_check=True)
    data: bytes = proto.SerializeToString()
    compare(exported, data, None if X is None else _rows(model, X))
    if path is not None:
        write_atomically(path, [data])
    return data


def exported_of(model: Any) -> Exported:
    """Return what there is to export of a model; raises TypeError for anything that is none."""
    if isinstance(model, Network):
        return Exported(model, None, False, "outputs")
    if isinstance(model, TableModel):
        return _of_table_model(model, model.network, {})
    if isinstance(model, EnsembleModel):
        return _of_table_model(model, model.ensemble, model.words)
    if hasattr(model, "ensemble_"):
        return _of_table_estimator(model)
    if not hasattr(model, "network_"):
        raise TypeError(
            "to_onnx takes a fitted estimator, a TableModel or a Network, not "
            f"{type(model).__name__}"
        )
    parts = (model.network_, model.encoder_, model.reads_columns_)
    if not hasattr(model, "classes_"):
        return Exported(*parts, "numbers", None, model.y_mean_, model.y_scale_)
    each = model.network_.cost.target == "probability" and model.n_outputs_ > 1
    return Exported(*parts, "labels" if each or model.multilabel_ else "classes", model.classes_)


def _of_table_model(
    model: EncodedModel, outputs: Network | TableEnsemble, words: Mapping[str, tuple[str, ...]]
) -> Exported:
    target = model.target
    return Exported(
        outputs,
        model.encoder,
        by_columns=True,
        meaning="numbers" if target.task == "regression" else "classes",
        classes=np.array(target.classes, object),
        mean=target.mean,
        scale=target.scale,
        ends=(target.low, target.high) if isfinite(target.low) else None,
        words=words,
        orders=model.orders,
        threshold=target.threshold,
    )


def _of_table_estimator(model: Any) -> Exported:
    classes, (mean, scale) = getattr(model, "classes_", None), model._scale
    meaning: Meaning = "numbers" if classes is None else "classes"
    parts = (model.ensemble_, model.encoder_, model._by_columns)
    names = () if model._by_columns else model._column_names()
    return Exported(*parts, meaning, classes, mean, scale, words=model._words, names=names)


def _rows(model: Any, X: Any) -> Any:
    if isinstance(X, Columns):
        return X
    return model.read_inputs(X) if hasattr(model, "read_inputs") else np.asarray(X)


def _inputs(g: Graph, exported: Exported) -> tuple[list[Any], str]:
    """Add the encoding; return the graph's inputs and the name of the encoded matrix."""
    from onnx import TensorProto, helper

    info = helper.make_tensor_value_info
    if not exported.by_columns:
        # What is standardised is given in double: far from 0, float would lose the differences.
        number = helper.np_dtype_to_tensor_dtype(g.dtype)
        kind = number if exported.encoder is None else int(TensorProto.DOUBLE)
        inputs = [info("X", kind, ["N", exported.n_in])]
        return inputs, write_matrix_encoder(g, exported.encoder, "X", exported.names)
    features = exported.encoder.features
    names = exported.columns
    in_words = [f.kind == "category" or f.name in exported.orders for f in features]
    kinds = [TensorProto.STRING if words else TensorProto.DOUBLE for words in in_words]
    inputs = [info(n, kind, ["N", 1]) for n, kind in zip(names, kinds, strict=True)]
    return inputs, write_column_encoder(g, exported.encoder, names, exported.orders)


def _check_names(exported: Exported) -> None:
    """Raise ValueError for a column whose name the graph's inputs cannot have."""
    if "" in exported.columns:
        raise ValueError("ONNX cannot name an input '': give that column of the table a name")
    for name in exported.columns:
        if name in OUTPUT_NAMES[exported.meaning]:
            raise ValueError(
                f"ONNX cannot name an input {name!r}, as an output is called so: give that column "
                "of the table another name"
            )


def _outputs(g: Graph, exported: Exported, y: str) -> list[Any]:
    """Add the meaning of the network's outputs ``y``; return the graph's outputs."""
    from onnx import TensorProto, helper

    info, k = helper.make_tensor_value_info, exported.network.sizes[-1]
    number = helper.np_dtype_to_tensor_dtype(g.dtype)
    if exported.meaning == "classes":
        write_classes(g, y, exported.classes, k > 1, exported.threshold)
        kind = _tensor_type(exported.classes)
        return [info("label", kind, ["N"]), info("probabilities", number, ["N", max(k, 2)])]
    if exported.meaning == "labels":
        write_labels(g, y)
        label = info("label", TensorProto.INT64, ["N", k])
        return [label, info("probabilities", number, ["N", k])]
    write_numbers(g, y, exported.mean, exported.scale, exported.ends)
    return [info("variable", number, ["N", k])]


def _model(exported: Exported) -> Any:
    from onnx import helper

    from .. import __version__

    _check_names(exported)
    g, model = Graph(exported.network.dtype, exported.columns), exported.model
    if isinstance(model, TableEnsemble):
        inputs, x = _inputs(g.at(np.float64), exported)
        y = write_ensemble(g, model, x, exported.words)
    else:
        inputs, x = _inputs(g, exported)
        y = write_network(g, model, x)
    outputs = _outputs(g, exported, y)
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
