"""torch's own sample functions through the door: right ones as torch says, faults caught."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from opinfo_faults import conjugate, differs, faults, samples

import chainrule.compat.torch as door

pytestmark = pytest.mark.filterwarnings("ignore")
SAMPLES = samples()
SETTINGS = {"raise_exception": False, "check_undefined_grad": False}


@pytest.mark.parametrize(
    ("func", "inputs"), [pytest.param(func, inputs, id=name) for name, func, inputs in SAMPLES]
)
def test_right_function_has_torchs_verdict(func, inputs):
    theirs = torch.autograd.gradcheck(func, inputs, raise_exception=False)
    assert door.gradcheck(func, inputs, raise_exception=False) is theirs


def missed(cases, wrong_of):
    """Return the functions whose fault passes, and how many had one."""
    passed, tried = [], 0
    for name, func, inputs in cases:
        wrong = wrong_of(func)
        if differs(func, wrong, inputs):
            tried += 1
            if door.gradcheck(wrong, inputs, **SETTINGS):
                passed.append(name)
    return passed, tried


@pytest.mark.parametrize("fault", faults())
def test_fault_is_caught_in_some_functions(fault):
    passed, tried = missed(SAMPLES[1::20], faults()[fault])
    assert passed == []
    assert tried >= 1


@pytest.mark.slow
@pytest.mark.parametrize("fault", faults())
def test_fault_is_caught_in_every_function(fault):
    passed, tried = missed(SAMPLES, faults()[fault])
    assert passed == []
    # A linear function has the same gradient at every input: none is stale.
    assert tried >= (15 if fault == "stale input" else 30)


@pytest.mark.slow
def test_conjugate_that_is_missing_is_caught_in_every_complex_function():
    passed, tried = missed(samples(torch.complex128), conjugate)
    assert passed == []
    assert tried >= 20
