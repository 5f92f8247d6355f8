"""One forward pass, one backward pass and one step, worked by hand; every number is exact."""

from __future__ import annotations

import numpy as np

import chainrule as cr

# The network: two inputs, two relu units, one output unit without activation, half squared error.
# One sample x = (1, 2) with the target y = 1.
W1 = [[1.0, 1.0], [2.0, -3.0]]
B1 = [0.5, 1.0]
W2 = [[2.0, 5.0]]
B2 = [-1.0]
X, Y = [[1.0, 2.0]], [1.0]


def net() -> cr.Network:
    made = cr.Network([2, 2, 1], hidden="relu", output="identity", cost="squared_error")
    made.W[1], made.b[1], made.W[2], made.b[2] = W1, B1, W2, B2
    return made


def test_forward() -> None:
    trace = net().forward(X)
    # z^1 = (1*1 + 1*2 + 0.5, 2*1 - 3*2 + 1) = (3.5, -3); a^1 = (3.5, 0).
    assert trace.z[1].tolist() == [[3.5, -3.0]]
    assert trace.a[1].tolist() == [[3.5, 0.0]]
    # z^2 = 2*3.5 + 5*0 - 1 = 6 = a^2.
    assert trace.z[2].tolist() == [[6.0]]
    assert trace.y_hat.tolist() == [[6.0]]
    assert trace.a[0].tolist() == X
    assert trace.z[0] is None


def test_backward() -> None:
    grads = net().gradients(X, Y)
    assert grads.J == 12.5  # (6 - 1)^2 / 2
    # dJ/da^2 = 6 - 1 = 5 = dz^2, as the output has f' = 1.
    assert grads.da[2].tolist() == [[5.0]]
    assert grads.dz[2].tolist() == [[5.0]]
    # dW^2 = dz^2 a^1 = 5 * (3.5, 0); db^2 = 5.
    assert grads.dW[2].tolist() == [[17.5, 0.0]]
    assert grads.db[2].tolist() == [5.0]
    # da^1 = W^2^T dz^2 = (2*5, 5*5); relu lets the first pass and stops the second.
    assert grads.da[1].tolist() == [[10.0, 25.0]]
    assert grads.dz[1].tolist() == [[10.0, 0.0]]
    # dW^1 = dz^1 x^T: (10*1, 10*2) and zeros; db^1 = dz^1.
    assert grads.dW[1].tolist() == [[10.0, 20.0], [0.0, 0.0]]
    assert grads.db[1].tolist() == [10.0, 0.0]
    # da^0 = W^1^T dz^1 = (1*10 + 2*0, 1*10 - 3*0).
    assert grads.da[0].tolist() == [[10.0, 10.0]]
    # theta is W^1 transposed, b^1, W^2 transposed, b^2.
    assert grads.dtheta.tolist() == [10, 0, 20, 0, 10, 0, 17.5, 0, 5]


def test_one_step() -> None:
    trained = net()
    history = trained.fit(
        X, Y, optimizer="gradient_descent", learning_rate=0.0625, epochs=1, engine="reference"
    )
    # theta - dtheta / 16: 1 - 10/16 = 0.375, 1 - 20/16 = -0.25, 0.5 - 10/16 = -0.125;
    # 2 - 17.5/16 = 0.90625, -1 - 5/16 = -1.3125. The stopped unit keeps its parameters.
    assert trained.W[1].tolist() == [[0.375, -0.25], [2.0, -3.0]]
    assert trained.b[1].tolist() == [-0.125, 1.0]
    assert trained.W[2].tolist() == [[0.90625, 5.0]]
    assert trained.b[2].tolist() == [-1.3125]
    assert history.cost == [12.5]
    # The squared norm: 10^2 + 20^2 + 10^2 for layer 1 and 17.5^2 + 5^2 for layer 2.
    assert history.layer_gradient_norms == [[600**0.5, 331.25**0.5]]


def test_two_samples_weights_and_penalties() -> None:
    # One weight w = 3 and bias b = 1; x = 1 and 2, y = 2 and 9: a = 4 and 7, a - y = 2 and -2.
    one = cr.Network([1, 1], l1=0.25, l2=0.5)
    one.W[1], one.b[1] = [[3.0]], [1.0]
    samples, targets = [[1.0], [2.0]], [2.0, 9.0]
    # J = (2 + 2)/2 + 0.25*3 + 0.25*9 = 5; dw = (2*1 - 2*2)/2 + 0.25 + 0.5*3 = 0.75; db = 0.
    grads = one.gradients(samples, targets)
    assert (grads.J, grads.dW[1].item(), grads.db[1].item()) == (5.0, 0.75, 0.0)
    # Weights 3 and 1, shares 3/4 and 1/4: dw = 1.5 - 1 + 1.75 = 2.25; db = 1.5 - 0.5 = 1.
    grads = one.gradients(samples, targets, [3.0, 1.0])
    assert (grads.J, grads.dW[1].item(), grads.db[1].item()) == (5.0, 2.25, 1.0)
    # Per sample, without weights and penalties: (2*1, 2) and (-2*2, -2).
    each = one.backward(one.forward(samples), targets, [3.0, 1.0], per_sample=True)
    assert each.dW[1].ravel().tolist() == [2.0, -4.0]
    assert each.db[1].ravel().tolist() == [2.0, -2.0]


def test_the_notes_own_output_derivative() -> None:
    # sigmoid(0) = 1/2: dJ/da = -y/a + (1-y)/(1-a) is -2 for y = 1 and 2 for y = 0, f' = 1/4, and
    # so dz = a - y, -1/2 and 1/2, over two samples.
    half = cr.Network([1, 1], output="sigmoid", init="zeros")
    grads = half.gradients([[7.0], [7.0]], [1, 0])
    assert np.ravel(grads.da[1]).tolist() == [-1.0, 1.0]
    assert np.ravel(grads.dz[1]).tolist() == [-0.25, 0.25]
    assert abs(grads.J - np.log(2)) <= 1e-16
