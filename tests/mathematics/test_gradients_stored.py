"""Gradients against results of torch that are stored, so that they are tested without torch too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr

FILE = Path(__file__).parents[1] / "oracles" / "torch_cases.json"
CASES: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))


def test_the_cases_are_complete() -> None:
    assert {case["cost"].partition("(")[0] for case in CASES} == set(cr.COSTS)
    for place in (0, 1):
        used = {case["activations"][place].partition("(")[0] for case in CASES}
        assert used == set(cr.ACTIVATIONS)


@pytest.mark.parametrize("case", CASES, ids=lambda c: "+".join([*c["activations"], c["cost"]]))
def test_as_stored(case: dict[str, Any]) -> None:
    hidden, output = case["activations"]
    net = cr.Network([2, 3, 2], hidden, output, case["cost"], l1=case["l1"], l2=case["l2"])
    net.theta = case["theta"]
    np.testing.assert_allclose(net.predict(case["X"]), case["y_hat"], rtol=1e-13, atol=1e-13)
    grads = net.gradients(case["X"], case["Y"], case["weights"])
    assert grads.J == pytest.approx(case["J"], rel=1e-12, abs=1e-13)
    np.testing.assert_allclose(grads.dtheta, case["dtheta"], rtol=1e-12, atol=1e-13)
    for l in (1, 2):
        np.testing.assert_allclose(grads.dz[l], case["dz"][l - 1], rtol=1e-12, atol=1e-13)
    for l in (0, 1, 2):
        np.testing.assert_allclose(grads.da[l], case["da"][l], rtol=1e-12, atol=1e-13)
