"""Jacobians, Hessians, adjoints and Taylor orders against SciPy's own functions and hand-worked."""

import numpy as np
import pytest
import scipy.sparse
from scipy.optimize import rosen, rosen_der, rosen_hess, rosen_hess_prod

import chainrule as cr
from chainrule.gradcheck.verdicts import UNDECIDABLE, WRONG

X = np.array([0.5, 1.2, 3e-6])


def f(x):
    return np.array([np.exp(x[0]) * x[1], 1e6 * x[2] ** 2, x[0] * x[1] * x[2]])


def jac(x):
    return np.array(
        [
            [np.exp(x[0]) * x[1], np.exp(x[0]), 0],
            [0, 0, 2e6 * x[2]],
            [x[1] * x[2], x[0] * x[2], x[0] * x[1]],
        ]
    )


def test_right_jacobian_of_mixed_scales_is_right():
    assert cr.check_jacobian(f, jac, X).ok
    assert cr.check_jacobian(f, jac(X), X).ok
    assert cr.check_jacobian(f, lambda x: scipy.sparse.csr_array(jac(x)), X).ok


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize("factor", [2.0, -1.0, 1.001])
def test_one_wrong_row_is_named_whatever_its_size(row, factor):
    def wrong(x):
        J = jac(x)
        J[row] *= factor
        return J

    report = cr.check_jacobian(f, wrong, X)
    assert report.verdict == "wrong"
    assert report.diagnoses[0].sentence == (
        f"all wrong entries stand in the rows (outputs) {row}: there it is {factor:g} × the "
        "numerical one."
    )


def test_transposed_square_jacobian_is_named():
    report = cr.check_jacobian(f, lambda x: jac(x).T, X)
    assert "transposed" in report.diagnoses[0].sentence


def test_any_slope_between_the_sides_of_a_kink_is_not_wrong():
    for slope, verdict in ((1.0, UNDECIDABLE), (0.0, UNDECIDABLE), (1.5, WRONG)):
        report = cr.check_jacobian(np.abs, np.array([[slope]]), np.array([0.0]))
        assert report["jacobian"].count(verdict) == 1


def test_arguments_and_keywords_are_passed_on():
    report = cr.check_jacobian(
        lambda x, a, b=1: a * x**b, lambda x, a, b=1: np.diag(a * b * x ** (b - 1)), X[:2], (3.0,),
        {"b": 2},
    )  # fmt: skip
    assert report.ok


def test_float32_function_is_decided_with_a_longer_bar():
    def short(x):
        return np.sin(x.astype(np.float32))

    x = np.linspace(0.2, 1.4, 4)
    assert cr.check_jacobian(short, np.diag(np.cos(x)), x).verdict != "wrong"
    assert cr.check_jacobian(short, 1.2 * np.diag(np.cos(x)), x).verdict == "wrong"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cr.check_jacobian(f, lambda x: jac(x)[:2].T, X), "must be"),
        (lambda: cr.check_jacobian(lambda x: x[:2], np.ones((3, 2)), X), "return its transpose"),
        (lambda: cr.check_jacobian(lambda x: None, jac, X), "returned nothing"),
        (lambda: cr.check_jacobian(lambda x: 1 / 0, jac, X), "ZeroDivisionError"),
        (lambda: cr.check_jacobian(lambda x: x * np.nan, jac, X), "not finite"),
        (lambda: cr.check_jacobian(lambda x: x.__imul__(2), jac, X), "changes its argument"),
        (lambda: cr.check_jacobian(f, jac, "a"), "real numbers"),
        (lambda: cr.check_jacobian(f, lambda x: None, X), "jac returned nothing"),
        (lambda: cr.check_jacobian(3, jac, X), "must be a function"),
        (
            lambda: cr.check_jacobian(lambda x: x + np.random.default_rng().random(), jac, X),
            "not deterministic",
        ),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises((TypeError, ValueError), match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_hessian_of_scipys_rosenbrock_is_right_and_a_wrong_one_is_not():
    x = np.array([0.3, -0.7, 1.1, 0.4])
    assert cr.check_hessian(rosen, rosen_der, rosen_hess, x).ok
    assert cr.check_hessian(rosen, rosen_der, rosen_hess_prod, x, product=True).ok
    wrong = cr.check_hessian(rosen, rosen_der, lambda x: np.tril(rosen_hess(x)), x)
    assert wrong.verdict == "wrong"
    assert wrong.parts[0].verdict == WRONG
    assert wrong.parts[1].verdict != WRONG
    assert cr.check_hessian(rosen, lambda x: 2 * rosen_der(x), rosen_hess, x).verdict == "wrong"


A = np.random.default_rng(0).standard_normal((5, 3))


def test_adjoint_identity_needs_no_step():
    assert cr.check_adjoint(lambda v: A @ v, lambda w: A.T @ w, (3,), (5,)).ok
    report = cr.check_adjoint(lambda v: A @ v, lambda w: 2 * A.T @ w, np.zeros(3))
    assert report.verdict == "wrong"
    assert "2 × jvp's" in report.diagnoses[0].sentence


def test_adjoint_of_a_complex_map_is_the_conjugate():
    C = A + 1j * A[::-1]
    x = np.zeros(3, complex)
    assert cr.check_adjoint(lambda v: C @ v, lambda w: C.conj().T @ w, x).ok
    assert cr.check_adjoint(lambda v: C @ v, lambda w: C.T @ w, x).verdict == "wrong"


def test_adjoint_of_a_fourier_transform_scaled_on_one_side_is_named():
    n = 12
    x = np.zeros(n, complex)
    assert cr.check_adjoint(np.fft.fft, lambda w: n * np.fft.ifft(w), x).ok
    report = cr.check_adjoint(np.fft.fft, np.fft.ifft, x)
    assert "1/12 × jvp's" in report.diagnoses[0].sentence


def test_map_that_is_not_linear_is_a_line():
    report = cr.check_adjoint(lambda v: A @ v + 1, lambda w: A.T @ w, (3,))
    assert report.parts[0].verdict == WRONG


def test_solver_that_stops_early_is_judged_by_its_own_error():
    rng = np.random.default_rng(1)
    S = np.eye(6) + 0.1 * rng.standard_normal((6, 6))

    def solve(matrix):
        def run(v):
            return np.linalg.solve(matrix, v) * (1 + 1e-7 * rng.standard_normal(6))

        return run

    assert cr.check_adjoint(solve(S), solve(S.T), (6,)).verdict != "wrong"
    assert cr.check_adjoint(solve(S), solve(S), (6,)).verdict == "wrong"


def test_taylor_orders_are_those_of_the_remainders():
    x = np.array([0.3, -0.7, 1.1])
    h = np.array([1.0, 2.0, -0.5])
    orders = cr.taylor_test(rosen, x, h, rosen_der, lambda x: rosen_hess(x) @ h)
    np.testing.assert_allclose(orders, (1, 2, 3), atol=0.05)
    assert cr.taylor_test(rosen, x, h, lambda x: 1.01 * rosen_der(x)).gradient < 1.1
    wrong = cr.taylor_test(rosen, x, h, rosen_der, lambda x: 1.1 * rosen_hess(x) @ h)
    assert wrong.hessian == pytest.approx(2, abs=0.05)
    assert np.isnan(cr.taylor_test(rosen, x).gradient)


def test_taylor_test_of_no_number_is_one_sentence():
    with pytest.raises(TypeError, match="one number"):
        cr.taylor_test(rosen_der, np.ones(3), dJdm=rosen_hess)
