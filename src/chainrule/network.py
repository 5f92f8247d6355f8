"""Network: a model that trains, predicts, saves and draws itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

import numpy.typing as npt

from .architecture import Architecture, architecture, architecture_of_layers
from .engines import Predictor
from .engines.inference import predict, predictor
from .mathematics.activations import Activation
from .mathematics.costs import Cost
from .mathematics.initializers import Initializer
from .mathematics.layers import Layer
from .mathematics.passes import Gradients, Trace
from .model import Model
from .parameters import initial_theta
from .typing import Floats

if TYPE_CHECKING:
    from .training import Arguments, History

__all__ = ["Gradients", "Network", "Trace", "load"]


class Network(Model):
    """A network of dense layers, its cost, and its parameters theta.

    ``sizes``: n_0 (inputs), the hidden layers, n_L (outputs). ``hidden``: the activation of
    the hidden layers, or one for each. ``output``: that of the last. ``cost``: None for
    the canonical partner of ``output``. ``seed`` fixes theta, the order of samples and dropout.
    ``dropout``: a rate for every hidden layer, or L rates, that of the input first. ``l1``, ``l2``:
    strengths of the penalties on weights. ``init``: an initializer, one for each layer, or None
    for what suits each activation. Activations, costs and initializers are names, as
    ``"leaky_relu(0.1)"``, or one's own records.

    ``theta`` is one flat array; ``W[l]`` (n_l, n_{l-1}) and ``b[l]`` (n_l,), l = 1..L, view it.

    ``history`` is that of the last ``fit``, None before; copies and files do not have it.

    Raises ValueError or TypeError naming the argument that cannot be.

    >>> net = Network([2, 3, 1], hidden="tanh", output="sigmoid", cost="logistic", seed=0)
    >>> net.W[1].shape, net.b[2].shape, net.theta.shape
    ((3, 2), (1,), (13,))
    """

    def __init__(
        self,
        sizes: Sequence[int],
        hidden: str | Activation | Sequence[str | Activation] = "relu",
        output: str | Activation = "identity",
        cost: str | Cost | None = None,
        seed: int = 0,
        dtype: npt.DTypeLike = "float64",
        dropout: float | Sequence[float] = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
        init: str | Initializer | Sequence[str | Initializer | None] | None = None,
    ) -> None:
        shape = architecture(sizes, hidden, output, cost, seed, dtype, dropout, l1, l2, init)
        refuse_wrong_records(shape)
        self._hold(shape, initial_theta(shape))

    @classmethod
    def from_layers(
        cls,
        layers: Sequence[Layer],
        cost: str | Cost | None = None,
        seed: int = 0,
        dtype: npt.DTypeLike = "float64",
        l1: float = 0.0,
        l2: float = 0.0,
    ) -> Network:
        """Build a network of any kinds of layers, the last an activation.

        Each affine layer is followed by its activation: these are the layers that the notes count.
        What does not know a kind yet says so and falls back. Raises ValueError or TypeError
        naming the layer or the argument that cannot be.

        >>> from chainrule.mathematics.layers import ActivationLayer, Affine, Scale
        >>> from chainrule import ACTIVATIONS, INITIALIZERS
        >>> init, relu = INITIALIZERS["he_uniform"](), ACTIVATIONS["relu"]()
        >>> layers = [Scale(3), Affine(3, 2, init), ActivationLayer(2, relu)]
        >>> Network.from_layers(layers).sizes
        (3, 2)
        """
        shape = architecture_of_layers(layers, cost, seed, dtype, l1, l2)
        refuse_wrong_records(shape)
        return cls.from_architecture(shape)

    def _hold(self, architecture: Architecture, theta: Floats) -> None:
        super()._hold(architecture, theta)
        self.history: History | None = None

    def predict(self, X: npt.ArrayLike) -> Floats:
        """Return the outputs y_hat = a^L for X (m, n_0), shape (m, n_L).

        Those of ``forward`` to rounding, by the native engine where it knows every layer; the bits
        of a row do not depend on the other rows. Threads and forks may call at the same time.
        Raises as ``forward`` does.
        """
        return predict(self, self.inputs(X))

    def predictor(self, threads: int | None = None) -> Predictor:
        """Return ``f(X, out=None)``: the outputs, for many small low-latency calls.

        It keeps a copy of the parameters of this moment, so that later training does not change
        it. X (m, n_0) and out (m, n_L) are C-contiguous arrays of the network's dtype that share no
        memory; nothing is converted, and with ``out`` nothing is allocated. Any thread may call.
        ``threads``: how many work on a large X; None leaves it to the engine.

        >>> import numpy as np
        >>> net = Network([2, 3, 1], hidden="tanh", output="sigmoid", dtype="float32", seed=0)
        >>> f, X = net.predictor(), np.ones((1, 2), np.float32)
        >>> out = np.empty((1, 1), np.float32)
        >>> f(X, out) is out
        True

        Raises ValueError for ``threads`` below 1; ``f`` raises TypeError for what is no array,
        ValueError for another dtype, shape or layout.
        """
        return predictor(self, threads)

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, **arguments: Unpack[Arguments]) -> History:
        """Descend the gradient from theta until J is minimised; see ``chainrule.training.fit``.

        X (m, n_0); y (m,) or (m, n_L). ``arguments``, all optional, are those of
        ``chainrule.training.Settings``, where each is explained: ``optimizer``, ``learning_rate``,
        ``batch_size``, ``epochs``, ``validation``, ``schedule``, ``checkpoint`` and more.

        Raises ValueError or TypeError naming the argument or the row at fault, before any work.
        """
        from .training.fitting import fit  # late: who only predicts needs no training

        self.history = fit(self, X, y, **arguments)
        return self.history

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a model file for ``chainrule.load``. Raises ValueError for one's own records."""
        from .files.network import save_network

        save_network(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Network:
        """Read the network of a model file; see ``load``."""
        from .files.network import load_network

        loaded = load_network(path)
        return cls.from_architecture(loaded.architecture, loaded.theta)

    def _repr_html_(self) -> str:
        from .drawing.notebook import network_html

        return network_html(self)


def load(path: str | os.PathLike[str]) -> Network:
    """Read the network of a model file.

    Raises ValueError, in one sentence, if there is no such file, it is no model file, is damaged,
    truncated or of a newer format version, or its shapes disagree with its metadata.
    """
    return Network.load(path)


def refuse_wrong_records(shape: Architecture) -> None:
    """Refuse a user's own record whose derivative is not that of its function, with the report.

    Raises ValueError naming the record.
    """
    records = shape.own_records
    if records:
        from .gradcheck.own_records import refuse_wrong

        for record in records:
            refuse_wrong(record)
