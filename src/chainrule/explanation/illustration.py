"""The illustration: both passes of any network as one picture, as SVG or PNG."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy.typing as npt

from ..drawing.layer_level import layer_picture
from ..drawing.picture import Picture
from ..drawing.png import png
from ..drawing.svg import svg
from ..files.atomic import write_atomically
from ..mathematics.checks import POSITIVE, setting
from ..model import Model
from .checks import model_of, names_of, whole
from .sample_passes import backward_of, sample_of
from .unit_layout import Names
from .unit_level import unit_picture

Level = Literal["layers", "units"]


@dataclass(frozen=True, slots=True)
class Illustration:
    """A picture that a notebook shows and ``save`` writes as ``.svg`` or ``.png``."""

    picture: Picture

    def svg(self) -> str:
        """Return the picture as an SVG document; text stays text."""
        return svg(self.picture)

    def png(self, scale: float = 2.0) -> bytes:
        """Return the picture as PNG on white, ``scale`` dots a unit; needs matplotlib."""
        setting("png", "scale", scale, POSITIVE)
        return png(self.picture, scale)

    def save(self, path: str | os.PathLike[str], scale: float = 2.0) -> None:
        """Write the picture, as SVG or PNG by the ending of the name.

        Raises ValueError for another ending.
        """
        ending = Path(path).suffix.lower()
        if ending == ".svg":
            write_atomically(path, self.svg().encode())
        elif ending == ".png":
            write_atomically(path, self.png(scale))
        else:
            raise ValueError(f"{os.fspath(path)} must end in .svg or .png: the ending says which")

    def __repr__(self) -> str:
        size = f"{self.picture.width:.0f} × {self.picture.height:.0f}"
        return f"<Illustration {self.picture.title!r}, {size}>"

    def _repr_svg_(self) -> str:
        return self.svg()


def illustrate(
    net: Model,
    X: npt.ArrayLike | None = None,
    y: npt.ArrayLike | None = None,
    level: Level = "layers",
    row: int = 0,
    names: Names | None = None,
    most: int = 8,
) -> Illustration:
    """Draw both passes of a network in the notes' language.

    ``level``: ``"layers"``, the picture of the notes; or ``"units"``, with weighted edges and the
    numbers of the sample ``row`` of X and y. Layers of more than ``most`` units are folded.

    ``names``: a ``Names`` of the inputs and of the outputs.

    Raises ValueError for another level, for units without X and y, for names that do not fit, and
    as ``expand`` does.

    >>> from chainrule import Network
    >>> net = Network([2, 3, 1], hidden="tanh", output="sigmoid")
    >>> illustrate(net).svg()[:4]
    '<svg'
    """
    model_of(net)
    if level == "layers":
        return Illustration(layer_picture(net.architecture, fold=True))
    if level != "units":
        raise ValueError(f"level must be 'layers' or 'units', not {level!r}")
    if X is None or y is None:
        raise ValueError("the level of units shows the numbers of a sample: give X and y as well")
    if whole("most", most) < 2:
        raise ValueError(f"most must be at least 2, a unit and the count of the rest, not {most}")
    sample = sample_of(net, X, y, row)
    return Illustration(unit_picture(sample, backward_of(sample), _fitting(net, names), most))


def _fitting(net: Model, names: Names | None) -> Names | None:
    """Return the names if there is one for every input and output, or none at all."""
    if names is None:
        return None
    if not isinstance(names, Names):
        raise TypeError(f"names must be Names(inputs, outputs), not {names!r}")
    return Names(
        names_of("inputs", names.inputs or None, net.sizes[0]),
        names_of("outputs", names.outputs or None, net.sizes[-1]),
    )
