"""The page in Firefox: it opens from disk, steps, follows the hand, and finds a fault."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from oracles.firefox import FIREFOX, Firefox

import chainrule as cr

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FIREFOX, reason="skipped: no Firefox is installed"),
]


@pytest.fixture(scope="module")
def firefox() -> Iterator[Firefox]:
    started = Firefox()
    yield started
    started.close()


def test_a_page_in_firefox_computes_steps_and_finds_a_fault(
    firefox: Firefox, tmp_path: Path
) -> None:
    X, y = np.array([[0.3, -1.0], [1.0, 0.5], [-0.4, 0.8]]), np.array([0, 1, 1])
    net = cr.Network([2, 3, 1], hidden="tanh", output="sigmoid", seed=0, dtype="float64")
    cr.explain(net, X, y, row=1).save(tmp_path / "page.html")
    firefox.call("WebDriver:Navigate", url=(tmp_path / "page.html").as_uri())
    for _ in range(600):
        if firefox.run("return document.body.dataset.ready") == "true":
            break
    grads = net.backward(net.forward(X), y, per_sample=True)
    expected = {
        "Forward, layer 1: z¹": net.forward(X).z[1][1],
        "Forward, layer 2: a²": net.forward(X).a[2][1],
        "Backward, layer 1: dz¹": grads.dz[1][1],
        "Backward, layer 1: da⁰": grads.da[0][1],
    }
    shown: dict[str, list[float]] = {}
    for _ in range(16):
        title, numbers = firefox.run(
            "return [document.getElementById('step-title').textContent, "
            "[...document.querySelectorAll('#step-numbers tbody tr')].map(r => "
            "Number([...r.querySelectorAll('data')].pop().value))]"
        )
        shown[title] = numbers
        if firefox.run("return document.getElementById('last').disabled"):
            break
        firefox.run("document.getElementById('next').click()")
    assert len(shown) == 16
    for start, values in expected.items():
        (numbers,) = (numbers for title, numbers in shown.items() if title.startswith(start))
        np.testing.assert_allclose(numbers, values, rtol=1e-12, atol=1e-16)
    # The hand moves b of unit 2, and J is NumPy's.
    firefox.run(
        "document.getElementById('show-units').click();"
        "document.querySelector(\"#units-picture [data-key='b-1-2']\")"
        ".dispatchEvent(new MouseEvent('click', { bubbles: true }));"
        "const field = document.getElementById('held-value'); field.value = '0.75';"
        "field.dispatchEvent(new Event('change'));"
    )
    net.b[1][2] = 0.75
    J = firefox.run("return Number(document.querySelector('#sample-J data').value)")
    np.testing.assert_allclose(J, net.J(X[1:2], y[1:2]), rtol=1e-12)
    firefox.run(
        "document.getElementById('tab-debug').click();"
        "const fault = document.getElementById('fault'); fault.value = 'sign';"
        "fault.dispatchEvent(new Event('change'));"
    )
    assert firefox.run("return document.querySelectorAll('#units-picture .cr-wrong').length") > 0
    width, height, inner, outer = firefox.run(
        "const e = document.documentElement;"
        "return [e.scrollWidth, e.scrollHeight, innerWidth, innerHeight]"
    )
    assert (width, height) == (inner, outer)
