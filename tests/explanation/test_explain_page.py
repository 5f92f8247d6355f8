"""The page without a browser: what it holds, how large it is, what it refuses; trouble; reports."""

import base64
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.explanation import findings
from chainrule.explanation.inline_assets import pack
from chainrule.mathematics.activations import Activation

pytest.importorskip("jinja2")


def data_of(page: cr.explanation.Page) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.html, re.S)
    assert found
    return json.loads(found[1])


def unpack(packed: dict) -> np.ndarray:
    """Read what ``pack`` wrote, by rules of its own: planes of bytes, the leading ones first."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), np.uint8)
    count = int(np.prod(packed["shape"]))
    whole = np.zeros((packed["width"], count), np.uint8)
    whole[: packed["keep"]] = planes.reshape(packed["keep"], count)
    dtype = {8: ">f8", 4: ">f4"}[packed["width"]]
    return np.frombuffer(whole.T.tobytes(), dtype).reshape(packed["shape"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_packing_keeps_every_bit(dtype: type) -> None:
    values = np.random.default_rng(0).normal(size=(7, 5)).astype(dtype)
    values[0, :4] = [np.nan, np.inf, -0.0, np.finfo(dtype).tiny]
    np.testing.assert_array_equal(unpack(pack(values)), values)
    assert np.signbit(unpack(pack(values))[0, 2])


def test_shortened_numbers_are_rounded_to_the_nearest() -> None:
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32) * 1e3
    values[:3] = [np.nan, np.inf, np.finfo(np.float32).max]
    found = unpack(pack(values, 3))
    assert np.isnan(found[0])
    assert found[1] == np.inf
    assert np.isfinite(found[2])
    np.testing.assert_allclose(found[3:], values[3:], rtol=2.0**-16)
    with pytest.raises(TypeError, match="float32"):
        pack(values.astype(np.float64), 3)


def wide() -> tuple[cr.Network, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 30))
    return cr.Network([30, 64, 32, 1], hidden="relu", output="sigmoid"), X, (X[:, 0] > 0) * 1


def test_a_page_of_50_epochs_is_under_a_megabyte_and_asks_nothing() -> None:
    net, X, y = wide()
    history = net.fit(X, y, epochs=50, tolerance=None, record="explain", progress=False)
    page = cr.explain(net, X, y, history=history)
    assert len(page.html.encode()) < 1_000_000
    found = data_of(page)
    assert len(found["rows"]) == 100
    assert found["snapshots"]["epochs"] == [epoch for epoch, _ in history.snapshots]
    np.testing.assert_array_equal(unpack(found["theta"]), net.theta)
    np.testing.assert_array_equal(unpack(found["X"]), X)
    # No address but those that name XML's vocabularies, and none in an attribute that loads.
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", page.html))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML"}
    assert not re.search(r"<(link|img|iframe|object|embed)\b|\ssrc=|url\((?!#)", page.html)
    assert "default-src 'none'" in page.html


def test_a_large_network_stays_under_five_megabytes() -> None:
    rng = np.random.default_rng(0)
    net = cr.Network([784, 128, 10], hidden="relu", output="softmax", dtype="float64")
    X, y = rng.normal(size=(200, 784)), rng.integers(10, size=200)
    drift = rng.normal(size=net.theta.shape)
    history = cr.History()
    history.snapshots = [(k, net.theta + (30 - k) * drift) for k in range(31)]
    page = cr.explain(net, X, y, history=history)
    assert len(page.html.encode()) < 5_000_000
    found = data_of(page)
    assert 5 <= len(found["snapshots"]["epochs"]) < 30
    assert found["snapshots"]["epochs"][0] == 0
    assert found["snapshots"]["epochs"][-1] == 30


def test_the_row_asked_for_is_taken_along() -> None:
    net, X, y = wide()
    found = data_of(cr.explain(net, X, y, row=37, samples=5, first_row=1))
    assert found["rows"][found["start"]] == 38
    assert len(found["rows"]) == 5
    np.testing.assert_array_equal(unpack(found["X"])[found["start"]], X[37])


def test_a_page_writes_itself_and_says_its_size(tmp_path: Path) -> None:
    net, X, y = wide()
    page = cr.explain(net, X, y, title="Mine")
    page.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page.html
    assert re.fullmatch(r"<Page 'Mine', 0\.\d\d MB>", repr(page))
    assert page._repr_html_().startswith("<iframe")
    assert "<script" not in page._repr_html_()


def test_the_kept_epoch_is_the_last_on_the_slider() -> None:
    net, X, y = wide()
    history = net.fit(X, y, epochs=8, validation=0.3, patience=20, record="explain", progress=False)
    assert net.history is history
    assert net.copy().history is None
    net.theta = net.theta + 0.5
    found = data_of(cr.explain(net, X, y))["snapshots"]
    assert found["names"][-1].startswith("as trained")
    np.testing.assert_allclose(unpack(found["theta"])[-1], net.theta, rtol=1e-4)


def test_what_cannot_be_shown_is_said() -> None:
    net, X, y = wide()
    with pytest.raises(ValueError, match="inputs has 2 names, and the network has 30"):
        cr.explain(net, X, y, inputs=["a", "b"])
    with pytest.raises(ValueError, match="row 100 is not there"):
        cr.explain(net, X, y, row=100)
    with pytest.raises(ValueError, match="samples must be at least 1"):
        cr.explain(net, X, y, samples=0)
    other = cr.Network([30, 1], output="sigmoid")
    history = other.fit(X, y, epochs=1, record="explain", progress=False, tolerance=None)
    with pytest.raises(ValueError, match="history of another network"):
        cr.explain(net, X, y, history=history)
    huge = cr.Network([2000, 1000, 1], output="sigmoid")
    with pytest.raises(ValueError, match="at most 1,500,000"):
        cr.explain(huge, np.zeros((1, 2000)), [1])
    opaque = Activation("mine", f=np.tanh, df=lambda z, a: 1 - a * a)
    strange = cr.Network([2, 3, 1], hidden=opaque, output="sigmoid")
    with pytest.raises(ValueError, match="activation 'mine' is your own"):
        cr.explain(strange, [[1.0, 2.0]], [1])


def test_own_records_that_can_be_followed_are_shown() -> None:
    pytest.importorskip("sympy")
    cube = Activation("cube", f=lambda z: z**3, df=lambda z, a: 3 * z**2)
    net = cr.Network([2, 3, 1], hidden=cube, output="sigmoid")
    assert "Math.pow(z, 3)" in cr.explain(net, [[1.0, 2.0]], [1]).html


def test_findings_name_what_is_wrong() -> None:
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(20, 3)), rng.integers(2, size=20)
    net = cr.Network([3, 4, 4, 1], hidden="relu", output="sigmoid", seed=0)
    net.b[1][:] = 5.0
    net.b[2][:] = 5.0
    assert findings(net, X, y) == []
    net.b[1][1] = -50.0
    (dead,) = findings(net, X, y)
    assert (dead.kind, dead.layers, dead.units) == ("dead", (1,), (1,))
    assert "1 of 4 units (1) is dead" in str(dead)
    net.theta[0] = np.nan
    assert findings(net, X, y)[0].kind == "broken"
    flat = cr.Network([3, 4, 1], hidden="tanh", output="sigmoid", seed=0)
    flat.b[1][[0, 2]] = 30.0
    assert [(f.kind, f.units) for f in findings(flat, X, y)] == [("saturated", (0, 2))]
    deep = cr.Network([3, *[4] * 12, 1], hidden="sigmoid", output="sigmoid", seed=0)
    assert "vanishing" in [f.kind for f in findings(deep, X, y)]
    steep = cr.Network([3, *[4] * 8, 1], hidden="identity", output="identity", seed=0)
    steep.theta *= 12
    assert "exploding" in [f.kind for f in findings(steep, X, y)]


def test_a_page_of_a_table_model_moves_through_the_snapshots_of_its_file(tmp_path: Path) -> None:
    from chainrule.explanation.table_page import table_page
    from chainrule.tables.columns import Column, Columns
    from chainrule.tables.fit import fit_columns
    from chainrule.tables.model import TableModel
    from chainrule.tables.settings import Choices

    x = np.random.default_rng(0).normal(size=(60, 2))
    columns = {f"x{i}": Column(f"x{i}", "float", x[:, i]) for i in range(2)}
    rows = Columns(columns | {"y": Column("y", "float", x @ [2.0, -1.0])}, 60)
    fit_columns(rows, "y", Choices(hidden=(3,), epochs=9)).model.save(tmp_path / "model")
    model = TableModel.load(tmp_path / "model")
    data = data_of(table_page(model, rows, model.encoder.transform(rows, np.float32)))
    epochs, thetas = data["snapshots"]["epochs"], unpack(data["snapshots"]["theta"])
    assert epochs[:10] == list(range(10))
    assert len(data["history"]["cost"]) == 9
    for theta, (_, recorded) in zip(thetas, model.snapshots, strict=False):
        np.testing.assert_allclose(theta, recorded, rtol=2.0**-15)
