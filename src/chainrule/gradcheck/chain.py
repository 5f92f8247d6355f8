"""The chain of layers that was checked, as the notes' picture with the wrong box hatched."""

from __future__ import annotations

from dataclasses import replace
from html import escape

from ..architecture import architecture
from ..drawing.layer_level import layer_picture
from ..drawing.svg import svg
from .report_record import Chain, ReportRecord
from .user_network.model import UserNetwork
from .verdicts import WRONG


def chain_of(model: UserNetwork) -> Chain | None:
    """Return the shape of a user's network; None where it is no chain of affine layers to a cost.

    Its layers have the names of their W and b in the code.
    """
    Ws = [layer.W for layer in model.layers if layer.W is not None]
    if model.cost is None or len(Ws) < len(model.layers):
        return None
    sizes = [Ws[0].shape[1], *(len(W) for W in Ws)]
    *hidden, output = [layer.f for layer in model.layers]
    try:
        shape = architecture(sizes, hidden, output, model.cost, 0, "float64", 0.0, 0.0, 0.0, None)
    except (ValueError, TypeError):  # a cost that our networks do not have with this output
        return None
    return Chain(shape, tuple((layer.W_name, layer.b_name) for layer in model.layers))


def wrong_box(report: ReportRecord) -> str | None:
    """Return the key of the first wrong box on the way back; None if no array is wrong.

    In the layer of the diagnosis, or else the last with a wrong array: where W's and b's gradients
    are wrong it is dz, which both come from; where one is, that one; where none is, what the layer
    passes on, da of the layer below.
    """
    wrong = {t.name for t in report.tensors if t.count(WRONG)}
    if report.chain is None or not wrong:
        return None
    names = report.chain.names
    layers = [d.layer for d in report.diagnoses if d.layer is not None]
    spoilt = [l for l, pair in enumerate(names, 1) if wrong & set(pair)]
    l = layers[0] if layers else max(spoilt, default=0)
    if not l:
        return None
    W, b = names[l - 1]
    if W not in wrong and b not in wrong:
        return f"da-{l - 1}"
    # Without a bias dW alone is seen; that of the layers below is wrong too where dz is.
    if (W in wrong and b in wrong) or (not b and any(below < l for below in spoilt)):
        return f"g-{l}"
    return f"dW-{l}" if W in wrong else f"db-{l}"


def chain_picture(report: ReportRecord) -> str:
    """Return the picture with its caption as HTML; "" without a chain or without a wrong array."""
    key = wrong_box(report)
    if key is None or report.chain is None:
        return ""
    counts = {t.name: (t.count(WRONG), t.analytic.size) for t in report.tensors}
    verdicts = {}
    for l, names in enumerate(report.chain.names, 1):
        for kind, name in zip(("dW", "db"), names, strict=True):
            wrong, size = counts.get(name, (0, 0))
            words = f"✗ {wrong} of {size}" if wrong else "✓" if size else "none"
            verdicts[f"{kind}-{l}"] = words
    drawn = layer_picture(report.chain.architecture, with_legend=False)
    boxes = tuple(
        replace(
            box,
            lines=(box.lines[0], verdicts[box.key]) if box.key in verdicts else box.lines,
            marked=box.key == key,
        )
        for box in drawn.boxes
    )
    drawing = svg(replace(drawn, boxes=boxes), name="checked")
    sentences = [str(d) for d in report.diagnoses[:1]]
    words = escape(" ".join(["The first wrong box on the way back is hatched.", *sentences]))
    return f'<figure class="cr-chain">{drawing}<figcaption>{words}</figcaption></figure>'
