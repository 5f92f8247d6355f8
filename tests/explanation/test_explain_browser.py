"""The page in a real browser: Chromium by Playwright; skipped where either is not installed."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles.pages import (
    AXE,
    NEEDS_CHROMIUM,
    ROOT,
    Open,
    go_to,
    matrix_of,
    pick,
    serious,
    shot,
    sync_api,
    table_of,
    trained,
    value_of,
)

import chainrule as cr
from chainrule.explanation import findings
from chainrule.mathematics.activations import ACTIVATIONS

pytestmark = [pytest.mark.slow, NEEDS_CHROMIUM]


def test_every_step_shows_the_numbers_of_forward_and_backward(show: Open, case: Any) -> None:
    net, X, y, history = case
    tab = show(cr.explain(net, X, y, history=history, row=7))
    trace = net.forward(X)
    grads = net.backward(trace, y, per_sample=True)

    def last_column() -> list[float]:
        return [numbers[-1] for numbers in table_of(tab).values()]

    raised = "⁰¹²³"
    seen = []
    for l in (1, 2, 3):
        for title, true in (
            (f"Forward, layer {l}: z{raised[l]}", trace.z[l][7]),
            (f"Forward, layer {l}: a{raised[l]}", trace.a[l][7]),
            (f"Backward, layer {l}: dz{raised[l]}", grads.dz[l][7]),
            (f"Backward, layer {l}: db{raised[l]}", grads.db[l][7]),
            (f"Backward, layer {l}: da{raised[l - 1]}", grads.da[l - 1][7]),
        ):
            go_to(tab, title)
            np.testing.assert_allclose(last_column(), true, rtol=1e-12, atol=1e-15)
            seen.append(tab.inner_text("#step-title"))
        go_to(tab, f"Backward, layer {l}: dW{raised[l]}")
        entries = matrix_of(tab)
        assert len(entries) == grads.dW[l][7].size
        for at, value in entries.items():
            np.testing.assert_allclose(value, grads.dW[l][7][at], rtol=1e-12, atol=1e-15)
    go_to(tab, "Backward: da³")
    np.testing.assert_allclose(last_column(), grads.da[3][7], rtol=1e-12)
    go_to(tab, "Forward: the cost J")
    J = net.J(X[7:8], y[7:8])
    np.testing.assert_allclose(value_of(tab, "#step-numbers p"), J, rtol=1e-12)
    assert len(set(seen)) == 15


def test_steps_light_their_boxes_and_the_cached_z_is_used_again(show: Open, case: Any) -> None:
    net, X, y, _ = case
    tab = show(cr.explain(net, X, y))
    lit = "() => [...document.querySelectorAll('#layers-picture .cr-now')].map(e => e.dataset.key)"
    words = "k => document.querySelector(`#layers-picture [data-key='${k}']`).textContent"
    go_to(tab, "Forward, layer 2: z²")
    assert {"f-2", "a-1", "W-2", "z-2", "cached-2"} <= set(tab.evaluate(lit))
    shot(tab, "forward")
    # What is not computed yet shows its shape and no number; what is shows its number.
    assert "dW²2 × 3" in tab.evaluate(words, "dW-2")
    assert "rms" in tab.evaluate(words, "a-1")
    go_to(tab, "Backward, layer 2: dz²")
    assert {"g-2", "da-2", "z-2", "reused-2"} <= set(tab.evaluate(lit))
    shot(tab, "backward-with-the-cached-z")
    # A click on a box goes to its step.
    tab.locator("#layers-picture [data-key='dW-1']").click()
    assert tab.inner_text("#step-title").startswith("Backward, layer 1: dW¹")
    tab.click("#turn")
    assert tab.inner_text("#step-title").startswith("Backward: da³")
    tab.click("#last")
    assert tab.inner_text("#step-title").startswith("Update: W ← W − η dW")
    assert tab.is_disabled("#last")
    assert "repeat" in tab.inner_text("#next")


def test_it_plays_by_itself(show: Open, case: Any) -> None:
    net, X, y, _ = case
    tab = show(cr.explain(net, X, y))
    tab.click("#play")
    assert "pause" in tab.inner_text("#play")
    sync_api.expect(tab.locator("#step-count")).not_to_have_text("step 1 of 22")
    tab.click("#play")
    assert "play" in tab.inner_text("#play")


@pytest.mark.parametrize("quantity", ["dW", "db", "dz", "da"])
def test_a_picked_number_is_backwards_and_the_numerical_derivatives(
    show: Open, case: Any, quantity: str
) -> None:
    net, X, y, history = case
    tab = show(cr.explain(net, X, y, history=history, inputs=["age", "income"]))
    trace = net.forward(X)
    own = net.backward(trace, y, per_sample=True)
    mean = net.backward(trace, y)
    tab.select_option("#sample", "5")
    for l, i, j in ((1, 2, 1), (2, 1, 2), (3, 0, 1)):
        pick(tab, quantity, l, i, j if quantity == "dW" else None)
        at = (5, i, j) if quantity == "dW" else (5, i)
        np.testing.assert_allclose(
            value_of(tab, "#pick-value"), getattr(own, quantity)[l][at], rtol=1e-12, atol=1e-16
        )
        assert "they agree" in tab.inner_text("#pick-verdict")
        expansion = cr.expand(net, X, y, quantity, l, at[1:], row=5)  # type: ignore[arg-type]
        factors = tab.locator("#pick-chain tbody tr").count()
        assert factors == len(expansion.factors)
        names = tab.locator("#pick-product math").count()
        assert names == factors + 1
        if quantity in ("dW", "db"):
            tab.wait_for_selector("#pick-result .note data")
            whole = getattr(mean, quantity)[l][at[1:]]
            np.testing.assert_allclose(
                value_of(tab, "#pick-result .note"), whole, rtol=1e-11, atol=1e-16
            )
    if quantity == "dW":
        pick(tab, "dW", 1, 0, 1)
        # Two outputs of layer 2 and one of layer 3 behind it: two paths, which add up.
        ends = tab.locator("#pick-paths li")
        assert ends.count() == 2
        forward = tab.inner_text("#pick-forward").replace("\n", "")
        assert "Forward, it adds" in forward


def test_a_click_on_an_edge_picks_its_weight(show: Open, case: Any) -> None:
    net, X, y, _ = case
    tab = show(cr.explain(net, X, y))
    tab.click("#show-units")
    tab.locator("#units-picture [data-key='e-2-1-2']").first.dispatch_event("click")
    assert [
        tab.input_value(f"#pick-{name}") for name in ("quantity", "layer", "unit", "input")
    ] == [
        "dW",
        "2",
        "1",
        "2",
    ]
    assert tab.is_visible("#pick-input")
    tab.locator("#units-picture [data-key='z-1-2']").click()
    assert not tab.is_visible("#pick-input")
    assert tab.input_value("#pick-quantity") == "dz"
    assert tab.input_value("#pick-unit") == "2"


def test_wide_layers_unfold_for_what_is_picked(show: Open) -> None:
    rng = np.random.default_rng(0)
    net = cr.Network([20, 30, 3], hidden="relu", output="softmax", seed=0)
    X, y = rng.normal(size=(5, 20)), np.array([0, 1, 2, 0, 1])
    tab = show(cr.explain(net, X, y, row=0))
    tab.click("#show-units")
    titles = (
        "() => [...document.querySelectorAll('#units-picture g title')].map(t => t.textContent)"
    )
    hidden = next(
        unit
        for unit in range(30)
        if not any(t.startswith(f"z of unit {unit} of layer 1") for t in tab.evaluate(titles))
    )
    pick(tab, "dW", 1, hidden, 3)
    assert any(t.startswith(f"z of unit {hidden} of layer 1") for t in tab.evaluate(titles))
    grads = net.backward(net.forward(X), y, per_sample=True)
    np.testing.assert_allclose(
        value_of(tab, "#pick-value"), grads.dW[1][0][hidden, 3], rtol=1e-12, atol=1e-16
    )
    go_to(tab, "Forward, layer 1: a¹")
    assert len(table_of(tab)) == 7
    tab.get_by_role("button", name="show all 30").click()
    np.testing.assert_allclose(
        [row[-1] for row in table_of(tab).values()], net.forward(X).a[1][0], rtol=1e-12
    )


def test_the_slider_moves_through_training(show: Open, case: Any) -> None:
    net, X, y, history = case
    tab = show(cr.explain(net, X, y, history=history, row=0))
    tab.wait_for_selector("#mean-cost data")
    np.testing.assert_allclose(value_of(tab, "#mean-cost"), net.J(X, y), rtol=1e-12)
    slider = tab.locator("#epoch")
    assert slider.get_attribute("max") == str(len(history.snapshots) - 1)
    costs = []
    for k in (0, 10, 30):
        slider.fill(str(k))
        assert tab.inner_text("#theta-name") == f"epoch {history.snapshots[k][0]}"
        tab.wait_for_selector("#mean-cost data")
        then = net.copy()
        then.theta = history.snapshots[k][1]
        costs.append(value_of(tab, "#mean-cost"))
        # Recorded epochs are kept to 16 bits; the last one is the trained network, exactly.
        exact = 1e-12 if k == 30 else 1e-4
        np.testing.assert_allclose(costs[-1], then.J(X, y), rtol=exact)
        pick(tab, "dW", 1, 0, 0)
        own = then.backward(then.forward(X), y, per_sample=True)
        np.testing.assert_allclose(
            value_of(tab, "#pick-value"), own.dW[1][0][0, 0], rtol=20 * exact
        )
        shot(tab, f"epoch-{k}")
    assert costs[0] > costs[1] > costs[2]


@pytest.mark.parametrize("settings", [{}, {"l2": 0.01, "l1": 0.001}], ids=["plain", "penalties"])
def test_one_more_step_of_descent_lets_the_cost_fall(show: Open, settings: dict) -> None:
    net, X, y, history = trained(**settings)
    tab = show(cr.explain(net, X, y, history=history))
    tab.wait_for_selector("#mean-cost data")
    before = value_of(tab, "#mean-cost")
    np.testing.assert_allclose(before, net.J(X, y), rtol=1e-12)
    tab.click("#descend")
    assert "fell by" in tab.inner_text("#training-words")
    tab.wait_for_selector("#mean-cost data")
    assert value_of(tab, "#mean-cost") < before
    shot(tab, "after-a-step-of-descent")
    tab.click("#restore")
    tab.wait_for_selector("#mean-cost data")
    assert value_of(tab, "#mean-cost") == before
    # With a learning rate of one's own it is the step that theta - eta dJ/dtheta is.
    tab.fill("#rate", "0.1")
    tab.click("#descend")
    tab.wait_for_selector("#mean-cost data")
    stepped = net.copy()
    stepped.theta = net.theta - 0.1 * net.gradients(X, y).dtheta
    np.testing.assert_allclose(value_of(tab, "#mean-cost"), stepped.J(X, y), rtol=1e-12)
    tab.fill("#rate", "1000000")
    tab.click("#descend")
    assert "ROSE" in tab.inner_text("#training-words")
    tab.fill("#rate", "much")
    tab.click("#descend")
    assert "must be a number" in tab.inner_text("#training-words")


def test_keyboard_alone(show: Open, case: Any) -> None:
    net, X, y, history = case
    tab = show(cr.explain(net, X, y, history=history))
    tab.keyboard.press("ArrowRight")
    assert tab.inner_text("#step-count") == "step 2 of 22"
    tab.keyboard.press("End")
    assert tab.inner_text("#step-count") == "step 22 of 22"
    tab.keyboard.press("Home")
    assert tab.inner_text("#step-count") == "step 1 of 22"
    tab.click("#tab-debug")
    reached = []
    for _ in range(60):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.id"))
        outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none" or reached[-1] == ""
    controls = ("sample", "next", "play", "show-units", "pick-layer", "pick-unit", "epoch", "train")
    for control in (*controls, "fault", "hide-fault", "undo", "rate", "optimizer"):
        assert control in reached or tab.is_disabled(f"#{control}"), control
    tab.focus("#next")
    tab.keyboard.press("Enter")
    assert tab.inner_text("#step-count") == "step 2 of 22"
    tab.focus("#pick-unit")
    tab.keyboard.press("ArrowDown")
    assert tab.inner_text("#step-count") == "step 2 of 22"
    tab.focus("#epoch")
    tab.keyboard.press("Home")
    assert tab.inner_text("#theta-name") == "epoch 0"
    tab.focus("#descend")
    tab.keyboard.press("Enter")
    assert "fell by" in tab.inner_text("#training-words")


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_width_or_theme_breaks_it(
    show: Open, case: Any, width: int, scheme: str, tmp_path: Path
) -> None:
    net, X, y, history = case
    names = ["age", "income"]
    tab = show(
        cr.explain(net, X, y, history=history, inputs=names, outputs=["ill"]),
        viewport={"width": width, "height": 812},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    moving = tab.evaluate(
        "[...document.querySelectorAll('*')].filter(e => "
        "getComputedStyle(e).transitionDuration !== '0s').length"
    )
    assert moving == 0
    go_to(tab, "Backward, layer 2: dz²")
    if not AXE.exists():
        pytest.skip("skipped: axe-core is not installed (npm install --no-save axe-core)")
    tab.wait_for_selector("#mean-cost data")
    for level in ("layers", "units"):
        tab.click(f"#show-{level}")
        shot(tab, f"{scheme}-{width}-{level}")
        assert serious(tab) == []


HOSTILE = [
    "<script>window.broken = 1</script>",
    "\"'><img src=x onerror='window.broken=1'>",
    "</script><script>window.broken=1</script>",
    "مرحبا \u202e abc",
    "x" * 3000,
    "<!-- & &amp; \u2028 \x00 \x07 {{ 7 * 7 }}",
]


def test_names_from_the_data_appear_as_text(show: Open) -> None:
    rng = np.random.default_rng(0)
    net = cr.Network([6, 3, 6], hidden="tanh", output="softmax", seed=0)
    X, y = rng.normal(size=(12, 6)), np.arange(12) % 6
    tab = show(
        cr.explain(net, X, y, inputs=HOSTILE, outputs=HOSTILE, title=HOSTILE[0] + HOSTILE[3]),
        viewport={"width": 375, "height": 812},
    )
    assert tab.evaluate("window.broken") is None
    assert tab.inner_text("h1") == HOSTILE[0] + HOSTILE[3]
    assert tab.title().startswith("<script>")
    options = tab.locator("#pick-input option").all_text_contents()
    assert options[:3] == [f"{i}: {name}" for i, name in enumerate(HOSTILE[:3])]
    assert options[4].endswith(HOSTILE[4])
    tab.click("#show-units")
    tab.click("#last")
    tallest = "() => Math.max(...[...document.querySelectorAll('tr')].map(r => r.offsetHeight))"
    assert tab.evaluate(tallest) < 300
    for k in range(6):
        pick(tab, "dW", 2, k, 0)
        pick(tab, "dW", 1, 0, k)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 375
    assert tab.evaluate("window.broken") is None
    assert tab.locator("img").count() == 0
    shot(tab, "hostile-names-375")


ENDS = (
    ("softmax", "cross_entropy(0.1)"),
    ("sigmoid", "logistic"),
    ("identity", "huber(0.5)"),
    ("exp", "poisson"),
    ("identity", "quantile(0.2)"),
    ("softmax", "logistic"),
    ("identity", "absolute_error"),
    ("identity", "squared_error"),
)


@pytest.mark.parametrize("part", range(4))
def test_the_pages_own_passes_are_ours_for_every_activation_and_cost(show: Open, part: int) -> None:
    rng = np.random.default_rng(1)
    names = [*sorted(ACTIVATIONS), "leaky_relu(0.3)", "elu(2.5)"]
    for name, (output, cost) in list(zip(names, itertools.cycle(ENDS), strict=False))[part::4]:
        net = cr.Network([3, 4, 2], hidden=name, output=output, cost=cost, seed=2)
        net.theta *= 1.5
        X = rng.normal(size=(4, 3)) * 3
        y = [0, 1, 1, 0] if cost.startswith("cross") else rng.uniform(0, 1, (4, 2))
        tab = show(cr.explain(net, X, y))
        grads = net.backward(net.forward(X), y, per_sample=True)
        for row in (0, 3):
            tab.select_option("#sample", str(row))
            pick(tab, "dW", 1, 1, 2)
            np.testing.assert_allclose(
                value_of(tab, "#pick-value"), grads.dW[1][row][1, 2], rtol=1e-11, atol=1e-14
            )
            assert tab.inner_text("#pick-verdict") != "✗ they disagree"
        tab.wait_for_selector("#mean-cost data")
        np.testing.assert_allclose(value_of(tab, "#mean-cost"), net.J(X, y), rtol=1e-12)
        tab.context.close()


def trouble() -> dict[str, tuple[cr.Network, np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(20, 3)), rng.integers(2, size=20)
    dead = cr.Network([3, 4, 4, 1], hidden="relu", output="sigmoid", seed=0)
    dead.b[1][1] = -50.0
    saturated = cr.Network([3, 4, 1], hidden="tanh", output="sigmoid", seed=0)
    saturated.b[1][[0, 2]] = 30.0
    vanishing = cr.Network([3, *[4] * 12, 1], hidden="sigmoid", output="sigmoid", seed=0)
    exploding = cr.Network([3, *[4] * 8, 1], hidden="identity", output="identity", seed=0)
    exploding.theta *= 12
    return {
        name: (net, X, y)
        for name, net in (
            ("dead", dead),
            ("saturated", saturated),
            ("vanishing", vanishing),
            ("exploding", exploding),
        )
    }


@pytest.mark.parametrize("kind", ["dead", "saturated", "vanishing", "exploding"])
def test_trouble_is_marked_and_explained_as_in_python(show: Open, kind: str) -> None:
    net, X, y = trouble()[kind]
    tab = show(cr.explain(net, X, y))
    tab.click("#tab-debug")
    tab.wait_for_selector("#health-list [data-kind]")
    said = [
        item.split(" look at unit")[0] for item in tab.locator("#health-list li").all_inner_texts()
    ]
    ours = findings(net, X, y)
    assert [item.removeprefix("⚠ ")[:40] for item in said] == [str(f)[:40] for f in ours]
    assert kind in [finding.kind for finding in ours]
    if kind in ("dead", "saturated"):
        tab.get_by_role("button", name="look at unit").first.click()
        assert tab.input_value("#pick-unit") == str(ours[0].units[0])
        assert f"is {kind}" in tab.inner_text("#pick-forward")
        tab.click("#show-units")
        assert tab.locator("#units-picture .cr-marked").count() >= len(ours[0].units)
    shot(tab, kind)


@pytest.mark.parametrize(
    "sizes", [[4, 1], [3, *[5] * 29, 2], [3, 5000, 1], [2, 3, 1]], ids=["1", "30", "5000", "nan"]
)
def test_no_network_gives_a_blank_page(show: Open, sizes: list[int]) -> None:
    rng = np.random.default_rng(0)
    net = cr.Network(sizes, hidden="tanh", output="identity", seed=0)
    if sizes == [2, 3, 1]:
        net.theta[:] = np.nan
    X, y = rng.normal(size=(6, sizes[0])), rng.normal(size=(6, sizes[-1]))
    tab = show(cr.explain(net, X, y, row=0))
    total = 1 + 2 * (len(sizes) - 1) + 2 + 4 * (len(sizes) - 1) + 1
    assert tab.inner_text("#step-count") == f"step 1 of {total}"
    tab.click("#last")
    tab.click("#show-units")
    assert tab.locator("#units-picture g.cr-box").count() >= 2
    tab.wait_for_selector("#mean-cost data")
    if np.isnan(net.theta).all():
        assert "not a number" in tab.inner_text("#step-numbers")
        tab.click("#tab-debug")
        assert "not finite" in tab.inner_text("#health-list")
        assert "cannot be compared" in tab.inner_text("#pick-verdict")
        tab.click("#descend")
        assert "not finite" in tab.inner_text("#training-words")
    else:
        grads = net.backward(net.forward(X), y, per_sample=True)
        pick(tab, "db", 1, sizes[1] - 1)
        np.testing.assert_allclose(
            value_of(tab, "#pick-value"), grads.db[1][0][-1], rtol=1e-11, atol=1e-15
        )


def softmax_case() -> tuple[cr.Network, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    net = cr.Network([2, 4, 3], hidden="tanh", output="softmax", seed=4)
    return net, rng.normal(size=(150, 2)), np.arange(150) % 3


def test_a_softmax_is_not_shown_as_if_its_units_were_apart(show: Open) -> None:
    net, X, y = softmax_case()
    tab = show(cr.explain(net, X, y))
    go_to(tab, "Backward, layer 2: dz²")
    heads = tab.locator("#step-numbers thead th").all_inner_texts()
    assert "f′(z)" not in heads
    assert heads[2] == "∂a²ᵢ/∂z²ᵢ"
    assert "a whole matrix; [i = j] is 1" in tab.inner_text("#step-says")
    go_to(tab, "Backward, layer 1: dz¹")
    assert tab.locator("#step-numbers thead th").all_inner_texts()[2] == "f′(z)"
    pick(tab, "dW", 2, 1, 0)
    chain = tab.locator("#pick-chain")
    assert "[1,1]" in chain.locator("tbody tr").nth(1).inner_text()
    assert "[i = j] is 1" in chain.inner_text()
    assert "the first two factors together are a² − y" in chain.inner_text()
    # Of a matrix of weights the place is said in both indices.
    pick(tab, "dW", 1, 0, 0)
    entries = matrix_of(tab, "#pick-chain tbody tr:nth-child(3)")
    assert set(entries) == {(i, j) for i in range(3) for j in range(4)}
    for (i, j), value in entries.items():
        assert value == net.W[2][i, j]
    pick(tab, "da", 2, 0)
    assert "[i = j]" not in chain.inner_text()


def test_weights_in_the_chain_have_both_indices(show: Open, case: Any) -> None:
    net, X, y, _ = case
    tab = show(cr.explain(net, X, y))
    pick(tab, "dW", 1, 0, 0)
    entries = matrix_of(tab, "#pick-chain tbody tr:nth-child(5)")
    assert len(entries) == 6
    for (i, j), value in entries.items():
        assert value == net.W[2][i, j]


def test_one_path_is_no_sum(show: Open, case: Any) -> None:
    net, X, y, _ = case
    tab = show(cr.explain(net, X, y))
    pick(tab, "dW", 2, 0, 0)
    assert "One path leads from the cost to this number" in tab.inner_text("#pick-paths")


def test_inputs_are_not_called_units_and_what_is_left_out_is_said(show: Open) -> None:
    rng = np.random.default_rng(0)
    net = cr.Network([20, 3, 1], hidden="tanh", output="sigmoid", seed=0)
    X, y = rng.normal(size=(150, 20)), np.arange(150) % 2
    tab = show(cr.explain(net, X, y, notes=["x is <b>standardised</b>."]))
    assert "7 of 20 inputs: those whose silence would change J most" in tab.inner_text(
        "#step-numbers"
    )
    go_to(tab, "Backward, layer 1: da⁰")
    assert "Each input gathers dz¹" in tab.inner_text("#step-says")
    tab.click(".info summary")
    said = tab.inner_text("header")
    assert "The page holds 100 of 150 samples, evenly spread." in said
    assert "x is <b>standardised</b>." in said


def test_numbers_that_overflow_are_said_in_the_page_as_in_python(show: Open) -> None:
    net = cr.Network([3, 4, 1], hidden="relu", seed=0)
    X, y = np.random.default_rng(0).normal(size=(5, 3)) * 1e200, np.zeros(5)
    tab = show(cr.explain(net, X, y))
    tab.click("#tab-debug")
    tab.wait_for_selector("#health-list [data-kind=broken]")
    (found,) = [f for f in findings(net, X, y) if f.kind == "broken"]
    assert "numbers overflow" in found.text
    assert tab.inner_text("#health-list [data-kind=broken]").removeprefix("⚠ ").strip() == str(
        found
    )
    tab.click("#show-units")
    # The picked unit's numbers are bold and long: they stay inside its shape all the same.
    wider = """() => [...document.querySelectorAll('#units-picture g.cr-box')].filter(g => {
        const box = g.querySelector('rect, path').getBBox();
        return [...g.querySelectorAll('text')].some(t => t.getBBox().width > box.width - 9);
    }).map(g => g.textContent)"""
    assert tab.evaluate(wider) == []


def test_signs_and_sums_of_the_formulas_are_explained(show: Open) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 2))
    net = cr.Network([2, 3, 2], hidden="gelu", output="identity", cost="huber", seed=0)
    tab = show(cr.explain(net, X, rng.normal(size=(12, 2))))
    for step in ("Forward, layer 1: a¹", "Backward, layer 1: dz¹"):
        go_to(tab, step)
        assert "erfc is the complementary error function" in tab.inner_text("#step-says")
    go_to(tab, "Forward: the cost J")
    assert "the sum over its 2 outputs" in tab.inner_text("#step-says")
    pick(tab, "dW", 1, 0, 0)
    assert "erfc is the complementary" in tab.inner_text("#pick-chain")
    pick(tab, "dW", 2, 0, 0)
    assert "erfc" not in tab.inner_text("#pick-chain")
    soft = cr.Network([2, 3, 4], hidden="tanh", output="softmax", cost="cross_entropy(0.1)", seed=0)
    tab = show(cr.explain(soft, X, np.arange(12) % 4, row=0))
    # (1 - s) y + s / n, by hand.
    said = "y is smoothed, as in training: 1 is 0.925 here, and 0 is 0.025."
    tab.click(".info summary")
    assert said in tab.inner_text("header")
    go_to(tab, "Forward: the cost J")
    assert "the sum over" not in tab.inner_text("#step-says")
    assert table_of(tab)["0"][-1] == pytest.approx(0.925)


def test_the_first_number_shown_is_not_a_dead_one(show: Open) -> None:
    net = cr.Network([3, 4, 1], hidden="relu", output="identity", seed=0)
    net.b[1][[0, 1]] = -50.0
    X, y = np.ones((12, 3)), np.zeros(12)
    X[:, 0] = 0.0
    tab = show(cr.explain(net, X, y))
    tab.click("#tab-debug")
    alive = [str(unit) for unit in np.flatnonzero(net.forward(X).z[1][0] > 0)]
    assert tab.input_value("#pick-unit") in alive
    assert tab.input_value("#pick-input") in ("1", "2")
    assert value_of(tab, "#pick-value") != 0


def test_who_unfolds_a_table_by_keyboard_goes_on_in_it(show: Open) -> None:
    net = cr.Network([20, 1], output="sigmoid", seed=0)
    tab = show(cr.explain(net, np.arange(40.0).reshape(2, 20) / 40, [0, 1]))
    tab.get_by_role("button", name="show all 20").focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.matches('#step-numbers .scroll')")


@pytest.mark.parametrize("m", [1, 9, 10])
def test_few_samples_may_be_chance(show: Open, m: int) -> None:
    net = cr.Network([3, 4, 1], hidden="relu", output="sigmoid", seed=0)
    net.b[1][1] = -50.0
    X, y = np.random.default_rng(0).normal(size=(m, 3)), np.arange(m) % 2
    tab = show(cr.explain(net, X, y))
    tab.click("#tab-debug")
    tab.wait_for_selector("#health-list [data-kind=dead]")
    said = tab.inner_text("#health-list [data-kind=dead]").split(" look at unit")[0]
    (found,) = [one for one in findings(net, X, y) if one.kind == "dead"]
    assert said.removeprefix("⚠ ").strip() == found.text
    chance = {1: "With a single sample only, this may be chance.", 9: "With 9 samples only"}
    assert chance.get(m, "keeps units alive.") in found.text
    assert ("chance" in found.text) == (m < 10)


def test_names_beside_the_units_are_in_sight_on_a_phone(show: Open) -> None:
    net, X, y = softmax_case()
    names = ["a rather long name", "another name of a column"]
    outputs = ["first", "second", "third"]
    phone = {"viewport": {"width": 375, "height": 800}}
    tab = show(cr.explain(net, X, y, inputs=names, outputs=outputs), **phone)
    tab.click("#show-units")
    place = """key => {
        const frame = document.getElementById('units-picture').getBoundingClientRect();
        const name = document.querySelector(`#units-picture [data-key=${key}]`);
        const box = name.getBoundingClientRect();
        return box.left >= frame.left - 1 && box.right <= frame.right + 1;
    }"""
    assert tab.evaluate(place, "in-1")
    go_to(tab, "Forward, layer 2: a²")
    assert tab.evaluate(place, "out-0")


def test_without_javascript_no_dead_control_is_left(
    browser: Any, case: Any, tmp_path: Path
) -> None:
    net, X, y, _ = case
    cr.explain(net, X, y).save(tmp_path / "page.html")
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((tmp_path / "page.html").as_uri())
    assert [b for b in tab.locator("button, select, input").all() if b.is_visible()] == []
    assert tab.locator("#layers-picture svg").is_visible()
    assert tab.locator("#units-picture svg").is_visible()
    assert tab.locator("noscript .fault").is_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_paper_the_picture_is_whole_and_the_ground_white(
    show: Open, case: Any, scheme: str
) -> None:
    net, X, y, _ = case
    tab = show(cr.explain(net, X, y), viewport={"width": 680, "height": 900}, color_scheme=scheme)
    tab.emulate_media(media="print", color_scheme=scheme)
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    wide = "s => document.querySelector(s).getBoundingClientRect().right"
    assert tab.evaluate(wide, "#layers-picture svg") <= 680
    assert not tab.locator("#next").is_visible()


def test_the_cached_z_is_dashed_in_the_dark_too(show: Open, case: Any) -> None:
    net, X, y, _ = case
    tab = show(cr.explain(net, X, y), color_scheme="dark")
    tab.click("#last")
    for box in ("#layers-picture [data-key=z-1]", ".legend .cr-cache"):
        paint = tab.evaluate(
            "s => { const c = getComputedStyle(document.querySelector(s + ' rect')); "
            "return [c.fill, c.stroke]; }",
            box,
        )
        assert paint[0] == "none"
        assert min(map(int, paint[1].removeprefix("rgb(").rstrip(")").split(","))) > 150


def test_a_report_is_readable_in_light_and_dark(show: Open) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("matplotlib")
    from chainrule.explanation.model_report import report
    from chainrule.tables.columns import columns
    from chainrule.tables.fit import fit_columns
    from chainrule.tables.reading import read_table

    rows = columns(read_table(ROOT / "data" / "breast_cancer.csv"))
    made = report(fit_columns(rows, "diagnosis").model, rows)
    for width, scheme in ((375, "dark"), (1280, "light")):
        settings = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
        tab = show(made, ready="main", **settings)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        shot(tab, f"report-{scheme}-{width}")
        paint = "getComputedStyle(document.querySelector('.cr-cache rect')).fill"
        assert (tab.evaluate(paint) == "rgb(255, 255, 255)") == (scheme == "light")
        tab.emulate_media(media="print", color_scheme=scheme)
        assert tab.evaluate(paint) == "rgb(255, 255, 255)"
        ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(255, 255, 255)"
        tab.emulate_media(media="screen", color_scheme=scheme)
        if AXE.exists():
            assert serious(tab) == []


def test_in_a_notebook_it_is_a_frame_of_its_own(browser: Any, case: Any) -> None:
    net, X, y, _ = case
    tab = browser.new_page()
    tab.set_content(cr.explain(net, X, y)._repr_html_())
    frame = tab.frames[1]
    frame.wait_for_selector("body[data-ready=true]")
    frame.click("#next")
    assert frame.inner_text("#step-count") == "step 2 of 22"
    tab.close()


def test_the_first_picture_is_there_within_a_second(show: Open) -> None:
    rng = np.random.default_rng(0)
    net = cr.Network([30, 64, 32, 1], hidden="relu", output="sigmoid", seed=0)
    X, y = rng.normal(size=(100, 30)), rng.integers(2, size=100)
    history = net.fit(X, y, epochs=20, tolerance=None, record="explain", progress=False)
    tab = show(cr.explain(net, X, y, history=history))
    assert tab.locator("#layers-picture .cr-box").count() > 10
    assert tab.evaluate("performance.getEntriesByType('paint').length") > 0


# The card alone may scroll: everything else is on the one screen.
SCROLLBARS = """() => [...document.querySelectorAll("body *")].filter((one) => {
    const { overflowY } = getComputedStyle(one);
    const scrolls = overflowY === "auto" || overflowY === "scroll";
    if (!scrolls || one.matches(".panel, .sheet")) return false;
    return one.scrollHeight > one.clientHeight && one.clientHeight > 0;
}).map((one) => `${one.tagName} ${one.className} in ${one.parentElement.className}`)"""
CLIPPED = """() => [...document.querySelectorAll(".formula, .scroll, .picture")].flatMap((one) => {
    const { top, bottom } = one.getBoundingClientRect();
    return [...one.querySelectorAll("mi, mn, mo, td, text")].filter((part) => {
        const at = part.getBoundingClientRect();
        return at.height > 0 && (at.top < top - 1 || at.bottom > bottom + 1);
    }).map((part) => `${part.textContent} in ${one.className}`);
})"""


@pytest.mark.parametrize("scale", [1, 1.5, 2])
def test_nothing_scrolls_up_and_down_in_a_line_nor_is_cut_off(
    show: Open, case: Any, scale: float
) -> None:
    net, X, y, history = case
    tab = show(cr.explain(net, X, y, history=history), device_scale_factor=scale)
    while True:
        title = tab.inner_text("#step-title")
        assert tab.evaluate(SCROLLBARS) == [], title
        assert tab.evaluate(CLIPPED) == [], title
        if tab.is_disabled("#last"):
            break
        tab.click("#next")
    tab.click("#tab-debug")
    for quantity in ("W", "b", "z", "a"):
        tab.select_option("#pick-quantity", f"d{quantity}")
        assert tab.evaluate(SCROLLBARS) == [], quantity
        assert tab.evaluate(CLIPPED) == [], quantity
