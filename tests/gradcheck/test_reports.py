"""Reports: text, JSON, HTML, the pytest helper, progress, Ctrl-C, other ways to check."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

import chainrule as cr
from chainrule.gradcheck import GradientError, assert_gradients, check_gradients
from chainrule.gradcheck.progress import Progress


def cost(p):
    return float((np.tanh(p["W"]) ** 2).sum() + (p["b"] ** 3).sum())


def right(p):
    t = np.tanh(p["W"])
    return {"W": 2 * t * (1 - t**2), "b": 3 * p["b"] ** 2}


def wrong(p):
    return {**right(p), "W": 2 * np.tanh(p["W"])}


P = {"W": np.linspace(-1, 1, 12).reshape(3, 4) + 0.05, "b": np.array([0.5, -0.3])}


def test_it_is_exported_and_light():
    assert cr.check_gradients(cost, right, P).ok


def test_pytest_helper_fails_with_the_report():
    assert assert_gradients(cost, right, P).ok
    with pytest.raises(GradientError, match="WRONG: 12 of 14 entries") as caught:
        assert_gradients(cost, wrong, P)
    assert caught.value.report["W"].count(1) == 12


def test_json_has_no_nan_and_html_no_holes():
    report = check_gradients(cost, wrong, P)
    found = json.loads(report.to_json(entries=True))
    assert found["verdict"] == "wrong"
    assert found["tensors"][0]["worst"][0]["verdict"] == "wrong"
    page = report._repr_html_()
    assert page.count("<svg") >= 2
    assert "error against step" in page
    assert "<script" not in page
    hostile = check_gradients(
        lambda p: float((p["<b>&"] ** 2).sum()), lambda p: p, {"<b>&": P["W"]}
    )
    assert "<b>&" not in hostile._repr_html_().replace("<b>&amp;", "").split("</style>")[1].replace(
        "<p", ""
    )


def test_page_of_a_failed_check_marks_every_wrong_entry_beside_the_numerical_value():
    report = check_gradients(cost, wrong, P)
    html = str(report.page())
    assert html.count(" ✗</td>") == report.count(1) == 12
    assert "gradient as checked" in html
    assert "<caption>numerical</caption>" in html
    assert f"{report['W'].numeric[1, 2]:.5g}</td>" in html
    assert "error against step" in html
    assert report.diagnoses[0].sentence.replace("'", "&#x27;") in html
    assert "✗" not in str(check_gradients(cost, right, P).page())


def test_page_shows_our_gradient_where_the_network_is_found():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))

    def J(p):
        return ((np.tanh(X @ p["W"].T) - y) ** 2).sum() / 12

    def gradient(p, f_slope):
        a = np.tanh(X @ p["W"].T)
        return {"W": ((a - y) / 6 * (1 - a * a if f_slope else 1)).T @ X}

    report = check_gradients(
        J, lambda p: gradient(p, False), {"W": rng.normal(size=(2, 3))}, X=X, y=y
    )
    assert "ours: the chain rule" in str(report.page())
    np.testing.assert_allclose(report["W"].ours, gradient({"W": report["W"].parameter}, True)["W"])


def test_page_of_a_large_array_shows_the_part_around_the_worst_entry():
    x = np.linspace(0.1, 1, 40 * 50).reshape(40, 50)

    def gradient(p):
        g = 2 * p["x"]
        g[33, 44] *= 3
        return {"x": g}

    html = str(check_gradients(lambda p: float((p["x"] ** 2).sum()), gradient, {"x": x}).page())
    assert "(rows 28 to 37, columns 40 to 47)" in html
    assert html.count(" ✗</td>") == 1


def test_saved_page(tmp_path):
    check_gradients(cost, right, P).save(tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_rich_and_plain_text_say_the_same():
    pytest.importorskip("rich", reason="rich is not installed")
    from rich.console import Console

    report = check_gradients(cost, wrong, P)
    stream = io.StringIO()
    Console(file=stream, width=200).print(report)
    for line in str(report).splitlines():
        assert "".join(line.split())[:40] in "".join(stream.getvalue().split())


def test_taylor_tells_two_from_one():
    assert check_gradients(cost, right, P).taylor[0] == pytest.approx(2, abs=0.1)
    assert check_gradients(cost, wrong, P).taylor[0] == pytest.approx(1, abs=0.1)


def test_v_curve_reaches_down_where_right():
    report = check_gradients(cost, right, P)
    off = [abs(d - report["W"].analytic.flat[0]) for _, d in report.curve("W", 0)]
    assert min(off) < 1e-9
    assert off[0] > min(off)
    assert off[-1] > min(off)


def test_a_sample_covers_vectors_whole():
    big = {"W": np.random.default_rng(0).normal(size=(40, 50)), "b": P["b"]}
    report = check_gradients(cost, right, big, entries=20)
    assert report.ok
    assert report["W"].count(3) == 1980
    assert report["b"].count(0) == 2


def test_directions_are_quick_and_decide():
    big = {"W": np.random.default_rng(0).normal(size=(300, 300)), "b": P["b"]}
    report = check_gradients(cost, right, big, method="directions")
    assert report.ok
    assert report.evaluations < 200
    report = check_gradients(cost, wrong, big, method="directions")
    assert report.verdict == "wrong"
    assert report["b"].count(0) == 2


def test_ctrl_c_gives_the_partial_report():
    calls = iter(range(10**6))

    def interrupted(p):
        moved = (p["W"] != P["W"]).sum() + (p["b"] != P["b"]).sum()
        if moved == 1 and next(calls) == 20:
            raise KeyboardInterrupt
        return cost(p)

    report = check_gradients(interrupted, right, P)
    assert report.stopped == "by Ctrl-C"
    assert 0 < report.count(0) < 14
    assert report.count(3) > 0
    assert "partial" in str(report)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_silent_for_two_seconds_and_then_tells_the_time_left():
    now, stream = [0.0], Terminal()
    with Progress(100, True, None, stream, lambda: now[0]) as progress:
        now[0] = 1.9
        progress.step(10)
        assert stream.getvalue() == ""
        now[0] = 5.0
        progress.step(40)
        assert "50 %  5 s left" in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[K")  # the line is erased


def test_no_progress_where_nobody_looks():
    stream = io.StringIO()
    now = [0.0]
    with Progress(10, True, None, stream, lambda: now[0]) as progress:
        now[0] = 9.0
        progress.step(5)
    assert stream.getvalue() == ""


def test_cached_z_name_the_kink():
    X = np.array([[1.0, 2.0], [3.0, -1.0]])
    w = np.array([1.0, -0.5 + 1e-7])  # z of sample 0 is 2e-7

    def fprop(p):
        z = X @ p["w"]
        return {"z1": z, "loss": np.maximum(z, 0).sum()}

    report = check_gradients(fprop, {"w": X.T @ (X @ w > 0)}, {"w": w})
    assert report.ok
    assert "z1[0] changes sign while w" in report.kinks[0]


def test_complex_step_decides_what_rounding_hides():
    offset = 1e9  # the noise of J is 1e-7

    def J(p):
        return offset + (np.exp(p["k"]) * 1e-3).sum()

    def g(p):
        return {"k": 1e-3 * np.exp(p["k"])}

    p = {"k": np.array([0.1, 0.2, 0.3])}
    assert check_gradients(J, lambda p: {"k": 2 * g(p)["k"]}, p).verdict != "right"
    assert check_gradients(J, g, p).verdict != "wrong"


def test_a_result_instead_of_a_function_and_gradients_beside_j():
    assert check_gradients(cost, right(P), P).ok
    assert check_gradients(lambda p: (cost(p), right(p)), None, P).ok
    named = {f"d{k}": v for k, v in right(P).items()}
    assert check_gradients(cost, named, P).ok
