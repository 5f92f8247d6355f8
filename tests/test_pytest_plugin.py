"""The pytest plugin, run in pytests of its own; and ``chainrule gradcheck`` on files."""

import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

pytest.importorskip("torch")

TESTS = """
import numpy as np
import pytest
import torch


def square(factor):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return factor * g * ctx.saved_tensors[0]

    return Square.apply


@pytest.mark.gradcheck(dtypes=[torch.bfloat16, torch.float32], shapes=[(3, 5), (7,)])
def test_right(gradcheck, dtype, shape):
    gradcheck.kernel(square(2), (torch.randn(shape).to(dtype),), lambda x: x * x)


def test_wrong(gradcheck):
    gradcheck.kernel(square(3), (torch.randn(4, 5),), lambda x: x * x)


def test_pair(gradcheck):
    w = np.array([1.0, 2.0])
    gradcheck(lambda w: float(w @ w), lambda w: 2 * w, w)
    gradcheck.jacobian(lambda x: x**2, lambda x: np.diag(2 * x), w)
    gradcheck.adjoint(lambda v: 2 * v, lambda w: 2 * w, (3,))
    gradcheck.torch(torch.sin, (torch.ones(2, dtype=torch.float64, requires_grad=True),))
"""


def run_pytest(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess:
    (folder / "test_ops.py").write_text(text, encoding="utf-8")
    # An installation loads it by its entry point; a source tree on the path does not.
    installed = "chainrule" in entry_points(group="pytest11").names
    plugin = [] if installed else ["-p", "chainrule.pytest_plugin"]
    command = [sys.executable, "-m", "pytest", *plugin, "-q", *options]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "GITHUB"))}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=environment, check=False
    )


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_fixture_and_mark(tmp_path, options):
    if options:
        pytest.importorskip("xdist")
    done = run_pytest(
        tmp_path, TESTS, "--gradcheck-annotate", "--gradcheck-seed=5", "--junitxml=j.xml",
        "--strict-markers", *options,
    )  # fmt: skip
    assert "1 failed, 5 passed" in done.stdout, done.stdout + done.stderr
    assert "gradient = 1.5 × reference" in done.stdout
    assert "::error file=test_ops.py,line=26,title=gradcheck::torch Square: WRONG" in done.stdout
    failure = (
        done.stdout.split("test_wrong ")[1]
        .split("=====")[0]
        .split("::error")[0]
        .strip()
        .splitlines()
    )
    message = [line for line in failure if line and not line.startswith(("_", "[gw"))]
    assert len(message) <= 10
    assert any(line.startswith("worst   x[") for line in message)
    assert message[-1] == "seed    5"
    assert "gradient = 1.5" in (tmp_path / "j.xml").read_text(encoding="utf-8")


def test_ids_say_dtype_and_shape(tmp_path):
    done = run_pytest(tmp_path, TESTS, "--collect-only")
    assert "test_right[bfloat16-3x5]" in done.stdout


@pytest.mark.parametrize(
    ("mark", "arguments", "words"),
    [
        ("dtypes=[1]", "gradcheck", "must take the argument 'dtype'"),
        ("types=[1]", "gradcheck", "takes dtypes= and shapes= only"),
    ],
)
def test_mark_that_is_wrong_is_one_sentence(tmp_path, mark, arguments, words):
    text = f"import pytest\n@pytest.mark.gradcheck({mark})\ndef test_a({arguments}): pass\n"
    done = run_pytest(tmp_path, text)
    assert words in done.stdout + done.stderr
    assert done.returncode != 0


def test_plugin_imports_nothing_heavy():
    code = (
        "import sys, chainrule.pytest_plugin; "
        "print(sorted({'torch', 'jax', 'scipy', 'chainrule.gradcheck'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


OPS = """
import numpy as np
import torch


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        return 3 * g * ctx.saved_tensors[0]


def plain(x):
    return x * x


def pair():
    w = np.array([1.0, 2.0])
    return (lambda w: float(w @ w)), (lambda w: 2 * w), w


def nothing():
    return None
"""


def run_cli(folder: Path, *words: str) -> subprocess.CompletedProcess:
    (folder / "ops.py").write_text(OPS, encoding="utf-8")
    (folder / "broken.py").write_text("1 / 0", encoding="utf-8")
    command = [sys.executable, "-m", "chainrule", "gradcheck", *words]
    environment = {k: v for k, v in os.environ.items() if k != "GITHUB_ACTIONS"}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=environment, check=False
    )


def test_command_says_in_ten_lines_what_is_wrong(tmp_path):
    words = ("ops.py::Square", "--reference", "plain", "--shape", "4x6", "--dtype", "bfloat16")
    done = run_cli(tmp_path, *words, "--annotate")
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("torch Square: WRONG: ")
    assert lines[-1].startswith("::error file=ops.py,line=6,title=gradcheck::torch Square")
    assert len(lines) <= 11
    result = json.loads(run_cli(tmp_path, *words, "--json").stdout)
    assert result["verdict"] == "wrong"
    assert result["seed"] == 0


def test_command_runs_a_function_that_returns_a_pair(tmp_path):
    done = run_cli(tmp_path, "ops.py::pair")
    assert done.returncode == 0, done.stderr
    assert "RIGHT: all 2 entries" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ops.py",), "names no function"),
        (("missing.py::f",), "there is no file"),
        (("broken.py::f",), "broken.py raised ZeroDivisionError"),
        (("ops.py::squar",), "has no function 'squar'"),
        (("ops.py::plain",), "give --shape for each argument"),
        (("ops.py::nothing",), "returned NoneType"),
        (("ops.py::plain", "--shape", "ax"), "is no shape"),
        (("ops.py::plain", "--shape", "2", "--dtype", "int64"), "no floating dtype"),
        (("ops.py::plain", "--reference", "plain"), "needs --shape"),
    ],
)
def test_command_says_bad_input_in_one_sentence(tmp_path, words, said):
    done = run_cli(tmp_path, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
