"""The page as an instrument: one screen, numbers by hand, training, faults, addresses, paper."""

import json
import re
from typing import Any

import numpy as np
import pytest
from oracles.pages import (
    AXE,
    NEEDS_CHROMIUM,
    Open,
    go_to,
    serious,
    shot,
    sync_api,
    value_of,
)

import chainrule as cr
from chainrule.explanation.pagedata import FAULTS
from chainrule.mathematics.optimizers import OPTIMIZERS, resolve_optimizer

pytestmark = [pytest.mark.slow, NEEDS_CHROMIUM]

SIZES = {"laptop": {"width": 1366, "height": 768}, "phone": {"width": 390, "height": 844}}
XOR = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])


def xor(**settings: Any) -> cr.Network:
    return cr.Network([2, 2, 1], hidden="sigmoid", output="sigmoid", seed=3, dtype="float64")


def inside(tab: Any, selector: str) -> bool:
    """Whether some part of an element can be seen: in the viewport and in every frame it is in."""
    script = """selector => [...document.querySelectorAll(selector)].some((element) => {
        let { left, right, top, bottom } = element.getBoundingClientRect();
        if (right - left < 1 || bottom - top < 1) return false;
        const clip = (box) => {
            left = Math.max(left, box.left); right = Math.min(right, box.right);
            top = Math.max(top, box.top); bottom = Math.min(bottom, box.bottom);
        };
        clip({ left: 0, top: 0, right: innerWidth, bottom: innerHeight });
        for (let e = element.parentElement; e; e = e.parentElement) {
            if (getComputedStyle(e).overflowX !== "visible") clip(e.getBoundingClientRect());
        }
        return right - left >= 1 && bottom - top >= 1;
    })"""
    return bool(tab.evaluate(script, selector))


@pytest.mark.parametrize("size", SIZES)
def test_one_screen_holds_picture_card_and_time_and_nothing_jumps(show: Open, size: str) -> None:
    tab = show(cr.explain(xor(), *XOR), viewport=SIZES[size])
    places = (
        "() => ['stage', 'card', 'next', 'train'].map(id => "
        "{ const b = document.getElementById(id).getBoundingClientRect(); "
        "return [b.left, b.top, b.width, b.height].map(Math.round); })"
    )
    assert tab.evaluate("[document.documentElement.scrollWidth, scrollY]") == [
        SIZES[size]["width"],
        0,
    ]
    assert tab.evaluate("document.documentElement.scrollHeight") <= SIZES[size]["height"]
    for level in ("layers", "units"):
        tab.click("#first") if tab.is_enabled("#first") else None
        tab.click(f"#show-{level}")
        before = tab.evaluate(places)
        seen = tab.evaluate("l => document.querySelector(`#${l}-picture svg`).textContent", level)
        for _ in range(15):
            tab.click("#next")
            # Only "next" itself changes its word at the end; it grows to the right.
            now = tab.evaluate(places)
            assert [place[:2] for place in now] == [place[:2] for place in before]
            lit = f"#{level}-picture .cr-now"
            assert tab.locator(lit).count()
            assert inside(tab, lit), tab.inner_text("#step-title")
            assert inside(tab, "#step-title")
            text = tab.evaluate(
                "l => document.querySelector(`#${l}-picture svg`).textContent", level
            )
            assert text != seen, f"{level}: {tab.inner_text('#step-title')}"
            seen = text
        assert tab.evaluate("scrollY") == 0
        shot(tab, f"{size}-{level}-update")


@pytest.mark.parametrize("size", SIZES)
def test_the_effect_of_every_control_is_in_sight(show: Open, size: str) -> None:
    X, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 2
    net = cr.Network([2, 3, 1], hidden="tanh", output="sigmoid", seed=0)
    tab = show(cr.explain(net, X, y), viewport=SIZES[size])
    tab.click("#show-units")
    effects = {
        "#tab-play": "#held-name",
        "#held-more": "#held-change",
        "#undo": "#held-table",
        "#held-check": "#held-words",
        "#tab-debug": "#pick-value",
        "#descend": "#training-words",
        "#sample-next": "#sample-J",
        "#tab-read": "#step-title",
        "#turn" if size == "laptop" else "#next": "#units-picture .cr-now",
    }
    for control, effect in effects.items():
        assert inside(tab, control), control
        tab.click(control)
        assert inside(tab, effect), f"{control} -> {effect}"
    tab.click("#tab-debug")
    tab.select_option("#fault", "sign")
    assert inside(tab, "#units-picture .cr-wrong")
    tab.click("#units-picture [data-key='b-1-1']")
    assert inside(tab, "#units-picture .cr-picked")
    assert inside(tab, "#pick-verdict")


def test_numbers_not_yet_computed_are_hidden_and_now_is_not_picked(show: Open) -> None:
    tab = show(cr.explain(xor(), *XOR, row=1))
    tab.click("#show-units")
    words = "k => document.querySelector(`#units-picture [data-key='${k}'] text`).textContent"
    assert tab.evaluate(words, "z-1-0") == "z"
    assert tab.evaluate(words, "da-1-0") == "da"
    assert tab.evaluate(words, "J") == "J"
    assert tab.evaluate(words, "b-1-0").startswith("b = ")
    assert tab.locator("#units-picture path.cr-back:visible").count() == 0
    go_to(tab, "Forward, layer 1: z¹")
    assert re.fullmatch(r"z (= )?−0\.\d+", tab.evaluate(words, "z-1-1"))
    assert tab.evaluate(words, "a-1-1") == "a"
    tab.click("#units-picture [data-key='b-2-0']")
    look = (
        "k => { const s = getComputedStyle(document.querySelector("
        "`#units-picture [data-key='${k}']`).querySelector('path, rect')); "
        "return [s.stroke, s.strokeDasharray]; }"
    )
    now, picked = tab.evaluate(look, "z-1-1"), tab.evaluate(look, "b-2-0")
    assert now[0] != picked[0]
    assert now[1] != picked[1]


def test_a_click_then_arrows_and_space_step_and_play(show: Open) -> None:
    tab = show(cr.explain(xor(), *XOR))
    tab.click("#layers-picture [data-key='z-1']")
    assert tab.inner_text("#step-count") == "step 2 of 16"
    tab.keyboard.press("ArrowRight")
    assert tab.inner_text("#step-count") == "step 3 of 16"
    tab.click("#show-units")
    tab.click("#units-picture [data-key='a-0-1']")
    tab.keyboard.press("ArrowRight")
    assert tab.inner_text("#step-count") == "step 4 of 16"
    tab.keyboard.press(" ")
    assert "pause" in tab.inner_text("#play")
    tab.keyboard.press(" ")
    assert "play" in tab.inner_text("#play")


def test_after_random_edits_every_number_is_numpys(show: Open) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(5, 3)), rng.uniform(size=(5, 2))
    net = cr.Network([3, 4, 2], hidden="tanh", output="sigmoid", seed=1, dtype="float64")
    tab = show(cr.explain(net, X, y, row=2))
    tab.click("#tab-play")
    X, y = X.copy(), y.copy()
    for _ in range(100):
        quantity = rng.choice(["dW", "db", "da", "y"])
        layer = {"da": 0, "y": 2}.get(quantity, int(rng.integers(1, 3)))
        unit = int(rng.integers(net.sizes[layer]))
        value = float(np.round(rng.normal(), 6))
        tab.select_option("#pick-quantity", quantity)
        if quantity != "y":
            tab.select_option("#pick-layer", str(layer))
        tab.select_option("#pick-unit", str(unit))
        if quantity == "dW":
            j = int(rng.integers(net.sizes[layer - 1]))
            tab.select_option("#pick-input", str(j))
            net.W[layer][unit, j] = value
        elif quantity == "db":
            net.b[layer][unit] = value
        elif quantity == "da":
            X[2, unit] = value
        else:
            value = abs(value) % 1
            y[2, unit] = value
        tab.fill("#held-value", repr(value))
        tab.press("#held-value", "Enter")
        np.testing.assert_allclose(
            value_of(tab, "#sample-J"), net.J(X[2:3], y[2:3]), rtol=1e-12, atol=1e-15
        )
    grads = net.backward(net.forward(X), y, per_sample=True)
    tab.click("#tab-debug")
    tab.wait_for_selector("#all-gradients tbody tr")
    rows = tab.evaluate(
        "() => [...document.querySelectorAll('#all-gradients tbody tr')].map(r => "
        "[r.querySelector('th').innerText, Number(r.querySelector('td data').value)])"
    )
    assert len(rows) == len(net.theta)
    for name, value in rows:
        l, at = int("0¹²".index(name[2])), json.loads(name[3:])
        array = (grads.dW if name[1] == "W" else grads.db)[l]
        np.testing.assert_allclose(value, array[2][tuple(at)], rtol=1e-12, atol=1e-16)
    assert "✓ They agree" in tab.inner_text("#all-gradients")


def test_a_drag_moves_a_weight_and_the_hand_is_the_numerical_check(show: Open) -> None:
    net = xor()
    tab = show(cr.explain(net, *XOR, row=1))
    tab.click("#show-units")
    tab.click("#last")
    before = value_of(tab, "#sample-J")
    box = tab.locator("#units-picture [data-key='b-1-0']").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.down()
    for k in range(1, 6):
        tab.mouse.move(x + 6 * k, y)
    tab.mouse.up()
    moved = float(tab.input_value("#held-value"))
    assert moved == pytest.approx(0.2, abs=0.01)
    net.b[1][0] = 30 / 150
    after = value_of(tab, "#sample-J")
    np.testing.assert_allclose(after, net.J(XOR[0][1:2], XOR[1][1:2]), rtol=1e-12)
    slope = float(tab.locator("#held-change strong data").get_attribute("value"))
    np.testing.assert_allclose(slope, (after - before) / 0.2, rtol=1e-9)
    assert "was" in tab.inner_text("#units-picture")
    # Wheel and arrow keys move what is held, and nothing else.
    tab.mouse.move(x, y)
    tab.mouse.wheel(0, -100)
    assert float(tab.input_value("#held-value")) == pytest.approx(0.21, abs=1e-6)
    tab.keyboard.press("ArrowDown")
    assert float(tab.input_value("#held-value")) == pytest.approx(0.2, abs=1e-6)
    tab.click("#held-check")
    grads = net.backward(net.forward(XOR[0]), XOR[1], per_sample=True)
    derivative = float(tab.locator("#held-words data").first.get_attribute("value"))
    np.testing.assert_allclose(derivative, grads.db[1][1][0], rtol=1e-6)
    while tab.is_enabled("#undo"):
        tab.click("#undo")
    assert value_of(tab, "#sample-J") == before
    assert tab.is_disabled("#restore")


def test_the_update_is_a_step_and_forward_begins_again(show: Open) -> None:
    net = xor()
    tab = show(cr.explain(net, *XOR, row=1))
    tab.fill("#rate", "0.5")
    go_to(tab, "Update: W ← W − η dW")
    grads = net.gradients(XOR[0][1:2], XOR[1][1:2])
    updated = net.theta - 0.5 * grads.dtheta
    rows = tab.evaluate(
        "() => [...document.querySelectorAll('#step-numbers tbody tr')].map(r => "
        "[...r.querySelectorAll('data')].map(d => Number(d.value)))"
    )
    assert len(rows) == 9
    for row in np.array(rows):
        k = int(np.argmin(np.abs(net.theta - row[0]) + np.abs(grads.dtheta - row[1])))
        np.testing.assert_allclose(
            row, [net.theta[k], grads.dtheta[k], updated[k]], rtol=1e-12, atol=1e-16
        )
    tab.click("#next")
    assert tab.inner_text("#step-title") == "Start: the sample"
    net.theta = updated
    np.testing.assert_allclose(
        value_of(tab, "#sample-J"), net.J(XOR[0][1:2], XOR[1][1:2]), rtol=1e-12
    )


@pytest.mark.parametrize("engine", ["kernels", "script"])
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_the_pages_optimizers_are_numpys(show: Open, name: str, engine: str) -> None:
    net = xor()
    optimizer = resolve_optimizer(name)
    tab = show(
        cr.explain(net, *XOR, training={"optimizer": name, "learning_rate": 0.1}),
        ready=f"body[data-engine={engine}]",
        before="delete WebAssembly" if engine == "script" else "",
    )
    words = tab.locator("#engine-words").text_content()
    assert "differ from the functions shown by at most" in words or engine == "script"
    state = optimizer.init(net.theta)
    theta = net.theta.copy()
    decays = np.concatenate([np.repeat([1.0, 0.0], [4, 2]), np.repeat([1.0, 0.0], [2, 1])])
    for t in range(1, 6):
        net.theta = theta
        g = net.gradients(*XOR).dtheta
        theta, state = optimizer.update(theta, g, state, 0.1, t, decays)
        tab.click("#descend")
    net.theta = theta
    tab.wait_for_selector("#mean-cost data")
    np.testing.assert_allclose(value_of(tab, "#mean-cost"), net.J(*XOR), rtol=1e-11)


def test_training_plays_pauses_scrubs_back_and_undoes(show: Open) -> None:
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = (X[:, 0] * X[:, 1] > 0) * 1
    net = cr.Network([2, 6, 1], hidden="tanh", output="sigmoid", seed=0, dtype="float64")
    training = {"optimizer": "adam", "learning_rate": 0.02, "batch_size": 16}
    tab = show(cr.explain(net, X, y, training=training))
    tab.wait_for_selector("#mean-cost data")
    first = value_of(tab, "#mean-cost")
    np.testing.assert_allclose(first, net.J(X, y), rtol=1e-12)
    tab.click("#show-units")
    tab.click("#last")
    tab.click("#train")
    enough = re.compile(r"^(2[5-9]|[3-9]\d|\d{3})$")
    sync_api.expect(tab.locator("#epoch")).to_have_attribute("max", enough, timeout=20_000)
    tab.click("#train")
    tab.wait_for_selector("#mean-cost data")
    assert value_of(tab, "#mean-cost") < 0.7 * first
    assert tab.locator("#units-picture image").count() == 7
    assert tab.locator("#curve path.cost").count() == 1
    shot(tab, "trained-here")
    tab.fill("#epoch", "0")
    tab.wait_for_selector("#mean-cost data")
    assert value_of(tab, "#mean-cost") == first
    tab.click("#undo")
    assert value_of(tab, "#sample-J") == pytest.approx(
        float(tab.evaluate("document.querySelector('#sample-J data').value"))
    )


CASES: dict[str, tuple[list[int], str, str, str]] = {
    "xor": ([2, 2, 1], "sigmoid", "sigmoid", "logistic"),
    "table": ([8, 6, 4, 1], "relu", "sigmoid", "logistic"),
    "digits": ([16, 8, 5], "tanh", "softmax", "cross_entropy"),
    "number": ([5, 4, 1], "sigmoid", "identity", "squared_error"),
    "words": ([7, 5, 3], "softplus", "softmax", "cross_entropy"),
    "deep": ([3, 4, 4, 4, 4, 2], "tanh", "identity", "squared_error"),
}


@pytest.mark.parametrize("case_name", CASES)
def test_the_hatched_box_is_the_faulty_one(show: Open, case_name: str) -> None:
    sizes, hidden, output, cost = CASES[case_name]
    rng = np.random.default_rng(1)
    net = cr.Network(sizes, hidden=hidden, output=output, cost=cost, seed=1, dtype="float64")
    net.theta = rng.normal(size=net.theta.shape)
    X = rng.normal(size=(12, sizes[0]))
    y = np.arange(12) % sizes[-1] if output == "softmax" else rng.uniform(size=(12, sizes[-1]))
    tab = show(cr.explain(net, X, y, row=3))
    tab.click("#tab-debug")
    kinds = tab.evaluate("[...document.getElementById('fault').options].map(o => o.value)")[1:]
    assert len(kinds) >= 5
    boxes = {
        "slope": "dz",
        "argument": "dz",
        "stale": "dz",
        "sum": "dz",
        "transpose": "da",
        "sign": "dW",
        "layer": "dW",
        "bias": "db",
    }
    for kind in kinds:
        tab.select_option("#fault", kind)
        for layer in tab.evaluate(
            "[...document.getElementById('fault-layer').options].map(o => o.value)"
        ):
            tab.select_option("#fault-layer", layer)
            place = f"{boxes[kind]}-{int(layer) - (kind == 'transpose')}"
            wrong = tab.evaluate(
                "() => [...document.querySelectorAll('#units-picture .cr-wrong')]"
                ".map(e => e.dataset.key)"
            )
            places = {
                "-".join(key.replace("d-", "dW-", 1).replace("dw-", "dW-").split("-")[:2])
                for key in wrong
            }
            assert places == {place}, f"{kind} in layer {layer}"
            assert tab.inner_text("#fault-words").startswith("The check says: ")
            assert "✗" in tab.inner_text("#all-gradients") or place == "da-0"
    tab.select_option("#fault", "")
    assert tab.locator(".cr-wrong").count() == 0
    assert "✗" not in tab.inner_text("#all-gradients")


def test_a_hidden_fault_is_found_by_a_click_on_its_box(show: Open) -> None:
    tab = show(cr.explain(xor(), *XOR, row=1, at="mode=debug&exercise=sign.2"))
    assert tab.locator(".cr-wrong").count() == 0
    assert "A mistake is hidden" in tab.inner_text("#fault-words")
    assert "✗" in tab.inner_text("#all-gradients")
    tab.click("#layers-picture [data-key='dW-1']")
    assert "Not there" in tab.inner_text("#fault-words")
    tab.click("#layers-picture [data-key='dW-2']")
    assert "Found: the sign of dW2 is turned around." in tab.inner_text("#fault-words")
    assert tab.locator("#layers-picture .cr-wrong").count() == 1


def test_every_mistake_has_the_gradient_checks_own_sentence() -> None:
    from chainrule.gradcheck.mistakes.table import MISTAKES

    sentences = {mistake.sentence for mistake in MISTAKES}
    assert all(fault["sentence"] in sentences for fault in FAULTS.values())


def test_an_address_leads_to_the_same_screen(show: Open) -> None:
    net = xor()
    page = cr.explain(net, *XOR)
    tab = show(page)
    tab.select_option("#sample", "2")
    tab.click("#show-units")
    go_to(tab, "Backward, layer 1: dW¹")
    tab.click("#units-picture [data-key='b-1-1']")
    tab.fill("#held-value", "0.75")
    tab.press("#held-value", "Enter")
    tab.fill("#rate", "0.3")
    sync_api.expect(tab).to_have_url(re.compile("eta=0.3.*theta="))
    screen = ["#step-title", "#step-count", "#sample-words", "#held-name", "#theta-name"]
    before = {one: tab.inner_text(one) for one in screen if one != "#theta-name"}
    state = tab.evaluate("location.hash.slice(1)")
    again = show(cr.explain(net, *XOR, at=state))
    assert {one: again.inner_text(one) for one in before} == before
    assert again.input_value("#rate") == "0.3"
    assert again.is_visible("#units-picture")
    other = show(cr.explain(net, *XOR))
    other.evaluate("state => { location.hash = state; }", state)
    sync_api.expect(other.locator("#step-count")).to_have_text(before["#step-count"])
    assert {one: other.inner_text(one) for one in before} == before


@pytest.mark.parametrize(
    "state",
    [
        "step=99&row=77&mode=x&level=y&pick=dW.9.9.9&fault=slope.9&theta=AAAA&eta=-1&chapter=99",
        "theta=%%%&x=!!&pick=dz.0.0&step=1.5&optimizer=__proto__&fault=toString.1",
    ],
)
def test_an_address_that_does_not_fit_is_left_aside(show: Open, state: str) -> None:
    tab = show(cr.explain(xor(), *XOR, at=state))
    assert tab.inner_text("#step-count") == "step 1 of 16"
    assert tab.is_visible("#layers-picture")
    assert tab.is_disabled("#restore")


def test_chapters_set_a_state_ask_and_answer(show: Open) -> None:
    tab = show(cr.explain(xor(), *XOR))
    titles = []
    for _ in range(10):
        if not tab.is_visible("#panel-read"):
            tab.click("#tab-read")
        tab.click("#chapter-next")
        tab.click("#tab-read")
        titles.append(tab.inner_text("#step-title"))
        assert tab.locator("#chapter-words summary").inner_text().endswith("?")
        assert not tab.locator("#chapter-words details p").is_visible()
        tab.click("#chapter-words summary")
        assert tab.locator("#chapter-words details p").is_visible()
    assert len(set(titles)) >= 6
    assert tab.is_disabled("#chapter-next")
    assert "The goal" in tab.inner_text("#chapter-words") or "the goal" in tab.inner_text(
        "#chapter-words"
    )


@pytest.mark.parametrize("worksheet", [False, True])
def test_on_paper_are_all_steps_and_blanks_to_fill_in(show: Open, worksheet: bool) -> None:
    tab = show(cr.explain(xor(), *XOR, row=1))
    tab.evaluate("window.print = () => {}")
    tab.click(".info summary")
    tab.click("#worksheet" if worksheet else "#handout")
    tab.emulate_media(media="print")
    assert tab.locator("#paper .paper-step").count() == (32 if worksheet else 16)
    assert (tab.locator("#paper .blank").count() > 15) == worksheet
    J = tab.evaluate("document.querySelector('#sample-J data').textContent")
    steps = tab.locator("#paper .paper-step").all_text_contents()
    # What is to be computed stands in the solution only.
    assert any(J in step for step in steps[-16:])
    assert not worksheet or not any(J in step for step in steps[:16])
    assert re.search(r"da (= )?−?\d", tab.locator("#paper svg").last.text_content())
    assert not tab.is_visible("#next")


def test_rows_by_cost_come_first_and_wrong_ones_are_marked(show: Open) -> None:
    X = np.random.default_rng(0).normal(size=(20, 2))
    y = np.arange(20) % 2
    net = cr.Network([2, 3, 1], hidden="tanh", output="sigmoid", seed=0, dtype="float64")
    tab = show(cr.explain(net, X, y))
    costs = np.array([net.J(X[r : r + 1], y[r : r + 1]) for r in range(20)])
    tab.wait_for_selector("#mean-cost data")
    tab.check("#by-cost")
    options = tab.locator("#sample option").all_inner_texts()
    assert [int(o.split()[1]) for o in options] == np.argsort(-costs, kind="stable").tolist()
    wrong = (net.forward(X).a[2][:, 0] > 0.5) != (y > 0.5)
    assert [("✗" in o) for o in options] == wrong[np.argsort(-costs, kind="stable")].tolist()


def test_own_values_stand_beside_the_inputs_and_the_target(show: Open) -> None:
    X, y = np.array([[-0.5, 1.0], [0.5, -1.0]]), np.array([0.1, -0.2])
    net = cr.Network([2, 1], output="identity", cost="squared_error", seed=0, dtype="float64")
    own = [["24.90", "Rome"], ["31.00", "<b>Ulm</b>"]]
    tab = show(cr.explain(net, X, y, row=1, own=own, target=(214.0, 10.0)))
    assert "31.00" in tab.inner_text("#step-numbers")
    assert "<b>Ulm</b>" in tab.inner_text("#step-numbers")
    y_hat = net.forward(X).a[1][1, 0] * 10 + 214
    assert f"({y_hat:.4g})" in tab.inner_text("#sample-words")
    assert "(212)" in tab.inner_text("#sample-words")


@pytest.mark.parametrize("mode", ["read", "play", "debug"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_mode(show: Open, mode: str, scheme: str) -> None:
    if not AXE.exists():
        pytest.skip("skipped: axe-core is not installed (npm install --no-save axe-core@4)")
    X = np.random.default_rng(0).normal(size=(20, 2))
    net = cr.Network([2, 3, 1], hidden="tanh", output="sigmoid", seed=0)
    at = f"mode={mode}&level=units&step=12&pick=dW.1.0.1&chapter=2"
    tab = show(cr.explain(net, X, np.arange(20) % 2, at=at), color_scheme=scheme)
    tab.wait_for_selector("#mean-cost data")
    shot(tab, f"{mode}-{scheme}")
    assert serious(tab) == []


def test_panels_are_hidden_by_the_address_and_by_hand(show: Open) -> None:
    tab = show(cr.explain(xor(), *XOR, at="hide=card.training"))
    assert not tab.is_visible("#card")
    assert not tab.is_visible("#train")
    assert tab.is_visible("#next")
    wide = tab.locator("#layers-picture").bounding_box()["width"]
    tab.click(".info summary")
    tab.check("#panel-of-card")
    assert tab.is_visible("#card")
    assert tab.locator("#layers-picture").bounding_box()["width"] < wide
    tab.uncheck("#panel-of-steps")
    assert not tab.is_visible("#next")
    sync_api.expect(tab).to_have_url(re.compile("hide=steps.training"))
    alone = cr.explain(xor(), *XOR, at="only=picture&level=units")
    assert "aspect-ratio:" in alone._repr_html_()
    address = "history.replaceState(null, '', '#chapter=4')"
    other = show(cr.explain(xor(), *XOR, at="chapter=1&hide=card"), before=address)
    assert other.is_visible("#card")
    assert other.input_value("#chapter") == "3"
    tab = show(alone)
    assert [tab.is_visible(one) for one in ("#units-picture", "header", "footer", "#card")] == [
        True,
        False,
        False,
        False,
    ]


def test_the_weight_under_the_pointer_follows_training_and_can_be_saved(show: Open) -> None:
    net = xor()
    tab = show(
        cr.explain(net, *XOR, training={"optimizer": "gradient_descent", "learning_rate": 2}),
        ready="body[data-engine=kernels]",
    )
    tab.click("#show-units")
    tab.locator("#units-picture .cr-hit[data-key='e-1-0-0']").hover(force=True)
    first = tab.inner_text("#hover")
    assert first.startswith("W¹[0,0] = ")
    tab.evaluate("document.getElementById('train').click()")
    sync_api.expect(tab.locator("#hover")).not_to_have_text(first)
    tab.evaluate("document.getElementById('train').click()")
    tab.click(".info summary")
    with tab.expect_download() as download:
        tab.click("#weights")
    saved = json.loads(download.value.path().read_text())
    theta = tab.inner_text("#hover").split(" = ")[1].replace("−", "-")
    assert saved["layers"][0]["W"][0][0] == pytest.approx(float(theta.split(",")[0]), rel=1e-3)
    assert np.shape(saved["layers"][1]["W"]) == (1, 2)
    assert saved["layers"][0]["activation"] == "sigmoid"


def test_the_legend_has_what_its_level_has(show: Open) -> None:
    tab = show(cr.explain(xor(), *XOR))
    tab.click(".info summary")
    strokes = tab.locator(".legend li[data-of=units]")
    assert strokes.count() == 3
    assert not any(strokes.nth(k).is_visible() for k in range(3))
    assert tab.locator(".legend li[data-of=layers]").first.is_visible()
    tab.evaluate("document.getElementById('show-units').click()")
    assert all(strokes.nth(k).is_visible() for k in range(3))


def test_the_edges_of_the_unit_held_stand_out(show: Open) -> None:
    tab = show(cr.explain(xor(), *XOR))
    tab.click("#show-units")
    tab.click("#units-picture [data-key='b-1-0']")
    aside = tab.evaluate(
        "[...document.querySelectorAll('#units-picture path.cr-aside')]"
        ".map(e => e.dataset.key).filter(key => key.startsWith('e-'))"
    )
    assert set(aside) == {"e-1-1-0", "e-1-1-1", "e-2-0-1"}
