"""The chain rule expanded: against backward on 200 random networks, by hand, and at the edges."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.explanation.chain import MOST_PATHS
from chainrule.mathematics.activations import ACTIVATIONS

HIDDEN = sorted(set(ACTIVATIONS) - {"softmax", "exp"})
ENDS = [
    ("sigmoid", "logistic"),
    ("softmax", "cross_entropy"),
    ("softmax", "cross_entropy(0.1)"),
    ("identity", "squared_error"),
    ("tanh", "squared_error"),
    ("exp", "poisson"),
    ("softplus", "poisson"),
    ("identity", "huber(0.5)"),
    ("identity", "absolute_error"),
    ("identity", "quantile(0.3)"),
    ("softmax", "squared_error"),
]


def random_case(seed: int) -> tuple[cr.Network, np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    output, cost = ENDS[rng.integers(len(ENDS))]
    depth = int(rng.integers(1, 5))
    sizes = [int(n) for n in rng.integers(1, 7, depth + 1)]
    if output == "softmax":
        sizes[-1] = max(2, sizes[-1])
    hidden = [HIDDEN[k] for k in rng.integers(len(HIDDEN), size=depth - 1)]
    net = cr.Network(sizes, hidden=hidden, output=output, cost=cost, seed=seed)
    net.theta += rng.normal(0, 0.1, net.theta.shape)
    X = rng.normal(size=(3, sizes[0]))
    if cost.startswith("cross_entropy"):
        y = rng.integers(sizes[-1], size=3)
    else:
        y = rng.uniform(0.05, 0.95, (3, sizes[-1]))
    return net, X, y, rng


def scale_of(expansion: cr.explanation.Expansion) -> float:
    """The product of the factors' sizes: what a rounding error is measured against."""
    whole = np.abs(expansion.factors[0].value)
    for factor in expansion.factors[1:]:
        whole = np.asarray(
            type(factor)(
                factor.kind,
                factor.layer,
                factor.top,
                factor.bottom,
                factor.shape,
                factor.formula,
                np.abs(factor.value),
                factor.product,
            ).apply(whole)
        )
    return float(whole.max())


@pytest.mark.parametrize("block", range(10))
def test_the_product_of_the_factors_is_the_gradient_of_200_random_networks(block: int) -> None:
    for seed in range(20 * block, 20 * block + 20):
        net, X, y, rng = random_case(seed)
        row, last = int(rng.integers(3)), len(net.sizes) - 1
        grads = net.backward(net.forward(X), y, per_sample=True)
        for quantity in ("da", "dz", "dW", "db"):
            layer = int(rng.integers(0 if quantity == "da" else 1, last + 1))
            found = cr.expand(net, X, y, quantity, layer, row=row)  # type: ignore[arg-type]
            true = getattr(grads, quantity)[layer][row]
            allowed = 1e-12 * max(scale_of(found), float(np.abs(true).max()), 1e-300)
            assert found.value.shape == true.shape
            np.testing.assert_allclose(found.multiply(), true, rtol=0, atol=allowed)
            np.testing.assert_allclose(found.value, true, rtol=0, atol=allowed)
            # The numerical derivative agrees to its error bar, and the bar is worth something.
            assert found.agrees is True, (seed, quantity, layer)
            if not found.numerical.kinks:
                assert np.all(found.numerical.error <= 1e-3 * (1 + np.abs(true)))


def test_every_entry_is_the_sum_over_its_paths() -> None:
    for seed in range(40):
        net, X, y, rng = random_case(seed)
        layer = int(rng.integers(1, len(net.sizes)))
        i = int(rng.integers(net.sizes[layer]))
        j = int(rng.integers(net.sizes[layer - 1]))
        whole = cr.expand(net, X, y, "dW", layer)
        found = cr.expand(net, X, y, "dW", layer, (i, j))
        assert found.value == whole.value[i, j]
        assert found.agrees is True
        if found.paths is None:
            assert found.path_count > MOST_PATHS
        else:
            assert len(found.paths) == found.path_count
            total = sum(path.value for path in found.paths)
            assert total == pytest.approx(float(found.value), rel=1e-10, abs=1e-13)


def test_a_network_worked_out_by_hand() -> None:
    # 1-1-1, relu then identity: z1 = 2*3+1 = 7, a1 = 7, z2 = -1*7+0.5 = -6.5, J = (a2-y)^2/2.
    net = cr.Network([1, 1, 1], hidden="relu", output="identity", cost="squared_error")
    net.W[1], net.b[1], net.W[2], net.b[2] = [[2.0]], [1.0], [[-1.0]], [0.5]
    found = cr.expand(net, [[3.0]], [1.5], "dW", 1, (0, 0))
    # dJ/da2 = -8, da2/dz2 = 1, dz2/da1 = -1, da1/dz1 = 1, dz1/dW1 = 3.
    assert [factor.value.ravel().tolist() for factor in found.factors] == [
        [-8.0],
        [1.0],
        [-1.0],
        [1.0],
        [3.0],
    ]
    assert [factor.product.ravel().tolist() for factor in found.factors] == [
        [-8.0],
        [-8.0],
        [8.0],
        [8.0],
        [24.0],
    ]
    assert (found.J, float(found.value), found.row) == (32.0, 24.0, 0)
    assert found.paths is not None
    assert found.paths[0].terms == (-8.0, 1.0, -1.0, 1.0, 3.0)


def test_a_saturated_output_has_one_factor_for_two() -> None:
    # a = 1 to the last bit and y = 0: dJ/da is infinite, da/dz is 0, and dJ/dz = a - y = 1.
    net = cr.Network([1, 1], output="sigmoid", cost="logistic")
    net.W[1], net.b[1] = [[1.0]], [0.0]
    found = cr.expand(net, [[800.0]], [0.0], "db", 1)
    assert [factor.kind for factor in found.factors] == ["merged", "bias"]
    assert found.value.tolist() == [1.0]
    assert found.J == 800.0
    assert found.agrees is True
    apart = cr.expand(net, [[2.0]], [0.0], "db", 1)
    assert [factor.kind for factor in apart.factors] == ["cost", "activation", "bias"]


def test_a_kink_is_named_and_not_called_wrong() -> None:
    net = cr.Network([1, 1, 1], hidden="relu", output="identity")
    net.W[1], net.b[1], net.W[2] = [[1.0]], [0.0], [[2.0]]
    found = cr.expand(net, [[0.0]], [5.0], "db", 1, 0)
    assert found.value == 0.0
    assert found.numerical.kinks == 1
    assert found.agrees is True
    assert "kink" in found.text()


def test_a_wrong_gradient_would_be_seen() -> None:
    net, X, y, _ = random_case(3)
    found = cr.expand(net, X, y, "dW", 1)
    assert found.numerical.agrees(found.value * 1.001 + 1e-4) is False


def test_numbers_that_are_not_finite_are_said_to_be() -> None:
    net = cr.Network([2, 3, 1], hidden="tanh", output="sigmoid")
    net.theta[0] = np.nan
    found = cr.expand(net, [[1.0, 2.0]], [1], "dW", 1)
    assert found.agrees is None
    assert "not a number" in found.text()


def test_float32_is_worked_out_in_float64() -> None:
    net = cr.Network([3, 4, 2], hidden="tanh", output="softmax", dtype="float32", seed=1)
    found = cr.expand(net, [[1.0, 2.0, 3.0]], [1], "dW", 1)
    exact = net.copy("float64").backward(net.copy("float64").forward([[1.0, 2.0, 3.0]]), [1])
    np.testing.assert_allclose(found.value, exact.dW[1], rtol=1e-13)


def test_many_entries_are_checked_where_they_are_largest() -> None:
    rng = np.random.default_rng(0)
    net = cr.Network([300, 100, 2], hidden="tanh", output="softmax")
    found = cr.expand(net, rng.normal(size=(1, 300)), [1], "dW", 1)
    known = np.isfinite(found.numerical.error)
    assert 0 < known.sum() < known.size
    assert np.abs(found.value[known]).min() >= np.abs(found.value[~known]).max()
    assert found.agrees is True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"quantity": "dx"}, "quantity"),
        ({"layer": 0}, "layers 1 to 2"),
        ({"quantity": "da", "layer": 3}, "layers 0 to 2"),
        ({"row": 2}, "row 2 is not there"),
        ({"entry": (3, 0)}, "no entry"),
        ({"entry": 1}, "no entry"),
    ],
)
def test_what_is_not_there_is_named(arguments: dict, words: str) -> None:
    net = cr.Network([2, 3, 1], hidden="tanh", output="sigmoid")
    with pytest.raises(ValueError, match=words):
        cr.expand(net, [[1.0, 2.0], [0.0, 1.0]], [1, 0], **arguments)


def test_text_and_html_hold_every_factor_and_the_verdict() -> None:
    net = cr.Network([2, 3, 2, 1], hidden="tanh", output="sigmoid", seed=3)
    found = cr.expand(net, [[0.5, -1.0]], [1], "dW", 1, (1, 0))
    for word in ("∂J/∂a³", "∂a³/∂z³", "∂z¹/∂W¹", "a³ (1 - a³)", "1 - (a¹)²", "they agree"):
        assert word in found.text()
    assert "sum over 2 paths" in found.text()
    assert found._repr_html_().count("<tr>") == 1 + len(found.factors)
    assert str(found) == found.text()


def test_latex_with_numbers_has_every_factors_values() -> None:
    net = cr.Network([2, 2, 1], hidden="tanh", output="sigmoid", seed=0, dtype="float64")
    X, y = [[0.5, -1.0]], [1]
    text = cr.expand(net, X, y, "dW", 1).latex(numbers=True)
    lines = text.split("\n")
    assert (lines[0], lines[-1]) == (r"\begin{aligned}", r"\end{aligned}")
    trace, grads = net.forward(X), net.gradients(X, y)
    slopes = ", ".join(f"{1 - a * a:.4g}" for a in trace.a[1][0])
    assert f"= \\operatorname{{diag}}({slopes})" in text
    W = " & ".join(f"{w:.4g}" for w in net.W[2][0])
    assert f"\\begin{{pmatrix}} {W} \\end{{pmatrix}}" in text
    dW = " \\\\ ".join(" & ".join(f"{v:.4g}" for v in row) for row in grads.dW[1])
    assert lines[-2].endswith(f"&= \\begin{{pmatrix}} {dW} \\end{{pmatrix}}")
