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
