"""ONNX: what onnxruntime computes is what we predict, for a hundred random models and encoders."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.estimators import BackpropClassifier, BackpropRegressor
from chainrule.mathematics.activations import ACTIVATIONS
from chainrule.tables.columns import Column, Columns

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from chainrule.interop import onnx as export

WORDS = np.array(["Bern", "Basel", "Zürich", "", "naïve ☃", "true"][:3], object)
HIDDEN = [name for name in ACTIVATIONS if name not in ("softmax", "exp")] + [
    "leaky_relu(0.3)",
    "elu(0.5)",
]


def session(data: bytes) -> Any:
    return ort.InferenceSession(data, providers=["CPUExecutionProvider"])


def random_frame(rng: np.random.Generator, m: int, gaps: bool) -> pd.DataFrame:
    """Columns of every kind, far from standardised, some with gaps."""
    frame = pd.DataFrame(index=range(m))
    for j in range(rng.integers(1, 4)):
        frame[f"number{j}"] = rng.normal(rng.normal(0, 1e3), 10 ** rng.uniform(-2, 4), m)
    for j in range(rng.integers(0, 3)):
        frame[f"word{j}"] = rng.choice(WORDS, m)
    if rng.random() < 0.5:
        frame["truth"] = rng.random(m) < 0.5
    if rng.random() < 0.3:
        days = rng.integers(0, 3, m) if rng.random() < 0.3 else rng.random(m) * 1500
        frame["date"] = pd.Timestamp(2021, 3, 1) + pd.to_timedelta(days, "D")
    frame["constant"] = 3.0
    if gaps:
        for name in frame.columns.drop("constant"):
            frame[name] = frame[name].astype(object).where(rng.random(m) > 0.1, None)
            if name.startswith("number"):
                frame[name] = frame[name].astype(float)
            if name == "date":
                frame[name] = pd.to_datetime(frame[name])
    return frame


def random_target(rng: np.random.Generator, m: int, kind: str) -> Any:
    if kind == "regression":
        return rng.normal(1e4, 300, m)
    if kind == "several numbers":
        return rng.normal([5, -1e3], [1, 500], (m, 2))
    if kind == "labels":
        return (rng.random((m, 3)) < 0.5).astype(int)
    classes: Any = [[0, 1], ["no", "yes", "maybe"], [True, False], [10, 20, 35, 47], [1.0, 2.0]]
    return rng.choice(np.array(classes[rng.integers(len(classes))]), m)


def feeds(given: Any, frame: Any) -> dict[str, Any]:
    """Raw columns as a caller of onnxruntime would give them, without any code of ours."""
    found = {}
    for one in given.get_inputs():
        if one.name == "X":
            dtype = np.float64 if "double" in one.type else np.float32
            found["X"] = np.asarray(frame, dtype)
        elif "string" in one.type:
            found[one.name] = np.array(frame[one.name].fillna("").tolist(), object)[:, None]
        elif one.name == "date":
            days = (frame["date"] - pd.Timestamp(1970, 1, 1)) / pd.Timedelta(days=1)
            found["date"] = days.to_numpy()[:, None]
        else:
            found[one.name] = frame[one.name].astype(float).to_numpy()[:, None]
    return found


@pytest.mark.parametrize("seed", range(100))
def test_a_random_model_with_its_encoder(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m = 60
    kind = ["regression", "several numbers", "labels", "classes", "classes"][seed % 5]
    by_columns = seed % 3 != 0
    frame = random_frame(rng, m, gaps=seed % 2 == 0)
    if not by_columns:
        numbers = [n for n in frame if n.startswith("number") or n == "constant"]
        frame = frame[numbers].fillna(1.0)
    y = random_target(rng, m, kind)
    depth = int(rng.integers(0, 4))
    make: Any = (
        BackpropRegressor if "number" in kind or kind == "regression" else BackpropClassifier
    )
    dtype = str(rng.choice(["float32", "float64"]))
    fitted = make(
        hidden_layer_sizes=tuple(int(n) for n in rng.integers(1, 20, depth)),
        activation=[str(f) for f in rng.choice(HIDDEN, depth)],
        max_iter=3,
        dropout=float(rng.choice([0.0, 0.3])) if depth else 0.0,
        dtype=dtype,
        # Raw numbers of 1e4 leave float32 no five places.
        standardize=bool(seed % 7) or dtype == "float32",
        random_state=seed,
    ).fit(frame, y)
    data = export.to_onnx(fitted, X=frame)
    run = session(data)
    found = dict(
        zip([o.name for o in run.get_outputs()], run.run(None, feeds(run, frame)), strict=True)
    )
    if make is BackpropRegressor:
        own = fitted.predict(frame).reshape(m, -1)
        np.testing.assert_allclose(
            found["variable"], own, rtol=1e-5, atol=1e-5 * fitted.y_scale_.max()
        )
        return
    np.testing.assert_allclose(found["probabilities"], fitted.predict_proba(frame), atol=1e-5)
    assert np.array_equal(found["label"], fitted.predict(frame))


def test_one_row_and_many_rows_and_unseen_words() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=50), "city": rng.choice(WORDS, 50)})
    fitted = BackpropRegressor(max_iter=3, random_state=0).fit(frame, rng.normal(size=50))
    run = session(export.to_onnx(fitted))
    new = pd.DataFrame({"a": [np.nan, 1.0], "city": ["Zug", None]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = fitted.predict(new)
    np.testing.assert_allclose(run.run(None, feeds(run, new))[0][:, 0], own, rtol=1e-5, atol=1e-6)
    one = new.head(1)
    np.testing.assert_allclose(run.run(None, feeds(run, one))[0][:, 0], own[:1], rtol=1e-5)


def test_versions_are_named_and_the_file_is_written(tmp_path: Any) -> None:
    net = cr.Network([3, 4, 2], hidden="tanh", output="softmax")
    path = tmp_path / "net.onnx"
    data = export.to_onnx(net, path)
    model = onnx.load(path)
    assert path.read_bytes() == data
    assert model.ir_version == 8
    assert {(o.domain, o.version) for o in model.opset_import} == {("", 17), ("ai.onnx.ml", 3)}
    assert model.producer_name == "chainrule"
    X = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(session(data).run(None, {"X": X})[0], net.predict(X), atol=1e-12)


def test_a_table_model_as_the_command_line_saves_it() -> None:
    from chainrule.tables.encoder import Encoder
    from chainrule.tables.model import TableModel
    from chainrule.tables.target import TargetEncoder

    rng = np.random.default_rng(1)
    words = np.empty(40, object)
    words[:] = rng.choice(WORDS, 40)
    rows = Columns(
        {"n": Column("n", "float", rng.normal(5, 2, 40)), "w": Column("w", "text", words)}, 40
    )
    encoder = Encoder.fit(rows)
    n = len(encoder.feature_names)
    for target in (
        TargetEncoder("y", "binary", ("no", "yes")),
        TargetEncoder("y", "multiclass", ("a", "b", "c")),
        TargetEncoder("y", "regression", (), 100.0, 7.0),
    ):
        output = {"binary": "sigmoid", "multiclass": "softmax"}.get(target.task, "identity")
        model = TableModel(cr.Network([n, 5, target.n_out], output=output), encoder, target)
        run = session(export.to_onnx(model, X=rows))
        found = run.run(None, {"n": rows["n"].values[:, None], "w": words[:, None]})
        own = model.predict(rows)
        assert (
            np.allclose(found[0].ravel(), own.values, rtol=1e-6)
            if not target.classes
            else (found[0].tolist() == own.words)
        )


def test_what_onnx_cannot_say_is_refused_with_the_reason() -> None:
    cube = cr.Activation("cube", f=lambda z: z**3, df=lambda z, a: 3 * z**2)
    with pytest.raises(ValueError, match="layer 1: ONNX cannot say the activation 'cube'"):
        export.to_onnx(cr.Network([2, 3, 1], hidden=cube))
    frame = pd.DataFrame({"w": ["", "a", None, "b"] * 10})
    fitted = BackpropRegressor(max_iter=1).fit(frame, np.arange(40.0))
    with pytest.raises(ValueError, match="cannot say the category '' of column 'w'"):
        export.to_onnx(fitted)
    with pytest.raises(TypeError, match="takes a fitted estimator, a TableModel or a Network"):
        export.to_onnx(BackpropRegressor())


def test_an_export_that_differs_is_not_written(tmp_path: Any) -> None:
    broken = replace(ACTIVATIONS["tanh"](), onnx=lambda g, z: g.op("Sigmoid", z))
    with pytest.raises(ValueError, match=r"differ by .* from our own: it was not written"):
        export.to_onnx(cr.Network([2, 3, 1], hidden=broken), tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()


def test_every_activation_has_a_writer() -> None:
    assert all(factory().onnx for factory in ACTIVATIONS.values())


@pytest.mark.parametrize("name", [*HIDDEN, "exp"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations_far_from_zero(name: str, dtype: str) -> None:
    net = cr.Network([1, 1, 1], hidden=name, dtype=dtype, init="zeros")
    net.W[1][...] = net.W[2][...] = 1
    X = np.array([[-80.0], [-20.0], [-1.0], [0.0], [1.0], [20.0], [80.0]], dtype)
    found = session(export.to_onnx(net, X=X)).run(None, {"X": X})[0]
    np.testing.assert_allclose(found, net.predict(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["constant_0", "where_6", "isnan_0", "variable"])
def test_a_column_called_like_a_node(name: str) -> None:
    frame = pd.DataFrame({name: [1.0, 2.0, 3.0, None] * 10, "b": [1.0, 2.0, 3.0, 5.0] * 10})
    fitted = BackpropClassifier(max_iter=1, random_state=0).fit(frame, [0, 1, 1, 0] * 10)
    probabilities = session(export.to_onnx(fitted)).run(
        ["probabilities"], {n: frame[n].to_numpy()[:, None] for n in frame}
    )[0]
    np.testing.assert_allclose(probabilities, fitted.predict_proba(frame), atol=1e-6)


def test_a_column_called_like_an_output_is_refused_in_one_sentence() -> None:
    frame = pd.DataFrame({"label": [1.0, 2.0, 3.0, None] * 10})
    fitted = BackpropClassifier(max_iter=1, random_state=0).fit(frame, [0, 1, 1, 0] * 10)
    with pytest.raises(ValueError, match="cannot name an input 'label', as an output is called so"):
        export.to_onnx(fitted)


def test_ordered_words_are_given_as_words() -> None:
    from chainrule.tables.encoder import Encoder
    from chainrule.tables.model import TableModel
    from chainrule.tables.target import TargetEncoder
    from chainrule.tables.word_orders import with_orders

    sizes = np.empty(40, object)
    sizes[:] = ["S", "M", "L", None] * 10
    raw = Columns({"size": Column("size", "text", sizes)}, 40)
    rows = with_orders(raw, {"size": ("S", "M", "L")})
    encoder = Encoder.fit(rows)
    network = cr.Network([encoder.width, 3, 1], output="sigmoid", seed=0)
    target = TargetEncoder("y", "binary", ("no", "yes"), threshold=0.4)
    model = TableModel(network, encoder, target, {"settings": {"order": ["size=S,M,L"]}})
    words = np.array(["S", "M", "L", "", "XL"], object)[:, None]  # XL counts as a gap
    found = session(export.to_onnx(model, X=rows)).run(None, {"size": words})
    own = model.predict(rows.take(np.array([0, 1, 2, 3, 3])))
    np.testing.assert_allclose(found[1], own.probabilities, atol=1e-12)
    assert found[0].tolist() == own.words
