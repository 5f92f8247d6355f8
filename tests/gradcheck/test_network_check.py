"""The check of a Network: against the notes' plain loop, with gradients spoilt on purpose."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.gradcheck import check_gradients, check_network
from chainrule.gradcheck.verdicts import RIGHT, WRONG

pytestmark = pytest.mark.usefixtures("way")


def problem(seed=0, m=6, sizes=(4, 5, 3), **kw):
    rng = np.random.default_rng(seed)
    net = cr.Network(list(sizes), seed=seed, **kw)
    X = rng.standard_normal((m, sizes[0]))
    if net.cost.name == "cross_entropy":
        return net, X, rng.integers(0, sizes[-1], m)
    y = rng.integers(0, 3, (m, sizes[-1])) if net.cost.name == "poisson" else None
    if net.cost.name == "logistic":
        y = rng.integers(0, 2, (m, sizes[-1]))
    return net, X, rng.standard_normal((m, sizes[-1])) if y is None else y


def plain_loop(net, X, y, w=None, eps=1e-6):
    """The notes' loop: one parameter up and down, a whole pass each time."""
    numeric = np.empty(net.theta.size)
    for k in range(net.theta.size):
        kept = net.theta[k]
        net.theta[k] = kept + eps
        above = net.J(X, y, w)
        net.theta[k] = kept - eps
        below = net.J(X, y, w)
        net.theta[k] = kept
        numeric[k] = (above - below) / (2 * eps)
    return numeric


def flat(net, report):
    from chainrule.parameters import gather

    names = [t.name for t in report.tensors]
    by_layer = [
        {"W": report[f"W{l}"].numeric, "b": report[f"b{l}"].numeric}
        for l in range(1, len(names) // 2 + 1)
    ]
    return gather(by_layer, [x for x in net.layers if x.kind == "affine"], np.empty(net.theta.size))


NETS = [
    {"hidden": f, "output": g, "cost": c}
    for f in ("tanh", "relu", "softmax", "gelu", "elu(2)")
    for g, c in (
        ("identity", "squared_error"),
        ("sigmoid", "logistic"),
        ("softmax", "cross_entropy"),
        ("identity", "huber"),
        ("tanh", "absolute_error"),
        ("exp", "poisson"),
    )
]


@pytest.mark.parametrize("kw", NETS, ids=lambda kw: "-".join(kw.values()))
def test_every_derivative_equals_the_plain_loops(kw):
    net, X, y = problem(l1=0.01, l2=0.1, sizes=(3, 4, 4, 2), **kw)
    w = np.array([1.0, 0, 2, 0.5, 1, 1])
    report = check_network(net, X, y, w)
    assert report.ok
    loop = plain_loop(net, X, y, w)
    noise = 100 * np.finfo(float).eps * max(1.0, abs(report.J)) / 1e-6
    assert np.abs(flat(net, report) - loop).max() <= noise + 1e-7 * np.abs(loop).max()


def test_the_bars_hold_what_they_promise():
    for seed in range(20):
        net, X, y = problem(seed, hidden="tanh", output="softmax")
        report = check_network(net, X, y)
        for t in report.tensors:
            # The analytic gradient is exact to some 1e-16: it stands in for the truth.
            assert np.all(np.abs(t.analytic - t.numeric) <= t.bar + 1e-15)


@pytest.mark.parametrize("size", [1e-9, 1e-5, 1e-3, 1.0])
def test_a_single_spoilt_entry_is_found_from_a_part_in_ten_thousand_on(size):
    rng = np.random.default_rng(1)
    net, X, y = problem(hidden="tanh", output="softmax")
    right = net.gradients(X, y).dtheta
    for _ in range(10):
        spoilt = right.copy()
        k = rng.integers(len(right))
        spoilt[k] += size * np.abs(right).max()
        report = check_network(net, X, y, gradients=spoilt)
        relative = size * np.abs(right).max() / abs(spoilt[k])
        assert report.count(WRONG) <= 1
        if relative > 1e-4:
            assert report.count(WRONG) == 1
        if relative < 1e-6:
            assert report.ok


def test_dropout_weights_and_float32_are_named_in_the_report():
    net, X, y = problem(hidden="relu", dropout=0.5, dtype="float32")
    report = check_network(net, X, y, at_step=3)
    assert report.ok
    assert "float64 shadow" in str(report)
    assert "masks of step 3" in str(report)
    assert check_network(net, X, y, training=False).ok
    # The masks matter: the gradient of one step is wrong for another's.
    other = net.copy("float64")
    trace = other.forward(X, training=True, step=0)
    spoilt = other.backward(trace, y).dtheta
    assert check_network(net, X, y, gradients=spoilt, at_step=1).verdict == "wrong"


def test_kinks_are_named_and_passed_by():
    net, X, y = problem(hidden="relu")
    net.b[1][...] = -(X[2] @ net.W[1].T) + 1e-7  # every unit within 1e-7 of its kink at sample 2
    report = check_network(net, X, y)
    assert report.ok
    assert report.kinks_met >= 5
    assert "z1[2, 0] (sample 2, unit 0)" in report.kinks[0]


def test_a_layer_whose_backward_is_wrong_is_reported_once(monkeypatch):
    from chainrule.gradcheck.strategies import layers
    from chainrule.mathematics import propagation
    from chainrule.mathematics.layers import affine

    net, X, y = problem(sizes=(4, 4, 4, 3), hidden="tanh")
    right = propagation.affine_backward

    def wrong(dz, a_prev, W, first=False):
        da_prev, dW, db = right(dz, a_prev, W, first)
        return (dz @ W.T if W.shape == (4, 4) and not first else da_prev), dW, db

    for module in (affine, layers):
        monkeypatch.setattr(module, "affine_backward", wrong)
    report = check_network(net, X, y)
    assert report.verdict == "wrong"
    parts = {part.name[:7]: part for part in report.parts}
    assert parts["layer 3"].verdict == RIGHT
    assert parts["layer 2"].sentence == "da1 wrong, given the right da2"


def test_diagnosis_of_an_engines_gradient():
    net, X, y = problem(sizes=(4, 4, 3), hidden="relu", output="softmax")
    right = net.gradients(X, y).dtheta
    report = check_gradients(net, X, y, gradients=len(X) * right)
    assert report.diagnoses[0].bug == "missing 1/m"
    assert report.exit_code == 1
    with pytest.raises(AssertionError, match="missing"):
        report.raise_if_wrong()


def test_seconds_end_the_check_with_what_was_found():
    net, X, y = problem(m=300, sizes=(100, 100, 100, 3), hidden="tanh")
    report = check_network(net, X, y, seconds=1e-9, progress=False)
    assert report.stopped
    assert report.verdict in ("right", "undecidable")
    assert "partial" in str(report)
    assert report.to_dict()["entries"]["not checked"] > 0


def test_one_s_own_record_with_a_wrong_derivative_is_refused():
    def refused(**kw):
        with pytest.raises(ValueError, match=r"derivative of your own .* is wrong") as caught:
            cr.Network([2, 3, 1], **kw)
        return str(caught.value)

    right = cr.Activation("cube", f=lambda z: z**3, df=lambda z, a: 3 * z**2)
    assert cr.Network([2, 3, 1], hidden=right)
    wrong = cr.Activation("cube", f=lambda z: z**3, df=lambda z, a: 3 * a**2)
    assert "df takes a where it should take z" in refused(hidden=wrong)
    kinked = cr.Activation("mine", f=lambda z: np.abs(z), df=lambda z, a: np.sign(z))
    assert cr.Network([2, 3, 1], hidden=kinked)
    quartic = {"J": lambda a, y: ((a - y) ** 4).sum(axis=1)}
    assert cr.Network([2, 1], cost=cr.Cost("four", da=lambda a, y: 4 * (a - y) ** 3, **quartic))
    assert "gradient = 0.5" in refused(
        cost=cr.Cost("four", da=lambda a, y: 2 * (a - y) ** 3, **quartic)
    )


OUTPUTS = [
    ("identity", "huber(0.5)"), ("identity", "absolute_error"), ("identity", "quantile(0.2)"),
    ("sigmoid", "logistic"), ("softmax", "cross_entropy(0.1)"), ("exp", "poisson"),
    ("tanh", "squared_error"), ("softmax", "squared_error"),
]  # fmt: skip
HIDDEN = ("relu", "leaky_relu", "elu", "elu(2)", "selu", "sigmoid", "tanh", "softsign", "softmax")


@pytest.mark.parametrize("start", range(4))
def test_random_networks_are_never_accused_and_spoilt_ones_never_cleared(start):
    """Shapes, scales, activations, dropout and penalties at random; then one entry is spoilt."""
    for seed in range(100 * start, 100 * start + 60):
        rng = np.random.default_rng(seed)
        n_layers = rng.integers(1, 4)
        sizes = [int(n) for n in rng.integers(2, 7, n_layers + 1)]
        output, cost = OUTPUTS[rng.integers(len(OUTPUTS))]
        hidden = [HIDDEN[k] for k in rng.integers(0, len(HIDDEN), n_layers - 1)]
        l1, l2 = rng.choice([0, 0.1]), rng.choice([0, 0.2])
        net = cr.Network(sizes, hidden, output, cost, seed, dropout=0.3, l1=l1, l2=l2)
        net.theta *= 10.0 ** rng.uniform(-2, 1)
        m = int(rng.integers(1, 8))
        X = rng.standard_normal((m, sizes[0])) * 10.0 ** rng.uniform(-2, 1)
        X = np.round(X) if rng.random() < 0.2 else X
        y = rng.standard_normal((m, sizes[-1]))
        if net.cost.name in ("logistic", "poisson"):
            y = rng.integers(0, 2, (m, sizes[-1]))
        if net.cost.name == "cross_entropy":
            y = rng.integers(0, sizes[-1], m)
        if not np.isfinite(net.J(X, y)):
            continue
        report = check_network(net, X, y)
        assert report.count(WRONG) == 0, (seed, str(report))
        right = net.backward(net.forward(X, training=True), y).dtheta
        k = int(np.argmax(np.abs(right)))
        if right[k] == 0:
            continue
        spoilt = right.copy()
        spoilt[k] *= 1 + 10.0 ** rng.uniform(-4, 1)
        assert not check_network(net, X, y, gradients=spoilt).ok, seed
