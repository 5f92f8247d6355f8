"""The program of the notes: two layers, binary classification, and the numerical gradient check.

`fprop` and `bprop` work on dictionaries of column-oriented parameters, as in the notes; below them
the same is done with chainrule. Run it: `python examples/notes.py`.
"""

from copy import copy

import numpy as np

import chainrule as cr


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def fprop(x, y, params):
    """Propagate forwards: the cache of every value, and the loss. Columns are samples."""
    W1, b1, W2, b2 = (params[key] for key in ("W1", "b1", "W2", "b2"))
    z1 = np.dot(W1, x) + b1
    a1 = sigmoid(z1)
    z2 = np.dot(W2, a1) + b2
    a2 = sigmoid(z2)
    loss = -(y * np.log(a2) + (1 - y) * np.log(1 - a2))
    return {"x": x, "y": y, "z1": z1, "a1": a1, "z2": z2, "a2": a2, "loss": loss, **params}


def bprop(cache):
    """Propagate backwards: the gradient of the loss by W1, b1, W2 and b2."""
    x, y, z1, a1, a2 = (cache[key] for key in ("x", "y", "z1", "a1", "a2"))
    dz2 = a2 - y
    dW2 = np.dot(dz2, a1.T)
    db2 = dz2
    da1 = np.dot(cache["W2"].T, dz2)
    dz1 = da1 * sigmoid(z1) * (1 - sigmoid(z1))
    dW1 = np.dot(dz1, x.T)
    db1 = dz1
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def numerical_gradient(x, y, params, eps=1e-6):
    """Differentiate the loss numerically, one parameter after the other. Note how slow this is."""
    gradient = {}
    for key, param in params.items():
        gradient[key] = np.zeros(param.shape)
        for j in range(param.shape[0]):
            for k in range(param.shape[1]):
                loss = []
                for sign in (1, -1):
                    moved = copy(params)
                    moved[key] = param.copy()
                    moved[key][j, k] += sign * eps
                    loss.append(fprop(x, y, moved)["loss"].item())
                gradient[key][j, k] = (loss[0] - loss[1]) / (2 * eps)
    return gradient


def with_chainrule(x, y, params):
    """Return the same gradient by chainrule, where samples are rows."""
    net = cr.Network([2, 2, 1], hidden="sigmoid", output="sigmoid", cost="logistic")
    for l in (1, 2):
        net.W[l], net.b[l] = params[f"W{l}"], params[f"b{l}"].ravel()
    grads = net.backward(net.forward(x.T), [y])
    return {f"{v}{l}": getattr(grads, f"d{v}")[l] for l in (1, 2) for v in "Wb"}


def main():
    rng = np.random.default_rng(0)
    shapes = {"W1": (2, 2), "b1": (2, 1), "W2": (1, 2), "b2": (1, 1)}
    params = {key: rng.random(shape) for key, shape in shapes.items()}
    x, y = rng.random((2, 1)), int(rng.integers(0, 2))

    backpropagated = bprop(fprop(x, y, params))
    numerical = numerical_gradient(x, y, params)
    ours = with_chainrule(x, y, params)

    print(f"{'':8}{'bprop':>16}{'numerical':>16}{'chainrule':>16}")
    for key in params:
        columns = (v[key].ravel() for v in (backpropagated, numerical, ours))
        for i, row in enumerate(zip(*columns, strict=True)):
            print(f"d{key}[{i}]".ljust(8) + "".join(f"{value:16.10f}" for value in row))


if __name__ == "__main__":
    main()
