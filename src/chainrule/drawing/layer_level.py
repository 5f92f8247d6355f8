"""The illustration of the notes: both passes, a box for each function, output and cached z.

Forward runs from left to right above, backward from right to left below; what stands below a^l
is da^l, and the dashed line from f^l to its backward function carries z^l.
"""

from __future__ import annotations

from dataclasses import replace

from ..architecture import Architecture
from ..mathematics.layers import Layer, kinds_beyond_the_notes
from .folding import Cut, cut_out, equal_layers
from .notation import layered
from .picture import MEANINGS, Box, Label, Line, Picture, entries, legend
from .render_text import text

PITCH = 210.0
GAP = 130.0
LEFT = 56.0
WEIGHTS, FORWARD, CACHE, BACKWARD, GRADIENTS = 36.0, 116.0, 200.0, 284.0, 364.0
_FUNCTION = (96.0, 54.0)
_VALUE = (72.0, 44.0)


def layer_picture(net: Architecture, with_legend: bool = True, fold: bool = False) -> Picture:
    """Lay out both passes of a network at the level of layers.

    ``fold``: of equal layers in a row draw the first and the last, and say how many are between.
    """
    last = len(net.sizes) - 1
    boxes = [*_forward(net, last), *_cost(net, last), *_backward(net, last), *_other_kinds(net)]
    width = LEFT * 2 + PITCH * (last + 0.5)
    drawn = Picture(width, 0, "", "", tuple(_lines(last)), tuple(boxes), ())
    if fold:
        drawn = cut_out(drawn, _cuts(net), GAP, CACHE)
    key, height = legend(LEFT - 36, GRADIENTS + 62, drawn.width - 40, entries(tuple(MEANINGS)))
    labels = (
        *key.labels,
        *drawn.labels,
        Label("row-forward", 16, FORWARD - 36, "forward →", "start", 14),
        Label("row-backward", 16, BACKWARD - 38, "← backward", "start", 14),
    )
    fs = ", ".join(f.spec for f in net.activations)
    title = f"Forward and backward propagation of {'-'.join(map(str, net.sizes))}"
    description = (
        f"{last} layers with {fs}. Forward: each function f takes a of the layer before, W and b, "
        "caches z and gives a. Backward: each function takes da and the cached z and gives dW, db "
        "and da of the layer before."
    )
    top = GRADIENTS + 62 + height
    if not with_legend:
        top, key, labels = GRADIENTS + 30, replace(key, boxes=()), labels[len(key.labels) :]
    shapes = (*drawn.boxes, *key.boxes)
    return Picture(drawn.width, top, title, description, drawn.lines, shapes, labels)


def _cuts(net: Architecture) -> list[Cut]:
    """Return the strips of equal layers between the first and the last of each run."""
    half = _VALUE[0] / 2
    return [
        Cut(
            _at(first) + half,
            _at(last - 1) + half,
            (
                f"… {last - first - 1} more …",
                f"as layer {first}: {net.activations[first - 1].name}",
            ),
        )
        for first, last in equal_layers(net)
    ]


def _at(l: float) -> float:
    return LEFT + PITCH * l


def _name(v: str, l: int) -> str:
    return text(layered(v, l))


def _value(key: str, role: str, l: float, y: float, lines: tuple[str, ...], title: str) -> Box:
    return Box(key, role, _at(l), y, *_VALUE, lines, title)  # type: ignore[arg-type]


def _forward(net: Architecture, last: int) -> list[Box]:
    sizes, boxes = net.sizes, []
    boxes.append(
        _value("a-0", "input", 0, FORWARD, (f"x = {_name('a', 0)}", f"{sizes[0]}"), "the inputs x")
    )
    for l, f in enumerate(net.activations, 1):
        middle = l - 0.5
        shape = f"{sizes[l]} × {sizes[l - 1]}"
        title = f"the weights W ({shape}) and biases b ({sizes[l]}) of layer {l}"
        names = f"{_name('W', l)}, {_name('b', l)}"
        boxes.append(Box(f"W-{l}", "input", _at(middle), WEIGHTS, 96, 44, (names, shape), title))
        boxes.append(
            Box(
                f"f-{l}",
                "function",
                _at(middle),
                FORWARD,
                *_FUNCTION,
                (_name("f", l), f.name),
                f"forward of layer {l}: z = W a + b, a = {f.name}(z)",
            )
        )
        boxes.append(
            Box(
                f"z-{l}",
                "cache",
                _at(middle),
                CACHE,
                *_VALUE,
                (_name("z", l), f"{sizes[l]}"),
                f"z of layer {l}, cached on the way forward and used on the way back",
            )
        )
        name = _name("a", l) if l < last else f"ŷ = {_name('a', l)}"
        role, what = ("inner", "the output") if l < last else ("output", "the prediction ŷ")
        boxes.append(
            _value(f"a-{l}", role, l, FORWARD, (name, f"{sizes[l]}"), f"{what} of layer {l}")
        )
    return boxes


def _other_kinds(net: Architecture) -> list[Box]:
    """Return a labelled box with its formula for each place with layers that have no drawing."""
    ends = [view.at + 1 for view in net.numbered]
    beyond: dict[int, list[Layer]] = {}
    for at, layer in enumerate(net.layers):
        if kinds_beyond_the_notes([layer]):
            beyond.setdefault(sum(at > end for end in ends), []).append(layer)
    return [
        Box(
            f"kind-{l}",
            "function",
            _at(l),
            WEIGHTS,
            92,
            44,
            (", ".join(layer.kind for layer in layers), "; ".join(x.formula for x in layers)),
            f"between layer {l} and the next: {', '.join(x.kind for x in layers)}",
        )
        for l, layers in beyond.items()
    ]


def _cost(net: Architecture, last: int) -> list[Box]:
    x = last + 0.5
    return [
        Box("y", "input", _at(x), WEIGHTS, *_VALUE, ("y", f"{net.sizes[-1]}"), "the targets y"),
        Box(
            "cost",
            "function",
            _at(x),
            FORWARD,
            *_FUNCTION,
            ("cost", net.cost.name.replace("_", " ")),
            f"the cost {net.cost.name} of ŷ and y",
        ),
        Box("J", "output", _at(x), CACHE, *_VALUE, ("J",), "the cost J of this sample"),
    ]


def _backward(net: Architecture, last: int) -> list[Box]:
    sizes, boxes = net.sizes, []
    title = "dJ/da of the output: what the way back starts from"
    boxes.append(
        _value(f"da-{last}", "input", last, BACKWARD, (_name("da", last), f"{sizes[-1]}"), title)
    )
    for l in range(last, 0, -1):
        middle, below = l - 0.5, l - 1
        boxes.append(
            Box(
                f"g-{l}",
                "function",
                _at(middle),
                BACKWARD,
                *_FUNCTION,
                (f"∂{_name('f', l)}", "chain rule"),
                f"backward of layer {l}: dz = da f'(z), then dW, db and da of layer {below}",
            )
        )
        for offset, key, shape in (
            (-0.19, "dW", f"{sizes[l]} × {sizes[l - 1]}"),
            (0.19, "db", f"{sizes[l]}"),
        ):
            title = f"the gradient of J by {key[1:]} of layer {l}"
            words = (_name(key, l), shape)
            boxes.append(_value(f"{key}-{l}", "output", middle + offset, GRADIENTS, words, title))
        role = "inner" if below else "output"
        what = f"the gradient of J by a of layer {below}" if below else "the gradient of J by x"
        boxes.append(
            _value(
                f"da-{below}", role, below, BACKWARD, (_name("da", below), f"{sizes[below]}"), what
            )
        )
    return boxes


def _lines(last: int) -> list[Line]:
    half_f, half_v = _FUNCTION[0] / 2, _VALUE[0] / 2
    up, down = _FUNCTION[1] / 2, _VALUE[1] / 2
    lines = []

    def arrow(key: str, *points: tuple[float, float]) -> None:
        lines.append(Line(key, points))

    for l in range(1, last + 1):
        x, before, after = _at(l - 0.5), _at(l - 1), _at(l)
        arrow(f"in-{l}", (before + half_v, FORWARD), (x - half_f, FORWARD))
        arrow(f"out-{l}", (x + half_f, FORWARD), (after - half_v, FORWARD))
        arrow(f"par-{l}", (x, WEIGHTS + down), (x, FORWARD - up))
        cached = ((x, FORWARD + up), (x, CACHE - down))
        lines.append(Line(f"cached-{l}", cached, "cache"))
        lines.append(Line(f"reused-{l}", ((x, CACHE + down), (x, BACKWARD - up)), "cache"))
        arrow(f"back-in-{l}", (after - half_v, BACKWARD), (x + half_f, BACKWARD))
        arrow(f"back-out-{l}", (x - half_f, BACKWARD), (before + half_v, BACKWARD))
        for key, offset in (("dW", -0.19), ("db", 0.19)):
            aside = x + offset * PITCH
            arrow(f"{key}-out-{l}", (x + offset * 90, BACKWARD + up), (aside, GRADIENTS - down))
    cost = _at(last + 0.5)
    arrow("cost-in", (_at(last) + half_v, FORWARD), (cost - half_f, FORWARD))
    arrow("cost-y", (cost, WEIGHTS + down), (cost, FORWARD - up))
    arrow("cost-J", (cost, FORWARD + up), (cost, CACHE - down))
    arrow("cost-da", (cost, CACHE + down), (cost, BACKWARD), (_at(last) + half_v, BACKWARD))
    return lines
