"""The examples run, and the program of the notes gives one gradient in three ways."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

EXAMPLES = Path(__file__).parent.parent / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


notes = load("notes")


@given(st.integers(0, 2**32), st.integers(0, 1))
def test_the_notes_gradient_is_the_numerical_one_and_ours(seed: int, y: int) -> None:
    rng = np.random.default_rng(seed)
    shapes = {"W1": (2, 2), "b1": (2, 1), "W2": (1, 2), "b2": (1, 1)}
    params = {key: rng.random(shape) for key, shape in shapes.items()}
    x = rng.random((2, 1))
    backpropagated = notes.bprop(notes.fprop(x, y, params))
    numerical = notes.numerical_gradient(x, y, params)
    ours = notes.with_chainrule(x, y, params)
    for key in params:
        expected = backpropagated[key]
        # Two losses of about 1, rounded to 1e-16 times a few, are divided by 2e-6.
        np.testing.assert_allclose(numerical[key], expected, rtol=0, atol=1e-8)
        np.testing.assert_allclose(ours[key].reshape(expected.shape), expected, rtol=1e-12)


def test_the_notes_program_prints_the_gradients_side_by_side(
    capsys: pytest.CaptureFixture[str],
) -> None:
    notes.main()
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["bprop", "numerical", "chainrule"]
    assert len(rows) == 9
    for row in rows:
        first, second, third = map(float, row.split()[1:])
        assert first == third
        assert second == pytest.approx(first, abs=2e-9)
