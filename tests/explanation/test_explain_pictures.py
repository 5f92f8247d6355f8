"""The illustration: its boxes, that none overlap, folding, names as text, SVG and PNG."""

import struct
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import chainrule as cr
from chainrule.drawing.layer_level import layer_picture
from chainrule.drawing.picture import COLOURS, Picture
from chainrule.explanation import Names
from chainrule.explanation.sample_passes import backward_of, da_of, sample_of
from chainrule.explanation.unit_layout import telling_units
from chainrule.explanation.unit_level import unit_picture
from chainrule.mathematics.layers import Scale

NS = "{http://www.w3.org/2000/svg}"


def network(*sizes: int, **settings: object) -> cr.Network:
    return cr.Network(list(sizes), hidden="tanh", output="identity", seed=0, **settings)


def data(net: cr.Network, m: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(m, net.sizes[0])), rng.normal(size=(m, net.sizes[-1]))


def units(net: cr.Network, names: Names | None = None, most: int = 8) -> Picture:
    sample = sample_of(net, *data(net), 0)
    return unit_picture(sample, backward_of(sample), names, most)


@pytest.mark.parametrize("sizes", [(2, 1), (2, 3, 2, 1), (3, *[4] * 29, 2), (7, 5000, 10)])
def test_nothing_overlaps_and_nothing_leaves_the_picture(sizes: tuple[int, ...]) -> None:
    net = network(*sizes)
    for picture in (layer_picture(net.architecture), units(net)):
        boxes = picture.boxes
        for box in boxes:
            assert box.width / 2 <= box.x <= picture.width - box.width / 2
            assert box.height / 2 <= box.y <= picture.height - box.height / 2
        for one, other in combinations(boxes, 2):
            apart_x = abs(one.x - other.x) >= (one.width + other.width) / 2
            apart_y = abs(one.y - other.y) >= (one.height + other.height) / 2
            assert apart_x or apart_y, (one.key, other.key)
        for label in picture.labels:
            assert 0 <= label.x <= picture.width
            assert 0 <= label.y <= picture.height
        keys = [shape.key for shape in (*boxes, *picture.lines, *picture.labels)]
        assert len(set(keys)) >= len(keys) - 5  # only a legend's shape and word share a key


def test_the_layer_level_has_every_box_of_the_notes_in_its_role() -> None:
    picture = layer_picture(network(2, 3, 2, 1).architecture)
    roles = {box.key: box.role for box in picture.boxes}
    for l in (1, 2, 3):
        assert roles[f"f-{l}"] == roles[f"g-{l}"] == "function"
        assert roles[f"z-{l}"] == "cache"
        assert roles[f"dW-{l}"] == roles[f"db-{l}"] == "output"
        assert roles[f"W-{l}"] == "input"
    assert roles["a-0"] == roles["da-3"] == roles["y"] == "input"
    assert roles["a-1"] == roles["a-2"] == roles["da-1"] == roles["da-2"] == "inner"
    assert roles["a-3"] == roles["da-0"] == roles["J"] == "output"
    dashed = {line.key for line in picture.lines if line.kind == "cache"}
    assert dashed == {f"{way}-{l}" for way in ("cached", "reused") for l in (1, 2, 3)}
    assert {COLOURS[r] for r in ("function", "input", "inner", "output")} == {
        "#74b9ff",
        "#fdefc4",
        "#55efc4",
        "#ff7675",
    }


def test_svg_is_well_formed_and_its_text_is_text() -> None:
    net = network(2, 3, 1)
    tree = ElementTree.fromstring(cr.illustrate(net).svg())
    words = [element.text for element in tree.iter(f"{NS}text")]
    for word in ("f¹", "x = a⁰", "z²", "dW¹", "db²", "da⁰", "ŷ = a²", "J", "3 × 2"):
        assert word in words
    assert tree.find(f"{NS}title").text.startswith("Forward and backward propagation of 2-3-1")
    # Every role has a shape of its own, not only a colour.
    shapes = {}
    for group in tree.iter(f"{NS}g"):
        role = group.get("class").split()[-1]
        drawn = [
            (e.tag, e.get("rx"), e.get("stroke-dasharray")) for e in group if "text" not in e.tag
        ]
        shapes.setdefault(role, {str([d for d in drawn if "title" not in d[0]])})
    assert len({min(v) for v in shapes.values()}) == len(shapes)


def test_units_show_the_numbers_of_both_passes() -> None:
    net = network(2, 3, 1)
    X, y = data(net)
    grads = net.backward(net.forward(X), y, per_sample=True)
    picture = cr.illustrate(net, X, y, level="units", row=2).picture
    trace = net.forward(X)
    own = net.J(X[2:3], y[2:3])
    cells = {
        box.key: float(box.lines[0].split("= ")[1].replace("−", "-"))
        for box in picture.boxes
        if box.lines and "= " in box.lines[0]
    }
    expected = {"J": own}
    for l, k in ((1, 0), (1, 1), (1, 2), (2, 0)):
        for name, array in (
            ("b", net.b[l]),
            ("z", trace.z[l][2]),
            ("a", trace.a[l][2]),
            ("db", grads.db[l][2]),
            ("dz", grads.dz[l][2]),
            ("da", grads.da[l][2]),
        ):
            expected[f"{name}-{l}-{k}"] = array[k]
    for k in (0, 1):
        expected[f"a-0-{k}"], expected[f"da-0-{k}"] = X[2, k], grads.da[0][2, k]
    expected["y-2-0"] = y[2, 0]
    assert set(cells) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(cells[key], value, rtol=6e-3, atol=1e-12, err_msg=key)
    lines = {line.key: line for line in picture.lines}
    assert sum(key.startswith("e-") for key in lines) == 9
    assert lines["e-1-2-0"].negative == (net.W[1][2, 0] < 0)
    # A stroke back is as wide as its share of the layer's largest dW.
    dW = np.abs(grads.dW[1][2])
    np.testing.assert_allclose(lines["d-1-2-0"].ink, dW[2, 0] / dW.max(), rtol=1e-12)
    assert lines["d-1-2-0"].points[0][0] > lines["d-1-2-0"].points[1][0]


def test_units_draw_every_output_of_up_to_ten_classes() -> None:
    keys = {box.key for box in units(network(3, 40, 10), most=5).boxes}
    assert {f"a-2-{k}" for k in range(10)} <= keys
    assert "a-1-3" in keys
    assert "a-1-4" not in keys


def test_wide_layers_fold_to_the_units_that_matter_most() -> None:
    net = network(20, 12, 3)
    X, y = data(net)
    sample = sample_of(net, X, y, 1)
    da = da_of(backward_of(sample))
    shown = telling_units(net.sizes, sample.a, da, 8)
    assert [len(column) for column in shown] == [7, 7, 3]
    for l in (0, 1):
        effect = np.abs(sample.a[l] * da[l])
        rest = np.setdiff1d(np.arange(net.sizes[l]), shown[l])
        assert effect[shown[l]].min() >= effect[rest].max()
    counts = [b.lines[1] for b in units(net).boxes if b.role == "more"]
    assert counts == ["13 more", "5 more"]


def test_broken_numbers_are_drawn_too() -> None:
    net = network(3, 20, 2)
    net.theta[:] = np.nan
    ElementTree.fromstring(cr.illustrate(net, *data(net), level="units").svg())


HOSTILE = ("<script>alert(1)</script>", "a\"'&\x00\x0b", "مرحبا\u202e", "long " * 200)


def test_names_are_escaped_and_clipped() -> None:
    net = network(4, 2, 4)
    picture = units(net, Names(HOSTILE, HOSTILE))
    from chainrule.drawing.svg import svg

    text = svg(picture)
    assert "<script>" not in text
    words = [e.text for e in ElementTree.fromstring(text).iter(f"{NS}text")]
    assert "<script>alert(1)</scr…"[:20] in [w[:20] for w in words if w]
    assert max(len(w or "") for w in words) < 40


@pytest.mark.parametrize("level", ["layers", "units"])
def test_files(tmp_path: Path, level: str) -> None:
    pytest.importorskip("matplotlib")
    net = network(2, 3, 1)
    found = cr.illustrate(net, *data(net), level=level)  # type: ignore[arg-type]
    found.save(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == found.svg() == found._repr_svg_()
    found.save(tmp_path / "a.png", scale=1.0)
    png = (tmp_path / "a.png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    assert abs(width - found.picture.width) <= 1
    assert abs(height - found.picture.height) <= 1
    with pytest.raises(ValueError, match=r"\.svg or \.png"):
        found.save(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"level": "neurons"}, "'layers' or 'units'"),
        ({"level": "units"}, "give X and y"),
        ({"level": "units", "X": [[1.0, 2.0]], "y": [1.0], "most": 1}, "at least 2"),
        ({"level": "units", "X": [[1.0, 2.0]], "y": [1.0], "row": 1}, "row 1 is not there"),
    ],
)
def test_what_cannot_be_drawn_is_said(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cr.illustrate(network(2, 3, 1), **settings)


def test_in_the_dark_the_cached_z_has_a_ground_of_its_own() -> None:
    # A notebook may be white while the system is dark: light text must not lie on its ground.
    drawn = cr.illustrate(cr.Network([2, 3, 1])).svg()
    dark = drawn[drawn.index("prefers-color-scheme:dark") : drawn.index("</style>")]
    assert ".cr-cache rect{fill:#14181b" in dark
    assert ".cr-cache text{fill:#e6eaec}" in dark


def test_layers_without_a_drawing_are_a_box_with_their_formula() -> None:
    net = cr.Network.from_layers([Scale(3), *network(3, 4, 1).layers], cost="squared_error", seed=0)
    (box,) = [box for box in layer_picture(net.architecture).boxes if box.key.startswith("kind-")]
    assert box.lines == ("scale", "s x")
    assert box.key == "kind-0"
    with pytest.raises(ValueError, match="layers of the kind scale"):
        cr.expand(net, *data(net))
    with pytest.raises(ValueError, match="layers of the kind scale"):
        cr.explain(net, *data(net))


def test_equal_layers_of_a_deep_network_are_folded() -> None:
    net = network(2, *[8] * 21, 1)
    folded = layer_picture(net.architecture, fold=True)
    keys = {box.key for box in folded.boxes}
    for l in (1, 2, 21, 22):
        assert {f"{kind}-{l}" for kind in ("W", "f", "z", "a", "g", "dW", "db", "da")} <= keys
    assert not {f"f-{l}" for l in range(3, 21)} & keys
    assert "… 18 more …" in {label.text for label in folded.labels}
    assert folded.width < 1300
    whole = layer_picture(net.architecture)
    # Nothing but the strip is another: what is left and right of it stands as it stood.
    for box in folded.boxes:
        (before,) = [one for one in whole.boxes if one.key == box.key]
        moved = before.x - box.x
        assert before.y == box.y or box.key.startswith("legend")
        assert box.key.startswith("legend") or moved in (0, whole.width - folded.width)
    left, right = min(b.x for b in folded.boxes), folded.width
    assert all(left <= x <= right for line in folded.lines for x, _ in line.points)
    assert layer_picture(network(2, 8, 8, 8, 8, 1).architecture, fold=True) == layer_picture(
        network(2, 8, 8, 8, 8, 1).architecture
    )
