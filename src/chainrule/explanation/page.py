"""The page: both passes of one's own network, step by step, in one file that needs no network."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import numpy as np
import numpy.typing as npt

from ..drawing.layer_level import layer_picture
from ..drawing.picture import MEANINGS, Picture, clean, entries
from ..drawing.svg import HATCH, icon, svg
from ..files.atomic import write_atomically
from ..mathematics.costs import smooth
from ..mathematics.layers import Dropout
from ..model import Model
from .assets import compact, embedded_json, kernels, template, words
from .checks import history_of, model_of, names_of, whole
from .pagedata import (
    MOST_PARAMETERS,
    map_places,
    own_values,
    page_data,
    page_functions,
    page_rows,
    plain_spec,
    telling_row,
    training_settings,
)
from .sample_passes import Sample, backward_of, da_of, sample_of
from .unit_layout import Names, telling_units
from .unit_level import unit_picture

if TYPE_CHECKING:
    from ..training.history import History

SCRIPTS = (
    "numbers.js",
    "words.js",
    "mathml.js",
    "propagation.js",
    "faults.js",
    "numerical.js",
    "optimizers.js",
    "kernels.js",
    "gradient_flow.js",
    "picture.js",
    "steps.js",
    "tables.js",
    "samples.js",
    "keys.js",
    "chain.js",
    "hold.js",
    "maps.js",
    "debug.js",
    "training.js",
    "read.js",
    "address.js",
    "paper.js",
    "main.js",
)
Say = Callable[[str], str]
# Deep networks show fewer units of each layer, to keep the picture readable and the page small.
_DEEP, _MOST, _MOST_DEEP = 4, 8, 5
# Of no size, so that both pictures of the page can fill a box with it, whichever is in sight.
_HATCH = (
    '<svg width="0" height="0" aria-hidden="true" style="position:absolute">'
    f"<defs>{HATCH}</defs></svg>"
)


@dataclass(frozen=True, slots=True)
class Page:
    """A self-contained HTML page; a notebook shows it, ``save`` writes it.

    ``style`` gives the height of a notebook's frame: the drawing's own where it is shown alone.
    """

    html: str
    title: str
    style: str = "height:min(720px,92vh)"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page atomically; it opens from disk and asks the network for nothing."""
        write_atomically(path, self.html.encode())

    def _repr_html_(self) -> str:
        frame = f'sandbox="allow-scripts" style="border:0;width:100%;{self.style}"'
        return (
            f'<iframe title="{escape(self.title)}" srcdoc="{escape(self.html)}" {frame}></iframe>'
        )

    def __repr__(self) -> str:
        return f"<Page {self.title!r}, {len(self.html.encode()) / 1e6:.2f} MB>"


def explain(
    net: Model,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    history: History | None = None,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    row: int | None = None,
    samples: int = 100,
    first_row: int = 0,
    title: str | None = None,
    notes: Sequence[str] = (),
    own: Sequence[Sequence[str]] | None = None,
    target: tuple[float, float] | None = None,
    training: Mapping[str, Any] | None = None,
    at: str = "",
    language: str = "en",
) -> Page:
    """Return a page that shows forward and backward propagation of the network on X and y.

    ``X`` (m, n_0) and ``y`` as ``Network.fit`` takes them. ``history``: that of a training with
    ``record="explain"``, for the slider over epochs; the network's last if None. ``inputs`` and
    ``outputs`` are names of the columns and of the outputs. ``row`` is the sample shown first, by
    default one whose cost is near the median; at most ``samples`` rows are taken along, evenly
    spread; ``first_row`` is the number of the first row of X. ``notes`` are sentences about the
    data, such as what was done to the columns. ``own`` (m, n_0) are the columns' own values as
    text, ``target`` is (mean, scale) with which an output is turned into its own unit. ``training``
    has ``optimizer``, ``learning_rate`` and ``batch_size`` for training in the page. ``at`` is a
    state as the page's address has it behind ``#``; ``language`` is ``"en"`` or ``"de"``. Dropout
    is off, as in prediction.

    Raises ValueError for names that do not fit, a row that is not there, an input that is not
    finite, a network too large for a page, and one's own activation or cost that cannot be
    followed on symbols; ImportError naming the extra if SymPy or jinja2 is missing.

    >>> from chainrule import Network
    >>> net = Network([2, 3, 1], hidden="tanh", output="sigmoid")
    >>> page = explain(net, [[1.0, 2.0], [0.5, -1.0]], [1, 0])
    >>> page.html[:15]
    '<!doctype html>'
    """
    _refuse_large(model_of(net))
    history = history_of(history, net)
    samples, first_row = whole("samples", samples), whole("first_row", first_row)
    names = Names(
        names_of("inputs", inputs, net.sizes[0]), names_of("outputs", outputs, net.sizes[-1])
    )
    rows = page_rows(net, X, y, row, samples)
    row = telling_row(net, X, y, rows) if row is None else row
    drawn, slots = _units(sample_of(net, X, y, row), names)
    data = page_data(net, X, y, rows, row, names, history) | {
        "slots": slots,
        "maps": map_places(drawn),
        "own": own_values(own, rows),
        "target": None if target is None else {"mean": target[0], "scale": target[1]},
        "training": training_settings(training, len(np.asarray(X))),
        "at": str(at),
    }
    data["rows"] = [number + first_row for number in data["rows"]]
    say = _speaker(language)
    sizes = "-".join(map(str, net.sizes))
    title = str(title or "") or say("Both passes of a {0} network").format(sizes)
    sentences = [*notes_on(net, data["rows"], len(np.asarray(X)), say), *map(clean, notes)]
    html = _render(net, title, sentences, data, drawn, language)
    state = dict(parse_qsl(data["at"]))
    if state.get("only") != "picture":
        return Page(html, title)
    alone = drawn if state.get("level") == "units" else layer_picture(net.architecture, False)
    return Page(html, title, f"aspect-ratio:{alone.width:g}/{alone.height:g}")


def _refuse_large(net: Model) -> None:
    if len(net.theta) > MOST_PARAMETERS:
        raise ValueError(
            f"the network has {len(net.theta):,} parameters, and a page holds at most "
            f"{MOST_PARAMETERS:,}: use illustrate for a picture, expand for the chain rule"
        )


def _units(sample: Sample, names: Names) -> tuple[Picture, list[int]]:
    """Draw the units of a sample; return the picture and how many of each layer are drawn."""
    sizes, backward = sample.net.sizes, backward_of(sample)
    most = _MOST if len(sizes) <= _DEEP else _MOST_DEEP
    units = telling_units(sizes, sample.a, da_of(backward), most)
    few = sizes[0] <= 2
    picture = unit_picture(sample, backward, names, most, units, with_legend=False, thumbs=few)
    # The page writes the words of each weight itself, as they are now.
    lines = tuple(replace(line, title="") for line in picture.lines)
    return replace(picture, lines=lines), [len(column) for column in units]


def _speaker(language: str) -> Say:
    """Return what turns the page's English words into those of a language."""
    table = words(language)
    return lambda english: table.get(english, english)


def _render(
    net: Model,
    title: str,
    notes: Sequence[str],
    data: Mapping[str, Any],
    drawn: Picture,
    language: str,
) -> str:
    """Put template, style, script and data together; the script's digest lets it alone run."""
    from .. import __version__

    functions = page_functions(net)
    body = "\n".join(compact(name) for name in SCRIPTS)
    script = f'(() => {{\n"use strict";\nconst FUNCTIONS = {functions};\n{body}\n}})();\n'
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    html: str = template("page.html").render(
        title=clean(title),
        _=_speaker(language),
        language=language,
        words=embedded_json(words(language)),
        summary=summary(net, _speaker(language)),
        notes=notes,
        style=compact("base.css") + compact("page.css"),
        script=script,
        script_hash=f"sha256-{digest}",
        data=embedded_json(data),
        kernels=kernels(),
        layers_svg=svg(layer_picture(net.architecture, False), style=False, name="layers"),
        units_svg=svg(drawn, style=False, name="units"),
        hatch=_HATCH,
        legend=[
            (icon(e), words(language).get(e.meaning, e.meaning), "units" if e.line else "layers")
            for e in entries(tuple(MEANINGS), weights=True)
        ],
        version=__version__,
    )
    return html


def summary(net: Model, say: Say = str) -> str:
    """Say in one line what the network is."""
    fs = ", ".join(f.spec for f in net.activations)
    sizes = "-".join(map(str, net.sizes))
    count, cost = f"{len(net.theta):,}", plain_spec(net.cost)
    line = say("{0} units; activations {1}; cost {2}; {3} parameters of {4}")
    return line.format(sizes, fs, cost, count, net.dtype.name)


def notes_on(net: Model, rows: Sequence[int], m: int, say: Say = str) -> list[str]:
    """Say what a reader of the page should know about this network and the samples taken along."""
    notes = []
    if any(isinstance(layer, Dropout) for layer in net.layers):
        notes.append(say("Dropout is off on this page, as it is in prediction."))
    if net.dtype == np.float32:
        notes.append(say("The parameters are float32; this page computes with them in float64."))
    smoothing = net.cost.settings.get("smoothing", 0.0)
    if smoothing:
        one, zero = (smooth(np.full((1, net.sizes[-1]), y), smoothing)[0, 0] for y in (1.0, 0.0))
        words_on_y = say("y is smoothed, as in training: 1 is {0} here, and 0 is {1}.")
        notes.append(words_on_y.format(f"{one:.4g}", f"{zero:.4g}"))
    if len(rows) < m:
        spread = say("The page holds {0} of {1} samples, evenly spread.")
        notes.append(spread.format(len(rows), f"{m:,}"))
    return notes
