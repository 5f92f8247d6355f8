"""Values that a check neither refuses nor misjudges: None, whole numbers, short floats, noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.gradcheck import Report, check_gradients

SEEDS = range(10)
RNG = np.random.default_rng(7)
X = RNG.normal(size=(6, 3))
W = RNG.normal(size=(4, 3))


def cost(p: dict[str, Any]) -> float:
    return float((np.tanh(X @ p["W"].T) ** 2).sum())


def gradient(p: dict[str, Any]) -> Any:
    t = np.tanh(X @ p["W"].T)
    return (2 * t * (1 - t * t)).T @ X


def check(g: Any, **settings: Any) -> Report:
    return check_gradients(cost, lambda p: {"W": g(p)}, {"W": W}, progress=False, **settings)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_short_float_right_is_right(dtype: str) -> None:
    assert check(lambda p: gradient(p).astype(dtype)).ok


def bfloat16(x: Any) -> Any:
    """Round to bfloat16 by hand: to the nearest multiple of 2^-7 of the power of two below."""
    unit = np.exp2(np.floor(np.log2(np.abs(x)))) * 2.0**-7
    return (np.round(x / unit) * unit).astype(np.float32)


def test_bfloat16_held_in_float32_is_right_and_noted() -> None:
    report = check(lambda p: bfloat16(gradient(p)))
    assert report.ok, str(report)
    assert "the gradient of W is bfloat16" in report.notes


def test_bfloat16_of_ml_dtypes_is_right() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes has bfloat16 for NumPy")
    assert check(lambda p: gradient(p).astype(ml_dtypes.bfloat16)).ok


@pytest.mark.parametrize("factor", [1.2, 0.5, -1.0])
@pytest.mark.parametrize("short", [bfloat16, lambda x: x.astype(np.float16)])
def test_short_float_wrong_is_wrong(short: Any, factor: float) -> None:
    assert check(lambda p: short(factor * gradient(p))).verdict == "wrong"


def test_float64_with_values_of_float16_is_short_of_precision() -> None:
    report = check(lambda p: gradient(p).astype(np.float16).astype(np.float64))
    assert report.diagnoses[0].bug == "precision only"


def test_none_where_j_stands_still_is_right_and_noted() -> None:
    p = {"W": W, "unused": np.ones(3)}
    report = check_gradients(cost, lambda p: {"W": gradient(p), "unused": None}, p)
    assert report.ok
    assert "the gradient of unused is None: taken as 0" in report.notes


def test_none_where_j_moves_is_wrong() -> None:
    report = check(lambda p: None)
    assert report.verdict == "wrong"
    assert report.diagnoses[0].bug == "gradient missing"


def test_whole_numbers_truth_values_strings_and_none_are_held_fixed() -> None:
    p = {"W": W, "n": 3, "on": True, "mode": "mean", "none": None, "k": np.arange(2)}
    seen = []

    def J(p: dict[str, Any]) -> float:
        seen.append((p["n"], p["on"], p["mode"], p["none"], p["k"].dtype.kind))
        return cost(p)

    report = check_gradients(J, lambda p: {"W": gradient(p)}, p)
    assert report.ok
    assert set(seen) == {(3, True, "mean", None, "i")}
    assert "held fixed: n, on, mode, none, k" in report.notes


def test_wrt_and_fixed_choose_what_is_checked() -> None:
    p = {"W": W, "v": {"a": np.ones(2), "b": np.ones(2)}}

    def J(p: dict[str, Any]) -> float:
        return cost(p) + float((p["v"]["a"] ** 2).sum() + (p["v"]["b"] ** 2).sum())

    def g(p: dict[str, Any]) -> dict[str, Any]:
        return {"W": gradient(p), "v": {"a": 2 * p["v"]["a"], "b": 0 * p["v"]["b"]}}

    assert check_gradients(J, g, p).verdict == "wrong"
    assert check_gradients(J, g, p, fixed="v.b").ok
    assert check_gradients(J, g, p, wrt=["W", "v.a"]).ok
    assert [t.name for t in check_gradients(J, g, p, wrt="v").tensors] == ["v.a", "v.b"]
    with pytest.raises(ValueError, match=r"unknown parameter in wrt= 'v\.c'"):
        check_gradients(J, g, p, wrt="v.c")


def test_args_and_kwargs_reach_cost_and_gradient() -> None:
    def J(w: Any, A: Any, *, scale: float) -> float:
        return float(scale * (A @ w) @ (A @ w))

    def g(w: Any, A: Any, *, scale: float) -> Any:
        return 2 * scale * A.T @ (A @ w)

    assert check_gradients(J, g, np.ones(3), args=(X,), kwargs={"scale": 0.5}).ok


def test_complex_in_either_convention() -> None:
    """|z^2 + c|^2: with f' = 2 z, torch's gradient is 2 f conj(f'), JAX's its conjugate."""
    z = RNG.normal(size=4) + 1j * RNG.normal(size=4)

    def J(p: dict[str, Any]) -> float:
        return float(np.sum(np.abs(p["z"] ** 2 + 1 + 2j) ** 2))

    def torchs(p: dict[str, Any]) -> dict[str, Any]:
        return {"z": 2 * (p["z"] ** 2 + 1 + 2j) * np.conj(2 * p["z"])}

    def jaxs(p: dict[str, Any]) -> dict[str, Any]:
        return {"z": np.conj(torchs(p)["z"])}

    assert check_gradients(J, torchs, {"z": z}).ok
    assert check_gradients(J, jaxs, {"z": z}, conjugate=True).ok
    report = check_gradients(J, jaxs, {"z": z})
    assert report.verdict == "wrong"
    assert report.diagnoses[0].bug == "conjugate"


def test_sparse_gradient_is_made_dense() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    report = check_gradients(
        lambda p: float((p["E"][[0, 2]] ** 2).sum()),
        lambda p: {"E": sparse.csr_array(2 * p["E"] * np.array([[1], [0], [1], [0]]))},
        {"E": RNG.normal(size=(4, 2))},
    )
    assert report.ok


@pytest.mark.parametrize("seed", SEEDS)
def test_sums_in_another_order_are_noise(seed: int) -> None:
    """A mean in float32 over samples in a new order every time, as with atomic additions."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(3000, 3)).astype(np.float32)

    def shuffled(terms: Any) -> Any:
        return np.cumsum(rng.permutation(terms, axis=0), axis=0, dtype=np.float32)[-1]

    def J(p: dict[str, Any]) -> Any:
        return shuffled((A @ p["w"].astype(np.float32)) ** 2) / np.float32(len(A))

    def g(p: dict[str, Any]) -> dict[str, Any]:
        z = A @ p["w"].astype(np.float32)
        return {"w": shuffled(2 * z[:, None] * A) / np.float32(len(A))}

    w = rng.normal(size=3)
    report = check_gradients(J, g, {"w": w})
    assert report.verdict != "wrong", str(report)
    assert any("from call to call" in note for note in report.notes)
    doubled = check_gradients(J, lambda p: {"w": 2 * g(p)["w"]}, {"w": w})
    assert doubled.verdict == "wrong", str(doubled)


MINIMA = {
    "quadratic": (lambda d: (d**2).sum(), lambda d: 2 * d),
    "offset": (lambda d: 5 + np.log(np.cosh(d)).sum(), np.tanh),
    "saddle": (lambda d: 1 + d[0] ** 2 - (d[1:] ** 2).sum(), lambda d: 2 * d * [1, -1, -1]),
}


@pytest.mark.parametrize("name", MINIMA)
@pytest.mark.parametrize("seed", SEEDS)
def test_right_gradient_at_a_minimum_is_acquitted(name: str, seed: int) -> None:
    J, dJ = MINIMA[name]
    c = np.random.default_rng(seed).normal(size=3)
    report = check_gradients(lambda w: float(J(w - c)), lambda w: dJ(w - c), c)
    assert report.ok, str(report)
    assert any(n.endswith("every entry is 0 within rounding") for n in report.notes)


@pytest.mark.parametrize("seed", SEEDS)
def test_least_squares_solution_is_acquitted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    A, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    w = np.linalg.lstsq(A, y, rcond=None)[0]
    report = check_gradients(
        lambda w: float(((A @ w - y) ** 2).mean()), lambda w: 2 * A.T @ (A @ w - y) / 20, w
    )
    assert report.ok, str(report)


@pytest.mark.parametrize("seed", SEEDS)
def test_kink_at_a_minimum_stays_undecidable_and_a_wrong_gradient_wrong(seed: int) -> None:
    c = np.random.default_rng(seed).normal(size=3)
    report = check_gradients(lambda w: float(np.abs(w - c).sum()), lambda w: np.sign(w - c), c)
    assert report.verdict == "undecidable"
    report = check_gradients(lambda w: float(((w - c) ** 2).sum()), lambda w: 2 * (w - c) + 1e-3, c)
    assert report.verdict == "wrong"


@pytest.mark.parametrize("steps", [30, 60, 90])
@pytest.mark.parametrize("seed", SEEDS)
def test_chaotic_map_is_undecidable(steps: int, seed: int) -> None:
    def forward(x: Any) -> Any:
        xs = [x]
        for _ in range(steps):
            xs.append(3.9 * xs[-1] * (1 - xs[-1]))
        return xs

    def slope(x: Any) -> Any:
        return np.prod([3.9 * (1 - 2 * a) for a in forward(x)[:-1]], axis=0)

    x = np.random.default_rng(seed).uniform(0.2, 0.8, 3)
    report = check_gradients(lambda x: float(forward(x)[-1].sum()), slope, x)
    assert report.verdict == "undecidable", str(report)


@pytest.mark.parametrize(("wrong", "where"), [("u0", "u0"), ("nu", "nu"), ("both", "u0, nu")])
def test_digits_in_names_that_are_no_layers_place_no_layer(wrong: str, where: str) -> None:
    p = {"u0": RNG.normal(size=4), "nu": RNG.normal(size=4)}

    def g(p: dict[str, Any]) -> dict[str, Any]:
        bad = p if wrong == "both" else {wrong: p[wrong]}
        return {k: np.cos(v) * (3.0 if k in bad else 1.0) for k, v in p.items()}

    report = check_gradients(lambda p: float(sum(np.sin(v).sum() for v in p.values())), g, p)
    assert report.where == where


def test_torch_second_output_is_checked() -> None:
    torch = pytest.importorskip("torch", reason="the adapter needs torch")
    from chainrule.gradcheck.adapters.torch import check_function

    class Both(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, scale: float, name: str, mask: Any) -> Any:
            ctx.save_for_backward(x)
            return x**2, {"cube": scale * x**3}["cube"], (x > 0)

        @staticmethod
        def backward(ctx: Any, d2: Any, d3: Any, _: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 2 * x * d2 + Both.factor * x**2 * d3, None, None, None

    for Both.factor, verdict in ((6.0, "right"), (3.0, "wrong")):
        report = check_function(Both, torch.linspace(-1, 2, 7), 2.0, "name", None, progress=False)
        assert report.verdict == verdict
