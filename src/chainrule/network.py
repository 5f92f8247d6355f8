"""Network: a shape and its parameters theta, with forward, backward, cost, prediction and fit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .architecture import Architecture, architecture, architecture_of, config_of, dtype_of
from .mathematics.activations import Activation
from .mathematics.costs import Cost
from .mathematics.dropout import dropout_mask
from .mathematics.initializers import Initializer
from .mathematics.layers import Dense, Layer, Masks
from .mathematics.passes import (
    Gradients,
    Trace,
    backward_pass,
    cost_pass,
    forward_pass,
    output_da,
    per_sample_pass,
)
from .mathematics.random import DROPOUT, THETA, key
from .mathematics.targets import encode_target
from .parameters import ByLayer, Floats, gather, places, size, views

if TYPE_CHECKING:
    from .engines import Predictor
    from .training.history import History

__all__ = ["Gradients", "Network", "Trace"]


class Network:
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
        self.architecture = architecture(
            sizes, hidden, output, cost, seed, dtype, dropout, l1, l2, init
        )
        self._hold(_initial_theta(self.architecture))

    def _hold(self, theta: Floats) -> None:
        self.history: History | None = None
        self._theta = theta
        self._parameters = views(theta, self.layers)
        dense = [
            p for p, layer in zip(self._parameters, self.layers, strict=True) if layer.numbered
        ]
        self._W = ByLayer("W", [p["W"] for p in dense])
        self._b = ByLayer("b", [p["b"] for p in dense])

    @property
    def W(self) -> ByLayer:
        """The matrices W^l (n_l, n_{l-1}), l = 1..L, as views of theta: ``W[l] = array`` copies."""
        return self._W

    @property
    def b(self) -> ByLayer:
        """The biases b^l (n_l,), l = 1..L, as views of theta: ``b[l] = array`` copies."""
        return self._b

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of units n_0 .. n_L."""
        return self.architecture.sizes

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The records of all layers in order, dropout included."""
        return self.architecture.layers

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activations of the layers l = 1..L (index 0 is layer 1)."""
        return tuple(layer.activation for layer in self.architecture.dense)

    @property
    def cost(self) -> Cost:
        """The cost's record."""
        return self.architecture.cost

    @property
    def l1(self) -> float:
        """The strength of the L1 penalty."""
        return self.architecture.l1

    @property
    def l2(self) -> float:
        """The strength of the L2 penalty."""
        return self.architecture.l2

    @property
    def seed(self) -> int:
        """The seed of theta, of the order of samples and of dropout."""
        return self.architecture.seed

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of theta and of every computation: float32 or float64."""
        return self.architecture.dtype

    @property
    def theta(self) -> Floats:
        """All parameters as one flat array (P,); setting it copies into place."""
        return self._theta

    @theta.setter
    def theta(self, value: npt.ArrayLike) -> None:
        if np.shape(value) != self._theta.shape:
            raise ValueError(f"theta has the shape {self._theta.shape}, not {np.shape(value)}")
        self._theta[...] = value

    @property
    def parameters(self) -> tuple[dict[str, Floats], ...]:
        """The parameters of every layer by name, as views of theta."""
        return self._parameters

    def forward(self, X: npt.ArrayLike, training: bool = False, step: int = 0) -> Trace:
        """Propagate X (m, n_0) forwards; return the trace of all a^l and z^l.

        ``training`` applies dropout with the masks of that step. Raises ValueError for a wrong
        number of columns, TypeError for what are not numbers.
        """
        masks = self.masks(step) if training else None
        with np.errstate(all="ignore"):
            return forward_pass(self.inputs(X), self.layers, self._parameters, masks)

    def backward(
        self,
        trace: Trace,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        per_sample: bool = False,
    ) -> Gradients:
        """Propagate backwards from the targets y: every gradient of J, dJ/dx included.

        Penalties are in J, dW and dtheta. With ``per_sample``, row i of dW[l], db[l], dz[l]
        and da[l] is the gradient of sample i's own cost J_i: no 1/m, no weights, no penalties.

        Raises ValueError if y or the weights do not fit, naming the row.
        """
        m = len(trace.a[0])
        Y, shares = self.targets(y, m), shares_of(sample_weight, m, self.dtype)
        with np.errstate(all="ignore"):
            J = cost_pass(
                trace, Y, shares, self.layers, self._parameters, self.cost, self.l1, self.l2
            )
            if per_sample:
                return self._per_sample(trace, Y, J)
            found, da, dz = backward_pass(
                trace, Y, shares, self.layers, self._parameters, self.cost, self.l1, self.l2
            )
            da.append(output_da(trace, Y, shares, self.layers, self.cost))
        dtheta = gather(found, self.layers, np.empty_like(self._theta))
        return self._gradients(views(dtheta, self.layers), da, dz, J, dtheta)

    def _per_sample(self, trace: Trace, Y: Floats, J: Floats) -> Gradients:
        ones = np.ones(len(Y), self.dtype)
        _, da, dz = backward_pass(trace, Y, ones, self.layers, self._parameters, self.cost)
        da.append(output_da(trace, Y, ones, self.layers, self.cost))
        return self._gradients(per_sample_pass(trace, dz, self.layers), da, dz, J, None)

    def _gradients(
        self, layers: Sequence[Any], da: list[Any], dz: list[Any], J: Any, dtheta: Floats | None
    ) -> Gradients:
        dense = [g for g, layer in zip(layers, self.layers, strict=True) if layer.numbered]
        return Gradients(
            dW=(None, *(g["W"] for g in dense)),
            db=(None, *(g["b"] for g in dense)),
            dz=(None, *dz),
            da=tuple(da),
            layers=tuple(layers),
            J=float(J),
            dtheta=dtheta,
        )

    def gradients(
        self, X: npt.ArrayLike, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> Gradients:
        """Propagate forwards and backwards: ``backward(forward(X), y)``."""
        return self.backward(self.forward(X), y, sample_weight)

    def J(
        self, X: npt.ArrayLike, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> float:
        """Return the cost J: the (weighted) mean over samples, plus the penalties."""
        trace = self.forward(X)
        m = len(trace.a[0])
        Y, shares = self.targets(y, m), shares_of(sample_weight, m, self.dtype)
        with np.errstate(all="ignore"):
            J = cost_pass(
                trace, Y, shares, self.layers, self._parameters, self.cost, self.l1, self.l2
            )
        return float(J)

    def predict(self, X: npt.ArrayLike) -> Floats:
        """Return the outputs y_hat = a^L for X (m, n_0), shape (m, n_L).

        Those of ``forward`` to rounding, by the native engine where it knows every layer; the bits
        of a row do not depend on the other rows. Threads and forks may call at the same time.
        Raises as ``forward`` does.
        """
        from .engines.inference import predict

        return predict(self, self.inputs(X))

    def predictor(self, threads: int | None = None) -> Predictor:
        """Return ``f(X, out=None)``: the outputs, for many small calls that must not wait.

        It keeps a copy of the parameters of this moment, so that later training does not change
        it. X (m, n_0) and out (m, n_L) are C-contiguous arrays of the network's dtype that
        share no memory; nothing is converted, and with ``out`` nothing is allocated.
        Any thread may call. ``threads``: how many work on a large X, None for what it is worth.

        >>> net = Network([2, 3, 1], hidden="tanh", output="sigmoid", dtype="float32", seed=0)
        >>> f, X = net.predictor(), np.ones((1, 2), np.float32)
        >>> out = np.empty((1, 1), np.float32)
        >>> f(X, out) is out
        True

        Raises ValueError for ``threads`` below 1; ``f`` raises TypeError for what is no array,
        ValueError for another dtype, shape or layout.
        """
        from .engines.inference import predictor

        return predictor(self, threads)

    def inputs(self, X: npt.ArrayLike) -> Floats:
        """Return X as an array (m, n_0) of the network's dtype; see ``forward`` for the errors."""
        given = np.asarray(X)
        if given.dtype.kind not in "buif":
            raise TypeError(f"X must hold numbers, not {given.dtype}")
        if given.ndim != 2 or given.shape[1] != self.sizes[0]:
            raise ValueError(
                f"X must have the shape (m, {self.sizes[0]}), one row a sample, not {given.shape}"
            )
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite
            return np.ascontiguousarray(given, self.dtype)

    def targets(self, y: npt.ArrayLike, m: int) -> Floats:
        """Return y as an array (m, n_L) of the network's dtype; see ``targets.encode_target``."""
        Y = encode_target(y, self.sizes[-1], self.cost, self.dtype)
        if len(Y) != m:
            raise ValueError(f"y has {len(Y)} rows, and X has {m}")
        return Y

    def masks(self, step: int) -> Masks:
        """Return the function that draws the dropout masks of one step of training."""

        def draw(place: int, rate: float, shape: tuple[int, int]) -> Any:
            return dropout_mask(shape, rate, key(self.seed, DROPOUT, step, place), self.dtype)

        return draw

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, **settings: Any) -> History:
        """Descend the gradient until J is minimised; see ``chainrule.training.fit``."""
        from .training import fit

        return fit(self, X, y, **settings)

    def config(self) -> dict[str, Any]:
        """Return everything but theta as plain JSON values, for ``from_config``."""
        return config_of(self.architecture)

    @classmethod
    def from_config(cls, config: Any, theta: npt.ArrayLike | None = None) -> Network:
        """Build a network from a config, with ``theta`` or freshly initialised."""
        return cls._of(architecture_of(config), theta)

    @classmethod
    def _of(cls, made: Architecture, theta: npt.ArrayLike | None) -> Network:
        net = cls.__new__(cls)
        net.architecture = made
        if theta is None:
            net._hold(_initial_theta(made))
        else:
            net._hold(np.empty(size(made.layers), made.dtype))
            net.theta = theta
        return net

    def copy(self, dtype: npt.DTypeLike | None = None) -> Network:
        """Return a network of the same shape with a copy of theta, in another dtype if asked."""
        made = self.architecture
        if dtype is not None:
            made = replace(made, dtype=dtype_of(dtype))
        return self._of(made, self._theta)

    def __copy__(self) -> Network:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Network:
        # Copied one by one, theta and its views W and b would no longer share their memory.
        return self.copy()

    def __reduce__(self) -> tuple[Any, tuple[Any, Any]]:
        # As in a file: entries of the tables by name, never functions.
        return Network.from_config, (self.config(), self._theta)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a model file for ``chainrule.load``. Raises ValueError for one's own records."""
        from .files.network import save_network

        save_network(path, self)

    def _repr_html_(self) -> str:
        from .drawing.notebook import network_html

        return network_html(self)

    def __repr__(self) -> str:
        fs = ", ".join(f.spec for f in self.activations)
        shape = "-".join(map(str, self.sizes))
        return f"<Network {shape}, {fs}, cost {self.cost.spec}, {len(self._theta)} parameters>"


def shares_of(sample_weight: npt.ArrayLike | None, m: int, dtype: npt.DTypeLike) -> Floats:
    """Return each sample's share of the mean (m,): 1/m, or w_i / sum w; zeros if all w are 0.

    Raises ValueError for weights that are not (m,), negative or not finite, naming the row.
    """
    if sample_weight is None:
        return np.full(m, 1.0 / max(m, 1), dtype)
    w = weights_of(sample_weight, m)
    total = w.sum()
    return (w / total if total > 0 else w).astype(dtype)


def weights_of(sample_weight: npt.ArrayLike, m: int) -> npt.NDArray[np.float64]:
    """Return sample weights as float64 (m,), checked as ``shares_of`` says."""
    try:
        w = np.asarray(sample_weight, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"sample_weight must hold ({m},) numbers") from None
    if w.shape != (m,):
        raise ValueError(f"sample_weight must have the shape ({m},), not {w.shape}")
    wrong = ~(np.isfinite(w) & (w >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"sample_weight[{row}] = {w[row]}: a weight is finite and 0 or above")
    with np.errstate(over="ignore"):
        if not np.isfinite(w.sum()):
            raise ValueError("sample_weight adds up to infinity: divide all of it by its largest")
    return w


def _initial_theta(made: Architecture) -> Floats:
    theta: Floats = np.zeros(size(made.layers), made.dtype)
    by_layer = views(theta, made.layers)
    numbers = iter(range(1, len(made.sizes)))
    for place in places(made.layers):
        layer = made.layers[place.layer]
        if not isinstance(layer, Dense) or place.name != "W":
            continue
        stream = key(made.seed, THETA, next(numbers))
        rng = np.random.Generator(np.random.Philox(key=stream))
        by_layer[place.layer]["W"][...] = layer.init.draw(place.shape, rng)
        if layer.init.biases:
            by_layer[place.layer]["b"][...] = layer.init.draw((layer.n_out,), rng)
    return theta
