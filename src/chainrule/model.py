"""Model: an architecture and its parameters theta, with forward, backward and cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .architecture import Architecture, dtype_of
from .configuration import architecture_of, config_of
from .mathematics.activations import Activation
from .mathematics.costs import Cost
from .mathematics.dropout import Masks, step_masks
from .mathematics.layers import Layer
from .mathematics.passes import (
    Gradients,
    Objective,
    Trace,
    backward_pass,
    cost_pass,
    forward_pass,
    output_da,
    per_sample_pass,
)
from .mathematics.sample_weights import shares_of
from .mathematics.targets import encode_target
from .parameters import ByLayer, gather, initial_theta, size, views
from .typing import Floats


class Model:
    """An architecture and its parameters: what engines, files, pictures and checks work on.

    ``theta`` is one flat array; ``W[l]`` (n_l, n_{l-1}) and ``b[l]`` (n_l,), l = 1..L, view it.
    ``Network`` adds what trains, saves and draws it.
    """

    architecture: Architecture

    def _hold(self, architecture: Architecture, theta: Floats) -> None:
        self.architecture = architecture
        self._theta = theta
        self._parameters = views(theta, self.layers)
        counted = [self._parameters[view.at] for view in architecture.numbered]
        self._W = ByLayer("W", [p["W"] for p in counted])
        self._b = ByLayer("b", [p["b"] for p in counted])

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
        return self.architecture.activations

    @property
    def cost(self) -> Cost:
        """The cost's record."""
        return self.architecture.cost

    @property
    def objective(self) -> Objective:
        """What J is a function of, beside parameters and samples."""
        return self.architecture.objective

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
        _check_theta(value, self._theta.size)
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
            J = cost_pass(trace, Y, shares, self.objective, self._parameters)
            if per_sample:
                return self._per_sample(trace, Y, J)
            gradients, da, dz = backward_pass(trace, Y, shares, self.objective, self._parameters)
            da.append(output_da(trace, Y, shares, self.cost))
        dtheta = gather(gradients, self.layers, np.empty_like(self._theta))
        return self._gradients(views(dtheta, self.layers), da, dz, J, dtheta)

    def _per_sample(self, trace: Trace, Y: Floats, J: Floats) -> Gradients:
        ones = np.ones(len(Y), self.dtype)
        plain = replace(self.objective, l1=0.0, l2=0.0)
        _, da, dz = backward_pass(trace, Y, ones, plain, self._parameters)
        da.append(output_da(trace, Y, ones, self.cost))
        return self._gradients(per_sample_pass(trace, dz, self.layers), da, dz, J, None)

    def _gradients(
        self, layers: Sequence[Any], da: list[Any], dz: list[Any], J: Any, dtheta: Floats | None
    ) -> Gradients:
        counted = [layers[view.at] for view in self.architecture.numbered]
        return Gradients(
            dW=(None, *(g["W"] for g in counted)),
            db=(None, *(g["b"] for g in counted)),
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
            J = cost_pass(trace, Y, shares, self.objective, self._parameters)
        return float(J)

    def inputs(self, X: npt.ArrayLike) -> Floats:
        """Return X as an array (m, n_0) of the network's dtype; see ``forward`` for the errors."""
        inputs = np.asarray(X)
        if inputs.dtype.kind not in "buif":
            raise TypeError(f"X must hold numbers, not {inputs.dtype}")
        if inputs.ndim != 2 or inputs.shape[1] != self.sizes[0]:
            raise ValueError(
                f"X must have the shape (m, {self.sizes[0]}), one row a sample, not {inputs.shape}"
            )
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite
            return np.ascontiguousarray(inputs, self.dtype)

    def targets(self, y: npt.ArrayLike, m: int) -> Floats:
        """Return y as an array (m, n_L) of the network's dtype; see ``targets.encode_target``."""
        Y = encode_target(y, self.sizes[-1], self.cost, self.dtype)
        if len(Y) != m:
            raise ValueError(f"y has {len(Y)} rows, and X has {m}")
        return Y

    def masks(self, step: int) -> Masks:
        """Return the function that draws the dropout masks of one step of training."""
        return step_masks(self.seed, step, self.dtype)

    def config(self) -> dict[str, Any]:
        """Return everything but theta as plain JSON values, for ``from_config``."""
        return config_of(self.architecture)

    @classmethod
    def from_config(cls, config: Any, theta: npt.ArrayLike | None = None) -> Self:
        """Build a network from a config, with ``theta`` or freshly initialised."""
        return cls.from_architecture(architecture_of(config), theta)

    @classmethod
    def from_architecture(
        cls, architecture: Architecture, theta: npt.ArrayLike | None = None
    ) -> Self:
        """Build a network from its architecture, with a copy of ``theta`` or freshly initialised.

        Raises ValueError for a theta of another shape.
        """
        model = cls.__new__(cls)
        if theta is None:
            model._hold(architecture, initial_theta(architecture))
        else:
            _check_theta(theta, size(architecture.layers))  # before so much is allocated
            model._hold(architecture, np.array(theta, architecture.dtype))
        return model

    def copy(self, dtype: npt.DTypeLike | None = None) -> Self:
        """Return a network of the same shape with a copy of theta, in another dtype if asked."""
        architecture = self.architecture
        if dtype is not None:
            architecture = replace(architecture, dtype=dtype_of(dtype))
        return self.from_architecture(architecture, self._theta)

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Self:
        # Copied one by one, theta and its views W and b would no longer share their memory.
        return self.copy()

    def __reduce__(self) -> tuple[Any, tuple[Any, Any]]:
        # As in a file: entries of the tables by name, never functions.
        return type(self).from_config, (self.config(), self._theta)

    def __repr__(self) -> str:
        fs = ", ".join(f.spec for f in self.activations)
        shape = "-".join(map(str, self.sizes))
        kind, P = type(self).__name__, len(self._theta)
        return f"<{kind} {shape}, {fs}, cost {self.cost.spec}, {P} parameters>"


def _check_theta(theta: npt.ArrayLike, count: int) -> None:
    if np.shape(theta) != (count,):
        raise ValueError(f"theta has the shape {(count,)}, not {np.shape(theta)}")
