"""check_kernel: twelve kernels in three dtypes, right and with three mistakes each."""

import pytest

torch = pytest.importorskip("torch")

from kernel_gallery import DTYPES, KERNELS

from chainrule.gradcheck.kernels import check_kernel

CASES = [
    pytest.param(kernel, dtype, id=f"{kernel.name}-{str(dtype)[6:]}")
    for kernel in KERNELS
    for dtype in DTYPES
]


@pytest.mark.parametrize(("kernel", "dtype"), CASES)
def test_right_kernel_is_right_beside_its_reference(kernel, dtype):
    report = check_kernel(kernel.function(), kernel.inputs(dtype), kernel.reference)
    assert report.verdict == "right", str(report)


@pytest.mark.parametrize(("kernel", "dtype"), CASES)
def test_right_kernel_is_not_wrong_by_itself(kernel, dtype):
    report = check_kernel(kernel.function(), kernel.inputs(dtype), calls=False)
    assert report.verdict != "wrong", str(report)


@pytest.mark.parametrize("mistake", [1, 2, 3])
@pytest.mark.parametrize(("kernel", "dtype"), CASES)
def test_mistake_is_wrong_beside_the_reference(kernel, dtype, mistake):
    report = check_kernel(
        kernel.function(mistake), kernel.inputs(dtype), kernel.reference, calls=False, repeats=0
    )
    assert report.verdict == "wrong", f"{kernel.mistakes[mistake - 1]}\n{report}"


@pytest.mark.parametrize("mistake", [1, 2, 3])
@pytest.mark.parametrize(
    ("kernel", "dtype"),
    [
        pytest.param(
            *case.values, id=case.id, marks=() if "bfloat16" in case.id else pytest.mark.slow
        )
        for case in CASES
    ],
)
def test_mistake_is_not_right_by_itself(kernel, dtype, mistake):
    report = check_kernel(kernel.function(mistake), kernel.inputs(dtype), calls=False, repeats=0)
    assert report.verdict != "right", f"{kernel.mistakes[mistake - 1]}\n{report}"
    reasons = [reason for t in report.tensors for reason in t.reasons.values()]
    assert report.verdict == "wrong" or any("% of the gradient is left open" in r for r in reasons)


def test_resolution_of_bfloat16_is_that_of_a_known_error():
    """A gradient off by a known share: called right below the resolution alone."""
    x = torch.randn(40, 50, generator=torch.Generator().manual_seed(0)).bfloat16()

    class Off(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, share):
            ctx.save_for_backward(x)
            ctx.share = share
            return torch.tanh(x.float()).to(x.dtype)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            slope = 1 - torch.tanh(x.float()) ** 2
            return (g.float() * slope * (1 + ctx.share)).to(x.dtype), None

    verdicts = {
        share: check_kernel(Off.apply, (x, share), calls=False).verdict
        for share in (0.0, 0.02, 0.06)
    }
    assert verdicts == {0.0: "right", 0.02: "undecidable", 0.06: "wrong"}
