"""The picture of a failed check: the hatched box is where a backward pass written by hand errs."""

import re
from typing import Any

import numpy as np
import pytest

from chainrule import check_gradients
from chainrule.gradcheck.chain import wrong_box

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 2))
P = {
    "W1": RNG.normal(size=(2, 3)),
    "b1": RNG.normal(size=2),
    "W2": RNG.normal(size=(2, 2)),
    "b2": RNG.normal(size=2),
}


def cost(p: dict[str, Any]) -> float:
    a = np.tanh(X @ p["W1"].T + p["b1"])
    return float(((a @ p["W2"].T + p["b2"] - Y) ** 2).sum() / 14)


def gradient(p: dict[str, Any], mistake: str = "") -> dict[str, Any]:
    a = np.tanh(X @ p["W1"].T + p["b1"])
    dz2 = (a @ p["W2"].T + p["b2"] - Y) / (1 if mistake == "g-2" else 7)
    da1 = dz2 @ (p["W2"].T if mistake == "da-1" else p["W2"])
    dz1 = da1 * (1 if mistake == "g-1" else 1 - a * a)
    return {
        "W1": dz1.T @ X * (-1 if mistake == "dW-1" else 1),
        "b1": dz1.mean(axis=0) if mistake == "db-1" else dz1.sum(axis=0),
        "W2": (dz2.T @ a) * (2 if mistake == "dW-2" else 1),
        "b2": dz2.sum(axis=0) * (-1 if mistake == "db-2" else 1),
    }


@pytest.mark.parametrize("box", ["g-2", "dW-2", "db-2", "da-1", "g-1", "dW-1", "db-1"])
def test_picture_of_a_failed_check_hatches_the_box_that_errs(box: str) -> None:
    report = check_gradients(cost, lambda p: gradient(p, box), P, X=X, y=Y)
    assert wrong_box(report) == box
    html = str(report.page())
    assert re.findall(r'class="[^"]*cr-wrong" data-key="([^"]*)"', html) == [box]
    assert "url(#hatch)" in html
    assert 'id="hatch"' in html
    assert str(report.diagnoses[0]).replace("'", "&#x27;") in html.split("<figcaption>")[1]


def test_page_of_a_right_gradient_and_of_no_chain_has_no_picture() -> None:
    assert 'cr-chain"' not in str(check_gradients(cost, gradient, P, X=X, y=Y).page())
    x = {"x": np.array([1.0, 2.0])}
    wrong = check_gradients(lambda p: float((p["x"] ** 3).sum()), lambda p: {"x": p["x"]}, x)
    assert 'cr-chain"' not in str(wrong.page())


def test_without_biases_dz_is_told_from_dW_by_the_layer_below() -> None:
    weights = {name: P[name] for name in ("W1", "W2")}

    def J(p: dict[str, Any]) -> float:
        return float(((np.tanh(X @ p["W1"].T) @ p["W2"].T - Y) ** 2).sum() / 14)

    def by_hand(p: dict[str, Any], share: float, factor: float) -> dict[str, Any]:
        a = np.tanh(X @ p["W1"].T)
        dz2 = (a @ p["W2"].T - Y) / share
        dz1 = (dz2 @ p["W2"]) * (1 - a * a)
        return {"W1": dz1.T @ X, "W2": dz2.T @ a * factor}

    boxes = {"g-2": (1, 1), "dW-2": (7, -1)}
    for box, settings in boxes.items():
        report = check_gradients(J, lambda p, s=settings: by_hand(p, *s), weights, X=X, y=Y)
        assert wrong_box(report) == box
