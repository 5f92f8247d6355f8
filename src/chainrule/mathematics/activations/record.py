"""What an activation's record holds, its table, and the chain rule through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Protocol

from ..names import Table, resolve, spell
from ..namespace import Array


class OnnxGraph(Protocol):
    """What writes an ONNX graph: every method returns the name of its result."""

    @property
    def dtype(self) -> Any:
        """The dtype of the network."""

    def op(self, kind: str, *inputs: str, **settings: Any) -> str:
        """Add a node with one output."""

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Add a constant, of the network's dtype unless another is given."""

    def cast(self, x: str, dtype: Any) -> str:
        """Add a cast to a dtype."""


@dataclass(frozen=True, slots=True)
class TorchModule:
    """The class of ``torch.nn`` that computes an activation.

    ``settings``: our settings' names -> the module's attributes. ``requires``: attributes -> the
    values with which the module is this activation; the first is the one to build it with.
    """

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    requires: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation f and its derivative; give your own wherever a name is taken.

    ``f(z) -> a`` and ``df(z, a) -> f'(z)`` take and return arrays of one shape (m, n); a = f(z)
    is passed because many derivatives are cheapest in it. ``vjp(da, z, a) -> dz`` replaces
    ``da * df(z, a)`` where f mixes the units of a sample (softmax). ``kinks`` are the z at which
    f' jumps, ``bends`` those at which f'' does, ``range`` is that of a, ``init`` names the
    initializer that suits f. ``slope_of_a(a)`` is f' where it is usually written in a alone.
    ``onnx(graph, z)`` adds f to an ONNX graph, ``torch`` names the module that is f.

    >>> cube = Activation("cube", f=lambda z: z**3, df=lambda z, a: 3 * z**2)
    """

    name: str
    f: Callable[[Array], Array]
    df: Callable[[Array, Array], Array]
    formula: str = ""
    derivative: str = ""
    source: str = ""
    settings: Mapping[str, float] = field(default_factory=dict)
    kinks: tuple[float, ...] = ()
    range: tuple[float, float] = (-inf, inf)
    init: str = "glorot_uniform"
    vjp: Callable[[Array, Array, Array], Array] | None = None
    bends: tuple[float, ...] = ()
    slope_of_a: Callable[[Array], Array] | None = None
    onnx: Callable[[OnnxGraph, str], str] | None = None
    torch: TorchModule | None = None

    @property
    def elementwise(self) -> bool:
        """Whether a unit's output depends on its own z alone."""
        return self.vjp is None

    @property
    def spec(self) -> str:
        """The name with its settings, as ``resolve_activation`` reads it."""
        return spell(self.name, self.settings.values())


ACTIVATIONS: Table[Activation] = Table()


def activation_backward(da: Array, z: Array, a: Array, f: Activation) -> Array:
    """Return dJ/dz = dJ/da * da/dz: ``da * f'(z)``, or f's own product where it mixes units.

    All arrays are (m, n). Source: Nielsen, "Neural networks and deep learning", 2015, (BP1).
    """
    return da * f.df(z, a) if f.vjp is None else f.vjp(da, z, a)


def resolve_activation(activation: str | Activation) -> Activation:
    """Return the activation that a name such as ``"leaky_relu(0.1)"`` means, or the one given."""
    if isinstance(activation, Activation):
        return activation
    return resolve("activation", activation, ACTIVATIONS)
