"""check_kernel: the ways to call a backward pass, scatter from run to run, shapes, bad input."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from chainrule.gradcheck.kernels import check_kernel
from chainrule.gradcheck.kernels.bars import bar_of, compare, verdicts_of
from chainrule.gradcheck.kernels.hidden import hidden_errors
from chainrule.gradcheck.verdicts import RIGHT, WRONG


def function(forward, backward, name="Mine"):
    body = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type(name, (torch.autograd.Function,), body).apply


def square_forward(ctx, x):
    ctx.save_for_backward(x)
    return x * x


def wrong_lines(report):
    return {part.name: part.sentence for part in report.parts if part.verdict == WRONG}


@pytest.fixture
def x():
    return torch.randn(6, 10, generator=torch.Generator().manual_seed(0))


def test_stride_0_upstream_misread_is_named(x):
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        flat = g.as_strided((g.numel(),), (1,)) if g.is_contiguous() else g.reshape(-1) * 0
        return flat.reshape(x.shape) * 2 * x

    lines = wrong_lines(check_kernel(function(square_forward, backward), (x,), lambda x: x * x))
    assert "upstream gradient of stride 0 (from sum)" in lines
    assert "upstream gradient transposed in memory" in lines
    assert "backward twice" not in lines


def test_squared_upstream_is_not_linear(x):
    def backward(ctx, g):
        return g * g * 2 * ctx.saved_tensors[0]

    report = check_kernel(function(square_forward, backward), (x,), lambda x: x * x)
    assert "upstream gradient doubled" in wrong_lines(report)
    assert report.diagnoses[0].bug == "upstream twice"


def test_constant_added_shows_with_a_zero_upstream(x):
    def backward(ctx, g):
        return g * 2 * ctx.saved_tensors[0] + 1

    lines = wrong_lines(check_kernel(function(square_forward, backward), (x,), lambda x: x * x))
    assert "upstream gradient zero" in lines


def test_second_backward_that_differs_is_named(x):
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        with torch.no_grad():
            x.detach().data.mul_(2)
        return g * x

    lines = wrong_lines(check_kernel(function(square_forward, backward), (x,), lambda x: x * x))
    assert "backward twice" in lines
    assert "x has other values" in lines["inputs and saved arrays unchanged"]


def test_upstream_that_is_written_to_is_named(x):
    def backward(ctx, g):
        return g.mul_(2 * ctx.saved_tensors[0])

    lines = wrong_lines(check_kernel(function(square_forward, backward), (x,), lambda x: x * x))
    assert "upstream gradient unchanged" in lines


def test_second_output_that_is_ignored_is_wrong(x):
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x, x * x * x

    def backward(ctx, g, h):
        return g * 2 * ctx.saved_tensors[0]

    report = check_kernel(function(forward, backward), (x,), lambda x: (x * x, x * x * x))
    assert report.verdict == "wrong"
    assert report["x"].count(WRONG) > 30


def test_none_for_an_output_without_gradient_is_a_line(x):
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x)
        return x * x, 3 * x

    def backward(ctx, g, h):
        (x,) = ctx.saved_tensors
        return g * 2 * x + (5 * torch.ones_like(x) if h is None else 3 * h)

    lines = wrong_lines(check_kernel(function(forward, backward), (x,)))
    assert "output 0 alone, None for the others" in lines


def test_gradient_of_none_is_wrong_where_the_output_moves(x):
    report = check_kernel(
        function(square_forward, lambda ctx, g: None), (x,), lambda x: x * x, calls=False
    )
    assert report.verdict == "wrong"
    assert report.diagnoses[0].bug == "gradient missing"


def test_inputs_that_are_assumed_contiguous_are_named(x):
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.as_strided(x.shape, (x.shape[1], 1)) ** 2

    def backward(ctx, g):
        return g * 2 * ctx.saved_tensors[0]

    lines = wrong_lines(check_kernel(function(forward, backward), (x,), lambda x: x * x))
    assert "inputs transposed in memory" in lines


def test_scatter_of_another_order_is_noted_and_a_race_is_named(x):
    rng = np.random.default_rng(0)

    def noisy(size, entries):
        def backward(ctx, g):
            d = (g * 2 * ctx.saved_tensors[0]).clone()
            d.view(-1)[:entries] *= 1 + size * float(rng.standard_normal())
            return d

        return function(square_forward, backward)

    steady = check_kernel(noisy(1e-7, 60), (x,), lambda x: x * x, calls=False)
    assert steady.verdict == "right"
    assert any("from run to run" in note for note in steady.notes)
    raced = check_kernel(noisy(0.03, 2), (x,), lambda x: x * x, calls=False)
    assert "a race" in wrong_lines(raced)["run to run"]
    assert "[0, 0], [0, 1]" in wrong_lines(raced)["run to run"]


def test_a_shape_that_is_wrong_is_a_line(x):
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        d = g * 2 * x
        whole = d.shape[-1] // 5 * 5
        return torch.cat([d[..., :whole], 0 * d[..., whole:]], -1)

    report = check_kernel(
        function(square_forward, backward), (x,), lambda x: x * x, shapes=[(1, 5), (3, 7)]
    )
    lines = wrong_lines(report)
    assert list(lines) == ["shape (3, 7)"]
    assert "last 2 columns" in lines["shape (3, 7)"]


def test_other_arguments_pass_through(x):
    def scaled(x, power, text, nothing, flags):
        assert text == "a"
        assert nothing is None
        return x**power if flags[0] else x

    report = check_kernel(scaled, (x, 3, "a", None, [True, 2]), scaled)
    assert report.verdict == "right"
    assert [t.name for t in report.tensors] == ["output", "x"]


def test_wrt_and_keywords_choose_what_is_checked(x):
    def f(x, state):
        return {"y": x * state["h"], "z": [state["c"].sin()]}

    state = {"h": x + 1, "c": x - 1}
    report = check_kernel(f, {"x": x, "state": state}, f, wrt=["x", "state.c"])
    assert [t.name for t in report.tensors] == ["output0", "output1", "x", "state.c"]
    assert report.verdict == "right"


@pytest.mark.parametrize("shift", [0.0, 0.02])
def test_error_below_every_bar_adds_up_along_rows(shift):
    rng = np.random.default_rng(0)
    truth, noise = rng.standard_normal((2, 30, 2000))
    rows = shift * rng.standard_normal((30, 1))
    values = truth + 0.01 * rng.standard_normal(truth.shape) + rows
    checked = compare(
        "x", values, truth, np.full(truth.shape, 0.2), parameter=rng.random((30, 2000))
    )
    assert checked.count(WRONG) == 0
    forms = [h.form for h in hidden_errors(checked, [0.01 * noise], 2.0**-10)]
    assert forms[:1] == (["1 (a mean is missing or added)"] if shift else [])


def returns_nothing(x):
    return None


def raises(x):
    raise RuntimeError("CUDA is not here\nsecond line")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: check_kernel(returns_nothing, (x,)), "returned nothing"),
        (lambda x: check_kernel(raises, (x,)), "raised RuntimeError: CUDA is not here"),
        (lambda x: check_kernel(3, (x,)), "must be callable"),
        (lambda x: check_kernel(torch.sin, (x,), 3), "reference must be a function"),
        (lambda x: check_kernel(torch.sin, (x,), wrt="y"), "wrt names 'y'"),
        (lambda x: check_kernel(torch.sin, (x.long(),)), "no array of floats"),
        (lambda x: check_kernel(torch.sin, (x.numpy(),)), "NumPy arrays"),
        (lambda x: check_kernel(torch.sin, (x / 0,)), "not finite"),
        (lambda x: check_kernel(torch.sin, (x,), lambda x: x.sum(0)), "shapes"),
        (lambda x: check_kernel(torch.sin, (x,), upstream=x[0]), "shapes"),
    ],
)
def test_bad_input_is_one_sentence(x, call, words):
    with pytest.raises((TypeError, ValueError), match=words) as caught:
        call(x)
    assert "\n" not in str(caught.value)


def test_random_numbers_are_frozen_and_put_back(x):
    state = torch.get_rng_state()
    report = check_kernel(lambda x: torch.nn.functional.dropout(x, 0.5), (x,))
    assert report.verdict == "right"
    assert torch.equal(state, torch.get_rng_state())


def test_right_function_passes_every_line(x):
    def backward(ctx, g):
        return g * 2 * ctx.saved_tensors[0]

    report = check_kernel(function(square_forward, backward), (x,), lambda x: x * x)
    assert {part.verdict for part in report.parts} == {RIGHT}
    assert len(report.parts) >= 10


def test_large_arrays_in_blocks_are_judged_as_whole_ones():
    """Bars and verdicts of 1100 × 1000 entries, by the formulas of their docstrings."""
    rng = np.random.default_rng(0)
    truth, error = rng.standard_normal((2, 1100, 1000))
    truth *= np.exp(rng.standard_normal((1100, 1)))
    truth[3, 5], error[7, 8] = np.inf, np.nan
    values = truth + 1e-3 * error * (1 + 20 * (rng.random(truth.shape) < 0.01))
    values[9, 9] = np.nan
    bar = bar_of(truth, [1e-3 * np.nan_to_num(error)], 2.0**-8)
    finite = np.where(np.isfinite(truth), truth, 0.0)
    sizes = {}
    for name, x in (("truth", finite), ("error", 1e-3 * np.nan_to_num(error))):
        squares, mean = x * x, np.mean(x * x)
        rows = (squares.sum(1) + 8 * mean) / (1000 + 8)
        columns = (squares.sum(0) + 8 * mean) / (1100 + 8)
        sizes[name] = np.sqrt(np.outer(rows, columns) / rows.mean())
    wanted = 8 * sizes["error"] + 1e-3 * np.abs(np.nan_to_num(error))
    wanted += 2.0**-8 * (sizes["truth"] + np.abs(finite))
    known = np.isfinite(truth)
    assert np.allclose(bar[known], wanted[known], rtol=1e-9)
    verdict = verdicts_of(values, truth, bar, None)
    plain = np.isfinite(values) & known
    assert np.array_equal(
        (verdict == WRONG)[plain], np.abs(values[plain] - truth[plain]) > bar[plain]
    )
    assert verdict[9, 9] == WRONG
    assert verdict[3, 5] == RIGHT
