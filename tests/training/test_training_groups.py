"""Parameter groups against torch's, and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.training import ParameterGroup
from chainrule.training.groups import factors_of

RNG = np.random.default_rng(7)
X, Y = RNG.normal(size=(24, 3)), RNG.normal(size=(24, 1))
GROUPS = [
    ParameterGroup(name="b", rate=0.1),
    ParameterGroup(layer=1, name="W", rate=6.0, decay=0.5),
    ParameterGroup(layer=2, rate=0.3, decay=2.0),
]
DECAY = 0.3


def network(**settings: Any) -> cr.Network:
    return cr.Network([3, 5, 1], hidden="tanh", seed=2, **settings)


def test_factors_by_hand() -> None:
    factors = factors_of(network(), GROUPS)
    assert factors is not None
    rates, decays = factors
    # theta is W1 (15), b1 (5), W2 (5), b2 (1); b2 is in two groups.
    assert rates.tolist() == pytest.approx([6.0] * 15 + [0.1] * 5 + [0.3] * 5 + [0.03])
    assert decays.tolist() == [0.5] * 15 + [1.0] * 5 + [2.0] * 6
    assert factors_of(network(), []) is None


def in_torch(optimizer: str, steps: int, rate: float) -> np.ndarray:
    """Return theta after full-batch steps of torch with the groups' rates and decays."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    net = network()
    W1, b1, W2, b2 = (
        torch.tensor(np.array(p), requires_grad=True)
        for p in (net.W[1], net.b[1], net.W[2], net.b[2])
    )
    groups = [(W1, 6.0, 0.5), (b1, 0.1, 0.0), (W2, 0.3, 2.0), (b2, 0.03, 0.0)]
    settings = [
        {
            "params": [p],
            "lr": rate * factor,
            **({"weight_decay": DECAY * d} if "W" in optimizer else {}),
        }
        for p, factor, d in groups
    ]
    theirs = getattr(torch.optim, optimizer)
    descent = theirs(settings, **({"momentum": 0.9} if optimizer == "SGD" else {}))
    x, y = torch.tensor(X), torch.tensor(Y)
    for _ in range(steps):
        descent.zero_grad()
        a = torch.tanh(x @ W1.T + b1) @ W2.T + b2
        J = ((a - y) ** 2).sum(1).mean() / 2
        J.backward()
        descent.step()
    net.W[1], net.b[1], net.W[2], net.b[2] = (p.detach().numpy() for p in (W1, b1, W2, b2))
    return net.theta


@pytest.mark.parametrize(
    ("ours", "theirs", "rate"),
    [
        ("momentum(0.9)", "SGD", 0.02),
        ("adam", "Adam", 0.01),
        (f"adamw(0.9, 0.999, 1e-8, {DECAY})", "AdamW", 0.01),
    ],
)
@pytest.mark.parametrize("engine", ["native", "reference"])
def test_groups_are_those_of_torch(ours: str, theirs: str, rate: float, engine: str) -> None:
    if engine == "native":
        pytest.importorskip("chainrule.engines._core")
    net = network()
    net.fit(
        X, Y, optimizer=ours, learning_rate=rate, epochs=25, batch_size=None, tolerance=None,
        shuffle=False, groups=GROUPS, engine=engine, progress=False,
    )  # fmt: skip
    np.testing.assert_allclose(net.theta, in_torch(theirs, 25, rate), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", cr.OPTIMIZERS)
def test_factors_of_one_change_nothing_beyond_rounding(name: str, dtype: str) -> None:
    plain, grouped = network(dtype=dtype), network(dtype=dtype)
    settings: dict[str, Any] = {"optimizer": name, "epochs": 3, "progress": False}
    plain.fit(X, Y, engine="reference", **settings)
    grouped.fit(X, Y, groups=[ParameterGroup()], **settings)
    np.testing.assert_allclose(
        grouped.theta, plain.theta, rtol=1e-5 if dtype == "float32" else 1e-13
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", cr.OPTIMIZERS)
def test_native_gradients_give_the_steps_of_the_reference(name: str, dtype: str) -> None:
    pytest.importorskip("chainrule.engines._core")
    w = RNG.uniform(0, 2, 24)
    thetas = []
    for engine in ("native", "reference"):
        net = cr.Network([3, 40, 20, 1], seed=2, dropout=0.2, l2=0.01, l1=0.001, dtype=dtype)
        history = net.fit(
            X, Y, optimizer=name, epochs=3, batch_size=7, groups=GROUPS[:2], engine=engine,
            sample_weight=w, clip_norm=0.5, clip_value=0.2, learning_rate=0.01, tolerance=None,
        )  # fmt: skip
        assert history.engine == ("native gradients" if engine == "native" else "reference")
        thetas.append(net.theta)
    exact = dtype == "float64"
    np.testing.assert_allclose(*thetas, rtol=1e-9 if exact else 2e-3, atol=1e-12 if exact else 1e-4)


def test_threads_change_no_bit_with_groups() -> None:
    thetas = []
    for threads in (1, 2, 3):
        net = cr.Network([3, 300, 200, 1], seed=2, dtype="float32")
        net.fit(X, Y, groups=GROUPS[:2], threads=threads, epochs=3, tolerance=None)
        thetas.append(net.theta)
    assert (thetas[0] == thetas[1]).all()
    assert (thetas[0] == thetas[2]).all()


def test_a_rate_of_zero_freezes() -> None:
    net = network()
    W1 = net.W[1].copy()
    net.fit(X, Y, optimizer="adamw", groups=[ParameterGroup(layer=1, rate=0.0)], epochs=3)
    assert (net.W[1] == W1).all()
    assert (net.b[2] != 0).all()


def test_groups_on_one_rank_of_a_team_are_those_of_fit() -> None:
    alone, team = network(), network()
    settings: dict[str, Any] = {"groups": GROUPS, "optimizer": "adamw", "epochs": 4}
    alone.fit(X, Y, **settings)
    cr.distributed.fit(team, X, Y, team=cr.distributed.ALONE, **settings)
    np.testing.assert_allclose(team.theta, alone.theta, rtol=1e-12)


def test_a_run_with_other_groups_is_not_resumed(tmp_path: Path) -> None:
    whole, part = network(), network()
    settings: dict[str, Any] = {"groups": GROUPS, "tolerance": None, "progress": False}
    whole.fit(X, Y, epochs=4, **settings)
    part.fit(X, Y, epochs=2, checkpoint=tmp_path, **settings)
    part.fit(X, Y, epochs=4, checkpoint=tmp_path, resume=True, **settings)
    assert (part.theta == whole.theta).all()
    with pytest.raises(ValueError, match="its groups is"):
        network().fit(X, Y, checkpoint=tmp_path, resume=True, **{**settings, "groups": GROUPS[:2]})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"groups": [ParameterGroup(name="V")]}, r"no parameter of the network is in Para.*'V'"),
        ({"groups": [ParameterGroup(layer=3)]}, "no parameter of the network is in"),
        ({"groups": [{"name": "b"}]}, "groups must be ParameterGroup records, not"),
        ({"groups": GROUPS, "optimizer": "lbfgs"}, "leave out groups"),
    ],
)
def test_bad_groups_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        network().fit(X, Y, **change)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rate": -1.0}, "ParameterGroup: rate must be a finite number, 0 or above"),
        ({"decay": float("nan")}, "ParameterGroup: decay must be a finite number, 0 or above"),
        ({"layer": 0}, "ParameterGroup: layer must be a whole number, 1 or above, not 0"),
    ],
)
def test_a_group_checks_its_numbers(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ParameterGroup(**arguments)
