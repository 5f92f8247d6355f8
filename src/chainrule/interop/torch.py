"""torch: an ``nn.Sequential`` of linear layers and activations to a Network, and back.

A module is read through its classes and ``state_dict``; a safetensors file holds weights only, so
its activations are named by the caller.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..mathematics.activations import ACTIVATIONS, Activation
from ..mathematics.names import spell
from ..network import Network


def from_torch(
    model: Any,
    activations: str | Sequence[str | Activation] | None = None,
    output: str | Activation | None = None,
    **settings: Any,
) -> Network:
    """Return a Network with the layers and weights of a torch ``nn.Sequential``, or of a file.

    ``model``: the module (linear layers with biases or without, activations, dropout), or the path
    of a safetensors file of its ``state_dict``; such a file has no activations: name that of the
    hidden layers (``activations``) and the last one's (``output``, "identity" if not said).
    ``settings``: further arguments of ``Network``, as ``cost``.

    Raises ValueError naming a layer that a Network cannot be, TypeError for anything else.
    """
    if isinstance(model, (str, os.PathLike)):
        weights = _of_file(model)
        if activations is None:
            raise ValueError(
                "a safetensors file of torch holds weights only: name the hidden layers' "
                "activation, as in from_torch(path, 'relu')"
            )
        fs: list[Any] = [output or "identity"]
        hidden: Any = activations
        rates = [0.0] * len(weights)
    else:
        weights, specs, rates = _of_module(model)
        fs = [output if output is not None else specs[-1]]
        hidden = specs[:-1] if activations is None else activations
    sizes = [weights[0][0].shape[1], *(len(W) for W, _ in weights)]
    for l, ((W, _), n_in) in enumerate(zip(weights, sizes, strict=False), 1):
        if W.shape[1] != n_in:
            raise ValueError(f"layer {l} takes {W.shape[1]} inputs, and the one before has {n_in}")
    dtype = settings.pop("dtype", weights[0][0].dtype)
    net = Network(sizes, hidden, fs[0], dtype=dtype, dropout=rates, **settings)
    for l, (W, b) in enumerate(weights, 1):
        net.W[l] = W
        net.b[l] = np.zeros(len(W)) if b is None else b
    return net


Weights = list[tuple[Any, Any]]


def _of_module(model: Any) -> tuple[Weights, list[str], list[float]]:
    """Return weights, activations and dropout rates of a Sequential."""
    if type(model).__name__ != "Sequential":
        raise TypeError(f"from_torch takes an nn.Sequential or a file, not {type(model).__name__}")
    weights: Weights = []
    fs: list[str] = []
    rates: list[float] = []
    rate = 0.0
    for place, module in enumerate(_flat(model)):
        name = type(module).__name__
        if name == "Linear":
            bias = None if module.bias is None else _array(module.bias)
            weights.append((_array(module.weight), bias))
            fs.append("identity")
            rates.append(rate)
            rate = 0.0
        elif name == "Dropout":
            if rate:
                raise ValueError(f"module {place}: one dropout follows another: join them")
            rate = float(module.p)
        elif (spec := _spec(module)) and weights and fs[-1] == "identity" and not rate:
            fs[-1] = spec
        elif name != "Flatten":
            raise ValueError(
                f"module {place} of the Sequential is {name}, which a Network cannot be there: "
                "it is made of Linear, one activation after each, and Dropout"
            )
    if not weights:
        raise ValueError("the Sequential has no Linear layer")
    if rate:
        raise ValueError("the Sequential ends in Dropout, which changes its output: leave it out")
    return weights, fs, rates


def _flat(model: Any) -> list[Any]:
    modules = []
    for module in model:
        modules += _flat(module) if type(module).__name__ == "Sequential" else [module]
    return modules


def _array(tensor: Any) -> Any:
    array = tensor.detach().cpu()
    return (
        array if str(array.dtype) in ("torch.float32", "torch.float64") else array.float()
    ).numpy()


def _of_file(path: str | os.PathLike[str]) -> Weights:
    """Return the weights in a safetensors file by the order of the numbers in their names."""
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
    except Exception as error:  # safetensors has an exception of its own for a damaged file
        raise ValueError(f"{os.fspath(path)} is no safetensors file: {error}") from None
    names = [name.removesuffix("weight") for name in arrays if name.endswith("weight")]
    strange = [n for n in arrays if n.removesuffix("weight").removesuffix("bias") not in names]
    if not names or strange or any(arrays[n + "weight"].ndim != 2 for n in names):
        raise ValueError(
            f"{os.fspath(path)} does not hold linear layers only: its arrays are "
            f"{', '.join(sorted(arrays)[:10])}"
        )
    names.sort(key=_numbers)
    return [(arrays[n + "weight"], arrays.get(n + "bias")) for n in names]


def _numbers(name: str) -> tuple[Any, ...]:
    parts = name.strip(".").split(".")
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)


def to_torch(model: Any) -> Any:
    """Return a torch ``nn.Sequential`` that computes what this Network or fitted estimator does.

    Of an estimator the standardisation of columns and of y goes into the first and the last layer;
    a classifier gives probabilities. Dropout layers are there, and the module is in ``eval`` mode.

    Raises ValueError for an activation that torch has no module for, and for encoded columns.
    """
    import torch

    from .sklearn import folded

    if hasattr(model, "network_"):
        coefs, intercepts = folded(model)
        net = model.network_
    else:
        net = model
        coefs, intercepts = [W.T for W in net.W[1:]], list(net.b[1:])
    first = net.layers[0]
    rates = [getattr(first, "rate", 0.0), *(view.dropout for view in net.architecture.numbered)]
    modules: list[Any] = []
    for l, f in enumerate(net.activations, 1):
        if rates[l - 1]:
            modules.append(torch.nn.Dropout(rates[l - 1]))
        n_in, n_out = coefs[l - 1].shape
        linear = torch.nn.Linear(n_in, n_out, dtype=getattr(torch, net.dtype.name))
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(np.ascontiguousarray(coefs[l - 1].T)))
            linear.bias.copy_(torch.tensor(np.ascontiguousarray(intercepts[l - 1])))
        modules.append(linear)
        if f.name != "identity":
            modules.append(_module(f))
    return torch.nn.Sequential(*modules).eval()


def _module(f: Activation) -> Any:
    from torch import nn

    if f.torch is None:
        raise ValueError(f"torch has no module for the activation {f.name!r}")
    settings = {theirs: f.settings[ours] for ours, theirs in f.torch.settings.items()}
    required = {name: values[0] for name, values in f.torch.requires.items()}
    return getattr(nn, f.torch.name)(**settings, **required)


def _spec(module: Any) -> str | None:
    """Return the name of our activation that a torch module is; None for another module.

    Raises ValueError for a module whose setting ours does not have.
    """
    for name, factory in ACTIVATIONS.items():
        form = factory().torch
        if form is None or form.name != type(module).__name__:
            continue
        if any(getattr(module, attr) not in values for attr, values in form.requires.items()):
            raise ValueError(f"{module} differs from our {name}: there is no such setting here")
        return spell(name, (getattr(module, attr) for attr in form.settings.values()))
    return None
